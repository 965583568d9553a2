//! What an operation's JSON must survive: other people's vectors, properties, and hostile texts; and what a
//! reviewer is shown of it.
#![cfg(feature = "verify")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "operation/hostile.rs"]
mod hostile;
#[path = "operation/properties.rs"]
mod properties;
#[path = "operation/rendering.rs"]
mod rendering;
#[cfg(feature = "engine")]
#[path = "operation/serde.rs"]
mod serde;
#[path = "operation/vectors.rs"]
mod vectors;

use countersign::operation::json::{Limits, ReadError, canonicalize};

/// The limits of an operation, but for its size.
const LARGE: Limits = Limits { bytes: usize::MAX, ..Limits::OPERATION };

/// The canonical form of a text of any size.
fn canonical(text: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut out = Vec::new();
    canonicalize(text, &LARGE, &mut out).map(|()| out)
}
