//! What an executor with its own pinned reviewers makes of evidence, good and bad.

use crate::authenticator::{
    ALGORITHMS, Algorithm, Authenticator, Ceremony, ORIGIN, RP_ID, console, signed_by_passkey,
};
use crate::people::{NOON, approve, condition, key_of, person, signed_by, statement};
use core::num::NonZeroUsize;
use core::time::Duration;
use countersign::digest::{OperationDigest, PolicyDigest, RenderingDigest};
use countersign::escalation::evidence::{
    EvidenceFault, MAX_EVIDENCE, MAX_VOTE_AGE, PinError, PinnedKeys, RosterEvidence, from_bytes, to_bytes,
};
use countersign::escalation::vote::{CLOCK_SKEW, Choice, Statement, VoteError, verify};
use countersign::moment::Moment;
use countersign::party::{
    AgentId, EscalationId, ExecutorId, LogOrigin, SeatName, TokenId, TrustDomain, TxnId,
};
use countersign::presence::passkey::PasskeyError;
use countersign::presence::ssh::SshError;
use countersign::token::{
    Approval, Assurance, Claims, EvidenceCheck as _, EvidenceError, Executor, LogLeaf, RiskScore, Times,
};

fn pins() -> PinnedKeys {
    let lines: Vec<String> =
        ["ada", "bob", "cyd"].iter().map(|name| format!("{name} {}", key_of(name).public_key())).collect();
    PinnedKeys::parse(&lines.join("\n")).unwrap()
}

fn two() -> RosterEvidence {
    RosterEvidence::new(pins(), NonZeroUsize::new(2).unwrap()).unwrap()
}

fn approval(vote: &Statement) -> Approval {
    Approval {
        person: vote.reviewer.clone(),
        seats: vec![SeatName::new("dba").unwrap()],
        at: Moment::from_unix_seconds(vote.time.unix_seconds()),
        assurance: Assurance::Signed,
        vote: vote.digest(),
    }
}

/// A token that these votes would justify, issued half a minute after noon.
fn claims(votes: &[Statement], conditions: &[&str]) -> Claims {
    let issued_at = NOON.plus(Duration::from_secs(30));
    let executor = Executor::new(ExecutorId::new("db.example").unwrap(), []).unwrap();
    let operation = OperationDigest::from_bytes([2; 32]);
    Claims {
        issuer: TrustDomain::new("https://acme.example").unwrap(),
        subject: AgentId::new("agent-7").unwrap(),
        on_behalf_of: Some(person("zoe")),
        audience: executor.audience(&operation, false).unwrap(),
        times: Times {
            issued_at,
            not_before: issued_at,
            expires_at: issued_at.plus(Duration::from_secs(300)),
        },
        jti: TokenId::from_random([8; 16]),
        txn: TxnId::from_random([9; 16]),
        holder: None,
        operation,
        policy: PolicyDigest::from_bytes([4; 32]),
        risk: RiskScore::from_thousandths(600).unwrap(),
        conditions: conditions.iter().map(|short| condition(short)).collect(),
        approvals: votes.iter().map(approval).collect(),
        log: LogLeaf { origin: LogOrigin::new("acme.example/log").unwrap(), index: 5 },
    }
}

fn documents(votes: &[Statement]) -> Vec<Vec<u8>> {
    votes.iter().map(|vote| to_bytes(&signed_by(vote.reviewer.as_str(), vote))).collect()
}

fn judge(claims: &Claims, evidence: &[Vec<u8>]) -> Result<(), EvidenceFault> {
    let slices: Vec<&[u8]> = evidence.iter().map(Vec::as_slice).collect();
    two().prove(claims, &slices)
}

fn ada_and_bob() -> Vec<Statement> {
    vec![
        statement("ada", approve(&["canary:max_percent=20"])),
        statement("bob", approve(&["row_limit:max=50"])),
    ]
}

const BOTH: [&str; 2] = ["canary:max_percent=20", "row_limit:max=50"];

