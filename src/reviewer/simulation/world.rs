//! The world of a simulation: a queue of what happens next, the escalations, and people who answer.

use super::chance::Chance;
use super::report::{Part, Report};
use super::{Kind, Plan};
use crate::digest::{OperationDigest, PolicyDigest, RenderingDigest};
use crate::escalation::requirement::Requirement;
use crate::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement};
use crate::escalation::{Attestation, Ballot, Escalation, Event, Opening, Stage, Status, Terms};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId, TxnId};
use crate::reviewer::routing::{About, agents_share, is_pressing, route_case};
use crate::reviewer::workload::{Likeness, Shown};
use crate::reviewer::{Absence, Absences, Attendance, Directory, Person, Workload};
use crate::token::Assurance;
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Something that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// An agent asks.
    Open,
    /// Somebody who was asked answers, if they are there.
    Answer(usize, PersonId),
    /// Time has passed for an escalation.
    Wake(usize),
    /// A day begins: people fall ill.
    Day,
}

/// An escalation and what it is about.
struct Case {
    state: Option<Escalation>,
    kind: usize,
    resource: String,
    like: Likeness,
    opened_at: Moment,
    decide_by: Moment,
    /// When it is looked at again.
    wake_at: Option<Moment>,
    ended_at: Option<Moment>,
}

/// Where people are signed in, and sign nothing: the simulation holds nobody's key.
fn unsigned(terms: &Terms) -> Terms {
    let eased = |requirement: &Requirement| requirement.known_at_most(Assurance::Session);
    let stage = |stage: &Stage| Stage { requirement: eased(&stage.requirement), after: stage.after };
    Terms {
        requirement: eased(&terms.requirement),
        ladder: terms.ladder.iter().map(stage).collect(),
        escalation_pool: terms.escalation_pool.as_ref().map(eased),
        ..terms.clone()
    }
}

pub(super) struct World<'a> {
    directory: &'a Directory,
    plan: &'a Plan,
    /// The plan's terms, as people who sign nothing can meet them.
    terms: Vec<Terms>,
    chance: Chance,
    absences: Absences,
    workload: Workload,
    cases: Vec<Case>,
    queue: BinaryHeap<Reverse<(Moment, u64, Next)>>,
    /// How many things were queued: what is due at the same moment happens in the order in which it was queued.
    queued: u64,
    /// How often each person was asked on each of their days: at all, and by agent.
    days: BTreeMap<(PersonId, Moment), BTreeMap<AgentId, usize>>,
    votes: BTreeMap<PersonId, usize>,
    times: Vec<Duration>,
    report: Report,
}

impl<'a> World<'a> {
    pub(super) fn new(directory: &'a Directory, plan: &'a Plan) -> Self {
        let mut world = Self {
            directory,
            plan,
            terms: plan.mix.iter().map(|kind| unsigned(&kind.terms)).collect(),
            chance: Chance::new(plan.seed),
            absences: Absences::default(),
            workload: Workload::default(),
            cases: Vec::new(),
            queue: BinaryHeap::new(),
            queued: 0,
            days: BTreeMap::new(),
            votes: BTreeMap::new(),
            times: Vec::new(),
            report: Report::default(),
        };
        for _ in 0..plan.escalations {
            let at = world.some_time();
            world.push(at, Next::Open);
        }
        let days = plan.lasts.as_secs() / A_DAY.as_secs();
        for day in 0..days {
            world.push(plan.from.plus(A_DAY * u32::try_from(day).unwrap_or(u32::MAX)), Next::Day);
        }
        world
    }

    pub(super) fn run(mut self) -> Report {
        while let Some(Reverse((now, _, next))) = self.queue.pop() {
            match next {
                Next::Open => self.open(now),
                Next::Answer(case, person) => self.answer(case, &person, now),
                Next::Wake(case) => self.wake(case, now),
                Next::Day => self.day(now),
            }
        }
        self.sum_up()
    }

    fn push(&mut self, at: Moment, next: Next) {
        self.queued += 1;
        self.queue.push(Reverse((at, self.queued, next)));
    }

