//! What a case expects, and how a decision differs from it.

use crate::condition::Condition;
use crate::decision::Decision;
use crate::escalation::OnTimeout;
use crate::party::PersonId;
use crate::policy::parse::{Node, Yaml};
use crate::policy::read::{Fields, list, one_or_more, score, sentence, span, text, word};
use crate::policy::{At, Fault, Policy, Problem, Span};
use crate::reviewer::Directory;
use crate::risk::{AnomalyKind, Level, Score};

const EXPECT: &[&str] = &[
    "decision",
    "rule",
    "level",
    "score",
    "floors",
    "requirement",
    "conditions",
    "timeout",
    "timeout_action",
    "reasons",
    "anomalies",
    "reviewers",
];

/// What is expected. What is not said may be anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    decision: Option<&'static str>,
    /// The rule; `None` within for the level.
    rule: Option<(Option<String>, At)>,
    level: Option<Level>,
    score: Option<Score>,
    /// All floors and limits that apply.
    floors: Option<Vec<(String, At)>>,
    requirement: Option<String>,
    conditions: Option<Vec<Condition>>,
    timeout: Option<Span>,
    on_timeout: Option<OnTimeout>,
    /// Parts of reasons, each of which must be in one.
    reasons: Vec<String>,
    anomalies: Option<Vec<AnomalyKind>>,
    reviewers: Option<(Vec<String>, At)>,
}

/// Where a decision is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key of what was expected.
    pub key: &'static str,
    /// What was expected.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl Expected {
    pub(super) fn read(node: &Node) -> Result<Self, Fault> {
        let fields = Fields::of(node, EXPECT)?;
        let named = |node: &Node| Ok((sentence(node)?.to_owned(), node.at));
        Ok(Self {
            decision: fields.read("decision", decision)?,
            rule: fields.read("rule", |node| match &node.value {
                Yaml::Null => Ok((None, node.at)),
                Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
                    named(node).map(|(name, at)| (Some(name), at))
                }
            })?,
            level: fields.read("level", level)?,
            score: fields.read("score", score)?,
            floors: fields.read("floors", |node| any_number(node, named))?,
            requirement: fields.read("requirement", |node| text(node).map(str::to_owned))?,
            conditions: fields.read("conditions", |node| any_number(node, condition))?,
            timeout: fields.read("timeout", span)?,
            on_timeout: fields.read("timeout_action", on_timeout)?,
            reasons: fields
                .read("reasons", |node| one_or_more(node, |node| text(node).map(str::to_owned)))?
                .unwrap_or_default(),
            anomalies: fields.read("anomalies", |node| any_number(node, anomaly))?,
            reviewers: fields.read("reviewers", |node| {
                let people = any_number(node, |node| sentence(node).map(str::to_owned))?;
                Ok((people, node.at))
            })?,
        })
    }

    /// Whether everything that is named here is there.
    pub(super) fn fits(&self, policy: &Policy, directory: Option<&Directory>) -> Result<(), Fault> {
        if let Some((Some(name), at)) = &self.rule
            && !policy.rules().iter().any(|rule| *rule.name == **name)
        {
            let known = policy.rules().iter().map(|rule| rule.name.to_string()).collect();
            return Err(Fault::new(*at, Problem::Undeclared("rule", name.clone(), known)));
        }
        let floors = policy.floors().iter().map(|floor| &*floor.name);
        let known: Vec<&str> = floors.chain(policy.limits().iter().map(|limit| &*limit.name)).collect();
        for (name, at) in self.floors.iter().flatten() {
            if !known.contains(&name.as_str()) {
                let known = known.iter().map(|name| (*name).to_owned()).collect();
                return Err(Fault::new(*at, Problem::Undeclared("floor or limit", name.clone(), known)));
            }
        }
        match (&self.reviewers, directory) {
            (Some((_, at)), None) => Err(Fault::new(*at, Problem::NeedsBeside("reviewers", "roster"))),
            _ => Ok(()),
        }
    }

    /// In what the decision differs.
    pub(super) fn differences(&self, decision: &Decision, reviewers: Option<&[PersonId]>) -> Vec<Difference> {
        let mut differs = Differs(Vec::new());
        let (assessment, terms) = (&decision.assessment, decision.terms());
        differs.unless("decision", self.decision.as_ref(), &decision.outcome.as_str());
        if let Some((rule, _)) = &self.rule {
            let name = |rule: &Option<String>| rule.clone().unwrap_or_else(|| "none".to_owned());
            differs.unless("rule", Some(&name(rule)), &name(&decision.rule));
        }
        differs.unless("level", self.level.as_ref(), &assessment.level);
        differs.unless("score", self.score.as_ref(), &assessment.score);
        if let Some(floors) = &self.floors {
            let wanted = floors.iter().map(|(name, _)| name.clone());
            differs.set("floors", wanted, assessment.floors.iter().map(|one| one.floor.clone()));
        }
        let nobody = || "nobody is asked".to_owned();
        let requirement = terms.map_or_else(nobody, |terms| terms.requirement.to_string());
        differs.unless("requirement", self.requirement.as_ref(), &requirement);
        if let Some(conditions) = &self.conditions {
            let words = |conditions: &[Condition]| -> Vec<String> {
                conditions.iter().map(Condition::describe).collect()
            };
            differs.set("conditions", words(conditions), words(decision.outcome.conditions()));
        }
        let timeout = terms.map_or_else(nobody, |terms| Span::of(terms.decide_within).to_string());
        differs.unless("timeout", self.timeout.map(|span| span.to_string()).as_ref(), &timeout);
        let action = terms.map_or_else(nobody, |terms| timeout_action(terms.on_timeout).to_owned());
        let wanted = self.on_timeout.map(|action| timeout_action(action).to_owned());
        differs.unless("timeout_action", wanted.as_ref(), &action);
        for wanted in &self.reasons {
            if !decision.reasons.iter().any(|reason| reason.contains(wanted.as_str())) {
                differs.add("reasons", wanted.clone(), decision.reasons.join("; "));
            }
        }
        if let Some(anomalies) = &self.anomalies {
            let kinds = assessment.anomalies.iter().map(|anomaly| anomaly.kind.to_string());
            differs.set("anomalies", anomalies.iter().map(ToString::to_string), kinds);
        }
        if let (Some((wanted, _)), Some(reviewers)) = (&self.reviewers, reviewers) {
            differs.set("reviewers", wanted.iter().cloned(), reviewers.iter().map(ToString::to_string));
        }
        differs.0
    }
}

