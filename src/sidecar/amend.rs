//! Changed operations: a reviewer proposes another operation instead, the policy judges it before anyone sees it, and
//! the agent takes it or not (E3, DESIGN §5.5).

use super::{Answer, Ask, Caller, Sidecar, SidecarError};
use crate::decision::Decision;
use crate::desk::{Amended, DeskError, Docket};
use crate::digest::{base64url, from_base64url};
use crate::escalation::{Amendment, Amends, Ballot, Cast, Escalation, Status};
use crate::operation::render::{Line, Rendering, difference, render};
use crate::operation::{Operation, OperationError};
use crate::party::{EscalationId, PersonId};
use crate::store::StoreError;
use std::sync::Arc;

/// A changed operation as its reviewer sees it before voting for it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The id that the escalation of the changed operation will have: the vote names it.
    pub successor: EscalationId,
    /// The changed operation.
    pub operation: Operation,
    /// What the policy says to it.
    pub decision: Decision,
    /// What it looks like.
    pub rendering: Rendering,
    /// How that differs from what was asked.
    pub difference: Vec<Line>,
}

/// A changed operation as the agent that asked is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who proposes it.
    pub by: PersonId,
    /// Why.
    pub reason: String,
    /// The changed operation, canonical.
    pub op_bytes: Vec<u8>,
    /// The changed payload, where the operation is of its digest.
    pub payload: Option<Vec<u8>>,
    /// How it differs from what was asked.
    pub difference: Vec<Line>,
}

impl Sidecar {
    /// What a changed operation would look like and what the policy says to it; nothing is recorded.
    ///
    /// # Errors
    /// [`SidecarError::NotAmendable`] if it is no other operation or the policy denies it.
    pub async fn draft_amendment(
        &self,
        id: EscalationId,
        operation: Operation,
        payload: Option<Vec<u8>>,
    ) -> Result<Draft, SidecarError> {
        let docket = self.desk.docket(id).await?;
        let (decision, rendering, difference) = self.judge_change(&docket, &operation, payload.as_deref())?;
        let successor = Amendment::successor_of(id, operation.digest());
        Ok(Draft { successor, operation, decision, rendering, difference })
    }

    /// Records the changed operation that a reviewer proposes with their vote for it. All votes on the operation as it
    /// was asked are void, and the agent takes the changed one or cancels.
    ///
    /// # Errors
    /// [`SidecarError::NotAmendable`] if the policy denies it or the vote is for something else;
    /// [`SidecarError::Desk`] if this reviewer can't.
    pub async fn amend(
        &self,
        id: EscalationId,
        operation: &Operation,
        payload: Option<Vec<u8>>,
        ballot: &Ballot,
    ) -> Result<Docket, SidecarError> {
        let docket = self.desk.docket(id).await?;
        let (decision, rendering, _) = self.judge_change(&docket, operation, payload.as_deref())?;
        let statement = ballot.statement();
        let refuse = |why: &str| Err(SidecarError::NotAmendable(vec![why.to_owned()]));
        if statement.operation != operation.digest() {
            return refuse("the vote is for another operation");
        }
        if statement.escalation != Amendment::successor_of(id, operation.digest()) {
            return refuse("the vote is for a change of another request");
        }
        if statement.shown != rendering.digest {
            return refuse("the vote is for another rendering of the operation");
        }
        if statement.policy != decision.policy {
            return refuse("the policy has changed meanwhile; look at the change again");
        }
        let now = self.sure_time()?;
        let amendment = Amendment {
            at: now,
            op: String::from_utf8_lossy(operation.op_bytes()).into_owned(),
            payload: payload.as_deref().map(base64url),
            vote: ballot.cast(now, &[]),
        };
        Ok(self.desk.amend(id, amendment).await?)
    }

