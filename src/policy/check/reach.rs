//! What can be reached: which levels operations of one description can have, and which floors and limits lift any.

use super::cover::{self, Budget};
use super::{Asking, Check, Concern, Never, Severity};
use crate::escalation::OnTimeout;
use crate::policy::outcome::Outcome;
use crate::risk::facts::Weigh;
use crate::risk::floor::Case;
use crate::risk::pattern::Glob;
use crate::risk::{Floor, Level, Range, Situation};

/// The levels that operations of one description can have.
pub(super) struct Reach {
    pub(super) scores: Range,
    pub(super) levels: Vec<Level>,
}

impl Check<'_> {
    /// R4: what the sum, the floors and the limits leave out.
    pub(super) fn reach(&mut self) {
        let everything = self.reach_of(&Situation::default());
        let scores = words(everything.scores);
        let at = self.tree.key("risk").or_else(|| self.tree.key("levels")).unwrap_or_default();
        for level in Level::ALL.into_iter().filter(|level| !everything.levels.contains(level)) {
            let concern = Concern::UnreachableLevel { level: level.to_string(), scores: scores.clone() };
            self.concern(Severity::Warning, at, concern);
        }
        self.floors();
        self.limits();
        for asking in self.asking() {
            self.on_timeout(&asking);
        }
    }

    /// The levels of what `situation` describes. Too many rather than too few: an agent's claim can make an
    /// operation riskier than it is, and the floors of what it really is hold too.
    pub(super) fn reach_of(&self, situation: &Situation) -> Reach {
        let policy = self.policy;
        let model = &policy.model;
        let scores = model.range_of(situation);
        let by_sum = (model.thresholds.level(scores.lowest), model.thresholds.level(scores.highest));
        let least = self.at_least(situation, None).map_or(by_sum.0, |(level, _)| level.max(by_sum.0));
        let lifting = policy.floors.iter().filter(|floor| may_meet(model, &floor.situation, situation));
        let lifted: Vec<Level> =
            lifting.map(|floor| floor.level).chain(policy.limits.iter().map(|limit| limit.level)).collect();
        let can = |level: &Level| {
            *level >= least && (*level <= by_sum.1 || *level == least || lifted.contains(level))
        };
        Reach { scores, levels: Level::ALL.into_iter().filter(can).collect() }
    }

    /// The level below which floors let nothing of this description fall, and the floor; that of `but` is not asked,
    /// nor those after it that say the same.
    fn at_least(&self, situation: &Situation, but: Option<usize>) -> Option<(Level, &Floor)> {
        let floors = &self.policy.floors;
        let own = but.and_then(|number| floors.get(number)).map(|floor| floor.level);
        let mut found: Option<(Level, &Floor)> = None;
        for (number, floor) in floors.iter().enumerate() {
            let counts = match (but, own) {
                (Some(but), Some(own)) => floor.level > own || (floor.level == own && number < but),
                _ => true,
            };
            let mut budget = Budget::new(4096);
            if counts
                && found.is_none_or(|(level, _)| floor.level > level)
                && cover::situation(&mut budget, (&floor.situation, Case::Any), (situation, Case::Any))
            {
                found = Some((floor.level, floor));
            }
        }
        found
    }

    fn floors(&mut self) {
        let policy = self.policy;
        let standard = policy.floors.len() - self.tree.length("floors").min(policy.floors.len());
        for (number, floor) in policy.floors.iter().enumerate().skip(standard) {
            let at = self.tree.value("floors", number - standard, &["name"]).unwrap_or_default();
            if let Some(why) = self.never(&floor.situation) {
                let concern = Concern::NeverMatches { what: "floor", name: floor.name.to_string(), why };
                self.concern(Severity::Warning, at, concern);
                continue;
            }
            let least = policy.model.thresholds.level(policy.model.range_of(&floor.situation).lowest);
            let other = self.at_least(&floor.situation, Some(number));
            let other = other.filter(|(level, _)| *level >= floor.level);
            if let Some((level, other)) = other {
                self.never_lifts(at, "floor", &floor.name, level, Some(other.name.to_string()));
            } else if least >= floor.level {
                self.never_lifts(at, "floor", &floor.name, least, None);
            }
        }
    }

    fn limits(&mut self) {
        let policy = self.policy;
        for (number, limit) in policy.limits.iter().enumerate() {
            let at = self.tree.value("limits", number, &["name"]).unwrap_or_default();
            let least = policy.model.thresholds.level(policy.model.range_of(&limit.situation).lowest);
            let other = self.at_least(&limit.situation, None).filter(|(level, _)| *level >= limit.level);
            if let Some((level, other)) = other {
                self.never_lifts(at, "limit", &limit.name, level, Some(other.name.to_string()));
            } else if least >= limit.level {
                self.never_lifts(at, "limit", &limit.name, least, None);
            }
        }
    }

    fn never_lifts(
        &mut self,
        at: crate::policy::At,
        what: &'static str,
        name: &str,
        level: Level,
        other: Option<String>,
    ) {
        let concern = Concern::NeverLifts { what, name: name.to_owned(), level: level.to_string(), other };
        self.concern(Severity::Warning, at, concern);
    }

    /// Why nothing is as described, whatever its level.
    pub(super) fn never(&self, situation: &Situation) -> Option<Never> {
        let declares_critical = || self.policy.catalog.declarations().iter().any(|one| one.critical);
        if situation.critical == Some(true) && !declares_critical() {
            return Some(Never::NothingCritical);
        }
        (situation.understood == Some(true) && !situation.doubt.is_empty())
            .then_some(Never::DoubtAndUnderstood)
    }

    /// P3: waiting never allows above medium, whatever a policy says; one that says so is misread.
    fn on_timeout(&mut self, asking: &Asking<'_>) {
        let Outcome::Escalate(terms) = asking.outcome else { return };
        if terms.on_timeout != OnTimeout::Allow {
            return;
        }
        let runs = |level: &Level| *level > Level::Medium && *level < self.policy.model.blocked_from;
        let highest = match asking.rule {
            Some(rule) => {
                let wanted = &rule.matches.level;
                let levels = self.reach_of(&rule.matches.situation).levels;
                let matched = |level: &Level| wanted.is_empty() || wanted.contains(level);
                levels.into_iter().filter(|level| matched(level) && runs(level)).max()
            }
            None => (asking.at == self.policy.levels.high.at
                && *asking.outcome == self.policy.levels.high.outcome)
                .then_some(Level::High)
                .filter(runs),
        };
        if let Some(level) = highest {
            let rule = asking.rule.map(|rule| rule.name.to_string());
            let own = self.tree.value("rules", asking.number, &["escalation", "timeout_action"]);
            let at = own.or_else(|| self.tree.under("defaults", "timeout_action")).unwrap_or(asking.at);
            let concern = Concern::AllowsOnTimeout { rule, level: level.to_string() };
            // A condition may see to it that this is never asked.
            let certain = asking.rule.is_none_or(|rule| rule.when.is_none());
            let severity = if certain { Severity::Error } else { Severity::Warning };
            self.concern(severity, at, concern);
        }
    }
}

