//! Waiting for people: an escalation's states as they come, and the token at its end.

use super::mint::{Granted, Mint};
use super::{Ask, Caller, Offer, Sidecar, SidecarError};
use crate::audit::event::{Event, Minted};
use crate::clock::Reading;
use crate::desk::{DeskError, Docket};
use crate::escalation::Status;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{EscalationId, TxnId};
use crate::store::{Change, Index, StoreError};
use core::time::Duration;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tracing::Instrument as _;

/// How often a decision is taken again when somebody else moved the escalation meanwhile.
const ATTEMPTS: usize = 16;
/// A waiting agent hears at least this often how it stands, so that neither side waits on a dead connection.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// How an escalation stands, as its agent is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The decision that asked for it.
    pub txn: TxnId,
    /// Its state.
    pub status: Status,
    /// Unanswered until then, it is denied.
    pub decide_by: Moment,
    /// Approvals so far.
    pub approvals: usize,
    /// Why it ended, or what is missing.
    pub reasons: Vec<String>,
    /// The token, once it is claimed.
    pub granted: Option<Granted>,
    /// The changed operation that a reviewer proposes instead, while it waits for the agent.
    pub offer: Option<Offer>,
    /// It waits for a desk that can't be reached now: nobody is asked yet.
    pub queued: bool,
}

impl Sidecar {
    /// Withdraws an escalation of this agent.
    ///
    /// # Errors
    /// [`SidecarError::UnknownEscalation`] if it is not this agent's, [`SidecarError::Desk`] if it is over.
    pub async fn cancel(
        &self,
        caller: &Caller,
        id: EscalationId,
        reason: String,
    ) -> Result<Status, SidecarError> {
        self.docket_of(caller, id).await?;
        let docket = self.desk.cancel(id, caller.agent.clone(), reason).await?;
        Ok(docket.escalation.status(self.clock.now()))
    }

    /// Follows an escalation of this agent to its end, or until the service stops; the first item is its present
    /// state.
    ///
    /// # Errors
    /// [`SidecarError::UnknownEscalation`] if it is not this agent's.
    pub async fn follow(
        self: Arc<Self>,
        caller: Caller,
        id: EscalationId,
        stopping: impl Future<Output = ()> + Send + 'static,
    ) -> Result<mpsc::Receiver<Result<Progress, SidecarError>>, SidecarError> {
        self.docket_of(&caller, id).await?;
        let (tell, told) = mpsc::channel(1);
        let waits = self.metrics.waits();
        let follow = async move {
            let _waits = waits;
            let changes = self.desk.changes(id);
            tokio::select! {
                () = tell.closed() => {}
                () = stopping => {}
                () = self.tell_each(&caller, id, changes, &tell) => {}
            }
        };
        tokio::spawn(follow.in_current_span());
        Ok(told)
    }

    async fn tell_each(
        &self,
        caller: &Caller,
        id: EscalationId,
        mut changes: watch::Receiver<u64>,
        tell: &mpsc::Sender<Result<Progress, SidecarError>>,
    ) {
        loop {
            changes.mark_unchanged();
            let progress = self.progress(caller, id).await;
            if let Err(error) = &progress {
                self.metrics.not_minted(error.code());
            }
            let wait = match &progress {
                Ok(progress) if progress.status == Status::Pending => {
                    // Never before the deadline: what is due is for the desk to say.
                    let due =
                        progress.decide_by.since(self.clock.now()).saturating_add(Duration::from_millis(1));
                    Some(due.min(HEARTBEAT))
                }
                Ok(_) | Err(_) => None,
            };
            let gone = tell.send(progress).await.is_err();
            let Some(wait) = wait.filter(|_| !gone) else { return };
            // Whichever comes first, it is read anew.
            drop(tokio::time::timeout(wait, changes.changed()).await);
        }
    }

    /// How an escalation of this agent stands; an approved one is minted by being asked for.
    pub(super) async fn progress(&self, caller: &Caller, id: EscalationId) -> Result<Progress, SidecarError> {
        for _ in 0..ATTEMPTS {
            let docket = self.docket_of(caller, id).await?;
            match docket.escalation.status(self.clock.now()) {
                Status::Approved => self.claim(&docket).await?,
                Status::Claimed => match self.collect(&docket).await? {
                    Some(granted) => return progress(&docket, Status::Claimed, Some(granted)),
                    None => continue,
                },
                status @ (Status::Pending
                | Status::Denied
                | Status::Expired
                | Status::Cancelled
                | Status::Blocked
                | Status::Lapsed) => return progress(&docket, status, None),
            }
        }
        Err(StoreError::Moved(id).into())
    }

