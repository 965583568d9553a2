//! The agents: what each did lately, what is suspended, and the operators' brake.

mod suspend;

use super::Console;
use super::filters;
use super::page::{Page, Place, show};
use super::visitor::Visitor;
use crate::desk::queue;
use crate::desk::reading::Activity;
use crate::escalation::Status;
use crate::party::AgentId;
use crate::reviewer::Wall;
use crate::suspension::Suspension;
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use core::time::Duration;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many of the latest decisions are looked at.
const LOOKED_AT: usize = 500;
/// How long anomalies are counted.
const LATELY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many escalations that wait are counted at most.
const MOST_WAITING: usize = 2000;

/// `/agents`, and the forms to suspend and to lift.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/agents", get(agents))
        .route("/agents/suspend", post(suspend::suspend))
        .route("/agents/lift", post(suspend::lift))
}

#[derive(Template)]
#[template(path = "agents.html")]
struct Agents {
    page: Page,
    operator: bool,
    auditor: bool,
    done: Option<String>,
    problem: Option<String>,
    form: Form,
    suspensions: Vec<Standing>,
    rows: Vec<Row>,
}

/// What the form to suspend says.
#[derive(Clone, Debug, Default)]
struct Form {
    agent: String,
    action: String,
    everything: bool,
    reason: String,
    until: String,
}

/// A suspension in force.
struct Standing {
    id: String,
    scope: String,
    reason: String,
    by: String,
    at: String,
    until: Option<String>,
}

/// An agent.
struct Row {
    agent: AgentId,
    activity: Activity,
    /// When it asked last, by the visitor's clock.
    last: Option<String>,
    waiting: usize,
    /// What of it is suspended.
    suspended: Vec<String>,
}

/// What became of a form, as the address of the page says it.
#[derive(Default, Deserialize)]
struct Outcome {
    done: Option<String>,
    tokens: Option<String>,
}

async fn agents(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(outcome): Query<Outcome>,
) -> Response {
    page(&console, &visitor, words(&outcome), None, Form::default()).await
}

fn words(outcome: &Outcome) -> Option<String> {
    let tokens = match (outcome.tokens.as_deref(), outcome.tokens.as_ref().and_then(|text| text.parse().ok()))
    {
        (Some("all"), _) => {
            "Every token that was issued until then is on the list of revocations.".to_owned()
        }
        (_, Some(0_u64)) => "No token that it covers was alive.".to_owned(),
        (_, Some(1)) => "One living token is on the list of revocations.".to_owned(),
        (_, Some(tokens)) => format!("{tokens} living tokens are on the list of revocations."),
        (Some(_) | None, None) => {
            "The tokens that are out could not be revoked; they live for an hour at most.".to_owned()
        }
    };
    match outcome.done.as_deref() {
        Some("suspended") => Some(format!("It is suspended from now on. {tokens}")),
        Some("lifted") => Some("It is not suspended any more.".to_owned()),
        Some(_) | None => None,
    }
}

/// The page, with the form as it was sent where it could not be taken.
async fn page(
    console: &Arc<Console>,
    visitor: &Visitor,
    done: Option<String>,
    problem: Option<String>,
    form: Form,
) -> Response {
    let wall = super::clock(console, visitor);
    let suspensions = console.brake.list().await;
    let reader = console.clone();
    let read = super::read(console, move |reading| {
        let known: BTreeSet<AgentId> = reader.sidecar.roles.load().operators.keys().cloned().collect();
        let since = reader.desk.now().minus(LATELY);
        Ok((reading.agents(&known, LOOKED_AT, since)?, waiting(&reader)))
    });
    let (activities, waiting) = match read.await {
        Ok(read) => read,
        Err(error) => return super::sorry::failed(visitor, &error),
    };
    let row = |(agent, activity): (AgentId, Activity)| Row {
        last: activity.last.as_ref().map(|(at, ..)| wall.shows(*at)),
        waiting: waiting.get(&agent).copied().unwrap_or_default(),
        suspended: suspensions.iter().filter_map(|one| of(one, &agent)).collect(),
        agent,
        activity,
    };
    let mut rows: Vec<Row> = activities.into_iter().map(row).collect();
    rows.sort_by_key(|row| core::cmp::Reverse(row.activity.last.as_ref().map(|(at, ..)| *at)));
    show(&Agents {
        page: Page::new("Agents", Place::Agents, visitor),
        operator: visitor.operator.is_some(),
        auditor: visitor.auditor,
        done,
        problem,
        form,
        suspensions: suspensions.iter().map(|one| standing(one, &wall)).collect(),
        rows,
    })
}

/// How many escalations of each agent wait for people.
fn waiting(console: &Console) -> BTreeMap<AgentId, usize> {
    let pending = queue::Filter { statuses: vec![Status::Pending], ..queue::Filter::default() };
    let mut waiting = BTreeMap::new();
    // Figures beside the rest: where they can't be read, the queue says why.
    if let Ok(page) = console.queue.list(&pending, queue::Order::Newest, MOST_WAITING, None) {
        for line in page.lines {
            *waiting.entry(line.agent.clone()).or_default() += 1;
        }
    }
    waiting
}

/// What this suspension stops of what an agent does.
fn of(suspension: &Suspension, agent: &AgentId) -> Option<String> {
    let lower = agent.as_str().to_ascii_lowercase();
    let named = suspension.agent.as_ref().is_none_or(|pattern| pattern.matches_any_case(&lower));
    named.then(|| match &suspension.action {
        Some(action) => action.to_string(),
        None => "everything".to_owned(),
    })
}

fn standing(one: &Suspension, wall: &Wall) -> Standing {
    Standing {
        id: one.id.to_string(),
        scope: one.scope(),
        reason: one.reason.to_string(),
        by: one.by.to_string(),
        at: wall.shows(one.at),
        until: one.until.map(|until| wall.shows(until)),
    }
}
