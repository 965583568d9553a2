//! What changes between a vote and what comes of it: people, policies, conditions, and somebody else's vote.

use crate::authenticator::{Algorithm, Authenticator, Ceremony, ORIGIN, RP_ID};
use crate::support::approve;
use crate::world::{HOSTILE, World, everybody, pinned, refusal};
use countersign::condition::ExecutionFacts;
use countersign::desk::{LocalDesk, VoteRefused};
use countersign::escalation::evidence::EvidenceFault;
use countersign::escalation::vote::{Choice, Statement, VoteError};
use countersign::escalation::{Status, VoteRefusal};
use countersign::operation::Operation;
use countersign::sidecar::Ask;
use std::collections::HashMap;
use std::sync::Arc;

fn world() -> World {
    World::of(HOSTILE, &everybody())
}

fn to(action: &str) -> Ask {
    World::ask(action, "shop/production", r#"{"version":"2"}"#)
}

#[tokio::test]
async fn whoever_left_the_roster_before_it_was_resolved_has_not_agreed() {
    for without in [
        everybody().replace("roles: [oncall, lead]", "roles: [engineer]"),
        everybody().lines().filter(|line| !line.contains("id: ada")).collect::<Vec<_>>().join("\n"),
    ] {
        let world = world();
        let id = world.escalate(to("do.two")).await;
        assert_eq!(world.vote(id, "ada", approve(&[])).await.unwrap(), Status::Pending);
        world.people_are(&without);
        assert_eq!(world.vote(id, "bob", approve(&[])).await.unwrap(), Status::Pending, "Ada counts no more");
        assert_eq!(world.vote(id, "cyd", approve(&[])).await.unwrap(), Status::Approved);
        let approvals = world.docket(id).await.escalation.approvals();
        let people: Vec<&str> = approvals.iter().map(|one| one.person.as_str()).collect();
        assert_eq!(people, ["bob", "cyd"]);
    }
}

#[tokio::test]
async fn where_those_who_could_still_agree_leave_it_ends_at_once() {
    let world = world();
    let id = world.escalate(to("do.both")).await;
    world.vote(id, "bob", approve(&[])).await.unwrap();
    world.people_are(&everybody().replace("lead]", "engineer]"));
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, end.granted), (Status::Blocked, None));
}

#[tokio::test]
async fn an_approval_is_no_access_once_the_policy_denies() {
    let stricter = HOSTILE.replace("\"*/crown-jewels\"", "\"shop/*\"");
    // Before it was approved, and after.
    for early in [true, false] {
        let world = world();
        let id = world.escalate(to("do.one")).await;
        let statement = world.statement(id, "ada", approve(&[])).await;
        if early {
            world.decide_under(&stricter);
        }
        // It keeps the terms under which people were asked; whether it may run is asked anew.
        assert_eq!(world.cast(id, &statement).await.unwrap(), Status::Approved);
        world.decide_under(&stricter);
        let end = world.progress(id).await.unwrap();
        assert_eq!((end.status, end.granted, world.minted(id)), (Status::Blocked, None, false));
        assert!(end.reasons.iter().any(|why| why.contains("nobody touches these")), "{:?}", end.reasons);
    }
}

