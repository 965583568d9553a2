//! The right edge of the log's tree: of each level the hashes whose tile is not full yet, which is all that the next
//! leaf and the root need.

use crate::store::Index;
use crate::tlog::{EMPTY_ROOT, Hash, node_hash};

/// How many hashes make a tile, and one hash of the level above.
pub(super) const WIDTH: usize = 256;
/// More levels than this no tree of 2⁶⁴ leaves has.
pub(super) const LEVELS: usize = 8;

/// The right edge of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edge {
    size: Index,
    /// Fewer than [`WIDTH`] hashes each, from the leaves up; the last is not empty.
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// An edge that was kept; `None` where these can't be one.
    pub(super) fn of(levels: Vec<Vec<Hash>>) -> Option<Self> {
        let sound = levels.len() <= LEVELS
            && levels.iter().all(|tile| tile.len() < WIDTH)
            && levels.last().is_none_or(|tile| !tile.is_empty());
        let size = levels
            .iter()
            .rev()
            .try_fold(0_u64, |above, tile| above.checked_mul(WIDTH as u64)?.checked_add(tile.len() as u64));
        Some(Self { size: size.filter(|_| sound)?, levels })
    }

    /// How many leaves the tree has.
    pub(super) const fn size(&self) -> Index {
        self.size
    }

    pub(super) fn levels(&self) -> &[Vec<Hash>] {
        &self.levels
    }

    /// The hashes of a level whose tile is not full.
    pub(super) fn tile(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// How many hashes a level has in all.
    pub(super) fn count(&self, level: usize) -> u64 {
        count(self.size, level)
    }

    /// Adds a leaf, and shows each hash that comes to be with it, with its level.
    pub(super) fn push(&mut self, leaf: Hash, mut came: impl FnMut(usize, Hash)) {
        self.size += 1;
        let mut rising = Some(leaf);
        let mut level = 0;
        while let Some(hash) = rising.take() {
            came(level, hash);
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            if let Some(tile) = self.levels.get_mut(level) {
                tile.push(hash);
                if tile.len() == WIDTH {
                    rising = joined(tile, None);
                    tile.clear();
                }
            }
            level += 1;
        }
    }

    /// The root of the tree (RFC 6962 §2.1).
    pub(super) fn root(&self) -> Hash {
        let root = self.levels.iter().fold(None, |right, tile| joined(tile, right));
        root.unwrap_or(EMPTY_ROOT)
    }
}

/// How many hashes a level has over so many leaves.
pub(super) fn count(leaves: Index, level: usize) -> u64 {
    u32::try_from(level * 8).ok().and_then(|bits| leaves.checked_shr(bits)).unwrap_or(0)
}

/// The root over neighbouring complete trees of one height, and the smaller tree that follows them, if one does.
pub(super) fn joined(trees: &[Hash], right: Option<Hash>) -> Option<Hash> {
    let mut rest = trees;
    let mut root = right;
    while !rest.is_empty() {
        // Left of everything smaller stands the next complete tree: as wide as the lowest bit of how many there are.
        let (more, last) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
        let last = complete(last);
        root = Some(root.map_or(last, |right| node_hash(&last, &right)));
        rest = more;
    }
    root
}

/// The root over as many trees of one height as a power of two says.
fn complete(trees: &[Hash]) -> Hash {
    match trees {
        [] => EMPTY_ROOT,
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            node_hash(&complete(left), &complete(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::leaf_hash;

    /// RFC 6962 §2.1, word for word.
    fn root_of(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => EMPTY_ROOT,
            [one] => *one,
            more => {
                let left = (more.len() - 1).ilog2();
                let (left, right) = more.split_at(1 << left);
                node_hash(&root_of(left), &root_of(right))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_all_leaves_and_full_tiles_rise() {
        let leaves: Vec<Hash> = (0..70_000_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut edge = Edge::default();
        let mut levels = vec![Vec::new(); 3];
        assert_eq!(edge.root(), EMPTY_ROOT);
        for (place, leaf) in leaves.iter().enumerate() {
            edge.push(*leaf, |level, hash| levels[level].push(hash));
            let size = place + 1;
            if size < 600 || size % 6151 == 0 || (65_530..65_540).contains(&size) {
                assert_eq!(edge.root(), root_of(&leaves[..size]), "{size}");
                assert_eq!(Edge::of(edge.levels.clone()), Some(edge.clone()));
                assert_eq!(
                    (edge.size(), edge.count(0), edge.count(1)),
                    (size as u64, size as u64, size as u64 / 256)
                );
            }
        }
        assert_eq!(levels[0], leaves);
        assert_eq!((levels[1].len(), levels[2].len()), (70_000 / 256, 1));
        for (place, hash) in levels[1].iter().enumerate() {
            assert_eq!(*hash, root_of(&leaves[place * 256..][..256]));
        }
        assert_eq!(levels[2][0], root_of(&leaves[..65_536]));
    }

    #[test]
    fn what_can_be_no_edge_is_none() {
        let hash = leaf_hash(b"");
        assert_eq!(Edge::of(Vec::new()), Some(Edge::default()));
        assert_eq!(Edge::of(vec![vec![hash], vec![]]), None);
        assert_eq!(Edge::of(vec![vec![hash; 256]]), None);
        assert_eq!(Edge::of(vec![vec![hash]; 9]), None);
        assert_eq!(Edge::of(vec![vec![], vec![hash]]).map(|edge| edge.size()), Some(256));
        assert_eq!(Edge::of(vec![vec![hash; 255]; 8]).map(|edge| edge.size()), Some(u64::MAX));
    }
}
