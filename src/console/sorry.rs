//! What is said where a page cannot be shown or a form cannot be taken.

use super::filters;
use super::page::{Page, show};
use super::visitor::Visitor;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use core::fmt::Display;

#[derive(Template)]
#[template(path = "sorry.html")]
struct Sorry {
    page: Page,
    words: String,
}

/// A page that says why not.
pub(super) fn sorry(visitor: &Visitor, status: StatusCode, title: &str, words: impl Display) -> Response {
    let page = Page { title: title.to_owned(), place: None, visitor: Some(visitor.clone()), scripts: &[] };
    (status, show(&Sorry { page, words: words.to_string() })).into_response()
}

/// … that somebody may not see this.
pub(super) fn not_yours(visitor: &Visitor, words: &str) -> Response {
    sorry(visitor, StatusCode::FORBIDDEN, "Not for you", words)
}

/// … that there is no such thing.
pub(super) fn nothing_here(visitor: &Visitor, words: impl Display) -> Response {
    sorry(visitor, StatusCode::NOT_FOUND, "Nothing here", words)
}

/// … that it did not work. Nothing of it happened.
pub(super) fn failed(visitor: &Visitor, error: &dyn Display) -> Response {
    tracing::warn!(%error, "a page could not do what it was asked");
    sorry(visitor, StatusCode::SERVICE_UNAVAILABLE, "It did not work", error)
}
