//! The memory of one agent: what it did lately, added up by the minute, so that a bulk operation cut into many small
//! ones meets the rule for the whole (R6). It is a fold over the record and can be rebuilt from it at any time.

use super::facts::{Environment, Facts, Kind, Source};
use super::history::{History, Totals, family};
use super::model::{EvasionTable, Model};
use crate::moment::Moment;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};

/// The most classes of operations that are kept apart. Beyond, those of one kind and environment add up together.
const MAX_CLASSES: usize = 4096;
/// The most anomalies that are kept; more than this is as bad as it gets.
const MAX_ANOMALIES: usize = 1000;

/// What one operation leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    class: Class,
    /// The resource in lower case.
    resource: Box<str>,
    own: Totals,
    just_below: bool,
    large: bool,
    /// The places of the policy's limits that it counts towards.
    limits: Vec<usize>,
    /// What its payload changes, by name.
    targets: Vec<Box<str>>,
}

/// The most targets that a footprint keeps.
const MAX_TARGETS: usize = 8;

/// Operations that add up: one kind, in one environment, on one family of resources.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Class {
    kind: Kind,
    environment: Environment,
    family: Box<str>,
}

/// The amounts at which the policy says something else; an operation that stays just below one is suspicious if it
/// is not alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// Of rows.
    pub rows: Vec<u64>,
    /// Of objects.
    pub objects: Vec<u64>,
    /// Of cost.
    pub cost: Vec<u64>,
}

impl Thresholds {
    /// Whether an amount lies in the last part below one of the thresholds, or on it.
    fn just_below(&self, facts: &Facts, table: &EvasionTable) -> bool {
        let share = u128::from(table.just_below.thousandths());
        let near = |amount: u64, thresholds: &[u64]| {
            thresholds.iter().any(|threshold| {
                amount <= *threshold && u128::from(amount) * 1000 > u128::from(*threshold) * share
            })
        };
        near(facts.touched.rows, &self.rows)
            || near(facts.touched.objects, &self.objects)
            || near(facts.cost.value.unwrap_or_default(), &self.cost)
    }

    fn beyond(&self, facts: &Facts) -> bool {
        let over = |amount: u64, thresholds: &[u64]| thresholds.iter().any(|threshold| amount > *threshold);
        over(facts.touched.rows, &self.rows)
            || over(facts.touched.objects, &self.objects)
            || over(facts.cost.value.unwrap_or_default(), &self.cost)
    }
}

impl Footprint {
    /// The footprint of an operation with these facts, its own, before anything is added up.
    #[must_use]
    pub fn new(
        resource: &str,
        facts: &Facts,
        limits: Vec<usize>,
        thresholds: &Thresholds,
        model: &Model,
    ) -> Self {
        let kind = facts.kind.value;
        // What changes something and does not say how much changes one thing at least.
        let least = u64::from(kind != Kind::Read);
        let own = Totals {
            requests: 1,
            rows: facts.touched.rows.max(least),
            objects: facts.touched.objects.max(least),
            cost: facts.cost.value.unwrap_or_default(),
        };
        let class = Class { kind, environment: facts.environment.value, family: family(resource).into() };
        Self {
            class,
            resource: resource.to_ascii_lowercase().into(),
            own,
            just_below: thresholds.just_below(facts, &model.evasion),
            // What is large only together with others is not large itself.
            large: thresholds.beyond(facts)
                || (facts.scope.value.is_large() && facts.scope.source != Source::History),
            limits,
            targets: targets(facts),
        }
    }

    /// The same, counting towards no limit.
    #[must_use]
    pub fn without_limits(&self) -> Self {
        Self { limits: Vec::new(), ..self.clone() }
    }

    /// What it amounts to by itself.
    #[must_use]
    pub const fn own(&self) -> &Totals {
        &self.own
    }

    /// Whether it counts towards the policy's limit at this place.
    #[must_use]
    pub fn counts_towards(&self, limit: usize) -> bool {
        self.limits.contains(&limit)
    }

    /// Whether the other may be this one in another form: of the same kind, and on something that both payloads name
    /// however they are wrapped, or on the same resource where one of them names nothing, or on one of the family
    /// where this one was large.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let piece = self.large && self.class == other.class;
        let same = match self.targets.is_empty() || other.targets.is_empty() {
            true => self.resource == other.resource,
            false => self.targets.iter().any(|target| other.targets.contains(target)),
        };
        piece || (same && self.class.kind == other.class.kind)
    }
}

