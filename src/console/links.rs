//! Links in mails: `/l/<token>`. To open one decides nothing, whoever does it: a person, or a program that looks at mail.
//!
//! A link says whom it was sent to, never who follows it. So whoever does is known by the browser: a session, or the mark
//! that signing in leaves in it. A browser with the mark can answer by the form on this page, and that counts as much as
//! a click in a chat does; anybody else signs in, and decides on the page of the proposal.

use super::Console;
use super::doors::trouble;
use super::filters;
use super::page::{Page, show};
use super::visitor::{Fields, Visitor, cookie, visitor};
use crate::desk::VoteRefused;
use crate::desk::answer::{Answer, NotAnswered};
use crate::desk::links::{DEVICE_LIFE, Link, LinkRefused};
use crate::escalation::Sight;
use crate::escalation::vote::{MAX_REASON, Reason};
use crate::operation::render::visible;
use crate::party::PersonId;
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use std::sync::Arc;

/// The cookie with the mark of a browser whose person has signed in.
const MARK_NAME: &str = "__Host-countersign-known";

/// `/l/{token}`.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/l/{token}", get(look).post(decide))
}

/// The cookie that marks a browser of this person.
pub(super) fn mark(console: &Console, person: &PersonId) -> String {
    let mark = console.incoming.links.device(person, console.incoming.clock.now());
    let life = DEVICE_LIFE.as_secs();
    // Lax, because the way here is from a mail program.
    format!("{MARK_NAME}={mark}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={life}")
}

