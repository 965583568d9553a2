//! An escalation: an operation that people must agree to before it may run.

#[cfg(feature = "engine")]
pub mod requirement;
pub mod vote;
