//! Whom an executor trusts: its pinned roots, and the chains of certified keys that lead to them.

use super::certificate::{CertificateError, CertifiedKey, KeyCertificate, KeyUse};
use super::compact::{Compact, Kind, MAX_VERIFIED};
use super::key::PublicKey;
use crate::digest::KeyId;
use crate::moment::Moment;
use crate::party::TrustDomain;
use core::fmt;
use core::time::Duration;

/// The most certificates of a chain: the issuer's, and that of the key that it certified.
pub const MAX_CHAIN: usize = 2;

/// A trust domain and its pinned root keys; several while roots are rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    domain: TrustDomain,
    roots: Vec<PublicKey>,
}

/// Roots that can't be pinned: none, or one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorError {
    /// There is no root, so nothing could ever be trusted.
    NoRoot,
    /// A root is there twice.
    DuplicateRoot,
}

impl fmt::Display for AnchorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoot => "there is no root key",
            Self::DuplicateRoot => "a root key is there twice",
        })
    }
}

impl std::error::Error for AnchorError {}

impl Anchor {
    /// Pins these roots of a trust domain.
    ///
    /// # Errors
    /// [`AnchorError`] if there is none or one is there twice.
    pub fn new(domain: TrustDomain, roots: impl IntoIterator<Item = PublicKey>) -> Result<Self, AnchorError> {
        let mut pinned: Vec<PublicKey> = Vec::new();
        for root in roots {
            if pinned.iter().any(|other| other.id() == root.id()) {
                return Err(AnchorError::DuplicateRoot);
            }
            pinned.push(root);
        }
        if pinned.is_empty() { Err(AnchorError::NoRoot) } else { Ok(Self { domain, roots: pinned }) }
    }

    /// The trust domain.
    #[must_use]
    pub const fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// The pinned roots.
    #[must_use]
    pub fn roots(&self) -> &[PublicKey] {
        &self.roots
    }

    /// What the last of these certificates says of its key, if they lead to it from a pinned root.
    ///
    /// # Errors
    /// [`CertificateError`] if they do not, or if there are none.
    pub fn certified(&self, certificates: &[&str]) -> Result<CertifiedKey, CertificateError> {
        let chain = self.chain(certificates, &[])?;
        chain.and_then(|chain| chain.links.last().cloned()).ok_or(CertificateError::Signer)
    }

    /// The key that these certificates lead to, if at this moment it was one of that use for exactly this log or
    /// executor. That nobody revoked it is for the caller to know.
    ///
    /// # Errors
    /// [`CertificateError`] of the first thing that is wrong.
    pub fn certified_for(
        &self,
        certificates: &[&str],
        usage: KeyUse,
        name: &str,
        at: Moment,
    ) -> Result<CertifiedKey, CertificateError> {
        let chain = self.chain(certificates, &[])?.ok_or(CertificateError::Signer)?;
        let last = chain.links.last().filter(|link| link.usage == usage).ok_or(CertificateError::Use)?;
        if !chain.links.iter().all(|link| link.scope.names(name)) {
            return Err(CertificateError::Name);
        }
        if chain.covers(at, Duration::ZERO) { Ok(last.clone()) } else { Err(CertificateError::Window) }
    }

    pub(super) fn root(&self, id: &KeyId) -> Option<&PublicKey> {
        self.roots.iter().find(|root| root.id() == *id)
    }

    /// Follows certificates from a root: one, of an issuer; or two, of an issuer and of a key that it certified.
    ///
    /// `issuers` are chains of issuers that are known already; then one certificate, by one of them, is enough.
    pub(super) fn chain(
        &self,
        certificates: &[&str],
        issuers: &[Chain],
    ) -> Result<Option<Chain>, CertificateError> {
        if certificates.len() > MAX_CHAIN {
            return Err(CertificateError::TooMany);
        }
        let mut chain: Option<Chain> = None;
        for text in certificates {
            let jws =
                Compact::read(text, Kind::KeyCertificate, MAX_VERIFIED).map_err(CertificateError::Form)?;
            let signer = jws.key_id().ok_or(CertificateError::Signer)?;
            let (mut so_far, key, by_issuer) = match chain {
                Some(chain) => {
                    let issuer = chain.last_if(KeyUse::Issuer, &signer).ok_or(CertificateError::Signer)?;
                    (chain.clone(), issuer.key.clone(), true)
                }
                None => self.first_signer(&signer, issuers).ok_or(CertificateError::Signer)?,
            };
            let certificate = KeyCertificate::read(&jws, &key)?;
            if certificate.domain != self.domain {
                return Err(CertificateError::Domain);
            }
            let id = certificate.certified.key.id();
            let has_a_use = so_far.ids().any(|other| other == id) || self.root(&id).is_some();
            if certificate.certified.usage.is_certified_by_issuer() != by_issuer || has_a_use {
                return Err(CertificateError::Use);
            }
            so_far.links.push(certificate.certified);
            chain = Some(so_far);
        }
        Ok(chain)
    }

    /// Who signed a chain's first certificate, and whether that is an issuer.
    fn first_signer(&self, id: &KeyId, issuers: &[Chain]) -> Option<(Chain, PublicKey, bool)> {
        if let Some(root) = self.root(id) {
            return Some((Chain { root: *id, links: Vec::new() }, root.clone(), false));
        }
        let known = |chain: &Chain| chain.last_if(KeyUse::Issuer, id).map(|issuer| issuer.key.clone());
        issuers.iter().find_map(|chain| Some((chain.clone(), known(chain)?, true)))
    }
}

/// Keys of which each was certified by the one before, the first by a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) root: KeyId,
    pub(super) links: Vec<CertifiedKey>,
}

impl Chain {
    /// The last key, if it has this use and id.
    pub(super) fn last_if(&self, usage: KeyUse, id: &KeyId) -> Option<&CertifiedKey> {
        self.links.last().filter(|link| link.usage == usage && link.key.id() == *id)
    }

    /// Whether this is the chain of a key with this id that signs authority tokens.
    pub(super) fn signs_as(&self, id: &KeyId) -> bool {
        self.last_if(KeyUse::Authority, id).is_some()
    }

    /// Whether a moment lies in the windows of all its keys.
    pub(super) fn covers(&self, moment: Moment, skew: Duration) -> bool {
        self.links.iter().all(|link| link.covers(moment, skew))
    }

    /// The ids of all its keys, the root's included.
    pub(super) fn ids(&self) -> impl Iterator<Item = KeyId> {
        core::iter::once(self.root).chain(self.links.iter().map(|link| link.key.id()))
    }
}
