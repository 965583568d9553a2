//! Statements and signed votes that somebody tampered with.

use crate::people::{Everyone, approve, condition, key_of, person, signed_by, statement};
use countersign::condition::ConditionKind;
use countersign::escalation::vote::{
    Choice, Conditions, ConditionsError, MAX_REASON, Reason, ReasonError, SignedVote, Statement,
    StatementError, VoteError, verify,
};
use countersign::presence::ssh::{SshError, Touch, VOTE_NAMESPACE};

#[test]
fn a_vote_is_proved_by_its_reviewers_key() {
    let stated = statement("ada", approve(&["canary:max_percent=10"]));
    let signed = signed_by("ada", &stated);
    let vote = verify(&signed, &Everyone).unwrap();
    assert_eq!((vote.statement(), vote.digest()), (&stated, stated.digest()));
    assert_eq!((vote.touch(), vote.signed()), (Touch::Software, &signed));
    assert_eq!((vote.key(), vote.credential()), (Some(key_of("ada").public_key()), None));
}

#[test]
fn a_vote_that_another_signed_is_refused() {
    let stated = statement("ada", approve(&[]));
    let forged = signed_by("mallory", &stated);
    assert_eq!(verify(&forged, &Everyone).err(), Some(VoteError::UnknownKey));
    // Her own name with his signature: the key inside the signature is not what decides.
    let own = statement("mallory", approve(&[]));
    let spliced = SignedVote { statement: stated.to_text(), signature: signed_by("mallory", &own).signature };
    assert_eq!(verify(&spliced, &Everyone).err(), Some(VoteError::UnknownKey));
}

#[test]
fn a_signature_for_something_else_is_refused() {
    let stated = statement("ada", approve(&[]));
    let text = stated.to_text();
    let with = |namespace, message: &str| SignedVote {
        statement: text.clone(),
        signature: key_of("ada").sign(namespace, message.as_bytes()).to_armored(),
    };
    for (signed, expected) in [
        (with("git", &text), SshError::SignatureNamespace),
        (with("countersign-vote@v2", &text), SshError::SignatureNamespace),
        (with(VOTE_NAMESPACE, "another text"), SshError::SignatureInvalid),
        (with(VOTE_NAMESPACE, &statement("ada", Choice::Deny).to_text()), SshError::SignatureInvalid),
        (SignedVote { statement: text.clone(), signature: "x".repeat(5000) }, SshError::SignatureSize),
        (SignedVote { statement: text.clone(), signature: String::new() }, SshError::SignatureArmor),
    ] {
        assert_eq!(verify(&signed, &Everyone).err(), Some(VoteError::Signature(expected)));
    }
}

#[test]
fn a_bit_flipped_anywhere_in_the_statement_is_noticed() {
    let signed = signed_by("ada", &statement("ada", approve(&["row_limit:max=100"])));
    for bit in 0..signed.statement.len() * 8 {
        let mut bytes = signed.statement.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(statement) = String::from_utf8(bytes) else { continue };
        let vote = SignedVote { statement, signature: signed.signature.clone() };
        assert!(verify(&vote, &Everyone).is_err(), "bit {bit}");
    }
}

#[test]
fn the_canonical_text_is_this() {
    let stated = statement("ada", approve(&["canary:max_percent=10", "mask:fields=email"]));
    let text = concat!(
        r#"{"conditions":[{"max_percent":10,"type":"canary"},{"fields":["email"],"type":"mask"}],"#,
        r#""decision":"approve","escalation":"esc_AQEBAQEBAQEBAQEBAQEBAQ","nonce":"YQcHBwcHBwcHBwcHBwcHBw","#,
        r#""operation":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI","#,
        r#""policy":"BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ","reason":"looked at the plan","#,
        r#""reviewer":"ada","shown":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM","#,
        r#""time":"2026-11-21T12:00:00Z","type":"countersign-vote","v":1}"#,
    );
    assert_eq!(stated.to_text(), text);
    assert_eq!(Statement::from_bytes(text.as_bytes()), Ok(stated));
}

