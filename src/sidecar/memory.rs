//! The memories of the agents: what each did lately, kept beside the decisions and rebuilt from the record when it is
//! missing or the policy changed. Where people decide elsewhere, what became of an escalation is learned from there,
//! and so is what other sidecars decided for the same agent.

mod elsewhere;

use crate::audit::event::{Decided, Event};
use crate::decision::{Decision, Examined, Outcome, Request};
use crate::digest::PolicyDigest;
use crate::escalation::{self, Denial, Escalation};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, EscalationId};
use crate::policy::Policy;
use crate::risk::history::family;
use crate::risk::memory::{Fate, Footprint, Memory};
use crate::risk::{DeniedBefore, History, Novelty};
use crate::sidecar::{InForce, SidecarError};
use crate::store::{Habit, Store, StoreError};
use arc_swap::ArcSwap;
use elsewhere::Elsewhere;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many escalations are looked through for denials of an agent when its memory is rebuilt.
const ESCALATIONS_RECALLED: usize = 2048;
/// How many of an agent's escalations are remembered, and beyond how many like an operation only those are read that
/// are not open any more.
const ASKED_KEPT: usize = 1024;
const ASKED_READ: usize = 32;

/// The memories of all agents, each rebuilt when it is needed first.
#[derive(Debug, Default)]
pub struct Memories {
    agents: Mutex<HashMap<AgentId, Slot>>,
    elsewhere: Elsewhere,
}

type Slot = Arc<Mutex<Option<Held>>>;

/// One agent's memory, as it is under one policy.
#[derive(Debug)]
struct Held {
    policy: PolicyDigest,
    memory: Memory,
    /// What people were asked lately.
    asked: Vec<Asked>,
    /// What was added and is not settled yet; it is carried over when the policy changes.
    under_way: Vec<UnderWay>,
    /// How many were added.
    tickets: u64,
}

/// An operation that is being decided, as it was added to this memory.
#[derive(Debug)]
struct UnderWay {
    ticket: u64,
    at: Moment,
    footprint: Footprint,
}

#[derive(Debug)]
struct Asked {
    id: EscalationId,
    at: Moment,
    footprint: Footprint,
    became: Became,
}

/// What became of something that people were asked.
#[derive(Clone, Debug)]
enum Became {
    /// They may still decide.
    Open,
    /// It may run, or has.
    Granted,
    /// It will not run: it expired, was withdrawn or blocked.
    Over,
    /// Somebody said no, at this moment.
    Denied(DeniedBefore, Moment),
}

/// An operation that counts in its agent's memory while it is decided. Whoever decides says what became of it. One that
/// is dropped counts: a caller that goes away while it is recorded may come back for the answer.
#[derive(Debug)]
pub(super) struct Weighing {
    slot: Slot,
    ticket: u64,
    footprint: Footprint,
    at: Moment,
    settled: bool,
}

/// An operation as it is to be judged: examined under one policy, with what the record knows of its agent.
#[derive(Debug)]
pub(super) struct Weighed {
    /// The policy.
    pub(super) in_force: Arc<InForce>,
    /// The operation under it.
    pub(super) examined: Examined,
    /// What the record knows.
    pub(super) history: History,
}

impl Memories {
    /// Counts an operation and says what the record knows of its agent, the operation included.
    ///
    /// # Errors
    /// [`StoreError`] if the record could not be read.
    pub(super) fn weigh(
        &self,
        store: &dyn Store,
        in_force: &ArcSwap<InForce>,
        request: &Request<'_>,
        now: Moment,
    ) -> Result<(Weighed, Weighing), StoreError> {
        let slot = self.slot(request.agent);
        self.under_the_policy_of_now(&slot, in_force, request, |slot, held, policy, examined, footprint| {
            let held = recalled(held, store, policy, request.agent, now, &self.elsewhere)?;
            let ticket = held.begin(footprint.clone(), now);
            match history(held, &self.elsewhere, store, policy, request, examined, &footprint, now) {
                Ok(history) => {
                    let slot = Arc::clone(slot);
                    Ok((history, Weighing { slot, ticket, footprint, at: now, settled: false }))
                }
                Err(error) => {
                    held.end(ticket, Fate::Denied);
                    Err(error)
                }
            }
        })
    }

