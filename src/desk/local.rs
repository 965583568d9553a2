//! The desk in this process: every step is read, judged, recorded, and judged anew if somebody was faster.

use super::budget::Budget;
use super::words::reasons;
use super::{Answering, Desk, DeskError, Docket, Opened, Proposal, Room, Roster};
use crate::audit::event::{Decided, Event};
use crate::clock::Clock;
use crate::condition::ConditionKind;
use crate::digest::from_base64url;
use crate::escalation;
use crate::escalation::vote::{self, SignedVote, VoteError};
use crate::escalation::{
    Amendment, Attestation, Ballot, Cast, Counted, Escalation, Opening, Step, TransitionError, VoteRefusal,
};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::render::{Rendering, render};
use crate::party::{AgentId, EscalationId, ExecutorId};
use crate::reviewer::Directory;
use crate::store::{Change, Course, Store, StoreError};
use crate::token::Assurance;
use core::convert::Infallible;
use core::fmt;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// How often a step is taken anew because somebody else was faster.
const ATTEMPTS: usize = 32;

/// The desk of this process.
pub struct LocalDesk {
    pub(super) store: Arc<dyn Store>,
    pub(super) roster: Arc<dyn Roster>,
    /// Which conditions each executor enforces: the only ones that an approval may attach.
    pub(super) enforced: HashMap<ExecutorId, BTreeSet<ConditionKind>>,
    clock: Arc<dyn Clock>,
    budget: Arc<Budget>,
    /// What ends by itself, and when.
    deadlines: Mutex<BTreeSet<(Moment, EscalationId)>>,
    sooner: Notify,
}

/// Why a vote was not counted.
#[derive(Clone, Debug, PartialEq)]
pub enum VoteRefused {
    /// The desk could not take it.
    Desk(DeskError),
    /// It is not a vote of a reviewer.
    Vote(VoteError),
    /// It is a reviewer's, and may not count; that is recorded.
    Refused(VoteRefusal),
}