fn targets(facts: &Facts) -> Vec<Box<str>> {
    let changing = facts.acts.iter().filter(|act| act.kind != Kind::Read);
    let names = changing.flat_map(|act| &act.targets).take(MAX_TARGETS);
    names.map(|name| name.to_ascii_lowercase().into()).collect()
}

/// What became of an operation, as far as the memory is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was allowed.
    Allowed,
    /// People were asked.
    Escalated,
    /// It was denied, so it does not add up.
    Denied,
}

/// What one agent did lately.
#[derive(Clone, Debug)]
pub struct Memory {
    classes: HashMap<Class, Window>,
    limits: Vec<(Duration, Window)>,
    anomalies: VecDeque<Moment>,
    evasion: EvasionTable,
}

/// Sums by the minute, oldest first.
#[derive(Clone, Debug, Default)]
struct Window(VecDeque<Minute>);

#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    minute: u64,
    totals: Totals,
    just_below: u32,
    /// How many of its operations were large.
    large: u64,
    /// A large one was not simply allowed.
    stopped: bool,
}

impl Memory {
    /// The empty memory of an agent, for a policy with limits of these windows.
    #[must_use]
    pub fn new(evasion: EvasionTable, limits: impl IntoIterator<Item = Duration>) -> Self {
        let limits = limits.into_iter().map(|window| (window, Window::default())).collect();
        Self { classes: HashMap::new(), limits, anomalies: VecDeque::new(), evasion }
    }

    /// How far back the record has to be read to rebuild it, anomalies aside.
    #[must_use]
    pub fn reach(&self) -> Duration {
        self.limits.iter().map(|(window, _)| *window).fold(self.evasion.window, Duration::max)
    }

    /// Adds an operation before it is decided, so that two at once each count the other.
    pub fn add(&mut self, footprint: &Footprint, now: Moment) {
        let window = self.evasion.window;
        self.class_of(footprint, now).add(footprint, now, window);
        for place in &footprint.limits {
            if let Some((window, sums)) = self.limits.get_mut(*place) {
                sums.add(footprint, now, *window);
            }
        }
    }

    /// Says what became of an operation that was added at `added`.
    pub fn settle(&mut self, footprint: &Footprint, added: Moment, fate: Fate) {
        let stopped = fate != Fate::Allowed && footprint.large;
        let class = self.class_of(footprint, added);
        if stopped {
            class.stop(added);
        }
        if fate == Fate::Denied {
            class.take_back(footprint, added);
            for place in &footprint.limits {
                if let Some((_, sums)) = self.limits.get_mut(*place) {
                    sums.take_back(footprint, added);
                }
            }
        }
    }

    /// Adds an anomaly.
    pub fn anomaly(&mut self, at: Moment) {
        if self.anomalies.len() >= MAX_ANOMALIES {
            self.anomalies.pop_front();
        }
        self.anomalies.push_back(at);
    }

    /// What the record says about the agent at this moment; `footprint` was added.
    #[must_use]
    pub fn history(&self, footprint: &Footprint, model: &Model, now: Moment) -> History {
        let recent = self.classes.get(&footprint.class).or_else(|| self.classes.get(&footprint.class.rest()));
        let since = now.minus(self.evasion.window);
        let recent_totals = recent.map(|window| window.since(since)).unwrap_or_default();
        History {
            anomalies: self.anomalies_at(now, model.behaviour.window),
            recent: recent_totals.totals,
            limits: self
                .limits
                .iter()
                .enumerate()
                .map(|(place, (window, sums))| match footprint.limits.contains(&place) {
                    true => sums.since(now.minus(*window)).totals,
                    false => Totals::default(),
                })
                .collect(),
            just_below: if footprint.just_below { recent_totals.just_below } else { 0 },
            pieces: if footprint.large { 0 } else { recent.map_or(0, |window| window.pieces(since)) },
            ..History::default()
        }
    }

    /// How many anomalies count, each the less the longer it is ago; a part of one counts as a whole one.
    #[must_use]
    pub fn anomalies_at(&self, now: Moment, window: Duration) -> u32 {
        let whole = window.as_millis().max(1);
        let faded = |at: &Moment| {
            let age = now.since(*at).as_millis().min(whole);
            (whole - age) * 1000 / whole
        };
        let sum: u128 = self.anomalies.iter().map(faded).sum();
        u32::try_from(sum.div_ceil(1000)).unwrap_or(u32::MAX)
    }

