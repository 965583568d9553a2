//! Presence: how a reviewer proves that it was they, and no program in between, who said yes.

#[cfg(feature = "server")]
pub mod oidc;
pub mod passkey;
mod point;
pub mod sign_in;
pub mod ssh;
