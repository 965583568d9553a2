//! The decision: one pure function from an operation, a policy, a history and a time to allow, deny or escalate,
//! always with its reasons in words.
//!
//! What the agent claims about its operation can only raise the risk (D5), and because rules may match on facts
//! that a claim changes, the rules are asked twice, with the claims and without, and the stricter answer holds. The
//! same goes for what the agent says in its own words, where a rule's condition looks at that.

pub mod explain;
pub mod preview;
mod reasons;
pub mod replay;
pub mod scenario;
pub mod suite;

pub use crate::policy::{Outcome, Terms};

use crate::condition::tightest;
use crate::digest::PolicyDigest;
use crate::escalation::OnTimeout;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::context::Context;
use crate::operation::json::Value;
use crate::party::{AgentId, ExecutorId, PersonId};
use crate::policy::expression::{EvaluationFault, Inputs};
use crate::policy::{Found, Policy, Query, Rule};
use crate::risk::calendar::LocalTime;
use crate::risk::catalog::Arguments;
use crate::risk::floor::Subject;
use crate::risk::memory::Footprint;
use crate::risk::span::Span;
use crate::risk::{
    Anomaly, AnomalyKind, Assessment, Claims, DeniedBefore, Facts, History, Kind, Level, assess,
};
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
    /// What the agent says in favour of it.
    pub context: &'a Context,
    /// The executor that the agent names.
    pub executor: Option<&'a ExecutorId>,
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
    /// How many witnesses must have cosigned the log with the mint in it before the token is handed out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub witnesses: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
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

    /// Whether it speaks against the agent: it is denied, or something about it looks like evasion.
    #[must_use]
    pub const fn is_anomalous(&self) -> bool {
        self.denies() || !self.assessment.anomalies.is_empty()
    }

    /// Whether it may run when nobody decides in time.
    #[must_use]
    pub fn may_run_undecided(&self) -> bool {
        self.terms().is_some_and(|terms| terms.on_timeout == OnTimeout::Allow)
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

/// An operation as the policy sees it before anybody's history is looked at.
#[derive(Clone, Debug)]
pub struct Examined {
    facts: Facts,
    parameters: Option<Value>,
    anomalies: Vec<Anomaly>,
}

impl Examined {
    /// Reads the facts from the operation's own names and payload.
    #[must_use]
    pub fn new(operation: &Operation, policy: &Policy) -> Self {
        let subject = Subject::new(operation.action(), operation.resource());
        let parameters = operation.parameters();
        let arguments = match parameters.as_ref().and_then(Value::as_object) {
            Some(parameters) => Arguments::Parameters(parameters),
            None => Arguments::Raw,
        };
        let (facts, anomalies) = policy.catalog().facts(policy.model(), &subject, arguments);
        Self { facts, parameters, anomalies }
    }

    /// The operation's own facts.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What it leaves behind in the agent's memory. What the agent claims counts where it is more of something; what
    /// it adds up with is not the agent's to say, or it could spread one thing over several sums.
    #[must_use]
    pub fn footprint(&self, request: &Request<'_>, policy: &Policy) -> Footprint {
        let subject = Subject::new(request.operation.action(), request.operation.resource());
        match self.facts.raised(request.claims, policy.model()) {
            None => policy.footprint(&subject, &self.facts, request.agent),
            Some(Facts { touched, cost, scope, .. }) => {
                let facts = Facts { touched, cost, scope, ..self.facts.clone() };
                policy.footprint(&subject, &facts, request.agent)
            }
        }
    }
}

/// Decides. The same arguments always give the same decision; whatever is not known counts against the operation.
#[must_use]
pub fn decide(request: &Request<'_>, policy: &Policy, history: &History, now: Moment) -> Decision {
    judge(request, Examined::new(request.operation, policy), policy, history, now)
}

/// Decides an operation that was examined under this very policy.
#[must_use]
pub fn judge(
    request: &Request<'_>,
    examined: Examined,
    policy: &Policy,
    history: &History,
    now: Moment,
) -> Decision {
    let model = policy.model();
    let subject = Subject::new(request.operation.action(), request.operation.resource());
    let mut anomalies = examined.anomalies;
    anomalies.extend(misdeclared(request.claims, &examined.facts));
    let facts = examined.facts.after(history, Span::of(model.evasion.window), model);
    let raised = facts.raised(request.claims, model);
    let assess = |facts| {
        let mut assessment = assess(&policy.basis(), &subject, facts, history, now);
        assessment.anomalies.splice(0..0, anomalies.iter().cloned());
        assessment
    };

    let unclaimed = assess(facts);
    let look = Look {
        policy,
        request,
        subject: &subject,
        parameters: examined.parameters.as_ref(),
        history,
        now: model.timing.calendar.local(now),
    };
    let silent = Look { request: &Request { context: &SILENCE, executor: None, ..*request }, ..look };
    let plain = silent.ruling(&unclaimed);
    let says = policy.reads_request() && (request.executor.is_some() || !request.context.is_empty());
    let claimed = raised.map(|raised| assess(raised).at_least(&unclaimed));
    let (assessment, ruling, plain) = match (claimed, says) {
        (None, false) => (unclaimed, plain, None),
        (None, true) => {
            let ruling = look.ruling(&unclaimed);
            let beside = (ruling.by != plain.by || ruling.outcome != plain.outcome)
                .then(|| Beside { ruling: plain.clone(), raised: false });
            (unclaimed, ruling.joined(&plain).unwrap_or_else(|()| Ruling::irreconcilable()), beside)
        }
        (Some(claimed), _) => {
            let ruling = look.ruling(&claimed);
            let joined = ruling.joined(&plain);
            let joined = joined.unwrap_or_else(|()| Ruling::irreconcilable());
            (claimed, joined, Some(Beside { ruling: plain, raised: true }))
        }
    };
    let ruling = match &history.denied {
        Some(before) => ruling.again(before, policy),
        None => ruling,
    };
    let ruling = ruling.at_level(assessment.level);
    reasons::explain(policy, assessment, ruling, plain.as_ref())
}

/// Whether the agent calls a deletion, or a change of who may do what, something that only looks.
fn misdeclared(claims: &Claims, facts: &Facts) -> Option<Anomaly> {
    let said = claims.kind.filter(|said| *said == Kind::Read)?;
    let is = facts.kind.value;
    matches!(is, Kind::Delete | Kind::Admin).then(|| {
        Anomaly::new(AnomalyKind::Misdeclared, format!("the agent declares `{said}` and it is `{is}`"))
    })
}

/// An agent that says nothing.
static SILENCE: Context = Context {
    reason: String::new(),
    user_request: String::new(),
    reasoning: String::new(),
    blast_radius: String::new(),
    reversibility: String::new(),
    alternatives: Vec::new(),
};

/// What the rules look at, but for the assessment.
#[derive(Clone, Copy)]
struct Look<'a, 'r> {
    policy: &'a Policy,
    request: &'r Request<'r>,
    subject: &'r Subject<'r>,
    parameters: Option<&'r Value>,
    history: &'r History,
    now: LocalTime,
}

impl<'a> Look<'a, '_> {
    fn inputs<'i>(&'i self, assessment: &'i Assessment) -> Inputs<'i> {
        let request = self.request;
        Inputs {
            operation: request.operation,
            parameters: self.parameters,
            facts: &assessment.facts,
            score: assessment.score,
            level: assessment.level,
            factors: &assessment.factors,
            agent: request.agent,
            on_behalf_of: request.on_behalf_of,
            history: self.history,
            context: request.context,
            executor: request.executor,
            now: self.now,
        }
    }

    fn ruling(&self, assessment: &Assessment) -> Ruling<'a> {
        let inputs = self.inputs(assessment);
        let mut found = self.policy.rule_for(&Query { subject: self.subject, inputs });
        let doubtful = core::mem::take(&mut found.doubtful);
        let firm = Ruling::of(self.policy, found, assessment.level);
        doubtful.into_iter().rev().fold(firm, |ruling, (rule, fault)| {
            let found = Found { rule: Some(rule), fault: Some(fault), ..Found::default() };
            let doubted = Ruling::of(self.policy, found, assessment.level);
            doubted.joined(&ruling).unwrap_or_else(|()| Ruling::irreconcilable())
        })
    }
}

