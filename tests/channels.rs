//! Telling people: who is told what, by which channel, how often, and what a restart makes of it.
#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "channels/crashes.rs"]
mod crashes;
#[path = "channels/hall.rs"]
mod hall;
#[path = "channels/messages.rs"]
mod messages;
#[path = "channels/storm.rs"]
mod storm;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "made for tests/service.rs, which uses all of it")]
mod support;
#[path = "channels/told.rs"]
mod told;
#[path = "channels/trouble.rs"]
mod trouble;
#[path = "channels/webhooks.rs"]
mod webhooks;
#[path = "service/world.rs"]
#[allow(dead_code, reason = "made for tests/service.rs, which uses all of it")]
mod world;
