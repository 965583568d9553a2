//! Opening: a proposal is brought before people, once, with what they are shown of it.

use super::local::{Here, LocalDesk, replay, senseless};
use super::{DeskError, Opened, Proposal};
use crate::audit::event::{Decided, Event};
use crate::digest::from_base64url;
use crate::escalation;
use crate::escalation::vote;
use crate::escalation::{Attestation, Ballot, Cast, Escalation, Opening};
use crate::operation::Operation;
use crate::operation::render::{Rendering, render, render_masked};
use crate::party::EscalationId;
use crate::reviewer::Directory;
use crate::store::{Change, StoreError};
use crate::token::Assurance;

impl LocalDesk {
    pub(super) async fn open_once(
        &self,
        proposal: Proposal,
        drill: Option<String>,
    ) -> Result<Opened, DeskError> {
        let id = proposal.id;
        let mut again_at = None;
        if self.store.course(id)?.records.is_empty() {
            let vote = proposal.amends.as_ref().map(|amended| amended.vote.clone());
            let first = drill.map(|by| Event::Drill { id, proposal: Box::new(proposal.decided.clone()), by });
            let decided = proposal.decided.clone();
            let opening = self.opening(proposal, first.is_some())?;
            let here = self.here();
            let mut events = Escalation::open(opening, &here.attendance());
            if let Some(vote) = vote {
                events.extend(carried_over(&events, &vote, &here)?);
            }
            let escalation = Escalation::replay(&events).map_err(|error| senseless(id, &error))?;
            let asking = self.ask(&escalation, &decided, &here.attendance())?;
            again_at = asking.again_at;
            events.extend(asking.events);
            let steps = events.iter().cloned().map(|step| Event::Escalation { id, step });
            let recorded = first.into_iter().chain(steps);
            match self.store.commit(Change::of(self.clock.now(), recorded).after(id, 0)).await {
                // Somebody opened it meanwhile: as good.
                Ok(places) => self.note(id, &events, places),
                Err(StoreError::Moved(_)) => {}
                Err(error) => {
                    self.workload().forget(id);
                    return Err(error.into());
                }
            }
        }
        let escalation = replay(id, &self.store.course(id)?)?;
        self.remember(id, &escalation, escalation.case().opening().opened_at, again_at);
        let opening = escalation.case().opening();
        Ok(Opened {
            id,
            decide_by: opening.decide_by(),
            requirement: opening.terms.requirement.to_string(),
            queued: false,
        })
    }

    fn opening(&self, proposal: Proposal, drill: bool) -> Result<Opening, DeskError> {
        let Proposal { id, decided, terms, operators, amends } = proposal;
        let now = self.clock.now();
        let shown = rendering(id, &decided)?.0.digest;
        Ok(Opening {
            id,
            txn: decided.txn,
            agent: decided.agent,
            on_behalf_of: decided.on_behalf_of,
            operators,
            operation: decided.digest,
            shown,
            policy: decided.decision.policy,
            terms,
            enforceable: self.enforced.get(&decided.executor).cloned().unwrap_or_default(),
            opened_at: now,
            amends: amends.map(|amended| amended.from),
            drill,
        })
    }
}

/// The vote of the reviewer who changed the operation, as it is brought to the escalation of the changed one: it is
/// judged like any other, and may be refused.
fn carried_over(
    opened: &[escalation::Event],
    vote: &Cast,
    here: &Here,
) -> Result<Vec<escalation::Event>, DeskError> {
    let id = vote.statement.escalation;
    let Some(ballot) = ballot_of(vote, &here.directory) else { return Ok(Vec::new()) };
    let escalation = Escalation::replay(opened).map_err(|error| senseless(id, &error))?;
    Ok(escalation.vote(&ballot, &vote.flags, &here.attendance(), here.now).events)
}

/// A recorded vote as it is brought again; `None` if it is not its reviewer's any more.
fn ballot_of(vote: &Cast, directory: &Directory) -> Option<Ballot> {
    match (vote.assurance, vote.signed()) {
        (Assurance::Signed, signed) => {
            Some(Ballot::Signed(Box::new(vote::verify(&signed?, directory).ok()?)))
        }
        (Assurance::Session, _) => {
            Some(Ballot::Attested(Box::new(vote.statement.clone()), Attestation::Session))
        }
        (Assurance::Channel, _) => {
            Some(Ballot::Attested(Box::new(vote.statement.clone()), Attestation::Channel))
        }
    }
}

/// What a reviewer is shown of a decision, and the payload it was made from.
pub(crate) fn rendering(id: EscalationId, decided: &Decided) -> Result<(Rendering, Vec<u8>), DeskError> {
    let operation = Operation::from_op_bytes(decided.op.as_bytes()).map_err(|error| senseless(id, &error))?;
    let payload = match &decided.payload {
        None => None,
        Some(text) => {
            let bytes = from_base64url(text);
            Some(bytes.ok_or_else(|| DeskError::Senseless(id, "the payload is not base64url".to_owned()))?)
        }
    };
    let rendering = match &decided.shown {
        None => render(&operation, payload.as_deref()),
        Some(shown) => {
            let shown = Operation::from_op_bytes(shown.as_bytes()).map_err(|error| senseless(id, &error))?;
            render_masked(&shown, decided.digest)
        }
    };
    let rendering = rendering.map_err(|error| senseless(id, &error))?;
    Ok((rendering, payload.unwrap_or_default()))
}