impl fmt::Display for VoteRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Desk(error) => error.fmt(f),
            Self::Vote(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for VoteRefused {}

impl LocalDesk {
    /// A desk over this store; takes up the deadlines of what is open.
    ///
    /// # Errors
    /// [`DeskError`] if what is open can't be read.
    pub fn new(
        store: Arc<dyn Store>,
        roster: Arc<dyn Roster>,
        enforced: HashMap<ExecutorId, BTreeSet<ConditionKind>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DeskError> {
        let (budget, deadlines) = (Arc::default(), Mutex::default());
        let desk = Self { store, roster, enforced, clock, budget, deadlines, sooner: Notify::new() };
        for id in desk.store.open()? {
            desk.remember(id, &replay(id, &desk.store.course(id)?)?);
        }
        Ok(desk)
    }

    /// The desk's time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Takes a signed vote.
    ///
    /// # Errors
    /// [`VoteRefused`] by name if it does not count.
    pub async fn vote(&self, id: EscalationId, signed: SignedVote) -> Result<Docket, VoteRefused> {
        let directory = self.roster.directory();
        let vote = vote::verify(&signed, directory.as_ref()).map_err(VoteRefused::Vote)?;
        let ballot = Ballot::Signed(Box::new(vote));
        let judge = |escalation: &Escalation, now| escalation.vote(&ballot, &[], directory.as_ref(), now);
        let (docket, counted): (Docket, Result<Counted, VoteRefusal>) =
            self.step(id, judge).await.map_err(VoteRefused::Desk)?;
        counted.map(|_| docket).map_err(VoteRefused::Refused)
    }

    /// Lets everything that is due take effect, now and whenever a deadline passes, for as long as it is polled.
    pub async fn watch_deadlines(&self) -> Infallible {
        loop {
            let now = self.clock.now();
            for id in self.due(now) {
                if let Err(error) = self.settle(id).await {
                    // The state machine treats a passed deadline as passed whether or not its event is written.
                    tracing::error!(escalation = %id, %error, "a deadline could not be recorded");
                    self.deadlines().insert((now.plus(core::time::Duration::from_secs(5)), id));
                }
            }
            let next = self.deadlines().first().map(|(moment, _)| *moment);
            let wait =
                next.map_or(core::time::Duration::from_secs(3600), |next| next.since(self.clock.now()));
            // A second at most, so that a clock that was set forward is noticed.
            let wait = wait.min(core::time::Duration::from_secs(1));
            drop(tokio::time::timeout(wait, self.sooner.notified()).await);
        }
    }

    fn due(&self, now: Moment) -> Vec<EscalationId> {
        let mut deadlines = self.deadlines();
        let mut due = Vec::new();
        while let Some((moment, id)) = deadlines.first().copied() {
            if moment > now {
                break;
            }
            deadlines.pop_first();
            due.push(id);
        }
        due
    }

    fn deadlines(&self) -> std::sync::MutexGuard<'_, BTreeSet<(Moment, EscalationId)>> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, id: EscalationId, escalation: &Escalation) {
        let waits = matches!(escalation, Escalation::Pending(_));
        self.budget.note(&escalation.case().opening().agent, id, waits);
        if let Some(deadline) = escalation.deadline(self.clock.now()) {
            self.deadlines().insert((deadline, id));
            self.sooner.notify_one();
        }
    }

    /// The escalation as it stands, with a deadline that has passed recorded as passed.
    async fn settle(&self, id: EscalationId) -> Result<Docket, DeskError> {
        let directory = self.roster.directory();
        let judge = |escalation: &Escalation, now| Step::<(), Infallible> {
            events: escalation.reconsider(directory.as_ref(), now),
            result: Ok(()),
        };
        self.step(id, judge).await.map(|(docket, _)| docket)
    }

    /// Judges the escalation as it stands and records what that brings, anew if it moved meanwhile.
    async fn step<T, E>(
        &self,
        id: EscalationId,
        judge: impl Fn(&Escalation, Moment) -> Step<T, E>,
    ) -> Result<(Docket, Result<T, E>), DeskError> {
        for _ in 0..ATTEMPTS {
            let course = self.store.course(id)?;
            let escalation = replay(id, &course)?;
            let now = self.clock.now();
            let Step { events, result } = judge(&escalation, now);
            if events.is_empty() {
                return Ok((self.docket_of(id, escalation, now)?, result));
            }
            let recorded = events.iter().cloned().map(|step| Event::Escalation { id, step });
            match self.store.commit(Change::of(now, recorded).after(id, course.records.len())).await {
                Ok(_) => {
                    let escalation = escalation.after(&events).map_err(|error| senseless(id, &error))?;
                    self.remember(id, &escalation);
                    return Ok((self.docket_of(id, escalation, now)?, result));
                }
                Err(StoreError::Moved(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DeskError::Contended(id))
    }

    pub(super) fn read(&self, id: EscalationId) -> Result<Docket, DeskError> {
        let escalation = replay(id, &self.store.course(id)?)?;
        self.docket_of(id, escalation, self.clock.now())
    }

    fn docket_of(&self, id: EscalationId, escalation: Escalation, now: Moment) -> Result<Docket, DeskError> {
        let txn = escalation.case().opening().txn;
        let missing = || DeskError::Senseless(id, format!("decision `{txn}` is not recorded"));
        let index = self.store.decided(txn)?.ok_or_else(missing)?;
        let Event::Decided(decided) = self.store.record(index)?.event else { return Err(missing()) };
        let reasons = reasons(&escalation, self.roster.directory().as_ref(), now);
        Ok(Docket { id, decided: *decided, escalation, reasons })
    }

    async fn open_once(&self, proposal: Proposal) -> Result<Opened, DeskError> {
        let id = proposal.id;
        if self.store.course(id)?.records.is_empty() {
            let vote = proposal.amends.as_ref().map(|amended| amended.vote.clone());
            let opening = self.opening(proposal)?;
            let mut events = Escalation::open(opening, self.roster.directory().as_ref());
            if let Some(vote) = vote {
                events.extend(self.carried_over(&events, &vote)?);
            }
            let recorded = events.iter().cloned().map(|step| Event::Escalation { id, step });
            match self.store.commit(Change::of(self.clock.now(), recorded).after(id, 0)).await {
                // Somebody opened it meanwhile: as good.
                Ok(_) | Err(StoreError::Moved(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let escalation = replay(id, &self.store.course(id)?)?;
        self.remember(id, &escalation);
        let opening = escalation.case().opening();
        Ok(Opened { id, decide_by: opening.decide_by(), requirement: opening.terms.requirement.to_string() })
    }

    fn opening(&self, proposal: Proposal) -> Result<Opening, DeskError> {
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
            drill: false,
        })
    }

    /// The vote of the reviewer who changed the operation, as it is brought to the escalation of the changed one: it is
    /// judged like any other, and may be refused.
    fn carried_over(
        &self,
        opened: &[escalation::Event],
        vote: &Cast,
    ) -> Result<Vec<escalation::Event>, DeskError> {
        let directory = self.roster.directory();
        let id = vote.statement.escalation;
        let Some(ballot) = ballot_of(vote, directory.as_ref()) else { return Ok(Vec::new()) };
        let escalation = Escalation::replay(opened).map_err(|error| senseless(id, &error))?;
        Ok(escalation.vote(&ballot, &vote.flags, directory.as_ref(), self.clock.now()).events)
    }
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
    let rendering = render(&operation, payload.as_deref()).map_err(|error| senseless(id, &error))?;
    Ok((rendering, payload.unwrap_or_default()))
}

fn replay(id: EscalationId, course: &Course) -> Result<Escalation, DeskError> {
    if course.records.is_empty() {
        return Err(DeskError::Unknown(id));
    }
    let steps = course.records.iter().filter_map(|(_, record)| {
        if let Event::Escalation { step, .. } = &record.event { Some(step) } else { None }
    });
    Escalation::replay(steps).map_err(|error| senseless(id, &error))
}

fn senseless(id: EscalationId, why: &dyn fmt::Display) -> DeskError {
    DeskError::Senseless(id, why.to_string())
}

fn over(id: EscalationId) -> impl Fn(TransitionError) -> DeskError {
    move |error| match error {
        TransitionError::Over(_) | TransitionError::NotApproved(_) => DeskError::Over(id),
        other => DeskError::Refused(other),
    }
}

impl Desk for LocalDesk {
    fn open(&self, proposal: Proposal) -> Answering<'_, Opened> {
        Box::pin(self.open_once(proposal))
    }

    fn docket(&self, id: EscalationId) -> Answering<'_, Docket> {
        Box::pin(self.settle(id))
    }

    fn cancel(&self, id: EscalationId, by: AgentId, reason: String) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge = |escalation: &Escalation, now| escalation.cancel(&by, &reason, now);
            let (docket, result) = self.step(id, judge).await?;
            result.map(|()| docket).map_err(over(id))
        })
    }

    fn claim(&self, id: EscalationId) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge = |escalation: &Escalation, now| escalation.claim(now);
            let (docket, result) = self.step(id, judge).await?;
            result.map(|_| docket).map_err(over(id))
        })
    }

    fn block(&self, id: EscalationId, reasons: Vec<String>) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge = |escalation: &Escalation, now| escalation.block(reasons.clone(), now);
            let (docket, result) = self.step(id, judge).await?;
            result.map(|()| docket).map_err(over(id))
        })
    }

    fn amend(&self, id: EscalationId, amendment: Amendment) -> Answering<'_, Docket> {
        Box::pin(async move {
            let directory = self.roster.directory();
            let judge = |escalation: &Escalation, now| {
                escalation.amend(Amendment { at: now, ..amendment.clone() }, directory.as_ref(), now)
            };
            let (docket, result) = self.step(id, judge).await?;
            result.map(|()| docket).map_err(over(id))
        })
    }

    fn accept(&self, id: EscalationId, by: AgentId) -> Answering<'_, Docket> {
        Box::pin(async move {
            let judge = |escalation: &Escalation, now| escalation.accept(&by, now);
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
