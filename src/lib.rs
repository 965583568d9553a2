//! Countersign decides what an AI agent may do, asks people where that is needed, and binds the answer to the
//! exact operation in a signed authority token that the executor verifies offline.
//!
//! The modules read like the domain: words (pure, no clock, no randomness, no IO), promises and the ways of
//! keeping them, the story, and the surfaces. `tests/architecture.rs` holds the map of who may import whom.

// ── the words: pure, synchronous, no clock, no randomness, no IO ──
#[cfg(feature = "engine")]
pub mod audit;
#[cfg(feature = "verify")]
pub mod condition;
#[cfg(feature = "engine")]
pub mod decision;
#[cfg(feature = "verify")]
pub mod digest;
#[cfg(feature = "evidence")]
pub mod escalation;
#[cfg(feature = "verify")]
pub mod moment;
#[cfg(feature = "verify")]
pub mod operation;
#[cfg(feature = "verify")]
pub mod party;
#[cfg(feature = "engine")]
pub mod policy;
#[cfg(feature = "engine")]
pub mod reviewer;
#[cfg(feature = "engine")]
pub mod risk;
#[cfg(feature = "verify")]
pub mod token;

// ── the promises, and the ways of keeping them ──
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod entropy;
#[cfg(feature = "server")]
pub mod files;
#[cfg(feature = "journal")]
pub mod journal;
#[cfg(feature = "evidence")]
pub mod presence;
#[cfg(feature = "verify")]
pub mod replay;
#[cfg(feature = "server")]
pub mod signer;
#[cfg(feature = "server")]
pub mod store;

// ── the story ──
#[cfg(feature = "server")]
pub mod desk;
#[cfg(feature = "server")]
pub mod sidecar;

// ── the surfaces: they translate, they decide nothing ──
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "executor")]
pub mod executor;
#[cfg(feature = "server")]
pub mod grpc;
#[cfg(feature = "client")]
mod proto;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod telemetry;