    fn class_of(&mut self, footprint: &Footprint, now: Moment) -> &mut Window {
        let full = self.classes.len() >= MAX_CLASSES && !self.classes.contains_key(&footprint.class);
        if full {
            let since = now.minus(self.evasion.window);
            self.classes.retain(|_, window| !window.is_over(since));
        }
        let crowded = self.classes.len() >= MAX_CLASSES && !self.classes.contains_key(&footprint.class);
        let class = if crowded { footprint.class.rest() } else { footprint.class.clone() };
        self.classes.entry(class).or_default()
    }
}

impl Class {
    /// The class of all families together.
    fn rest(&self) -> Self {
        Self { family: "*".into(), ..self.clone() }
    }
}

/// A minute since the epoch.
const fn minute(at: Moment) -> u64 {
    at.unix_seconds() / 60
}

impl Window {
    fn at(&mut self, at: Moment) -> Option<&mut Minute> {
        let wanted = minute(at);
        self.0.iter_mut().rev().find(|one| one.minute == wanted)
    }

    fn add(&mut self, footprint: &Footprint, now: Moment, window: Duration) {
        let oldest = minute(now.minus(window));
        while self.0.front().is_some_and(|first| first.minute < oldest) {
            self.0.pop_front();
        }
        let this = minute(now);
        let place = self.0.partition_point(|one| one.minute < this);
        if self.0.get(place).is_none_or(|one| one.minute != this) {
            self.0.insert(place, Minute { minute: this, ..Minute::default() });
        }
        if let Some(one) = self.0.get_mut(place) {
            one.totals = one.totals.plus(footprint.own);
            one.just_below = one.just_below.saturating_add(u32::from(footprint.just_below));
            one.large += u64::from(footprint.large);
        }
    }

    fn take_back(&mut self, footprint: &Footprint, added: Moment) {
        let Some(one) = self.at(added) else { return };
        let (sum, own) = (&mut one.totals, &footprint.own);
        sum.requests = sum.requests.saturating_sub(own.requests);
        sum.rows = sum.rows.saturating_sub(own.rows);
        sum.objects = sum.objects.saturating_sub(own.objects);
        sum.cost = sum.cost.saturating_sub(own.cost);
        one.just_below = one.just_below.saturating_sub(u32::from(footprint.just_below));
        one.large = one.large.saturating_sub(u64::from(footprint.large));
    }

    fn stop(&mut self, at: Moment) {
        if let Some(one) = self.at(at) {
            one.stopped = true;
        }
    }

    /// The sum of every minute that is not wholly before `since`.
    fn since(&self, since: Moment) -> Minute {
        let oldest = minute(since);
        self.0.iter().rev().take_while(|one| one.minute >= oldest).fold(Minute::default(), |sum, one| {
            Minute {
                totals: sum.totals.plus(one.totals),
                just_below: sum.just_below.saturating_add(one.just_below),
                ..sum
            }
        })
    }

    /// How many small operations came with or after the first large one that was stopped.
    fn pieces(&self, since: Moment) -> u32 {
        let oldest = minute(since);
        let recent = self.0.iter().skip_while(|one| one.minute < oldest).skip_while(|one| !one.stopped);
        let small: u64 = recent.map(|one| one.totals.requests.saturating_sub(one.large)).sum();
        u32::try_from(small).unwrap_or(u32::MAX)
    }

