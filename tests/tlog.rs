//! Transparency logs as other people's tools know them: their vectors, a log of theirs, and texts that nobody signed.
#![cfg(feature = "verify")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "tests say what they expect"
)]

#[path = "tlog/kit.rs"]
mod kit;
#[path = "tlog/others.rs"]
mod others;
#[path = "tlog/policies.rs"]
mod policies;
#[path = "tlog/texts.rs"]
mod texts;
#[path = "tlog/trees.rs"]
mod trees;
#[path = "tlog/witnesses.rs"]
mod witnesses;