    /// A time at which an agent asks: four times as often by day as by night, and rarely at weekends.
    fn some_time(&mut self) -> Moment {
        let span = u64::try_from(self.plan.lasts.as_millis()).unwrap_or(u64::MAX);
        loop {
            let at = self.plan.from.plus(Duration::from_millis(self.chance.below(span)));
            let hours = at.unix_seconds() / 3600;
            let by_day = (6..22).contains(&(hours % 24));
            // 1970-01-01 was a Thursday.
            let weekend = matches!(hours / 24 % 7, 2 | 3);
            let likely = if by_day { 1000 } else { 250 } / if weekend { 6 } else { 1 };
            if self.chance.happens(likely) {
                return at;
            }
        }
    }

    fn day(&mut self, now: Moment) {
        let people: Vec<&Person> = self.directory.people().collect();
        for person in &people {
            if self.chance.happens(self.plan.people.falls_ill) {
                let days = u32::try_from(1 + self.chance.below(3)).unwrap_or(1);
                let mates: Vec<&&Person> = people
                    .iter()
                    .filter(|other| other.id != person.id && !other.teams.is_disjoint(&person.teams))
                    .collect();
                let mate =
                    usize::try_from(self.chance.next() % mates.len().max(1) as u64).unwrap_or_default();
                let delegate = mates.get(mate).map(|mate| mate.id.clone());
                let absence =
                    Absence { from: now, until: now.plus(A_DAY * days), delegate, known: Assurance::Signed };
                self.absences.announce(&person.id, absence, now);
            }
        }
    }

    /// An agent asks: for the like of something that it has just asked for, or for something else.
    fn open(&mut self, now: Moment) {
        let number = self.cases.len();
        let again = self.chance.happens(self.plan.people.repeats);
        let before = self.cases.last().filter(|last| again && now.since(last.opened_at) < HOUR);
        let (kind, resource, agent) = match before.and_then(|last| Some((last, last.state.as_ref()?))) {
            Some((last, state)) => (last.kind, last.resource.clone(), state.case().opening().agent.clone()),
            None => {
                let kind = self.some_kind();
                let resource = self
                    .plan
                    .mix
                    .get(kind)
                    .map_or_else(String::new, |kind| format!("{}{number}", kind.resource));
                let agent = self.chance.below(u64::from(self.plan.agents.max(1)));
                let Ok(agent) = AgentId::new(&format!("agent-{agent}")) else { return };
                (kind, resource, agent)
            }
        };
        let (Some(Kind { action, .. }), Some(terms)) = (self.plan.mix.get(kind), self.terms.get(kind)) else {
            return;
        };
        let like = Likeness::new(&agent, action, &resource);
        let mut bits = [0; 16];
        bits.iter_mut().zip(number.to_be_bytes()).for_each(|(bit, byte)| *bit = byte);
        let opening = Opening {
            id: EscalationId::from_random(bits),
            txn: TxnId::from_random(bits),
            agent,
            on_behalf_of: None,
            operators: BTreeSet::new(),
            operation: OperationDigest::from_bytes([0; 32]),
            shown: RenderingDigest::from_bytes([0; 32]),
            policy: PolicyDigest::from_bytes([0; 32]),
            enforceable: terms.conditions.iter().map(crate::condition::Condition::kind).collect(),
            terms: terms.clone(),
            opened_at: now,
            amends: None,
            drill: false,
        };
        self.report.escalations += 1;
        self.workload.opened(&opening, Shown { like, characters: 0 });
        let decide_by = opening.decide_by();
        let attendance = Attendance::new(self.directory, &self.absences, now);
        let events = Escalation::open(opening, &attendance);
        let state = Escalation::replay(&events).ok();
        self.cases.push(Case {
            state,
            kind,
            resource,
            like,
            opened_at: now,
            decide_by,
            wake_at: None,
            ended_at: None,
        });
        self.note(number, &events, now);
        self.attend(number, now);
    }

    /// Sees to it that an escalation is looked at then, or before.
    fn wake_at(&mut self, number: usize, at: Moment) {
        let Some(case) = self.cases.get_mut(number) else { return };
        if case.wake_at.is_none_or(|known| known > at) {
            case.wake_at = Some(at);
            self.push(at, Next::Wake(number));
        }
    }

