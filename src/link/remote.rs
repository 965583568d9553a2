//! The desk of a sidecar that is elsewhere: opened, asked and stepped over the line; what it says is held against our own
//! record, and what it does not hear waits here.

mod here;

use super::bell::Bells;
use super::docket::{Own, Untrue};
use super::line::{Line, PATIENCE, Refused};
use super::queue::{Queue, Waiting, waiting_of};
use super::ship::Shipper;
use super::wire;
use crate::audit::event::{Decided, Event, QueueStep};
use crate::clock::Clock;
use crate::condition::ConditionKind;
use crate::decision::Outcome;
use crate::desk::budget::Budget;
use crate::desk::{Answering, Desk, DeskError, Docket, Opened, Proposal, Room};
use crate::escalation::{Amendment, Escalation, Status};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId};
use crate::proto;
use crate::proto::step_request::Step;
use crate::sidecar::tether::Tether;
use crate::sidecar::{InForce, Roles};
use crate::store::Store;
use arc_swap::ArcSwap;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tonic::Code;

/// How often the queue is looked at.
const ROUND: Duration = Duration::from_millis(500);
/// How many dockets are remembered for when the desk is away.
const REMEMBERED: usize = 256;

/// The desk, elsewhere.
pub struct RemoteDesk {
    pub(super) line: Arc<Line>,
    store: Arc<dyn Store>,
    in_force: Arc<ArcSwap<InForce>>,
    roles: Arc<ArcSwap<Roles>>,
    tether: Arc<Tether>,
    queue: Arc<Queue>,
    shipper: Arc<Shipper>,
    clock: Arc<dyn Clock>,
    budget: Arc<Budget>,
    bells: Bells,
    /// The latest dockets of what waits for people.
    seen: Mutex<HashMap<EscalationId, Docket>>,
    /// Those that ended here, and that the desk may have opened all the same.
    to_withdraw: Mutex<BTreeSet<EscalationId>>,
    /// Those that the desk may have opened although its answer never came.
    doubtful: Mutex<BTreeSet<EscalationId>>,
    /// Whether the roster has what people set up themselves.
    profiles: AtomicBool,
}

