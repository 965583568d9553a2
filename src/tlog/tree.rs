//! The tree itself: its frontier, which grows by a leaf at a time, and its roots and proofs from hashes that are kept.

use super::hash::{EMPTY_ROOT, Hash, node_hash};
use super::merkle::MAX_SIZE;
use core::fmt;
use core::ops::Range;

/// How many levels of the tree lie between two levels of kept hashes: a tile is 256 hashes wide.
const HEIGHT: u32 = 8;

/// Whoever keeps a log's hashes, in the shape of its tiles: at level 0 the hashes of the leaves, at level L the roots
/// of the complete subtrees of 256^L leaves, each level in order from the first.
pub trait Hashes {
    /// Why hashes could not be had.
    type Error;

    /// The hashes of a level that stand at these places: all of them, in order. At most 256 are asked for at once.
    ///
    /// # Errors
    /// What the keeper says.
    fn hashes(&self, level: u8, places: Range<u64>) -> Result<Vec<Hash>, Self::Error>;
}

/// The hashes of all leaves, for a tree that is small or at hand anyway: higher levels are computed.
impl Hashes for [Hash] {
    type Error = core::convert::Infallible;

    fn hashes(&self, level: u8, places: Range<u64>) -> Result<Vec<Hash>, Self::Error> {
        let width = 1_usize.checked_shl(u32::from(level) * HEIGHT).unwrap_or(usize::MAX);
        let (skipped, taken) = (places.start, places.end.saturating_sub(places.start));
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let whole = self.chunks_exact(width).skip(count(skipped)).take(count(taken));
        Ok(whole.map(|leaves| Frontier::of(leaves).root()).collect())
    }
}

/// Why there is no root or proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeError<E> {
    /// The keeper of the hashes has an error.
    Keeper(E),
    /// The keeper has not all the hashes that a tree of this size has.
    Missing {
        /// The level of the missing hash.
        level: u8,
        /// The first place at which hashes were asked for.
        place: u64,
    },
    /// The tree would be larger than [`MAX_SIZE`].
    TooLarge,
    /// The leaf's index is not below the tree's size.
    Index,
    /// The newer tree is smaller than the older one.
    Smaller,
}

impl<E: fmt::Display> fmt::Display for TreeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keeper(error) => error.fmt(f),
            Self::Missing { level, place } => {
                write!(f, "the tree's hashes of level {level} are not all there from place {place} on")
            }
            Self::TooLarge => f.write_str("the tree is larger than any tree can be"),
            Self::Index => f.write_str("the leaf's index is not below the size of the tree"),
            Self::Smaller => f.write_str("the newer tree is smaller than the older one"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for TreeError<E> {}

/// The right edge of a tree: the roots of the complete subtrees that it falls into, which is all that is needed to
/// append to it and to know its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One root for each bit that is set in the size, the largest subtree first.
    roots: Vec<Hash>,
}

impl Frontier {
    /// The frontier of a tree with these leaves.
    #[must_use]
    pub fn of(leaves: &[Hash]) -> Self {
        let mut frontier = Self::default();
        for leaf in leaves {
            frontier.push(*leaf);
        }
        frontier
    }

    /// The frontier of the tree of the first `size` leaves, from kept hashes.
    ///
    /// # Errors
    /// [`TreeError`] if the hashes are not all there.
    pub fn at<H: Hashes + ?Sized>(size: u64, hashes: &H) -> Result<Self, TreeError<H::Error>> {
        check_size(size)?;
        Ok(Self { size, roots: subtrees(&(0..size), hashes)? })
    }

    /// The frontier of a tree of this size with these [roots](Self::roots); `None` if there are not as many as such a
    /// tree has.
    #[must_use]
    pub fn from_roots(size: u64, roots: Vec<Hash>) -> Option<Self> {
        let fits = size <= MAX_SIZE && u32::try_from(roots.len()) == Ok(size.count_ones());
        fits.then_some(Self { size, roots })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees that it falls into, the largest first.
    #[must_use]
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_keeping(leaf, |_, _| ());
    }