    /// What the record knows of the agent of an operation that was counted when it was decided first.
    ///
    /// # Errors
    /// [`StoreError`] if the record could not be read.
    pub(super) fn look(
        &self,
        store: &dyn Store,
        in_force: &ArcSwap<InForce>,
        request: &Request<'_>,
        now: Moment,
    ) -> Result<Weighed, StoreError> {
        let slot = self.slot(request.agent);
        let looked =
            self.under_the_policy_of_now(&slot, in_force, request, |_, held, policy, examined, print| {
                let held = recalled(held, store, policy, request.agent, now, &self.elsewhere)?;
                let elsewhere = &self.elsewhere;
                history(held, elsewhere, store, policy, request, examined, &print, now)
                    .map(|history| (history, ()))
            });
        looked.map(|(weighed, ())| weighed)
    }

    /// Examines the operation, and then holds the agent's memory while the policy is still the one in force: a memory
    /// is of one policy, and is rebuilt once when that changes, not to and fro.
    fn under_the_policy_of_now<T>(
        &self,
        slot: &Slot,
        in_force: &ArcSwap<InForce>,
        request: &Request<'_>,
        with: impl FnOnce(
            &Slot,
            &mut Option<Held>,
            &Policy,
            &Examined,
            Footprint,
        ) -> Result<(History, T), StoreError>,
    ) -> Result<(Weighed, T), StoreError> {
        loop {
            let held_to = in_force.load_full();
            let examined = Examined::new(request.operation, &held_to.policy);
            let footprint = examined.footprint(request, &held_to.policy);
            let mut guard = lock(slot);
            if in_force.load().policy.digest() != held_to.policy.digest() {
                continue;
            }
            let (history, more) = with(slot, &mut guard, &held_to.policy, &examined, footprint)?;
            drop(guard);
            return Ok((Weighed { in_force: held_to, examined, history }, more));
        }
    }

    /// Remembers an anomaly that was recorded.
    pub(super) fn anomaly(&self, agent: &AgentId, at: Moment) {
        if let Some(held) = lock(&self.slot(agent)).as_mut() {
            held.memory.anomaly(at);
        }
    }

    fn slot(&self, agent: &AgentId) -> Slot {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = agents.get(agent) {
            return Arc::clone(slot);
        }
        Arc::clone(agents.entry(agent.clone()).or_default())
    }
}

impl Weighing {
    /// Says what was decided, once that is recorded.
    pub(super) fn settle(mut self, decision: &Decision, escalation: Option<EscalationId>) {
        self.settled = true;
        let mut guard = lock(&self.slot);
        let Some(held) = guard.as_mut() else { return };
        held.end(self.ticket, fate(decision));
        if decision.is_anomalous() {
            held.memory.anomaly(self.at);
        }
        if let Some(id) = escalation {
            held.ask(Asked { id, at: self.at, footprint: self.footprint.clone(), became: Became::Open });
        }
    }

