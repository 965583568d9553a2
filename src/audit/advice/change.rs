//! A change of a policy that advice proposes: as text to put in, and put into a policy where that can be done safely.

use crate::condition::Condition;
use crate::policy::{Outcome, Policy};
use crate::risk::{Environment, Level};
use core::fmt::Write as _;
use serde::Serialize;

/// A change that is proposed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The text to put into the policy.
    pub text: String,
    /// The rule before which it belongs; nothing where that is after all rules, or it is no rule.
    pub before: Option<String>,
    #[serde(skip)]
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Rule { name: String, allows: bool },
    Medium(u16),
}

/// A rule that says what people said every time.
#[derive(Clone, Debug)]
pub(super) struct NewRule<'a> {
    pub(super) allows: bool,
    pub(super) action: &'a str,
    pub(super) resources: Vec<&'a str>,
    pub(super) environment: Environment,
    pub(super) level: Level,
    pub(super) conditions: &'a [Condition],
    pub(super) reason: String,
    /// The rules that asked people; nothing among them for a level.
    pub(super) asked: Vec<Option<&'a str>>,
}

/// A text as YAML reads it back, whatever is in it: a JSON text is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl NewRule<'_> {
    /// The rule as a change of this policy; `None` if the policy has none of the rules any more that asked.
    pub(super) fn change(&self, policy: &Policy) -> Option<Change> {
        let places = self.asked.iter().map(|asked| match asked {
            Some(name) => policy.rules().iter().position(|rule| *rule.name == **name),
            None => Some(policy.rules().len()),
        });
        // What allows stands as late as it can, so that nothing is decided before any other rule that was.
        let places = places.flatten();
        let place = if self.allows { places.max() } else { places.min() }?;
        let before = policy.rules().get(place).map(|rule| rule.name.to_string());
        let name = self.name(policy);
        let decision = if self.allows { "allow" } else { "deny" };
        let mut text = format!("- name: {}\n  match:\n    action: {}\n", quoted(&name), quoted(self.action));
        if !self.resources.is_empty() {
            let resources: Vec<String> = self.resources.iter().map(|one| quoted(one)).collect();
            let _ = writeln!(text, "    resource: [{}]", resources.join(", "));
        }
        let _ = write!(
            text,
            "    environment: {}\n    level: {}\n  decision: {decision}\n  reason: {}\n",
            self.environment,
            self.level,
            quoted(&self.reason)
        );
        if !self.conditions.is_empty() {
            let conditions: Vec<String> = self.conditions.iter().map(|one| quoted(&one.to_short())).collect();
            let _ = writeln!(text, "  conditions: [{}]", conditions.join(", "));
        }
        Some(Change { text, before, what: What::Rule { name, allows: self.allows } })
    }

    /// A name that no rule has: `allow-db-read-staging-medium`.
    fn name(&self, policy: &Policy) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let action: String = self.action.chars().take(40).map(plain).collect();
        let verb = if self.allows { "allow" } else { "deny" };
        let name = format!("{verb}-{action}-{}-{}", self.environment, self.level);
        let taken = |name: &str| policy.rules().iter().any(|rule| &*rule.name == name);
        if !taken(&name) {
            return name;
        }
        let numbered = |number: u32| format!("{name}-{number}");
        (2..).map(numbered).find(|name| !taken(name)).unwrap_or(name)
    }
}

impl Change {
    /// A higher threshold of `medium`, in thousandths.
    pub(super) fn medium(thousandths: u16) -> Self {
        let text = format!("risk:\n  thresholds:\n    medium: {}\n", decimal(thousandths));
        Self { text, before: None, what: What::Medium(thousandths) }
    }

    /// Whether it is a rule to put in.
    #[must_use]
    pub const fn is_rule(&self) -> bool {
        matches!(self.what, What::Rule { .. })
    }

    /// The text of the policy with this change in it; `None` where it cannot be put in by whole lines alone, or anything
    /// else would be changed by it.
    #[must_use]
    pub fn applied(&self, policy: &Policy) -> Option<String> {
        let lines: Vec<&str> = policy.text().split_inclusive('\n').collect();
        let (at, added) = match &self.what {
            What::Rule { .. } => self.rule_lines(policy, &lines)?,
            What::Medium(thousandths) => medium_lines(&lines, *thousandths)?,
        };
        let (before, after) = lines.split_at_checked(at)?;
        let mut text = before.concat();
        text.push_str(&added);
        text.push_str(&after.concat());
        let changed = Policy::parse(&text, "(changed)").ok()?;
        self.is_all_between(policy, &changed).then_some(text)
    }

