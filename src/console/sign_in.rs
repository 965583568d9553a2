//! Signing in with a passkey, or at the identity provider.

use super::Console;
use super::doors::{Address, enter, local};
use super::page::{Page, show};
use super::passkeys::{SCRIPT, get_options};
use super::visitor::{Fields, percent, visitor};
use crate::desk::sessions::SignInRefused;
use crate::operation::json::{Object, Value};
use crate::presence::passkey::{Purpose, RelyingParty};
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use std::sync::Arc;

/// `/sign-in` and what it needs.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/sign-in", get(ask).post(answer)).route("/sign-in/challenge", get(challenge))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    page: Page,
    to: String,
    error: Option<String>,
    /// Whether passkeys are used on these pages.
    passkeys: bool,
    /// The identity provider, if one is sent there, and the path on which.
    provider: Option<(String, String)>,
}

/// Where one wanted to go, as the address says it.
#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    to: Option<String>,
}

impl Wanted {
    /// … if that is a place of ours.
    pub(super) fn to(&self) -> &str {
        local(self.to.as_deref())
    }
}

/// The page, with what went wrong before.
pub(super) fn form(console: &Console, to: &str, error: Option<(StatusCode, String)>) -> Response {
    let directory = console.desk.directory();
    let (status, error) = error.map_or((StatusCode::OK, None), |(status, words)| (status, Some(words)));
    let page = Page { title: "Sign in".to_owned(), place: None, visitor: None, scripts: &[SCRIPT] };
    let template = SignIn {
        page,
        to: to.to_owned(),
        error,
        passkeys: party(console, directory.relying_party()).is_some(),
        provider: console.code_flow.as_ref().map(|flow| {
            let name = flow.issuer().trim_start_matches("https://").trim_start_matches("http://");
            (name.to_owned(), format!("/sign-in/provider?to={}", percent(to)))
        }),
    };
    (status, show(&template)).into_response()
}

/// The relying party, if passkeys are used on these pages.
pub(super) fn party<'a>(console: &Console, party: Option<&'a RelyingParty>) -> Option<&'a RelyingParty> {
    party.filter(|party| party.knows_origin(&console.origin))
}

async fn ask(
    State(console): State<Arc<Console>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    if visitor(&headers, &console).await.is_some() {
        return Redirect::to(wanted.to()).into_response();
    }
    form(&console, wanted.to(), None)
}

/// A fresh question to any passkey, with what the browser is asked for.
async fn challenge(State(console): State<Arc<Console>>, from: Address) -> Response {
    if let Err(wait) = console.doors.knock(&from) {
        return *wait;
    }
    let directory = console.desk.directory();
    let Some(party) = party(&console, directory.relying_party()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(asked) = console.sessions.ask(Purpose::SignIn) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let options = get_options(&asked.challenge(), party, []);
    let object = Object::new().with("asked", asked.to_text()).with("options", options);
    ([(CONTENT_TYPE, "application/json")], Value::Object(object).to_canonical()).into_response()
}

async fn answer(
    State(console): State<Arc<Console>>,
    from: Address,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    if let Err(wait) = console.doors.knock(&from) {
        return *wait;
    }
    let to = local(fields.one("to"));
    let (asked, credential) = (fields.one("asked"), fields.one("credential"));
    let signed_in = console.sessions.sign_in_by_passkey(asked.unwrap_or(""), credential.unwrap_or(""));
    match console.sessions.share(signed_in).await {
        Ok(signed_in) => enter(&console, &headers, &signed_in, to).await,
        Err(refused) => {
            tracing::info!(code = refused.code(), "a passkey did not sign anybody in");
            form(&console, to, Some((status(refused), words(refused))))
        }
    }
}

pub(super) const fn status(refused: SignInRefused) -> StatusCode {
    match refused {
        SignInRefused::TooMany => StatusCode::TOO_MANY_REQUESTS,
        SignInRefused::NoEntropy | SignInRefused::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        SignInRefused::Challenge
        | SignInRefused::Foreign
        | SignInRefused::ChallengeOver
        | SignInRefused::Answered
        | SignInRefused::Signature(_)
        | SignInRefused::Passkey(_)
        | SignInRefused::UnknownPasskey
        | SignInRefused::UnknownKey
        | SignInRefused::UnknownSession
        | SignInRefused::SessionOver
        | SignInRefused::SessionRevoked
        | SignInRefused::Token(_)
        | SignInRefused::UnknownAccount
        | SignInRefused::UnknownBearer => StatusCode::FORBIDDEN,
    }
}

/// What a person can do about it, and the code for whoever helps them.
pub(super) fn words(refused: SignInRefused) -> String {
    let advice = match refused {
        SignInRefused::Challenge | SignInRefused::Foreign | SignInRefused::ChallengeOver => {
            "This page was open too long. Try again."
        }
        SignInRefused::Answered => "This was sent twice. Try again.",
        SignInRefused::UnknownPasskey => {
            "This passkey is not known here. Use another one, or ask for an invitation to enrol it."
        }
        SignInRefused::UnknownAccount => "The provider knows you, and this service's roster does not.",
        SignInRefused::TooMany => "You signed in too often. Wait a minute, and try again.",
        SignInRefused::NoEntropy | SignInRefused::Unavailable => {
            "The service can't let anybody in just now. Try again."
        }
        SignInRefused::Signature(_)
        | SignInRefused::Passkey(_)
        | SignInRefused::UnknownKey
        | SignInRefused::UnknownSession
        | SignInRefused::SessionOver
        | SignInRefused::SessionRevoked
        | SignInRefused::Token(_)
        | SignInRefused::UnknownBearer => "That did not work. Try again, or ask for help with this code.",
    };
    format!("{advice} ({})", refused.code())
}
