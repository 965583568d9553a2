//! Signing in at the identity provider: there, and back with a code.

use super::Console;
use super::doors::{Address, enter};
use super::sign_in::{Wanted, form, status, words};
use super::visitor::cookie;
use crate::desk::code_flow::{CameBack, FLOW_LIFE, FlowRefused};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use std::sync::Arc;

/// Where the provider sends browsers back to.
pub const CALLBACK: &str = "/sign-in/callback";

/// The cookie of a flow that is under way.
const FLOW_COOKIE: &str = "__Host-countersign-oidc";

/// `/sign-in/provider`, and the way back.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/sign-in/provider", get(leave)).route(CALLBACK, get(come_back))
}

async fn leave(State(console): State<Arc<Console>>, from: Address, Query(wanted): Query<Wanted>) -> Response {
    if let Err(wait) = console.doors.knock(&from) {
        return *wait;
    }
    let Some(flow) = &console.code_flow else { return StatusCode::NOT_FOUND.into_response() };
    let Ok((url, begun)) = flow.begin(wanted.to()) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let life = FLOW_LIFE.as_secs();
    let set = format!("{FLOW_COOKIE}={begun}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={life}");
    ([(SET_COOKIE, set)], Redirect::to(&url)).into_response()
}

#[derive(serde::Deserialize)]
struct Answered {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

async fn come_back(
    State(console): State<Arc<Console>>,
    from: Address,
    headers: HeaderMap,
    Query(answered): Query<Answered>,
) -> Response {
    if let Err(wait) = console.doors.knock(&from) {
        return *wait;
    }
    let mut response = admitted(&console, &headers, answered).await;
    // It is good once, whatever came of it.
    let gone = format!("{FLOW_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    if let Ok(gone) = HeaderValue::try_from(gone) {
        response.headers_mut().append(SET_COOKIE, gone);
    }
    response
}

async fn admitted(console: &Console, headers: &HeaderMap, answered: Answered) -> Response {
    let Some(flow) = &console.code_flow else { return StatusCode::NOT_FOUND.into_response() };
    let Answered { code, state, iss, error } = answered;
    let back = CameBack { code, state, issuer: iss, error };
    let finished = match flow.finish(cookie(headers, FLOW_COOKIE).unwrap_or(""), back).await {
        Ok(finished) => finished,
        Err(refused) => {
            tracing::info!(code = refused.code(), %refused, "nobody was signed in by the provider");
            let status = match refused {
                FlowRefused::Exchange(_) => StatusCode::BAD_GATEWAY,
                FlowRefused::NotBegun
                | FlowRefused::OtherState
                | FlowRefused::OtherIssuer
                | FlowRefused::Provider(_) => StatusCode::FORBIDDEN,
            };
            let words = format!("That did not work: {refused}. Try again. ({})", refused.code());
            return form(console, "/", Some((status, words)));
        }
    };
    let began = console.sessions.sign_in_by_provider(&finished.token, &finished.nonce, flow.client_id());
    match console.sessions.share(began).await {
        Ok(signed_in) => enter(console, headers, &signed_in, &finished.to).await,
        Err(refused) => {
            tracing::info!(code = refused.code(), "the provider's token signed nobody in");
            form(console, &finished.to, Some((status(refused), words(refused))))
        }
    }
}
