//! The trust bundle: the keys of a trust domain in one signed, numbered, short-lived statement, and the plain JWKS
//! exported from it (TOKEN §8).

use super::FormError;
use super::certificate::{CertifiedKey, KeyUse, MAX_ISSUER_KEY_LIFE};
use super::compact::{Kind, SigningInput};
use super::key::{KeyError, PublicKey};
use super::members::{ClaimFault, Members};
use super::scope::Scope;
use super::statement::{COMMON_NAMES, Common, MAX_STATEMENT, Ratchet, StatementError, open};
use super::trust::{Anchor, Chain};
use crate::digest::KeyId;
use crate::moment::Moment;
use crate::operation::json::{Object, Value};
use crate::party::TrustDomain;
use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a trust bundle says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleContents {
    /// `iss`: the trust domain.
    pub domain: TrustDomain,
    /// `seq`: never falls.
    pub sequence: u64,
    /// `iat`
    pub issued_at: Moment,
    /// `exp`: at most seven days after `iat`.
    pub expires_at: Moment,
    /// `keys`: sidecars' keys, and issuers' where a root signs. An empty list trusts no key.
    pub keys: Vec<CertifiedKey>,
    /// `revoked`: keys that are no longer trusted, whatever certifies them.
    pub revoked: Vec<KeyId>,
}

/// Why a trust bundle is refused, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// What any statement can be refused for.
    Statement(StatementError),
    /// One of its keys is refused.
    Key(KeyError),
    /// A key has no `kid`, `alg` or `use`, which a bundle must name.
    Unnamed,
    /// A key is there twice.
    DuplicateKey,
    /// A key's window is empty or longer than any key's may be.
    KeyLife,
    /// A key is of a use that no bundle lists: only sidecars' keys and issuers are known from one.
    KeyUse,
    /// It is signed by an issuer and lists an issuer: only a root certifies those.
    IssuerByIssuer,
    /// It lists a key of its own chain, or revokes one.
    OwnSigner,
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the trust bundle is refused: ")?;
        match self {
            Self::Statement(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
            Self::Unnamed => f.write_str("a key lacks `kid`, `alg` or `use`"),
            Self::DuplicateKey => f.write_str("a key is there twice"),
            Self::KeyLife => f.write_str("a key's window is empty or longer than allowed"),
            Self::KeyUse => f.write_str("a key signs neither tokens nor certificates"),
            Self::IssuerByIssuer => f.write_str("an issuer signed it, and only a root certifies issuers"),
            Self::OwnSigner => f.write_str("it lists or revokes a key that it is signed under"),
        }
    }
}

impl std::error::Error for BundleError {}

impl From<ClaimFault> for BundleError {
    fn from(fault: ClaimFault) -> Self {
        Self::Statement(StatementError::Claims(fault))
    }
}

impl BundleContents {
    /// The bytes that a root or an issuer is to sign.
    ///
    /// # Errors
    /// [`BundleError`] for what would be refused whoever signs it.
    pub fn signing_input(&self, signer: &PublicKey) -> Result<SigningInput, BundleError> {
        if !self.common().has_sound_life() {
            return Err(BundleError::Statement(StatementError::Life));
        }
        check_keys(&self.keys)?;
        let revoked: Vec<Value> = self.revoked.iter().map(|id| Value::from(id.to_string())).collect();
        let keys: Vec<Value> = self.keys.iter().map(key_to_value).collect();
        let claims = self.common().to_object().with("keys", keys).with("revoked", revoked);
        let input = SigningInput::new(Kind::Bundle, signer, &Value::from(claims).to_canonical());
        if input.signed_len() > MAX_STATEMENT {
            return Err(BundleError::Statement(StatementError::Form(FormError::Size)));
        }
        Ok(input)
    }

    fn common(&self) -> Common {
        Common {
            domain: self.domain.clone(),
            sequence: self.sequence,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
        }
    }
}

const KEY_NAMES: [&str; 4] = ["cs_scope", "cs_use", "exp", "nbf"];

fn key_to_value(certified: &CertifiedKey) -> Value {
    let jwk = certified.key.to_jwk();
    let object = jwk
        .with("cs_scope", certified.scope.to_value())
        .with("cs_use", certified.usage.as_str())
        .with("exp", certified.expires_at.unix_seconds())
        .with("nbf", certified.not_before.unix_seconds());
    Value::from(object)
}

fn read_key(value: &Value) -> Result<CertifiedKey, BundleError> {
    let object = value.as_object().ok_or(BundleError::Key(KeyError::NotAnObject))?;
    let key = PublicKey::from_members(object, &KEY_NAMES).map_err(BundleError::Key)?;
    if ["kid", "alg", "use"].iter().any(|name| object.get(name).is_none()) {
        return Err(BundleError::Unnamed);
    }
    let members = Members::inner_unchecked(object, "keys");
    Ok(CertifiedKey {
        key,
        usage: members.matching("cs_use", KeyUse::parse)?,
        not_before: members.second("nbf")?,
        expires_at: members.second("exp")?,
        scope: Scope::read(members.value("cs_scope")?)?,
    })
}