    fn wake(&mut self, number: usize, now: Moment) {
        let Some(case) = self.cases.get_mut(number) else { return };
        // An earlier one took its place.
        if case.wake_at == Some(now) {
            case.wake_at = None;
            self.attend(number, now);
        }
    }

    fn some_kind(&mut self) -> usize {
        let mut left = self.chance.below(self.plan.mix.iter().map(|kind| u64::from(kind.weight)).sum());
        for (at, kind) in self.plan.mix.iter().enumerate() {
            match left.checked_sub(u64::from(kind.weight)) {
                Some(rest) => left = rest,
                None => return at,
            }
        }
        0
    }

    /// What the desk does whenever something may have changed: it looks at what the time means, asks whom it is time to
    /// ask, and goes to the next stage where too few are there.
    fn attend(&mut self, number: usize, now: Moment) {
        let Some(Case { state: Some(state), ended_at: None, .. }) = self.cases.get(number) else { return };
        let attendance = Attendance::new(self.directory, &self.absences, now);
        let events = state.reconsider(&attendance, now);
        self.record(number, &events, now);
        if events.iter().any(|event| matches!(event, Event::Reminded { .. })) {
            self.remind(number, now);
        }
        let mut off_hours = false;
        loop {
            let attendance = Attendance::new(self.directory, &self.absences, now);
            let Some(case) = self.cases.get(number) else { return };
            let Some(state) = case.state.as_ref().filter(|state| state.status(now) == Status::Pending) else {
                return;
            };
            let Some(kind) = self.plan.mix.get(case.kind) else { return };
            let about = About { action: &kind.action, resource: &case.resource, like: case.like };
            let route = route_case(state.case(), about, off_hours, &attendance, &self.workload);
            let deadline = state.deadline(now);
            match state.widen(now).filter(|_| !route.enough) {
                Some(widened) => {
                    self.report.widened += 1;
                    self.record(number, &[widened], now);
                    continue;
                }
                // Nobody else is left: as a last resort those who are at home.
                None if !route.enough && !off_hours && is_pressing(state.case().opening(), now) => {
                    off_hours = true;
                    continue;
                }
                None => {}
            }
            let people: Vec<PersonId> = route.ask.iter().map(|turn| turn.person.clone()).collect();
            let asked = state.ask(&people, now);
            let agent = state.case().opening().agent.clone();
            for turn in &route.ask {
                self.report.off_hours += usize::from(turn.off_hours);
                if !turn.alike {
                    self.count(&turn.person, &agent, now);
                }
                self.plan_answer(number, &turn.person, turn.pending, turn.off_hours, now);
            }
            self.record(number, asked.as_slice(), now);
            if let Some(wake) = [deadline, route.again_at].into_iter().flatten().filter(|at| *at > now).min()
            {
                self.wake_at(number, wake);
            }
            return;
        }
    }

    /// Whoever overlooked it may see it now.
    fn remind(&mut self, number: usize, now: Moment) {
        let Some(Case { state: Some(state), .. }) = self.cases.get(number) else { return };
        let attendance = Attendance::new(self.directory, &self.absences, now);
        let mut people = state.case().eligible(&attendance, now);
        people.retain(|person| state.case().was_asked(person));
        for person in people {
            let pending = self.workload.of(&person).map_or(0, |load| load.pending());
            self.plan_answer(number, &person, pending, false, now);
        }
    }

    /// Counts beside the workload, so that the one checks the other.
    fn count(&mut self, person: &PersonId, agent: &AgentId, now: Moment) {
        let Some(known) = self.directory.person(person) else { return };
        let day = self.days.entry((person.clone(), known.day_of(now))).or_default();
        *day.entry(agent.clone()).or_default() += 1;
        let (all, agents) = (day.values().sum::<usize>(), day.get(agent).copied().unwrap_or_default());
        self.report.over_cap += usize::from(all > usize::try_from(known.daily_cap).unwrap_or(usize::MAX));
        self.report.over_share += usize::from(agents > agents_share(known.daily_cap));
    }