#[tokio::test]
async fn a_condition_can_be_taken_out_of_neither_token_nor_votes() {
    let world = world();
    let id = world.escalate(to("do.two")).await;
    world.vote(id, "ada", approve(&["canary:max_percent=10"])).await.unwrap();
    world.vote(id, "bob", approve(&["row_limit:max=5"])).await.unwrap();
    let granted = world.granted(id).await;
    let facts = ExecutionFacts {
        targets: Some(1),
        all_targets: Some(10),
        rows: Some(5),
        ..ExecutionFacts::default()
    };
    // Somebody on the way: the signature is the sidecar's.
    let mut forged = granted.clone();
    let (head, rest) = granted.token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let claims = countersign::digest::from_base64url(payload).unwrap();
    let claims = String::from_utf8(claims).unwrap();
    let wider = claims.replace("\"max_percent\":10", "\"max_percent\":99");
    assert_ne!(claims, wider);
    forged.token = format!("{head}.{}.{signature}", countersign::digest::base64url(wider.as_bytes()));
    let refused = world.verify(&forged, &facts, &["ada", "bob"]).unwrap_err();
    assert_eq!(refused.code(), "signature.invalid");
    // The sidecar itself: the reviewers signed what they asked for.
    let verified = world.verify(&granted, &facts, &["ada", "bob"]).unwrap();
    let evidence: Vec<&[u8]> = granted.evidence.iter().map(Vec::as_slice).collect();
    let prove = |claims: &_, evidence: &[&[u8]]| pinned(&["ada", "bob"]).prove(claims, evidence);
    let mut claims = verified.claims().clone();
    assert_eq!(prove(&claims, &evidence), Ok(()));
    for kept in [0, 1] {
        let mut fewer = claims.clone();
        fewer.conditions.remove(kept);
        assert_eq!(prove(&fewer, &evidence), Err(EvidenceFault::ConditionDropped));
    }
    assert_eq!(prove(&claims, &evidence[..1]), Err(EvidenceFault::Missing), "nor with the vote");
    claims.approvals.pop();
    let one = pinned(&["ada"]).prove(&claims, &evidence);
    assert_eq!(one, Err(EvidenceFault::Unasked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_votes_at_the_same_instant_have_one_outcome() {
    for round in 0..8 {
        let world = Arc::new(world());
        let id = world.escalate(to("do.one")).await;
        let yes = world.statement(id, "ada", approve(&[])).await;
        let no = world.statement(id, "bob", Choice::Deny).await;
        let together = Arc::new(tokio::sync::Barrier::new(2));
        let cast = |statement| {
            let (world, together) = (world.clone(), together.clone());
            tokio::spawn(async move {
                together.wait().await;
                world.cast(id, &statement).await
            })
        };
        let (yes, no) = (cast(yes), cast(no));
        let (yes, no) = (yes.await.unwrap(), no.await.unwrap());
        assert!(yes.is_ok() ^ no.is_ok(), "round {round}: {yes:?} {no:?}");
        let (status, late) = if yes.is_ok() { (Status::Approved, no) } else { (Status::Denied, yes) };
        assert_eq!((world.status(id).await, refusal(late)), (status, VoteRefusal::Resolved(status)));
        assert_eq!(world.count(id, "approved") + world.count(id, "denied"), 1);
        assert_eq!(world.count(id, "voted"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_sent_by_many_at_once_counts_once() {
    let world = Arc::new(world());
    let id = world.escalate(to("do.two")).await;
    let statement = world.statement(id, "ada", approve(&[])).await;
    let mut sent = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (world, statement) = (world.clone(), statement.clone());
        sent.spawn(async move { world.cast(id, &statement).await });
    }
    let answers = sent.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert_eq!((world.status(id).await, world.count(id, "voted")), (Status::Pending, 1));
}

fn with_a_passkey(who: &str) -> String {
    let passkey = Authenticator::of(who, Algorithm::Es256).passkey();
    let line = format!("passkeys: [{{id: {}, key: {}}}], ", passkey.id, passkey.key);
    let top = format!("version: 1\npasskeys: {{rp_id: {RP_ID}, origins: [\"{ORIGIN}\"]}}\n");
    let text = everybody().replace("version: 1\n", &top);
    text.replace(&format!("{{id: {who}, "), &format!("{{id: {who}, {line}"))
}

#[tokio::test]
async fn a_passkey_that_was_cloned_or_fooled_signs_nothing() {
    type Change = fn(&mut Ceremony);
    let world = World::of(HOSTILE, &with_a_passkey("ada"));
    let brought = async |desk: &LocalDesk, version: u32, change: &dyn Fn(&mut Ceremony)| {
        let ask = World::ask("do.one", "shop/production", &format!(r#"{{"version":"{version}"}}"#));
        let id = world.escalate(ask).await;
        let text = world.statement(id, "ada", approve(&[])).await.to_text();
        let mut ceremony = Ceremony::of(&text);
        change(&mut ceremony);
        let vote = Authenticator::of("ada", Algorithm::Es256).vote(&text, &ceremony);
        let outcome = match desk.vote(id, vote).await {
            Ok(docket) => docket.escalation.status(docket.escalation.case().opening().opened_at).to_string(),
            Err(VoteRefused::Vote(error @ VoteError::Passkey(_))) => error.code().to_owned(),
            Err(other) => panic!("{other}"),
        };
        world.sidecar.cancel(&World::caller(), id, "next".to_owned()).await.ok();
        outcome
    };
    let fooled: [(Change, &str); 4] = [
        (|it| it.origin = "https://console.example.com.evil.example".to_owned(), "passkey.other_origin"),
        (|it| it.challenge = Ceremony::of("another statement").challenge, "passkey.other_challenge"),
        (|it| it.flags = 0x04, "passkey.user_not_present"),
        (|it| it.rp_id = "evil.example".to_owned(), "passkey.other_relying_party"),
    ];
    for (version, (change, refused)) in (10..).zip(fooled) {
        assert_eq!(brought(&world.desk, version, &change).await, refused);
    }
    for (version, counter, outcome) in [
        (1, 5, "approved"),
        (2, 5, "passkey.cloned_counter"),
        (3, 4, "passkey.cloned_counter"),
        (4, 0, "passkey.cloned_counter"),
        (5, 6, "approved"),
    ] {
        let found = brought(&world.desk, version, &|it: &mut Ceremony| it.counter = counter).await;
        assert_eq!(found, outcome, "at {counter}");
    }
    // A desk that starts anew reads from the record where the counter stood.
    let again =
        LocalDesk::new(world.store.clone(), world.in_force.clone(), HashMap::new(), world.clock.clone())
            .unwrap();
    assert_eq!(brought(&again, 6, &|it: &mut Ceremony| it.counter = 6).await, "passkey.cloned_counter");
    assert_eq!(brought(&again, 7, &|it: &mut Ceremony| it.counter = 7).await, "approved");

    // A vote for a change that the agent never took has counted as well.
    let id = world.escalate(World::ask("do.one", "shop/production", r#"{"version":"8"}"#)).await;
    let other = Operation::from_json("do.one", "shop/production", br#"{"version":"9"}"#).unwrap();
    let draft = world.sidecar.draft_amendment(id, other, None).await.unwrap();
    let statement = Statement {
        escalation: draft.successor,
        operation: draft.operation.digest(),
        shown: draft.rendering.digest,
        ..world.statement(id, "ada", approve(&[])).await
    };
    let text = statement.to_text();
    let mut ceremony = Ceremony::of(&text);
    ceremony.counter = 8;
    let vote = Authenticator::of("ada", Algorithm::Es256).vote(&text, &ceremony);
    let ballot = world.desk.signed_ballot(&vote).unwrap();
    world.sidecar.amend(id, &draft.operation, None, &ballot).await.unwrap();
    let again =
        LocalDesk::new(world.store.clone(), world.in_force.clone(), HashMap::new(), world.clock.clone())
            .unwrap();
    assert_eq!(brought(&again, 10, &|it: &mut Ceremony| it.counter = 8).await, "passkey.cloned_counter");
}
