//! Receipts: what executors sign about the use of a token, who may, and how it comes into the record.
#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "receipts/apart.rs"]
mod apart;
#[path = "receipts/gate.rs"]
mod gate;
#[path = "token/kit.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the kit is for the tests of tokens; receipts need a part of it"
)]
mod kit;
#[path = "receipts/read.rs"]
mod read;
#[path = "receipts/record.rs"]
mod record;
#[path = "receipts/secret.rs"]
mod secret;
#[path = "service/support.rs"]
#[allow(dead_code, reason = "made for tests/service.rs, which uses all of it")]
mod support;
#[path = "service/world.rs"]
#[allow(dead_code, reason = "made for tests/service.rs, which uses all of it")]
mod world;

use countersign::condition::ExecutionFacts;
use countersign::replay::memory::MemoryGuard;
use countersign::token::{
    Anchor, CertifiedKey, Grant, KeyUse, Presented, Receipt, Scope, VerifiedOperation, VerifierConfig,
};
use kit::{EXECUTOR, HOUR, ISSUED, Key, NOW, at};

/// The key of the executor.
fn executor_key() -> Key {
    Key::named("executor")
}

/// What [`certificates`] say of it.
fn certified(name: &str) -> CertifiedKey {
    CertifiedKey {
        key: executor_key().public,
        usage: KeyUse::Receipt,
        not_before: at(NOW - HOUR),
        expires_at: at(NOW + 24 * HOUR),
        scope: Scope::of_one(name).unwrap(),
    }
}

/// The certificates that lead to that key.
fn certificates() -> Vec<String> {
    vec![kit::issuer_certificate(), kit::certify(EXECUTOR, certified(EXECUTOR), &kit::issuer())]
}

fn anchor() -> Anchor {
    Anchor::new(kit::domain(), [kit::root().public]).unwrap()
}

/// The operation of a grant, verified.
fn verified(grant: &Grant, facts: &ExecutionFacts) -> VerifiedOperation {
    let verifier = VerifierConfig::new(anchor(), kit::executor()).build().unwrap();
    let certificates = [kit::issuer_certificate(), kit::sidecar_certificate()];
    let presented = Presented {
        token: &kit::mint(grant, &kit::executor()),
        certificates: &[&certificates[0], &certificates[1]],
        operation: kit::operation(),
        facts,
        proof: None,
        evidence: &[],
        log_proof: None,
    };
    verifier.verify(presented, at(NOW), &MemoryGuard::new(at(ISSUED - 60))).unwrap()
}

/// The receipt of what begins now.
fn begun() -> Receipt {
    let facts = ExecutionFacts::default();
    Receipt::begun(&verified(&kit::grant(), &facts), &facts, at(NOW)).unwrap()
}

fn sign(receipt: &Receipt, key: &Key) -> String {
    key.sign(receipt.signing_input(&key.public).unwrap())
}