    /// Takes the changed operation that a reviewer proposed, in the place of the one that this agent asked for. It is
    /// authorized like any other: a policy that allows it answers with a token at once.
    ///
    /// # Errors
    /// [`SidecarError::UnknownEscalation`] if it is not this agent's; [`SidecarError::Desk`] if nothing was proposed.
    pub async fn accept(self: &Arc<Self>, caller: &Caller, id: EscalationId) -> Result<Answer, SidecarError> {
        let docket = self.docket_of(caller, id).await?;
        let not_amended =
            || SidecarError::Desk(DeskError::Refused(crate::escalation::TransitionError::NotAmended));
        let amendment = docket.escalation.case().amendment().ok_or_else(not_amended)?;
        let open = docket.escalation.status(self.clock.now()) == Status::Pending;
        let taken =
            matches!(&docket.escalation, Escalation::Cancelled(cancelled) if cancelled.successor.is_some());
        if !open && !taken {
            return Err(DeskError::Over(id).into());
        }
        let (operation, payload) = changed(amendment).map_err(|why| damaged(id, &why))?;
        let ask = Ask {
            // No agent can choose an id with a space in it.
            request_id: Some(format!("accept {id}")),
            payload,
            holder: super::mint::holder(&docket.decided)?,
            ..Ask::of(&docket.decided, operation)
        };
        let by = amendment.vote.person().clone();
        let since = docket.escalation.case().opening().before(&by);
        let from = Amends { escalation: id, by, since };
        let amended = Amended { from, vote: amendment.vote.clone() };
        let answer = self.answer_to_the_end(ask, Some((amendment.successor(), amended))).await?;
        self.desk.accept(id, caller.agent.clone()).await?;
        Ok(answer)
    }

    /// What the policy says to a changed operation, and how it looks.
    fn judge_change(
        &self,
        docket: &Docket,
        operation: &Operation,
        payload: Option<&[u8]>,
    ) -> Result<(Decision, Rendering, Vec<Line>), SidecarError> {
        let refuse = |why: String| SidecarError::NotAmendable(vec![why]);
        let now = self.sure_time()?;
        if docket.escalation.status(now) != Status::Pending {
            return Err(DeskError::Over(docket.id).into());
        }
        if operation.digest() == docket.decided.digest {
            return Err(refuse("it is the operation that was asked for: approve that".to_owned()));
        }
        let decided = &docket.decided;
        let roles = self.roles.load();
        let executor = roles.executors.get(&decided.executor);
        let executor = executor.ok_or_else(|| SidecarError::UnknownExecutor(decided.executor.clone()))?;
        let secrets = self.in_force.load().policy.secrets().mask(operation).is_some();
        if secrets || decided.shown.is_some() {
            return Err(refuse(
                "it has secret values, which nobody can review: deny it and say why".to_owned(),
            ));
        }
        let after = render(operation, payload).map_err(|error| refuse(error.to_string()))?;
        let before = crate::desk::rendering(docket.id, decided)?.0;
        let decision = self.decide_again(&Ask::of(decided, operation.clone()), executor, now)?;
        if decision.denies() {
            return Err(SidecarError::NotAmendable(decision.reasons));
        }
        let lines = difference(&before, &after);
        Ok((decision, after, lines))
    }
}

impl Offer {
    /// What the agent is told of the changed operation that waits for it.
    ///
    /// # Errors
    /// [`SidecarError::Store`] if what is recorded of it makes no sense.
    pub fn of(docket: &Docket) -> Result<Option<Self>, SidecarError> {
        let Some(amendment) = docket.escalation.case().amendment() else { return Ok(None) };
        let Amendment { vote: Cast { statement, .. }, op, .. } = amendment;
        let (operation, payload) = changed(amendment).map_err(|why| damaged(docket.id, &why))?;
        let after =
            render(&operation, payload.as_deref()).map_err(|why| damaged(docket.id, &why.to_string()))?;
        let before = crate::desk::rendering(docket.id, &docket.decided)?.0;
        Ok(Some(Self {
            by: statement.reviewer.clone(),
            reason: statement.reason.as_str().to_owned(),
            op_bytes: op.clone().into_bytes(),
            payload,
            difference: difference(&before, &after),
        }))
    }
}

fn changed(amendment: &Amendment) -> Result<(Operation, Option<Vec<u8>>), String> {
    let operation = Operation::from_op_bytes(amendment.op.as_bytes());
    let operation = operation.map_err(|error: OperationError| error.to_string())?;
    let payload = match &amendment.payload {
        None => None,
        Some(text) => Some(from_base64url(text).ok_or_else(|| "the payload is not base64url".to_owned())?),
    };
    Ok((operation, payload))
}

fn damaged(id: EscalationId, why: &str) -> SidecarError {
    SidecarError::Store(StoreError::Damaged(format!("the change proposed in escalation `{id}`: {why}")))
}
