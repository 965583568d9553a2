//! A page that says what is in the way, and where to go from there.

use super::page::{Page, Place, show};
use super::visitor::Visitor;
use crate::desk::DeskError;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    page: Page,
    title: &'a str,
    words: &'a str,
    back: &'a str,
}

/// What is in the way, in plain words, and the page to go on from.
pub(super) fn problem(visitor: &Visitor, code: StatusCode, title: &str, words: &str, back: &str) -> Response {
    let page = Page::new(title, Place::Queue, visitor);
    (code, show(&Problem { page, title, words, back })).into_response()
}

/// The desk did not do what was asked.
pub(super) fn desk_problem(visitor: &Visitor, error: &DeskError) -> Response {
    let (code, title) = match error {
        DeskError::Unknown(_) => (StatusCode::NOT_FOUND, "There is no such request"),
        DeskError::Over(_) => (StatusCode::CONFLICT, "It is over"),
        DeskError::Refused(_) => (StatusCode::CONFLICT, "That can't be done now"),
        DeskError::Contended(_) => (StatusCode::CONFLICT, "Many people are busy with it"),
        DeskError::Store(_) | DeskError::Senseless(..) | DeskError::Away(_) | DeskError::Untrue(..) => {
            tracing::error!(%error, "a page could not be made");
            let words = "Nothing was changed. Try again in a moment; if it stays so, tell an operator.";
            return problem(
                visitor,
                StatusCode::SERVICE_UNAVAILABLE,
                "The record can't be reached",
                words,
                "/",
            );
        }
    };
    problem(visitor, code, title, &error.to_string(), "/")
}
