//! Analytics: what the record says about how well deciding works, as one fold over its records (A2, R7).
//!
//! Everything is counted with the operation that it belongs to: an operation that was decided within the time that is
//! asked for counts with whatever became of it later, and what became of an earlier one does not count. What speaks
//! against an action is kept from the whole record, whatever time is asked for.
//!
//! Memory is bounded: so many actions, agents, rules and days are told apart, the rest is counted together; lengths of
//! time are exact while they are few, and known to one part in 256 when they are many.

mod course;
mod drift;
pub mod interval;
pub mod ledger;
mod people;
mod recent;
mod report;
pub mod saturation;
pub mod spread;
mod stages;
pub mod tally;

pub use drift::{Band, Discrimination, DriftReport, FactorDrift, LEAST_INCIDENTS, LevelDrift, Verdict};
pub use recent::REMEMBERED;
pub use report::{
    Day, Drills, Emergencies, Named, Report, ReviewerReport, RuleReport, Share, StageReport, Told,
};

use super::event::{Decided, Event, Incident, Outcome as Became, Record};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, EscalationId, PersonId, TxnId};
use crate::reviewer::Directory;
use crate::reviewer::workload::{Likeness, Workload};
use crate::risk::calendar::Calendar;
use crate::risk::{Environment, Level};
use course::Live;
use drift::Drift;
use ledger::{Against, Ledger, Subject};
use people::Reviewer;
use recent::{Recent, Remembered};
use saturation::{Limits, Saturation};
use stages::{Asking, Stage};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use tally::Group;

/// So many actions, and so many agents, are told apart; others are counted together.
pub const MOST_NAMES: usize = 1000;
/// So many rules are told apart.
const MOST_RULES: usize = 10_000;
/// So many days or weeks are kept, the latest.
pub const MOST_PERIODS: usize = 1000;
/// So many escalations are watched at the same time.
const MOST_LIVE: usize = 100_000;
/// So many times at which the queue began or ceased to be saturated are kept, the latest.
const MOST_TOLD: usize = 200;

/// What is counted, and by which clock.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Only operations that were decided at this moment or later.
    pub since: Option<Moment>,
    /// Only operations that were decided before this moment.
    pub until: Option<Moment>,
    /// The clock by whose hours and days they are grouped; its working hours count for nothing.
    pub clock: Calendar,
    /// The name of its time zone; UTC if it is empty.
    pub zone: Box<str>,
    /// Over what time each point of a series is.
    pub every: Every,
    /// When the queue is saturated.
    pub saturation: Limits,
}

/// Over what time each point of a series is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Every {
    /// A day.
    #[default]
    Day,
    /// A week that begins on Monday.
    Week,
}

/// A day: year, month and day.
type Date = (i16, i8, i8);

/// Groups that are told apart by a name, as far as there is room.
#[derive(Clone, Debug)]
struct Groups<K> {
    known: BTreeMap<K, Group>,
    others: Group,
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), others: Group::default() }
    }
}

impl<K: Ord + Clone> Groups<K> {
    fn of(&mut self, key: &K) -> &mut Group {
        if self.known.len() >= MOST_NAMES && !self.known.contains_key(key) {
            return &mut self.others;
        }
        self.known.entry(key.clone()).or_default()
    }
}

/// What an operation is counted under.
#[derive(Clone, Debug)]
struct Keys {
    txn: TxnId,
    at: Moment,
    agent: AgentId,
    subject: Subject,
    /// The rule that decided, or the level where none did.
    cause: Arc<str>,
    hour: usize,
    hour_utc: usize,
    day: Date,
    /// What actions like it are called in the ledger.
    like: Option<u32>,
    /// What it waits together with.
    alike: Likeness,
    /// A pattern of the resource, if there is one.
    resource: Option<String>,
    irreversible: bool,
    /// The floors that lifted it.
    floors: Vec<Arc<str>>,
    /// Its score, where that alone made it `medium` and no rule said anything.
    medium_score: Option<u16>,
    /// Whether it is of the time that is asked for.
    counted: bool,
}

