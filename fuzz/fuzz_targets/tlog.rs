//! Any bytes as a note, a checkpoint, a verifier key, a log policy, a proof, a tile's path or a bundle: whatever is
//! accepted is written back byte for byte, and nobody has signed it.
#![no_main]

use countersign::tlog::{
    AddCheckpoint, Checkpoint, LogPolicy, LogProof, Note, SignedCheckpoint, Tile, VerifierKey, leaf_hash,
    read_bundle, verify_consistency, verify_inclusion, write_bundle,
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static POLICY: LazyLock<LogPolicy> =
    LazyLock::new(|| LogPolicy::parse(&format!("log {KEY}\nquorum none\n")).unwrap());

fuzz_target!(|bytes: &[u8]| {
    let policy = &*POLICY;
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes, "a second form of a note");
        let specified = note.text() == "This is an example message.\n";
        assert!(note.check(policy.logs()).is_err() || specified, "a forged note is good");
    }
    if let Ok(checkpoint) = SignedCheckpoint::parse(bytes) {
        assert_eq!(checkpoint.to_string().as_bytes(), bytes);
        assert!(policy.check(&checkpoint).is_err(), "a forged checkpoint is good");
    }
    if let Ok(proof) = LogProof::parse(bytes) {
        assert_eq!(proof.to_string().as_bytes(), bytes, "a second form of a proof");
        assert!(proof.verify(b"entry", policy).is_err(), "a forged proof is good");
        let checkpoint = proof.checkpoint.checkpoint();
        let (size, root) = (checkpoint.size, checkpoint.root);
        let _ = verify_inclusion(&leaf_hash(b"entry"), proof.index, size, &proof.hashes, &root);
        let _ = verify_consistency(proof.index, &leaf_hash(b"entry"), size, &root, &proof.hashes);
    }
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes, "a second form of a request");
        assert!(request.judge(policy.logs(), None).is_err(), "a forged request is cosigned");
    }
    if let Some((width, rest)) = bytes.split_first() {
        let width = u16::from(*width) + 1;
        if let Ok(entries) = read_bundle(rest, width) {
            assert_eq!(write_bundle(&entries).as_deref(), Ok(rest), "a second form of a bundle");
        }
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert!(text.starts_with(&checkpoint.to_string()), "a second form of a checkpoint");
    }
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text, "a second form of a verifier key");
    }
    if let Some(tile) = Tile::parse(text) {
        assert_eq!(tile.to_string(), text, "a second path to a tile");
    }
    let _ = LogPolicy::parse(text);
});
