//! Telemetry: what the service says of itself to those who run it, in logs and at an address for Prometheus.

pub mod endpoint;
mod logs;

pub use logs::{Format, start};
