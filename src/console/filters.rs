//! How templates write what somebody else wrote: with nothing hidden in it.
#![expect(unreachable_pub, reason = "the macro makes public types of them")]

use crate::operation::render;
use askama::Values;
use core::fmt::Display;

/// The same for a text of several lines.
#[askama::filter_fn]
pub(super) fn visible_lines(text: impl Display, _: &dyn Values) -> askama::Result<String> {
    Ok(render::visible_lines(&text.to_string()))
}

/// One line in which every character can be seen: a name, a resource, a reason.
#[askama::filter_fn]
pub(super) fn visible(text: impl Display, _: &dyn Values) -> askama::Result<String> {
    Ok(render::visible(&text.to_string()))
}
