//! Checking the two proofs of a Merkle tree: that a leaf is in it, and that one tree only grew into another.

use super::hash::{Hash, node_hash};
use core::fmt;

/// The largest tree: no consistency proof of one has more than [`MAX_PROOF`] hashes.
pub const MAX_SIZE: u64 = 1 << 62;
/// The most hashes of any proof, which is also the most that a witness takes.
pub const MAX_PROOF: usize = 63;

/// Why a proof shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MerkleError {
    /// The tree is larger than [`MAX_SIZE`].
    TooLarge,
    /// The leaf's index is not below the tree's size.
    Index,
    /// The older tree is empty, which is part of every other, so that there is nothing to prove.
    Empty,
    /// The newer tree is smaller than the older one.
    Smaller,
    /// The proof has fewer hashes than trees of these sizes need.
    TooShort,
    /// The proof has more hashes than trees of these sizes need.
    TooLong,
    /// The proof does not lead to the root of the older tree.
    OldRoot,
    /// The proof does not lead to the root, of the newer tree where there are two.
    Root,
}

impl fmt::Display for MerkleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the tree is larger than any tree can be",
            Self::Index => "the leaf's index is not below the size of the tree",
            Self::Empty => "nothing can be proved from an empty tree",
            Self::Smaller => "the newer tree is smaller than the older one",
            Self::TooShort => "the proof has too few hashes for trees of this size",
            Self::TooLong => "the proof has too many hashes for trees of this size",
            Self::OldRoot => "the proof does not lead to the older tree's root",
            Self::Root => "the proof does not lead to the tree's root",
        })
    }
}

impl std::error::Error for MerkleError {}

/// Checks that a tree of this size and root has this leaf at this index (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`MerkleError`]: what does not hold.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), MerkleError> {
    if size > MAX_SIZE {
        return Err(MerkleError::TooLarge);
    }
    if index >= size {
        return Err(MerkleError::Index);
    }
    // The leaf's place and the last leaf's, level by level up to the root.
    let (mut place, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(MerkleError::TooLong);
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            // A last node without a sibling rises by itself until it is a right child; it is not 0, as `last` is not.
            let levels = place.trailing_zeros();
            (place, last) = (place >> levels, last >> levels);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last != 0 {
        return Err(MerkleError::TooShort);
    }
    if hash == *root { Ok(()) } else { Err(MerkleError::Root) }
}

/// Checks that the tree of `new_size` and `new_root` begins with that of `old_size` and `old_root`
/// (RFC 9162 §2.1.4.2). Trees of one size need the empty proof and the same root.
///
/// # Errors
/// [`MerkleError`]: what does not hold. An empty older tree is an error: whoever accepts one has checked nothing, and
/// must say so in other ways.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), MerkleError> {
    if new_size > MAX_SIZE {
        return Err(MerkleError::TooLarge);
    }
    if old_size == 0 {
        return Err(MerkleError::Empty);
    }
    if new_size < old_size {
        return Err(MerkleError::Smaller);
    }
    if new_size == old_size {
        return match proof {
            [] if old_root == new_root => Ok(()),
            [] => Err(MerkleError::Root),
            _ => Err(MerkleError::TooLong),
        };
    }
    // The older tree's last leaf, raised to the root of the last subtree that is complete in the older tree.
    let levels = old_size.trailing_zeros();
    let (mut place, mut last) = ((old_size - 1) >> levels, (new_size - 1) >> levels);
    let mut rest = proof.iter();
    // Where that subtree is the older tree itself, its root is known and left out of the proof.
    let seed = if place == 0 { old_root } else { rest.next().ok_or(MerkleError::TooShort)? };
    let (mut old, mut new) = (*seed, *seed);
    for sibling in rest {
        if last == 0 {
            return Err(MerkleError::TooLong);
        }
        if place & 1 == 1 || place == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            let levels = place.trailing_zeros();
            (place, last) = (place >> levels, last >> levels);
        } else {
            new = node_hash(&new, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    if last != 0 {
        return Err(MerkleError::TooShort);
    }
    if old != *old_root {
        return Err(MerkleError::OldRoot);
    }
    if new == *new_root { Ok(()) } else { Err(MerkleError::Root) }
}