    /// Says that it could not be decided or recorded. Where nobody can tell whether it was recorded, it counts.
    pub(super) fn failed(self, error: &SidecarError) {
        match error {
            SidecarError::Store(StoreError::Unavailable(_) | StoreError::Damaged(_))
            | SidecarError::Sign(_)
            | SidecarError::KeyGone
            | SidecarError::NotWitnessed(_)
            | SidecarError::Halted(_)
            | SidecarError::Desk(_) => drop(self),
            SidecarError::Store(
                StoreError::Answered(_)
                | StoreError::Moved(_)
                | StoreError::Overtaken(_)
                | StoreError::Changed(_)
                | StoreError::TooLarge
                | StoreError::Unrecordable(_)
                | StoreError::Full,
            )
            | SidecarError::UnknownExecutor(_)
            | SidecarError::RequestReused { .. }
            | SidecarError::UnknownDecision(_)
            | SidecarError::UnknownEscalation(_)
            | SidecarError::Suspended(_)
            | SidecarError::ClockInDoubt
            | SidecarError::NoKey(_)
            | SidecarError::Draft(_)
            | SidecarError::NoEntropy
            | SidecarError::Record(_)
            | SidecarError::Receipt(_)
            | SidecarError::Erased(_)
            | SidecarError::NothingApart
            | SidecarError::NotAmendable(_)
            | SidecarError::NoDrill(_)
            | SidecarError::Proposal(_) => self.stopped(),
        }
    }

    /// Says that it was stopped by something that is not the agent's doing.
    pub(super) fn stopped(mut self) {
        self.settled = true;
        if let Some(held) = lock(&self.slot).as_mut() {
            held.end(self.ticket, Fate::Denied);
        }
    }
}

impl Drop for Weighing {
    fn drop(&mut self) {
        if !self.settled
            && let Some(held) = lock(&self.slot).as_mut()
        {
            held.end(self.ticket, Fate::Allowed);
        }
    }
}

impl Held {
    fn begin(&mut self, footprint: Footprint, at: Moment) -> u64 {
        let ticket = self.tickets;
        self.tickets += 1;
        self.memory.add(&footprint, at);
        self.under_way.push(UnderWay { ticket, at, footprint });
        ticket
    }

    /// Ends what was begun; what this memory never counted it does not take back.
    fn end(&mut self, ticket: u64, fate: Fate) {
        if let Some(place) = self.under_way.iter().position(|one| one.ticket == ticket) {
            let UnderWay { at, footprint, .. } = self.under_way.swap_remove(place);
            self.memory.settle(&footprint, at, fate);
        }
    }

    /// Remembers that people were asked. Where there is no room, a denial is the last to be forgotten.
    fn ask(&mut self, asked: Asked) {
        if self.asked.len() >= ASKED_KEPT {
            let denial = |one: &Asked| matches!(one.became, Became::Denied(..));
            let oldest = self.asked.iter().position(|one| !denial(one)).unwrap_or_default();
            self.asked.remove(oldest);
        }
        self.asked.push(asked);
    }