    fn is_over(&self, since: Moment) -> bool {
        self.0.back().is_none_or(|last| last.minute < minute(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::facts::{Fact, Scope, Sensitivity, Touched};
    use proptest::prelude::*;

    const START: Moment = Moment::from_unix_seconds(1_795_521_600);

    fn facts(kind: Kind, rows: u64) -> Facts {
        fn fact<T>(value: T) -> Fact<T> {
            Fact::new(value, Source::Policy, String::new())
        }
        Facts {
            kind: fact(kind),
            environment: fact(Environment::Test),
            sensitivity: fact(Sensitivity::Ordinary),
            scope: fact(Scope::Narrow),
            irreversible: fact(false),
            cost: fact(None),
            touched: Touched { rows, objects: 0 },
            critical: None,
            acts: Vec::new(),
            doubts: Vec::new(),
            recent: Totals::default(),
            new: crate::risk::Novelty::default(),
        }
    }

    fn footprint(kind: Kind, resource: &str, rows: u64) -> Footprint {
        let thresholds = Thresholds { rows: vec![1000], ..Thresholds::default() };
        Footprint::new(resource, &facts(kind, rows), vec![0], &thresholds, &Model::default())
    }

    fn memory() -> Memory {
        Memory::new(Model::default().evasion, [Duration::from_secs(600)])
    }

    fn after(minutes: u64) -> Moment {
        START.plus(Duration::from_secs(60 * minutes))
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let (mut memory, one) = (memory(), footprint(Kind::Delete, "db/orders/1", 7));
        memory.add(&one, START);
        memory.add(&one, after(59));
        let at = |memory: &Memory, minutes| memory.history(&one, &Model::default(), after(minutes));
        assert_eq!(at(&memory, 59).recent.rows, 14);
        assert_eq!(at(&memory, 60).recent.rows, 14, "the minute that the window touches counts whole");
        assert_eq!(at(&memory, 61).recent.rows, 7);
        assert_eq!(at(&memory, 120).recent.requests, 0);
        assert_eq!(at(&memory, 60).limits, [Totals { requests: 1, rows: 7, objects: 1, cost: 0 }]);
    }

    #[test]
    fn what_was_denied_does_not_add_up_and_a_large_one_that_was_stopped_is_remembered() {
        let mut memory = memory();
        let (large, small) = (footprint(Kind::Delete, "db/orders", 5000), footprint(Kind::Delete, "db/x", 1));
        memory.add(&large, START);
        memory.settle(&large, START, Fate::Denied);
        let history = |memory: &Memory, minutes| memory.history(&small, &Model::default(), after(minutes));
        assert_eq!(history(&memory, 0).recent, Totals::default());
        for minutes in 1..=6 {
            memory.add(&small, after(minutes));
            assert_eq!(u64::from(history(&memory, minutes).pieces), minutes);
        }
        // It is forgotten with the window.
        assert_eq!(history(&memory, 62).pieces, 0);
    }

    #[test]
    fn anomalies_fade_until_they_are_forgotten() {
        let mut memory = memory();
        for _ in 0..6 {
            memory.anomaly(START);
        }
        let day = Duration::from_secs(24 * 60 * 60);
        let at = |minutes| memory.anomalies_at(after(minutes), day);
        assert_eq!((at(0), at(1), at(12 * 60), at(23 * 60), at(24 * 60), at(48 * 60)), (6, 6, 3, 1, 0, 0));
    }

    #[test]
    fn a_flood_of_families_adds_up_together_and_takes_bounded_room() {
        let mut memory = memory();
        let name = |n: usize| {
            format!(
                "db/{}/x",
                (0..26).map(|bit| if n >> (bit % 14) & 1 == 1 { 'a' } else { 'b' }).collect::<String>()
            )
        };
        for n in 0..MAX_CLASSES + 500 {
            memory.add(&footprint(Kind::Delete, &name(n), 1), START);
        }
        assert!(memory.classes.len() <= MAX_CLASSES + 1);
        let last = footprint(Kind::Delete, &name(MAX_CLASSES + 499), 1);
        assert!(memory.history(&last, &Model::default(), START).recent.rows >= 500);
    }

    proptest! {
        #[test]
        fn the_window_agrees_with_adding_up_by_hand(
            operations in prop::collection::vec((0_u64..200, 0_u64..50, 0_usize..3), 0..60),
            now in 0_u64..260,
        ) {
            let mut memory = memory();
            let mut operations = operations;
            operations.sort();
            let asked = footprint(Kind::Delete, "db/orders/1", 1);
            for (minute, rows, fate) in &operations {
                let one = footprint(Kind::Delete, "db/orders/1", *rows);
                memory.add(&one, after(*minute));
                let fate = [Fate::Allowed, Fate::Escalated, Fate::Denied][*fate];
                memory.settle(&one, after(*minute), fate);
            }
            let latest = operations.last().map_or(0, |last| last.0).max(now);
            let counted = operations.iter().filter(|(minute, _, fate)| *fate < 2 && minute + 60 >= latest);
            let sum: u64 = counted.map(|(_, rows, _)| (*rows).max(1)).sum();
            prop_assert_eq!(memory.history(&asked, &Model::default(), after(latest)).recent.rows, sum);
        }
    }
}