/// What the record says, kept up to the last record that was taken.
#[derive(Clone, Debug)]
pub struct Statistics {
    settings: Settings,
    next: u64,
    span: Option<(Moment, Moment)>,
    directory: Option<Arc<Directory>>,
    workload: Workload,
    live: HashMap<EscalationId, Live>,
    /// Votes for changed operations: each comes once more where the agent takes the change.
    proposed: HashSet<crate::digest::VoteDigest>,
    recent: Recent,
    all: Group,
    actions: Groups<Arc<str>>,
    agents: Groups<AgentId>,
    levels: [Group; 4],
    hours: Vec<Group>,
    hours_utc: Vec<Group>,
    days: BTreeMap<Date, Group>,
    rules: BTreeMap<Arc<str>, Asking>,
    stages: Vec<Stage>,
    people: BTreeMap<PersonId, Reviewer>,
    drills: Drills,
    emergencies: Emergencies,
    drift: Drift,
    ledger: Ledger,
    saturation: Saturation,
    told: std::collections::VecDeque<Told>,
}

impl Statistics {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let saturation = Saturation::new(settings.saturation);
        Self {
            settings,
            next: 0,
            span: None,
            directory: None,
            workload: Workload::default(),
            live: HashMap::new(),
            proposed: HashSet::new(),
            recent: Recent::default(),
            all: Group::default(),
            actions: Groups::default(),
            agents: Groups::default(),
            levels: Default::default(),
            hours: vec![Group::default(); 24],
            hours_utc: vec![Group::default(); 24],
            days: BTreeMap::new(),
            rules: BTreeMap::new(),
            stages: Vec::new(),
            people: BTreeMap::new(),
            drills: Drills::default(),
            emergencies: Emergencies::default(),
            drift: Drift::default(),
            ledger: Ledger::default(),
            saturation,
            told: std::collections::VecDeque::new(),
        }
    }

    /// The place of the record that is to be taken next.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// What people decided about the like of each operation, and what ever spoke against it.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes the next record; one that was taken before is left out.
    pub fn take(&mut self, index: u64, record: &Record) {
        if index < self.next {
            return;
        }
        self.next = index + 1;
        self.saturated(record);
        match &record.event {
            Event::RosterLoaded { text, .. } => {
                // A roster that cannot be read was none; whom it has is then not known.
                self.directory = Directory::parse(text, "(recorded)").ok().map(Arc::new);
            }
            Event::Decided(decided) => self.decided(decided, record.at),
            Event::Drill { id, proposal, .. } => {
                let keys = self.keys(proposal, record.at);
                self.drills.opened += u64::from(keys.counted);
                self.watch(*id, Live::new(keys, true));
            }
            Event::Escalation { id, step } => self.step(*id, step),
            Event::Minted(minted) => {
                if let Some(operation) = self.recent.of(minted.txn)
                    && !core::mem::replace(&mut operation.minted, true)
                    && operation.counted
                {
                    self.drift.ran(operation);
                }
            }
            Event::Reported(reported) => self.became(reported.txn, reported.outcome),
            Event::Receipted(receipted) => self.became(receipted.txn, receipted.outcome),
            Event::Incident(incident) => self.incident(incident),
            Event::Started { .. }
            | Event::Stopped {}
            | Event::PolicyLoaded { .. }
            | Event::Absence { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::KeyRevoked { .. }
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. }
            | Event::Suspended { .. }
            | Event::Resumed { .. } => {}
        }
    }

    fn counts(&self, at: Moment) -> bool {
        self.settings.since.is_none_or(|since| at >= since)
            && self.settings.until.is_none_or(|until| at < until)
    }

    fn saturated(&mut self, record: &Record) {
        let counted = self.counts(record.at);
        for saturated in self.saturation.take(record) {
            if !counted {
                continue;
            }
            if self.told.len() >= MOST_TOLD {
                self.told.pop_front();
            }
            self.told.push_back(Told { at: record.at, saturated });
        }
    }

    fn keys(&mut self, decided: &Decided, at: Moment) -> Keys {
        let assessment = &decided.decision.assessment;
        // An operation that is kept apart, or is none: what can be said of it is said without its name.
        let operation = Operation::from_op_bytes(decided.op.as_bytes()).ok();
        let action = operation.as_ref().map_or("(unknown)", Operation::action);
        let resource = operation.as_ref().map_or("(unknown)", Operation::resource);
        let like = operation.as_ref().and_then(|operation| self.ledger.number(operation.action()));
        let level = assessment.level;
        let cause = match &decided.decision.rule {
            Some(rule) => format!("rule:{rule}"),
            None => format!("level:{level}"),
        };
        let lifts = |level: Level| level > assessment.level_of_score;
        let floors = assessment.floors.iter().filter(|floor| lifts(floor.level));
        let by_score = decided.decision.rule.is_none() && level == Level::Medium && !lifts(level);
        let local = self.settings.clock.local(at);
        let first = match self.settings.every {
            Every::Day => local.date,
            Every::Week => {
                let days = core::time::Duration::from_secs(u64::from(local.weekday) * 24 * 60 * 60);
                self.settings.clock.local(at.minus(days)).date
            }
        };
        Keys {
            txn: decided.txn,
            at,
            agent: decided.agent.clone(),
            subject: Subject { action: action.into(), environment: environment(decided), level },
            cause: cause.into(),
            hour: usize::from(local.minute / 60),
            hour_utc: usize::try_from(at.unix_seconds() / 3600 % 24).unwrap_or_default(),
            day: first,
            like,
            alike: Likeness::new(&decided.agent, action, resource),
            resource: ledger::pattern(resource),
            irreversible: assessment.facts.irreversible.value,
            floors: floors.map(|floor| floor.floor.as_str().into()).collect(),
            medium_score: by_score.then(|| assessment.score.thousandths()),
            counted: self.counts(at),
        }
    }

    fn decided(&mut self, decided: &Decided, at: Moment) {
        let keys = self.keys(decided, at);
        if keys.counted {
            self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
        let decision = &decided.decision;
        let remembered = Remembered::new(&decision.assessment, keys.like, keys.counted);
        self.recent.remember(decided.txn, remembered);
        if decision.denies() {
            self.ledger.against(keys.like, Against::DeniedAtOnce);
        }
        if !decision.assessment.anomalies.is_empty() {
            self.ledger.against(keys.like, Against::Anomaly);
        }
        let suspended = decided.suspension.is_some();
        self.each(&keys, |group| {
            let decisions = &mut group.decisions;
            match (decision.allows(), decision.denies(), suspended) {
                (_, _, true) => decisions.suspended += 1,
                (true, _, false) => decisions.allowed += 1,
                (false, true, false) => decisions.denied += 1,
                (false, false, false) => decisions.escalated += 1,
            }
        });
        let Some(id) = decided.escalation else { return };
        for floor in &keys.floors {
            if let Some(lifted) = self.ledger.floor(floor) {
                lifted.is_about(keys.like);
            }
        }
        if let Some(score) = keys.medium_score {
            self.ledger.medium_scores.entry(score).or_default().is_about(keys.like);
        }
        self.watch(id, Live::new(keys, false));
    }

    fn watch(&mut self, id: EscalationId, live: Live) {
        if self.live.len() < MOST_LIVE {
            self.live.insert(id, live);
        } else {
            self.ledger.against(live.keys.like, Against::Unknown);
        }
    }

    fn became(&mut self, txn: TxnId, outcome: Became) {
        match outcome {
            Became::Failed | Became::Refused => {
                let like = self.recent.of(txn).and_then(|operation| operation.like);
                self.ledger.against(like, Against::Failed);
            }
            Became::Succeeded | Became::Unknown => {}
        }
    }

    fn incident(&mut self, incident: &Incident) {
        let Some(operation) = self.recent.of(incident.txn) else {
            self.drift.unknown();
            self.ledger.against(None, Against::Incident);
            return;
        };
        self.ledger.against(operation.like, Against::Incident);
        if !operation.counted {
            return;
        }
        if !operation.minted {
            self.drift.not_minted();
            return;
        }
        let first = !core::mem::replace(&mut operation.incident, true);
        self.drift.incident(incident.severity, first.then_some(operation));
    }

    /// Every group that an operation belongs to, if it is of the time that is asked for.
    fn each(&mut self, keys: &Keys, change: impl Fn(&mut Group)) {
        if !keys.counted {
            return;
        }
        change(&mut self.all);
        change(self.actions.of(&keys.subject.action));
        change(self.agents.of(&keys.agent));
        self.levels.get_mut(keys.subject.level as usize).map(&change);
        self.hours.get_mut(keys.hour).map(&change);
        self.hours_utc.get_mut(keys.hour_utc).map(&change);
        change(self.days.entry(keys.day).or_default());
        if self.days.len() > MOST_PERIODS {
            self.days.pop_first();
        }
    }

    fn rule(&mut self, cause: &Arc<str>) -> Option<&mut Asking> {
        if self.rules.len() >= MOST_RULES && !self.rules.contains_key(cause) {
            return None;
        }
        Some(self.rules.entry(cause.clone()).or_default())
    }
}

fn environment(decided: &Decided) -> Environment {
    decided.decision.assessment.facts.environment.value
}
