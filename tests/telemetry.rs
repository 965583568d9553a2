//! What the service says of itself: metrics, traces and logs, as the tools of those who run it read them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "telemetry/collector.rs"]
mod collector;
#[path = "telemetry/deploy.rs"]
mod deploy;
#[path = "telemetry/endpoint.rs"]
mod endpoint;
#[path = "telemetry/exposition.rs"]
mod exposition;
#[path = "telemetry/metrics.rs"]
mod metrics;
#[path = "telemetry/program.rs"]
mod program;
#[path = "telemetry/saturation.rs"]
mod saturation;
#[path = "telemetry/secrets.rs"]
mod secrets;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "the tests of the service use more of it")]
mod support;
#[path = "telemetry/traces.rs"]
mod traces;