pub(super) fn words(scores: Range) -> (String, String) {
    (scores.lowest.to_string(), scores.highest.to_string())
}

/// Whether a floor may hold for an operation that is as described once the agent's claims are counted: a claim
/// raises what a fact weighs, so what it really is weighs the same or less.
fn may_meet(model: &dyn Weigh, floor: &Situation, situation: &Situation) -> bool {
    // An operation may be in doubt for more than one reason, so two lists of doubts never exclude each other.
    beneath(&floor.kind, &situation.kind, |kind| model.kind(kind))
        && beneath(&floor.environment, &situation.environment, |place| model.environment(place))
        && beneath(&floor.sensitivity, &situation.sensitivity, |data| model.sensitivity(data))
        && beneath(&floor.scope, &situation.scope, |scope| model.scope(scope))
        && (floor.irreversible != Some(true) || situation.irreversible != Some(false))
        && agree(floor.critical, situation.critical)
        && agree(floor.understood, situation.understood)
        && (floor.understood != Some(true) || situation.doubt.is_empty())
        && (situation.understood != Some(true) || (floor.doubt.is_empty() && floor.understood != Some(false)))
        && agree(floor.new_action, situation.new_action)
        && agree(floor.new_resource, situation.new_resource)
        && agree(floor.new_environment, situation.new_environment)
        && may_share(&floor.action, &situation.action)
        && may_share(&floor.resource, &situation.resource)
}

fn beneath<T: Copy + PartialEq, W: Ord>(floor: &[T], situation: &[T], weigh: impl Fn(T) -> W) -> bool {
    floor.is_empty()
        || situation.is_empty()
        || floor.iter().any(|one| situation.iter().any(|two| one == two || weigh(*one) < weigh(*two)))
}

fn agree(one: Option<bool>, other: Option<bool>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// Whether a name may match a pattern of both, as far as their beginnings and ends tell.
fn may_share(some: &[Glob], others: &[Glob]) -> bool {
    let meet = |one: &Glob, other: &Glob| {
        let (one, other) = (one.as_str().to_ascii_lowercase(), other.as_str().to_ascii_lowercase());
        let begin = |text: &str| text.split('*').next().unwrap_or_default().to_owned();
        let end = |text: &str| text.rsplit('*').next().unwrap_or_default().to_owned();
        let (a, b) = (begin(&one), begin(&other));
        let (y, z) = (end(&one), end(&other));
        (a.starts_with(&b) || b.starts_with(&a)) && (y.ends_with(&z) || z.ends_with(&y))
    };
    some.is_empty() || others.is_empty() || some.iter().any(|one| others.iter().any(|other| meet(one, other)))
}
