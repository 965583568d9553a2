//! Somebody who holds the log's own key: what they put into it has valid hashes and valid signatures, and is found from
//! what it means alone.

use crate::attacks::ATTACKS;
use crate::command::verify;
use crate::forged::Forged;
use crate::story::{Story, story};
use countersign::audit::event::{Apart, Event, Record, WhyApart};
use countersign::audit::verify::{Auditor, Severity, Trust, meaning};
use countersign::digest::ValueDigest;

/// What an auditor finds in these records.
fn findings(story: &Story, records: Vec<Record>) -> Vec<(&'static str, u64)> {
    let root = std::fs::read(story.root()).unwrap();
    let limits = countersign::operation::json::Limits { bytes: 4096, depth: 4, members: 32 };
    let root = countersign::operation::json::read(&root, &limits).unwrap();
    let root = countersign::token::PublicKey::from_jwk(&root).unwrap();
    let mut auditor = Auditor::new(Trust { roots: vec![root], policy: None });
    let mut found: Vec<_> =
        (0..).zip(records).flat_map(|(index, record)| auditor.take(index, record)).collect();
    found.extend(auditor.end().0);
    found.retain(|finding| finding.severity == Severity::Finding);
    found.iter().map(|finding| (finding.code, finding.index)).collect()
}

#[test]
fn what_really_happened_is_found_to_have_happened() {
    assert_eq!(findings(story(), story().records()), []);
}

#[test]
fn each_thing_that_cannot_have_happened_is_found_where_it_stands() {
    for (name, code, attack) in ATTACKS {
        let mut forged = Forged::new();
        let place = attack(&mut forged);
        let found = findings(story(), forged.records);
        assert!(found.contains(&(code, place as u64)), "{name}: {code} at {place} is not in {found:?}");
        assert!(meaning(code).is_some(), "{code}");
    }
}

#[test]
fn what_the_holder_of_the_logs_key_signs_is_found_in_the_log_itself() {
    // One of each kind is enough here; which of them are found, the test above says.
    for wanted in [
        "mint.without_approval",
        "vote.other_operation",
        "vote.already_voted",
        "receipt.twice",
        "policy.unapproved",
    ] {
        let (name, code, attack) = ATTACKS.iter().find(|(_, code, _)| *code == wanted).unwrap();
        let mut forged = Forged::new();
        let place = attack(&mut forged);
        let folder = tempfile::tempdir().unwrap();
        story().write(folder.path(), &forged.leaves());
        let ended = verify(folder.path(), &[&story().root()]);
        assert_eq!((ended.code, ended.faults()), (1, vec![]), "{name}: {}", ended.words);
        assert!(ended.findings().contains(&((*code).to_owned(), place as u64)), "{name}: {}", ended.words);
    }
}

#[test]
fn an_entry_that_is_no_record_is_found() {
    let sound = &story().leaves;
    let spaced = [b" ", &sound[5][..]].concat();
    let more = String::from_utf8(sound[5].clone()).unwrap().replacen('{', "{\"a\":1,", 1).into_bytes();
    for (leaf, code) in [
        (spaced, "entry.not_canonical"),
        (more, "entry.not_canonical"),
        (b"nonsense".to_vec(), "entry.unreadable"),
        (Vec::new(), "entry.unreadable"),
        (
            String::from_utf8(sound[5].clone()).unwrap().replace("\"v\":1", "\"v\":2").into_bytes(),
            "entry.unreadable",
        ),
    ] {
        let mut leaves = sound.clone();
        leaves.push(leaf);
        let folder = tempfile::tempdir().unwrap();
        story().write(folder.path(), &leaves);
        let ended = verify(folder.path(), &[&story().root()]);
        assert_eq!(ended.code, 1, "{code}: {}", ended.words);
        assert_eq!(ended.findings(), [(code.to_owned(), sound.len() as u64)]);
    }
}

#[test]
fn every_code_is_documented_with_what_it_means() {
    let page = include_str!("../../docs/audit.md");
    for (code, words) in countersign::audit::verify::CODES {
        assert!(
            page.contains(&format!("| `{code}` | {words} |\n")),
            "{code} is not in docs/audit.md, or otherwise"
        );
    }
}

/// What stands apart from the record is not judged, and what is judged by it neither; the rest still is.
#[test]
fn values_that_stand_apart_are_no_findings() {
    let apart = Apart { value: ValueDigest::from_bytes([1; 32]), bytes: 70_000, why: WhyApart::Large };
    let mut forged = Forged::new();
    for record in &mut forged.records {
        match &mut record.event {
            Event::RosterLoaded { text, .. } => {
                text.truncate(20);
                record.apart.insert("/text".to_owned(), apart.clone());
            }
            Event::Decided(decided) if decided.op.contains("orders.read") => {
                decided.op = r#"{"action":"orders.read","parameters":{},"resource":"x","v":1}"#.to_owned();
                record.apart.insert("/op".to_owned(), apart.clone());
            }
            _ => {}
        }
    }
    let mint = forged.free_mint();
    assert_eq!(findings(story(), forged.records.clone()), []);
    forged.claim(mint, "sub", Some("agent:other".into()));
    assert!(findings(story(), forged.records).contains(&("mint.other_claims", mint as u64)));
}
