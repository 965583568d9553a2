//! Reasons: why a decision is what it is and what would change it, in words that people read (D1).

mod asked;

use super::{Beside, By, Decision, Ruling};
use crate::policy::{Outcome, Policy, Span};
use crate::risk::model::Thresholds;
use crate::risk::{Assessment, Facts, Level, LiftedBy, Novelty, Score, Totals, quoted};

/// The decision that follows from a ruling, with its reasons; `beside` is the ruling without what the agent says,
/// where that changes anything.
pub(super) fn explain(
    policy: &Policy,
    assessment: Assessment,
    ruling: Ruling<'_>,
    beside: Option<&Beside<'_>>,
) -> Decision {
    let mut reasons = Vec::with_capacity(16);
    reasons.push(verdict(&ruling));
    if let By::Rule(rule) = ruling.by
        && let Some(reason) = &rule.reason
    {
        reasons.push(format!("the rule's reason: {reason}"));
    }
    if let Some(fault) = &ruling.fault {
        reasons.push(format!("nobody can say whether its condition holds, so it counts as held: {fault}"));
    }
    reasons.extend(ruling.erred.iter().map(|(rule, fault)| {
        format!(
            "rule {} does not allow it, because nobody can say whether its condition holds: {fault}",
            quoted(&rule.name)
        )
    }));
    if let Some(beside) = beside {
        reasons.push(claims(&ruling, beside));
    }
    reasons.push(level(&assessment, &policy.model().thresholds));
    reasons.extend(assessment.floors.iter().map(|floor| lifting(floor, assessment.level_of_score)));
    reasons.extend(assessment.factors.iter().map(ToString::to_string));
    reasons.extend(payload(&assessment.facts));
    reasons.extend(assessment.anomalies.iter().map(|anomaly| format!("anomaly: {}", anomaly.words)));
    reasons.extend(lately(&assessment.facts.recent));
    reasons.extend(news(&assessment.facts.new));
    if let Some(pattern) = &assessment.facts.critical {
        reasons.push(format!("others depend on it: `{pattern}` is declared as critical"));
    }
    if assessment.facts.irreversible.value {
        reasons.push(format!("it cannot be undone: {}", assessment.facts.irreversible.reason));
    }
    if assessment.facts.cost.value.is_some() {
        reasons.push(assessment.facts.cost.reason.clone());
    }
    if let Outcome::Escalate(terms) = &ruling.outcome {
        reasons.push(asked::asks(terms));
        reasons.extend(asked::besides(terms));
    }
    let conditions = ruling.outcome.conditions().iter();
    reasons.extend(conditions.map(|condition| format!("only if: {}", condition.describe())));
    let witnesses = if ruling.outcome == Outcome::Deny { 0 } else { ruling.witnesses };
    if witnesses > 0 {
        reasons.push(format!("its token is handed out once {witnesses} witnesses have cosigned the log"));
    }
    reasons.push(change(policy, &assessment, &ruling));
    let rule = match ruling.by {
        By::Rule(rule) => Some(rule.name.to_string()),
        By::Blocked(_) | By::Level(_) | By::Irreconcilable | By::Denied(_) => None,
    };
    Decision { outcome: ruling.outcome, assessment, rule, policy: policy.digest(), reasons, witnesses }
}

fn effect(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Allow { .. } => "allowed",
        Outcome::Deny => "denied",
        Outcome::Escalate(_) => "escalated",
    }
}

fn verdict(ruling: &Ruling<'_>) -> String {
    let effect = effect(&ruling.outcome);
    match ruling.by {
        By::Rule(rule) => format!("{effect} by rule {}, line {}", quoted(&rule.name), rule.at.line),
        By::Level(level) => format!("{effect}: no rule matches, and this is what `{level}` risk gets"),
        By::Blocked(level) => {
            format!("{effect}: `{level}` risk never runs, whatever any rule says or anyone approves")
        }
        By::Irreconcilable => {
            format!(
                "{effect}: with the agent's claims and without, the policy asks for what cannot hold together"
            )
        }
        By::Denied(before) => format!(
            "{effect}: `{}` denied an operation like this one of this agent lately (escalation `{}`), so it goes \
             back there",
            before.by, before.escalation
        ),
    }
}

fn claims(ruling: &Ruling<'_>, beside: &Beside<'_>) -> String {
    let unclaimed = &beside.ruling;
    let says = match beside.raised {
        true => "the agent's own claims raise the risk",
        false => "a rule looks at what the agent says in its own words",
    };
    if ruling.by == unclaimed.by && ruling.outcome == unclaimed.outcome {
        return format!("{says}; this is what holds with them and without");
    }
    let without = effect(&unclaimed.outcome);
    let by = match unclaimed.by {
        By::Rule(rule) => format!("by rule {}", quoted(&rule.name)),
        By::Level(level) | By::Blocked(level) => format!("as `{level}` risk"),
        By::Irreconcilable => "as contradictory".to_owned(),
        By::Denied(_) => "as denied before".to_owned(),
    };
    format!("{says}; without them it would be {without} {by}, and the stricter holds")
}

