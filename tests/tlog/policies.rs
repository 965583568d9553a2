//! Log policies: read strictly, and met only by as many different witnesses as they ask for.

use crate::kit::{Key, NOW};
use countersign::tlog::{
    CheckpointError, LogPolicy, NoteError, PolicyError, PolicyFault, PolicyRefusal, SignedCheckpoint,
    VerifierKeyError,
};
use std::fmt::Write as _;

fn witnesses() -> Vec<Key> {
    ["x1", "x2", "x3", "y1", "y2", "y3"].map(|name| Key::witness(&format!("{name}.example"))).into()
}

/// The example of the specification, two levels of groups.
fn two_levels(log: &Key, witnesses: &[Key]) -> LogPolicy {
    let mut text = format!("# who is believed\n\nlog {} https://log.example\n", log.verifier);
    for (name, key) in ["X1", "X2", "X3", "Y1", "Y2", "Y3"].iter().zip(witnesses) {
        writeln!(text, "\twitness {name}  {}", key.verifier).unwrap();
    }
    text.push_str(
        "group X 2 X1 X2 X3\ngroup Y any Y1 Y2 Y3\ngroup both all X Y \n  # and no more\nquorum both",
    );
    LogPolicy::parse(&text).unwrap()
}

fn cosigned(log: &Key, by: &[&Key]) -> SignedCheckpoint {
    let mut checkpoint = log.checkpoint(&[b"entry"]);
    let text = checkpoint.checkpoint().to_string();
    by.iter().for_each(|witness| checkpoint.cosign(witness.cosign(&text, NOW)).unwrap());
    checkpoint
}

#[test]
fn a_quorum_is_met_by_enough_witnesses_of_each_group() {
    let (log, all) = (Key::log("log.example"), witnesses());
    let policy = two_levels(&log, &all);
    let check = |by: &[usize]| {
        let by: Vec<&Key> = by.iter().map(|at| &all[*at]).collect();
        policy.check(&cosigned(&log, &by)).map(|accepted| accepted.cosigned.len())
    };
    for (by, verdict) in [
        (&[0, 1, 3][..], Ok(3)),
        (&[1, 2, 5], Ok(3)),
        (&[0, 1, 2, 3, 4, 5], Ok(6)),
        (&[0, 1, 2], Err(PolicyRefusal::Quorum)),
        (&[0, 3, 4, 5], Err(PolicyRefusal::Quorum)),
        (&[], Err(PolicyRefusal::Quorum)),
    ] {
        assert_eq!(check(by), verdict, "{by:?}");
    }
    assert_eq!(policy.logs(), std::slice::from_ref(&log.verifier));
    assert_eq!(policy.witnesses().count(), 6);
}

#[test]
fn one_witness_is_one_however_often_it_signs() {
    let (log, all) = (Key::log("log.example"), witnesses());
    let policy = two_levels(&log, &all);
    let text = log.checkpoint(&[b"entry"]).checkpoint().to_string();
    let mut note = cosigned(&log, &[&all[3]]).to_string();
    for seconds in 0..5 {
        writeln!(note, "{}", all[0].cosign(&text, NOW + seconds)).unwrap();
    }
    let checkpoint = SignedCheckpoint::parse(note.as_bytes()).unwrap();
    assert_eq!(policy.check(&checkpoint), Err(PolicyRefusal::Quorum));
    // The same key under a second name is a stranger, and can't be made known beside itself.
    let name = Key::witness("x1.example").verifier.to_string();
    assert!(name.starts_with("x1.example+"));
}

#[test]
fn a_bad_cosignature_of_a_known_witness_refuses_even_beside_enough_good_ones() {
    let (log, all) = (Key::log("log.example"), witnesses());
    let policy = two_levels(&log, &all);
    let mut checkpoint = cosigned(&log, &[&all[0], &all[1], &all[3]]);
    let other = log.checkpoint(&[b"another entry"]).checkpoint().to_string();
    checkpoint.cosign(all[4].cosign(&other, NOW)).unwrap();
    let name = all[4].verifier.name().clone();
    assert_eq!(
        policy.check(&checkpoint),
        Err(PolicyRefusal::Checkpoint(CheckpointError::Note(NoteError::Signature(name))))
    );
}

