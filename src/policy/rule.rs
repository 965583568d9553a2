//! A rule: what it matches and what it then says.

use super::outcome::Outcome;
use super::source::At;
use crate::party::{AgentId, PersonId};
use crate::risk::floor::{Case, Subject, named};
use crate::risk::pattern::{Glob, Named};
use crate::risk::{Facts, Level, Situation};

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, unique within the policy.
    pub name: Box<str>,
    /// What it matches.
    pub matches: Match,
    /// What it says.
    pub outcome: Outcome,
    /// Why, in the words of whoever wrote it.
    pub reason: Option<Box<str>>,
    /// Where it is written.
    pub at: At,
}

/// What a rule matches. An empty list is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The operation and its facts.
    pub situation: Situation,
    /// Patterns of the agent's identity.
    pub agent: Vec<Glob>,
    /// Patterns of the person for whom the agent acts; an agent that acts for nobody does not match.
    pub on_behalf_of: Vec<Glob>,
    /// Levels of risk.
    pub level: Vec<Level>,
}

/// What is asked of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// What is to be done.
    pub subject: &'a Subject<'a>,
    /// What is known about it.
    pub facts: &'a Facts,
    /// How risky it is.
    pub level: Level,
    /// Who asks.
    pub agent: &'a AgentId,
    /// For whom.
    pub on_behalf_of: Option<&'a PersonId>,
}

impl Rule {
    /// Whether it matches.
    #[must_use]
    pub fn matches(&self, query: &Query<'_>) -> bool {
        let case = self.case();
        let Match { situation, agent, on_behalf_of, level } = &self.matches;
        let for_whom = match query.on_behalf_of {
            Some(person) => person_matches(on_behalf_of, person.as_str(), case),
            None => on_behalf_of.is_empty(),
        };
        (level.is_empty() || level.contains(&query.level))
            && for_whom
            && person_matches(agent, query.agent.as_str(), case)
            && situation.describes(query.subject, query.facts, case)
    }

    /// A rule that widens authority matches names exactly; one that narrows it, whatever their case.
    pub(super) const fn case(&self) -> Case {
        match self.outcome {
            Outcome::Allow { .. } => Case::Exact,
            Outcome::Deny | Outcome::Escalate(_) => Case::Any,
        }
    }
}

fn person_matches(patterns: &[Glob], name: &str, case: Case) -> bool {
    patterns.is_empty() || named(patterns, &Named::new(name), case)
}
