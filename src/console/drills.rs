//! Rehearsals and emergencies: drills that operators order, what became of them, and approvals that await their review.

use super::Console;
use super::filters;
use super::page::{Page, Place, show};
use super::visitor::{Fields, Posted, Visitor};
use super::words::span;
use crate::desk::queue::{Filter, NoPage, Order};
use crate::desk::{Drill, DrillResult};
use crate::operation::Operation;
use crate::operation::context::Context;
use crate::party::{AgentId, ExecutorId, PersonId};
use crate::reviewer::Wall;
use crate::risk::Claims;
use crate::sidecar::{Ask, Caller};
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use std::sync::Arc;

/// How many drills are shown.
const DRILLS: usize = 50;
/// How many lines of the queue are looked through for emergencies.
const LINES: usize = 2000;
/// The longest text that argues for a drill, in bytes.
const MAX_TEXT: usize = 8 * 1024;

/// `/drills`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/drills", get(drills).post(start))
}

#[derive(Template)]
#[template(path = "drills.html")]
struct Drills {
    page: Page,
    operator: bool,
    /// Whether drills are shown at all.
    auditor: bool,
    done: bool,
    problem: Option<String>,
    emergencies: Vec<Emergency>,
    form: Form,
    executors: Vec<String>,
    agents: Vec<String>,
    drills: Vec<Line>,
    caught: usize,
    missed: usize,
}

/// An approval in an emergency that nobody has reviewed yet.
struct Emergency {
    id: String,
    action: String,
    resource: String,
    agent: String,
    by: Vec<String>,
    due: String,
    overdue: bool,
    /// Whether it is this visitor's to review.
    own: bool,
}

/// What the form says.
#[derive(Default)]
struct Form {
    agent: String,
    on_behalf_of: String,
    action: String,
    resource: String,
    parameters: String,
    executor: String,
    reason: String,
    user_request: String,
}

/// A drill, and what became of it.
struct Line {
    id: String,
    open: bool,
    result: &'static str,
    tone: &'static str,
    action: String,
    resource: String,
    at: String,
    by: String,
    took: Option<String>,
    denied_by: Vec<String>,
    approved_by: Vec<String>,
}

#[derive(Deserialize)]
struct Outcome {
    done: Option<String>,
}

async fn drills(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(outcome): Query<Outcome>,
) -> Response {
    page(&console, &visitor, outcome.done.is_some(), None, Form::default()).await
}

async fn start(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Some(by) = posted.visitor.operator.clone() else {
        return super::sorry::not_yours(&posted.visitor, "only operators order drills");
    };
    let form = Form::of(&posted.fields);
    let problem = match form.ask() {
        Err(problem) => problem,
        Ok(ask) => {
            let sidecar = console.sidecar.clone();
            // Carried out to its end, whether or not the browser stays to hear of it.
            match tokio::spawn(async move { sidecar.drill(&ask, by).await }).await {
                Ok(Ok(opened)) => {
                    tracing::info!(escalation = %opened.id, "a drill was started");
                    return Redirect::to("/drills?done=drill").into_response();
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => return super::sorry::failed(&posted.visitor, &error),
            }
        }
    };
    let again = page(&console, &posted.visitor, false, Some(problem), form).await;
    (StatusCode::UNPROCESSABLE_ENTITY, again).into_response()
}

impl Form {
    fn of(fields: &Fields) -> Self {
        let text = |name: &str| fields.one(name).unwrap_or_default().trim().to_owned();
        Self {
            agent: text("agent"),
            on_behalf_of: text("on_behalf_of"),
            action: text("action"),
            resource: text("resource"),
            parameters: text("parameters"),
            executor: text("executor"),
            reason: text("reason"),
            user_request: text("user_request"),
        }
    }

    /// What the agent would have asked.
    fn ask(&self) -> Result<Ask, String> {
        let name = |label: &str, error: crate::party::NotAName| format!("`{label}`: {error}");
        let on_behalf_of = match self.on_behalf_of.as_str() {
            "" => None,
            person => Some(PersonId::new(person).map_err(|error| name("For whom", error))?),
        };
        if self.reason.len() > MAX_TEXT || self.user_request.len() > MAX_TEXT {
            return Err(format!("a text is longer than {MAX_TEXT} bytes"));
        }
        let parameters = if self.parameters.is_empty() { "{}" } else { &self.parameters };
        let operation = Operation::from_json(&self.action, &self.resource, parameters.as_bytes());
        Ok(Ask {
            caller: Caller {
                agent: AgentId::new(&self.agent).map_err(|error| name("Agent", error))?,
                on_behalf_of,
            },
            request_id: None,
            operation: operation.map_err(|error| error.to_string())?,
            payload: None,
            executor: ExecutorId::new(&self.executor).map_err(|error| name("Executor", error))?,
            context: Context {
                reason: self.reason.clone(),
                user_request: self.user_request.clone(),
                ..Context::default()
            },
            claims: Claims::default(),
            holder: None,
            trace: None,
        })
    }
}

async fn page(
    console: &Arc<Console>,
    visitor: &Visitor,
    done: bool,
    problem: Option<String>,
    form: Form,
) -> Response {
    let wall = super::clock(console, visitor);
    let (reader, auditor) = (console.clone(), visitor.auditor);
    let me = visitor.reviewer.person().clone();
    let by_clock = wall.clone();
    let read = tokio::task::spawn_blocking(move || {
        let drills = if auditor { reader.desk.drills(DRILLS)? } else { Vec::new() };
        Ok((emergencies(&reader, &me, &by_clock)?, drills))
    });
    let (emergencies, drills) = match read.await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => return super::problem::desk_problem(visitor, &error),
        Err(error) => return super::sorry::failed(visitor, &error),
    };
    // One that is open is known to whoever may order it only.
    let known = |drill: &&Drill| drill.result != DrillResult::Open || visitor.operator.is_some();
    let count = |result: DrillResult| drills.iter().filter(|drill| drill.result == result).count();
    show(&Drills {
        page: Page::new("Drills", Place::Drills, visitor),
        operator: visitor.operator.is_some(),
        auditor,
        done,
        problem,
        emergencies,
        form,
        executors: sorted(console.sidecar.roles.load().executors.keys()),
        agents: sorted(console.sidecar.roles.load().operators.keys()),
        caught: count(DrillResult::Caught),
        missed: count(DrillResult::Missed),
        drills: drills.iter().filter(known).map(|drill| line(drill, &wall)).collect(),
    })
}

