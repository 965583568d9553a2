//! The record as an auditor meets it: a real one, what can be done to its files, and what its own operator can do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "audit/attacks.rs"]
mod attacks;
#[path = "audit/command.rs"]
mod command;
#[path = "audit/forged.rs"]
mod forged;
#[path = "audit/independent.rs"]
mod independent;
#[path = "audit/insider.rs"]
mod insider;
#[path = "audit/proofs.rs"]
mod proofs;
#[path = "audit/story.rs"]
mod story;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "the tests of the service use more of it")]
mod support;
#[path = "audit/tampering.rs"]
mod tampering;
