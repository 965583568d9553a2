//! A service from its configuration to its end: what it is told, how it is asked how it is, and how it stops.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "lifecycle/certificates.rs"]
mod certificates;
#[path = "lifecycle/doctor.rs"]
mod doctor;
#[path = "lifecycle/layers.rs"]
mod layers;
#[path = "lifecycle/memory.rs"]
mod memory;
#[path = "lifecycle/probes.rs"]
mod probes;
#[path = "hostile/process.rs"]
#[allow(dead_code, reason = "shared with tests/hostile.rs, which uses the rest")]
mod process;
#[path = "lifecycle/program.rs"]
mod program;
#[path = "lifecycle/stopping.rs"]
mod stopping;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "the tests of the service use more of it")]
mod support;