fn check_keys(keys: &[CertifiedKey]) -> Result<(), BundleError> {
    let mut seen = BTreeSet::new();
    for certified in keys {
        if !seen.insert(certified.key.id()) {
            return Err(BundleError::DuplicateKey);
        }
        match certified.usage {
            KeyUse::Issuer | KeyUse::Authority => {}
            KeyUse::Log | KeyUse::Receipt => return Err(BundleError::KeyUse),
        }
        if certified.lives_longer_than(MAX_ISSUER_KEY_LIFE) {
            return Err(BundleError::KeyLife);
        }
        if !certified.scope.is_sound() {
            return Err(ClaimFault::Wrong("cs_scope").into());
        }
    }
    Ok(())
}

/// A trust bundle whose signature, age and contents were checked.
#[derive(Clone, Debug)]
pub struct TrustBundle {
    contents: BundleContents,
    root: KeyId,
    /// The chains of the sidecars' keys, by key id.
    authorities: BTreeMap<KeyId, Arc<Chain>>,
    issuers: Vec<Chain>,
    revoked: BTreeSet<KeyId>,
}

impl TrustBundle {
    /// Reads a bundle that was signed by a pinned root, or by an issuer whose certificate is presented with it.
    ///
    /// `ratchet` is what this executor has seen before; once the bundle is accepted the caller advances it by
    /// [`TrustBundle::root`] and [`TrustBundle::sequence`] and stores it before the bundle is used.
    ///
    /// # Errors
    /// [`BundleError`]: anything wrong with it refuses it whole.
    pub fn read(
        text: &str,
        certificates: &[&str],
        anchor: &Anchor,
        ratchet: &Ratchet,
        now: Moment,
    ) -> Result<Self, BundleError> {
        let opened =
            open(text, Kind::Bundle, certificates, anchor, &[], now).map_err(BundleError::Statement)?;
        let names: Vec<&str> = COMMON_NAMES.into_iter().chain(["keys", "revoked"]).collect();
        let members = Members::of(&opened.value, &names)?;
        let common = Common::read(&members)?;
        common.check(anchor, &opened.signer.root, ratchet, now).map_err(BundleError::Statement)?;
        let keys = members.value("keys")?.as_array().ok_or(ClaimFault::Wrong("keys"))?;
        let contents = BundleContents {
            keys: keys.iter().map(read_key).collect::<Result<_, _>>()?,
            revoked: members.list("revoked", KeyId::parse)?,
            domain: common.domain,
            sequence: common.sequence,
            issued_at: common.issued_at,
            expires_at: common.expires_at,
        };
        check_keys(&contents.keys)?;
        Self::under(&opened.signer, contents, anchor)
    }

    fn under(signer: &Chain, contents: BundleContents, anchor: &Anchor) -> Result<Self, BundleError> {
        let by_issuer = !signer.links.is_empty();
        if by_issuer && contents.keys.iter().any(|key| key.usage == KeyUse::Issuer) {
            return Err(BundleError::IssuerByIssuer);
        }
        let own = |id: &KeyId| signer.ids().any(|other| other == *id);
        let listed = |key: &CertifiedKey| own(&key.key.id()) || anchor.root(&key.key.id()).is_some();
        if contents.keys.iter().any(listed) || contents.revoked.iter().any(own) {
            return Err(BundleError::OwnSigner);
        }
        let chain = |key: &CertifiedKey| {
            let links = signer.links.iter().chain([key]).cloned().collect();
            Chain { root: signer.root, links }
        };
        let (issuers, authorities): (Vec<_>, Vec<_>) =
            contents.keys.iter().partition(|key| key.usage == KeyUse::Issuer);
        Ok(Self {
            root: signer.root,
            authorities: authorities.into_iter().map(|key| (key.key.id(), Arc::new(chain(key)))).collect(),
            issuers: issuers.into_iter().map(chain).collect(),
            revoked: contents.revoked.iter().copied().collect(),
            contents,
        })
    }

    /// What it says.
    #[must_use]
    pub const fn contents(&self) -> &BundleContents {
        &self.contents
    }

    /// The root that it was signed under.
    #[must_use]
    pub const fn root(&self) -> KeyId {
        self.root
    }

    /// Its number, which never falls.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.contents.sequence
    }

    /// Whether it can be used at this moment.
    #[must_use]
    pub fn is_fresh(&self, now: Moment) -> bool {
        now < self.contents.expires_at
    }

    /// The sidecars' keys that it lists and does not revoke, as a plain JWKS for libraries that take one.
    ///
    /// Keys that are not valid yet are in it, so that they are known before their first use; expired ones are not.
    #[must_use]
    pub fn to_jwks(&self, now: Moment) -> Value {
        let current = |key: &&CertifiedKey| {
            key.usage == KeyUse::Authority && now < key.expires_at && !self.revoked.contains(&key.key.id())
        };
        let keys: Vec<Value> =
            self.contents.keys.iter().filter(current).map(|key| Value::from(key.key.to_jwk())).collect();
        Value::from(Object::new().with("keys", keys))
    }

    pub(super) fn authority(&self, id: &KeyId) -> Option<&Arc<Chain>> {
        self.authorities.get(id)
    }

    pub(super) fn issuers(&self) -> &[Chain] {
        &self.issuers
    }

    pub(super) fn revokes(&self, id: &KeyId) -> bool {
        self.revoked.contains(id)
    }
}