fn sorted(names: impl Iterator<Item = impl ToString>) -> Vec<String> {
    let mut names: Vec<String> = names.map(|name| name.to_string()).collect();
    names.sort_unstable();
    names
}

/// The approvals in an emergency that nobody has reviewed yet, the most urgent first.
fn emergencies(
    console: &Console,
    me: &PersonId,
    wall: &Wall,
) -> Result<Vec<Emergency>, crate::desk::DeskError> {
    let lines = match console.queue.list(&Filter::default(), Order::Oldest, LINES, None) {
        Ok(page) => page.lines,
        Err(NoPage::Desk(error)) => return Err(error),
        // There is no token that could be wrong.
        Err(NoPage::Token) => Vec::new(),
    };
    let now = console.desk.now();
    let mut due: Vec<_> =
        lines.into_iter().filter_map(|line| line.escalation.review_due().map(|due| (due, line))).collect();
    due.sort_by_key(|(due, _)| *due);
    let emergency = |(due, line): (crate::moment::Moment, Arc<crate::desk::queue::Line>)| Emergency {
        id: line.id.to_string(),
        action: line.action.clone(),
        resource: line.resource.clone(),
        agent: line.agent.to_string(),
        by: line
            .escalation
            .case()
            .votes()
            .iter()
            .filter(|vote| vote.approves())
            .map(|vote| vote.person().to_string())
            .collect(),
        due: wall.shows(due),
        overdue: due < now,
        own: console.desk.awaits(&line, me),
    };
    Ok(due.into_iter().map(emergency).collect())
}

fn line(drill: &Drill, wall: &Wall) -> Line {
    let (action, resource) = drill.docket.subject();
    let (result, tone) = match drill.result {
        DrillResult::Open => ("people may still decide", "warn"),
        DrillResult::Caught => ("caught", "good"),
        DrillResult::Missed => ("missed", "bad"),
        DrillResult::Unanswered => ("nobody answered", "warn"),
        DrillResult::Over => ("ended otherwise", "quiet"),
    };
    let opened_at = drill.docket.escalation.case().opening().opened_at;
    let names = |people: &[PersonId]| people.iter().map(ToString::to_string).collect();
    Line {
        id: drill.docket.id.to_string(),
        open: drill.result == DrillResult::Open,
        result,
        tone,
        action,
        resource,
        at: wall.shows(opened_at),
        by: drill.by.clone(),
        took: drill.ended_at.map(|ended| span(ended.since(opened_at))),
        denied_by: names(&drill.denied_by),
        approved_by: names(&drill.approved_by),
    }
}
