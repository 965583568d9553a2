//! The assessment: the weighted sum of the factors, the level it gives, and the floors that lift it.

use super::calendar::within;
use super::facts::{Facts, Source, Weigh};
use super::floor::{Case, Floor, Subject};
use super::history::History;
use super::limit::Limit;
use super::model::{Model, TimingTable};
use super::score::{Contribution, Level, Score};
use super::span::Span;
use crate::moment::Moment;
use crate::names::names;
use core::fmt;
use serde::{Deserialize, Serialize};

/// One of the six things that a score is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorName {
    /// The kind of operation.
    Operation,
    /// Where it is done.
    Environment,
    /// How sensitive the data is.
    Sensitivity,
    /// How the agent behaved lately.
    Behaviour,
    /// How much is touched.
    Scope,
    /// When.
    Timing,
}

impl FactorName {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Environment => "environment",
            Self::Sensitivity => "sensitivity",
            Self::Behaviour => "behaviour",
            Self::Scope => "scope",
            Self::Timing => "timing",
        }
    }
}

impl fmt::Display for FactorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One factor: its value, how much it counts, and why it is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// Which one.
    pub name: FactorName,
    /// Its value.
    pub value: Score,
    /// How much it counts.
    pub weight: Score,
    /// Value times weight.
    pub contribution: Contribution,
    /// Where the value comes from.
    pub source: Source,
    /// Why it is so, in words.
    pub reason: String,
}

/// `operation 0.7 × 0.25 = 0.175 (policy): …`
impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, weight, contribution, source, reason } = self;
        write!(f, "{name} {value} × {weight} = {contribution} ({source}): {reason}")
    }
}

/// A floor or a limit that applies, and the level below which it lets nothing fall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftedBy {
    /// Its name.
    pub floor: String,
    /// Its level.
    pub level: Level,
    /// For a limit, what went beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<String>,
}

names! {
    /// What speaks against an agent although the operation may be allowed (R6).
    AnomalyKind {
        /// It was declared as less than it is.
        Misdeclared = "misdeclared",
        /// Several operations stayed just below a threshold.
        JustBelow = "just_below",
        /// A large operation was not simply allowed, and small ones like it followed.
        Pieces = "pieces",
    }
}

/// Something that speaks against the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// What.
    pub kind: AnomalyKind,
    /// In words.
    pub words: String,
}

impl Anomaly {
    /// An anomaly.
    pub(crate) const fn new(kind: AnomalyKind, words: String) -> Self {
        Self { kind, words }
    }
}

/// How risky an operation is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// The weighted sum.
    pub score: Score,
    /// The level: the highest of what the score gives and what the floors demand.
    pub level: Level,
    /// The level that the score alone gives.
    pub level_of_score: Level,
    /// The factors, always all six, in the published order.
    pub factors: Vec<Factor>,
    /// The floors that apply, whether or not they lift.
    pub floors: Vec<LiftedBy>,
    /// What is known about the operation.
    pub facts: Facts,
    /// What speaks against the agent, whatever the level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anomalies: Vec<Anomaly>,
}

/// What an assessment is made by: the parts of a policy that say how risky something is.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// The weights, tables, words and thresholds.
    pub model: &'a Model,
    /// The floors.
    pub floors: &'a [Floor],
    /// The limits.
    pub limits: &'a [Limit],
}

/// Assesses an operation whose facts are known.
#[must_use]
pub fn assess(
    basis: &Basis<'_>,
    subject: &Subject<'_>,
    facts: Facts,
    history: &History,
    now: Moment,
) -> Assessment {
    let model = basis.model;
    let factors = factors(model, &facts, history, now);
    let score = Contribution::total(factors.iter().map(|factor| factor.contribution));
    let level_of_score = model.thresholds.level(score);
    let applying = basis.floors.iter().filter(|floor| floor.situation.describes(subject, &facts, Case::Any));
    let mut floors: Vec<LiftedBy> = applying
        .map(|floor| LiftedBy { floor: floor.name.to_string(), level: floor.level, beyond: None })
        .collect();
    floors.extend(basis.limits.iter().zip(&history.limits).filter_map(|(limit, totals)| {
        let (what, sum, most) = limit.at_most.beyond(totals)?;
        let window = Span::of(limit.window);
        let beyond = Some(format!("{what} within {window}: {sum}, over {most}"));
        Some(LiftedBy { floor: limit.name.to_string(), level: limit.level, beyond })
    }));
    let level = floors.iter().map(|floor| floor.level).fold(level_of_score, Level::max);
    let anomalies = evasion(model, history);
    Assessment { score, level, level_of_score, factors, floors, facts, anomalies }
}