/// What a desk elsewhere stands on here.
pub struct Standing {
    /// The line to it.
    pub line: Arc<Line>,
    /// Our own record.
    pub store: Arc<dyn Store>,
    /// The policy and the roster in force.
    pub in_force: Arc<ArcSwap<InForce>>,
    /// Who runs the agent, and for whom tokens may be minted.
    pub roles: Arc<ArcSwap<Roles>>,
    /// How it stands with the desk.
    pub tether: Arc<Tether>,
    /// What waits for it.
    pub queue: Arc<Queue>,
    /// What hands our record over.
    pub shipper: Arc<Shipper>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl RemoteDesk {
    /// The desk at the other end of this line.
    #[must_use]
    pub fn new(standing: Standing) -> Self {
        let Standing { line, store, in_force, roles, tether, queue, shipper, clock } = standing;
        Self {
            line,
            store,
            in_force,
            roles,
            tether,
            queue,
            shipper,
            clock,
            budget: Arc::default(),
            bells: Bells::default(),
            seen: Mutex::default(),
            to_withdraw: Mutex::default(),
            doubtful: Mutex::default(),
            profiles: AtomicBool::new(false),
        }
    }

    /// The roster has what people set up themselves from now on.
    pub(super) fn knows_profiles(&self) {
        self.profiles.store(true, Ordering::Relaxed);
    }

    /// Escalations have changed at the desk.
    pub(super) fn ring(&self, id: EscalationId) {
        self.bells.ring(id);
    }

    /// Anything may have changed while nobody listened.
    pub(super) fn ring_all(&self) {
        self.bells.ring_all();
    }

    fn away(&self) -> Refused {
        let why = self.tether.trouble().unwrap_or_else(|| "it has not been heard yet".to_owned());
        Refused::Away(why)
    }

    /// Brings a decision before people, or has it wait.
    async fn bring(&self, proposal: Proposal) -> Result<Opened, DeskError> {
        let Proposal { id, decided, amends, .. } = proposal;
        let changed_in = amends.map(|amended| amended.from.escalation);
        let missing = || DeskError::Senseless(id, format!("decision `{}` is not recorded", decided.txn));
        let index = self.store.decided(decided.txn)?.ok_or_else(missing)?;
        let at = self.store.record(index)?.at;
        let waiting = waiting_of(&decided, index, at).ok_or_else(missing)?;
        let waiting = Waiting { changed_in, ..self.queue.one(id).unwrap_or(waiting) };
        let told =
            |queued| Opened { id, decide_by: waiting.until, requirement: requirement(&decided), queued };
        if self.queue.ended(id).is_some() {
            return Ok(told(false));
        }
        match self.open_now(&waiting).await {
            Ok(opened) => {
                self.queue.opened(&waiting, self.clock.now()).await?;
                self.budget.note(&decided.agent, id, true);
                Ok(opened)
            }
            Err(refused) => match for_good(&refused) {
                Some(why) => {
                    self.queue.end(&waiting, QueueStep::Refused, &why, self.clock.now()).await?;
                    Ok(told(false))
                }
                None => {
                    let (why, now) = (refused.to_string(), self.clock.now());
                    self.queue.put(waiting.clone(), &why, now).await?;
                    self.budget.note(&decided.agent, id, true);
                    self.note_queued();
                    tracing::warn!(escalation = %id, why, "it waits here until the desk is back");
                    Ok(told(true))
                }
            },
        }
    }

    /// Opens one at the desk, which has the decision by then.
    async fn open_now(&self, waiting: &Waiting) -> Result<Opened, Refused> {
        if !self.tether.connected() {
            return Err(self.away());
        }
        self.shipper.ship_to(waiting.index + 1).await?;
        let changed_in = waiting.changed_in.map(|id| id.to_string()).unwrap_or_default();
        let request = proto::OpenRequest { txn: waiting.txn.to_string(), changed_in };
        let request = self.line.proven("Open", request)?;
        lock(&self.doubtful).insert(waiting.id);
        let mut client = self.line.client();
        let answer = Line::ask(PATIENCE, client.open(request)).await;
        if !matches!(answer, Err(Refused::Away(_))) {
            lock(&self.doubtful).remove(&waiting.id);
        }
        let proto::OpenResponse { escalation, decide_by_ms, requirement } = answer?;
        if wire::escalation_id(&escalation) != Ok(waiting.id) {
            return Err(Refused::Away("it opened another escalation than it was asked for".to_owned()));
        }
        // Whatever it says, it is over for us no later than its terms have it.
        let decide_by = Moment::from_unix_millis(decide_by_ms);
        Ok(Opened { id: waiting.id, decide_by, requirement, queued: false })
    }

    fn note_queued(&self) {
        self.tether.note_queued(u64::try_from(self.queue.len()).unwrap_or(u64::MAX));
    }

    /// Opens what waits once the desk is there, and ends what has waited too long, for as long as it is polled.
    pub async fn keep_queue(&self) -> core::convert::Infallible {
        loop {
            for waiting in self.queue.waiting() {
                if let Err(error) = self.look_after(&waiting).await {
                    tracing::error!(escalation = %waiting.id, %error, "what waits could not be looked after");
                }
            }
            self.withdraw().await;
            self.note_queued();
            tokio::time::sleep(ROUND).await;
        }
    }

    async fn look_after(&self, waiting: &Waiting) -> Result<(), DeskError> {
        let now = self.clock.now();
        if now >= waiting.until {
            if waiting.recorded {
                self.end(waiting, QueueStep::Expired, "the desk was away until its time was over").await?;
            } else {
                self.queue.forget(waiting.id);
            }
            return Ok(());
        }
        if !self.tether.connected() {
            return Ok(());
        }
        match self.open_now(waiting).await {
            Ok(_) => {
                self.queue.opened(waiting, self.clock.now()).await?;
                tracing::info!(escalation = %waiting.id, "what waited for the desk is open there");
                self.bells.ring(waiting.id);
            }
            Err(refused) => match for_good(&refused) {
                Some(why) => self.end(waiting, QueueStep::Refused, &why).await?,
                None => tracing::debug!(escalation = %waiting.id, %refused, "it goes on waiting"),
            },
        }
        Ok(())
    }

    async fn end(&self, waiting: &Waiting, step: QueueStep, why: &str) -> Result<(), DeskError> {
        self.queue.end(waiting, step, why, self.clock.now()).await?;
        if lock(&self.doubtful).remove(&waiting.id) {
            lock(&self.to_withdraw).insert(waiting.id);
        }
        let decided = self.decided_at(waiting.id, waiting.index)?.0;
        self.budget.note(&decided.agent, waiting.id, false);
        self.bells.ring(waiting.id);
        self.note_queued();
        Ok(())
    }

    /// Takes back at the desk what ended here while nobody could tell whether it was open there.
    async fn withdraw(&self) {
        let ids: Vec<EscalationId> = lock(&self.to_withdraw).iter().copied().collect();
        for id in ids {
            if !self.tether.connected() {
                return;
            }
            let reason = "it ended at the sidecar while the desk was away".to_owned();
            let step = Step::Cancel(proto::CancelStep { reason });
            if !matches!(self.ask_step(id, step).await, Err(Refused::Away(_))) {
                lock(&self.to_withdraw).remove(&id);
            }
        }
    }

    async fn ask_step(&self, id: EscalationId, step: Step) -> Result<proto::Docket, Refused> {
        if !self.tether.connected() {
            return Err(self.away());
        }
        let request = proto::StepRequest { escalation: id.to_string(), step: Some(step) };
        let request = self.line.proven("Step", request)?;
        let mut client = self.line.client();
        Line::ask(PATIENCE, client.step(request)).await
    }

    async fn step(&self, id: EscalationId, step: Step) -> Result<Docket, DeskError> {
        let docket = self.ask_step(id, step).await.map_err(|refused| refused.of(id))?;
        self.believe(id, docket)
    }

    async fn ask_docket(&self, id: EscalationId) -> Result<proto::Docket, Refused> {
        if !self.tether.connected() {
            return Err(self.away());
        }
        let request =
            self.line.proven("GetDocket", proto::GetDocketRequest { escalation: id.to_string() })?;
        let mut client = self.line.client();
        Line::ask(PATIENCE, client.get_docket(request)).await
    }

    /// How an escalation of this agent stands that may be another sidecar's: nothing rests on it but how the agent is
    /// looked at.
    pub(super) async fn fate(&self, id: EscalationId, agent: &AgentId) -> Result<Escalation, DeskError> {
        let docket = self.ask_docket(id).await.map_err(|refused| refused.of(id))?;
        let senseless = |why: String| DeskError::Senseless(id, why);
        let steps = wire::steps(&docket.steps).map_err(senseless)?;
        let escalation = Escalation::replay(&steps).map_err(|error| senseless(error.to_string()))?;
        let opening = escalation.case().opening();
        match opening.id == id && opening.agent == *agent {
            true => Ok(escalation),
            false => Err(senseless("it is another escalation".to_owned())),
        }
    }

    async fn stands(&self, id: EscalationId) -> Result<Docket, DeskError> {
        if let Some(ended) = self.queue.ended(id) {
            return self.ended_here(id, &ended);
        }
        if let Some(waiting) = self.queue.one(id).filter(|waiting| waiting.recorded) {
            return self.waits_here(&waiting);
        }
        match self.ask_docket(id).await {
            Ok(docket) => self.believe(id, docket),
            Err(Refused::Away(why)) => self.as_last_seen(id, &why),
            Err(refused) => Err(refused.of(id)),
        }
    }

    /// What the desk says of an escalation, held against our own decision.
    fn believe(&self, id: EscalationId, docket: proto::Docket) -> Result<Docket, DeskError> {
        let unknown = || DeskError::Unknown(id);
        let txn = crate::party::TxnId::parse(&docket.txn).ok_or_else(unknown)?;
        // Another sidecar's, or none at all.
        let index = self.store.decided(txn)?.ok_or_else(unknown)?;
        let (decided, at) = self.decided_at(id, index)?;
        if decided.escalation != Some(id) {
            return Err(unknown());
        }
        let (in_force, roles) = (self.in_force.load(), self.roles.load());
        let operators = roles.operators.get(&decided.agent).cloned().unwrap_or_default();
        let enforced = enforced(&roles, &decided);
        let own = Own {
            id,
            decided: &decided,
            at,
            operators: &operators,
            enforced: &enforced,
            directory: &in_force.directory,
            profiles: self.profiles.load(Ordering::Relaxed),
            now: self.clock.now(),
        };
        let steps = wire::steps(&docket.steps).map_err(Untrue::Unreadable);
        let believed = steps.and_then(|steps| own.docket(&steps, docket.reasons)).map_err(|untrue| {
            tracing::error!(escalation = %id, %untrue, "what the desk says of an escalation is not believed");
            DeskError::Untrue(id, untrue.to_string())
        })?;
        self.remember(&believed);
        Ok(believed)
    }

    fn remember(&self, docket: &Docket) {
        let pending = docket.escalation.status(self.clock.now()) == Status::Pending;
        self.budget.note(&docket.decided.agent, docket.id, pending);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(&docket.id);
        if pending {
            if seen.len() >= REMEMBERED {
                seen.clear();
            }
            seen.insert(docket.id, docket.clone());
        }
    }

    fn decided_at(&self, id: EscalationId, index: u64) -> Result<(Decided, Moment), DeskError> {
        let record = self.store.record(index)?;
        let Event::Decided(decided) = record.event else {
            return Err(DeskError::Senseless(id, format!("record {index} is not its decision")));
        };
        Ok((*decided, record.at))
    }

    async fn withdrawn(&self, id: EscalationId, by: AgentId, reason: String) -> Result<Docket, DeskError> {
        if let Some(waiting) = self.queue.one(id).filter(|waiting| waiting.recorded) {
            if self.decided_at(id, waiting.index)?.0.agent != by {
                return Err(DeskError::Unknown(id));
            }
            if self.clock.now() < waiting.until {
                self.end(&waiting, QueueStep::Cancelled, &reason).await?;
                return self.stands(id).await;
            }
        }
        if self.queue.ended(id).is_some() {
            return Err(DeskError::Over(id));
        }
        self.step(id, Step::Cancel(proto::CancelStep { reason })).await
    }
}

impl Desk for RemoteDesk {
    fn open(&self, proposal: Proposal) -> Answering<'_, Opened> {
        Box::pin(self.bring(proposal))
    }

