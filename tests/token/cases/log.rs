//! Step 20, the log: that the mint is in it, and that others have seen it there.

use super::{case, minted};
use crate::kit::{self, Key};
use crate::vectors::Case;
use countersign::operation::json::{Object, Value};
use countersign::tlog::{
    Checkpoint, CosignatureTime, Frontier, KeyName, LogProof, NoteSignature, SignatureKind, SignedCheckpoint,
    VerifierKey, cosignature_line, cosigned_message, inclusion, leaf_hash,
};
use countersign::token::Draft;

const ORIGIN: &str = "acme.example/sidecar/7";

struct NoteKey {
    key: Key,
    verifier: VerifierKey,
}

fn note_key(name: &str, kind: SignatureKind) -> NoteKey {
    let key = Key::named(name);
    let verifier = VerifierKey::new(KeyName::new(name).unwrap(), kind, key.public.clone());
    NoteKey { key, verifier }
}

fn log() -> NoteKey {
    note_key(ORIGIN, SignatureKind::Ed25519)
}

fn witness(name: &str) -> NoteKey {
    note_key(name, SignatureKind::Cosignature)
}

fn policy() -> String {
    let [w1, w2, w3] = ["w1.example", "w2.example", "w3.example"].map(|name| witness(name).verifier);
    format!(
        "log {}\nwitness w1 {w1}\nwitness w2 {w2}\nwitness w3 {w3}\ngroup two 2 w1 w2 w3\nquorum two\n",
        log().verifier
    )
}

/// The entry that records the mint of the good token, as the library's log writes it.
fn entry() -> Object {
    let draft = Draft::new(&kit::grant(), &kit::executor()).unwrap();
    let claims = String::from_utf8(draft.claims_without_log()).unwrap();
    Object::new()
        .with("at", (kit::ISSUED) * 1000)
        .with("claims", claims)
        .with("jti", kit::grant().jti.to_string())
        .with("kid", kit::sidecar().public.id().to_string())
        .with("kind", "minted")
        .with("txn", kit::grant().txn.to_string())
        .with("v", 1_u64)
}

fn checkpoint(log: &NoteKey, origin: &str, entries: &[Vec<u8>], by: &[&str]) -> SignedCheckpoint {
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let tree = Frontier::of(&leaves);
    let origin = KeyName::new(origin).unwrap();
    let checkpoint = Checkpoint { origin, size: tree.size(), root: tree.root() };
    let text = checkpoint.to_string();
    let line = NoteSignature::new(&log.verifier, &log.key.sign_bytes(text.as_bytes()));
    let mut signed = SignedCheckpoint::new(checkpoint, line).unwrap();
    for name in by {
        let (witness, at) = (witness(name), CosignatureTime::new(kit::at(kit::NOW - 5)).unwrap());
        let signature = witness.key.sign_bytes(&cosigned_message(&text, at));
        signed.cosign(cosignature_line(&witness.verifier, at, &signature)).unwrap();
    }
    signed
}

fn entries(entry: &Object) -> Vec<Vec<u8>> {
    let index = usize::try_from(kit::leaf().index).unwrap();
    let mut entries: Vec<Vec<u8>> = (0..60).map(|n| format!("entry {n}").into_bytes()).collect();
    entries[index] = Value::from(entry.clone()).to_canonical();
    entries
}

/// The proof that this entry stands at the token's place, with a checkpoint that these witnesses cosigned.
fn proof_of(entry: &Object, by: &[&str]) -> LogProof {
    let entries = entries(entry);
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let index = kit::leaf().index;
    LogProof {
        extra: Some(Value::from(entry.clone()).to_canonical()),
        index,
        hashes: inclusion(index, 60, &leaves[..]).unwrap(),
        checkpoint: checkpoint(&log(), ORIGIN, &entries, by),
    }
}

const TWO: [&str; 2] = ["w1.example", "w3.example"];

