//! What is said here of an escalation that the desk can't be asked about: it waits, it ended, or it was last seen so.

use super::super::queue::{Ended, Waiting};
use super::{RemoteDesk, enforced};
use crate::audit::event::{Decided, QueueStep};
use crate::decision::Outcome;
use crate::desk::{DeskError, Docket, rendering};
use crate::escalation::{self, Escalation, Opening, Status};
use crate::party::EscalationId;
use std::sync::PoisonError;

impl RemoteDesk {
    /// What was last seen of it, while it can still be so.
    pub(super) fn as_last_seen(&self, id: EscalationId, why: &str) -> Result<Docket, DeskError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let pending = |docket: &Docket| docket.escalation.status(self.clock.now()) == Status::Pending;
        let mut docket = seen.filter(pending).ok_or_else(|| DeskError::Away(why.to_owned()))?;
        docket.reasons.push(format!("the desk cannot be reached now ({why}): this is how it was last seen"));
        Ok(docket)
    }

    /// The escalation as it would have been opened.
    fn unopened(&self, id: EscalationId, index: u64) -> Result<(Decided, escalation::Event), DeskError> {
        let (decided, at) = self.decided_at(id, index)?;
        let senseless = |why: &str| DeskError::Senseless(id, why.to_owned());
        let Outcome::Escalate(terms) = decided.decision.outcome.clone() else {
            return Err(senseless("its decision asks nobody"));
        };
        let roles = self.roles.load();
        let opening = Opening {
            id,
            txn: decided.txn,
            agent: decided.agent.clone(),
            on_behalf_of: decided.on_behalf_of.clone(),
            operators: roles.operators.get(&decided.agent).cloned().unwrap_or_default(),
            operation: decided.digest,
            shown: rendering(id, &decided)?.0.digest,
            policy: decided.decision.policy,
            terms,
            enforceable: enforced(&roles, &decided),
            opened_at: at,
            amends: None,
            drill: false,
        };
        Ok((decided, escalation::Event::Opened(Box::new(opening))))
    }

    pub(super) fn waits_here(&self, waiting: &Waiting) -> Result<Docket, DeskError> {
        let (decided, opened) = self.unopened(waiting.id, waiting.index)?;
        let mut steps = vec![opened];
        if self.clock.now() >= waiting.until {
            // Whatever the terms say of time that runs out: nobody was asked.
            steps.push(escalation::Event::Expired { at: waiting.until });
        }
        let why = match self.tether.trouble() {
            Some(why) => format!("it waits for the desk, which cannot be reached now: {why}"),
            None => "it waits for the desk".to_owned(),
        };
        made_here(waiting.id, decided, &steps, why, true)
    }

    pub(super) fn ended_here(&self, id: EscalationId, ended: &Ended) -> Result<Docket, DeskError> {
        let (decided, opened) = self.unopened(id, ended.index)?;
        let (at, why) = (ended.at, ended.why.clone());
        let end = match ended.step {
            QueueStep::Cancelled => escalation::Event::Cancelled {
                at,
                by: decided.agent.clone(),
                reason: why.clone(),
                successor: None,
            },
            QueueStep::Refused => escalation::Event::Blocked { at, reasons: vec![why.clone()] },
            QueueStep::Expired | QueueStep::Waiting | QueueStep::Opened => escalation::Event::Expired { at },
        };
        made_here(id, decided, &[opened, end], why, false)
    }
}

/// A docket of what never was at the desk.
fn made_here(
    id: EscalationId,
    decided: Decided,
    steps: &[escalation::Event],
    why: String,
    queued: bool,
) -> Result<Docket, DeskError> {
    let escalation = Escalation::replay(steps);
    let escalation = escalation.map_err(|error| DeskError::Senseless(id, error.to_string()))?;
    Ok(Docket { id, decided, escalation, reasons: vec![why], queued })
}
