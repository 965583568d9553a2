//! Ways of keeping the promise that a token is used once.

pub mod memory;
