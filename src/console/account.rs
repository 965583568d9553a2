//! One's own account: how one is known, and signing out.

use super::Console;
use super::page::{Page, Place, show};
use super::visitor::{COOKIE_NAME, Posted, Visitor};
use crate::desk::sessions::KnownBy;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use std::sync::Arc;

/// `/account` and `/sign-out`.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/account", get(account)).route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    page: Page,
    name: String,
    person: String,
    by: String,
    until: String,
}

async fn account(visitor: Visitor) -> Response {
    let by = match visitor.reviewer.by() {
        KnownBy::Key(fingerprint) => format!("the key {fingerprint}"),
        KnownBy::Provider(account) => format!("the account {account}"),
    };
    show(&Account {
        page: Page::new("Account", Place::Account, &visitor),
        name: visitor.name.clone(),
        person: visitor.reviewer.person().to_string(),
        by,
        until: visitor.reviewer.until().to_string(),
    })
}

async fn sign_out(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    console.sessions.sign_out(&posted.visitor.session);
    tracing::info!(person = %posted.visitor.reviewer.person(), "signed out");
    let gone = format!("{COOKIE_NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    ([(SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response()
}
