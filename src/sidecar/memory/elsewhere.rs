//! What is known from elsewhere: what became of escalations that are on a desk's record, and what other sidecars decided
//! for the same agent.

use super::{Asked, Became, Held, Memories, fate, footprint_of, lock};
use crate::audit::event::{Decided, Event};
use crate::escalation::Escalation;
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId};
use crate::policy::Policy;
use crate::risk::DeniedBefore;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many decisions of neighbours are kept for a memory that is rebuilt; the oldest are forgotten.
const NEIGHBOURS_KEPT: usize = 8192;
/// Of how many escalations it is remembered what became of them.
const LEARNED_KEPT: usize = 4096;

/// What is known from elsewhere.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    asked: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    became: HashMap<EscalationId, Became>,
    /// In the order in which it was learned.
    order: VecDeque<EscalationId>,
    neighbours: VecDeque<(Moment, Box<Decided>)>,
}

impl Elsewhere {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether people decide elsewhere, so that no course of an escalation is on this record.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// What became of an escalation, where that was learned.
    pub(super) fn became(&self, id: EscalationId) -> Option<Became> {
        self.known().became.get(&id).cloned()
    }

    /// What others decided for this agent.
    pub(super) fn decided_for(&self, agent: &AgentId) -> Vec<(Moment, Box<Decided>)> {
        let known = self.known();
        known.neighbours.iter().filter(|(_, decided)| decided.agent == *agent).cloned().collect()
    }

    fn learn(&self, id: EscalationId, became: Became) {
        let mut known = self.known();
        if known.became.insert(id, became).is_none() {
            known.order.push_back(id);
        }
        while known.order.len() > LEARNED_KEPT {
            let oldest = known.order.pop_front();
            oldest.map(|id| known.became.remove(&id));
        }
    }
}

impl Memories {
    /// Memories of agents whose escalations are on another record.
    #[must_use]
    pub fn of_a_fleet() -> Self {
        let memories = Self::default();
        memories.elsewhere.asked.store(true, Ordering::Relaxed);
        memories
    }

    /// Remembers how an escalation stands that is on another record.
    pub fn learn(&self, id: EscalationId, escalation: &Escalation) {
        self.elsewhere.learn(id, Became::of(id, escalation));
    }

    /// Remembers that this person denied an escalation that is on another record.
    pub fn learn_denial(&self, id: EscalationId, by: PersonId, at: Moment) {
        self.elsewhere.learn(id, Became::Denied(DeniedBefore { by, escalation: id }, at));
    }

    /// Whether it was learned how an escalation ended that is on another record.
    #[must_use]
    pub fn knows_the_end_of(&self, id: EscalationId) -> bool {
        self.elsewhere.became(id).is_some_and(|became| !matches!(became, Became::Open))
    }

    /// Remembers that an escalation came to nothing.
    pub fn learn_nothing_came_of(&self, id: EscalationId) {
        self.elsewhere.learn(id, Became::Over);
    }

    /// Remembers what another sidecar recorded for an agent of this one. It counts, and is nobody's own.
    pub fn neighbour(&self, at: Moment, event: &Event, policy: &Policy) {
        if let Some(agent) = event.anomaly_of() {
            self.anomaly(agent, at);
        }
        let Event::Decided(decided) = event else { return };
        let slot = self.slot(&decided.agent);
        let mut guard = lock(&slot);
        {
            let mut known = self.elsewhere.known();
            known.neighbours.push_back((at, decided.clone()));
            if known.neighbours.len() > NEIGHBOURS_KEPT {
                known.neighbours.pop_front();
            }
        }
        // A memory that is not there yet, or is of another policy, is about to be rebuilt with it.
        let Some(held) = guard.as_mut().filter(|held| held.policy == policy.digest()) else { return };
        if let Err(error) = held.count(at, decided, policy) {
            tracing::warn!(%error, "what another sidecar decided could not be counted");
        }
    }
}

impl Held {
    fn count(
        &mut self,
        at: Moment,
        decided: &Decided,
        policy: &Policy,
    ) -> Result<(), crate::store::StoreError> {
        if decided.decision.denies() {
            return Ok(());
        }
        let footprint = footprint_of(decided, policy)?;
        self.memory.add(&footprint, at);
        self.memory.settle(&footprint, at, fate(&decided.decision));
        if let Some(id) = decided.escalation {
            self.ask(Asked { id, at, footprint, became: Became::Open });
        }
        Ok(())
    }
}
