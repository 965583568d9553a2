//! Telemetry: what the service says of itself to those who run it: logs, traces, and an address for Prometheus.

pub mod endpoint;
mod logs;
mod traces;

pub use logs::{Format, Started, start};
pub use traces::{Tracing, TracingError};
