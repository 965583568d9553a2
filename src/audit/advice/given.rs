//! Advice as it is given: with what its change would have done, and without any change that loosens too much.

use super::{Advice, Change};
use crate::audit::again::Step;
use crate::audit::analytics::ledger::Ledger;
use crate::decision::preview::{Preview, Report};
use crate::moment::Moment;
use crate::policy::Policy;
use serde::{Serialize, Serializer};
use std::collections::VecDeque;

/// So many changes are previewed at the most.
const MOST_PREVIEWS: usize = 12;

/// A piece of advice, and what its change would have done.
#[derive(Clone, Debug, Serialize)]
pub struct Given {
    /// The advice.
    #[serde(flatten)]
    pub advice: Advice,
    /// What its change would have decided otherwise, where it has one that could be put in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Previewed>,
}

/// What a change would have decided otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Previewed {
    /// How many recorded operations were decided again.
    pub compared: u64,
    /// The first of them.
    #[serde(serialize_with = "moment")]
    pub from: Option<Moment>,
    /// The last of them.
    #[serde(serialize_with = "moment")]
    pub to: Option<Moment>,
    /// For how many less would be asked.
    pub looser: u64,
    /// For how many more would be asked.
    pub stricter: u64,
    /// For how many something else would be asked.
    pub otherwise: u64,
    /// How many would be decided alike.
    pub unchanged: u64,
    /// How many went to people.
    pub escalations_before: u64,
    /// How many would have gone to people.
    pub escalations_after: u64,
}

impl From<&Report> for Previewed {
    fn from(report: &Report) -> Self {
        Self {
            compared: report.compared,
            from: report.span.map(|(first, _)| first),
            to: report.span.map(|(_, last)| last),
            looser: report.looser.count,
            stricter: report.stricter.count,
            otherwise: report.otherwise.count,
            unchanged: report.unchanged,
            escalations_before: report.reviews.escalations_before,
            escalations_after: report.reviews.escalations_after,
        }
    }
}

/// Decides these steps once more under each change. Advice whose change would loosen anything that something ever spoke
/// against is not given, nor one that would decide nothing otherwise; and of what could not be previewed the change is left out: nobody knows what it does.
#[must_use]
pub fn previewed(all: Vec<Advice>, ledger: &Ledger, policy: &Policy, steps: &VecDeque<Step>) -> Vec<Given> {
    let mut previews = 0;
    let mut given = Vec::new();
    for mut advice in all {
        let preview = match &advice.change {
            Some(change) if previews < MOST_PREVIEWS => {
                previews += 1;
                preview(change, policy, steps)
            }
            Some(_) | None => None,
        };
        let Some(report) = preview else {
            advice.change = None;
            given.push(Given { advice, preview: None });
            continue;
        };
        // A change that decides nothing otherwise was made already.
        let changes = report.looser.count + report.stricter.count + report.otherwise.count;
        if changes > 0 && advice.holds(&report, ledger) {
            given.push(Given { advice, preview: Some(Previewed::from(&report)) });
        }
    }
    given
}

fn preview(change: &Change, policy: &Policy, steps: &VecDeque<Step>) -> Option<Report> {
    let changed = Policy::parse(&change.applied(policy)?, "(changed)").ok()?;
    let mut preview = Preview::new(policy, &changed, usize::MAX);
    for step in steps {
        step.compare(&mut preview);
    }
    Some(preview.finish(None, None))
}

fn moment<S: Serializer>(at: &Option<Moment>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => to.collect_str(at),
        None => to.serialize_none(),
    }
}
