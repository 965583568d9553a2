//! The decision: one pure function from an operation, a policy, a history and a time to allow, deny or escalate,
//! always with its reasons in words.
//!
//! What the agent claims about its operation can only raise the risk (D5), and because rules may match on facts
//! that a claim changes, the rules are asked twice, with the claims and without, and the stricter answer holds.

mod reasons;

pub use crate::policy::{Outcome, Terms};

use crate::digest::PolicyDigest;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::json::Value;
use crate::party::{AgentId, PersonId};
use crate::policy::{Policy, Query, Rule};
use crate::risk::catalog::Arguments;
use crate::risk::floor::Subject;
use crate::risk::{Assessment, Claims, History, Level, assess};
use serde::{Deserialize, Serialize};

/// What is to be decided: who wants to do what, for whom.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is to be done.
    pub operation: &'a Operation,
    /// What the agent says about it.
    pub claims: &'a Claims,
    /// Who asks; authenticated.
    pub agent: &'a AgentId,
    /// For whom; it has to be known from the connection or the configuration, because rules may match on it.
    pub on_behalf_of: Option<&'a PersonId>,
}

/// What was decided, under which policy, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What is to become of the operation.
    pub outcome: Outcome,
    /// How risky it is.
    pub assessment: Assessment,
    /// The rule that decided; `None` if the level of risk did.
    pub rule: Option<String>,
    /// The policy.
    pub policy: PolicyDigest,
    /// Why, in words, the deciding reason first.
    pub reasons: Vec<String>,
}

impl Decision {
    /// Whether it may run without anyone being asked.
    #[must_use]
    pub const fn allows(&self) -> bool {
        matches!(self.outcome, Outcome::Allow { .. })
    }

    /// Whether it may not run.
    #[must_use]
    pub const fn denies(&self) -> bool {
        matches!(self.outcome, Outcome::Deny)
    }

    /// The terms on which people are to be asked.
    #[must_use]
    pub const fn terms(&self) -> Option<&Terms> {
        match &self.outcome {
            Outcome::Escalate(terms) => Some(terms),
            Outcome::Allow { .. } | Outcome::Deny => None,
        }
    }
}

/// Decides. The same arguments always give the same decision; whatever is not known counts against the operation.
#[must_use]
pub fn decide(request: &Request<'_>, policy: &Policy, history: &History, now: Moment) -> Decision {
    let operation = request.operation;
    let subject = Subject::new(operation.action(), operation.resource());
    let parameters = operation.parameters();
    let arguments = match parameters.as_ref().and_then(Value::as_object) {
        Some(parameters) => Arguments::Parameters(parameters),
        None => Arguments::Raw,
    };
    let facts = policy.catalog().facts(policy.model(), &subject, arguments);
    let raised = facts.raised(request.claims, policy.model());
    let assess = |facts| assess(policy.model(), policy.floors(), &subject, facts, history, now);

    let unclaimed = assess(facts);
    let plain = Ruling::of(policy, request, &subject, &unclaimed);
    let Some(raised) = raised else { return reasons::explain(policy, unclaimed, plain, None) };
    let claimed = assess(raised).at_least(&unclaimed);
    let ruling = Ruling::of(policy, request, &subject, &claimed);
    match ruling.joined(&plain) {
        Ok(joined) => reasons::explain(policy, claimed, joined, Some(&plain)),
        Err(()) => {
            let denied = Ruling { outcome: Outcome::Deny, by: By::Irreconcilable };
            reasons::explain(policy, claimed, denied, Some(&plain))
        }
    }
}

/// What a policy says, and what in it says so.
#[derive(Clone, Debug)]
struct Ruling<'a> {
    outcome: Outcome,
    by: By<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum By<'a> {
    /// The level never runs (D3).
    Blocked(Level),
    /// This rule matched.
    Rule(&'a Rule),
    /// No rule matched.
    Level(Level),
    /// With the agent's claims and without, the policy asks for things that cannot hold together.
    Irreconcilable,
}

impl<'a> Ruling<'a> {
    fn of(policy: &'a Policy, request: &Request<'_>, subject: &Subject<'_>, assessment: &Assessment) -> Self {
        let level = assessment.level;
        let query = Query {
            subject,
            facts: &assessment.facts,
            level,
            agent: request.agent,
            on_behalf_of: request.on_behalf_of,
        };
        let rule = policy.rule_for(&query);
        match rule {
            // A rule that denies says more than the level does.
            Some(rule) if rule.outcome == Outcome::Deny => {
                Self { outcome: Outcome::Deny, by: By::Rule(rule) }
            }
            _ if level >= policy.model().blocked_from => {
                Self { outcome: Outcome::Deny, by: By::Blocked(level) }
            }
            Some(rule) => Self { outcome: rule.outcome.clone(), by: By::Rule(rule) },
            None => Self { outcome: policy.outcome_of(level).clone(), by: By::Level(level) },
        }
    }

    /// This ruling, made with the agent's claims, and never less strict than the one without them.
    fn joined(self, without: &Self) -> Result<Self, ()> {
        if self.outcome == without.outcome {
            return Ok(self);
        }
        let mut outcome = self.outcome.strictest(&without.outcome).map_err(|_| ())?;
        // Whom a higher level asks is the policy's to say, so long as it asks no less of them.
        if let (By::Level(_), By::Level(_), Outcome::Escalate(terms)) = (self.by, without.by, &mut outcome)
            && let (Outcome::Escalate(higher), Outcome::Escalate(lower)) = (&self.outcome, &without.outcome)
            && higher.asks_no_less_than(lower)
        {
            terms.requirement = higher.requirement.clone();
        }
        let by = if strictness(&without.outcome) > strictness(&self.outcome) { without.by } else { self.by };
        Ok(Self { outcome, by })
    }
}

const fn strictness(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Allow { .. } => 0,
        Outcome::Escalate(_) => 1,
        Outcome::Deny => 2,
    }
}
