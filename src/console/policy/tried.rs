//! A draft that was tried, as its page shows it.

use super::Remark;
use crate::decision::preview::{Change, Group, Report, Said};
use crate::reviewer::Wall;
use crate::sidecar::previews::Tried;

/// How many kinds of change, matches and reviewers are shown of each.
const MOST: usize = 30;

/// What a draft would have done.
pub(super) struct Shown {
    pub(super) digest: String,
    pub(super) compared: u64,
    pub(super) span: Option<(String, String)>,
    pub(super) unchanged: u64,
    pub(super) recorded_otherwise: u64,
    pub(super) groups: Vec<Changed>,
    /// What the draft decides, and how often.
    pub(super) decided: Vec<(String, u64)>,
    pub(super) reviews: Vec<String>,
    pub(super) unanswerable: u64,
    pub(super) findings: Vec<Remark>,
}

/// Decisions that changed in one direction.
pub(super) struct Changed {
    pub(super) name: &'static str,
    pub(super) tone: &'static str,
    pub(super) count: u64,
    /// From what to what, and how often.
    pub(super) kinds: Vec<(String, String, u64)>,
    pub(super) examples: Vec<Example>,
}

/// One of them.
pub(super) struct Example {
    pub(super) id: String,
    pub(super) what: String,
    pub(super) who: String,
    pub(super) before: String,
    pub(super) after: String,
}

impl Shown {
    pub(super) fn of(tried: &Tried, wall: &Wall) -> Self {
        let report = &tried.report;
        Self {
            digest: tried.digest.clone(),
            compared: report.compared,
            span: report.span.map(|(first, last)| (wall.shows(first), wall.shows(last))),
            unchanged: report.unchanged,
            recorded_otherwise: report.recorded_otherwise,
            groups: vec![
                changed("Less strict", "bad", &report.looser, wall),
                changed("Otherwise", "warn", &report.otherwise, wall),
                changed("Stricter", "good", &report.stricter, wall),
            ],
            decided: most(report.decided.iter().map(|(what, count)| (what.clone(), *count)), |one| one.1),
            reviews: reviews(report),
            unanswerable: report.unanswerable,
            findings: tried.findings.iter().map(Remark::from).collect(),
        }
    }
}

fn changed(name: &'static str, tone: &'static str, group: &Group, wall: &Wall) -> Changed {
    let kinds = group.kinds.iter().map(|((before, after), count)| (before.clone(), after.clone(), *count));
    Changed {
        name,
        tone,
        count: group.count,
        kinds: most(kinds, |one| one.2),
        examples: group.examples.iter().rev().map(|one| example(one, wall)).collect(),
    }
}

/// The most frequent.
fn most<T>(all: impl Iterator<Item = T>, count: impl Fn(&T) -> u64) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_by_key(|one| core::cmp::Reverse(count(one)));
    all.truncate(MOST);
    all
}

fn example(change: &Change, wall: &Wall) -> Example {
    Example {
        id: change.txn.to_string(),
        what: format!("{} on {}", change.action, change.resource),
        who: format!("{}, {}", change.agent, wall.shows(change.at)),
        before: said(&change.before),
        after: said(&change.after),
    }
}

fn said(said: &Said) -> String {
    let asked = said.requirement.as_ref().map(|asked| format!(" ({asked})")).unwrap_or_default();
    format!("{}{asked}", said.short())
}

fn reviews(report: &Report) -> Vec<String> {
    let a_day = |count: u64| {
        let tenths = report.tenths_a_day(count);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    let reviews = &report.reviews;
    let mut words = vec![format!(
        "People would be asked {} times a day instead of {}, which takes {} approvals instead of {}.",
        a_day(reviews.escalations_after),
        a_day(reviews.escalations_before),
        a_day(reviews.approvals_after),
        a_day(reviews.approvals_before)
    )];
    let moved = report.load.iter().filter(|load| load.before != load.after).take(MOST);
    words.extend(moved.map(|load| {
        format!("{} could have been asked {} times instead of {}.", load.person, load.after, load.before)
    }));
    words
}
