//! A passkey as a roster or an executor pins it: its credential id and its public key.

use super::super::point::{Point, PointFault, scalar, verify_ed25519, verify_p256};
use super::error::PasskeyError;
use crate::digest::{base64url, from_base64url};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;
use core::hash::{Hash, Hasher};

/// The shortest credential id in bytes (WebAuthn, "credential ID").
pub const MIN_CREDENTIAL_ID: usize = 16;
/// The longest credential id in bytes.
pub const MAX_CREDENTIAL_ID: usize = 1023;

/// What stands before the 65 bytes of an uncompressed P-256 point: `id-ecPublicKey`, `secp256r1` (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// What stands before the 32 bytes of an Ed25519 key: `id-Ed25519` (RFC 8410).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The name under which an authenticator knows a passkey; it is no secret and proves nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(Box<[u8]>);

impl CredentialId {
    /// Takes the bytes that a browser calls `rawId`.
    ///
    /// # Errors
    /// [`PasskeyError::CredentialId`] unless there are 16 to 1023 of them.
    pub fn new(bytes: &[u8]) -> Result<Self, PasskeyError> {
        let fits = (MIN_CREDENTIAL_ID..=MAX_CREDENTIAL_ID).contains(&bytes.len());
        if fits { Ok(Self(bytes.into())) } else { Err(PasskeyError::CredentialId) }
    }

    /// Reads the text that a browser calls `id`: unpadded base64url.
    ///
    /// # Errors
    /// [`PasskeyError::CredentialId`].
    pub fn parse(text: &str) -> Result<Self, PasskeyError> {
        Self::new(&from_base64url(text).ok_or(PasskeyError::CredentialId)?)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// As [`CredentialId::parse`] reads it.
impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.0))
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialId({self})")
    }
}

#[cfg(feature = "engine")]
impl serde::Serialize for CredentialId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "engine")]
impl<'de> serde::Deserialize<'de> for CredentialId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A passkey's public key, found to be a real, full-order point of its curve.
#[derive(Clone)]
pub struct CredentialKey {
    point: Point,
    spki: Box<[u8]>,
}

impl CredentialKey {
    /// Reads the text of a key: SPKI as base64url without padding (`publicKey` of a browser's `toJSON()`), or as
    /// base64 with padding (the lines of a PEM file as one).
    ///
    /// # Errors
    /// The `Key…` facts of [`PasskeyError`].
    pub fn parse(text: &str) -> Result<Self, PasskeyError> {
        // Longer than either form of either key.
        if text.len() > 128 {
            return Err(PasskeyError::KeyType);
        }
        let bytes = from_base64url(text).or_else(|| STANDARD.decode(text).ok());
        Self::from_spki(&bytes.ok_or(PasskeyError::KeyBase64)?)
    }

    /// Reads the bytes that a browser's `getPublicKey()` gives.
    ///
    /// DER has one form, and of it only the point varies: everything before the point is compared whole.
    ///
    /// # Errors
    /// [`PasskeyError::KeyType`], [`PasskeyError::KeyPoint`] or [`PasskeyError::KeyWeak`].
    pub fn from_spki(der: &[u8]) -> Result<Self, PasskeyError> {
        let point = match (der.strip_prefix(&P256_PREFIX), der.strip_prefix(&ED25519_PREFIX)) {
            (Some(point), _) => Point::p256(point),
            (_, Some(point)) => Point::ed25519(point),
            (None, None) => return Err(PasskeyError::KeyType),
        };
        let point = point.map_err(|fault| match fault {
            PointFault::Encoding => PasskeyError::KeyType,
            PointFault::NotOnCurve => PasskeyError::KeyPoint,
            PointFault::Weak => PasskeyError::KeyWeak,
        })?;
        Ok(Self { point, spki: der.into() })
    }

    /// The SPKI form.
    #[must_use]
    pub fn to_spki(&self) -> &[u8] {
        &self.spki
    }

    /// The bytes of its point, by which a key is recognised in whatever form it comes.
    #[must_use]
    pub fn point_bytes(&self) -> Vec<u8> {
        self.point.to_bytes()
    }

    /// Checks a signature in the form that WebAuthn gives it (§6.5.5): ASN.1 for ES256, 64 bytes for EdDSA.
    ///
    /// WebAuthn asks no authenticator for the smaller of the two values of `s` that ES256 knows, so both are taken.
    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), PasskeyError> {
        let good = match &self.point {
            Point::P256(key) => {
                let signature = es256(signature).ok_or(PasskeyError::SignatureForm)?;
                verify_p256(key, signed, &signature)
            }
            Point::Ed25519(key) => {
                let bytes = signature.try_into().map_err(|_| PasskeyError::SignatureForm)?;
                verify_ed25519(key, signed, bytes)
            }
        };
        if good { Ok(()) } else { Err(PasskeyError::SignatureInvalid) }
    }
}

/// `SEQUENCE { r INTEGER, s INTEGER }` in DER, and nothing behind it. No length here needs a second byte.
fn es256(der: &[u8]) -> Option<p256::ecdsa::Signature> {
    let [0x30, length, body @ ..] = der else { return None };
    let (r, rest) = integer(body)?;
    let (s, rest) = integer(rest)?;
    if usize::from(*length) != body.len() || !rest.is_empty() {
        return None;
    }
    p256::ecdsa::Signature::from_scalars(r, s).ok()
}

fn integer(der: &[u8]) -> Option<([u8; 32], &[u8])> {
    let [0x02, length, rest @ ..] = der else { return None };
    let (written, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((scalar(written)?, rest))
}

impl PartialEq for CredentialKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for CredentialKey {}

impl Hash for CredentialKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spki.hash(state);
    }
}

/// SPKI as base64url.
impl fmt::Display for CredentialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.spki))
    }
}

impl fmt::Debug for CredentialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialKey({self})")
    }
}

/// A passkey of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// By which name the authenticator knows it.
    pub id: CredentialId,
    /// The key under which its assertions are checked.
    pub key: CredentialKey,
    /// What its owner calls it.
    pub name: Option<Box<str>>,
}
