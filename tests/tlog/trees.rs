//! The tree against a naive one and against somebody else's.

use countersign::tlog::{
    EMPTY_ROOT, Frontier, Hash, Hashes, MAX_PROOF, MAX_SIZE, MerkleError, TreeError, consistency, inclusion,
    leaf_hash, node_hash, root, verify_consistency, verify_inclusion,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use std::ops::Range;

/// The definition of RFC 6962 §2.1, word for word.
fn naive(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&naive(left), &naive(right))
        }
    }
}

/// Hashes as a store keeps them: one flat list for each level, appended to.
#[derive(Default)]
struct Kept(Vec<Vec<Hash>>);

#[derive(Debug, PartialEq)]
struct NotKept;

impl Hashes for Kept {
    type Error = NotKept;

    fn hashes(&self, level: u8, places: Range<u64>) -> Result<Vec<Hash>, NotKept> {
        assert!(places.end - places.start <= 256, "{places:?}");
        let kept = self.0.get(usize::from(level)).ok_or(NotKept)?;
        kept.get(places.start as usize..places.end as usize).map(<[Hash]>::to_vec).ok_or(NotKept)
    }
}

fn leaf(number: u64) -> Hash {
    leaf_hash(&number.to_be_bytes())
}

fn grown(size: u64) -> (Frontier, Kept) {
    let (mut tree, mut kept) = (Frontier::default(), Kept::default());
    for number in 0..size {
        tree.push_keeping(leaf(number), |level, hash| {
            let level = usize::from(level);
            if kept.0.len() == level {
                kept.0.push(Vec::new());
            }
            kept.0[level].push(hash);
        });
    }
    (tree, kept)
}

#[test]
fn what_a_store_keeps_is_the_roots_of_complete_tiles() {
    let (_, kept) = grown(70_000);
    let counts: Vec<usize> = kept.0.iter().map(Vec::len).collect();
    assert_eq!(counts, [70_000, 273, 1]);
    let leaves: Vec<Hash> = (0..70_000).map(leaf).collect();
    assert_eq!(kept.0[1][272], naive(&leaves[272 * 256..273 * 256]));
    assert_eq!(kept.0[2][0], naive(&leaves[..65_536]));
}

#[test]
fn a_frontier_and_its_proofs_come_out_of_kept_hashes_at_any_size() {
    let (_, kept) = grown(70_000);
    let leaves: Vec<Hash> = (0..70_000).map(leaf).collect();
    let mut tree = Frontier::default();
    for size in [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 69_999, 70_000] {
        while tree.size() < size {
            tree.push(leaf(tree.size()));
        }
        assert_eq!(Frontier::at(size, &kept).unwrap(), tree, "{size}");
        assert_eq!(root(size, &kept).unwrap(), naive(&leaves[..size as usize]));
    }
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_998, 69_999] {
        let proof = inclusion(index, 70_000, &kept).unwrap();
        assert_eq!(verify_inclusion(&leaf(index), index, 70_000, &proof, &tree.root()), Ok(()));
        assert_eq!(inclusion(index, 70_000, &leaves[..]).unwrap(), proof, "from the leaves alone");
    }
    for old in [1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 69_999] {
        let proof = consistency(old, 70_000, &kept).unwrap();
        let old_root = root(old, &kept).unwrap();
        assert_eq!(verify_consistency(old, &old_root, 70_000, &tree.root(), &proof), Ok(()));
    }
}

#[test]
fn what_cannot_be_is_an_error_and_never_a_panic() {
    let leaves: Vec<Hash> = (0..3).map(leaf).collect();
    let (_, kept) = grown(3);
    assert_eq!(root(4, &kept), Err(TreeError::Keeper(NotKept)));
    assert_eq!(root(4, &leaves[..]), Err(TreeError::Missing { level: 0, place: 0 }));
    assert_eq!(root(MAX_SIZE, &leaves[..]), Err(TreeError::Missing { level: 7, place: 0 }));
    assert_eq!(root(MAX_SIZE + 1, &leaves[..]), Err(TreeError::TooLarge));
    assert_eq!(inclusion(3, 3, &leaves[..]), Err(TreeError::Index));
    assert_eq!(inclusion(0, u64::MAX, &leaves[..]), Err(TreeError::TooLarge));
    assert_eq!(consistency(3, 2, &leaves[..]), Err(TreeError::Smaller));
    assert_eq!(consistency(0, 3, &leaves[..]), Ok(vec![]));
    let any = leaf(0);
    for (index, size, hashes, error) in [
        (0, 0, 0, MerkleError::Index),
        (3, 3, 0, MerkleError::Index),
        (0, u64::MAX, 64, MerkleError::TooLarge),
        (0, 1, 1, MerkleError::TooLong),
        (0, 2, 0, MerkleError::TooShort),
        (0, 2, 2, MerkleError::TooLong),
        (2, 3, 2, MerkleError::TooLong),
        (MAX_SIZE - 1, MAX_SIZE, 61, MerkleError::TooShort),
        (MAX_SIZE - 1, MAX_SIZE, 62, MerkleError::Root),
        (MAX_SIZE - 1, MAX_SIZE, 63, MerkleError::TooLong),
    ] {
        let verdict = verify_inclusion(&any, index, size, &vec![any; hashes], &any);
        assert_eq!(verdict, Err(error), "{index} of {size} with {hashes}");
    }
    for (old, new, hashes, error) in [
        (0, 0, 0, MerkleError::Empty),
        (0, 5, 0, MerkleError::Empty),
        (3, 2, 0, MerkleError::Smaller),
        (2, 2, 1, MerkleError::TooLong),
        (1, 2, 0, MerkleError::TooShort),
        (1, 2, 1, MerkleError::Root),
        (1, 2, 2, MerkleError::TooLong),
        (3, 4, 0, MerkleError::TooShort),
        (3, 4, 3, MerkleError::OldRoot),
        (1, u64::MAX, 64, MerkleError::TooLarge),
        (MAX_SIZE - 1, MAX_SIZE, MAX_PROOF, MerkleError::OldRoot),
        (MAX_SIZE - 1, MAX_SIZE, MAX_PROOF + 1, MerkleError::TooLong),
    ] {
        let verdict = verify_consistency(old, &any, new, &any, &vec![any; hashes]);
        assert_eq!(verdict, Err(error), "{old} to {new} with {hashes}");
    }
}

