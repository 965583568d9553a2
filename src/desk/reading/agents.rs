//! What each agent did lately, from the latest decisions.

use super::{Reading, ReadingError};
use crate::audit::event::Event;
use crate::audit::filter::{Effect, Filter};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::AgentId;
use std::collections::{BTreeMap, BTreeSet};

/// What an agent did lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// How many of the decisions that were looked at allowed what it asked.
    pub allowed: usize,
    /// … denied it.
    pub denied: usize,
    /// … asked people.
    pub escalated: usize,
    /// When it asked last, for which action, and to what.
    pub last: Option<(Moment, String, String)>,
    /// How many anomalies were recorded since the moment that was asked for.
    pub anomalies: usize,
}

impl Reading {
    /// What the agents did in the latest decisions, at most `limit` of them, and what these agents did last, whenever that
    /// was; with the anomalies since a moment.
    ///
    /// # Errors
    /// [`ReadingError::Store`] if the record could not be read.
    pub fn agents(
        &self,
        known: &BTreeSet<AgentId>,
        limit: usize,
        since: Moment,
    ) -> Result<BTreeMap<AgentId, Activity>, ReadingError> {
        let mut agents: BTreeMap<AgentId, Activity> =
            known.iter().map(|agent| (agent.clone(), Activity::default())).collect();
        for index in self.store.find(&Filter::default(), None, limit)?.indices {
            let record = self.store.record(index)?;
            let Event::Decided(decided) = record.event else { continue };
            let one = agents.entry(decided.agent.clone()).or_default();
            match Effect::of(&decided.decision.outcome) {
                Effect::Allow => one.allowed += 1,
                Effect::Deny => one.denied += 1,
                Effect::Escalate => one.escalated += 1,
            }
            if one.last.is_none() {
                one.last = Some(told(record.at, decided.op.as_bytes()));
            }
        }
        for (agent, one) in &mut agents {
            one.anomalies = self.store.anomalies(agent, since)?.len();
            if one.last.is_none()
                && let Some(index) = self.store.decisions_of(agent, 1)?.first()
            {
                let record = self.store.record(*index)?;
                if let Event::Decided(decided) = record.event {
                    one.last = Some(told(record.at, decided.op.as_bytes()));
                }
            }
        }
        Ok(agents)
    }
}

fn told(at: Moment, operation: &[u8]) -> (Moment, String, String) {
    match Operation::from_op_bytes(operation) {
        Ok(operation) => (at, operation.action().to_owned(), operation.resource().to_owned()),
        Err(_) => (at, "(unreadable)".to_owned(), String::new()),
    }
}
