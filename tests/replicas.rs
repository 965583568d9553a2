//! Several desks on one record: whichever of them is asked, and whichever dies, they are one.
#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "replicas/files.rs"]
mod files;
#[path = "replicas/fleet.rs"]
mod fleet;
#[path = "channels/hall.rs"]
#[allow(dead_code, reason = "made for tests/channels.rs, which uses all of it")]
mod hall;
#[path = "replicas/histories.rs"]
mod histories;
#[path = "replicas/one.rs"]
mod one;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "made for tests/service.rs, which uses all of it")]
mod support;
#[path = "replicas/told.rs"]
mod told;
#[path = "service/world.rs"]
#[allow(dead_code, reason = "made for tests/service.rs, which uses all of it")]
mod world;