    /// Who denied something like this lately. What became of an escalation is read when it matters first.
    fn denied(
        &mut self,
        store: &dyn Store,
        elsewhere: &Elsewhere,
        footprint: &Footprint,
        since: Moment,
    ) -> Result<Option<DeniedBefore>, StoreError> {
        self.asked.retain(|asked| match &asked.became {
            Became::Open | Became::Granted => true,
            Became::Denied(_, at) => *at >= since,
            Became::Over => false,
        });
        let unknown =
            |asked: &&Asked| matches!(asked.became, Became::Open) && asked.footprint.may_be(footprint);
        // Whoever asks often must not hide a denial behind what is still open, nor have all of that read each time.
        let open: HashSet<EscalationId> = match self.asked.iter().filter(unknown).count() > ASKED_READ {
            true => store.open()?.into_iter().collect(),
            false => HashSet::new(),
        };
        let mut found = None;
        for asked in self.asked.iter_mut().rev().filter(|asked| asked.footprint.may_be(footprint)) {
            if matches!(asked.became, Became::Open) && !open.contains(&asked.id) {
                asked.became = match elsewhere.became(asked.id) {
                    Some(became) => became,
                    None => became(store, asked.id)?,
                };
                // What will not run does not add up any more.
                if matches!(asked.became, Became::Over | Became::Denied(..)) {
                    self.memory.settle(&asked.footprint, asked.at, Fate::Denied);
                }
            }
            if let (Became::Denied(denied, at), None) = (&asked.became, &found)
                && *at >= since
            {
                found = Some(denied.clone());
            }
        }
        Ok(found)
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Held>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn fate(decision: &Decision) -> Fate {
    match decision.outcome {
        Outcome::Allow { .. } => Fate::Allowed,
        Outcome::Escalate(_) => Fate::Escalated,
        Outcome::Deny => Fate::Denied,
    }
}

#[expect(clippy::too_many_arguments, reason = "what is known, and of what")]
fn history(
    held: &mut Held,
    elsewhere: &Elsewhere,
    store: &dyn Store,
    policy: &Policy,
    request: &Request<'_>,
    examined: &Examined,
    footprint: &Footprint,
    now: Moment,
) -> Result<History, StoreError> {
    let is_new = |habit: Habit<'_>| store.did_before(request.agent, habit).map(|before| !before);
    let operation = request.operation;
    let new = Novelty {
        action: is_new(Habit::Action(operation.action()))?,
        resource: is_new(Habit::Family(&family(operation.resource())))?,
        environment: is_new(Habit::Environment(examined.facts().environment.value))?,
    };
    let since = now.minus(policy.model().evasion.denial_stands);
    let denied = held.denied(store, elsewhere, footprint, since)?;
    Ok(History { new, denied, ..held.memory.history(footprint, policy.model(), now) })
}

/// The agent's memory under this policy, rebuilt where there is none.
fn recalled<'a>(
    slot: &'a mut Option<Held>,
    store: &dyn Store,
    policy: &Policy,
    agent: &AgentId,
    now: Moment,
    elsewhere: &Elsewhere,
) -> Result<&'a mut Held, StoreError> {
    let before = match slot.take() {
        Some(held) if held.policy == policy.digest() => return Ok(slot.insert(held)),
        before => before,
    };
    let mut held = match recall(store, policy, agent, now, elsewhere) {
        Ok(held) => held,
        Err(error) => {
            // It still holds what is under way.
            *slot = before;
            return Err(error);
        }
    };
    if let Some(before) = before {
        held.tickets = before.tickets;
        for one in before.under_way {
            // The limits that it counted towards were those of the policy before.
            let footprint = one.footprint.without_limits();
            held.memory.add(&footprint, one.at);
            held.under_way.push(UnderWay { footprint, ..one });
        }
    }
    Ok(slot.insert(held))
}

/// Reads from the record what the agent did lately.
fn recall(
    store: &dyn Store,
    policy: &Policy,
    agent: &AgentId,
    now: Moment,
    elsewhere: &Elsewhere,
) -> Result<Held, StoreError> {
    let model = policy.model();
    let windows = policy.limits().iter().map(|limit| limit.window);
    let mut memory = Memory::new(model.evasion.clone(), windows);
    let mut anomalies = store.anomalies(agent, now.minus(model.behaviour.window))?;
    anomalies.reverse();
    for at in anomalies {
        memory.anomaly(at);
    }
    let since = now.minus(memory.reach());
    let mut limit = 1000;
    let decisions = loop {
        let found = store.decisions_of(agent, limit)?;
        let oldest = found.last().map(|index| store.record(*index)).transpose()?;
        if found.len() < limit || oldest.is_none_or(|oldest| oldest.at < since) {
            break found;
        }
        limit = limit.saturating_mul(4);
    };
    let mut decided = Vec::new();
    for index in decisions {
        let record = store.record(index)?;
        if let Event::Decided(event) = record.event {
            decided.push((record.at, event));
        }
    }
    decided.extend(elsewhere.decided_for(agent));
    decided.sort_by_key(|(at, _)| *at);
    for (at, decided) in decided.iter().filter(|(at, one)| *at >= since && !one.decision.denies()) {
        let footprint = footprint_of(decided, policy)?;
        memory.add(&footprint, *at);
        memory.settle(&footprint, *at, fate(&decided.decision));
    }
    let mut held = Held {
        policy: policy.digest(),
        memory,
        asked: asked(store, policy, agent)?,
        under_way: Vec::new(),
        tickets: 0,
    };
    if elsewhere.is_asked() {
        for (at, decided) in decided {
            if let Some(id) = decided.escalation {
                let footprint = footprint_of(&decided, policy)?;
                held.ask(Asked { id, at, footprint, became: Became::Open });
            }
        }
    }
    Ok(held)
}