/// … and takes the mark away.
pub(super) fn unmark() -> String {
    format!("{MARK_NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// Who follows a link.
enum Follower {
    /// Whom it was sent to, in a session.
    InSession,
    /// Whom it was sent to, by a browser that is known for them.
    Known,
    /// Somebody else, who is signed in.
    Other(Box<Visitor>),
    /// Nobody knows.
    Unknown,
}

async fn follower(console: &Console, headers: &HeaderMap, link: &Link) -> Follower {
    if let Some(visitor) = visitor(headers, console).await {
        return match *visitor.reviewer.person() == link.person {
            true => Follower::InSession,
            false => Follower::Other(Box::new(visitor)),
        };
    }
    let mark = cookie(headers, MARK_NAME);
    let now = console.incoming.clock.now();
    let known = mark.and_then(|mark| console.incoming.links.device_of(mark, now));
    let from = console.profiles.of(&link.person).browsers_since;
    let theirs = known.is_some_and(|(person, since)| {
        person == link.person && from.is_none_or(|forgotten| since > forgotten)
    });
    match theirs && console.desk.directory().person(&link.person).is_some() {
        true => Follower::Known,
        false => Follower::Unknown,
    }
}

#[derive(Template)]
#[template(path = "link.html")]
struct Offer {
    page: Page,
    /// Whom it was sent to.
    to: String,
    headline: String,
    operation: String,
    approves: bool,
    /// Where everything else is, and where one signs in.
    open: String,
    /// Whether this browser may answer here.
    known: bool,
    action: String,
    most: usize,
    error: Option<String>,
}

async fn look(
    State(console): State<Arc<Console>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    match console.incoming.links.followed(&token, console.incoming.clock.now()) {
        Ok(link) => page(&console, &headers, &link, &token, StatusCode::OK, None).await,
        Err(refused) => dead(&refused),
    }
}

/// Where the proposal itself is, with what one was about to answer.
fn proposal(link: &Link) -> String {
    let intent = if link.offered.approves { "approve" } else { "deny" };
    format!("/e/{}?intent={intent}", link.offered.escalation)
}

async fn page(
    console: &Console,
    headers: &HeaderMap,
    link: &Link,
    token: &str,
    status: StatusCode,
    error: Option<String>,
) -> Response {
    let known = match follower(console, headers, link).await {
        Follower::InSession => return Redirect::to(&proposal(link)).into_response(),
        Follower::Other(visitor) => return not_theirs(&visitor),
        Follower::Known => true,
        Follower::Unknown => false,
    };
    if let Err(refused) = console.desk.still_open(&link.offered, &link.person).await {
        return dead(&refused);
    }
    if known
        && let Err(error) =
            console.desk.seen(link.offered.escalation, &link.person, &[Sight::Delivered]).await
    {
        tracing::debug!(%error, "that a link was opened is not recorded");
    }
    let Ok(view) = console.desk.show(link.offered.escalation).await else {
        return dead(&LinkRefused::Foreign);
    };
    let (action, resource) = view.docket.subject();
    let agent = &view.docket.decided.agent;
    let name = console.desk.directory().person(&link.person).map(|person| visible(&person.name));
    let title = if link.offered.approves { "Approve this?" } else { "Deny this?" };
    let offer = Offer {
        page: Page { title: title.to_owned(), place: None, visitor: None, scripts: &[] },
        to: name.unwrap_or_else(|| link.person.to_string()),
        headline: format!("{agent} wants {action} on {resource}"),
        // Who it is for sees what it is about; whoever else has the link sees that there is something.
        operation: if known { view.rendering.text } else { String::new() },
        approves: link.offered.approves,
        open: proposal(link),
        known,
        action: format!("/l/{token}"),
        most: MAX_REASON,
        error,
    };
    (status, show(&offer)).into_response()
}

async fn decide(
    State(console): State<Arc<Console>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let link = match console.incoming.links.followed(&token, console.incoming.clock.now()) {
        Ok(link) => link,
        Err(refused) => return dead(&refused),
    };
    match follower(&console, &headers, &link).await {
        Follower::Known => {}
        Follower::InSession | Follower::Unknown => return Redirect::to(&proposal(&link)).into_response(),
        Follower::Other(visitor) => return not_theirs(&visitor),
    }
    if let Err(refused) = console.desk.still_open(&link.offered, &link.person).await {
        return dead(&refused);
    }
    let reason = match Reason::new(fields.one("reason").unwrap_or_default()) {
        Ok(reason) => reason,
        Err(error) => {
            let error = Some(error.to_string());
            return page(&console, &headers, &link, &token, StatusCode::UNPROCESSABLE_ENTITY, error).await;
        }
    };
    let answer = Answer { person: link.person.clone(), offered: link.offered, reason };
    let voting = {
        let console = console.clone();
        // What began is brought to its end, also where the browser has gone away.
        tokio::spawn(async move { console.desk.answer(answer, &*console.incoming.entropy).await })
    };
    match voting.await {
        Ok(Ok(docket)) => {
            tracing::info!(person = %link.person, escalation = %docket.id, "voted by a link");
            let status = docket.escalation.status(console.desk.now());
            let said = if link.offered.approves { "approval" } else { "denial" };
            let words = format!("Your {said} is recorded. It is {status} now.");
            trouble(StatusCode::OK, "Done", &words)
        }
        Ok(Err(NotAnswered::StepUp)) => Redirect::to(&proposal(&link)).into_response(),
        Ok(Err(refused)) => {
            if let NotAnswered::Refused(refused) = &refused {
                console.sidecar.metrics.vote_refused(refused.code());
            }
            trouble(status(&refused), "It does not count", &visible(&refused.to_string()))
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

const fn status(refused: &NotAnswered) -> StatusCode {
    match refused {
        NotAnswered::Refused(VoteRefused::Desk(_)) | NotAnswered::NoEntropy => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        NotAnswered::Refused(
            VoteRefused::Vote(_)
            | VoteRefused::NotTheirs
            | VoteRefused::Refused(_)
            | VoteRefused::Careless(_),
        )
        | NotAnswered::StepUp => StatusCode::FORBIDDEN,
    }
}

/// Why a link does nothing any more.
fn dead(refused: &LinkRefused) -> Response {
    let status = match refused {
        LinkRefused::Foreign => StatusCode::NOT_FOUND,
        LinkRefused::Over(_) | LinkRefused::Used | LinkRefused::Ended(_) | LinkRefused::Changed => {
            StatusCode::GONE
        }
        LinkRefused::Desk(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    trouble(status, "This link does nothing", &format!("{refused}."))
}

fn not_theirs(visitor: &Visitor) -> Response {
    let words = format!(
        "This link was sent to somebody else, and you are signed in as {}. If you may decide this too, it is in your \
         own queue.",
        visitor.name
    );
    trouble(StatusCode::FORBIDDEN, "Not your link", &words)
}
