//! Notices on one's own devices: which browsers show them, and the worker that shows them there.

use super::Console;
use super::filters;
use super::page::{Page, Place, show};
use super::sorry::{nothing_here, sorry};
use super::visitor::{Posted, Visitor};
use crate::desk::incoming::{Browsers, MAX_BROWSERS, NotSubscribed};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use std::sync::Arc;

const SCRIPT: &str = "push.js";
const WORKER: &[u8] = include_bytes!("assets/service-worker.js");
/// What leads there where it is not configured.
const NOT_HERE: &str = "This service sends no notices to browsers.";

/// `/account/browsers`, and the worker.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/account/browsers", get(list).post(subscribe))
        .route("/account/browsers/remove", post(unsubscribe))
        .route("/service-worker.js", get(worker))
}

#[derive(Template)]
#[template(path = "browsers.html")]
struct List {
    page: Page,
    browsers: Vec<Browser>,
    key: String,
    most: usize,
}

/// A browser in words.
struct Browser {
    id: String,
    name: String,
    /// Whose service brings the notices there.
    by: String,
    since: String,
}

async fn list(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let Some(Browsers { subscriptions, key }) = &console.incoming.browsers else {
        return nothing_here(&visitor, NOT_HERE);
    };
    let wall = super::clock(&console, &visitor);
    let host = |endpoint: &str| endpoint.split('/').nth(2).unwrap_or_default().to_owned();
    let browsers = subscriptions.of(visitor.reviewer.person()).into_iter().map(|one| Browser {
        by: host(&one.endpoint),
        id: one.id,
        name: one.name,
        since: wall.shows(one.at),
    });
    show(&List {
        page: Page::new("Notices on your devices", Place::Account, &visitor).with(&[SCRIPT]),
        browsers: browsers.collect(),
        key: key.to_string(),
        most: MAX_BROWSERS,
    })
}

async fn subscribe(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let Some(Browsers { subscriptions, .. }) = &console.incoming.browsers else {
        return nothing_here(&visitor, NOT_HERE);
    };
    let field = |name| fields.one(name).unwrap_or_default();
    let keys = (field("p256dh"), field("auth"));
    let now = console.incoming.clock.now();
    let person = visitor.reviewer.person();
    match subscriptions.subscribe(person, field("endpoint"), keys, field("name"), now) {
        Ok(subscription) => {
            tracing::info!(%person, browser = %subscription.id, "a browser was subscribed");
            Redirect::to("/account/browsers").into_response()
        }
        Err(error) => refused(&visitor, &error),
    }
}

async fn unsubscribe(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let Posted { visitor, fields } = posted;
    let Some(Browsers { subscriptions, .. }) = &console.incoming.browsers else {
        return nothing_here(&visitor, NOT_HERE);
    };
    match subscriptions.unsubscribe(visitor.reviewer.person(), fields.one("browser").unwrap_or_default()) {
        Ok(()) => Redirect::to("/account/browsers").into_response(),
        Err(error) => refused(&visitor, &error),
    }
}

fn refused(visitor: &Visitor, error: &NotSubscribed) -> Response {
    let status = match error {
        NotSubscribed::Endpoint(_) | NotSubscribed::Keys => StatusCode::UNPROCESSABLE_ENTITY,
        NotSubscribed::TooMany | NotSubscribed::File(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    sorry(visitor, status, "Not subscribed", error)
}

/// The worker is for all of the console, and asked for anew whenever the browser looks after it.
async fn worker() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("service-worker-allowed"), "/"),
    ];
    (headers, WORKER).into_response()
}