    fn plan_answer(
        &mut self,
        number: usize,
        person: &PersonId,
        pending: usize,
        off_hours: bool,
        now: Moment,
    ) {
        let habits = self.plan.people;
        if self.chance.happens(habits.overlooks) {
            return;
        }
        let pending = u32::try_from(pending).unwrap_or(u32::MAX);
        let takes = MINUTE + self.chance.short(habits.slowest) + habits.per_pending.saturating_mul(pending);
        // Nobody approves before the policy lets them.
        let least =
            self.cases.get(number).and_then(|case| self.terms.get(case.kind)).map(|terms| terms.min_review);
        let mut at = now.plus(takes.max(least.unwrap_or_default()));
        if !(off_hours && self.chance.happens(habits.answers_off_hours)) {
            // Whoever has gone home meanwhile answers when they are back.
            for _ in 0..8 {
                let presence = Attendance::new(self.directory, &self.absences, at).presence(person);
                match presence.filter(|presence| !presence.is_there()).and_then(|presence| presence.until()) {
                    Some(until) => at = until.plus(takes),
                    None => break,
                }
            }
        }
        self.push(at, Next::Answer(number, person.clone()));
    }

    fn answer(&mut self, number: usize, person: &PersonId, now: Moment) {
        let Some(Case { state: Some(state), .. }) = self.cases.get(number) else { return };
        if state.status(now) != Status::Pending {
            return;
        }
        let no = self.chance.happens(self.plan.people.denies);
        let (Ok(conditions), Ok(reason)) = (Conditions::new(&[]), Reason::new("simulated")) else { return };
        let opening = state.case().opening();
        let statement = Statement {
            escalation: opening.id,
            operation: opening.operation,
            shown: opening.shown,
            policy: opening.policy,
            choice: if no { Choice::Deny } else { Choice::Approve(conditions) },
            reason,
            reviewer: person.clone(),
            time: now,
            nonce: Nonce::from_random([0; 16]),
        };
        let ballot = Ballot::Attested(Box::new(statement), Attestation::Session);
        let attendance = Attendance::new(self.directory, &self.absences, now);
        let step = state.vote(&ballot, &[], &attendance, now);
        if step.result.is_ok() {
            *self.votes.entry(person.clone()).or_default() += 1;
        }
        self.record(number, &step.events, now);
        self.attend(number, now);
    }

    /// Applies events to an escalation.
    fn record(&mut self, number: usize, events: &[Event], now: Moment) {
        let Some(case) = self.cases.get_mut(number) else { return };
        case.state = case.state.take().and_then(|state| state.after(events).ok());
        self.note(number, events, now);
    }

    /// Tells the workload and the report what happened.
    fn note(&mut self, number: usize, events: &[Event], now: Moment) {
        let Some(case) = self.cases.get_mut(number) else { return };
        let Some(id) = case.state.as_ref().map(|state| state.case().opening().id) else { return };
        for event in events {
            self.workload.happened(id, event);
        }
        let status = case.state.as_ref().map(Escalation::recorded_status);
        if case.ended_at.is_some() || status == Some(Status::Pending) {
            return;
        }
        case.ended_at = Some(now);
        let took = now.since(case.opened_at);
        match status {
            Some(Status::Approved) => {
                self.report.approved += 1;
                self.times.push(took);
            }
            Some(Status::Denied) => {
                self.report.denied += 1;
                self.times.push(took);
            }
            Some(Status::Expired) => self.report.expired += 1,
            Some(Status::Blocked) => self.report.blocked += 1,
            Some(Status::Pending | Status::Cancelled | Status::Claimed | Status::Lapsed) | None => {}
        }
    }

    fn sum_up(mut self) -> Report {
        let stuck = |case: &&Case| case.ended_at.is_none_or(|ended| ended > case.decide_by);
        self.report.stuck = self.cases.iter().filter(stuck).count();
        let days = &self.days;
        let part = |person: &Person| {
            let of_person = days.iter().filter(|((id, _), _)| *id == person.id);
            let asked: Vec<usize> = of_person.map(|(_, agents)| agents.values().sum()).collect();
            Part {
                person: person.id.clone(),
                asked: asked.iter().sum(),
                busiest_day: asked.iter().max().copied().unwrap_or_default(),
                daily_cap: person.daily_cap,
                votes: self.votes.get(&person.id).copied().unwrap_or_default(),
            }
        };
        let people = self.directory.people().map(part).collect();
        self.report.of_people(people);
        self.report.of_times(self.times);
        self.report
    }
}
