//! The history: what was decided, found by who, what and when, and the chain of any of it.

mod chain;
mod proof;
mod record;

use super::Console;
use super::filters;
use super::page::{Page, Place, show};
use super::visitor::Visitor;
use crate::audit::chain::{Key, Overview};
use crate::audit::event::Outcome;
use crate::audit::filter::{Effect, Filter};
use crate::desk::reading::{Decisions, ReadingError};
use crate::escalation::Status;
use crate::party::PersonId;
use crate::reviewer::Wall;
use crate::risk::pattern::Glob;
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use std::sync::Arc;

/// How many decisions are on a page.
const PAGE: usize = 50;

/// `/history`, and the chain of each id with its records and proofs.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/history", get(history))
        .route("/history/{id}", get(chain::chain))
        .route("/history/{id}/records/{index}", get(record::record))
        .route("/history/{id}/proof/{index}", get(proof::proof))
}

/// What is looked for, as the form and the address say it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    id: String,
    agent: String,
    action: String,
    effect: String,
    person: String,
    from: String,
    until: String,
    before: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct History {
    page: Page,
    /// Whether everything is shown, or what people were asked about.
    everything: bool,
    problem: Option<String>,
    wanted: Wanted,
    zone: String,
    lines: Vec<Line>,
    /// The address of earlier ones.
    earlier: Option<String>,
}

/// A decision in a few words.
struct Line {
    /// Under which its chain is found.
    id: String,
    at: String,
    state: &'static str,
    tone: &'static str,
    action: String,
    resource: String,
    facts: Vec<String>,
}

