//! A provider's published keys (RFC 7517): each known by its `kid`, each for one algorithm.

use super::error::OidcError;
use crate::digest::{from_base64url, sha256};
use crate::operation::json::{self, Limits, Object, Value};
use core::fmt;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use std::collections::{BTreeMap, BTreeSet};

/// The largest set of keys in bytes.
pub const MAX_KEY_SET: usize = 256 * 1024;
/// The most keys of a set.
pub const MAX_KEYS: usize = 64;

const LIMITS: Limits = Limits { bytes: MAX_KEY_SET, depth: 8, members: 4096 };
/// 65537: what every provider uses, and nothing weaker.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];
/// What only the private half of a key has (RFC 7518 §6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// How a token is signed. Nothing with a shared secret, and never `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A public key of a provider.
#[derive(Clone)]
pub(super) enum Key {
    Rsa { modulus: Vec<u8> },
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// A provider's keys.
#[derive(Clone, Default)]
pub struct KeySet(BTreeMap<Box<str>, Key>);

impl KeySet {
    /// Reads a JWK set. Keys for something else (encryption, algorithms that are not known, no `kid`) are passed
    /// over, as RFC 7517 §5 asks; a key that is meant for us and is wrong spoils the set.
    ///
    /// # Errors
    /// The `Keys…` facts of [`OidcError`].
    pub fn read(bytes: &[u8]) -> Result<Self, OidcError> {
        if bytes.len() > MAX_KEY_SET {
            return Err(OidcError::KeysSize);
        }
        let set = json::read(bytes, &LIMITS).map_err(|_| OidcError::KeysJson)?;
        let keys = set.as_object().and_then(|set| set.get("keys")).and_then(Value::as_array);
        let keys = keys.ok_or(OidcError::KeysJson)?;
        if keys.len() > MAX_KEYS {
            return Err(OidcError::KeysSize);
        }
        let mut names = BTreeSet::new();
        let mut set = BTreeMap::new();
        for key in keys {
            let jwk = key.as_object().ok_or(OidcError::KeysJson)?;
            if PRIVATE.iter().any(|name| jwk.get(name).is_some()) {
                return Err(OidcError::KeysPrivate);
            }
            let Some(name) = string(jwk, "kid") else { continue };
            if !names.insert(name) {
                return Err(OidcError::KeysDuplicate);
            }
            if let Some(key) = Key::read(jwk)? {
                set.insert(name.into(), key);
            }
        }
        if set.is_empty() { Err(OidcError::KeysNone) } else { Ok(Self(set)) }
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none; [`read`](Self::read) never gives such a set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn key(&self, name: &str) -> Option<&Key> {
        self.0.get(name)
    }
}

/// The keys' names; the keys are long.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySet").field(&self.0.keys()).finish()
    }
}

fn string<'a>(jwk: &'a Object, name: &str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

/// An octet string of the key.
fn octets(jwk: &Object, name: &str) -> Result<Vec<u8>, OidcError> {
    string(jwk, name).and_then(from_base64url).ok_or(OidcError::KeysMalformed)
}

fn coordinate(jwk: &Object, name: &str) -> Result<[u8; 32], OidcError> {
    octets(jwk, name)?.try_into().map_err(|_| OidcError::KeysMalformed)
}

impl Key {
    /// The key, if it is one for checking signatures by a known algorithm.
    fn read(jwk: &Object) -> Result<Option<Self>, OidcError> {
        let operations = jwk.get("key_ops").map(|operations| operations.as_array().unwrap_or_default());
        let verifies =
            operations.is_none_or(|names| names.iter().any(|name| name.as_str() == Some("verify")));
        let signs = jwk.get("use").is_none_or(|usage| usage.as_str() == Some("sig"));
        let said = jwk.get("alg").map(|algorithm| algorithm.as_str().unwrap_or_default());
        let for_us = |name: &str| said.is_none_or(|said| said == name);
        if !verifies || !signs {
            return Ok(None);
        }
        match (string(jwk, "kty"), string(jwk, "crv")) {
            (Some("RSA"), _) if for_us("RS256") => Self::rsa(jwk).map(Some),
            (Some("EC"), Some("P-256")) if for_us("ES256") => Self::p256(jwk).map(Some),
            (Some("OKP"), Some("Ed25519")) if for_us("EdDSA") => Self::ed25519(jwk).map(Some),
            _ => Ok(None),
        }
    }

    fn rsa(jwk: &Object) -> Result<Self, OidcError> {
        let modulus = octets(jwk, "n")?;
        let exponent = octets(jwk, "e")?;
        // 2048 to 8192 bits, and no zeros before them.
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        let fits = (2048..=8192).contains(&bits) && modulus.first() != Some(&0);
        if fits && exponent == RSA_EXPONENT {
            Ok(Self::Rsa { modulus })
        } else {
            Err(OidcError::KeysMalformed)
        }
    }

    fn p256(jwk: &Object) -> Result<Self, OidcError> {
        let mut point = vec![4];
        point.extend(coordinate(jwk, "x")?);
        point.extend(coordinate(jwk, "y")?);
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
        key.map(Self::P256).map_err(|_| OidcError::KeysMalformed)
    }

    fn ed25519(jwk: &Object) -> Result<Self, OidcError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&coordinate(jwk, "x")?);
        let key = key.map_err(|_| OidcError::KeysMalformed)?;
        if key.is_weak() { Err(OidcError::KeysMalformed) } else { Ok(Self::Ed25519(key)) }
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { modulus } => {
                let key = RsaPublicKeyComponents { n: modulus.as_slice(), e: &RSA_EXPONENT };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Self::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&sha256(&[message]), &signature).is_ok()),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}
