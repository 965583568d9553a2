//! Handing over: once, in order, and nothing that is not the sidecar's own.

use crate::sidecar::{Sidecar, checkpoint, desk, events_of, record_of};
use crate::wire::ShipRequest;
use countersign::audit::event::{Divergence, Event, Minted, Record, Reported};
use countersign::digest::PolicyDigest;
use countersign::moment::Moment;
use countersign::risk::Level;
use countersign::signer::Signer as _;
use countersign::store::conformance::events;
use countersign::tlog::{NoteSignature, SignedCheckpoint, VerifierKey};
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_handed_over_is_on_the_desks_record_once() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    // Much of a sidecar's log is its own affair.
    sidecar.record(Event::Stopped {});
    let first = sidecar.allow(r#"{"limit":1}"#);
    let report = Event::Reported(Reported {
        txn: first.txn,
        agent: sidecar.agent(),
        outcome: countersign::audit::event::Outcome::Succeeded,
        code: String::new(),
        detail: String::new(),
    });
    sidecar.record(report);
    let answer = sidecar.ship_from(0).await.unwrap();
    assert_eq!(answer.size, 4);
    // It is cosigned by the desk.
    let key = VerifierKey::parse(&sidecar.enrolled.cosigner).unwrap();
    let mut signed = SignedCheckpoint::parse(sidecar.checkpoint(4).as_bytes()).unwrap();
    signed.cosign(NoteSignature::parse(answer.cosignature.trim_end()).unwrap()).unwrap();
    assert_eq!(signed.note().check([&key]).unwrap().len(), 1);
    // An answer that was lost, and what overlaps, change nothing; what is missing is asked for.
    for first in [0, 2, 3] {
        let again = sidecar.ship_from(first).await.unwrap();
        assert_eq!((again.size, again.cosignature.is_empty()), (4, false), "from {first}");
    }
    let second = sidecar.allow(r#"{"limit":2}"#);
    assert_eq!(sidecar.ship_from(5).await.unwrap().size, 4, "a gap: nothing was taken");
    assert_eq!(sidecar.ship_from(2).await.unwrap().size, 6, "half of it was there");
    let record = record_of(&desk);
    let adopted: Vec<&Record> = record.iter().filter(|record| record.from.is_some()).collect();
    let kinds: Vec<_> =
        adopted.iter().map(|record| (record.event.kind(), record.from.as_ref().unwrap().index)).collect();
    assert_eq!(kinds, [("decided", 1), ("minted", 2), ("reported", 3), ("decided", 4), ("minted", 5)]);
    let decided: Vec<_> = adopted.iter().filter_map(|record| record.event.txn()).collect();
    assert_eq!(decided, [first.txn, first.txn, first.txn, second.txn, second.txn]);
    assert!(adopted.iter().all(|record| record.from.as_ref().unwrap().origin == sidecar.origin()));
    assert_eq!(events_of(&desk, "shipped").len(), 2);
    // Operators see how far it is.
    let listed = desk.operator().await.sidecars().await.unwrap();
    assert_eq!((listed[0].leaves, listed[0].behind, listed[0].diverged), (6, Some(0), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_connections_that_hand_over_the_same_one_is_recorded() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    for round in 0..10 {
        let first = sidecar.leaves.len();
        sidecar.allow(&format!(r#"{{"limit":{}}}"#, round + 1));
        let (one, two, three) =
            tokio::join!(sidecar.ship_from(first), sidecar.ship_from(first), sidecar.ship_from(first));
        for answer in [one, two, three] {
            assert_eq!(answer.unwrap().size, first as u64 + 2);
        }
    }
    assert_eq!(events_of(&desk, "shipped").len(), 10);
    assert_eq!(record_of(&desk).iter().filter(|record| record.from.is_some()).count(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_put_back_or_copied_is_found_out() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    for limit in 1..4 {
        sidecar.allow(&format!(r#"{{"limit":{limit}}}"#));
    }
    sidecar.ship_from(0).await.unwrap();
    // To ask how many are here says how many there are.
    let asked = |first| ShipRequest { first, ..ShipRequest::default() };
    assert_eq!(sidecar.ship(asked(6)).await.unwrap().size, 6);
    assert_eq!(events_of(&desk, "diverged").len(), 0);
    assert_eq!(sidecar.ship(asked(4)).await.unwrap().size, 6, "it is told, and stops");
    assert_eq!(sidecar.ship(asked(4)).await.unwrap().size, 6);
    let told = events_of(&desk, "diverged");
    let Event::Diverged(diverged) = &told[0].event else { panic!() };
    assert_eq!((told.len(), diverged.how, diverged.size), (1, Divergence::RolledBack, 6), "told once");
    // A copy of it goes another way.
    let whole = sidecar.leaves.clone();
    sidecar.leaves.truncate(4);
    sidecar.allow(r#"{"limit":9}"#);
    for first in [0, 2, 4] {
        let refused = sidecar.ship_from(first).await.unwrap_err();
        assert_eq!(refused.code(), Code::DataLoss, "from {first}: {refused:?}");
    }
    sidecar.allow(r#"{"limit":10}"#);
    assert_eq!(sidecar.ship_from(4).await.unwrap_err().code(), Code::DataLoss, "longer, and another");
    let refused =
        sidecar.ship(ShipRequest { first: 5, checkpoint: sidecar.checkpoint(5), ..ShipRequest::default() });
    assert_eq!(refused.await.unwrap_err().code(), Code::DataLoss, "a checkpoint alone says so as well");
    let Event::Diverged(forked) = &events_of(&desk, "diverged")[1].event else { panic!() };
    assert_eq!(forked.how, Divergence::Forked);
    assert!(desk.operator().await.sidecars().await.unwrap()[0].diverged);
    // The one that it was copied from goes on.
    sidecar.leaves = whole;
    let earlier = ShipRequest { first: 4, checkpoint: sidecar.checkpoint(4), ..ShipRequest::default() };
    assert_eq!(sidecar.ship(earlier).await.unwrap().size, 6, "an earlier checkpoint of it is only late");
    sidecar.allow(r#"{"limit":4}"#);
    assert_eq!(sidecar.ship_from(6).await.unwrap().size, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_that_a_sidecar_of_this_agent_may_not_hand_over() {
    let desk = desk("").await;
    let mut other = Sidecar::of(&desk, "agent:two").await;
    let theirs = other.allow(r#"{"limit":7}"#);
    other.ship_from(0).await.unwrap();
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    sidecar.allow(r#"{"limit":1}"#);
    sidecar.ship_from(0).await.unwrap();
    let decided = |sidecar: &Sidecar| sidecar.decided("orders.read", r#"{"limit":5}"#, None);
    let event = |decided| Event::Decided(Box::new(decided));
    let good = decided(&sidecar);
    let mint = sidecar.mint(&good, None);
    let waiting = sidecar.decided("orders.read", r#"{"limit":6}"#, Some(Level::High));
    let mut denied = decided(&sidecar);
    denied.decision.outcome = countersign::decision::Outcome::Deny;
    let with = |change: &dyn Fn(&mut countersign::audit::event::Decided)| {
        let mut decided = decided(&sidecar);
        change(&mut decided);
        event(decided)
    };
    let minted = |change: &dyn Fn(&mut Minted)| {
        let mut mint = mint.clone();
        change(&mut mint);
        vec![event(good.clone()), Event::Minted(Box::new(mint))]
    };
    let mut of_other = other.mint(&theirs, None);
    of_other.kid = mint.kid;
    let shipped = events::shipped(0, 0, 1);
    let rows: Vec<(&str, Vec<Event>)> = vec![
        ("another agent's decision", vec![event(other.decided("orders.read", "{}", None))]),
        ("a decision of the other's id", vec![with(&|decided| decided.txn = theirs.txn)]),
        ("one id twice", vec![event(good.clone()), event(good.clone())]),
        (
            "another operation than its digest",
            vec![with(&|decided| decided.op = decided.op.replace("5", "6"))],
        ),
        ("no operation", vec![with(&|decided| decided.op = "{}".to_owned())]),
        (
            "a policy of nobody",
            vec![with(&|decided| decided.decision.policy = PolicyDigest::from_bytes([1; 32]))],
        ),
        ("an escalation that asks nobody", vec![with(&|decided| decided.escalation = waiting.escalation)]),
        (
            "people asked without an escalation",
            vec![{
                let mut decided = waiting.clone();
                decided.escalation = None;
                event(decided)
            }],
        ),
        ("a token by another key", minted(&|minted| minted.kid = other.authority.public_key().id())),
        ("a token of no key", minted(&|minted| minted.kid = sidecar.log.public_key().id())),
        (
            "a token for another agent",
            minted(&|minted| minted.claims = minted.claims.replace("agent:one", "agent:two")),
        ),
        ("no token", minted(&|minted| minted.claims = "{}".to_owned())),
        (
            "another single-use key",
            minted(&|minted| minted.jti = countersign::party::TokenId::from_random([1; 16])),
        ),
        ("a token before its decision", vec![Event::Minted(Box::new(mint.clone())), event(good.clone())]),
        ("a token of the other's decision", vec![Event::Minted(Box::new(of_other))]),
        (
            "two tokens of one decision",
            [minted(&|_| {}), vec![Event::Minted(Box::new(mint.clone()))]].concat(),
        ),
        (
            "a token for what people were to approve",
            vec![event(waiting.clone()), Event::Minted(Box::new(sidecar.mint(&waiting, None)))],
        ),
        (
            "a token for what was denied",
            vec![event(denied.clone()), Event::Minted(Box::new(sidecar.mint(&denied, None)))],
        ),
        (
            "a report on the other's decision",
            vec![events::reported(theirs.txn, &sidecar.agent(), countersign::audit::event::Outcome::Failed)],
        ),
        (
            "a report in the other's name",
            vec![
                event(good.clone()),
                events::reported(good.txn, &other.agent(), countersign::audit::event::Outcome::Failed),
            ],
        ),
        ("a receipt of nothing", vec![events::receipted(theirs.txn, 1)]),
    ];
    let before = record_of(&desk).len();
    for (what, events) in rows {
        for event in events {
            sidecar.record(event);
        }
        let refused = sidecar.ship_from(2).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{what}: {refused:?}");
        sidecar.leaves.truncate(2);
    }
    // What is nobody's business at the desk is hashed, and not taken over: even what pretends to be the desk's.
    let harmless = [
        shipped,
        events::suspended(countersign::party::SuspensionId::from_random([1; 16]), Moment::default()),
    ];
    assert_eq!(record_of(&desk).len(), before, "nothing of what was refused is on record");
    for event in harmless {
        sidecar.record(event);
    }
    sidecar.record(event(good.clone()));
    sidecar.record(Event::Minted(Box::new(mint)));
    assert_eq!(sidecar.ship_from(2).await.unwrap().size, 6, "the tests' own decision is good");
    assert_eq!(events_of(&desk, "suspended").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_that_are_none_and_checkpoints_that_are_not_the_logs_are_refused() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    let other = Sidecar::of(&desk, "agent:one").await;
    sidecar.allow(r#"{"limit":1}"#);
    let good = sidecar.batch(0, 2);
    let by = |key, origin: &str| checkpoint(key, origin, &sidecar.leaves);
    let origin = sidecar.origin();
    for (what, checkpoint) in [
        ("another's key", by(&other.log, origin.as_str())),
        ("the key of its tokens", by(&sidecar.authority, origin.as_str())),
        ("another's log", by(&sidecar.log, other.origin().as_str())),
        ("not over the last leaf", sidecar.checkpoint(1)),
        ("nothing", "x".to_owned()),
        ("too long", "x".repeat(2 << 20)),
    ] {
        let refused = sidecar.ship(ShipRequest { checkpoint, ..good.clone() }).await.unwrap_err();
        let code = refused.code();
        assert!(matches!(code, Code::InvalidArgument | Code::DataLoss), "{what}: {refused:?}");
    }
    let canonical = sidecar.leaves[0].clone();
    let spaced = [b" ".as_slice(), &canonical].concat();
    let newer = String::from_utf8(canonical.clone()).unwrap().replace(r#""v":1"#, r#""new":true,"v":1"#);
    for (what, leaf) in [
        ("not canonical", spaced),
        ("of a newer version", newer.into_bytes()),
        ("no record", b"{}".to_vec()),
        ("not JSON", vec![0xff; 100]),
        ("too long", vec![b'x'; 70_000]),
    ] {
        sidecar.leaves[0] = leaf;
        let refused = sidecar.ship_from(0).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{what}: {refused:?}");
    }
    sidecar.leaves[0] = canonical;
    let many = sidecar.leaves.clone();
    for _ in 0..300 {
        sidecar.record(Event::Stopped {});
    }
    assert_eq!(sidecar.ship_from(0).await.unwrap_err().code(), Code::InvalidArgument, "too many at once");
    assert_eq!(other.ship(ShipRequest::default()).await.unwrap().size, 0, "nobody else is harmed");
    sidecar.leaves = many;
    // Somewhere above it a checkpoint that is too long counts as another log: it is refused and nothing else.
    assert_eq!(sidecar.ship_from(0).await.unwrap().size, 2);
}
