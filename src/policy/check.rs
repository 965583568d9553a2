//! The check of a policy against the roster: who could approve, which levels can be reached.

use super::outcome::Outcome;
use super::parse::{self, Node, Yaml};
use super::source::{At, Fault, Problem, SourceError};
use super::{Policy, Rule};
use crate::escalation::requirement::{Membership, Pool, Requirement, RoleName};
use crate::reviewer::Directory;
use crate::risk::Level;
use core::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Probably not what was meant.
    Warning,
    /// It cannot work: nobody could ever approve.
    Error,
}

impl Severity {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
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

/// `warning: policy.yaml:12:7: …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.as_str(), self.what)
    }
}

impl Policy {
    /// Compares the policy with the roster: requirements that nobody could meet, roles, teams and people that the
    /// roster does not have, roles in another order, levels that nothing can reach, rules that allow high risk.
    ///
    /// An [`Severity::Error`] means that an escalation could never be approved. The findings are in the order of
    /// the file.
    #[must_use]
    pub fn check(&self, directory: &Directory) -> Vec<Finding> {
        let root = parse::parse(&self.text).ok();
        let mut check = Check { policy: self, directory, root, findings: Vec::new() };
        check.roles();
        check.levels();
        for rule in &self.rules {
            check.rule(rule);
        }
        for entry in [&self.levels.medium, &self.levels.high] {
            check.outcome(&entry.outcome, entry.at);
        }
        check.findings.sort_by_key(|finding| finding.what.at);
        check.findings.dedup();
        check.findings
    }
}

struct Check<'a> {
    policy: &'a Policy,
    directory: &'a Directory,
    /// The document once more, to find where a name is written.
    root: Option<Node>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn found(&mut self, severity: Severity, at: At, problem: Problem) {
        let what = Fault::new(at, problem).within(&self.policy.text, &self.policy.file);
        self.findings.push(Finding { severity, what });
    }

    fn roles(&mut self) {
        let mut before: Option<(&RoleName, usize)> = None;
        for (role, at) in &self.policy.roles {
            match self.directory.rank(role) {
                None => self.undeclared_role(*at, role),
                Some(rank) => {
                    if let Some((lower, above)) = before.filter(|(_, above)| *above > rank) {
                        let problem = Problem::RoleOrder(lower.to_string(), role.to_string());
                        self.found(Severity::Error, *at, problem);
                        before = Some((lower, above));
                    } else {
                        before = Some((role, rank));
                    }
                }
            }
        }
    }

    fn undeclared_role(&mut self, at: At, role: &RoleName) {
        let known = self.directory.roles().iter().map(ToString::to_string).collect();
        self.found(Severity::Error, at, Problem::Undeclared("role", role.to_string(), known));
    }

    /// R4: which levels the sum alone cannot reach, and no floor lifts to.
    fn levels(&mut self) {
        let highest = self.policy.model.highest_sum();
        let by_sum = self.policy.model.thresholds.level(highest);
        for level in Level::ALL {
            let lifted = self.policy.floors.iter().any(|floor| floor.level == level);
            if level > by_sum && !lifted {
                let problem = Problem::UnreachableLevel(level.to_string(), highest.to_string());
                self.found(Severity::Warning, At::default(), problem);
            }
        }
    }

    fn rule(&mut self, rule: &Rule) {
        let levels = &rule.matches.level;
        let reaches_high = levels.is_empty() || levels.iter().any(|level| *level > Level::Medium);
        if matches!(rule.outcome, Outcome::Allow { .. }) && reaches_high {
            self.found(Severity::Warning, rule.at, Problem::AllowsHigh(rule.name.to_string()));
        }
        self.outcome(&rule.outcome, rule.at);
    }

    /// Where a reviewer is named first.
    fn mention(&self, group: &str, name: &str) -> At {
        self.root.as_ref().and_then(|root| mention(root, group, name)).unwrap_or_default()
    }

    fn outcome(&mut self, outcome: &Outcome, at: At) {
        let Outcome::Escalate(terms) = outcome else { return };
        let before = self.findings.len();
        for seat in terms.requirement.seats() {
            self.pool(seat.pool());
            if let Some(role) = seat.min_role() {
                self.role("min_role", role);
            }
        }
        if self.findings.len() == before {
            self.quorum(&terms.requirement, at);
        }
    }

    fn role(&mut self, group: &str, role: &RoleName) {
        if self.directory.rank(role).is_none() {
            self.undeclared_role(self.mention(group, role.as_str()), role);
        }
    }

    fn pool(&mut self, pool: &Pool) {
        for role in pool.roles() {
            self.role("role", role);
        }
        let teams = self.directory.teams();
        for team in pool.teams() {
            if !teams.contains(team) {
                let known = teams.iter().map(ToString::to_string).collect();
                let problem = Problem::Undeclared("team", team.to_string(), known);
                self.found(Severity::Error, self.mention("team", team.as_str()), problem);
            }
        }
        for person in pool.people() {
            if !self.directory.knows(person) {
                let known = self.directory.people().map(|person| person.id.to_string()).collect();
                let problem = Problem::Undeclared("person", person.to_string(), known);
                self.found(Severity::Error, self.mention("user", person.as_str()), problem);
            }
        }
    }

    fn quorum(&mut self, requirement: &Requirement, at: At) {
        let (approvals, people) = (requirement.people(), self.directory.eligible(requirement).len());
        if approvals > people {
            self.found(Severity::Error, at, Problem::PoolTooSmall { approvals, people });
        }
    }
}

/// Where `group:name`, or `name` under the key `group`, is written first.
fn mention(node: &Node, group: &str, name: &str) -> Option<At> {
    let is = |node: &Node, wanted: &str| matches!(&node.value, Yaml::Text(text) if text == wanted);
    match &node.value {
        Yaml::Text(text) => (text.split_once(':') == Some((group, name))).then_some(node.at),
        Yaml::List(list) => list.iter().find_map(|node| mention(node, group, name)),
        Yaml::Map(entries) => entries.iter().find_map(|(key, value)| {
            let here = is(key, group) && is(value, name);
            if here { Some(value.at) } else { mention(value, group, name) }
        }),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => None,
    }
}
