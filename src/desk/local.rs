//! The desk in this process: every step is read, judged, recorded, and judged anew if somebody was faster.

use super::budget::Budget;
use super::follow::{Noted, recorded_absences};
use super::words::reasons;
use super::{DeskError, Docket, Roster};
use crate::audit::event::{Apart, Decided, Event, Record, WhyApart};
use crate::clock::Clock;
use crate::condition::ConditionKind;
use crate::digest::VoteDigest;
use crate::escalation::{self, Escalation, Step};
use crate::moment::Moment;
use crate::party::{EscalationId, ExecutorId};
use crate::presence::passkey::{Counter, CredentialId};
use crate::reviewer::{Absences, Attendance, Directory, Workload};
use crate::store::shared::{Alone, Claims, Work};
use crate::store::{Change, Course, Index, Store, StoreError};
use core::convert::Infallible;
use core::fmt;
use core::time::Duration;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tracing::Instrument as _;

/// How often a step is taken anew because somebody else was faster.
const ATTEMPTS: usize = 32;
/// For how long a replica takes on to let a deadline pass. Where it dies over that, another does it after so long.
const HOLD: Duration = Duration::from_secs(15);
/// How many deadlines a replica takes on at once.
const TOGETHER: usize = 64;
/// How long to wait before what could not be recorded is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// The desk of this process.
pub struct LocalDesk {
    pub(super) store: Arc<dyn Store>,
    pub(super) roster: Arc<dyn Roster>,
    /// Which conditions each executor enforces: the only ones that an approval may attach.
    pub(super) enforced: HashMap<ExecutorId, BTreeSet<ConditionKind>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) budget: Arc<Budget>,
    /// Who is away, as they announced it, and where that was recorded.
    pub(super) absences: tokio::sync::watch::Sender<(Option<Index>, Arc<Absences>)>,
    /// Held while an absence is recorded.
    pub(super) announcing: tokio::sync::Mutex<()>,
    /// What the counters of passkeys stood at when they last signed.
    pub(super) counters: Mutex<HashMap<CredentialId, (Counter, VoteDigest)>>,
    /// What everyone has to do, and did lately.
    pub(super) workload: Mutex<Workload>,
    /// Which records are counted in all that.
    pub(super) noted: Mutex<Noted>,
    /// Who lets a deadline pass.
    claims: Arc<dyn Claims>,
    /// What ends by itself, and when.
    deadlines: Mutex<BTreeSet<(Moment, EscalationId)>>,
    sooner: Notify,
}

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
        let alone = Arc::new(Alone::new(clock.clone()));
        Self::with(store, roster, enforced, clock, alone, None)
    }

    /// A desk that is one of several replicas over this store; it [follows](crate::store::follow) what they record from
    /// this place on.
    ///
    /// # Errors
    /// [`DeskError`] if what is open can't be read.
    pub fn replica(
        store: Arc<dyn Store>,
        roster: Arc<dyn Roster>,
        enforced: HashMap<ExecutorId, BTreeSet<ConditionKind>>,
        clock: Arc<dyn Clock>,
        claims: Arc<dyn Claims>,
        next: Index,
    ) -> Result<Self, DeskError> {
        Self::with(store, roster, enforced, clock, claims, Some(next))
    }

    fn with(
        store: Arc<dyn Store>,
        roster: Arc<dyn Roster>,
        enforced: HashMap<ExecutorId, BTreeSet<ConditionKind>>,
        clock: Arc<dyn Clock>,
        claims: Arc<dyn Claims>,
        next: Option<Index>,
    ) -> Result<Self, DeskError> {
        let absences = tokio::sync::watch::Sender::new(recorded_absences(store.as_ref())?);
        let desk = Self {
            store,
            roster,
            enforced,
            clock,
            budget: Arc::default(),
            absences,
            announcing: tokio::sync::Mutex::default(),
            counters: Mutex::default(),
            workload: Mutex::default(),
            noted: Mutex::new(Noted::from(next)),
            claims,
            deadlines: Mutex::default(),
            sooner: Notify::new(),
        };
        desk.recall()?;
        Ok(desk)
    }

    /// The desk's time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Lets everything that is due take effect, now and whenever a deadline passes, for as long as it is polled.
    pub async fn watch_deadlines(&self) -> Infallible {
        loop {
            let now = self.clock.now();
            for together in self.due(now).chunks(TOGETHER) {
                self.let_pass(together, now).await;
            }
            let next = self.deadlines().first().map(|(moment, _)| *moment);
            let wait = next.map_or(Duration::from_secs(3600), |next| next.since(self.clock.now()));
            // A second at most, so that a clock that was set forward is noticed.
            let wait = wait.min(Duration::from_secs(1));
            drop(tokio::time::timeout(wait, self.sooner.notified()).await);
        }
    }

    /// Lets take effect what is due and no other replica has taken on.
    async fn let_pass(&self, due: &[EscalationId], now: Moment) {
        let work = |id: &EscalationId| Work::new("deadline", &id.to_string());
        let taken = match self.claims.claim(due.iter().map(work).collect(), HOLD).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, "who lets deadlines pass can't be agreed on");
                self.deadlines().extend(due.iter().map(|id| (now.plus(AGAIN), *id)));
                return;
            }
        };
        let known: HashSet<&Work> = taken.iter().collect();
        for id in due {
            if !known.contains(&work(id)) {
                // Another does it. It is looked at once more in case that one dies over it.
                self.deadlines().insert((now.plus(HOLD).plus(Duration::from_secs(1)), *id));
            } else if let Err(error) = self.settle(*id).await {
                // The state machine treats a passed deadline as passed whether or not its event is written.
                tracing::error!(escalation = %id, %error, "a deadline could not be recorded");
                self.deadlines().insert((now.plus(AGAIN), *id));
            }
        }
        if let Err(error) = self.claims.release(taken).await {
            tracing::debug!(%error, "deadlines that were let pass are held for a while yet");
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

    /// Looks at it again when it changes by itself after `judged`, the moment for which it was judged last, or at
    /// `again_at`. What falls due between the two is due at once.
    pub(super) fn remember(
        &self,
        id: EscalationId,
        escalation: &Escalation,
        judged: Moment,
        again_at: Option<Moment>,
    ) {
        // A drill is nobody's request, so it takes nobody's room.
        let waits = matches!(escalation, Escalation::Pending(_)) && !escalation.case().opening().drill;
        self.budget.note(&escalation.case().opening().agent, id, waits);
        if !matches!(escalation, Escalation::Pending(_)) {
            // Also where whoever ended it went away before that was noted.
            self.workload().forget(id);
        }
        let deadline = escalation.deadline(judged);
        if let Some(deadline) =
            deadline.map(|deadline| again_at.map_or(deadline, |again| again.min(deadline)))
        {
            self.deadlines().insert((deadline, id));
            self.sooner.notify_one();
        }
    }

    /// The escalation as it stands, with a deadline that has passed recorded as passed.
    pub(super) async fn settle(&self, id: EscalationId) -> Result<Docket, DeskError> {
        let judge = |escalation: &Escalation, here: &Attendance<'_>| Step::<(), Infallible> {
            events: escalation.reconsider(here, here.at()),
            result: Ok(()),
        };
        self.step(id, judge).await.map(|(docket, _)| docket)
    }

    /// Who may be asked at this moment, who is there, and who stands in.
    pub(super) fn here(&self) -> Here {
        let absences = self.absences.borrow().1.clone();
        Here { directory: self.roster.directory(), absences, now: self.clock.now() }
    }

    /// Judges the escalation as it stands and records what that brings, anew if it moved meanwhile.
    pub(super) async fn step<T, E>(
        &self,
        id: EscalationId,
        judge: impl Fn(&Escalation, &Attendance<'_>) -> Step<T, E>,
    ) -> Result<(Docket, Result<T, E>), DeskError> {
        let span = tracing::info_span!("step", escalation = %id);
        self.stepped(id, judge).instrument(span).await
    }

    async fn stepped<T, E>(
        &self,
        id: EscalationId,
        judge: impl Fn(&Escalation, &Attendance<'_>) -> Step<T, E>,
    ) -> Result<(Docket, Result<T, E>), DeskError> {
        for _ in 0..ATTEMPTS {
            let course = self.store.course(id)?;
            let escalation = replay(id, &course)?;
            let here = self.here();
            let now = here.now;
            let attendance = here.attendance();
            let Step { mut events, result } = judge(&escalation, &attendance);
            let senseless_here = |error| senseless(id, &error);
            let next = escalation.clone().after(&events).map_err(senseless_here)?;
            let decided = self.decided(id, &course, &escalation)?;
            let asking = self.ask(&next, &decided, &attendance)?;
            let next = next.after(&asking.events).map_err(senseless_here)?;
            events.extend(asking.events);
            if events.is_empty() {
                // Nothing came of this moment; the next one counts all the same.
                self.remember(id, &next, now, asking.again_at);
                return Ok((docket(id, decided, next, &attendance), result));
            }
            let recorded = events.iter().cloned().map(|step| Event::Escalation { id, step });
            let committing = self.store.commit(Change::of(now, recorded).after(id, course.records.len()));
            match committing.instrument(tracing::info_span!("commit")).await {
                Ok(places) => {
                    report(id, &next, &events);
                    self.note(id, &events, places);
                    self.remember(id, &next, now, asking.again_at);
                    return Ok((docket(id, decided, next, &attendance), result));
                }
                Err(StoreError::Moved(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DeskError::Contended(id))
    }

    pub(super) fn read(&self, id: EscalationId) -> Result<Docket, DeskError> {
        let course = self.store.course(id)?;
        let escalation = replay(id, &course)?;
        let decided = self.decided(id, &course, &escalation)?;
        Ok(docket(id, decided, escalation, &self.here().attendance()))
    }

    /// The decision that asked for it; or what the operator of a drill made up.
    pub(super) fn decided(
        &self,
        id: EscalationId,
        course: &Course,
        escalation: &Escalation,
    ) -> Result<Decided, DeskError> {
        let txn = escalation.case().opening().txn;
        let missing = || DeskError::Senseless(id, format!("decision `{txn}` is not recorded"));
        let record = match (escalation.case().opening().drill, course.records.first()) {
            (true, Some((_, record))) => record.clone(),
            (true, None) => return Err(missing()),
            (false, _) => self.store.record(self.store.decided(txn)?.ok_or_else(missing)?)?,
        };
        let record = Self::with_stand_in(record);
        if let Event::Decided(decided) | Event::Drill { proposal: decided, .. } = record.event {
            return Ok(*decided);
        }
        Err(missing())
    }
}

impl LocalDesk {
    /// A decision that was adopted from a sidecar's log, without what is secret in it: that never leaves the sidecar, so
    /// what is on record here is what may be shown.
    pub(super) fn with_stand_in(mut record: Record) -> Record {
        let secret = |apart: &Apart| apart.why == WhyApart::Secret;
        if record.from.is_some()
            && record.apart.get("/op").is_some_and(secret)
            && let Event::Decided(decided) = &mut record.event
        {
            decided.shown = Some(decided.op.clone());
        }
        record
    }
}

/// Who may be asked at one moment, who is there, and who stands in.
pub(super) struct Here {
    pub(super) directory: Arc<Directory>,
    absences: Arc<Absences>,
    pub(super) now: Moment,
}

impl Here {
    pub(super) fn attendance(&self) -> Attendance<'_> {
        Attendance::new(&self.directory, &self.absences, self.now)
    }
}

/// Tells the operator's log what a team has to hear of: that nobody decided in time, and that it was an emergency.
fn report(id: EscalationId, escalation: &Escalation, events: &[escalation::Event]) {
    let opening = escalation.case().opening();
    for event in events {
        if let escalation::Event::Expired { at } = event {
            tracing::warn!(escalation = %id, agent = %opening.agent, %at, "nobody decided in time: it has expired");
        }
        if let escalation::Event::Approved(grant) = event
            && let Some(emergency) = opening.terms.break_glass.as_ref().filter(|_| grant.emergency)
        {
            let people: Vec<&str> = grant.seated.iter().map(|seated| seated.person.as_str()).collect();
            tracing::warn!(
                escalation = %id, agent = %opening.agent, by = people.join(", "), review = %emergency.review,
                "approved in an emergency: it has to be reviewed"
            );
        }
    }
}

fn docket(id: EscalationId, decided: Decided, escalation: Escalation, here: &Attendance<'_>) -> Docket {
    let reasons = reasons(&escalation, here);
    Docket { id, decided, escalation, reasons, queued: false }
}

pub(super) fn replay(id: EscalationId, course: &Course) -> Result<Escalation, DeskError> {
    if course.records.is_empty() {
        return Err(DeskError::Unknown(id));
    }
    let steps = course.records.iter().filter_map(|(_, record)| {
        if let Event::Escalation { step, .. } = &record.event { Some(step) } else { None }
    });
    Escalation::replay(steps).map_err(|error| senseless(id, &error))
}

pub(super) fn senseless(id: EscalationId, why: &dyn fmt::Display) -> DeskError {
    DeskError::Senseless(id, why.to_string())
}
