//! Finding the payloads among an operation's parameters.

use super::{Language, Reading};
use crate::operation::json::Object;

/// Reads them.
#[must_use]
pub fn read(_: &Object, _: &[(Language, Box<str>)]) -> Vec<Reading> {
    Vec::new()
}
