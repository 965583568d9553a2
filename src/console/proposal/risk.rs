//! Risk as a picture: how much each factor adds, and what else lifts or is known.

use crate::console::words::ours;
use crate::operation::render::visible;
use crate::risk::{Assessment, Facts, Level};

/// How risky it is, as a page shows it.
pub(super) struct Risk {
    pub(super) level: Level,
    /// `0.525`
    pub(super) score: String,
    /// The level that the score alone gives, where something lifts it.
    pub(super) lifted_from: Option<Level>,
    /// In one sentence, for whoever hears the picture.
    pub(super) words: String,
    pub(super) bars: Vec<Bar>,
    pub(super) floors: Vec<String>,
    pub(super) anomalies: Vec<String>,
    pub(super) known: Vec<Known>,
    /// It can't be undone, by what is known of it.
    pub(super) irreversible: bool,
}

/// A factor.
pub(super) struct Bar {
    pub(super) name: &'static str,
    /// Where it begins in the picture of all, in thousandths of a score of one.
    pub(super) from: u32,
    /// How much it adds, in thousandths.
    pub(super) width: u32,
    /// `0.175`
    pub(super) adds: String,
    /// How it comes about: `0.7 × 0.25`.
    pub(super) sum: String,
    pub(super) reason: String,
}

/// Something that is known.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) reason: String,
}

impl Risk {
    pub(super) fn of(assessment: &Assessment) -> Self {
        let mut from = 0;
        let mut bars = Vec::new();
        for factor in &assessment.factors {
            let width = factor.contribution.millionths() / 1000;
            bars.push(Bar {
                name: factor.name.as_str(),
                from,
                width,
                adds: factor.contribution.to_string(),
                sum: format!("{} × {}", factor.value, factor.weight),
                reason: ours(&format!("{} ({})", factor.reason, factor.source)),
            });
            from += width;
        }
        let parts: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.name, bar.adds)).collect();
        let words = format!("score {} of 1: {}", assessment.score, parts.join(", "));
        let floor = |floor: &crate::risk::LiftedBy| match &floor.beyond {
            Some(beyond) => visible(&format!("at least {}: {} ({beyond})", floor.level, floor.floor)),
            None => visible(&format!("at least {}: {}", floor.level, floor.floor)),
        };
        let lifted = assessment.level != assessment.level_of_score;
        Self {
            level: assessment.level,
            score: assessment.score.to_string(),
            lifted_from: lifted.then_some(assessment.level_of_score),
            words,
            bars,
            floors: assessment.floors.iter().map(floor).collect(),
            anomalies: assessment.anomalies.iter().map(|anomaly| visible(&anomaly.words)).collect(),
            known: known(&assessment.facts),
            irreversible: assessment.facts.irreversible.value,
        }
    }
}

fn known(facts: &Facts) -> Vec<Known> {
    let cost = facts.cost.value.map_or_else(|| "nobody said".to_owned(), |cost| cost.to_string());
    let undone = if facts.irreversible.value { "no" } else { "nothing says that it can't" };
    let kind = facts.kind.value.as_str().replace('_', " ");
    let fact = |name, value: String, reason: &str| Known { name, value, reason: ours(reason) };
    vec![
        fact("What it does", kind, &facts.kind.reason),
        fact("Where", facts.environment.value.to_string(), &facts.environment.reason),
        fact("Data", facts.sensitivity.value.to_string(), &facts.sensitivity.reason),
        fact("How much", facts.scope.value.to_string(), &facts.scope.reason),
        fact("Can it be undone", undone.to_owned(), &facts.irreversible.reason),
        fact("Cost", cost, &facts.cost.reason),
    ]
}
