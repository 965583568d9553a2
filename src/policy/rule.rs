//! A rule: what it matches and what it then says.

use super::expression::{EvaluationFault, Expression, Inputs};
use super::outcome::Outcome;
use super::source::At;
use crate::risk::floor::{Case, Part, Subject, named};
use crate::risk::pattern::{Glob, Named};
use crate::risk::{Level, Situation};

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, unique within the policy.
    pub name: Box<str>,
    /// What it matches.
    pub matches: Match,
    /// What must hold besides.
    pub when: Option<Expression>,
    /// What it says.
    pub outcome: Outcome,
    /// How many witnesses must have cosigned the log with the mint in it before the token is handed out.
    pub witnesses: u32,
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
    /// What is to be done, prepared for patterns.
    pub subject: &'a Subject<'a>,
    /// Everything that is known about it.
    pub inputs: Inputs<'a>,
}

/// Whether a rule matches, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matching {
    /// It matches.
    Yes,
    /// Nobody can say whether its condition holds, and it narrows authority: it matches (DESIGN §5.7).
    YesByError(EvaluationFault),
    /// It does not.
    No(Unlike),
    /// Nobody can say whether its condition holds, and it widens authority: it does not match.
    NoByError(EvaluationFault),
}

impl Matching {
    /// Whether the rule is to be followed.
    #[must_use]
    pub const fn matches(&self) -> bool {
        matches!(self, Self::Yes | Self::YesByError(_))
    }
}

/// In which part of a rule an operation is unlike what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlike {
    /// The description of the operation.
    Situation(Part),
    /// The agent.
    Agent,
    /// The person for whom it acts.
    OnBehalfOf,
    /// The level of risk.
    Level,
    /// The condition does not hold.
    Condition,
}

impl Unlike {
    /// The key of the rule that says so.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Situation(part) => part.as_str(),
            Self::Agent => "agent",
            Self::OnBehalfOf => "on_behalf_of",
            Self::Level => "level",
            Self::Condition => "when",
        }
    }
}

/// The first rule that matches, and what went wrong on the way.
#[derive(Clone, Debug, Default)]
pub struct Found<'a> {
    /// The rule.
    pub rule: Option<&'a Rule>,
    /// It matches because nobody can say whether its condition holds.
    pub fault: Option<EvaluationFault>,
    /// Rules before it that escalate, and match because nobody can say whether their condition holds. If it does not,
    /// what comes after them would decide, so that counts as well: an error widens nothing. At most
    /// [`Found::MAX_ERRED`].
    pub doubtful: Vec<(&'a Rule, EvaluationFault)>,
    /// Rules before it that would allow, and do not because nobody can say whether their condition holds; at most
    /// [`Found::MAX_ERRED`].
    pub erred: Vec<(&'a Rule, EvaluationFault)>,
}

impl Found<'_> {
    /// The most rules that are listed because of an error.
    pub const MAX_ERRED: usize = 8;
}

impl<'a> Found<'a> {
    /// The first of these rules that matches.
    pub(super) fn among(rules: impl Iterator<Item = &'a Rule>, query: &Query<'_>) -> Self {
        let mut found = Self::default();
        for rule in rules {
            match rule.matches(query) {
                Matching::Yes => {
                    found.rule = Some(rule);
                    break;
                }
                Matching::YesByError(fault)
                    if rule.outcome != Outcome::Deny && found.doubtful.len() < Self::MAX_ERRED =>
                {
                    found.doubtful.push((rule, fault));
                }
                Matching::YesByError(fault) => {
                    found.rule = Some(rule);
                    found.fault = Some(fault);
                    break;
                }
                Matching::NoByError(fault) if found.erred.len() < Self::MAX_ERRED => {
                    found.erred.push((rule, fault));
                }
                Matching::NoByError(_) | Matching::No(_) => {}
            }
        }
        found
    }
}

impl Rule {
    /// Whether it matches. The condition comes last, and is not looked at where anything else differs.
    #[must_use]
    pub fn matches(&self, query: &Query<'_>) -> Matching {
        let Query { subject, inputs } = query;
        let case = self.case();
        let Match { situation, agent, on_behalf_of, level } = &self.matches;
        let for_whom = match inputs.on_behalf_of {
            Some(person) => person_matches(on_behalf_of, person.as_str(), case),
            None => on_behalf_of.is_empty(),
        };
        if !(level.is_empty() || level.contains(&inputs.level)) {
            return Matching::No(Unlike::Level);
        }
        if let Some(part) = situation.differs(subject, inputs.facts, case) {
            return Matching::No(Unlike::Situation(part));
        }
        if !person_matches(agent, inputs.agent.as_str(), case) {
            return Matching::No(Unlike::Agent);
        }
        if !for_whom {
            return Matching::No(Unlike::OnBehalfOf);
        }
        match self.when.as_ref().map(|when| when.holds(inputs)) {
            None | Some(Ok(true)) => Matching::Yes,
            Some(Ok(false)) => Matching::No(Unlike::Condition),
            Some(Err(fault)) => match case {
                Case::Exact => Matching::NoByError(fault),
                Case::Any => Matching::YesByError(fault),
            },
        }
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
