//! The injector: a mutating admission webhook that puts the sidecar beside every agent that asks for it.
//!
//! It translates a pod into a patch; it decides nothing about what an agent may do. A pod that gets no sidecar can't
//! get a token either, so leaving one out is never a way around the desk; what must not happen is a sidecar whose key,
//! token or socket somebody else in the pod can reach. That is why a pod which could is refused, with what to change.

#[cfg(feature = "server")]
pub mod announce;
#[cfg(feature = "server")]
pub mod certificate;
pub mod names;
pub mod patch;
pub mod plan;
pub mod pod;
#[cfg(feature = "server")]
pub mod probes;
pub mod quantity;
pub mod refusal;
pub mod review;
#[cfg(feature = "server")]
pub mod server;
pub mod settings;
