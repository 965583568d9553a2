//! The analytics: what the record says about deciding, as plots with their numbers, how people look, and the advice.

mod figures;
mod plot;

use super::Console;
use super::filters;
use super::page::{Page, Place, show};
use super::visitor::Visitor;
use crate::audit::advice::Given;
use crate::audit::analytics::{Report, ReviewerReport};
use crate::reviewer::Wall;
use crate::sidecar::figures::Latest;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use plot::Plot;
use std::sync::Arc;

/// How many reviewers are told.
const REVIEWERS: usize = 50;
/// How many changes of the saturation are told.
const TOLD: usize = 10;

/// `/analytics`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/analytics", get(analytics))
}

#[derive(Template)]
#[template(path = "analytics.html")]
struct Analytics {
    page: Page,
    zone: String,
    /// When it was counted; nothing while that is not done for the first time.
    counted_at: Option<String>,
    counted: u64,
    records: u64,
    summary: Vec<(&'static str, String)>,
    plots: Vec<Plot>,
    reviewers: Vec<Looks>,
    saturation: Vec<String>,
    /// Nothing before it was looked for the first time.
    advice: Option<Vec<Piece>>,
}

/// How somebody looks at what is before them.
struct Looks {
    person: String,
    votes: u64,
    approving: String,
    median: String,
    asked: String,
    /// Each kind of poor approval, and how often.
    flags: Vec<String>,
    drills: Option<String>,
    missed: bool,
}

/// A piece of advice.
struct Piece {
    words: String,
    evidence: String,
    place: Option<String>,
    text: String,
    preview: Option<String>,
}

async fn analytics(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    if !visitor.auditor {
        return super::sorry::not_yours(
            &visitor,
            "the figures of the whole record are for operators and auditors",
        );
    }
    let policy = console.sidecar.in_force.load().policy.clone();
    let latest = console.figures.latest(policy, console.desk.now()).await;
    show(&page(&visitor, &latest, &super::clock(&console, &visitor)))
}

fn page(visitor: &Visitor, latest: &Latest, wall: &Wall) -> Analytics {
    let report = latest.report.as_ref().map(|(report, _)| report.as_ref());
    Analytics {
        page: Page::new("Analytics", Place::Analytics, visitor),
        zone: wall.zone(),
        counted_at: latest.report.as_ref().map(|(_, at)| wall.shows(*at)),
        counted: latest.counted,
        records: latest.records,
        summary: report.map(|report| figures::summary(report, wall)).unwrap_or_default(),
        plots: report.map(figures::plots).unwrap_or_default(),
        reviewers: report.map(looks).unwrap_or_default(),
        saturation: report.map(|report| saturation(report, wall)).unwrap_or_default(),
        advice: latest.advice.as_ref().map(|(advice, _)| advice.iter().map(|one| piece(one, wall)).collect()),
    }
}

fn saturation(report: &Report, wall: &Wall) -> Vec<String> {
    let told = report.saturation.iter().rev().take(TOLD);
    told.map(|one| format!("{}: {}", wall.shows(one.at), figures::saturated(&one.saturated))).collect()
}

/// Those who were asked most.
fn looks(report: &Report) -> Vec<Looks> {
    let mut order: Vec<&ReviewerReport> = report.reviewers.iter().collect();
    order.sort_by_key(|one| core::cmp::Reverse(one.asked));
    let looks = |one: &ReviewerReport| {
        let cap = one.daily_cap.map(|cap| format!(" of {cap}")).unwrap_or_default();
        let drills = (one.drills_caught + one.drills_missed > 0)
            .then(|| format!("{} denied, {} would have passed", one.drills_caught, one.drills_missed));
        Looks {
            person: one.person.to_string(),
            votes: one.approving.of,
            approving: figures::percent(one.approving),
            median: figures::length(one.review.median()),
            asked: format!("{} in all, {}{cap} on the busiest day", one.asked, one.busiest_day),
            flags: one
                .flags
                .iter()
                .map(|(code, count)| format!("{count} × {}", figures::flag(code)))
                .collect(),
            missed: one.drills_missed > 0,
            drills,
        }
    };
    order.into_iter().take(REVIEWERS).map(looks).collect()
}

fn piece(given: &Given, wall: &Wall) -> Piece {
    let Given { advice, preview } = given;
    let cases = advice.evidence.cases;
    let since =
        advice.evidence.since.map(|since| format!(", since {}", wall.shows(since))).unwrap_or_default();
    let between = cases
        .interval()
        .map(|interval| format!(" (95 %: {:.1} to {:.1})", interval.low * 100.0, interval.high * 100.0));
    let place = advice.change.as_ref().map(|change| match &change.before {
        Some(rule) => format!("Before the rule {rule}:"),
        None if change.is_rule() => "After all rules:".to_owned(),
        None => "In the policy:".to_owned(),
    });
    Piece {
        words: advice.words.clone(),
        evidence: format!(
            "{} of {}, {}{}{since}",
            cases.part,
            cases.of,
            figures::percent(cases),
            between.unwrap_or_default()
        ),
        place,
        text: advice.change.as_ref().map(|change| change.text.clone()).unwrap_or_default(),
        preview: preview.map(|would| {
            format!(
                "Of the latest {} operations it would have decided {} less strictly, {} more strictly, {} otherwise, and \
                 {} alike; people would have been asked {} times, not {}.",
                would.compared,
                would.looser,
                would.stricter,
                would.otherwise,
                would.unchanged,
                would.escalations_after,
                would.escalations_before
            )
        }),
    }
}