#[test]
fn two_pinned_reviewers_signatures_carry_a_token() {
    let votes = ada_and_bob();
    let evidence = documents(&votes);
    assert_eq!(judge(&claims(&votes, &BOTH), &evidence), Ok(()));
    let tighter = ["canary:max_percent=5", "row_limit:max=50", "dry_run"];
    assert_eq!(judge(&claims(&votes, &tighter), &evidence), Ok(()), "a token may be tighter");
    let reversed: Vec<Vec<u8>> = evidence.iter().rev().cloned().collect();
    assert_eq!(judge(&claims(&votes, &BOTH), &reversed), Ok(()), "in whatever order");
    let slices: Vec<&[u8]> = evidence.iter().map(Vec::as_slice).collect();
    assert_eq!(two().check(&claims(&votes, &BOTH), &slices), Ok(()));
    assert_eq!(two().check(&claims(&votes, &BOTH), &slices[..1]), Err(EvidenceError::Missing));
    assert_eq!(two().check(&claims(&votes, &[]), &slices), Err(EvidenceError::Invalid));
}

#[test]
fn votes_that_are_missing_doubled_or_surplus_are_refused() {
    let votes = ada_and_bob();
    let evidence = documents(&votes);
    let claims = claims(&votes, &BOTH);
    assert_eq!(judge(&claims, &[]), Err(EvidenceFault::Missing));
    assert_eq!(judge(&claims, &evidence[..1]), Err(EvidenceFault::Missing));
    let doubled = [evidence[0].clone(), evidence[0].clone()];
    assert_eq!(judge(&claims, &doubled), Err(EvidenceFault::Unasked));
    let cyd = documents(&[statement("cyd", approve(&[]))]);
    assert_eq!(judge(&claims, &[evidence.clone(), cyd.clone()].concat()), Err(EvidenceFault::Unasked));
    assert_eq!(judge(&claims, &[evidence[0].clone(), cyd[0].clone()]), Err(EvidenceFault::Missing));
}

#[test]
fn a_token_with_too_few_people_is_refused_whatever_it_brings() {
    let votes = ada_and_bob();
    let none = claims(&[], &BOTH);
    assert_eq!(judge(&none, &documents(&votes)), Err(EvidenceFault::TooFewApprovals));
    let one = claims(&votes[..1], &BOTH);
    assert_eq!(judge(&one, &documents(&votes[..1])), Err(EvidenceFault::TooFewApprovals));
    let mut twice = claims(&votes, &BOTH);
    twice.approvals[1] = twice.approvals[0].clone();
    assert_eq!(judge(&twice, &documents(&votes)), Err(EvidenceFault::NotDistinct));
}

#[test]
fn one_person_with_two_votes_is_one_person() {
    let mut again = statement("ada", approve(&[]));
    again.reason = countersign::escalation::vote::Reason::new("once more").unwrap();
    let votes = vec![statement("ada", approve(&[])), again.clone()];
    let mut claimed = claims(&votes, &[]);
    assert_eq!(judge(&claimed, &documents(&votes)), Err(EvidenceFault::NotDistinct));
    // The token calls the second of them bob's.
    claimed.approvals[1].person = person("bob");
    assert_eq!(judge(&claimed, &documents(&votes)), Err(EvidenceFault::OtherVoter));
    // And so does the statement, but ada's key signed it.
    again.reviewer = person("bob");
    let votes = [statement("ada", approve(&[])), again];
    let evidence: Vec<_> = votes.iter().map(|vote| to_bytes(&signed_by("ada", vote))).collect();
    assert_eq!(judge(&claims(&votes, &[]), &evidence), Err(EvidenceFault::Vote(VoteError::UnknownKey)));
}

#[test]
fn who_asks_and_whom_it_is_for_do_not_count() {
    for (subject, beneficiary) in [("ada", "zoe"), ("agent-7", "ada")] {
        let votes = ada_and_bob();
        let mut claimed = claims(&votes, &BOTH);
        claimed.subject = AgentId::new(subject).unwrap();
        claimed.on_behalf_of = Some(person(beneficiary));
        assert_eq!(judge(&claimed, &documents(&votes)), Err(EvidenceFault::NotDistinct));
    }
}