    fn docket(&self, id: EscalationId) -> Answering<'_, Docket> {
        Box::pin(self.stands(id))
    }

    fn drill(&self, _: Proposal, _: String) -> Answering<'_, Opened> {
        let why = "drills are opened at the desk itself".to_owned();
        Box::pin(core::future::ready(Err(DeskError::Away(why))))
    }

    fn cancel(&self, id: EscalationId, by: AgentId, reason: String) -> Answering<'_, Docket> {
        Box::pin(self.withdrawn(id, by, reason))
    }

    fn claim(&self, id: EscalationId) -> Answering<'_, Docket> {
        Box::pin(self.step(id, Step::Claim(proto::ClaimStep {})))
    }

    fn block(&self, id: EscalationId, reasons: Vec<String>) -> Answering<'_, Docket> {
        Box::pin(self.step(id, Step::Block(proto::BlockStep { reasons })))
    }

    fn amend(&self, id: EscalationId, amendment: Amendment) -> Answering<'_, Docket> {
        Box::pin(async move {
            let written = serde_json::to_vec(&amendment);
            let amendment = written.map_err(|error| DeskError::Senseless(id, error.to_string()))?;
            self.step(id, Step::Amend(proto::AmendStep { amendment })).await
        })
    }

    fn accept(&self, id: EscalationId, _: AgentId) -> Answering<'_, Docket> {
        Box::pin(self.step(id, Step::Accept(proto::AcceptStep {})))
    }

    fn room(&self, agent: &AgentId, most: usize) -> Option<Room> {
        self.budget.room(agent, most)
    }

    fn changes(&self, id: EscalationId) -> watch::Receiver<u64> {
        self.bells.watch(id)
    }
}

/// Why the desk will never open it; nothing where it may yet.
fn for_good(refused: &Refused) -> Option<String> {
    match refused {
        Refused::For(Code::FailedPrecondition | Code::PermissionDenied | Code::InvalidArgument, why) => {
            Some(format!("the desk does not open it: {why}"))
        }
        Refused::For(..) | Refused::Away(_) | Refused::Unknown(_) => None,
    }
}

fn requirement(decided: &Decided) -> String {
    match &decided.decision.outcome {
        Outcome::Escalate(terms) => terms.requirement.to_string(),
        Outcome::Allow { .. } | Outcome::Deny => String::new(),
    }
}

/// The conditions that the executor of a decision enforces.
fn enforced(roles: &Roles, decided: &Decided) -> BTreeSet<ConditionKind> {
    let executor = roles.executors.get(&decided.executor);
    let kinds = ConditionKind::ALL.into_iter();
    executor.map(|executor| kinds.filter(|kind| executor.enforces(*kind)).collect()).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
