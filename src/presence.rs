//! Presence: how a reviewer proves that it was they, and no program in between, who said yes.

#[cfg(feature = "server")]
pub mod kubernetes;
#[cfg(feature = "server")]
pub mod oidc;
pub mod passkey;
mod point;
pub mod sign_in;
#[cfg(feature = "server")]
pub mod slack;
pub mod ssh;
#[cfg(feature = "server")]
pub mod webhook;