#[test]
fn an_approver_who_is_not_pinned_is_refused() {
    let votes = [statement("ada", approve(&[])), statement("dan", approve(&[]))];
    let verdict = judge(&claims(&votes, &[]), &documents(&votes));
    assert_eq!(verdict, Err(EvidenceFault::Vote(VoteError::UnknownKey)));
}

#[test]
fn a_condition_stripped_or_widened_in_the_token_is_noticed() {
    let votes = ada_and_bob();
    for conditions in [
        &[][..],
        &["canary:max_percent=20"],
        &["row_limit:max=50"],
        &["canary:max_percent=21", "row_limit:max=50"],
        &["canary:max_percent=20", "row_limit:max=51"],
        &["canary:max_targets=20", "row_limit:max=50"],
        &["dry_run", "row_limit:max=50"],
    ] {
        let verdict = judge(&claims(&votes, conditions), &documents(&votes));
        assert_eq!(verdict, Err(EvidenceFault::ConditionDropped), "{conditions:?}");
    }
    let contradictory = claims(
        &votes,
        &[
            "canary:max_percent=20",
            "row_limit:max=50",
            "max_amount:currency=EUR,minor=1",
            "max_amount:currency=USD,minor=1",
        ],
    );
    assert_eq!(judge(&contradictory, &documents(&votes)), Err(EvidenceFault::ConditionDropped));
}

#[test]
fn votes_for_something_else_are_refused() {
    type Change = fn(&mut Statement);
    let cases: [(&str, Change, EvidenceFault); 7] = [
        (
            "operation",
            |vote| vote.operation = OperationDigest::from_bytes([5; 32]),
            EvidenceFault::OtherOperation,
        ),
        ("policy", |vote| vote.policy = PolicyDigest::from_bytes([5; 32]), EvidenceFault::OtherPolicy),
        ("escalation", |vote| vote.escalation = EscalationId::from_random([5; 16]), EvidenceFault::Spliced),
        ("rendering", |vote| vote.shown = RenderingDigest::from_bytes([5; 32]), EvidenceFault::Spliced),
        ("denial", |vote| vote.choice = Choice::Deny, EvidenceFault::Denial),
        (
            "after the mint",
            |vote| vote.time = NOON.plus(Duration::from_secs(31) + CLOCK_SKEW),
            EvidenceFault::WrongTime,
        ),
        (
            "long before",
            |vote| vote.time = NOON.plus(Duration::from_secs(29)).minus(MAX_VOTE_AGE),
            EvidenceFault::WrongTime,
        ),
    ];
    for (what, change, expected) in cases {
        let mut votes = ada_and_bob();
        change(&mut votes[1]);
        let conditions = BOTH;
        assert_eq!(judge(&claims(&votes, &conditions), &documents(&votes)), Err(expected), "{what}");
    }
}

#[test]
fn the_token_says_what_the_vote_says() {
    let votes = ada_and_bob();
    let evidence = documents(&votes);
    let mut later = claims(&votes, &BOTH);
    later.approvals[0].at = NOON.plus(Duration::from_secs(1));
    assert_eq!(judge(&later, &evidence), Err(EvidenceFault::OtherVoter));
    let mut surer = claims(&votes, &BOTH);
    surer.approvals[0].assurance = Assurance::Session;
    assert_eq!(judge(&surer, &evidence), Err(EvidenceFault::OtherVoter), "a click is no signature");
}

#[test]
fn a_bit_flipped_anywhere_in_the_evidence_is_noticed() {
    let votes = ada_and_bob();
    let evidence = documents(&votes);
    let claims = claims(&votes, &BOTH);
    for at in 0..evidence[0].len() {
        let mut bad = evidence.clone();
        bad[0][at] ^= 1;
        assert!(judge(&claims, &bad).is_err(), "byte {at}");
    }
    for cut in [0, 1, evidence[0].len() - 1] {
        let bad = [evidence[0][..cut].to_vec(), evidence[1].clone()];
        assert_eq!(judge(&claims, &bad), Err(EvidenceFault::Malformed));
    }
    let large = [vec![b' '; MAX_EVIDENCE + 1], evidence[1].clone()];
    assert_eq!(judge(&claims, &large), Err(EvidenceFault::Malformed));
}