    fn rule_lines(&self, policy: &Policy, lines: &[&str]) -> Option<(usize, String)> {
        let top = |line: &&str| line.starts_with(|c: char| c.is_ascii_alphabetic());
        let item = |line: &str| line.trim_start().starts_with('-');
        let (at, indent) = match &self.before {
            Some(name) => {
                let rule = policy.rules().iter().find(|rule| *rule.name == **name)?;
                let upto = lines.get(..rule.at.line)?;
                let at = upto.iter().rposition(|line| item(line))?;
                (at, indent_of(lines.get(at)?))
            }
            None => {
                let rules = lines.iter().position(|line| line.starts_with("rules:"));
                match (rules, policy.rules().is_empty()) {
                    (Some(rules), false) => {
                        let rest = lines.get(rules + 1..)?;
                        let first = rest.iter().find(|line| item(line))?;
                        let end = rest.iter().position(top).unwrap_or(rest.len());
                        (rules + 1 + end, indent_of(first))
                    }
                    (None, true) => {
                        let at = lines.iter().position(|line| line.starts_with("levels:"))?;
                        return Some((at, format!("rules:\n{}", indented(&self.text, 2))));
                    }
                    (Some(_), true) | (None, false) => return None,
                }
            }
        };
        Some((at, indented(&self.text, indent)))
    }

    /// Whether this is all that is between these policies: nobody puts in a rule and changes another by it.
    fn is_all_between(&self, before: &Policy, after: &Policy) -> bool {
        let levels = Level::ALL.iter().all(|level| before.outcome_of(*level) == after.outcome_of(*level));
        let same = before.floors() == after.floors() && before.limits() == after.limits() && levels;
        let plain = |policy: &Policy| -> Vec<_> {
            let rules = policy.rules().iter();
            rules.map(|rule| (rule.name.clone(), rule.matches.clone(), rule.outcome.clone())).collect()
        };
        match &self.what {
            What::Rule { name, allows } => {
                let mut rules = plain(after);
                let Some(place) = rules.iter().position(|(one, ..)| **one == **name) else { return false };
                let (_, _, outcome) = rules.remove(place);
                let next = after.rules().get(place + 1).map(|rule| rule.name.to_string());
                let right = match outcome {
                    Outcome::Allow { .. } => *allows,
                    Outcome::Deny => !*allows,
                    Outcome::Escalate(_) => false,
                };
                same && right
                    && next == self.before
                    && rules == plain(before)
                    && before.model() == after.model()
            }
            What::Medium(thousandths) => {
                let mut model = before.model().clone();
                model.thresholds.medium = after.model().thresholds.medium;
                same && after.model().thresholds.medium.thousandths() == *thousandths
                    && model == *after.model()
                    && plain(before) == plain(after)
            }
        }
    }
}

/// Where the threshold goes: into the `risk:` that is written in lines and says nothing of thresholds, or before `levels:`.
fn medium_lines(lines: &[&str], thousandths: u16) -> Option<(usize, String)> {
    let medium = decimal(thousandths);
    if lines.iter().any(|line| line.trim_start().starts_with("thresholds:")) {
        return None;
    }
    if let Some(risk) = lines.iter().position(|line| line.trim_end() == "risk:") {
        let indent = indent_of(lines.get(risk + 1..)?.iter().find(|line| !is_blank(line))?);
        return Some((risk + 1, format!("{:indent$}thresholds: {{medium: {medium}}}\n", "")));
    }
    let at = lines.iter().position(|line| line.starts_with("levels:"))?;
    Some((at, format!("risk: {{thresholds: {{medium: {medium}}}}}\n")))
}

fn is_blank(line: &str) -> bool {
    let text = line.trim();
    text.is_empty() || text.starts_with('#')
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

fn decimal(thousandths: u16) -> String {
    format!("0.{:03}", thousandths.min(999))
}