#[test]
fn a_checkpoint_of_another_log_is_refused_whoever_cosigned_it() {
    let (log, other, all) = (Key::log("log.example"), Key::log("other.example"), witnesses());
    let policy = two_levels(&log, &all);
    let foreign = cosigned(&other, &[&all[0], &all[1], &all[3]]);
    assert_eq!(policy.check(&foreign), Err(PolicyRefusal::Checkpoint(CheckpointError::OtherLog)));
    // Nor does a checkpoint that names this log and is signed by another that is known.
    let two =
        LogPolicy::parse(&format!("log {}\nlog {}\nquorum none", log.verifier, other.verifier)).unwrap();
    assert!(two.check(&foreign).is_ok());
    let text = log.checkpoint(&[b"entry"]).checkpoint().to_string();
    let forged = SignedCheckpoint::parse(format!("{text}\n{}\n", other.sign(&text)).as_bytes()).unwrap();
    assert_eq!(two.check(&forged), Err(PolicyRefusal::Checkpoint(CheckpointError::OtherLog)));
}

#[test]
fn a_policy_is_read_strictly() {
    let (log, w) = (Key::log("log.example").verifier, Key::witness("w.example").verifier);
    let v = Key::witness("v.example").verifier;
    let alias = w.to_string().replace("w.example", "alias.example");
    let same_key_as_log = Key::witness("log.example").verifier;
    let good = format!("log {log}\nwitness a {w}\nwitness b {v}\n");
    for text in [
        "quorum none",
        "quorum none\n",
        &format!("{good}quorum a"),
        &format!("{good}group g 1 b a\nquorum g\n"),
    ] {
        assert!(LogPolicy::parse(text).is_ok(), "{text}");
    }
    let many = (0..200).fold(String::new(), |text, number| {
        text + &format!("witness w{number} {}\n", Key::witness(&format!("w{number}")).verifier)
    });
    for (text, line, fault) in [
        (String::new(), 1, PolicyFault::NoQuorum),
        (format!("log {log}\n# nobody"), 2, PolicyFault::NoQuorum),
        ("quorum none\r\n".into(), 1, PolicyFault::Characters),
        ("quorum\u{b}none".into(), 1, PolicyFault::Characters),
        ("quorum none\u{7f}".into(), 1, PolicyFault::Characters),
        ("Quorum none".into(), 1, PolicyFault::Keyword),
        ("quorum\u{a0}none".into(), 1, PolicyFault::Keyword),
        ("quorum".into(), 1, PolicyFault::Words),
        ("quorum none none".into(), 1, PolicyFault::Words),
        ("quorum none\nquorum none".into(), 2, PolicyFault::SecondQuorum),
        ("quorum a".into(), 1, PolicyFault::UnknownName),
        (format!("quorum a\n{good}"), 1, PolicyFault::UnknownName),
        ("log".into(), 1, PolicyFault::Words),
        (format!("log {log} https://x https://y"), 1, PolicyFault::Words),
        ("log x".into(), 1, PolicyFault::Key(VerifierKeyError::Form)),
        (format!("log {w}"), 1, PolicyFault::Kind),
        (format!("witness a {log}"), 1, PolicyFault::Kind),
        (format!("witness {w}"), 1, PolicyFault::Words),
        (format!("log {log}\nlog {log}"), 2, PolicyFault::SameKey),
        (format!("{good}witness c {w}"), 4, PolicyFault::SameKey),
        (format!("witness c {alias}"), 1, PolicyFault::Key(VerifierKeyError::Id)),
        (format!("{good}witness c {same_key_as_log}"), 4, PolicyFault::SameKey),
        (format!("witness none {w}"), 1, PolicyFault::SameName),
        (format!("witness a {w}\nwitness a {v}"), 2, PolicyFault::SameName),
        (format!("{good}group a any b"), 4, PolicyFault::SameName),
        (format!("{good}group none any b"), 4, PolicyFault::SameName),
        (format!("{good}group g any"), 4, PolicyFault::Words),
        (format!("{good}group g"), 4, PolicyFault::Words),
        (format!("{good}group g any g"), 4, PolicyFault::UnknownName),
        (format!("{good}group g any none"), 4, PolicyFault::UnknownName),
        (format!("{good}group g 2 a a"), 4, PolicyFault::SecondMembership),
        (format!("{good}group g any a\ngroup h any a"), 5, PolicyFault::SecondMembership),
        (format!("{good}group g 0 a b"), 4, PolicyFault::Threshold),
        (format!("{good}group g 3 a b"), 4, PolicyFault::Threshold),
        (format!("{good}group g 01 a b"), 4, PolicyFault::Threshold),
        (format!("{good}group g some a b"), 4, PolicyFault::Threshold),
        (format!("{good}group g 99999999999999999999 a b"), 4, PolicyFault::Threshold),
        (many, 129, PolicyFault::TooMany),
        ("#".repeat(64 * 1024 + 1), 1, PolicyFault::TooLong),
    ] {
        assert_eq!(LogPolicy::parse(&text), Err(PolicyError { line, fault }), "{text}");
    }
}
