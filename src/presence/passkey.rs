//! Passkey assertions (WebAuthn) over a vote statement: a reviewer's finger or PIN, checked without any browser.
//!
//! A passkey is pinned by its credential id and its public key, beside the relying party whose pages may use it. The
//! challenge of an assertion is a digest of the statement, so that it is a signature over that statement and nothing
//! else. Two algorithms are known, and nothing else: ES256 (P-256) and EdDSA (Ed25519). Attestation is not asked for:
//! whoever pins the key says whose it is. Sources: Web Authentication Level 3 §5.8.1 (client data), §6.1
//! (authenticator data), §6.5.5 (signatures) and §7.2 (what a relying party checks); RFC 5480 and RFC 8410 (keys).
//!
//! ```
//! use countersign::presence::passkey::{CredentialKey, PasskeyError, RelyingParty};
//!
//! let console = RelyingParty::new("console.example.com", &["https://console.example.com"])?;
//! assert!(console.knows_origin("https://console.example.com"));
//! assert!(!console.knows_origin("https://console.example.com.evil.example"));
//! assert_eq!(CredentialKey::parse("AAAA").err(), Some(PasskeyError::KeyType));
//! # Ok::<(), PasskeyError>(())
//! ```

mod asked;
mod assertion;
mod authenticator;
mod browser;
mod client_data;
mod error;
mod key;
mod party;
mod registration;

pub use asked::{Asked, MAX_ASKED, Purpose};
pub use assertion::{Assertion, Challenge, MAX_ASSERTION};
pub use authenticator::Counter;
pub use browser::MAX_BROWSER_JSON;
pub use client_data::MAX_CLIENT_DATA;
pub use error::PasskeyError;
pub use key::{CredentialId, CredentialKey, MAX_CREDENTIAL_ID, MIN_CREDENTIAL_ID, Passkey};
pub use party::{MAX_ORIGINS, RelyingParty};
pub use registration::Registration;
