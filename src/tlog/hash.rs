//! A hash of the Merkle tree, and how leaves and nodes are hashed apart (RFC 6962 §2.1).

use super::text::{base64, from_base64};
use crate::digest::sha256;
use core::fmt;

/// The SHA-256 of a leaf, a node or a whole tree.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// The root of the tree without leaves: the SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

impl Hash {
    /// How many bytes a hash has.
    pub const BYTES: usize = 32;

    /// Wraps 32 bytes that are such a hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads the 44 characters of standard base64 that [`fmt::Display`] writes; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // So that no long text is decoded to be found too long.
        if text.len() == 44 { from_base64(text)?.try_into().ok().map(Self) } else { None }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

#[cfg(feature = "engine")]
impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "engine")]
impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a hash: 44 characters of base64"))
    }
}

/// The hash of an entry. The byte before it keeps a leaf from ever being taken for a node.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(sha256(&[&[0], entry]))
}

/// The hash of a node: of the tree of `left`'s leaves followed by `right`'s.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(sha256(&[&[1], &left.0, &right.0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_read_back_and_nothing_else_is() {
        assert_eq!(EMPTY_ROOT.0, sha256(&[]));
        let text = EMPTY_ROOT.to_string();
        assert_eq!(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(Hash::parse(&text), Some(EMPTY_ROOT));
        let unused_bits_set = text.replace("FU=", "FV=");
        let other_alphabet = text.replace('+', "-");
        for wrong in ["", "47DE", &format!("{text}\n"), &unused_bits_set, &other_alphabet] {
            assert_eq!(Hash::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_leaf_is_no_node() {
        let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
        let joined = [&left.0[..], &right.0[..]].concat();
        assert_ne!(leaf_hash(&joined), node_hash(&left, &right));
        assert_ne!(node_hash(&left, &right), node_hash(&right, &left));
    }
}
