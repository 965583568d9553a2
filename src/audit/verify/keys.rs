//! The keys that sign, as the record certifies and revokes them.

use super::SLACK;
use super::findings::Findings;
use crate::digest::KeyId;
use crate::moment::Moment;
use crate::party::{LogOrigin, TrustDomain};
use crate::token::{Anchor, CertifiedKey, Claims, DEFAULT_SKEW, KeyUse, PublicKey, ReceiptClaims};
use std::collections::HashMap;

/// The keys of one log.
pub(super) struct Keys {
    roots: Vec<PublicKey>,
    domain: Option<TrustDomain>,
    anchor: Option<Anchor>,
    known: HashMap<KeyId, Key>,
    /// Tokens whose key was not certified before. A key that is renewed signs at once and is recorded right after.
    ahead: Vec<Ahead>,
    noted: bool,
}

/// A token that is signed by a key of which there is no certificate yet.
struct Ahead {
    kid: KeyId,
    claims: Claims,
    index: u64,
    at: Moment,
}

struct Key {
    /// What its certificates say, where a root was given that they lead to.
    certified: Option<CertifiedKey>,
    revoked: bool,
}

impl Keys {
    pub(super) fn new(roots: Vec<PublicKey>) -> Self {
        Self { roots, domain: None, anchor: None, known: HashMap::new(), ahead: Vec::new(), noted: false }
    }

    /// The trust domain whose roots those are.
    pub(super) fn of_domain(&mut self, domain: Option<TrustDomain>, findings: &mut Findings) {
        let Some(domain) = domain.filter(|_| self.domain.is_none()) else { return };
        self.domain = Some(domain.clone());
        if self.roots.is_empty() {
            return;
        }
        match Anchor::new(domain, self.roots.clone()) {
            Ok(anchor) => self.anchor = Some(anchor),
            Err(error) => findings.finding("key.no_root", error.to_string()),
        }
    }

    /// What a chain of certificates says of its last key, if it leads to it from a root.
    pub(super) fn chain(&self, certificates: &[&str]) -> Option<Result<CertifiedKey, String>> {
        let anchor = self.anchor.as_ref()?;
        Some(anchor.certified(certificates).map_err(|error| error.to_string()))
    }

    /// What an executor signed, if a key that was certified for that did; nothing where no root was given.
    pub(super) fn receipt(
        &self,
        receipt: &str,
        certificates: &[String],
        at: Moment,
    ) -> Option<Result<ReceiptClaims, String>> {
        let anchor = self.anchor.as_ref()?;
        let certificates: Vec<&str> = certificates.iter().map(String::as_str).collect();
        let revoked = |kid: &KeyId| self.known.get(kid).is_some_and(|key| key.revoked);
        let read = ReceiptClaims::read(receipt, &certificates, anchor, revoked, at.plus(SLACK));
        Some(read.map_err(|error| error.to_string()))
    }

    /// The key of a log, if it was certified for that; nothing where no root was given.
    pub(super) fn log_key(&self, kid: KeyId, origin: &LogOrigin) -> Option<Result<PublicKey, String>> {
        self.anchor.as_ref()?;
        let certified = self.known.get(&kid).and_then(|key| key.certified.as_ref());
        let fits = |certified: &&CertifiedKey| {
            certified.usage == KeyUse::Log && certified.scope.is_for(origin.as_str())
        };
        let key = certified.filter(fits).map(|certified| certified.key.clone());
        Some(key.ok_or_else(|| format!("the key `{kid}` was not certified for the log `{origin}`")))
    }

    pub(super) fn certified(&mut self, kid: KeyId, chain: &str, at: Moment, findings: &mut Findings) {
        let certificates: Vec<&str> = chain.split('\n').collect();
        let certified = match self.chain(&certificates) {
            None => {
                if !self.noted {
                    self.noted = true;
                    let words = "no root was given: whether a key in the record was certified is not checked";
                    findings.note("key.unpinned", words);
                }
                None
            }
            Some(Err(error)) => {
                findings.finding("key.uncertified", format!("the key `{kid}` is not certified: {error}"));
                return;
            }
            Some(Ok(certified)) => {
                if certified.key.id() != kid {
                    let words =
                        format!("the certificate is of the key `{}`, not of `{kid}`", certified.key.id());
                    findings.finding("key.other", words);
                    return;
                }
                findings.require(certified.covers(at, DEFAULT_SKEW), "key.window", || {
                    format!(
                        "the key `{kid}` is certified from {} to {}",
                        certified.not_before, certified.expires_at
                    )
                });
                Some(certified)
            }
        };
        match self.known.get_mut(&kid) {
            None => {
                self.known.insert(kid, Key { certified, revoked: false });
                for ahead in self.ahead.extract_if(.., |ahead| ahead.kid == kid).collect::<Vec<_>>() {
                    let Ahead { claims, index, at, .. } = ahead;
                    findings.elsewhere(index, claims.txn, |findings| {
                        self.may_sign(kid, &claims, index, at, findings);
                    });
                }
            }
            Some(known) => {
                findings
                    .require(!known.revoked, "key.revoked", || format!("the key `{kid}` was revoked before"));
                known.certified = certified;
            }
        }
    }

    /// Says of tokens that their keys were not certified in time.
    pub(super) fn tick(&mut self, now: Option<Moment>, findings: &mut Findings) {
        let waits = |ahead: &Ahead| now.is_some_and(|now| now <= ahead.at.plus(SLACK));
        for Ahead { kid, claims, index, .. } in self.ahead.extract_if(.., |ahead| !waits(ahead)) {
            findings.elsewhere(index, claims.txn, |findings| {
                let words =
                    format!("the key `{kid}` signs the token, and no certificate of it is recorded in time");
                findings.finding("mint.unknown_key", words);
            });
        }
    }

    pub(super) fn revoked(&mut self, kid: KeyId, findings: &mut Findings) {
        match self.known.get_mut(&kid) {
            Some(key) => key.revoked = true,
            // A key of before the log began, or of another service.
            None => {
                findings
                    .note("key.unknown", format!("the key `{kid}` is revoked, and was not certified here"));
                self.known.insert(kid, Key { certified: None, revoked: true });
            }
        }
    }

    /// Whether this key may sign these claims of a token at this moment.
    pub(super) fn may_sign(
        &mut self,
        kid: KeyId,
        claims: &Claims,
        index: u64,
        at: Moment,
        findings: &mut Findings,
    ) {
        let Some(key) = self.known.get(&kid) else {
            self.ahead.push(Ahead { kid, claims: claims.clone(), index, at });
            return;
        };
        findings.require(!key.revoked, "mint.revoked_key", || format!("the key `{kid}` was revoked before"));
        let Some(certified) = &key.certified else { return };
        findings.require(certified.usage == KeyUse::Authority, "mint.key_use", || {
            format!("the key `{kid}` is certified for another use than to sign tokens")
        });
        let issued = claims.times.issued_at;
        let covers = certified.covers(issued, DEFAULT_SKEW) && certified.covers(at, DEFAULT_SKEW);
        findings.require(covers, "mint.key_window", || {
            format!("the key `{kid}` is certified from {} to {}", certified.not_before, certified.expires_at)
        });
        if let Err(beyond) = certified.scope.permits(claims) {
            findings.finding("mint.key_scope", beyond.to_string());
        }
    }
}
