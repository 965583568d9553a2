//! An explanation: a decision with every rule beside it, and for each that did not decide what kept it from it.

use super::scenario::Scenario;
use super::{Decision, Examined, Look, Request, judge};
use crate::moment::Moment;
use crate::policy::expression::EvaluationFault;
use crate::policy::{Fault, Matching, Policy, Query, Rule, SourceError, Unlike};
use crate::risk::floor::{Part, Subject};
use crate::risk::pattern::Glob;
use crate::risk::{Assessment, History, quoted};

/// Why a decision is what it is.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// What the record said about the agent.
    pub history: History,
    /// Every rule, in the policy's order.
    pub rules: Vec<RuleExplained>,
}

/// What a rule has to do with a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleExplained {
    /// Its name.
    pub name: String,
    /// The line in which it is written.
    pub line: usize,
    /// What it says.
    pub effect: &'static str,
    /// What it has to do with the decision.
    pub part: Role,
}

/// What a rule has to do with a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It decided.
    Decided,
    /// It matches, and one before it, or something that outranks rules, decided.
    WouldToo,
    /// It does not match: the key that says so, what it wants, and what is.
    Unlike {
        /// The key.
        key: &'static str,
        /// What the rule wants.
        wants: String,
        /// What is.
        found: String,
    },
    /// Nobody can say whether its condition holds; whether it matches all the same, because it narrows authority.
    Erred {
        /// Why.
        fault: EvaluationFault,
        /// Whether it counts as matching.
        counts: bool,
    },
}

impl core::fmt::Display for Role {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Decided => f.write_str("decides"),
            Self::WouldToo => f.write_str("matches too"),
            Self::Unlike { key, wants, found } => write!(f, "{key}: wants {wants}, found {found}"),
            Self::Erred { fault, counts: true } => {
                write!(f, "counts as matching, because nobody can say whether `when` holds: {fault}")
            }
            Self::Erred { fault, counts: false } => {
                write!(f, "does not allow, because nobody can say whether `when` holds: {fault}")
            }
        }
    }
}

/// Decides, and says of every rule what it has to do with that. Rules are shown as they look at the operation with
/// the agent's claims, where these raise anything.
#[must_use]
pub fn explain(request: &Request<'_>, policy: &Policy, history: History, now: Moment) -> Explanation {
    let examined = Examined::new(request.operation, policy);
    let subject = Subject::new(request.operation.action(), request.operation.resource());
    let parameters = examined.parameters.clone();
    let decision = judge(request, examined, policy, &history, now);
    let look = Look {
        policy,
        request,
        subject: &subject,
        parameters: parameters.as_ref(),
        history: &history,
        now: policy.model().timing.calendar.local(now),
    };
    let query = Query { subject: &subject, inputs: look.inputs(&decision.assessment) };
    let explained = |rule: &Rule| RuleExplained {
        name: rule.name.to_string(),
        line: rule.at.line,
        effect: rule.outcome.as_str(),
        part: match rule.matches(&query) {
            _ if decision.rule.as_deref() == Some(&*rule.name) => Role::Decided,
            Matching::Yes => Role::WouldToo,
            Matching::YesByError(fault) => Role::Erred { fault, counts: true },
            Matching::NoByError(fault) => Role::Erred { fault, counts: false },
            Matching::No(unlike) => unlike_words(rule, unlike, &query, &decision.assessment),
        },
    };
    let rules = policy.rules().iter().map(explained).collect();
    Explanation { rules, history, decision }
}

impl Scenario {
    /// Decides this under a policy, and explains it.
    ///
    /// # Errors
    /// [`SourceError`] for a limit that the policy does not have; `text` and `file_name` are what this was read from.
    pub fn explain(&self, policy: &Policy, text: &str, file_name: &str) -> Result<Explanation, SourceError> {
        let examined = Examined::new(&self.operation, policy);
        let history = self.history(policy, &examined);
        let history = history.map_err(|fault: Fault| fault.within(text, file_name))?;
        Ok(explain(&self.request(), policy, history, self.at))
    }
}

/// The first part of a rule that does not fit, in words.
fn unlike_words(rule: &Rule, unlike: Unlike, query: &Query<'_>, assessment: &Assessment) -> Role {
    let (inputs, facts) = (&query.inputs, &assessment.facts);
    let wanted = &rule.matches.situation;
    let over = |over: Option<u64>| format!("more than {}", over.unwrap_or_default());
    let sum = |own: u64, together: u64| own.max(together).to_string();
    let truth = |truth: Option<bool>| truth.unwrap_or_default().to_string();
    let (wants, found) = match unlike {
        Unlike::Level => (one_of(&rule.matches.level), quoted(inputs.level.as_str())),
        Unlike::Agent => (globs(&rule.matches.agent), quoted(inputs.agent.as_str())),
        Unlike::OnBehalfOf => {
            let person = inputs.on_behalf_of.map(|person| quoted(person.as_str()));
            (globs(&rule.matches.on_behalf_of), person.unwrap_or_else(|| "nobody".to_owned()))
        }
        Unlike::Condition => {
            let condition = rule.when.as_ref().map(|when| quoted(when.source()));
            (condition.unwrap_or_default(), "that it does not hold".to_owned())
        }
        Unlike::Situation(part) => match part {
            Part::Action => (globs(&wanted.action), quoted(query.subject.action.exact)),
            Part::Resource => (globs(&wanted.resource), quoted(query.subject.resource.exact)),
            Part::Kind => (one_of(&wanted.kind), quoted(facts.kind.value.as_str())),
            Part::Environment => (one_of(&wanted.environment), quoted(facts.environment.value.as_str())),
            Part::Sensitivity => (one_of(&wanted.sensitivity), quoted(facts.sensitivity.value.as_str())),
            Part::Scope => (one_of(&wanted.scope), quoted(facts.scope.value.as_str())),
            Part::Irreversible => (truth(wanted.irreversible), facts.irreversible.value.to_string()),
            Part::CostOver => {
                (over(wanted.cost_over), sum(facts.cost.value.unwrap_or_default(), facts.recent.cost))
            }
            Part::RowsOver => (over(wanted.rows_over), sum(facts.touched.rows, facts.recent.rows)),
            Part::ObjectsOver => {
                (over(wanted.objects_over), sum(facts.touched.objects, facts.recent.objects))
            }
            Part::Critical => (truth(wanted.critical), facts.critical.is_some().to_string()),
            Part::Understood => (truth(wanted.understood), facts.doubts.is_empty().to_string()),
            Part::Doubt => {
                let doubts: Vec<_> = facts.doubts.iter().map(|doubt| doubt.why).collect();
                (one_of(&wanted.doubt), if doubts.is_empty() { "none".to_owned() } else { one_of(&doubts) })
            }
            Part::NewAction => (truth(wanted.new_action), facts.new.action.to_string()),
            Part::NewResource => (truth(wanted.new_resource), facts.new.resource.to_string()),
            Part::NewEnvironment => (truth(wanted.new_environment), facts.new.environment.to_string()),
        },
    };
    Role::Unlike { key: unlike.key(), wants, found }
}

/// The most of a list that is shown.
const SHOWN: usize = 6;

fn one_of<T: ToString>(all: &[T]) -> String {
    let mut words: Vec<String> = all.iter().take(SHOWN).map(|one| quoted(&one.to_string())).collect();
    if all.len() > SHOWN {
        words.push(format!("{} more", all.len() - SHOWN));
    }
    words.join(" or ")
}

fn globs(globs: &[Glob]) -> String {
    one_of(globs)
}
