//! A sidecar and a desk that is elsewhere: a real sidecar over real sockets, and a scripted desk over real gRPC that can
//! be away, lose its answers, and lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "link/away.rs"]
mod away;
#[path = "link/desk.rs"]
mod desk;
#[path = "link/fleet.rs"]
mod fleet;
#[path = "link/lies.rs"]
mod lies;
#[path = "link/news.rs"]
mod news;
#[path = "link/pod.rs"]
mod pod;
#[path = "link/story.rs"]
mod story;
#[path = "link/wire.rs"]
mod wire;
