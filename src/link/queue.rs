//! The queue: escalations that wait in a sidecar while their desk is away. Who waits is on the record, so that a restart
//! loses none of them, and none waits longer than its rule says.

use crate::audit::event::{Decided, Event, QueueStep, Queued};
use crate::decision::Outcome;
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, TxnId};
use crate::store::{Change, Index, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many decisions are looked through at a start.
const LOOKED_THROUGH: usize = 4096;
/// Of how many it is remembered how they ended.
const ENDED_KEPT: usize = 4096;

/// An escalation that is not known to be open at the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) id: EscalationId,
    pub(super) txn: TxnId,
    /// Where the decision is recorded.
    pub(super) index: Index,
    /// Its time is over then.
    pub(super) until: Moment,
    /// Where it is a reviewer's change that the agent accepted: the escalation that it was changed in.
    pub(super) changed_in: Option<EscalationId>,
    /// It is on the record that it waits. Otherwise nobody knows whether the desk has it: the process ended meanwhile.
    pub(super) recorded: bool,
}

/// How one ended that never came before people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) index: Index,
    pub(super) at: Moment,
    pub(super) step: QueueStep,
    pub(super) why: String,
}

/// Those that wait, and how others ended.
pub struct Queue {
    store: Arc<dyn Store>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    waiting: BTreeMap<EscalationId, Waiting>,
    ended: BTreeMap<EscalationId, Ended>,
}

impl Queue {
    /// Takes up what the record says of this agent's escalations.
    ///
    /// # Errors
    /// [`StoreError`] if it can't be read.
    pub fn recall(store: Arc<dyn Store>, agent: &AgentId, now: Moment) -> Result<Self, StoreError> {
        let mut held = Held::default();
        for index in store.decisions_of(agent, LOOKED_THROUGH)? {
            let record = store.record(index)?;
            let Event::Decided(decided) = record.event else { continue };
            let Some(waiting) = waiting_of(&decided, index, record.at) else { continue };
            let mut last = None;
            let mut minted = false;
            for place in store.chain(decided.txn)? {
                let told = store.record(place)?;
                if let Event::Queued(queued) = told.event {
                    last = Some((told.at, *queued));
                } else {
                    minted |= matches!(told.event, Event::Minted(_));
                }
            }
            match last {
                None if minted || waiting.until <= now => {}
                None => _ = held.waiting.insert(waiting.id, waiting),
                Some((_, queued)) if queued.step == QueueStep::Waiting => {
                    held.waiting.insert(waiting.id, Waiting { recorded: true, ..waiting });
                }
                Some((_, queued)) if queued.step == QueueStep::Opened => {}
                Some((at, Queued { id, step, why, .. })) => {
                    held.ended.insert(id, Ended { index, at, step, why });
                }
            }
        }
        Ok(Self { store, held: Mutex::new(held) })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that wait.
    pub(super) fn waiting(&self) -> Vec<Waiting> {
        self.held().waiting.values().cloned().collect()
    }

    /// How many wait, and are known to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held().waiting.values().filter(|waiting| waiting.recorded).count()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn one(&self, id: EscalationId) -> Option<Waiting> {
        self.held().waiting.get(&id).cloned()
    }

    pub(super) fn ended(&self, id: EscalationId) -> Option<Ended> {
        self.held().ended.get(&id).cloned()
    }

    /// Has one wait, once that is on the record.
    pub(super) async fn put(&self, waiting: Waiting, why: &str, now: Moment) -> Result<(), StoreError> {
        if self.one(waiting.id).is_some_and(|known| known.recorded) || self.ended(waiting.id).is_some() {
            return Ok(());
        }
        self.record(&waiting, QueueStep::Waiting, why, now).await?;
        self.held().waiting.insert(waiting.id, Waiting { recorded: true, ..waiting });
        Ok(())
    }

    /// The desk has it.
    pub(super) async fn opened(&self, waiting: &Waiting, now: Moment) -> Result<(), StoreError> {
        if waiting.recorded {
            self.record(waiting, QueueStep::Opened, "", now).await?;
        }
        self.held().waiting.remove(&waiting.id);
        Ok(())
    }

    /// It ended here, and never comes before people.
    pub(super) async fn end(
        &self,
        waiting: &Waiting,
        step: QueueStep,
        why: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.record(waiting, step, why, now).await?;
        let mut held = self.held();
        held.waiting.remove(&waiting.id);
        let ended = Ended { index: waiting.index, at: now, step, why: why.to_owned() };
        held.ended.insert(waiting.id, ended);
        while held.ended.len() > ENDED_KEPT {
            let oldest = held.ended.iter().min_by_key(|(_, ended)| ended.at).map(|(id, _)| *id);
            oldest.map(|id| held.ended.remove(&id));
        }
        Ok(())
    }

    /// Nobody can tell any more whether the desk had it, and its time is over.
    pub(super) fn forget(&self, id: EscalationId) {
        self.held().waiting.remove(&id);
    }

    async fn record(
        &self,
        waiting: &Waiting,
        step: QueueStep,
        why: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        let queued = Queued { id: waiting.id, txn: waiting.txn, step, why: why.to_owned() };
        self.store.commit(Change::of(now, [Event::Queued(Box::new(queued))])).await.map(drop)
    }
}

/// A decision that asks people, as it waits.
pub(super) fn waiting_of(decided: &Decided, index: Index, at: Moment) -> Option<Waiting> {
    let (Some(id), Outcome::Escalate(terms)) = (decided.escalation, &decided.decision.outcome) else {
        return None;
    };
    let until = at.plus(terms.decide_within);
    Some(Waiting { id, txn: decided.txn, index, until, changed_in: None, recorded: false })
}
