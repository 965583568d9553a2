//! Limits: how much an agent may do within a sliding window before the level rises, however small each part is (R6).

use super::facts::Facts;
use super::floor::{Case, Situation, Subject};
use super::history::Totals;
use super::pattern::{Glob, Named};
use super::score::Level;
use core::time::Duration;

/// A limit over everything that an agent did of one description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name, for reasons.
    pub name: Box<str>,
    /// Which operations add up.
    pub situation: Situation,
    /// Whose: patterns of agents; empty is any. Each agent has its own sum.
    pub agent: Vec<Glob>,
    /// How far back they add up, in whole minutes; at most [`Limit::LONGEST`].
    pub window: Duration,
    /// More than any of these is beyond the limit.
    pub at_most: AtMost,
    /// The least level of an operation that goes beyond it.
    pub level: Level,
}

/// The sums that a limit allows; at least one is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtMost {
    /// Operations.
    pub requests: Option<u64>,
    /// Rows.
    pub rows: Option<u64>,
    /// Objects.
    pub objects: Option<u64>,
    /// Whole units of the currency that the policy counts in.
    pub cost: Option<u64>,
}

impl AtMost {
    /// The first sum that is beyond it: what is counted, how much it is, how much it may be.
    #[must_use]
    pub fn beyond(&self, totals: &Totals) -> Option<(&'static str, u64, u64)> {
        [
            ("requests", totals.requests, self.requests),
            ("rows", totals.rows, self.rows),
            ("objects", totals.objects, self.objects),
            ("cost", totals.cost, self.cost),
        ]
        .into_iter()
        .find_map(|(what, sum, most)| most.filter(|most| sum > *most).map(|most| (what, sum, most)))
    }
}

impl Limit {
    /// The longest window.
    pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    /// Whether an operation counts towards it.
    #[must_use]
    pub fn counts(&self, subject: &Subject<'_>, facts: &Facts, agent: &str) -> bool {
        let whose = self.agent.is_empty() || {
            let agent = Named::new(agent);
            self.agent.iter().any(|glob| glob.matches_any_case(&agent.lower))
        };
        whose && self.situation.describes(subject, facts, Case::Any)
    }
}