#[test]
fn evidence_has_one_form() {
    let signed = signed_by("ada", &statement("ada", approve(&[])));
    let bytes = to_bytes(&signed);
    assert_eq!(from_bytes(&bytes), Some(signed));
    let text = String::from_utf8(bytes).unwrap();
    for bad in [
        text.replacen("{", "{ ", 1),
        text.replace("\"v\":1", "\"v\":2"),
        text.replace("countersign-evidence", "countersign-vote"),
        text.replace("\"v\":1", "\"v\":1,\"x\":1"),
        text.replace("\"signature\"", "\"Signature\""),
        format!("{text}\n"),
    ] {
        assert_eq!(from_bytes(bad.as_bytes()), None, "{bad}");
    }
}

/// The line that pins somebody's passkey.
fn passkey_line(name: &str, algorithm: Algorithm) -> String {
    let passkey = Authenticator::of(name, algorithm).passkey();
    format!("{name} passkey {RP_ID} {ORIGIN} {} {}", passkey.id, passkey.key)
}

#[test]
fn a_passkeys_vote_carries_a_token_as_well() {
    let lines = [passkey_line("ada", Algorithm::Es256), format!("bob {}", key_of("bob").public_key())];
    let pins = PinnedKeys::parse(&lines.join("\n")).unwrap();
    let judge = RosterEvidence::new(pins, NonZeroUsize::new(2).unwrap()).unwrap();
    let votes = ada_and_bob();
    let claims = claims(&votes, &BOTH);
    let by_key = to_bytes(&signed_by("bob", &votes[1]));
    let prove = |ada: &[u8]| judge.prove(&claims, &[ada, &by_key]);
    let good = to_bytes(&signed_by_passkey(Algorithm::Es256, &votes[0]));
    assert!(good.len() <= MAX_EVIDENCE);
    assert_eq!(prove(&good), Ok(()));
    let other = to_bytes(&signed_by_passkey(Algorithm::EdDsa, &votes[0]));
    assert_eq!(
        prove(&other),
        Err(EvidenceFault::Vote(VoteError::UnknownKey)),
        "a passkey that is not pinned"
    );
    let by_ssh = to_bytes(&signed_by("ada", &votes[0]));
    assert_eq!(prove(&by_ssh), Err(EvidenceFault::Vote(VoteError::UnknownKey)), "a key that is not pinned");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(prove(&bad).is_err(), "byte {at}");
    }
}

#[test]
fn a_pinned_passkey_votes_for_its_owner_alone() {
    let lines = [passkey_line("ada", Algorithm::Es256), passkey_line("bob", Algorithm::Es256)];
    let pins = PinnedKeys::parse(&lines.join("\n")).unwrap();
    let text = statement("bob", approve(&[])).to_text();
    let by = |name: &str| Authenticator::of(name, Algorithm::Es256).vote(&text, &Ceremony::of(&text));
    assert!(verify(&by("bob"), &pins).is_ok());
    assert_eq!(verify(&by("ada"), &pins).err(), Some(VoteError::UnknownKey));
    // An origin that the desk may know, and this executor does not.
    let elsewhere = Ceremony { origin: "https://console.example.com:8443".into(), ..Ceremony::of(&text) };
    let vote = Authenticator::of("bob", Algorithm::Es256).vote(&text, &elsewhere);
    assert_eq!(verify(&vote, &pins).err(), Some(VoteError::Passkey(PasskeyError::OtherOrigin)));
}

