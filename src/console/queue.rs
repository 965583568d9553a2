//! The queue: what waits for whoever looks, the most urgent first, and beside it what waits for others.

mod row;
mod wanted;

pub(super) use row::{Row, progress};

use super::Console;
use super::page::{Page, Place, show};
use super::problem::desk_problem;
use super::visitor::Visitor;
use super::words::count;
use crate::desk::queue::{self, Line, NoPage, Order, Tally};
use crate::risk::Level;
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use row::Group;
use std::sync::Arc;
use wanted::{Show, Wanted};

/// How many lines a page has.
const LINES: usize = 50;
/// How many of those that wait for others are shown below one's own.
const OTHERS: usize = 10;

/// `/`
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/", get(queue))
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    page: Page,
    wanted: Wanted,
    tally: Tally,
    groups: Vec<Group>,
    /// What waits for others, below one's own.
    others: Vec<Group>,
    next: Option<String>,
    /// Why the list is empty, where it is.
    empty: String,
    /// When it was made, in milliseconds since 1970.
    now: u64,
}

impl QueuePage {
    fn levels(&self) -> [Level; 4] {
        Level::ALL
    }
}

/// What one page is made from.
struct Found {
    lines: Vec<Arc<Line>>,
    next: Option<String>,
    others: Vec<Arc<Line>>,
    tally: Tally,
}

async fn queue(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let wanted = match Wanted::read(&query) {
        Ok(wanted) => wanted,
        Err(why) => return (StatusCode::BAD_REQUEST, why).into_response(),
    };
    // It reads the disk.
    let (finder, person, looked_for) = (console.clone(), visitor.reviewer.person().clone(), wanted.clone());
    let find = move || find(&finder.queue, &looked_for, &person);
    let found = match tokio::task::spawn_blocking(find).await {
        Ok(Ok(found)) => found,
        // Its page token is of a list that was looked for otherwise, or it is made up: from the beginning.
        Ok(Err(NoPage::Token)) => return Redirect::to(&wanted.link(None)).into_response(),
        Ok(Err(NoPage::Desk(error))) => return desk_problem(&visitor, &error),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let (now, person) = (console.desk.now(), visitor.reviewer.person());
    let row = |line: &Arc<Line>| {
        let yours = console.desk.awaits(line, person);
        if yours {
            console.desk.delivered(line, person);
        }
        Row::of(line, person, yours, now)
    };
    let groups = Group::of(found.lines.iter().map(row).collect());
    let others = Group::of(found.others.iter().map(row).collect());
    let title = match found.tally.yours {
        0 => "Queue".to_owned(),
        yours => format!("({yours}) Queue"),
    };
    show(&QueuePage {
        page: Page::new(title, Place::Queue, &visitor).with(&["live.js"]),
        empty: empty(&wanted, found.tally),
        next: found.next.map(|token| wanted.link(Some(&token))),
        tally: found.tally,
        groups,
        others,
        now: now.unix_millis(),
        wanted,
    })
}

fn find(queue: &queue::Queue, wanted: &Wanted, person: &crate::party::PersonId) -> Result<Found, NoPage> {
    let filter = wanted.filter(person);
    let page = queue.list(&filter, wanted.order(), LINES, wanted.after.as_deref())?;
    let mut others = Vec::new();
    if wanted.show == Show::Yours && wanted.after.is_none() {
        let filter = queue::Filter { awaits: None, ..filter };
        let own = |line: &Arc<Line>| page.lines.iter().any(|one| one.id == line.id);
        let all = queue.list(&filter, Order::Urgent, OTHERS + page.lines.len(), None)?;
        others.extend(all.lines.into_iter().filter(|line| !own(line)).take(OTHERS));
    }
    Ok(Found { lines: page.lines, next: page.next, others, tally: queue.tally(person)? })
}

fn empty(wanted: &Wanted, tally: Tally) -> String {
    if wanted.is_narrow() {
        return "Nothing here matches. Clear the filter to see everything.".to_owned();
    }
    match (wanted.show, tally.open) {
        (Show::Yours, 0) => "Nothing waits. All clear.".to_owned(),
        (Show::Yours, open) => {
            format!("Nothing waits for you. {} for others.", count(open, "request waits", "requests wait"))
        }
        (Show::Open, _) => "Nothing waits. All clear.".to_owned(),
        (Show::Ended, _) => "Nothing has ended yet.".to_owned(),
    }
}