    /// Appends a leaf by its hash, and hands out the hashes that this completes, to be kept: `keep(level, hash)` for
    /// each, from level 0 up. Each belongs at the end of what is kept of its level.
    pub fn push_keeping(&mut self, leaf: Hash, mut keep: impl FnMut(u8, Hash)) {
        keep(0, leaf);
        let mut hash = leaf;
        for height in 1..=self.size.trailing_ones() {
            // As many roots as bits, so for each trailing one there is a root to join.
            let Some(left) = self.roots.pop() else { break };
            hash = node_hash(&left, &hash);
            if height % HEIGHT == 0 {
                // Heights end at 64, levels at 8.
                keep(u8::try_from(height / HEIGHT).unwrap_or(u8::MAX), hash);
            }
        }
        self.roots.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(&self.roots)
    }
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// [`TreeError`] if the hashes are not all there.
pub fn root<H: Hashes + ?Sized>(size: u64, hashes: &H) -> Result<Hash, TreeError<H::Error>> {
    Frontier::at(size, hashes).map(|frontier| frontier.root())
}

/// The proof that the leaf at `index` is in the tree of the first `size` leaves: from its sibling up (RFC 6962
/// §2.1.1).
///
/// # Errors
/// [`TreeError`] if there is no such leaf or the hashes are not all there.
pub fn inclusion<H: Hashes + ?Sized>(
    index: u64,
    size: u64,
    hashes: &H,
) -> Result<Vec<Hash>, TreeError<H::Error>> {
    check_size(size)?;
    if index >= size {
        return Err(TreeError::Index);
    }
    let mut proof = Vec::new();
    let mut tree = 0..size;
    while tree.end - tree.start > 1 {
        let middle = split(&tree);
        let (left, right) = (tree.start..middle, middle..tree.end);
        let (path, beside) = if index < middle { (left, right) } else { (right, left) };
        proof.push(subtree(&beside, hashes)?);
        tree = path;
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `new` leaves begins with that of the first `old` (RFC 6962 §2.1.2). It is
/// empty for trees of one size, and for an empty older tree, where it shows nothing.
///
/// # Errors
/// [`TreeError`] if `new` is smaller than `old` or the hashes are not all there.
pub fn consistency<H: Hashes + ?Sized>(
    old: u64,
    new: u64,
    hashes: &H,
) -> Result<Vec<Hash>, TreeError<H::Error>> {
    check_size(new)?;
    if new < old {
        return Err(TreeError::Smaller);
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let mut tree = 0..new;
    while old < tree.end {
        let middle = split(&tree);
        let (left, right) = (tree.start..middle, middle..tree.end);
        let (path, beside) = if old <= middle { (left, right) } else { (right, left) };
        proof.push(subtree(&beside, hashes)?);
        tree = path;
    }
    // The older tree ends with this subtree; where it is that subtree, its root is known to who checks.
    if tree.start > 0 {
        proof.push(subtree(&tree, hashes)?);
    }
    proof.reverse();
    Ok(proof)
}

const fn check_size<E>(size: u64) -> Result<(), TreeError<E>> {
    if size > MAX_SIZE { Err(TreeError::TooLarge) } else { Ok(()) }
}

/// Where a tree of at least two leaves falls apart: after the largest power of two below its size.
const fn split(tree: &Range<u64>) -> u64 {
    tree.start + (1 << (tree.end - tree.start - 1).ilog2())
}

/// The root of the tree of these leaves. The range starts where one of its own or a larger subtree does.
fn subtree<H: Hashes + ?Sized>(leaves: &Range<u64>, hashes: &H) -> Result<Hash, TreeError<H::Error>> {
    Ok(join(&subtrees(leaves, hashes)?))
}

/// The roots of the complete subtrees that a range of leaves falls into, the largest first.
fn subtrees<H: Hashes + ?Sized>(leaves: &Range<u64>, hashes: &H) -> Result<Vec<Hash>, TreeError<H::Error>> {
    let mut roots = Vec::new();
    let mut start = leaves.start;
    while start < leaves.end {
        let height = (leaves.end - start).ilog2();
        roots.push(complete(start >> height, height, hashes)?);
        start += 1 << height;
    }
    Ok(roots)
}

/// The root of the complete subtree of 2^`height` leaves that is the `place`th of its kind.
fn complete<H: Hashes + ?Sized>(place: u64, height: u32, hashes: &H) -> Result<Hash, TreeError<H::Error>> {
    // Heights end at 62, levels at 7.
    let level = u8::try_from(height / HEIGHT).unwrap_or(u8::MAX);
    let above = height % HEIGHT;
    let kept = hashes.hashes(level, place << above..(place + 1) << above).map_err(TreeError::Keeper)?;
    if kept.len() != 1 << above {
        return Err(TreeError::Missing { level, place: place << above });
    }
    Ok(Frontier::of(&kept).root())
}

/// The root over complete subtrees, the largest first.
fn join(roots: &[Hash]) -> Hash {
    let mut smallest_first = roots.iter().rev();
    let Some(last) = smallest_first.next() else { return EMPTY_ROOT };
    smallest_first.fold(*last, |right, left| node_hash(left, &right))
}
