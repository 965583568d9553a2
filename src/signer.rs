//! The signer: a promise to sign with one Ed25519 key that never leaves it, and the ring of keys that may mint.

pub mod directory;
pub mod enrolled;
pub mod file;

use crate::digest::KeyId;
use crate::moment::Moment;
use crate::party::{KeyHolder, LogOrigin, TokenId};
use crate::token::{Anchor, CertifiedKey, PublicKey, Scope};
use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

/// A key that may mint tokens, or sign a log's checkpoints, with the certificates that say so.
#[derive(Clone)]
pub struct Authority {
    signer: Arc<dyn Signer>,
    /// Shared, because every mint takes the key that signs now for its own.
    certified: Arc<CertifiedKey>,
    chain: Arc<[String]>,
}

impl Authority {
    /// A key with what its certificate says and the certificates that lead to it from a root, the root's first.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, certified: CertifiedKey, chain: impl Into<Arc<[String]>>) -> Self {
        Self { signer, certified: Arc::new(certified), chain: chain.into() }
    }

    /// The key.
    #[must_use]
    pub fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// The key's id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.certified.key.id()
    }

    /// What the key may sign, and for how long.
    #[must_use]
    pub fn certified(&self) -> &CertifiedKey {
        &self.certified
    }

    /// The certificates that lead to it from a root, the root's first.
    #[must_use]
    pub fn chain(&self) -> &[String] {
        &self.chain
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.key_id())
    }
}

/// The keys of a trust domain as executors take them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The signed trust bundle.
    pub bundle: String,
    /// The certificates that lead to its signer from a root, the root's first.
    pub certificates: Vec<String>,
    /// The same keys as a plain JWK set.
    pub jwks: String,
    /// The signed list of what was revoked, for executors that ask for one; signed by the same key.
    pub revocations: String,
}

/// Keys that a sidecar made for itself, and what they are to be certified for.
#[derive(Clone, Debug)]
pub struct Candidates<'a> {
    /// The sidecar.
    pub sidecar: &'a KeyHolder,
    /// The key that is to sign tokens.
    pub authority: &'a PublicKey,
    /// What it may sign.
    pub scope: Scope,
    /// The key of the sidecar's log.
    pub log: &'a PublicKey,
    /// The log's name.
    pub origin: &'a LogOrigin,
    /// How long both are certified for.
    pub life: Duration,
}

/// The certificates of a sidecar's keys, each with those that lead to it from a root, the root's first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chains {
    /// Of the key that signs tokens.
    pub authority: Vec<String>,
    /// Of the log's key.
    pub log: Vec<String>,
    /// The first moment at which they are good for nothing any more.
    pub until: Moment,
}

/// Keeps the keys that may mint.
pub trait Keyring: Send + Sync {
    /// Every key that is held and not revoked, whether or not its time has come or gone.
    ///
    /// # Errors
    /// [`KeyringError`] if they can't be told.
    fn held(&self) -> Result<Vec<Authority>, KeyringError>;

    /// Whether the key may sign for everything that this ring is configured for, and nothing else.
    fn in_scope(&self, authority: &Authority) -> bool;

    /// Whether it makes new keys itself. Where a desk certifies them, whoever talks with it brings them in time.
    fn renews(&self) -> bool {
        true
    }

    /// Makes a new key and has it certified from `now` on.
    ///
    /// # Errors
    /// [`KeyringError`] if there is no issuer to certify it, or nowhere to keep it.
    fn renew(&self, now: Moment) -> Result<Authority, KeyringError>;

    /// The key that signs the log's checkpoints, which is none of those that mint: made where there is none yet, and
    /// certified anew once half of its certificate's life is over.
    ///
    /// # Errors
    /// [`KeyringError`] if it was revoked, or can't be made, read or certified.
    fn log(&self, now: Moment) -> Result<Authority, KeyringError>;

    /// Certifies the keys of a sidecar, from `now` on.
    ///
    /// # Errors
    /// [`KeyringError`] if there is no issuer here, or it can't certify them for that.
    fn certify(&self, candidates: &Candidates<'_>, now: Moment) -> Result<Chains, KeyringError> {
        let _ = now;
        Err(KeyringError(format!("nobody here certifies the keys of `{}`", candidates.sidecar)))
    }

    /// Revokes keys. What is published next says so.
    ///
    /// # Errors
    /// [`KeyringError`] if that can't be kept; then they are not revoked.
    fn revoke_keys(&self, keys: &BTreeSet<KeyId>) -> Result<(), KeyringError> {
        Err(KeyringError(format!("{} keys can't be revoked here", keys.len())))
    }

    /// Whom executors trust: the trust domain and the root that they pin.
    ///
    /// # Errors
    /// [`KeyringError`] if it can't be told.
    fn anchor(&self) -> Result<Anchor, KeyringError>;

    /// Every key that was revoked.
    ///
    /// # Errors
    /// [`KeyringError`] if they can't be told.
    fn revoked(&self) -> Result<BTreeSet<KeyId>, KeyringError>;

    /// Revokes these tokens, each with the moment when it expires by itself, and every token that was issued before
    /// a moment, if one is given. What is published next says so. `false` if there were too many to be listed, so that
    /// every one that was issued until now is revoked.
    ///
    /// # Errors
    /// [`KeyringError`] if that can't be kept; then nothing is revoked.
    fn revoke_tokens(
        &self,
        tokens: &BTreeMap<TokenId, Moment>,
        before: Option<Moment>,
        now: Moment,
    ) -> Result<bool, KeyringError>;

    /// The keys as executors take them, signed at `now`.
    ///
    /// # Errors
    /// [`KeyringError`] if there is no issuer to sign it.
    fn publish(&self, now: Moment) -> Result<Published, KeyringError>;
}

/// Why a ring of keys can't do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringError(pub String);

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyringError {}