fn theirs(entries: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    for entry in entries {
        tree.push(entry.clone());
    }
    tree
}

fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(Hash::as_bytes).copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_proof_is_that_of_another_implementation(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..300),
        at in any::<prop::sample::Index>(),
        old in any::<prop::sample::Index>(),
    ) {
        let theirs = theirs(&entries);
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let size = leaves.len() as u64;
        let our_root = root(size, &leaves[..]).unwrap();
        prop_assert_eq!(our_root, naive(&leaves));
        prop_assert_eq!(our_root.as_bytes().to_vec(), theirs.root().as_bytes().to_vec());
        let index = at.index(entries.len());
        let proof = inclusion(index as u64, size, &leaves[..]).unwrap();
        prop_assert_eq!(bytes(&proof), theirs.prove_inclusion(index).as_bytes().to_vec());
        let old = old.index(entries.len()) + 1;
        let proof = consistency(old as u64, size, &leaves[..]).unwrap();
        if old < entries.len() {
            prop_assert_eq!(bytes(&proof), theirs.prove_consistency(entries.len() - old).as_bytes().to_vec());
        }
        let old_root = naive(&leaves[..old]);
        prop_assert_eq!(verify_consistency(old as u64, &old_root, size, &our_root, &proof), Ok(()));
    }

    #[test]
    fn a_proof_holds_for_its_leaf_at_its_place_and_for_nothing_else(
        size in 1_u64..600,
        index in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        changed in any::<prop::sample::Index>(),
    ) {
        let leaves: Vec<Hash> = (0..size).map(leaf).collect();
        let root = naive(&leaves);
        let (index, other) = (index.index(leaves.len()) as u64, other.index(leaves.len()) as u64);
        let proof = inclusion(index, size, &leaves[..]).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &root), Ok(()));
        if other != index {
            prop_assert!(verify_inclusion(&leaf(index), other, size, &proof, &root).is_err());
            prop_assert!(verify_inclusion(&leaf(other), index, size, &proof, &root).is_err());
        }
        if !proof.is_empty() {
            let mut wrong = proof.clone();
            let at = changed.index(wrong.len());
            wrong[at] = node_hash(&wrong[at], &root);
            prop_assert_eq!(verify_inclusion(&leaf(index), index, size, &wrong, &root), Err(MerkleError::Root));
            wrong.remove(at);
            prop_assert_eq!(verify_inclusion(&leaf(index), index, size, &wrong, &root), Err(MerkleError::TooShort));
        }
        let longer = [&proof[..], &[root]].concat();
        prop_assert_eq!(verify_inclusion(&leaf(index), index, size, &longer, &root), Err(MerkleError::TooLong));
    }

    #[test]
    fn a_log_that_changed_its_past_has_no_proof_of_it(
        size in 2_u64..600,
        old in any::<prop::sample::Index>(),
        changed in any::<prop::sample::Index>(),
    ) {
        let leaves: Vec<Hash> = (0..size).map(leaf).collect();
        let old = old.index(leaves.len() - 1) + 1;
        let old_root = naive(&leaves[..old]);
        let mut forked = leaves;
        let at = changed.index(old);
        forked[at] = leaf_hash(b"something else");
        let proof = consistency(old as u64, size, &forked[..]).unwrap();
        prop_assert!(proof.len() <= MAX_PROOF);
        prop_assert!(verify_consistency(old as u64, &old_root, size, &naive(&forked), &proof).is_err());
    }
}
