//! One's own account: where one is signed in and how, and signing out.

use super::Console;
use super::doors::{leave, trouble};
use super::enrol::{by, is_fresh, may_add, question};
use super::page::{Page, Place, show};
use super::passkeys::SCRIPT;
use super::visitor::{Posted, Visitor};
use crate::desk::sessions::{KnownBy, Listed, SignInRefused};
use crate::operation::render::visible;
use crate::party::PersonId;
use crate::presence::passkey::Passkey;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use std::sync::Arc;

/// `/account`, and where its forms lead.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/account", get(account))
        .route("/account/sessions", post(end_sessions))
        .route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    page: Page,
    name: String,
    person: String,
    sessions: Vec<Session>,
    /// Whether notices go to browsers.
    browsers: bool,
    passkeys: Vec<OwnPasskey>,
    /// What a browser is asked for, where one may be added: the question and the options.
    add: Option<(String, String)>,
    /// Whether one would have to sign in again first.
    stale: bool,
}

/// A passkey in words.
struct OwnPasskey {
    id: String,
    title: String,
    /// When and how it was enrolled; nothing for one of the roster, which only the roster takes away.
    enrolled: Option<String>,
    /// Whether nothing else signs its owner in.
    last: bool,
}

/// A session in words.
struct Session {
    id: String,
    by: String,
    since: String,
    used: String,
    until: String,
    own: bool,
}

impl Session {
    fn of(listed: Listed) -> Self {
        let Listed { id, by, since, used, until, own } = listed;
        let [since, used, until] = [since, used, until].map(|moment| moment.to_string());
        Self { id, by: known_by(&by), since, used, until, own }
    }
}

/// How somebody signed in, in words.
pub(super) fn known_by(by: &KnownBy) -> String {
    match by {
        KnownBy::Key(fingerprint) => format!("SSH key {fingerprint}"),
        KnownBy::Passkey(credential) => format!("passkey {}", short(&credential.to_string())),
        KnownBy::Provider(account) => format!("account {}", visible(account)),
    }
}

/// The beginning of a long name, which is enough to tell it from the others.
pub(super) fn short(name: &str) -> String {
    let start: String = name.chars().take(12).collect();
    if start.len() < name.len() { format!("{start}…") } else { start }
}

fn own_passkeys(console: &Console, person: &PersonId) -> Vec<OwnPasskey> {
    let (profile, directory) = (console.profiles.of(person), console.desk.directory());
    let Some(person) = directory.person(person) else { return Vec::new() };
    let last = person.keys.is_empty() && person.passkeys.len() == 1;
    let own = |passkey: &Passkey| {
        let id = passkey.id.to_string();
        let enrolled = profile.passkeys.iter().find(|enrolled| enrolled.id == id);
        let enrolled =
            enrolled.map(|enrolled| format!("since {}, by {}", enrolled.at, visible(&enrolled.by)));
        let title = passkey.name.as_deref().map_or_else(|| short(&id), visible);
        OwnPasskey { id, title, enrolled, last }
    };
    person.passkeys.iter().map(own).collect()
}

async fn account(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let sessions = match console.sessions.listed(visitor.reviewer.person(), &visitor.session).await {
        Ok(sessions) => sessions,
        Err(refused) => return not_ended(&refused, "Your sessions can't be listed"),
    };
    let (may, fresh) = (may_add(&console, &visitor), is_fresh(&console, &visitor));
    // Where no passkey can be made, there is no form for it.
    let add = (may && fresh).then(|| question(&console, visitor.reviewer.person()).ok()).flatten();
    show(&Account {
        page: Page::new("Account", Place::Account, &visitor).with(&[SCRIPT]),
        passkeys: own_passkeys(&console, visitor.reviewer.person()),
        add,
        stale: may && !fresh,
        name: visitor.name.clone(),
        person: visitor.reviewer.person().to_string(),
        sessions: sessions.into_iter().map(Session::of).collect(),
        browsers: console.incoming.browsers.is_some(),
    })
}

/// What is shared with other replicas can't be reached.
fn not_ended(refused: &SignInRefused, title: &str) -> Response {
    trouble(StatusCode::SERVICE_UNAVAILABLE, title, &format!("Try again: {refused}."))
}

async fn sign_out(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    if let Err(refused) = console.sessions.end(&posted.visitor.session).await {
        return not_ended(&refused, "You may still be signed in");
    }
    tracing::info!(person = %posted.visitor.reviewer.person(), "signed out");
    leave()
}

/// Ends the session that the form names, or all of them.
async fn end_sessions(State(console): State<Arc<Console>>, posted: Posted) -> Response {
    let person = posted.visitor.reviewer.person();
    match posted.fields.one("session") {
        Some(id) => {
            if let Err(refused) = console.sessions.end_there(person, id).await {
                return not_ended(&refused, "The session may not have ended");
            }
            tracing::info!(%person, "ended a session");
            Redirect::to("/account").into_response()
        }
        None => {
            if let Err(refused) = console.sessions.end_everywhere(person).await {
                return not_ended(&refused, "You may still be signed in somewhere");
            }
            if let Err(refused) = console.profiles.forget_browsers(person, &by(&posted.visitor)).await {
                let words = format!(
                    "You are signed out. Links in mails may still work where you were known: {refused}."
                );
                return trouble(StatusCode::SERVICE_UNAVAILABLE, "Not everything was forgotten", &words);
            }
            tracing::info!(%person, "signed out everywhere");
            leave()
        }
    }
}
