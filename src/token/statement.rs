//! What trust bundles and revocations have in common: signed by a root or an issuer, numbered, and short-lived.

use super::certificate::{CertificateError, KeyUse};
use super::claims::VERSION;
use super::compact::{Compact, FormError, Kind};
use super::members::{ClaimFault, Members};
use super::trust::{Anchor, Chain};
use crate::digest::KeyId;
use crate::moment::Moment;
use crate::operation::json::{Limits, Object, Value};
use crate::party::TrustDomain;
use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

/// The most bytes of a trust bundle or a snapshot of revocations.
pub const MAX_STATEMENT: usize = 1024 * 1024;
/// How long a trust bundle or a snapshot of revocations may be valid.
pub const MAX_STATEMENT_LIFE: Duration = Duration::from_hours(24 * 7);
/// How far the clock of whoever signed may be ahead.
pub(super) const SKEW: Duration = Duration::from_secs(30);

const LIMITS: Limits = Limits { bytes: MAX_STATEMENT, depth: 8, members: 65_536 };

/// Why a trust bundle or a snapshot of revocations is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementError {
    /// It is not a compact JWS of this kind.
    Form(FormError),
    /// A certificate beside it is refused.
    Certificate(CertificateError),
    /// It is not signed by a pinned root or an issuer that one certified.
    Signer,
    /// The signer's key is not valid now.
    SignerExpired,
    /// `alg` is not the name of the signer's algorithm.
    Algorithm,
    /// The signature is not the signer's.
    Signature,
    /// The claims are malformed.
    Claims(ClaimFault),
    /// It belongs to another trust domain.
    Domain,
    /// It would be valid for longer than [`MAX_STATEMENT_LIFE`], or for no time at all.
    Life,
    /// It was issued in the future.
    Future,
    /// It has expired.
    Expired,
    /// Its sequence number is lower than one seen before from the same root.
    RolledBack,
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::Signer => f.write_str("not signed by a pinned root or an issuer that one certified"),
            Self::SignerExpired => f.write_str("the signer's key is not valid now"),
            Self::Algorithm => f.write_str("`alg` is not that of the signer's key"),
            Self::Signature => f.write_str("the signature is not the signer's"),
            Self::Claims(fault) => fault.fmt(f),
            Self::Domain => f.write_str("it belongs to another trust domain"),
            Self::Life => write!(
                f,
                "it is valid for more than {} days or not at all",
                MAX_STATEMENT_LIFE.as_secs() / 86_400
            ),
            Self::Future => f.write_str("it was issued in the future"),
            Self::Expired => f.write_str("it has expired"),
            Self::RolledBack => f.write_str("its sequence number is lower than one seen before"),
        }
    }
}

impl std::error::Error for StatementError {}

/// The highest sequence number seen under each root; what an executor stores so that nothing is rolled back.
///
/// It is kept by root so that a stolen root that publishes a huge number can't lock out the one that replaces it.
/// Bundles and revocations are numbered separately: each has a ratchet of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ratchet(BTreeMap<KeyId, u64>);

impl Ratchet {
    /// The highest number seen under this root.
    #[must_use]
    pub fn highest(&self, root: &KeyId) -> Option<u64> {
        self.0.get(root).copied()
    }

    /// Moves up to this number; it never moves down.
    pub fn advance(&mut self, root: KeyId, sequence: u64) {
        let highest = self.0.entry(root).or_insert(sequence);
        *highest = sequence.max(*highest);
    }

    /// All roots and their numbers, to be stored.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, u64)> {
        self.0.iter().map(|(root, sequence)| (*root, *sequence))
    }
}

/// What was stored; of several numbers for a root the highest.
impl FromIterator<(KeyId, u64)> for Ratchet {
    fn from_iter<T: IntoIterator<Item = (KeyId, u64)>>(stored: T) -> Self {
        let mut ratchet = Self::default();
        for (root, sequence) in stored {
            ratchet.advance(root, sequence);
        }
        ratchet
    }
}

