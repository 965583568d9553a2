//! Live: what changes while somebody looks, as server-sent events. They say that something changed, and how a line
//! stands now; the page decides what to do about it.

use super::Console;
use super::queue::progress;
use super::visitor::Visitor;
use crate::desk::DeskError;
use crate::desk::queue::{Filter, HEARTBEAT, Line, News};
use crate::escalation::Status;
use crate::party::{EscalationId, PersonId};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use core::convert::Infallible;
use std::sync::Arc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};

/// `/live`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/live", get(live))
}

async fn live(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let only = query.iter().find(|(name, _)| name == "e").map(|(_, id)| EscalationId::parse(id));
    let only = match only {
        Some(None) => return StatusCode::NOT_FOUND.into_response(),
        Some(Some(id)) => Some(id),
        None => None,
    };
    let mut stopping = console.stopping.clone();
    let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
    let Ok(told) = console.queue.watch(Filter::default(), stopped) else {
        let again = HEARTBEAT.as_secs().to_string();
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, again)]).into_response();
    };
    // From here on nothing is missed; what came between the page and this is seen in how things stand.
    let (counter, person) = (console.clone(), visitor.reviewer.person().clone());
    let stands = move || match only {
        Some(id) => counter.queue.line(id).map(|line| told_of(&counter, &person, &line)),
        None => counter.queue.tally(&person).map(|tally| serde_json::json!({ "yours": tally.yours })),
    };
    // It reads the disk.
    let stands = match tokio::task::spawn_blocking(stands).await {
        Ok(Ok(stands)) => Event::default().event("stands").data(stands.to_string()),
        Ok(Err(DeskError::Unknown(_))) => return StatusCode::NOT_FOUND.into_response(),
        Ok(Err(_)) | Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let events = tokio_stream::once(Ok(stands)).chain(events(console, visitor, only, told));
    ([(CACHE_CONTROL, "no-store")], Sse::new(events)).into_response()
}

fn events(
    console: Arc<Console>,
    visitor: Visitor,
    only: Option<EscalationId>,
    told: tokio::sync::mpsc::Receiver<Result<News, DeskError>>,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let person = visitor.reviewer.person().clone();
    // Who watches may have signed out, or left, in the meantime: then this ends, at a heartbeat at the latest.
    let known = {
        let (console, session) = (console.clone(), visitor.session);
        move |news: Result<News, DeskError>| {
            let (console, session) = (console.clone(), session.clone());
            async move { if console.sessions.still_lasts(&session).await { Some(news) } else { None } }
        }
    };
    ReceiverStream::new(told)
        .then(known)
        .map_while(|news| news.filter(Result::is_ok))
        .filter_map(move |news| event(&console, &person, only, &news.ok()?))
        .map(Ok)
}

fn event(console: &Console, person: &PersonId, only: Option<EscalationId>, news: &News) -> Option<Event> {
    let line = match news {
        News::Beat => return Some(Event::default().event("beat").data("")),
        News::Missed => return Some(Event::default().event("missed").data("")),
        News::Changed(line) => line,
    };
    if only.is_some_and(|only| only != line.id) {
        return None;
    }
    Some(Event::default().event("changed").data(told_of(console, person, line).to_string()))
}

/// How a line stands: ids, names of states and our own words, and nothing that an agent wrote.
fn told_of(console: &Console, person: &PersonId, line: &Line) -> serde_json::Value {
    let status = line.escalation.status(console.desk.now());
    let yours = console.desk.awaits(line, person);
    let words = progress(line, person, console.desk.now());
    serde_json::json!({
        "id": line.id.to_string(),
        "state": status.as_str(),
        "over": status != Status::Pending,
        "yours": yours,
        "words": words,
    })
}
