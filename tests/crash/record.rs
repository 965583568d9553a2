//! After the last kill: the record itself, read without the server.

use crate::ledger::Known;
use crate::load::jti;
use countersign::audit::event::Event;
use countersign::client::Grant;
use countersign::party::TxnId;
use countersign::store::Store;
use countersign::store::conformance::tree::root_of;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::tlog::{Hash, consistency, inclusion, leaf_hash, verify_consistency, verify_inclusion};
use countersign::token::UnverifiedToken;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// What the log was after an earlier kill.
#[derive(Clone, Copy)]
pub(crate) struct Before {
    size: u64,
    root: Hash,
}

/// The log as a kill left it, opened in a copy so that the server itself finds what it left: the tree over it is that
/// over its leaves, it only grew, and what was acknowledged is under its root.
pub(crate) fn check_log(data: &Path, known: &Known, before: Option<Before>) -> Before {
    let copied = tempfile::tempdir().unwrap();
    let folder = copied.path().join("data");
    copy(data, &folder);
    let (store, opened) = EmbeddedStore::open(&folder, Options::default()).unwrap();
    let leaves: Vec<Hash> = (0..opened.records).map(|index| leaf_hash(&store.leaf(index).unwrap())).collect();
    let head = store.head().unwrap();
    assert_eq!((head.size, head.root), (opened.records, root_of(&leaves)), "{opened}");
    assert!(opened.hashed <= opened.records, "{opened:?}");
    let store: &dyn Store = &store;
    assert_eq!(store.hashes(0, 0..head.size).unwrap(), leaves);
    if let Some(before) = before.filter(|before| before.size > 0) {
        assert!(before.size <= head.size, "{} records are lost", before.size - head.size);
        let proof = consistency(before.size, head.size, store).unwrap();
        let grew = verify_consistency(before.size, &before.root, head.size, &head.root, &proof);
        assert_eq!(grew, Ok(()), "the log of {} records is another now", before.size);
    }
    for answered in known.answers.iter().rev().take(40) {
        let txn = TxnId::parse(&answered.decision).unwrap();
        let index = store.decided(txn).unwrap().unwrap_or_else(|| panic!("{txn} is lost"));
        let proof = inclusion(index, head.size, store).unwrap();
        let leaf = leaf_hash(&store.leaf(index).unwrap());
        assert_eq!(verify_inclusion(&leaf, index, head.size, &proof, &head.root), Ok(()), "{txn}");
    }
    Before { size: head.size, root: head.root }
}

/// Copies the files of a folder; a socket that the killed server left is no file.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Reads every record: each decision, mint and request is there once, and each token is where it says it is.
pub(crate) fn check(data: &Path, known: &Known) {
    let (store, opened) = EmbeddedStore::open(data, Options::default()).unwrap();
    let (mut decisions, mut requests) = (HashSet::new(), HashSet::new());
    let (mut keys, mut minted_for, mut escalations) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut claims = HashMap::new();
    for index in 0..opened.records {
        match store.record(index).unwrap().event {
            Event::Decided(decided) => {
                let request = (decided.agent.to_string(), decided.request_id.clone().unwrap());
                assert!(decisions.insert(decided.txn.to_string()), "{} was decided twice", decided.txn);
                assert!(requests.insert(request.clone()), "{request:?} was answered twice");
            }
            Event::Minted(minted) => {
                assert!(decisions.contains(&minted.txn.to_string()), "a mint before its decision");
                assert!(keys.insert(minted.jti.to_string()), "{} was minted twice", minted.jti);
                assert!(minted_for.insert(minted.txn.to_string()), "two tokens for {}", minted.txn);
                if let Some(id) = minted.escalation {
                    assert!(escalations.insert(id.to_string()), "two tokens for {id}");
                }
                claims.insert(index, minted.claims.clone());
            }
            Event::Started { .. }
            | Event::Stopped {}
            | Event::PolicyLoaded { .. }
            | Event::RosterLoaded { .. }
            | Event::Absence { .. }
            | Event::Drill { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::Escalation { .. }
            | Event::Reported(_)
            | Event::KeyRevoked { .. }
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. }
            | Event::Suspended { .. }
            | Event::Resumed { .. } => {}
        }
    }
    for answered in &known.answers {
        assert!(decisions.contains(&answered.decision), "{} is lost", answered.decision);
    }
    let handed_out = known.answers.iter().filter_map(|answered| answered.grant.as_ref());
    for grant in handed_out.chain(known.cases.values().filter_map(|case| case.grant.as_ref())) {
        has_its_record(grant, &claims);
        assert!(keys.contains(&jti(grant)), "no record of {}", jti(grant));
        // Each was presented when it arrived.
        assert!(known.consumed.contains(&jti(grant)), "{} was never accepted", jti(grant));
    }
    assert!(known.consumed.is_subset(&keys), "something was accepted that was never minted");
}

/// The token's claims are those of the record at its place, but for the place.
fn has_its_record(grant: &Grant, recorded: &HashMap<u64, String>) {
    let claims = UnverifiedToken::inspect(&grant.token).unwrap().claims.to_canonical();
    let mut claims: Value = serde_json::from_slice(&claims).unwrap();
    let place = claims.as_object_mut().unwrap().remove("cs_log").unwrap();
    let index = place["index"].as_u64().unwrap();
    let record = recorded.get(&index).unwrap_or_else(|| panic!("record {index} mints nothing"));
    assert_eq!(claims, serde_json::from_str::<Value>(record).unwrap(), "record {index}");
}