fn level(assessment: &Assessment, thresholds: &Thresholds) -> String {
    let Assessment { score, level, level_of_score, .. } = assessment;
    let range = match level_of_score {
        Level::Low => format!("below {}", thresholds.medium),
        Level::Medium => format!("from {} to below {}", thresholds.medium, thresholds.high),
        Level::High => format!("from {} to below {}", thresholds.high, thresholds.critical),
        Level::Critical => format!("{} or more", thresholds.critical),
    };
    if level == level_of_score {
        format!("the risk is `{level}`: the score {score} is {range}")
    } else {
        format!("the risk is `{level}`: the score {score} alone, {range}, would be `{level_of_score}`")
    }
}

fn lifting(floor: &LiftedBy, level_of_score: Level) -> String {
    let LiftedBy { floor, level, beyond } = floor;
    let (what, why) = match beyond {
        Some(beyond) => ("limit", format!(" ({beyond})")),
        None => ("floor", String::new()),
    };
    if *level > level_of_score {
        format!("{what} {} lifts it to `{level}`{why}", quoted(floor))
    } else {
        format!("{what} {} applies too: at least `{level}`{why}", quoted(floor))
    }
}

/// What the payload does, and what of it is not understood.
fn payload(facts: &Facts) -> Vec<String> {
    let acts = facts.acts.iter().map(|act| format!("the payload: {}", quoted(&act.to_string())));
    let doubts = facts
        .doubts
        .iter()
        .map(|doubt| format!("not understood in the payload ({}): {}", doubt.why, quoted(&doubt.part)));
    let mut said: Vec<String> = doubts.chain(acts).collect();
    if said.len() > SHOWN_ACTS {
        let more = said.len() - SHOWN_ACTS;
        said.truncate(SHOWN_ACTS);
        said.push(format!("the payload: {more} more like these"));
    }
    said
}

/// How many acts and doubts the reasons tell.
const SHOWN_ACTS: usize = 8;

/// What the agent did like it, this included.
fn lately(recent: &Totals) -> Option<String> {
    let Totals { requests, rows, objects, cost } = recent;
    (*requests > 1).then(|| {
        format!("with what the agent did like it lately: {requests} operations, {rows} rows, {objects} objects, cost {cost}")
    })
}

/// What the agent never did before.
fn news(new: &Novelty) -> Option<String> {
    let said = [(new.action, "action"), (new.resource, "kind of resource"), (new.environment, "environment")];
    let said: Vec<&str> = said.into_iter().filter_map(|(is, what)| is.then_some(what)).collect();
    (!said.is_empty()).then(|| format!("new to this agent: the {}", said.join(", the ")))
}

/// What would have to be otherwise for another answer.
fn change(policy: &Policy, assessment: &Assessment, ruling: &Ruling<'_>) -> String {
    let change = match ruling.by {
        By::Rule(rule) => {
            format!("another operation, or a change to rule {} or to those before it", quoted(&rule.name))
        }
        By::Irreconcilable => "another operation, or a change to the policy's conditions".to_owned(),
        By::Denied(before) => {
            let stands = Span::of(policy.model().evasion.denial_stands);
            format!("the agreement of `{}`, or time: a denial stands for {stands}", before.by)
        }
        By::Blocked(_) | By::Level(_) => another_level(policy, assessment),
    };
    format!("what would change it: {change}")
}

fn another_level(policy: &Policy, assessment: &Assessment) -> String {
    let Assessment { score, level, level_of_score, factors, floors, .. } = assessment;
    let thresholds = &policy.model().thresholds;
    let holding = floors.iter().filter(|floor| floor.level == *level);
    let holding: Vec<String> = holding.map(|floor| quoted(&floor.floor)).collect();
    let no_floor =
        format!("an operation that no floor describes that demands `{level}`: {}", holding.join(", "));
    if level > level_of_score {
        return no_floor;
    }
    let begins = match level {
        Level::Low => {
            return format!(
                "a score {} higher would be `{}`",
                less(thresholds.medium, *score),
                Level::Medium
            );
        }
        Level::Medium => thresholds.medium,
        Level::High => thresholds.high,
        Level::Critical => thresholds.critical,
    };
    let largest = factors.iter().max_by_key(|factor| factor.contribution);
    let largest = largest.map_or_else(String::new, |factor| {
        format!("; most of it comes from {}, {}", factor.name, factor.contribution)
    });
    let lower =
        format!("a score more than {} lower would no longer be `{level}`{largest}", less(*score, begins));
    if holding.is_empty() { lower } else { format!("{lower}; and {no_floor}") }
}

fn less(from: Score, what: Score) -> Score {
    Score::from_thousandths(from.thousandths().saturating_sub(what.thousandths())).unwrap_or_default()
}
