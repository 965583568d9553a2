//! Ways of keeping the promise that a token is used once.

#[cfg(feature = "journal")]
pub mod journal;
pub mod memory;
