//! A reviewer's SSH public key: parsed from its line, checked to be a real key, and named by its fingerprint.

use super::super::point::{Point, PointFault};
use super::error::SshError;
use super::wire::{Reader, put_string};
use crate::digest::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use core::fmt;
use core::hash::{Hash, Hasher};

/// The longest public key line in bytes, comment included.
pub const MAX_KEY_LINE: usize = 1024;

/// The four accepted key types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `ssh-ed25519`: a key in a file or an agent.
    Ed25519,
    /// `sk-ssh-ed25519@openssh.com`: a key in a FIDO security key.
    SkEd25519,
    /// `ecdsa-sha2-nistp256`: a key in a file, an agent or a smart card.
    EcdsaP256,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: a key in a FIDO security key.
    SkEcdsaP256,
}

impl KeyType {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Ed25519, Self::SkEd25519, Self::EcdsaP256, Self::SkEcdsaP256];

    /// The name that OpenSSH uses for the type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether the key lives in a FIDO security key, which signs only when it is touched.
    #[must_use]
    pub const fn is_security_key(self) -> bool {
        match self {
            Self::SkEd25519 | Self::SkEcdsaP256 => true,
            Self::Ed25519 | Self::EcdsaP256 => false,
        }
    }
}

/// A public key that was found to be a real, full-order point of its curve.
///
/// Two keys are equal when their blobs are; the comment on the line is no part of the key.
#[derive(Clone)]
pub struct PublicKey {
    kind: KeyType,
    point: Point,
    application: Option<Box<str>>,
    blob: Box<[u8]>,
}

impl PublicKey {
    /// Reads a line of `id_….pub`: `type base64` or `type base64 comment`, with at most one newline at its end.
    ///
    /// Options before the type, as `authorized_keys` has them, are refused.
    ///
    /// # Errors
    /// The `Key…` facts of [`SshError`].
    pub fn from_line(line: &str) -> Result<Self, SshError> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        if line.len() > MAX_KEY_LINE || line.chars().any(char::is_control) {
            return Err(SshError::KeyLine);
        }
        let mut parts = line.splitn(3, ' ');
        let (Some(name), Some(encoded)) = (parts.next(), parts.next()) else {
            return Err(SshError::KeyLine);
        };
        if name.is_empty() || encoded.is_empty() {
            return Err(SshError::KeyLine);
        }
        let kind = KeyType::parse(name).ok_or(SshError::KeyType)?;
        let blob = STANDARD.decode(encoded).map_err(|_| SshError::KeyBase64)?;
        let key = Self::from_blob(&blob)?;
        if key.kind == kind { Ok(key) } else { Err(SshError::KeyTypeMismatch) }
    }

    /// Reads the wire form of a key, which must end where the key ends.
    ///
    /// # Errors
    /// The `Key…` facts of [`SshError`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, SshError> {
        let mut reader = Reader::new(blob);
        let name = reader.string().ok_or(SshError::KeyMalformed)?;
        let name = core::str::from_utf8(name).map_err(|_| SshError::KeyType)?;
        let kind = KeyType::parse(name).ok_or(SshError::KeyType)?;
        let point = match kind {
            KeyType::Ed25519 | KeyType::SkEd25519 => point(reader.string(), Point::ed25519)?,
            KeyType::EcdsaP256 | KeyType::SkEcdsaP256 => {
                if reader.string() != Some(b"nistp256") {
                    return Err(SshError::KeyMalformed);
                }
                point(reader.string(), Point::p256)?
            }
        };
        let application = if kind.is_security_key() {
            let text = reader.string().and_then(|bytes| core::str::from_utf8(bytes).ok());
            let text = text.ok_or(SshError::KeyMalformed)?;
            if !text.starts_with("ssh:") || text.chars().any(char::is_control) {
                return Err(SshError::KeyApplication);
            }
            Some(text.into())
        } else {
            None
        };
        if !reader.is_empty() {
            return Err(SshError::KeyMalformed);
        }
        Ok(Self { kind, point, application, blob: blob.into() })
    }

    /// The key of an Ed25519 private key, which is of full order by how it is made.
    pub(super) fn from_ed25519(key: ed25519_dalek::VerifyingKey) -> Self {
        let mut blob = Vec::with_capacity(51);
        put_string(&mut blob, KeyType::Ed25519.as_str().as_bytes());
        put_string(&mut blob, key.as_bytes());
        Self { kind: KeyType::Ed25519, point: Point::Ed25519(key), application: None, blob: blob.into() }
    }

    /// Its type.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.kind
    }

    /// The application a security key was enrolled for, `ssh:` or `ssh:…`; nothing for other keys.
    #[must_use]
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// The wire form.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The bytes of its point, by which a key is recognised in whatever form it comes.
    #[must_use]
    pub fn point_bytes(&self) -> Vec<u8> {
        self.point.to_bytes()
    }

    /// `SHA256:…` as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(sha256(&[&self.blob])))
    }

    /// The line without a comment: `type base64`.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("{} {}", self.kind.as_str(), STANDARD.encode(&self.blob))
    }

    pub(super) const fn point(&self) -> &Point {
        &self.point
    }
}

fn point(
    bytes: Option<&[u8]>,
    read: impl FnOnce(&[u8]) -> Result<Point, PointFault>,
) -> Result<Point, SshError> {
    read(bytes.ok_or(SshError::KeyMalformed)?).map_err(|fault| match fault {
        PointFault::Encoding => SshError::KeyMalformed,
        PointFault::NotOnCurve => SshError::KeyPoint,
        PointFault::Weak => SshError::KeyWeak,
    })
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.blob.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.kind.as_str(), self.fingerprint())
    }
}

/// As [`PublicKey::to_line`].
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_line())
    }
}

#[cfg(feature = "engine")]
impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "engine")]
impl<'de> serde::Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_line(&line).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_that_is_none_is_named() {
        let mut weak = [0; 32];
        weak[0] = 1;
        // No x goes with y = 2.
        let mut off_curve = [0; 32];
        off_curve[0] = 2;
        for (point, expected) in [
            (&weak[..], SshError::KeyWeak),
            (&off_curve[..], SshError::KeyPoint),
            (&weak[..31], SshError::KeyMalformed),
        ] {
            let mut blob = Vec::new();
            put_string(&mut blob, b"ssh-ed25519");
            put_string(&mut blob, point);
            assert_eq!(PublicKey::from_blob(&blob), Err(expected));
        }
    }
}