/// The ruling without what the agent says, beside the one with it.
struct Beside<'a> {
    ruling: Ruling<'a>,
    /// Whether the agent's claims raised the risk.
    raised: bool,
}

/// What a policy says, and what in it says so.
#[derive(Clone, Debug)]
struct Ruling<'a> {
    outcome: Outcome,
    witnesses: u32,
    by: By<'a>,
    /// The rule matches because nobody can say whether its condition holds.
    fault: Option<EvaluationFault>,
    /// Rules that would have allowed, and did not match because nobody can say whether their condition holds.
    erred: Vec<(&'a Rule, EvaluationFault)>,
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
    /// Somebody denied an operation like this one lately; the policy alone would have said something else.
    Denied(&'a DeniedBefore),
}

impl<'a> Ruling<'a> {
    fn of(policy: &'a Policy, found: Found<'a>, level: Level) -> Self {
        let Found { rule, fault, erred, doubtful: _ } = found;
        let witnesses = rule.map_or_else(|| policy.witnesses_of(level), |rule| rule.witnesses);
        let (outcome, by) = match rule {
            // A rule that denies says more than the level does.
            Some(rule) if rule.outcome == Outcome::Deny => (Outcome::Deny, By::Rule(rule)),
            _ if level >= policy.model().blocked_from => (Outcome::Deny, By::Blocked(level)),
            Some(rule) => (rule.outcome.clone(), By::Rule(rule)),
            None => (policy.outcome_of(level).clone(), By::Level(level)),
        };
        Self { outcome, witnesses, by, fault, erred }
    }

    /// This ruling for a risk of this level: above `medium`, waiting never allows (P3).
    fn at_level(mut self, level: Level) -> Self {
        if let Outcome::Escalate(terms) = &mut self.outcome
            && level > Level::Medium
        {
            terms.on_timeout = OnTimeout::Deny;
        }
        self
    }

    const fn irreconcilable() -> Self {
        Self { outcome: Outcome::Deny, witnesses: 0, by: By::Irreconcilable, fault: None, erred: Vec::new() }
    }

    /// This ruling for an operation like one that somebody denied: it goes back to them (R6). Where the policy would
    /// have allowed it, it is asked as `medium` risk is.
    fn again(self, before: &'a DeniedBefore, policy: &'a Policy) -> Self {
        let terms = match (&self.outcome, policy.outcome_of(Level::Medium)) {
            (Outcome::Deny, _) => return self,
            (Outcome::Escalate(terms), _) | (Outcome::Allow { .. }, Outcome::Escalate(terms)) => terms,
            (Outcome::Allow { .. }, Outcome::Allow { .. } | Outcome::Deny) => {
                return Self { outcome: Outcome::Deny, by: By::Denied(before), ..self };
            }
        };
        let conditions: Vec<_> = terms.conditions.iter().chain(self.outcome.conditions()).cloned().collect();
        let outcome = match (terms.again_by(&before.by), tightest(&conditions)) {
            (Ok(terms), Ok(conditions)) => Outcome::Escalate(Terms { conditions, ..terms }),
            _ => Outcome::Deny,
        };
        let witnesses = self.witnesses.max(policy.witnesses_of(Level::Medium));
        Self { outcome, witnesses, by: By::Denied(before), ..self }
    }

    /// This ruling, made with the agent's claims, and never less strict than the one without them.
    fn joined(self, without: &Self) -> Result<Self, ()> {
        let witnesses = self.witnesses.max(without.witnesses);
        if self.outcome == without.outcome {
            return Ok(Self { witnesses, ..self });
        }
        let mut outcome = self.outcome.strictest(&without.outcome).map_err(|_| ())?;
        // Whom a higher level asks is the policy's to say, so long as it asks no less of them.
        if let (By::Level(_), By::Level(_), Outcome::Escalate(terms)) = (self.by, without.by, &mut outcome)
            && let (Outcome::Escalate(higher), Outcome::Escalate(lower)) = (&self.outcome, &without.outcome)
            && higher.asks_no_less_than(lower)
        {
            terms.requirement = higher.requirement.clone();
        }
        let stricter = if strictness(&without.outcome) > strictness(&self.outcome) { without } else { &self };
        let (by, fault, erred) = (stricter.by, stricter.fault.clone(), stricter.erred.clone());
        Ok(Self { outcome, witnesses, by, fault, erred })
    }
}

const fn strictness(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Allow { .. } => 0,
        Outcome::Escalate(_) => 1,
        Outcome::Deny => 2,
    }
}
