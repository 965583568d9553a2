//! What `deploy/` has for a cluster, an image and a machine: other people's tools take it, and it says what the program
//! says.
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

#[path = "deploy/access.rs"]
mod access;
#[path = "deploy/admission.rs"]
mod admission;
#[path = "deploy/chart.rs"]
mod chart;
#[path = "deploy/image.rs"]
mod image;
#[path = "deploy/kit.rs"]
mod kit;
#[path = "deploy/machine.rs"]
mod machine;
#[path = "deploy/pods.rs"]
mod pods;
#[path = "deploy/program.rs"]
mod program;
#[path = "deploy/rendered.rs"]
mod rendered;
#[path = "deploy/watched.rs"]
mod watched;
#[path = "deploy/wishes.rs"]
mod wishes;