/// The claims that all statements have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) domain: TrustDomain,
    pub(super) sequence: u64,
    pub(super) issued_at: Moment,
    pub(super) expires_at: Moment,
}

pub(super) const COMMON_NAMES: [&str; 5] = ["cs_v", "exp", "iat", "iss", "seq"];

impl Common {
    pub(super) fn has_sound_life(&self) -> bool {
        let life = self.expires_at.since(self.issued_at);
        !life.is_zero() && life <= MAX_STATEMENT_LIFE
    }

    pub(super) fn to_object(&self) -> Object {
        Object::new()
            .with("cs_v", VERSION)
            .with("exp", self.expires_at.unix_seconds())
            .with("iat", self.issued_at.unix_seconds())
            .with("iss", self.domain.as_str())
            .with("seq", self.sequence)
    }

    pub(super) fn read(members: &Members<'_>) -> Result<Self, ClaimFault> {
        if members.number("cs_v")? != VERSION {
            return Err(ClaimFault::Wrong("cs_v"));
        }
        Ok(Self {
            domain: members.parsed("iss", TrustDomain::new)?,
            sequence: members.number("seq")?,
            issued_at: members.second("iat")?,
            expires_at: members.second("exp")?,
        })
    }

    /// Whether the statement can be used now, under this anchor, after what was seen before.
    pub(super) fn check(
        &self,
        anchor: &Anchor,
        root: &KeyId,
        ratchet: &Ratchet,
        now: Moment,
    ) -> Result<(), StatementError> {
        if self.domain != *anchor.domain() {
            return Err(StatementError::Domain);
        }
        if !self.has_sound_life() {
            return Err(StatementError::Life);
        }
        if self.issued_at > now.plus(SKEW) {
            return Err(StatementError::Future);
        }
        if now >= self.expires_at {
            return Err(StatementError::Expired);
        }
        if ratchet.highest(root).is_some_and(|highest| self.sequence < highest) {
            return Err(StatementError::RolledBack);
        }
        Ok(())
    }
}

/// A signed statement: who signed it, and its claims as JSON.
pub(super) struct Opened {
    /// The chain that ends with the signer; only the root where that is the signer.
    pub(super) signer: Chain,
    pub(super) value: Value,
}

/// Checks form and signature of a statement, presented with the certificates of its signer.
pub(super) fn open(
    text: &str,
    kind: Kind,
    certificates: &[&str],
    anchor: &Anchor,
    issuers: &[Chain],
    now: Moment,
) -> Result<Opened, StatementError> {
    let jws = Compact::read(text, kind, MAX_STATEMENT).map_err(StatementError::Form)?;
    let id = jws.key_id().ok_or(StatementError::Signer)?;
    let (signer, key) = match anchor.root(&id) {
        Some(root) => (Chain { root: id, links: Vec::new() }, root.clone()),
        None => {
            let presented = anchor.chain(certificates, issuers).map_err(StatementError::Certificate)?;
            let ends_here = |chain: &&Chain| chain.last_if(KeyUse::Issuer, &id).is_some();
            let known = || issuers.iter().find(ends_here).cloned();
            let chain = presented.filter(|chain| ends_here(&chain)).or_else(known);
            let chain = chain.ok_or(StatementError::Signer)?;
            let key = chain.last_if(KeyUse::Issuer, &id).ok_or(StatementError::Signer)?.key.clone();
            (chain, key)
        }
    };
    if signer.links.iter().any(|link| !link.covers(now, SKEW)) {
        return Err(StatementError::SignerExpired);
    }
    if !jws.names_algorithm_of(&key) {
        return Err(StatementError::Algorithm);
    }
    jws.verify(&key).map_err(|_| StatementError::Signature)?;
    let value = Members::parse(jws.claims(), &LIMITS).map_err(StatementError::Claims)?;
    Ok(Opened { signer, value })
}