#[test]
fn passkeys_are_pinned_strictly() {
    let [ec, ed] = ALGORITHMS;
    let good = [passkey_line("ada", ec), passkey_line("ada", ed) + " phone of ada", passkey_line("bob", ec)];
    assert_eq!(PinnedKeys::parse(&good.join("\n")).unwrap().people(), 2);
    let both = format!("ada {}\n{}", key_of("ada").public_key(), passkey_line("ada", ec));
    assert_eq!(PinnedKeys::parse(&both).unwrap().people(), 1, "one person with a key and a passkey");
    assert!(PinnedKeys::parse(&format!("{0}\n{0}", passkey_line("ada", ec))).is_ok(), "the same line twice");
    let line = passkey_line("ada", ec);
    let [id, key] = [4, 5].map(|at| line.split(' ').nth(at).unwrap().to_owned());
    let refused = |error| PinError::Passkey(1, error);
    for (bad, expected) in [
        (line.rsplit_once(' ').unwrap().0.to_owned(), PinError::Line(1)),
        ("ada passkey ".into(), PinError::Line(1)),
        (line.replacen(RP_ID, "Console.example.com", 1), refused(PasskeyError::RpId)),
        (line.replace(ORIGIN, "https://evil.example"), refused(PasskeyError::Origin)),
        (line.replace(ORIGIN, &format!("{ORIGIN},")), refused(PasskeyError::Origin)),
        (line.replace(ORIGIN, &vec![ORIGIN; 17].join(",")), refused(PasskeyError::Origins)),
        (line.replace(&id, "AAAA"), refused(PasskeyError::CredentialId)),
        (line.replace(&key, "AAAA"), refused(PasskeyError::KeyType)),
        (line.replace(" passkey ", " passkey  "), refused(PasskeyError::RpId)),
        (line.replace(" passkey ", " Passkey "), PinError::Key(1, SshError::KeyType)),
        (format!("{line}\n{}", line.replacen("ada", "bob", 1)), PinError::SharedKey),
        (
            format!("{line}\n{}", line.replace(&id, "AAAAAAAAAAAAAAAAAAAAAA").replacen("ada", "bob", 1)),
            PinError::SharedKey,
        ),
        (format!("{line}\n{}", line.replace(ORIGIN, &format!("{ORIGIN}:8443"))), PinError::SharedKey),
    ] {
        assert_eq!(PinnedKeys::parse(&bad).err(), Some(expected), "{bad:.200}");
    }
    // One credential of two people, with a key each.
    let [ada, mut bob] = ["ada", "bob"].map(|name| Authenticator::of(name, ec).passkey());
    bob.id = ada.id.clone();
    let pins = PinnedKeys::default().with_passkey(person("ada"), ada, console()).unwrap();
    assert_eq!(pins.with_passkey(person("bob"), bob, console()).err(), Some(PinError::SharedKey));
    // One key of two people, one of whom uses it with SSH.
    let point = key_of("ada").public_key().point_bytes();
    let spki = countersign::digest::base64url(&crate::authenticator::spki_ed25519(&point));
    let ssh = format!("ada {}", key_of("ada").public_key());
    let lending = format!("{ssh}\nbob passkey {RP_ID} {ORIGIN} {id} {spki}");
    assert_eq!(PinnedKeys::parse(&lending).err(), Some(PinError::SharedKey));
    assert!(PinnedKeys::parse(&lending.replace("bob", "ada")).is_ok());
}

#[test]
fn keys_are_pinned_strictly() {
    let line = |name: &str| key_of(name).public_key().to_line();
    let good =
        format!("# reviewers\n\nada {}\nada {} laptop\nbob {}\n", line("ada"), line("ada2"), line("bob"));
    assert_eq!(PinnedKeys::parse(&good).unwrap().people(), 2);
    for (bad, expected) in [
        (format!("ada {}\nbob {}", line("ada"), line("ada")), PinError::SharedKey),
        (format!("\nada{}", line("ada").replace(' ', "")), PinError::Line(2)),
        (format!("a\\da {}", line("ada")), PinError::Line(1)),
        (format!("ada  {}", line("ada")), PinError::Key(1, SshError::KeyLine)),
        ("ada ssh-rsa AAAA".into(), PinError::Key(1, SshError::KeyType)),
        ("x".repeat(2_000_000), PinError::Size),
    ] {
        assert_eq!(PinnedKeys::parse(&bad).err(), Some(expected), "{bad:.80}");
    }
    let three = NonZeroUsize::new(3).unwrap();
    let two_people = PinnedKeys::parse(&good).unwrap();
    assert_eq!(RosterEvidence::new(two_people, three).err(), Some(PinError::TooFewPeople));
}
