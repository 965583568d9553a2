//! Checks of the log's tree: it is the one over the leaves, whatever was done with the store.

use super::Place;
use super::history::History;
use super::model::Model;
use crate::store::{Index, Store};
use crate::tlog::{
    EMPTY_ROOT, Hash, consistency, inclusion, leaf_hash, node_hash, verify_consistency, verify_inclusion,
};

/// The root over these leaves (RFC 6962 §2.1, word for word).
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [one] => *one,
        more => {
            let (left, right) = more.split_at(1 << (more.len() - 1).ilog2());
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// Panics where the store's tree is not the one over these records.
pub fn compare_tree(store: &dyn Store, model: &Model) {
    let leaves: Vec<Hash> = (0..)
        .zip(&model.records)
        .map(|(index, record)| {
            let bytes = store.leaf(index).unwrap();
            assert_eq!(bytes, record.to_canonical().unwrap(), "the leaf of record {index}");
            leaf_hash(&bytes)
        })
        .collect();
    let head = store.head().unwrap();
    assert_eq!((head.size, head.root), (leaves.len() as Index, root_of(&leaves)), "the tree's head");
    for at in (0..leaves.len()).step_by(1 + leaves.len() / 20) {
        let (index, size) = (at as Index, at as Index + 1);
        let proof = inclusion(index, head.size, store).unwrap();
        assert_eq!(verify_inclusion(&leaves[at], index, head.size, &proof, &head.root), Ok(()));
        let (before, proof) = (root_of(&leaves[..=at]), consistency(size, head.size, store).unwrap());
        assert_eq!(verify_consistency(size, &before, head.size, &head.root, &proof), Ok(()));
    }
    let mut below = leaves;
    for level in 0..3 {
        let all = below.len();
        let last = all as u64;
        assert_eq!(store.hashes(level, 0..last).unwrap(), below, "level {level}");
        for at in (0..all).step_by(1 + all / 20) {
            let range = at as u64..last.min(at as u64 + 300);
            let expected = &below[at..all.min(at + 300)];
            assert_eq!(store.hashes(level, range).unwrap(), expected, "level {level} from {at}");
        }
        assert_eq!(store.hashes(level, last..last).unwrap(), []);
        assert!(store.hashes(level, last..last + 1).is_err(), "there are no more");
        below = below.chunks_exact(256).map(root_of).collect();
    }
}

pub(super) async fn the_tree_is_that_of_the_leaves(place: &mut dyn Place) {
    let (mut history, mut model) = (History::new(31), Model::default());
    for _ in 0..4 {
        let store = place.open().await;
        compare_tree(&*store, &model);
        for _ in 0..150 {
            let change = history.next_change();
            let places = store.commit(change.clone()).await.unwrap();
            model.records.extend(change.records);
            assert_eq!(store.head().unwrap().size, places.end, "what was acknowledged is under the root");
        }
        compare_tree(&*store, &model);
    }
}
