//! Votes that must not count: forged, spliced, stuffed and cut ones, on a real escalation.

use crate::process::Served;
use crate::support::{POLICY, Service, approve, deploy, key, statement};
use crate::wire::{Wire, call, channel};
use countersign::escalation::vote::Choice;
use countersign::presence::ssh::VOTE_NAMESPACE;
use tonic::Code;

const VOTE: &str = "/countersign.v1.Review/Vote";

/// A statement with its signature, and what must be said to it.
type Row = (&'static str, (Vec<u8>, String), &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn no_vote_counts_that_is_not_exactly_one() {
    let served = Served::start(Service::prepare(POLICY, "", ""));
    let service = &served.service;
    let (id, other) = (service.escalate(deploy("1")).await, service.escalate(deploy("2")).await);
    let reviewer = service.reviewer().await;
    let (shown, shown_other) = (reviewer.show(&id).await.unwrap(), reviewer.show(&other).await.unwrap());
    let sign = |who: &str, bytes: &[u8]| key(who).sign(VOTE_NAMESPACE, bytes).to_armored();
    let good = statement(&shown, "ada", approve(&[])).to_text();
    let signature = sign("ada", good.as_bytes());
    let changed = |from: &str, to: &str| {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from} is not in it");
        text
    };
    let signed = |text: String| {
        let signature = sign("ada", text.as_bytes());
        (text.into_bytes(), signature)
    };
    let as_is = |signature: String| (good.clone().into_bytes(), signature);
    let foreign = statement(&shown_other, "ada", approve(&[])).to_text();
    let unenforced = statement(&shown, "ada", approve(&["dry_run"])).to_text();
    let armor = |lines: usize| {
        format!("-----BEGIN SSH SIGNATURE-----\n{}-----END SSH SIGNATURE-----\n", "AAAA\n".repeat(lines))
    };
    let (first, rest) = good.split_at(1);
    let rows: Vec<Row> = vec![
        ("nothing", (vec![], String::new()), ""),
        ("no statement", (vec![], signature.clone()), ""),
        ("a member twice", signed(format!("{first}\"decision\":\"approve\",{rest}")), "vote.statement."),
        ("an unknown member", signed(format!("{first}\"aaa\":1,{rest}")), "vote.statement."),
        ("not canonical", signed(changed(":", ": ")), "vote.statement.not_canonical"),
        ("something behind it", signed(format!("{good}{{}}")), "vote.statement."),
        ("a line feed behind it", signed(format!("{good}\n")), "vote.statement."),
        ("an array", signed(format!("[{good}]")), "vote.statement."),
        ("100 000 deep", signed("[".repeat(100_000)), "vote.statement."),
        ("1 MiB", signed(changed("it was", &"x".repeat(1 << 20))), "vote.statement."),
        ("for another escalation", signed(foreign), "vote.other_escalation"),
        ("a condition that nobody enforces", signed(unenforced), "vote.condition_not_enforced"),
        ("another's name", signed(changed("ada", "grace")), "vote.unknown_key"),
        ("a stranger's name", signed(changed("ada", "mallory")), "vote."),
        ("another's key", as_is(sign("grace", good.as_bytes())), "vote.unknown_key"),
        ("a key of nobody", as_is(sign("mallory", good.as_bytes())), "vote.unknown_key"),
        ("a signature over something else", as_is(sign("ada", b"hello")), "ssh.signature."),
        (
            "a signature for another purpose",
            as_is(key("ada").sign("git", good.as_bytes()).to_armored()),
            "ssh.signature.namespace",
        ),
        ("no armour", as_is("AAAA".to_owned()), "ssh.signature."),
        ("1 MB of armour", as_is(armor(200_000)), "ssh.signature."),
        ("10 000 lines of armour", as_is(armor(10_000)), "ssh.signature."),
        ("two signatures", as_is(signature.repeat(2)), "ssh.signature."),
        ("half a signature", as_is(signature[..signature.len() / 2].to_owned()), "ssh.signature."),
    ];
    let reviewers = channel(&service.path("review.sock")).await;
    let mut found = Vec::new();
    for (name, (statement, signature), words) in rows {
        let message = Wire::default().text(1, &id).bytes(2, &statement).text(3, &signature).0;
        match call(&reviewers, VOTE, message).await {
            Err(status) if status.code() == Code::PermissionDenied && status.message().contains(words) => {}
            other => found.push(format!("{name}: {other:?} does not say `{words}`")),
        }
    }
    // Without a signature it takes somebody who is signed in.
    let unsigned = Wire::default().text(1, &id).text(2, &good).0;
    assert_eq!(call(&reviewers, VOTE, unsigned).await.unwrap_err().code(), Code::Unauthenticated);
    let message = Wire::default().text(1, &id).bytes(2, b"\xff\xfe").text(3, &signature).0;
    assert_eq!(call(&reviewers, VOTE, message).await.unwrap_err().code(), Code::InvalidArgument);
    let message = Wire::default().text(1, &id).text(2, &good).bytes(3, b"\xff").0;
    assert_eq!(call(&reviewers, VOTE, message).await.unwrap_err().code(), Code::Internal);
    assert!(found.is_empty(), "{}", found.join("\n"));

    let shown = reviewer.show(&id).await.unwrap();
    assert_eq!((shown.summary.approvals, shown.votes.len()), (0, 0), "none of them was counted");
    service.vote(&id, "ada", Choice::Deny).await.unwrap();
    assert_eq!(service.end_of(&id).await.grant, None);
    // A vote is good once: the same bytes again find the escalation over.
    let again = Wire::default().text(1, &id).text(2, &good).text(3, &signature).0;
    assert!(call(&reviewers, VOTE, again).await.is_err());
    assert_eq!(served.stop().minted(), 0);
}
