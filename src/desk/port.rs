//! The port of the desk in this process, as its sidecar uses it.

use super::local::LocalDesk;
use super::{Answering, Desk, DeskError, Docket, Opened, Proposal, Room};
use crate::escalation::{Amendment, Escalation, TransitionError};
use crate::party::{AgentId, EscalationId};
use crate::reviewer::Attendance;
use tokio::sync::watch;

impl Desk for LocalDesk {
    fn open(&self, proposal: Proposal) -> Answering<'_, Opened> {
        Box::pin(self.open_once(proposal, None))
    }

    fn drill(&self, proposal: Proposal, by: String) -> Answering<'_, Opened> {
        Box::pin(self.open_once(proposal, Some(by)))
    }

    fn docket(&self, id: EscalationId) -> Answering<'_, Docket> {
        Box::pin(self.settle(id))
    }

    fn cancel(&self, id: EscalationId, by: AgentId, reason: String) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge =
                |escalation: &Escalation, here: &Attendance<'_>| escalation.cancel(&by, &reason, here.at());
            let (docket, result) = self.step(id, judge).await?;
            result.map(|()| docket).map_err(over(id))
        })
    }

    fn claim(&self, id: EscalationId) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge = |escalation: &Escalation, here: &Attendance<'_>| escalation.claim(here.at());
            let (docket, result) = self.step(id, judge).await?;
            result.map(|_| docket).map_err(over(id))
        })
    }

    fn block(&self, id: EscalationId, reasons: Vec<String>) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge =
                |escalation: &Escalation, here: &Attendance<'_>| escalation.block(reasons.clone(), here.at());
            let (docket, result) = self.step(id, judge).await?;
            result.map(|()| docket).map_err(over(id))
        })
    }

    fn amend(&self, id: EscalationId, amendment: Amendment) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge = |escalation: &Escalation, here: &Attendance<'_>| {
                escalation.amend(Amendment { at: here.at(), ..amendment.clone() }, here, here.at())
            };
            let (docket, result) = self.step(id, judge).await?;
            result.map(|()| docket).map_err(over(id))
        })
    }

    fn accept(&self, id: EscalationId, by: AgentId) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge = |escalation: &Escalation, here: &Attendance<'_>| escalation.accept(&by, here.at());
            let (docket, result) = self.step(id, judge).await?;
            result.map(|_| docket).map_err(over(id))
        })
    }

    fn room(&self, agent: &AgentId, most: usize) -> Option<Room> {
        self.budget.room(agent, most)
    }

    fn changes(&self, id: EscalationId) -> watch::Receiver<u64> {
        self.store.watch(id)
    }
}

pub(super) fn over(id: EscalationId) -> impl Fn(TransitionError) -> DeskError {
    move |error| match error {
        TransitionError::Over(_) | TransitionError::NotApproved(_) => DeskError::Over(id),
        TransitionError::NotTheRequester
        | TransitionError::NotAmended
        | TransitionError::AmendedAlready
        | TransitionError::NotEligible(_)
        | TransitionError::NoReviewDue
        | TransitionError::OwnEmergency
        | TransitionError::NotAsked
        | TransitionError::AskedBefore => DeskError::Refused(error),
    }
}