struct Differs(Vec<Difference>);

impl Differs {
    fn add(&mut self, key: &'static str, expected: String, found: String) {
        self.0.push(Difference { key, expected, found });
    }

    fn unless<T: PartialEq + ToString>(&mut self, key: &'static str, wanted: Option<&T>, found: &T) {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            self.add(key, wanted.to_string(), found.to_string());
        }
    }

    /// Compares whatever the order.
    fn set(
        &mut self,
        key: &'static str,
        wanted: impl IntoIterator<Item = String>,
        found: impl IntoIterator<Item = String>,
    ) {
        let sorted = |all: Vec<String>| {
            let mut all = all;
            all.sort();
            if all.is_empty() { "none".to_owned() } else { all.join(", ") }
        };
        let wanted = sorted(wanted.into_iter().collect());
        self.unless(key, Some(&wanted), &sorted(found.into_iter().collect()));
    }
}

/// A list, which may be empty, or one thing.
fn any_number<T>(node: &Node, read: impl Fn(&Node) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    match &node.value {
        Yaml::List(_) => list(node)?.iter().map(read).collect(),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => Ok(vec![read(node)?]),
    }
}

fn decision(node: &Node) -> Result<&'static str, Fault> {
    const EFFECTS: [&str; 3] = ["allow", "deny", "escalate"];
    word(
        node,
        |text| EFFECTS.into_iter().find(|effect| *effect == text),
        || EFFECTS.map(str::to_owned).to_vec(),
    )
}

fn level(node: &Node) -> Result<Level, Fault> {
    let names = || Level::ALL.iter().map(ToString::to_string).collect();
    word(node, |text| Level::ALL.into_iter().find(|level| level.as_str() == text), names)
}

fn anomaly(node: &Node) -> Result<AnomalyKind, Fault> {
    word(node, AnomalyKind::parse, || AnomalyKind::ALL.iter().map(ToString::to_string).collect())
}

fn on_timeout(node: &Node) -> Result<OnTimeout, Fault> {
    let parse = |text: &str| match text {
        "deny" => Some(OnTimeout::Deny),
        "allow" => Some(OnTimeout::Allow),
        _ => None,
    };
    word(node, parse, || ["deny", "allow"].map(str::to_owned).to_vec())
}

const fn timeout_action(on_timeout: OnTimeout) -> &'static str {
    match on_timeout {
        OnTimeout::Deny => "deny",
        OnTimeout::Allow => "allow",
    }
}

fn condition(node: &Node) -> Result<Condition, Fault> {
    Condition::parse_short(text(node)?)
        .map_err(|error| Fault::new(node.at, Problem::Condition(error.to_string())))
}
