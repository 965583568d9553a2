//! The real server, killed at random points of the whole story under load: nothing acknowledged is lost, nothing is
//! minted without its record, and nothing is used twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "crash/chance.rs"]
mod chance;
#[path = "crash/check.rs"]
mod check;
#[path = "crash/executor.rs"]
mod executor;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/load.rs"]
mod load;
#[path = "crash/record.rs"]
mod record;
#[path = "crash/restart.rs"]
mod restart;
#[path = "crash/server.rs"]
mod server;
#[path = "crash/story.rs"]
mod story;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "made for tests/service.rs, which uses all of it")]
mod support;
