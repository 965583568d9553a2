//! The memory of one agent: what it did lately, added up by the minute, so that a bulk operation cut into many small
//! ones meets the rule for the whole (R6). It is a fold over the record and can be rebuilt from it at any time.

use super::facts::{Environment, Facts, Kind};
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
    own: Totals,
    just_below: bool,
    large: bool,
    /// The places of the policy's limits that it counts towards.
    limits: Vec<usize>,
}

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
            own,
            just_below: thresholds.just_below(facts, &model.evasion),
            large: thresholds.beyond(facts) || facts.scope.value.is_large(),
            limits,
        }
    }

    /// What it amounts to by itself.
    #[must_use]
    pub const fn own(&self) -> &Totals {
        &self.own
    }

    /// Whether the other is of the same kind, in the same environment, on the same family of resources.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.class == other.class
    }
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