/// What looks as if a threshold was avoided.
fn evasion(model: &Model, history: &History) -> Vec<Anomaly> {
    let (table, mut found) = (&model.evasion, Vec::new());
    let window = Span::of(table.window);
    if history.just_below >= table.just_below_count {
        let words = format!("{} operations just below a threshold within {window}", history.just_below);
        found.push(Anomaly::new(AnomalyKind::JustBelow, words));
    }
    if history.pieces >= table.pieces_count {
        let words = format!(
            "{} small operations within {window} after a large one like them was not simply allowed",
            history.pieces
        );
        found.push(Anomaly::new(AnomalyKind::Pieces, words));
    }
    found
}

impl Assessment {
    /// This assessment, lifted by what holds without the agent's claims too: a claim cannot talk a floor away.
    #[must_use]
    pub(crate) fn at_least(mut self, without_claims: &Self) -> Self {
        for floor in &without_claims.floors {
            if !self.floors.contains(floor) {
                self.floors.push(floor.clone());
            }
        }
        self.level = self.level.max(without_claims.level);
        self
    }
}

fn factors(model: &Model, facts: &Facts, history: &History, now: Moment) -> Vec<Factor> {
    let factor = |name, value: Score, weight, source, reason| Factor {
        name,
        value,
        weight,
        contribution: value.weighted(weight),
        source,
        reason,
    };
    let weights = &model.weights;
    let (behaviour, how) = behaviour(model, history);
    let (timing, when) = timing(&model.timing, model.timing.calendar.local(now).minute);
    vec![
        factor(
            FactorName::Operation,
            model.kind(facts.kind.value),
            weights.operation,
            facts.kind.source,
            facts.kind.reason.clone(),
        ),
        factor(
            FactorName::Environment,
            Weigh::environment(model, facts.environment.value),
            weights.environment,
            facts.environment.source,
            facts.environment.reason.clone(),
        ),
        factor(
            FactorName::Sensitivity,
            Weigh::sensitivity(model, facts.sensitivity.value),
            weights.sensitivity,
            facts.sensitivity.source,
            facts.sensitivity.reason.clone(),
        ),
        factor(FactorName::Behaviour, behaviour, weights.behaviour, Source::History, how),
        factor(
            FactorName::Scope,
            Weigh::scope(model, facts.scope.value),
            weights.scope,
            facts.scope.source,
            facts.scope.reason.clone(),
        ),
        factor(FactorName::Timing, timing, weights.timing, Source::Clock, when),
    ]
}

fn behaviour(model: &Model, history: &History) -> (Score, String) {
    let (table, anomalies) = (&model.behaviour, history.anomalies);
    let counted = match anomalies {
        0 => "no recent anomaly".to_owned(),
        1 => "1 recent anomaly".to_owned(),
        more => format!("{more} recent anomalies"),
    };
    if anomalies > table.anomalous_over {
        (table.anomalous, format!("{counted}, over {}", table.anomalous_over))
    } else if anomalies > table.concerning_over {
        (table.concerning, format!("{counted}, over {}", table.concerning_over))
    } else {
        (table.usual, counted)
    }
}

fn timing(table: &TimingTable, minute: u16) -> (Score, String) {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let quiet = within(minute, table.from, table.to);
    let (value, within) = if quiet { (table.quiet, "within") } else { (table.otherwise, "outside") };
    let reason = format!("{} is {within} {}-{}", clock(minute), clock(table.from), clock(table.to));
    (value, reason)
}
