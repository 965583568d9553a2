//! The signer: a promise to sign with one Ed25519 key that never leaves it.

pub mod file;

use crate::token::PublicKey;
use core::fmt;

/// Signs with one key.
pub trait Signer: Send + Sync {
    /// The key's public half.
    fn public_key(&self) -> &PublicKey;

    /// The Ed25519 signature of `message` (RFC 8032); the same message always gets the same one.
    ///
    /// # Errors
    /// [`SignError`] if the key can't be used; then there is no token.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// The key can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignError(pub String);

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the signing key cannot be used: {}", self.0)
    }
}

impl std::error::Error for SignError {}