pub fn cases() -> Vec<Case> {
    let demanded = |expect: &str, slug: &str, why: &str, proof: Option<String>| {
        let mut case = Case { log_proof: proof, ..case(expect, slug, why) };
        case.executor.log_policy = Some(policy());
        case
    };
    let refused = |slug: &str, why: &str, proof: String| demanded("log.proof", slug, why, Some(proof));
    let good = proof_of(&entry(), &TWO);
    let text = good.to_string();
    let other_claims = |from: &str, to: &str| {
        let claims = entry().get("claims").and_then(Value::as_str).unwrap().replace(from, to);
        entry().with("claims", claims)
    };
    let of_another_log = {
        let log = note_key("other.example/log", SignatureKind::Ed25519);
        let entries = entries(&entry());
        LogProof { checkpoint: checkpoint(&log, "other.example/log", &entries, &TWO), ..good.clone() }
    };
    let knows_both = {
        let other = note_key("other.example/log", SignatureKind::Ed25519).verifier;
        format!("log {other}\n{}", policy())
    };
    let mut of_a_known_log = refused(
        "other-known-log",
        "the proof is of another log that the executor believes",
        of_another_log.to_string(),
    );
    of_a_known_log.executor.log_policy = Some(knows_both);
    let signed_by_a_stranger = {
        let stranger = note_key("stranger", SignatureKind::Ed25519);
        let entries = entries(&entry());
        let log = NoteKey { verifier: log().verifier, key: stranger.key };
        LogProof { checkpoint: checkpoint(&log, ORIGIN, &entries, &TWO), ..good.clone() }
    };
    let forged_cosignature = {
        let mut proof = proof_of(&entry(), &["w1.example"]);
        let (stranger, at) = (Key::named("stranger"), CosignatureTime::new(kit::at(kit::NOW)).unwrap());
        let message = cosigned_message(proof.checkpoint.note().text(), at);
        let line = cosignature_line(&witness("w3.example").verifier, at, &stranger.sign_bytes(&message));
        proof.checkpoint.cosign(line).unwrap();
        proof
    };
    let one_twice = {
        let note = proof_of(&entry(), &["w1.example"]).to_string();
        let line = note.lines().last().unwrap();
        format!("{note}{line}\n")
    };
    let other_token = minted("log.proof", "other-token", "the entry mints another token", |grant| {
        grant.jti = countersign::party::TokenId::from_random([9; 16]);
    });
    let mut other_token = Case { log_proof: Some(text.clone()), ..other_token };
    other_token.executor.log_policy = Some(policy());
    vec![
        demanded(
            "accept",
            "log-proof",
            "two of three witnesses have cosigned the log with the mint in it",
            Some(text.clone()),
        ),
        demanded("accept", "log-proof-all-witnesses", "all three witnesses, one more than demanded", {
            Some(proof_of(&entry(), &["w1.example", "w2.example", "w3.example"]).to_string())
        }),
        Case {
            log_proof: Some("not a proof".into()),
            ..case("accept", "log-proof-not-demanded", "what nobody demanded is not looked at")
        },
        demanded("log.proof", "missing", "a log proof is demanded and there is none", None),
        refused("empty", "the proof is an empty text", String::new()),
        refused("malformed", "the proof has carriage returns", text.replace('\n', "\r\n")),
        refused("trailing", "there is a line after the checkpoint's signatures", format!("{text}\n")),
        refused(
            "no-entry",
            "the proof does not bring the entry with it",
            LogProof { extra: None, ..good.clone() }.to_string(),
        ),
        refused("no-witness", "nobody has cosigned", proof_of(&entry(), &[]).to_string()),
        refused(
            "one-witness",
            "one witness where two are demanded",
            proof_of(&entry(), &["w2.example"]).to_string(),
        ),
        refused("one-witness-twice", "one witness's line stands there twice", one_twice),
        refused(
            "unknown-witness",
            "one of the two is a stranger",
            proof_of(&entry(), &["w1.example", "w9.example"]).to_string(),
        ),
        refused(
            "forged-cosignature",
            "a known witness's line is signed by somebody else",
            forged_cosignature.to_string(),
        ),
        refused(
            "forged-log-signature",
            "the log's line is signed by somebody else",
            signed_by_a_stranger.to_string(),
        ),
        refused(
            "other-log",
            "the proof is of a log that the executor does not know",
            of_another_log.to_string(),
        ),
        of_a_known_log,
        refused(
            "other-index",
            "the proof is of another place",
            LogProof { index: 40, ..good.clone() }.to_string(),
        ),
        refused("other-path", "a hash of the proof is another one", {
            let mut hashes = good.hashes.clone();
            hashes.swap(0, 1);
            LogProof { hashes, ..good.clone() }.to_string()
        }),
        refused("entry-not-in-log", "the entry is not the one that was logged", {
            let entry = Value::from(entry().with("at", 0_u64)).to_canonical();
            LogProof { extra: Some(entry), ..good }.to_string()
        }),
        refused("entry-of-other-kind", "the entry at that place is no mint", {
            proof_of(&entry().with("kind", "decided"), &TWO).to_string()
        }),
        refused("entry-of-other-version", "the entry is a record of another version", {
            proof_of(&entry().with("v", 2_u64), &TWO).to_string()
        }),
        refused("entry-with-a-part-apart", "a value of the entry is kept apart from the log", {
            proof_of(&entry().with("apart", Object::new()), &TWO).to_string()
        }),
        refused("other-operation-minted", "what was minted at that place is for another operation", {
            proof_of(
                &other_claims(
                    &kit::grant().operation.to_string(),
                    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                ),
                &TWO,
            )
            .to_string()
        }),
        other_token,
    ]
}
