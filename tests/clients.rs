//! The agents and executors in Python and TypeScript, against the built binary: the whole story, and every vector.
#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "clients/language.rs"]
mod language;
#[path = "clients/operations.rs"]
mod operations;
#[path = "clients/service.rs"]
mod service;
#[path = "clients/story.rs"]
mod story;
