//! Any bytes as an SSH signature, key, private key, vote statement or piece of evidence: whatever is accepted is
//! written back byte for byte, and no signature that was not made is good.
#![no_main]

use countersign::escalation::evidence::{from_bytes, to_bytes};
use countersign::escalation::vote::Statement;
use countersign::presence::ssh::{PrivateKey, PublicKey, Signature, VOTE_NAMESPACE};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signature) = Signature::from_blob(bytes) {
        assert_eq!(signature.to_blob(), bytes, "a second encoding of a signature");
        assert_eq!(Signature::from_armored(&signature.to_armored()).as_ref(), Ok(&signature));
        let verdict = signature.verify(signature.public_key(), VOTE_NAMESPACE, b"nobody ever signed this");
        assert!(verdict.is_err(), "a forged signature is good");
    }
    if let Ok(key) = PublicKey::from_blob(bytes) {
        assert_eq!(key.blob(), bytes);
        assert_eq!(PublicKey::from_line(&key.to_line()), Ok(key));
    }
    if let Ok(statement) = Statement::from_bytes(bytes) {
        assert_eq!(statement.to_bytes(), bytes, "a second encoding of a statement");
    }
    if let Some(vote) = from_bytes(bytes) {
        assert_eq!(to_bytes(&vote), bytes, "a second encoding of evidence");
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Ok(signature) = Signature::from_armored(text) {
        assert_eq!(Signature::from_blob(&signature.to_blob()), Ok(signature));
    }
    if let Ok(key) = PublicKey::from_line(text) {
        assert!(text.starts_with(&key.to_line()), "a second line for a key");
    }
    if let Ok(key) = PrivateKey::from_openssh(text) {
        assert!(
            PrivateKey::from_openssh(&key.to_openssh(1))
                .is_ok_and(|again| again.public_key() == key.public_key())
        );
    }
});