#[test]
fn every_change_of_the_form_is_refused_by_name() {
    let text = statement("ada", approve(&["row_limit:max=100"])).to_text();
    assert!(Statement::from_bytes(text.as_bytes()).is_ok());
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let row = r#"{"max":100,"type":"row_limit"}"#;
    let many = [row; 9].join(",");
    for (bad, code) in [
        (String::new(), "vote.statement.json"),
        (format!("{text}\n"), "vote.statement.not_canonical"),
        (format!(" {text}"), "vote.statement.not_canonical"),
        (format!("{text}{text}"), "vote.statement.json"),
        ("[]".into(), "vote.statement.members"),
        (changed(r#""v":1"#, r#""v":1,"v":1"#), "vote.statement.json"),
        (changed(r#""v":1"#, r#""v":1,"w":1"#), "vote.statement.members"),
        (changed(r#","v":1"#, ""), "vote.statement.members"),
        (changed(r#""v":1"#, r#""v":2"#), "vote.statement.version"),
        (changed(r#""v":1"#, r#""v":1.0"#), "vote.statement.not_canonical"),
        (changed(r#""v":1"#, r#""v":"1""#), "vote.statement.version"),
        (changed("countersign-vote", "countersign-authority"), "vote.statement.version"),
        (changed("esc_", "txn_"), "vote.statement.member"),
        (changed(r#""decision":"approve""#, r#""decision":"Approve""#), "vote.statement.member"),
        (changed(r#""decision":"approve""#, r#""decision":true"#), "vote.statement.member"),
        (changed(r#""decision":"approve""#, r#""decision":"deny""#), "vote.statement.conditions"),
        (changed("looked at", r"looked\nat"), "vote.statement.member"),
        (changed("looked at", r"looked\u0020at"), "vote.statement.not_canonical"),
        (changed("looked at the plan", ""), "vote.statement.member"),
        (changed("\"ada\"", "\"a da\""), "vote.statement.member"),
        (changed("12:00:00Z", "12:00:00.000Z"), "vote.statement.not_canonical"),
        (changed("12:00:00Z", "12:00:00+00:00"), "vote.statement.member"),
        (changed("12:00:00Z", "25:00:00Z"), "vote.statement.member"),
        (changed("YQcHBwcH", "YQcHBwc"), "vote.statement.member"),
        (changed("row_limit", "no_limit"), "vote.statement.condition"),
        (changed("\"max\":100", "\"max\":100,\"min\":1"), "vote.statement.condition"),
        (changed(row, &format!("{row},{row}")), "vote.statement.conditions"),
        (changed(row, &many), "vote.statement.conditions"),
        (changed("looked", &"x".repeat(40_000)), "vote.statement.json"),
    ] {
        let error = Statement::from_bytes(bad.as_bytes()).expect_err(&bad);
        assert_eq!(error.code(), code, "{bad}");
        // What is signed in another form is refused as well, though the signature is good.
        let signature = key_of("ada").sign(VOTE_NAMESPACE, bad.as_bytes()).to_armored();
        let vote = SignedVote { statement: bad, signature };
        assert_eq!(verify(&vote, &Everyone).err(), Some(VoteError::Statement(error)));
    }
    let unsorted = r#"{"v":1,"type":"countersign-vote""#.to_owned()
        + &text[1..].replace(r#","type":"countersign-vote","v":1"#, "");
    assert!(matches!(
        Statement::from_bytes(unsorted.as_bytes()),
        Err(StatementError::NotCanonical | StatementError::Json(_))
    ));
}

#[test]
fn a_reason_is_one_readable_line() {
    for good in ["x", "naïve, aber gut", "האם זה בסדר\u{200f}?", &"ä".repeat(MAX_REASON)] {
        assert_eq!(Reason::new(good).unwrap().as_str(), good);
        let mut stated = statement("ada", Choice::Deny);
        stated.reason = Reason::new(good).unwrap();
        assert_eq!(Statement::from_bytes(&stated.to_bytes()), Ok(stated));
    }
    for (bad, expected) in [
        ("", ReasonError::Empty),
        ("  ", ReasonError::Empty),
        ("a\nb", ReasonError::Control),
        ("a\u{1b}[2Jb", ReasonError::Control),
        ("a\u{202e}b", ReasonError::Control),
        ("a\u{2067}b", ReasonError::Control),
        ("a\u{2028}b", ReasonError::Control),
        ("a\u{85}b", ReasonError::Control),
        (&"ä".repeat(MAX_REASON + 1), ReasonError::TooLong),
        (&"x".repeat(100_000), ReasonError::TooLong),
    ] {
        assert_eq!(Reason::new(bad), Err(expected), "{bad:.20?}");
    }
}

#[test]
fn conditions_of_one_vote_are_few_and_agree() {
    let early = condition("time_window:from=2026-11-21T09:00:00Z,until=2026-11-21T10:00:00Z");
    let late = condition("time_window:from=2026-11-21T11:00:00Z,until=2026-11-21T12:00:00Z");
    assert_eq!(
        Conditions::new(&[early, late]),
        Err(ConditionsError::Contradictory(ConditionKind::TimeWindow))
    );
    let rates: Vec<_> = (1..10).map(|n| condition(&format!("rate:max={n},per_s={}", 10 * n * n))).collect();
    assert_eq!(Conditions::new(&rates), Err(ConditionsError::TooMany), "none of them implies another");
    let same = Conditions::new(&[condition("row_limit:max=9"), condition("row_limit:max=7")]).unwrap();
    assert_eq!(same.as_slice(), [condition("row_limit:max=7")]);
}

#[test]
fn no_two_votes_have_the_same_digest() {
    let mut other = statement("ada", approve(&[]));
    let first = other.digest();
    other.nonce = countersign::escalation::vote::Nonce::from_random([9; 16]);
    assert_ne!(first, other.digest());
    other = statement("ada", approve(&[]));
    other.reviewer = person("bob");
    assert_ne!(first, other.digest());
}
