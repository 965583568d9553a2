//! Presence: how a reviewer proves that it was they, and no program in between, who said yes.

pub mod passkey;
mod point;
pub mod ssh;
