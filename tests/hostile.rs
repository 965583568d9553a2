//! An attacker's view of the service: the built program, and everything that may not be said to it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "hostile/clock.rs"]
mod clock;
#[path = "hostile/connections.rs"]
mod connections;
#[path = "hostile/full.rs"]
mod full;
#[path = "hostile/http2.rs"]
mod http2;
#[path = "hostile/process.rs"]
#[allow(dead_code, reason = "shared with tests/command.rs, which uses the rest")]
mod process;
#[path = "hostile/requests.rs"]
mod requests;
#[path = "hostile/reviewing.rs"]
mod reviewing;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "shared with tests/service.rs, which uses the rest")]
mod support;
#[path = "hostile/votes.rs"]
mod votes;
#[path = "hostile/wire.rs"]
mod wire;
