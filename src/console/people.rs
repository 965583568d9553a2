//! The people: who is there, what each has to do, who stands in for whom; and one's own absences.

use super::Console;
use super::filters;
use super::page::{Page, Place, show};
use super::visitor::{Fields, Posted, Visitor};
use crate::desk::{AwayRefused, Whereabouts};
use crate::moment::Moment;
use crate::party::PersonId;
use crate::reviewer::{Absence, Directory, Person, Presence, Wall};
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use std::sync::Arc;

/// `/people`, and the forms of one's own absences.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/people", get(people))
        .route("/people/away", post(go_away))
        .route("/people/back", post(come_back))
}

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    page: Page,
    /// What became of a form.
    done: Option<&'static str>,
    problem: Option<String>,
    zone: String,
    now: String,
    own: Own,
    rows: Vec<Row>,
    there: usize,
}

/// One's own absences, and the form for another.
struct Own {
    /// Whether one is away at this moment.
    away: bool,
    absences: Vec<String>,
    from: String,
    until: String,
    /// Who may stand in, and whether they are chosen.
    delegates: Vec<(PersonId, String, bool)>,
}

/// A person of the roster.
struct Row {
    id: PersonId,
    name: String,
    own: bool,
    there: bool,
    presence: &'static str,
    /// By the visitor's clock.
    until: Option<String>,
    stands_in: Option<String>,
    stands_in_for: Vec<String>,
    roles: Vec<String>,
    teams: Vec<String>,
    zone: String,
    local: String,
    hours: String,
    asked_today: usize,
    daily_cap: u32,
    waiting: usize,
}

/// What became of a form, as the address of the page says it.
#[derive(Deserialize)]
struct Outcome {
    done: Option<String>,
}

async fn people(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(outcome): Query<Outcome>,
) -> Response {
    let done = match outcome.done.as_deref() {
        Some("away") => Some("Noted: you are out of office then. What waits for you is looked at anew."),
        Some("back") => Some("Welcome back."),
        Some(_) | None => None,
    };
    show(&page(&console, &visitor, done, None, None))
}

async fn go_away(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let problem = match absence(&console, &posted) {
        Err(problem) => problem,
        Ok((from, until, delegate)) => {
            let announced = console.desk.announce(&posted.visitor.reviewer, from, until, delegate).await;
            match announced {
                Ok(()) => return Redirect::to("/people?done=away").into_response(),
                Err(AwayRefused::Absence(error)) => error.to_string(),
                Err(AwayRefused::Desk(error)) => return super::sorry::failed(&posted.visitor, &error),
            }
        }
    };
    let again = page(&console, &posted.visitor, None, Some(problem), Some(&posted.fields));
    (StatusCode::UNPROCESSABLE_ENTITY, show(&again)).into_response()
}

async fn come_back(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    match console.desk.come_back(&posted.visitor.reviewer).await {
        Ok(()) => Redirect::to("/people?done=back").into_response(),
        Err(error) => super::sorry::failed(&posted.visitor, &error),
    }
}

/// What the form says.
fn absence(console: &Console, posted: &Posted) -> Result<(Moment, Moment, Option<PersonId>), String> {
    let wall = super::clock(console, &posted.visitor);
    let moment = |name: &str, label: &str| {
        let field = posted.fields.one(name);
        field
            .map(|text| wall.read(text).ok_or_else(|| format!("`{label}` is not a date with a time")))
            .transpose()
    };
    let from = moment("from", "From")?.unwrap_or_else(|| console.desk.now());
    let until = moment("until", "Until")?.ok_or("say until when you are away")?;
    let delegate = posted.fields.one("delegate").map(PersonId::new).transpose();
    Ok((from, until, delegate.map_err(|_| "nobody has this name")?))
}

fn page(
    console: &Console,
    visitor: &Visitor,
    done: Option<&'static str>,
    problem: Option<String>,
    sent: Option<&Fields>,
) -> People {
    let (directory, now) = (console.desk.directory(), console.desk.now());
    let wall = super::clock(console, visitor);
    let whereabouts = console.desk.whereabouts();
    let is_away = |one: &Whereabouts| matches!(one.presence, Presence::Away { .. });
    let away = whereabouts.iter().any(|one| one.person == *visitor.reviewer.person() && is_away(one));
    let me = visitor.reviewer.person();
    let rows: Vec<Row> = whereabouts.iter().filter_map(|one| row(&directory, one, me, &wall, now)).collect();
    People {
        page: Page::new("People", Place::People, visitor),
        done,
        problem,
        zone: wall.zone(),
        now: wall.shows(now),
        own: Own {
            away,
            absences: console
                .desk
                .announced(me)
                .iter()
                .map(|one| announced(&directory, one, &wall))
                .collect(),
            from: field(sent, "from").unwrap_or_else(|| wall.field(now)),
            until: field(sent, "until").unwrap_or_default(),
            delegates: delegates(&directory, me, field(sent, "delegate").as_deref()),
        },
        there: rows.iter().filter(|row| row.there).count(),
        rows,
    }
}

fn field(sent: Option<&Fields>, name: &str) -> Option<String> {
    sent?.one(name).map(str::to_owned)
}

fn delegates(directory: &Directory, me: &PersonId, chosen: Option<&str>) -> Vec<(PersonId, String, bool)> {
    let others = directory.people().filter(|person| person.id != *me);
    others.map(|one| (one.id.clone(), one.name.to_string(), chosen == Some(one.id.as_str()))).collect()
}

fn announced(directory: &Directory, absence: &Absence, wall: &Wall) -> String {
    let span = format!("{} until {}", wall.shows(absence.from), wall.shows(absence.until));
    match &absence.delegate {
        Some(delegate) => format!("{span}, {} stands in", name(directory, delegate)),
        None => format!("{span}, nobody stands in"),
    }
}

fn row(directory: &Directory, one: &Whereabouts, me: &PersonId, wall: &Wall, now: Moment) -> Option<Row> {
    let person: &Person = directory.person(&one.person)?;
    let (presence, stands_in) = match &one.presence {
        Presence::There { .. } => ("There", None),
        Presence::Away { delegate, .. } => ("Away", delegate.as_ref().map(|to| name(directory, to))),
        Presence::OffHours { .. } => ("Outside working hours", None),
    };
    let own_wall = Wall::of(person);
    Some(Row {
        id: person.id.clone(),
        name: person.name.to_string(),
        own: person.id == *me,
        there: one.presence.is_there(),
        presence,
        until: one.presence.until().map(|until| wall.shows(until)),
        stands_in,
        stands_in_for: one.stands_in_for.iter().map(|absent| name(directory, absent)).collect(),
        roles: person.roles.iter().map(ToString::to_string).collect(),
        teams: person.teams.iter().map(ToString::to_string).collect(),
        zone: own_wall.zone(),
        local: own_wall.shows(now),
        hours: person.hours.as_ref().map_or_else(|| "at any time".to_owned(), |hours| hours.words()),
        asked_today: one.asked_today,
        daily_cap: person.daily_cap,
        waiting: one.waiting,
    })
}

/// What somebody is called; their id where the roster does not have them any more.
fn name(directory: &Directory, id: &PersonId) -> String {
    directory.person(id).map_or_else(|| id.to_string(), |person| person.name.to_string())
}
