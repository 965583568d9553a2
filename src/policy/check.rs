//! The check of a policy: what in it can never happen, would surprise, or could not be approved by anybody.

mod besides;
mod concern;
mod cover;
mod people;
mod reach;
mod rules;
mod tree;

pub use concern::{Concern, Never};

use super::outcome::Outcome;
use super::source::{At, Problem, SourceError};
use super::{Policy, Rule};
use crate::reviewer::Directory;
use crate::risk::Level;
use core::fmt;
use people::People;
use tree::Tree;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, and it may be meant.
    Note,
    /// Probably not what was meant.
    Warning,
    /// It cannot work.
    Error,
}

impl Severity {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something in a policy that a reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is and where.
    pub what: SourceError,
}

impl Finding {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.what.problem.code()
    }
}

/// `warning: policy.yaml:12:7: …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.as_str(), self.what)
    }
}

impl Policy {
    /// What is wrong or doubtful about this policy with these people: [`Policy::findings`] but for the notes.
    #[must_use]
    pub fn check(&self, directory: &Directory) -> Vec<Finding> {
        let mut findings = self.findings(Some(directory));
        findings.retain(|finding| finding.severity > Severity::Note);
        findings
    }

    /// Everything that can be said about the policy without an operation, in the order of the file: rules that
    /// another hides or that nothing can match, levels out of reach, floors that never lift, and what would allow
    /// more than it looks. With a roster also: names that it does not have, and requirements that its people could
    /// not meet.
    ///
    /// An [`Severity::Error`] means that something in it cannot work: an escalation that nobody could approve, or a
    /// timeout that says it allows and never will.
    #[must_use]
    pub fn findings(&self, directory: Option<&Directory>) -> Vec<Finding> {
        let mut check = Check {
            policy: self,
            tree: Tree::of(&self.text),
            lines: self.text.lines().collect(),
            findings: Vec::new(),
        };
        check.reach();
        check.hidden();
        check.doubtful();
        if let Some(directory) = directory {
            People::new(directory).check(&mut check);
        }
        let mut findings = check.findings;
        findings.sort_by(|a, b| a.what.at.cmp(&b.what.at).then(b.severity.cmp(&a.severity)));
        findings.dedup();
        findings
    }
}

/// A check under way.
struct Check<'a> {
    policy: &'a Policy,
    tree: Tree,
    lines: Vec<&'a str>,
    findings: Vec<Finding>,
}

/// Something that may ask people: a rule, or what a level gets.
struct Asking<'a> {
    outcome: &'a Outcome,
    at: At,
    /// The rule; `None` for a level.
    rule: Option<&'a Rule>,
    /// In which order it stands among the rules.
    number: usize,
}

impl<'a> Check<'a> {
    fn found(&mut self, severity: Severity, at: At, problem: Problem) {
        let line = at.line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or_default();
        let what = SourceError::at_line(&self.policy.file, at, line, problem);
        self.findings.push(Finding { severity, what });
    }

    fn concern(&mut self, severity: Severity, at: At, concern: Concern) {
        self.found(severity, at, Problem::Concern(Box::new(concern)));
    }

    /// The rules, and the levels that may ask people.
    fn asking(&self) -> Vec<Asking<'a>> {
        let policy = self.policy;
        let rules = policy.rules.iter().enumerate();
        let mut asking: Vec<Asking<'a>> = rules
            .map(|(number, rule)| Asking { outcome: &rule.outcome, at: rule.at, rule: Some(rule), number })
            .collect();
        for entry in [&policy.levels.low, &policy.levels.medium, &policy.levels.high] {
            asking.push(Asking { outcome: &entry.outcome, at: entry.at, rule: None, number: usize::MAX });
        }
        asking
    }

    /// What is said of a policy as a whole.
    fn doubtful(&mut self) {
        let policy = self.policy;
        let denies = policy.rules.iter().any(|rule| rule.outcome == Outcome::Deny)
            || [&policy.levels.low, &policy.levels.medium, &policy.levels.high]
                .iter()
                .any(|entry| entry.outcome == Outcome::Deny);
        if !denies {
            let at = self.tree.key("rules").or_else(|| self.tree.key("levels")).unwrap_or_default();
            self.concern(Severity::Note, at, Concern::NoDeny);
        }
        if policy.levels.high.outcome.as_str() == "allow" && policy.model.blocked_from > Level::High {
            self.concern(Severity::Warning, policy.levels.high.at, Concern::LevelAllowsHigh);
        }
        self.payloads();
        self.emergencies();
    }

    /// What a payload does is read one statement at a time; only limits say how many are too many.
    fn payloads(&mut self) {
        if !self.policy.limits.is_empty() {
            return;
        }
        let places = self.tree.patterns("classify", "action");
        let classes = self.policy.catalog.classes().iter().zip(places);
        if let Some((class, at)) = classes.into_iter().find(|(class, _)| class.kind.is_none()) {
            self.concern(Severity::Note, at, Concern::PayloadWithoutLimits(class.action.to_string()));
        }
    }
}