async fn history(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Response {
    match wanted.id.trim() {
        "" => {}
        id => {
            return match Key::parse(id) {
                Some(key) => Redirect::to(&format!("/history/{key}")).into_response(),
                None => {
                    let problem = "an id is txn_…, esc_…, or a token's jti".to_owned();
                    let page = page(&visitor, wanted, Some(problem), &super::clock(&console, &visitor), None);
                    (StatusCode::UNPROCESSABLE_ENTITY, show(&page)).into_response()
                }
            };
        }
    }
    let wall = super::clock(&console, &visitor);
    let (filter, before) = match filter(&wanted, &wall, visitor.auditor) {
        Ok(filter) => filter,
        Err(problem) => {
            let page = page(&visitor, wanted, Some(problem), &wall, None);
            return (StatusCode::UNPROCESSABLE_ENTITY, show(&page)).into_response();
        }
    };
    let found = super::read(&console, move |reading| reading.decisions(&filter, before, PAGE)).await;
    match found {
        Ok(found) => show(&page(&visitor, wanted, None, &wall, Some(found))),
        Err(error) => super::sorry::failed(&visitor, &error),
    }
}

/// What the form asks for. Whoever does not read the whole record sees what people were asked about.
fn filter(wanted: &Wanted, wall: &Wall, everything: bool) -> Result<(Filter, Option<u64>), String> {
    let pattern = |label: &str, text: &str| match text.trim() {
        "" => Ok(None),
        text => Glob::new(text).map(Some).ok_or_else(|| format!("`{label}` is too long")),
    };
    let moment = |label: &str, text: &str| match text {
        "" => Ok(None),
        text => wall.read(text).map(Some).ok_or_else(|| format!("`{label}` is not a date with a time")),
    };
    let effect = match wanted.effect.as_str() {
        "" => None,
        name => Some(Effect::parse(name).ok_or("there is no such decision")?),
    };
    let person = match wanted.person.trim() {
        "" => None,
        name => Some(PersonId::new(name).map_err(|_| "nobody has this name")?),
    };
    let before = match wanted.before.as_str() {
        "" => None,
        page => Some(page.parse().map_err(|_| "there is no such page")?),
    };
    let filter = Filter {
        agent: pattern("Agent", &wanted.agent)?,
        action: pattern("Action", &wanted.action)?,
        effect: if everything { effect } else { Some(Effect::Escalate) },
        reviewer: person,
        from: moment("From", &wanted.from)?,
        until: moment("Until", &wanted.until)?,
    };
    Ok((filter, before))
}

fn page(
    visitor: &Visitor,
    wanted: Wanted,
    problem: Option<String>,
    wall: &Wall,
    found: Option<Decisions>,
) -> History {
    let found = found.unwrap_or_default();
    // What still waits is in the queue; here it would tell what is rehearsed from what is not.
    let shown = |one: &&Overview| visitor.auditor || one.status != Some(Status::Pending);
    History {
        page: Page::new("History", Place::History, visitor),
        everything: visitor.auditor,
        problem,
        zone: wall.zone(),
        lines: found.overviews.iter().filter(shown).map(|one| line(one, wall)).collect(),
        earlier: found.next.map(|next| address(&wanted, next)),
        wanted,
    }
}

/// The address of the page with what was decided before a place.
fn address(wanted: &Wanted, before: u64) -> String {
    let fields = [
        ("agent", &wanted.agent),
        ("action", &wanted.action),
        ("effect", &wanted.effect),
        ("person", &wanted.person),
        ("from", &wanted.from),
        ("until", &wanted.until),
    ];
    let said = fields.iter().filter(|(_, value)| !value.is_empty());
    let said: String =
        said.map(|(name, value)| format!("{name}={}&", super::visitor::percent(value))).collect();
    format!("/history?{said}before={before}")
}

fn line(one: &Overview, wall: &Wall) -> Line {
    let (state, tone) = state(one);
    let mut facts = vec![one.agent.to_string()];
    facts.extend(one.on_behalf_of.as_ref().map(|person| format!("for {person}")));
    facts.push(format!("risk {} {}", one.level, thousandths(one.score)));
    facts.extend(one.rule.as_ref().map(|rule| format!("rule {rule}")));
    if !one.reviewers.is_empty() {
        let people: Vec<&str> = one.reviewers.iter().map(PersonId::as_str).collect();
        facts.push(format!("seen by {}", people.join(", ")));
    }
    facts.extend(one.minted.map(|_| "token minted".to_owned()));
    facts.extend(one.outcome.map(|outcome| outcome_words(outcome).to_owned()));
    match one.incidents {
        0 => {}
        1 => facts.push("one incident".to_owned()),
        incidents => facts.push(format!("{incidents} incidents")),
    }
    let readable = !one.action.is_empty();
    Line {
        id: one.escalation.map_or_else(|| one.txn.to_string(), |id| id.to_string()),
        at: wall.shows(one.at),
        state,
        tone,
        action: if readable { one.action.clone() } else { "(unreadable)".to_owned() },
        resource: one.resource.clone(),
        facts,
    }
}

/// How a decision stands, in a word, and how good that is.
fn state(one: &Overview) -> (&'static str, &'static str) {
    match (one.effect, one.status) {
        (Effect::Allow, _) => ("allowed", "good"),
        (Effect::Deny, _) => ("denied", "bad"),
        (Effect::Escalate, None) => ("put before people", "warn"),
        (Effect::Escalate, Some(status)) => (status.as_str(), tone(status)),
    }
}

const fn tone(status: Status) -> &'static str {
    match status {
        Status::Pending => "warn",
        Status::Approved | Status::Claimed => "good",
        Status::Denied | Status::Expired | Status::Cancelled | Status::Blocked | Status::Lapsed => "bad",
    }
}

const fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "it was done",
        Outcome::Failed => "it was tried and failed",
        Outcome::Unknown => "it stopped before it could tell",
        Outcome::Refused => "the executor refused it",
    }
}

/// A score as people write it: `0.525`.
fn thousandths(score: u16) -> String {
    format!("{}.{:03}", score / 1000, score % 1000)
}

/// Why something of the record is not shown.
fn refused(visitor: &Visitor, error: &ReadingError) -> Response {
    match error {
        ReadingError::Unknown(_) => super::sorry::nothing_here(visitor, error),
        ReadingError::Store(_) => super::sorry::failed(visitor, error),
    }
}
