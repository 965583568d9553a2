//! Countersign decides what an AI agent may do, asks people where that is needed, and binds the answer to the
//! exact operation in a signed authority token that the executor verifies offline.
//!
//! The modules read like the domain: words (pure, no clock, no randomness, no IO), promises and the ways of
//! keeping them, the story, and the surfaces. `tests/architecture.rs` holds the map of who may import whom.
//!
//! An executor needs the `verify` feature only. It pins a root, builds the operation from the bytes that it is about
//! to act on, and acts on nothing but the [verified operation](token::VerifiedOperation):
//!
//! ```no_run
//! # #[cfg(feature = "verify")] {
//! use countersign::condition::{ConditionKind, ExecutionFacts};
//! use countersign::moment::Moment;
//! use countersign::operation::Operation;
//! use countersign::party::{ExecutorId, TrustDomain};
//! use countersign::replay::memory::MemoryGuard;
//! use countersign::token::{Anchor, Executor, Presented, PublicKey, VerifierConfig};
//!
//! # fn example(root: PublicKey, token: &str, certificates: &[&str], now: Moment) -> Result<(), Box<dyn std::error::Error>> {
//! let anchor = Anchor::new(TrustDomain::new("https://acme.example")?, [root])?;
//! let executor = Executor::new(ExecutorId::new("exec:fleet")?, [ConditionKind::Canary])?;
//! let verifier = VerifierConfig::new(anchor, executor).build()?;
//! let guard = MemoryGuard::new(now);
//!
//! let operation = Operation::from_json("deploy.release", "shop/production", br#"{"version":"2.0.0"}"#)?;
//! let facts = ExecutionFacts { targets: Some(1), all_targets: Some(10), ..ExecutionFacts::default() };
//! let presented = Presented { token, certificates, operation, facts: &facts, proof: None, evidence: &[], log_proof: None };
//! let verified = verifier.verify(presented, now, &guard)?;
//! assert_eq!(verified.operation().action(), "deploy.release"); // now act, on this and nothing else
//! # Ok(()) }
//! # }
//! ```

// ── the words: pure, synchronous, no clock, no randomness, no IO ──
#[cfg(feature = "engine")]
pub mod audit;
#[cfg(feature = "engine")]
pub mod classify;
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
#[cfg(feature = "engine")]
mod names;
#[cfg(feature = "engine")]
pub mod notice;
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
#[cfg(feature = "engine")]
pub mod suspension;
#[cfg(feature = "verify")]
pub mod tlog;
#[cfg(feature = "verify")]
pub mod token;

// ── the promises, and the ways of keeping them ──
#[cfg(feature = "server")]
pub mod ceiling;
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "engine")]
pub mod cluster;
#[cfg(feature = "server")]
pub mod entropy;
#[cfg(feature = "server")]
pub mod exchange;
#[cfg(feature = "server")]
pub mod files;
#[cfg(feature = "server")]
pub mod health;
#[cfg(feature = "journal")]
pub mod journal;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod notify;
#[cfg(feature = "evidence")]
pub mod presence;
#[cfg(feature = "verify")]
pub mod replay;
#[cfg(feature = "server")]
pub mod signer;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod tls;
#[cfg(feature = "server")]
pub mod witness;

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
#[cfg(feature = "server")]
pub mod console;
#[cfg(feature = "executor")]
pub mod executor;
#[cfg(feature = "server")]
pub mod grpc;
#[cfg(feature = "engine")]
pub mod inject;
#[cfg(feature = "server")]
pub mod link;
#[cfg(feature = "client")]
mod proto;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod telemetry;
