//! What the record says about how well deciding works: against a naive count over random histories, on made-up data
//! whose truth is known, and that advice never says to allow what was ever denied.
#![cfg(feature = "engine")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "analytics/advice.rs"]
mod advice;
#[path = "analytics/counted.rs"]
mod counted;
#[path = "analytics/drift.rs"]
mod drift;
#[path = "analytics/saturation.rs"]
mod saturation;
#[path = "analytics/world.rs"]
mod world;
