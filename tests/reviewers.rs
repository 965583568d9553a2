//! The people who are asked: whether they are there, who stands in for them, and whose turn it is.
#![cfg(feature = "engine")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "reviewers/attendance.rs"]
mod attendance;
#[path = "reviewers/check.rs"]
mod check;
#[path = "reviewers/diligence.rs"]
mod diligence;
#[path = "reviewers/recount.rs"]
mod recount;
#[path = "reviewers/routing.rs"]
mod routing;
#[path = "reviewers/simulation.rs"]
mod simulation;
#[path = "reviewers/support.rs"]
mod support;
#[path = "reviewers/workload.rs"]
mod workload;
