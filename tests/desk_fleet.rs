//! The desk's half of a fleet, as sidecars meet it over the wire: a scripted sidecar that says what it likes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "desk_fleet/calls.rs"]
mod calls;
#[path = "desk_fleet/courses.rs"]
mod courses;
#[path = "desk_fleet/enrolment.rs"]
mod enrolment;
#[path = "desk_fleet/following.rs"]
mod following;
#[path = "service/provider.rs"]
#[allow(dead_code, reason = "shared with tests/service.rs, which uses the rest")]
mod provider;
#[path = "desk_fleet/shipping.rs"]
mod shipping;
#[path = "desk_fleet/sidecar.rs"]
mod sidecar;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "shared with tests/service.rs, which uses the rest")]
mod support;
#[path = "desk_fleet/wire.rs"]
mod wire;
