//! Rules and declarations that never count: hidden by one before them, or made of what nothing can be.

use super::cover::{self, Budget};
use super::reach::words;
use super::{Check, Concern, Never, Severity};
use crate::policy::At;
use crate::policy::outcome::Outcome;
use crate::policy::rule::Rule;
use crate::risk::Level;
use crate::risk::catalog::{Class, Declaration};
use crate::risk::floor::Case;
use crate::risk::pattern::{Glob, Index};
use std::collections::HashSet;

/// The most patterns that are compared, so that a check ends soon whatever it is given.
const COMPARISONS: usize = 20_000_000;

impl Check<'_> {
    /// What never counts.
    pub(super) fn hidden(&mut self) {
        let shadowed = self.shadowed();
        for number in 0..self.policy.rules.len() {
            // What is wrong with a rule that never decides does not matter.
            if let Some(rule) = self.policy.rules.get(number).filter(|_| !shadowed.contains(&number)) {
                self.rule(number, rule);
            }
        }
        self.patterns();
        self.classes();
        self.declarations();
    }

    /// Each rule beside those before it that could hold all it matches; says which are shadowed.
    fn shadowed(&mut self) -> HashSet<usize> {
        let policy = self.policy;
        let mut shadowed = HashSet::new();
        let (mut budget, mut left_out) = (Budget::new(COMPARISONS), 0);
        for (number, rule) in policy.rules.iter().enumerate() {
            let before = policy.index.wider_than(rule).into_iter().take_while(|other| *other < number);
            let mut before = before.filter_map(|other| policy.rules.get(other));
            if let Some(by) = before.find(|earlier| cover::rule(&mut budget, earlier, rule)) {
                let concern = Concern::Shadowed {
                    rule: (rule.name.to_string(), rule.outcome.as_str()),
                    by: (by.name.to_string(), by.outcome.as_str(), by.at.line),
                };
                self.concern(Severity::Warning, rule.at, concern);
                shadowed.insert(number);
            } else if budget.is_spent() {
                left_out += 1;
            }
        }
        if left_out > 0 {
            let at = self.tree.key("rules").unwrap_or_default();
            self.concern(Severity::Note, at, Concern::NotCompared(left_out));
        }
        shadowed
    }

    /// What a rule says where nothing can come to it.
    fn rule(&mut self, number: usize, rule: &Rule) {
        let matches = &rule.matches;
        let reach = self.reach_of(&matches.situation);
        let matched = |level: &Level| matches.level.is_empty() || matches.level.contains(level);
        let levels: Vec<Level> = reach.levels.iter().copied().filter(matched).collect();
        let at_levels = || self.tree.value("rules", number, &["match", "level"]).unwrap_or(rule.at);
        let why = self.never(&matches.situation).or_else(|| {
            let names = || reach.levels.iter().map(ToString::to_string).collect();
            levels.is_empty().then(|| Never::Level(names(), words(reach.scores)))
        });
        if let Some(why) = why {
            let at = if matches!(why, Never::Level(..)) { at_levels() } else { rule.at };
            let concern = Concern::NeverMatches { what: "rule", name: rule.name.to_string(), why };
            self.concern(Severity::Warning, at, concern);
            return;
        }
        let blocked_from = self.policy.model.blocked_from;
        if rule.outcome != Outcome::Deny && levels.iter().all(|level| *level >= blocked_from) {
            let at = at_levels();
            let concern = Concern::Blocked { rule: rule.name.to_string(), from: blocked_from.to_string() };
            self.concern(Severity::Warning, at, concern);
        }
        let high = levels.contains(&Level::High) && Level::High < blocked_from;
        // A condition on the risk may leave high risk out.
        let looks = rule.when.as_ref().is_some_and(|when| when.source().contains("risk."));
        if high && !looks && matches!(rule.outcome, Outcome::Allow { .. }) {
            self.concern(Severity::Warning, rule.at, Concern::AllowsHigh(rule.name.to_string()));
        }
    }

    /// Patterns that no name can match.
    fn patterns(&mut self) {
        let policy = self.policy;
        for (number, rule) in policy.rules.iter().enumerate() {
            let matches = &rule.matches;
            let part = |key| self.tree.value("rules", number, &["match", key]).unwrap_or(rule.at);
            let places = [part("action"), part("agent"), part("on_behalf_of")];
            let [action, agent, person] = places;
            self.unmatched(&matches.situation.action, action, ACTION);
            self.unmatched(&matches.agent, agent, AGENT);
            self.unmatched(&matches.on_behalf_of, person, PERSON);
        }
        let places = self.tree.patterns("classify", "action");
        for (class, at) in policy.catalog.classes().iter().zip(places) {
            self.unmatched(core::slice::from_ref(&class.action), at, ACTION);
        }
        let own = self.tree.length("floors").min(policy.floors.len());
        for (number, floor) in policy.floors.iter().skip(policy.floors.len() - own).enumerate() {
            let at = self.tree.value("floors", number, &["match", "action"]).unwrap_or_default();
            self.unmatched(&floor.situation.action, at, ACTION);
        }
        for (number, limit) in policy.limits.iter().enumerate() {
            let part = |key| self.tree.value("limits", number, &["match", key]).unwrap_or_default();
            let (action, agent) = (part("action"), part("agent"));
            self.unmatched(&limit.situation.action, action, ACTION);
            self.unmatched(&limit.agent, agent, AGENT);
        }
    }

    fn unmatched(&mut self, globs: &[Glob], at: At, names: Names) {
        for glob in
            globs.iter().filter(|glob| !glob.as_str().bytes().all(|b| b == b'*' || (names.may_have)(b)))
        {
            let (pattern, Names { what, made_of, .. }) = (glob.to_string(), names);
            self.concern(Severity::Warning, at, Concern::PatternMatchesNothing { pattern, what, made_of });
        }
    }

    /// The first class that matches counts.
    fn classes(&mut self) {
        let classes = self.policy.catalog.classes();
        let hides = |_: &Class, _: &Class| true;
        let hidden = hidden(classes, |class| &class.action, hides);
        self.hides("action", &hidden, classes, |class| &class.action);
    }

    /// For each thing that is said about resources, the first that says it counts.
    fn declarations(&mut self) {
        let declarations = self.policy.catalog.declarations();
        let hides = |earlier: &Declaration, later: &Declaration| {
            (later.environment.is_none() || earlier.environment.is_some())
                && (later.sensitivity.is_none() || earlier.sensitivity.is_some())
                && (!later.critical || earlier.critical)
        };
        let hidden = hidden(declarations, |one| &one.resource, hides);
        self.hides("resource", &hidden, declarations, |one| &one.resource);
    }

    fn hides<T>(
        &mut self,
        what: &'static str,
        hidden: &[(usize, usize)],
        all: &[T],
        glob: impl Fn(&T) -> &Glob,
    ) {
        let list = if what == "action" { "classify" } else { "resources" };
        let places = self.tree.patterns(list, what);
        let at = |number: usize| places.get(number).copied().unwrap_or_default();
        for (number, by) in hidden {
            let (Some(one), Some(other)) = (all.get(*number), all.get(*by)) else { continue };
            let by = (glob(other).to_string(), at(*by).line);
            let concern = Concern::Hidden { what, pattern: glob(one).to_string(), by };
            self.concern(Severity::Warning, at(*number), concern);
        }
    }
}

