//! Who looks at a page, and whether it was they who sent a form.

use super::Console;
use crate::desk::sessions::Reviewer;
use crate::operation::render::visible;
use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::header::{COOKIE, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use core::time::Duration;
use std::sync::Arc;

/// The cookie of a session. The prefix has browsers keep it to this host, to all of it, and to HTTPS.
pub(super) const COOKIE_NAME: &str = "__Host-countersign";

/// How long a form may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most fields of a form.
const MAX_FIELDS: usize = 256;

/// Somebody of the roster who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// Who.
    pub(super) reviewer: Reviewer,
    /// The name that the roster gives them, with nothing hidden in it.
    pub(super) name: String,
    /// What a form of theirs has to bring back, so that it is known to come from a page of ours.
    pub(super) form_token: String,
    /// The session's bearer token.
    pub(super) session: String,
    /// What the record calls them where they operate the service; nothing where they don't.
    pub(super) operator: Option<String>,
    /// Whether they read the whole record; operators do.
    pub(super) auditor: bool,
}

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Response> {
        visitor(&parts.headers, console).await.ok_or_else(|| sign_in_first(parts))
    }
}

/// A form that its visitor sent from a page of ours.
pub(super) struct Posted {
    /// Who sent it.
    pub(super) visitor: Visitor,
    /// What is in it.
    pub(super) fields: Fields,
}

/// The fields of a form, in the order of the form; a name may be there several times.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// These.
    #[cfg(test)]
    pub(super) const fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The first of this name; nothing where it is empty.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// All of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A form that a page of ours sent, in which nobody has to be signed in yet.
impl FromRequest<Arc<Console>> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        if !comes_from(request.headers(), &console.origin) {
            return Err((StatusCode::FORBIDDEN, "the form comes from another page").into_response());
        }
        let read = Form::<Vec<(String, String)>>::from_request(request, console);
        let Ok(fields) = tokio::time::timeout(PATIENCE, read).await else {
            return Err((StatusCode::REQUEST_TIMEOUT, "the form did not come in time").into_response());
        };
        let mut fields = fields.map_err(|error| error.into_response())?.0;
        if fields.len() > MAX_FIELDS {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, "the form has too many fields").into_response());
        }
        // A browser sends every end of a line as two characters, also in what it was given with one (HTML, "constructing
        // the entry list").
        fields.iter_mut().for_each(|(_, value)| *value = value.replace("\r\n", "\n"));
        Ok(Self(fields))
    }
}

impl FromRequest<Arc<Console>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        if !comes_from(request.headers(), &console.origin) {
            return Err((StatusCode::FORBIDDEN, "the form comes from another page").into_response());
        }
        let Some(visitor) = visitor(request.headers(), console).await else {
            return Err((StatusCode::UNAUTHORIZED, "sign in first").into_response());
        };
        let fields = Fields::from_request(request, console).await?;
        // A token of another session is as wrong as none.
        if fields.one("form_token") != Some(&*visitor.form_token) {
            return Err((StatusCode::FORBIDDEN, "the form is not one of this session").into_response());
        }
        Ok(Self { visitor, fields })
    }
}

/// Whether a request was made by a page of this origin. A browser says so with every form that it sends.
fn comes_from(headers: &HeaderMap, origin: &str) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site == "same-origin");
    let named = headers.get(ORIGIN).map(|named| named.as_bytes() == origin.as_bytes());
    named == Some(true) && site != Some(false)
}

/// Who sends these headers.
pub(super) async fn visitor(headers: &HeaderMap, console: &Console) -> Option<Visitor> {
    // A session that was begun here or with an SSH key, and no other credential that a program may call with.
    let session = cookie(headers, COOKIE_NAME)?;
    if !console.sessions.still_lasts(session).await {
        return None;
    }
    let reviewer = console.sessions.known(session).await.ok()?;
    let directory = console.desk.directory();
    let name = visible(&directory.person(reviewer.person())?.name);
    let form_token = console.sessions.form_token(session);
    let operator = console.rights.operators.get(reviewer.person()).map(ToString::to_string);
    let auditor = operator.is_some() || console.rights.auditors.contains(reviewer.person());
    Some(Visitor { reviewer, name, form_token, session: session.to_owned(), operator, auditor })
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|header| header.to_str().ok());
    cookies
        .flat_map(|header| header.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

/// To the page where one signs in, and from there back to where one wanted to go.
fn sign_in_first(parts: &Parts) -> Response {
    let to = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let to: String = to.bytes().flat_map(core::ascii::escape_default).map(char::from).collect();
    Redirect::to(&format!("/sign-in?to={}", percent(&to))).into_response()
}

/// Percent-encoded, all but what is plain everywhere in a query.
pub(super) fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
