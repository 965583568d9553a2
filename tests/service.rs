//! The service as agents, reviewers and executors meet it: real sockets, a real store, signed votes, verified tokens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "service/auditors.rs"]
mod auditors;
#[path = "vote/authenticator.rs"]
#[allow(dead_code, reason = "the tests of votes use more of it")]
mod authenticator;
#[path = "service/detours.rs"]
mod detours;
#[path = "service/evasion.rs"]
mod evasion;
#[path = "service/guide.rs"]
mod guide;
#[path = "service/hostile_people.rs"]
mod hostile_people;
#[path = "service/identity.rs"]
mod identity;
#[path = "service/log.rs"]
mod log;
#[path = "service/meanwhile.rs"]
mod meanwhile;
#[path = "service/oidc.rs"]
mod oidc;
#[path = "service/people.rs"]
mod people;
#[path = "service/provider.rs"]
mod provider;
#[path = "service/queue.rs"]
mod queue;
#[path = "service/reload.rs"]
mod reload;
#[path = "service/requests.rs"]
mod requests;
#[path = "service/restart.rs"]
mod restart;
#[path = "service/review.rs"]
mod review;
#[path = "service/seeds.rs"]
mod seeds;
#[path = "service/seen.rs"]
mod seen;
#[path = "service/support.rs"]
mod support;
#[path = "service/suspend.rs"]
mod suspend;
#[path = "service/time.rs"]
mod time;
#[path = "service/world.rs"]
#[allow(dead_code, reason = "shared with tests/receipts.rs, which uses the rest")]
mod world;