/// What names of one sort are made of.
#[derive(Clone, Copy)]
struct Names {
    what: &'static str,
    made_of: &'static str,
    may_have: fn(u8) -> bool,
}

const ACTION: Names = Names {
    what: "action",
    made_of: "ASCII letters, digits, `_`, `-` and `.`",
    may_have: |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'),
};
const AGENT: Names = Names { what: "agent", ..PERSON };
const PERSON: Names = Names {
    what: "person",
    made_of: "printable ASCII without space, quote, backslash and comma",
    may_have: |b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b','),
};

/// Which entries of a list are hidden by one before them, and by which.
fn hidden<T>(all: &[T], glob: impl Fn(&T) -> &Glob, hides: impl Fn(&T, &T) -> bool) -> Vec<(usize, usize)> {
    let (mut filed, mut anywhere) = (Index::default(), Vec::new());
    let mut found = Vec::new();
    for (number, one) in (0_u32..).zip(all) {
        let mut before = anywhere.clone();
        filed.candidates(glob(one).beginning(), &mut before);
        before.sort_unstable();
        let before = before.into_iter().filter_map(|other| usize::try_from(other).ok());
        let by = before.into_iter().find(|other| {
            all.get(*other).is_some_and(|other| {
                hides(other, one) && cover::includes((glob(other), Case::Exact), (glob(one), Case::Exact))
            })
        });
        if let (Some(by), Ok(number)) = (by, usize::try_from(number)) {
            found.push((number, by));
        }
        match glob(one).filed_under() {
            Some(key) => filed.file(key, number),
            None => anywhere.push(number),
        }
    }
    found
}
