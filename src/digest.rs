//! SHA-256 digests, one type for each thing that is digested, and the strict base64url that names them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::fmt;
use sha2::{Digest as _, Sha256};

/// Unpadded base64url of any bytes (RFC 4648 §5).
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads unpadded base64url strictly: no padding, no other alphabet, unused bits zero.
#[must_use]
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The SHA-256 of `parts`, one after the other.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Defines a digest type whose text is 43 characters of base64url and whose comparison takes constant time.
macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 bytes that are such a digest.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads the 43 characters that [`fmt::Display`] writes; anything else is `None`.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                from_base64url(text)?.try_into().ok().map(Self)
            }
        }

        impl core::hash::Hash for $name {
            fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                subtle::ConstantTimeEq::ct_eq(&self.0[..], &other.0[..]).into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64url(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        #[cfg(feature = "engine")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(feature = "engine")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a digest: 43 characters of base64url"))
            }
        }
    };
}

digest! {
    /// The digest of an operation (TOKEN §5): what the token binds and the reviewer approved.
    OperationDigest
}
digest! {
    /// The SHA-256 of the exact bytes of a raw payload (TOKEN §5, raw mode).
    PayloadDigest
}
digest! {
    /// The digest of a value that is kept apart from the log: SHA-256 of a random salt and the value.
    ValueDigest
}
digest! {
    /// The SHA-256 of a join token, with which one sidecar enrols.
    InvitationDigest
}
digest! {
    /// The digest of the rendering that a reviewer was shown (DESIGN §5.3).
    RenderingDigest
}
digest! {
    /// The digest of a policy, whole, as it was loaded.
    PolicyDigest
}
digest! {
    /// The digest of a roster, whole, as it was loaded.
    RosterDigest
}
digest! {
    /// The SHA-256 of a vote's canonical statement.
    VoteDigest
}
digest! {
    /// The digest of a set of target names, see `condition::target_digest`.
    TargetSetDigest
}
digest! {
    /// The RFC 7638 SHA-256 thumbprint of an Ed25519 key: a token's `kid`.
    KeyId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_read_back_and_nothing_else_is() {
        let digest = OperationDigest::from_bytes(sha256(&[b"a", b"b"]));
        assert_eq!(digest, OperationDigest::from_bytes(sha256(&[b"ab"])));
        let text = digest.to_string();
        assert_eq!(text.len(), 43);
        assert_eq!(OperationDigest::parse(&text), Some(digest));
        let mut shorter = text.clone();
        shorter.pop();
        let unused_bits_set = format!("{shorter}_");
        for wrong in ["", &shorter, &unused_bits_set, &format!("{text}="), &format!("{text}A")] {
            assert_eq!(OperationDigest::parse(wrong), None, "{wrong}");
        }
    }
}