    pub(super) async fn docket_of(&self, caller: &Caller, id: EscalationId) -> Result<Docket, SidecarError> {
        match self.desk.docket(id).await {
            Ok(docket)
                if docket.decided.agent == caller.agent && !docket.escalation.case().opening().drill =>
            {
                Ok(docket)
            }
            // Whether another agent's escalation exists is nobody's business.
            Ok(_) | Err(DeskError::Unknown(_)) => Err(SidecarError::UnknownEscalation(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes an approved escalation's authority, unless what was approved is no longer allowed: approval is not
    /// access (DESIGN §3).
    async fn claim(&self, docket: &Docket) -> Result<(), SidecarError> {
        let now = self.sure_time()?;
        let decided = &docket.decided;
        let standing = self.brake.standing().await?;
        let roles = self.roles.load();
        let executor = roles.executors.get(&decided.executor);
        let again = match executor {
            None => Err(vec![format!("the executor `{}` is not registered any more", decided.executor)]),
            Some(executor) => {
                let operation = Operation::from_op_bytes(decided.op.as_bytes());
                let operation = operation.map_err(|error| damaged(&error.to_string()))?;
                match operation.digest() == decided.digest {
                    false => Err(vec!["the recorded operation has another digest".to_owned()]),
                    true => {
                        let ask = Ask::of(decided, operation);
                        let action = ask.operation.action();
                        if let Some(suspension) = standing.stops(&decided.agent, action, now) {
                            return self.block(docket, vec![suspension.to_string()]).await;
                        }
                        let decision = self.decide_again(&ask, executor, now)?;
                        let nobody_decided = docket.escalation.approvals().is_empty();
                        match decision.allows() || (!decision.denies() && !nobody_decided) {
                            true => Ok(()),
                            // What may run although nobody decided may still do so now.
                            false if nobody_decided && decision.may_run_undecided() => Ok(()),
                            false => Err(decision.reasons),
                        }
                    }
                }
            }
        };
        match again {
            Ok(()) => taken(self.desk.claim(docket.id).await),
            Err(reasons) => self.block(docket, reasons).await,
        }
    }

    async fn block(&self, docket: &Docket, reasons: Vec<String>) -> Result<(), SidecarError> {
        taken(self.desk.block(docket.id, reasons).await)
    }

    /// The token of a claimed escalation: the one that was minted, or else the first; `None` to look again.
    async fn collect(&self, docket: &Docket) -> Result<Option<Granted>, SidecarError> {
        // Held until the token is signed; a claimed escalation is over, so that it can't be blocked any more, but
        // what it was for is not handed out while it is suspended.
        let standing = self.brake.standing().await?;
        let operation = Operation::from_op_bytes(docket.decided.op.as_bytes());
        let operation = operation.map_err(|error| damaged(&error.to_string()))?;
        Self::stopped(&standing, &docket.decided.agent, operation.action(), self.clock.now())?;
        let course = self.store.course(docket.id)?;
        if let Some((index, minted)) = course.records.iter().find_map(mint_in) {
            let granted = self.sign_recorded(minted, index, &docket.decided).await?;
            return Ok(Some(with_evidence(granted, docket)));
        }
        let now = match self.clock.read() {
            Reading::Sure(now) => now,
            Reading::InDoubt { .. } => return Err(SidecarError::ClockInDoubt),
        };
        let unknown = || SidecarError::UnknownExecutor(docket.decided.executor.clone());
        let roles = self.roles.load();
        let mint = Mint {
            decided: &docket.decided,
            executor: roles.executors.get(&docket.decided.executor).ok_or_else(unknown)?,
            conditions: docket.escalation.conditions().to_vec(),
            approvals: docket.escalation.approvals(),
            escalation: Some(docket.id),
            life: docket.escalation.execute_within(),
        };
        let (minted, draft) = self.draft(&mint, now)?;
        let kid = minted.kid;
        let change = standing.guard(Change::of(now, [Event::Minted(Box::new(minted))]));
        let committing = self.store.commit(change.after(docket.id, course.records.len()));
        match committing.instrument(tracing::info_span!("commit")).await {
            Ok(places) => {
                let granted = self.sign(kid, &draft, places.start, &docket.decided).await?;
                Ok(Some(with_evidence(granted, docket)))
            }
            Err(StoreError::Moved(_)) => Ok(None),
            // Another replica has suspended or lifted something meanwhile.
            Err(StoreError::Changed(_)) => {
                self.brake.doubt();
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Where somebody else took the step, the next look shows which.
fn taken(step: Result<Docket, DeskError>) -> Result<(), SidecarError> {
    match step {
        Ok(_) | Err(DeskError::Over(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn with_evidence(granted: Granted, docket: &Docket) -> Granted {
    Granted { evidence: docket.escalation.evidence(), ..granted }
}

fn mint_in((index, record): &(Index, crate::audit::event::Record)) -> Option<(Index, &Minted)> {
    if let Event::Minted(minted) = &record.event { Some((*index, minted)) } else { None }
}

fn progress(docket: &Docket, status: Status, granted: Option<Granted>) -> Result<Progress, SidecarError> {
    let offer = if status == Status::Pending { Offer::of(docket)? } else { None };
    Ok(Progress {
        txn: docket.decided.txn,
        status,
        decide_by: docket.escalation.case().opening().decide_by(),
        approvals: docket.escalation.case().agreed(),
        reasons: docket.reasons.clone(),
        granted,
        offer,
        queued: docket.queued,
    })
}

fn damaged(what: &str) -> SidecarError {
    SidecarError::Store(StoreError::Damaged(what.to_owned()))
}
