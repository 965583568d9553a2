//! Keys from names, and what logs and witnesses would sign with them.

use countersign::digest::sha256;
use countersign::moment::Moment;
use countersign::tlog::{
    Checkpoint, CosignatureTime, Frontier, KeyName, NoteSignature, SignatureKind, SignedCheckpoint,
    VerifierKey, cosignature_line, cosigned_message, leaf_hash,
};
use countersign::token::{Algorithm, PublicKey};
use ed25519_dalek::{Signer as _, SigningKey};

pub const NOW: u64 = 1_795_258_921;

/// A key that anybody can make again from its name.
pub struct Key {
    signing: SigningKey,
    pub verifier: VerifierKey,
}

impl Key {
    pub fn log(name: &str) -> Self {
        Self::new(name, SignatureKind::Ed25519)
    }

    pub fn witness(name: &str) -> Self {
        Self::new(name, SignatureKind::Cosignature)
    }

    fn new(name: &str, kind: SignatureKind) -> Self {
        let signing = SigningKey::from_bytes(&sha256(&[b"countersign test key: ", name.as_bytes()]));
        let public = PublicKey::from_bytes(signing.verifying_key().as_bytes(), Algorithm::default()).unwrap();
        Self { signing, verifier: VerifierKey::new(KeyName::new(name).unwrap(), kind, public) }
    }

    pub fn sign(&self, text: &str) -> NoteSignature {
        NoteSignature::new(&self.verifier, &self.signing.sign(text.as_bytes()).to_bytes())
    }

    pub fn cosign(&self, text: &str, seconds: u64) -> NoteSignature {
        let at = CosignatureTime::new(Moment::from_unix_seconds(seconds)).unwrap();
        let signature = self.signing.sign(&cosigned_message(text, at)).to_bytes();
        cosignature_line(&self.verifier, at, &signature)
    }

    pub fn checkpoint(&self, entries: &[&[u8]]) -> SignedCheckpoint {
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let tree = Frontier::of(&leaves);
        let checkpoint =
            Checkpoint { origin: self.verifier.name().clone(), size: tree.size(), root: tree.root() };
        let signature = self.sign(&checkpoint.to_string());
        SignedCheckpoint::new(checkpoint, signature).unwrap()
    }
}