/// What people were asked for this agent lately.
fn asked(store: &dyn Store, policy: &Policy, agent: &AgentId) -> Result<Vec<Asked>, StoreError> {
    let mut found = Vec::new();
    for id in store.latest(ESCALATIONS_RECALLED)? {
        let course = store.course(id)?;
        let opened = course.records.first().map(|(_, record)| record);
        let Some((at, Event::Escalation { step: escalation::Event::Opened(opening), .. })) =
            opened.map(|record| (record.at, &record.event))
        else {
            continue;
        };
        if opening.agent != *agent {
            continue;
        }
        let Some(index) = store.decided(opening.txn)? else { continue };
        let Event::Decided(decided) = store.record(index)?.event else { continue };
        let footprint = footprint_of(&decided, policy)?;
        found.push(Asked { id, at, footprint, became: Became::Open });
    }
    found.reverse();
    Ok(found)
}

/// The footprint of a recorded decision, under the policy of now.
fn footprint_of(decided: &Decided, policy: &Policy) -> Result<Footprint, StoreError> {
    let operation = Operation::from_op_bytes(decided.op.as_bytes())
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    let request = Request {
        operation: &operation,
        claims: &decided.claims,
        context: &decided.context,
        agent: &decided.agent,
        on_behalf_of: decided.on_behalf_of.as_ref(),
        executor: Some(&decided.executor),
    };
    Ok(Examined::new(&operation, policy).footprint(&request, policy))
}

/// What became of an escalation, as recorded; one that is not recorded yet is about to be opened.
fn became(store: &dyn Store, id: EscalationId) -> Result<Became, StoreError> {
    let course = store.course(id)?;
    let steps: Vec<&escalation::Event> = course
        .records
        .iter()
        .filter_map(|(_, record)| match &record.event {
            Event::Escalation { step, .. } => Some(step),
            Event::Started { .. }
            | Event::Stopped {}
            | Event::PolicyLoaded { .. }
            | Event::RosterLoaded { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::Decided(_)
            | Event::Drill { .. }
            | Event::Absence { .. }
            | Event::Minted(_)
            | Event::Reported(_)
            | Event::Suspended { .. }
            | Event::Resumed { .. }
            | Event::KeyRevoked { .. }
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. } => None,
        })
        .collect();
    if steps.is_empty() {
        let minted = course.records.iter().any(|(_, record)| matches!(record.event, Event::Minted(_)));
        return Ok(if minted { Became::Granted } else { Became::Open });
    }
    // A course that makes no sense may hide a denial.
    let escalation = Escalation::replay(steps)
        .map_err(|error| StoreError::Damaged(format!("escalation `{id}`: {error}")))?;
    Ok(Became::of(id, &escalation))
}

impl Became {
    fn of(id: EscalationId, escalation: &Escalation) -> Self {
        match escalation {
            Escalation::Denied(denied) => match &denied.cause {
                Denial::Reviewer(by) => {
                    Self::Denied(DeniedBefore { by: by.clone(), escalation: id }, denied.at)
                }
                Denial::Contradiction(_) | Denial::Drill => Self::Over,
            },
            Escalation::Pending(_) => Self::Open,
            Escalation::Approved(_) | Escalation::Claimed(_) => Self::Granted,
            Escalation::Expired(_)
            | Escalation::Cancelled(_)
            | Escalation::Blocked(_)
            | Escalation::Lapsed(_) => Self::Over,
        }
    }
}
