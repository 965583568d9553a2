//! Transparency logs: the Merkle tree of a log, its tiles, signed notes and checkpoints, witnesses' cosignatures, and
//! the policies and proofs by which somebody who trusts neither log nor server checks that an entry is in it.
//!
//! The tree is that of RFC 6962; the texts and paths are those that other people's tools read: the C2SP
//! specifications `tlog-tiles`, `signed-note`, `tlog-checkpoint`, `tlog-cosignature`, `tlog-policy` and `tlog-proof`.
//! Nothing here stores, signs or reads a clock: hashes come from whoever keeps them ([`Hashes`]), and what is to be
//! signed comes out as bytes.
//!
//! ```
//! use countersign::tlog::{self, Frontier, leaf_hash};
//!
//! let mut tree = Frontier::default();
//! let leaves = [leaf_hash(b"first"), leaf_hash(b"second"), leaf_hash(b"third")];
//! for leaf in leaves {
//!     tree.push(leaf);
//! }
//! // The hashes of the leaves alone are a store of a tree this small.
//! let proof = tlog::inclusion(1, 3, &leaves[..])?;
//! tlog::verify_inclusion(&leaf_hash(b"second"), 1, 3, &proof, &tree.root())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod cosignature;
mod hash;
mod merkle;
mod note;
mod policy;
mod proof;
mod text;
mod tile;
mod tree;
mod verifier_key;
mod witness;

pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use cosignature::{CosignatureTime, cosignature_line, cosigned_message};
pub use hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
pub use merkle::{MAX_PROOF, MAX_SIZE, MerkleError, verify_consistency, verify_inclusion};
pub use note::{MAX_NOTE, MAX_SIGNATURES, Note, NoteError, NoteSignature, Signed};
pub use policy::{
    Accepted, LogPolicy, MAX_POLICY, MAX_POLICY_NAMES, PolicyError, PolicyFault, PolicyRefusal,
};
pub use proof::{LogProof, LogProofError, LogProofRefusal, MAX_EXTRA};
pub use tile::{
    BundleError, MAX_ENTRY, TILE_WIDTH, Tile, TileKind, read_bundle, read_tile, write_bundle, write_tile,
};
pub use tree::{Frontier, Hashes, TreeError, consistency, inclusion, root};
pub use verifier_key::{
    KeyName, MAX_KEY_NAME, NotAKeyName, NoteKeyId, SignatureKind, VerifierKey, VerifierKeyError,
};
pub use witness::{AddCheckpoint, MAX_ADD_CHECKPOINT, WitnessRefusal, cosignature_in};
