//! Advice about people and the queue: pools, caps, stages, saturation, and scores that misjudge.

use super::{Advice, Code, Evidence, Minimums};
use crate::audit::analytics::interval::Rate;
use crate::audit::analytics::{
    DriftReport, FactorDrift, Report, ReviewerReport, RuleReport, StageReport, Told, Verdict,
};
use crate::audit::event::SaturationMeasure::{Share, TimeToApprove};
use std::collections::BTreeSet;

fn asked_by(cause: &str) -> String {
    match (cause.strip_prefix("rule:"), cause.strip_prefix("level:")) {
        (Some(rule), _) => format!("the rule `{rule}`"),
        (None, Some(level)) => format!("{level} risk, where no rule speaks,"),
        (None, None) => cause.to_owned(),
    }
}

pub(super) fn pool(rule: &RuleReport, minimums: &Minimums) -> Option<Advice> {
    let undecided = rule.endings.rate(rule.endings.expired + rule.endings.blocked);
    if undecided.of < minimums.undecided_of || undecided.at_least() < minimums.undecided {
        return None;
    }
    let words = format!(
        "of {} times that {} asked people, nobody decided {} in time and {} were blocked: more people, more time or a further stage",
        undecided.of,
        asked_by(&rule.cause),
        rule.endings.expired,
        rule.endings.blocked
    );
    Some(Advice { code: Code::Pool, words, action: None, evidence: Evidence::of(undecided), change: None })
}

pub(super) fn alone(rule: &RuleReport, minimums: &Minimums) -> Option<Advice> {
    let (person, seats) = rule.seated.iter().max_by_key(|(_, seats)| **seats)?;
    let approvals = rule.endings.approved.saturating_sub(rule.endings.undecided);
    let part = Rate::new(*seats, approvals);
    if part.of < minimums.undecided_of || part.at_least() < minimums.alone {
        return None;
    }
    let words = format!(
        "{person} took part in {} of {} approvals that {} asked for: without them there would hardly be any",
        part.part,
        part.of,
        asked_by(&rule.cause)
    );
    let evidence = Evidence { people: BTreeSet::from([person.clone()]), ..Evidence::of(part) };
    Some(Advice { code: Code::Alone, words, action: None, evidence, change: None })
}

pub(super) fn cap(reviewer: &ReviewerReport, minimums: &Minimums) -> Option<Advice> {
    let (full, cap) = (reviewer.full_days, reviewer.daily_cap?);
    let words = format!(
        "{} was asked nine tenths of the daily cap of {cap} or more on {full} of {} days: spread it further, or ask less",
        reviewer.person, reviewer.days
    );
    let evidence = Evidence {
        people: BTreeSet::from([reviewer.person.clone()]),
        ..Evidence::of(Rate::new(full, reviewer.days))
    };
    (full >= minimums.full_days).then_some(Advice {
        code: Code::Cap,
        words,
        action: None,
        evidence,
        change: None,
    })
}

pub(super) fn unreached(rule: &RuleReport, minimums: &Minimums) -> Vec<Advice> {
    let stages = rule.stages.iter().filter(|stage| {
        stage.stage > 0 && stage.reached.part == 0 && stage.reached.at_most() <= minimums.unreached
    });
    let advice = |stage: &StageReport| Advice {
        code: Code::Stage,
        words: format!(
            "stage {} of what {} asks for was never reached in {} times: it may as well go, or begin earlier",
            stage.stage,
            asked_by(&rule.cause),
            stage.reached.of
        ),
        action: None,
        evidence: Evidence::of(stage.reached),
        change: None,
    };
    stages.map(advice).collect()
}

/// Counts, and nothing else: there may be good reasons.
pub(super) fn quick(reviewer: &ReviewerReport, minimums: &Minimums) -> Option<Advice> {
    let votes = reviewer.approving;
    let median = reviewer.review.median().filter(|median| *median < minimums.quick)?;
    if votes.of < minimums.quick_votes || votes.part < votes.of {
        return None;
    }
    let words = format!(
        "{} voted {} times, approved every time, and half of the time within {}.{} s",
        reviewer.person,
        votes.of,
        median.as_secs(),
        median.subsec_millis() / 100
    );
    let evidence = Evidence { people: BTreeSet::from([reviewer.person.clone()]), ..Evidence::of(votes) };
    Some(Advice { code: Code::Quick, words, action: None, evidence, change: None })
}

/// What began to be too much and is not over.
pub(super) fn saturated(report: &Report) -> Vec<Advice> {
    let latest = [Share, TimeToApprove]
        .into_iter()
        .filter_map(|measure| report.saturation.iter().rev().find(|told| told.saturated.measure == measure));
    let advice = |told: &Told| {
        let one = &told.saturated;
        let words = match one.measure {
            Share => format!(
                "{}.{} % of {} operations within {} s went to people: allow what they always approve, deny what they always deny",
                one.figure / 10,
                one.figure % 10,
                one.cases,
                one.window
            ),
            TimeToApprove => format!(
                "half of {} approvals within {} s took longer than {} s: ask more people, or about less",
                one.cases, one.window, one.figure
            ),
        };
        let cases = match one.measure {
            Share => Rate::new(one.figure.saturating_mul(one.cases) / 1000, one.cases),
            TimeToApprove => Rate::new(one.cases.div_ceil(2), one.cases),
        };
        let evidence = Evidence { since: Some(told.at), ..Evidence::of(cases) };
        Advice { code: Code::Saturated, words, action: None, evidence, change: None }
    };
    latest.filter(|told| told.saturated.above).map(advice).collect()
}

pub(super) fn factors(drift: &DriftReport) -> Vec<Advice> {
    let wrong = drift.factors.iter().filter(|factor| factor.verdict == Verdict::Misjudges);
    let advice = |factor: &FactorDrift| Advice {
        code: Code::Factor,
        words: format!(
            "the factor `{}` is lower where incidents happen than elsewhere, and said of {} of {} that they were harmless: look at its table",
            factor.factor, factor.low.part, factor.low.of
        ),
        action: None,
        evidence: Evidence::of(factor.low),
        change: None,
    };
    wrong.map(advice).collect()
}
