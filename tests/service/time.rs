//! Time and policy under the sidecar's feet, with a clock that the test sets: deadlines, doubts, second thoughts.

use crate::support::{POLICY, approve};
use crate::world::{World, noon, world};
use countersign::audit::event::Event;
use countersign::clock::{Clock as _, Reading};
use countersign::escalation::Status;
use countersign::escalation::vote::Reason;
use countersign::sidecar::brake::{BrakeError, Order, Which};
use countersign::sidecar::{Ask, SidecarError};
use countersign::store::Store as _;
use std::time::Duration;

fn deploy() -> Ask {
    World::ask("deploy.release", "shop/production", r#"{"version":"2"}"#)
}

#[tokio::test]
async fn nobody_decides_in_time_and_it_is_denied() {
    let world = world();
    let id = world.escalate(deploy()).await;
    assert_eq!(world.progress(id).await.unwrap().status, Status::Pending);
    world.clock.advance(Duration::from_secs(30 * 60));
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, end.granted), (Status::Expired, None));
}

#[tokio::test(start_paused = true)]
async fn what_is_due_takes_effect_although_nobody_looks() {
    let world = world();
    let later = "rules:\n  - name: later\n    match: {action: \"deploy.*\"}\n    decision: escalate\n    \
                 escalation: {reviewers: [user:ada, user:grace], timeout: 1h, delegation: [{after: 10m, reviewers: [user:grace]}]}\n";
    world.decide_under(&POLICY.replace("rules:\n", later));
    let id = world.escalate(deploy()).await;
    let desk = world.desk.clone();
    let watching = tokio::spawn(async move { desk.watch_deadlines().await });
    let names = || {
        let course = world.store.course(id).unwrap().records.into_iter();
        let step = course.filter_map(|(_, record)| {
            if let Event::Escalation { step, .. } = record.event { Some(step.name()) } else { None }
        });
        step.collect::<Vec<_>>()
    };
    let mut changes = world.store.watch(id);
    // A stage begins, which changes nothing that is recorded; people are reminded twice; the time is over.
    for (minutes, expected) in [(10, "asked"), (30, "reminded"), (54, "reminded"), (60, "expired")] {
        let ahead = noon().plus(Duration::from_secs(60 * minutes)).since(world.clock.now());
        world.clock.advance(ahead);
        if minutes == 10 {
            // The runtime's own clock stands still but for this, and jumps where nobody has anything to do.
            tokio::time::sleep(Duration::from_secs(5)).await;
        } else {
            changes.changed().await.unwrap();
        }
        assert_eq!(names().last(), Some(&expected), "after {minutes} minutes");
    }
    watching.abort();
    assert_eq!(names(), ["opened", "asked", "reminded", "reminded", "expired"]);
}

#[tokio::test]
async fn a_token_not_collected_in_time_lapses() {
    let world = world();
    let id = world.escalate(deploy()).await;
    assert_eq!(world.vote(id, "ada", approve(&[])).await.unwrap(), Status::Approved);
    world.clock.advance(Duration::from_secs(10 * 60));
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, end.granted), (Status::Lapsed, None));
}

#[tokio::test]
async fn what_was_approved_is_decided_again_before_it_is_minted() {
    let world = world();
    let id = world.escalate(deploy()).await;
    assert_eq!(world.vote(id, "ada", approve(&[])).await.unwrap(), Status::Approved);
    let stricter = POLICY.replace(
        "rules:\n",
        "rules:\n  - name: freeze\n    match: {action: \"deploy.*\"}\n    decision: deny\n    reason: a freeze is on\n",
    );
    world.decide_under(&stricter);
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, end.granted), (Status::Blocked, None));
    assert!(end.reasons.iter().any(|reason| reason.contains("freeze")), "{:?}", end.reasons);
    // It stays so when the policy is lenient again.
    world.decide_under(POLICY);
    assert_eq!(world.progress(id).await.unwrap().status, Status::Blocked);
}

#[tokio::test]
async fn a_suspension_ends_when_it_was_to_end_and_that_is_recorded_with_the_next_one() {
    let world = world();
    let read = || World::ask("orders.read", "db/staging/orders", "{}");
    let order = |lasts| Order {
        agent: None,
        action: None,
        reason: Reason::new("a pause").unwrap(),
        by: "olga".to_owned(),
        lasts,
    };
    let two_hours = Duration::from_secs(2 * 3600);
    let brake = &world.sidecar.brake;
    let brief = brake.suspend(order(Some(two_hours))).await.unwrap().suspension;
    world.clock.advance(two_hours - Duration::from_millis(1));
    assert!(world.sidecar.authorize(read()).await.unwrap().decision.denies());
    world.clock.advance(Duration::from_millis(1));
    assert!(world.sidecar.authorize(read()).await.unwrap().granted.is_some());
    assert_eq!(brake.list().await, []);
    let over = brake.resume(Which::One(brief.id), "olga".to_owned()).await;
    assert_eq!(over, Err(BrakeError::Unknown(brief.id)));
    let lasting = brake.suspend(order(None)).await.unwrap().suspension;
    let store = &world.sidecar.store;
    let found: Vec<_> =
        store.suspensions().unwrap().into_iter().map(|index| store.record(index).unwrap()).collect();
    let expected = Event::Suspended { suspension: Box::new(lasting.clone()) };
    assert_eq!(found.into_iter().map(|record| record.event).collect::<Vec<_>>(), [expected]);
    world.clock.advance(Duration::from_secs(365 * 24 * 3600));
    assert_eq!(brake.list().await, [lasting]);
}

#[tokio::test]
async fn while_the_clock_is_in_doubt_nothing_is_decided_or_minted() {
    let world = world();
    let id = world.escalate(deploy()).await;
    world.vote(id, "ada", approve(&[])).await.unwrap();
    let latest = world.clock.now();
    world.clock.set(Reading::InDoubt { wall: latest.minus(Duration::from_secs(3600)), latest });
    let read = World::ask("orders.read", "db/staging/orders", "{}");
    assert_eq!(world.sidecar.authorize(read.clone()).await.unwrap_err(), SidecarError::ClockInDoubt);
    assert_eq!(world.progress(id).await.unwrap_err(), SidecarError::ClockInDoubt);
    world.clock.set(Reading::Sure(latest));
    assert!(world.sidecar.authorize(read).await.unwrap().granted.is_some());
    assert_eq!(world.progress(id).await.unwrap().status, Status::Claimed);
}

#[tokio::test]
async fn keys_that_have_expired_sign_nothing() {
    let world = world();
    world.clock.advance(Duration::from_secs(24 * 3600));
    let read = World::ask("orders.read", "db/staging/orders", "{}");
    assert!(matches!(world.sidecar.authorize(read.clone()).await.unwrap_err(), SidecarError::NoKey(_)));
    let renewed = world.sidecar.issuance.refresh(world.clock.now()).unwrap();
    assert_eq!(renewed.certified.len(), 1);
    // It signs nothing before the record says so.
    assert!(matches!(world.sidecar.authorize(read.clone()).await.unwrap_err(), SidecarError::NoKey(_)));
    renewed.certified.iter().for_each(|certified| world.certified(certified));
    world.sidecar.issuance.admit(renewed.certified);
    assert!(world.sidecar.authorize(read).await.unwrap().granted.is_some());
}

#[tokio::test]
async fn keys_are_renewed_at_half_life_and_the_old_one_stays_published() {
    let world = world();
    let old = world.sidecar.issuance.current(noon()).unwrap().key_id();
    let before = world.sidecar.issuance.refresh(noon().plus(Duration::from_secs(11 * 3600))).unwrap();
    assert!(before.certified.is_empty());
    let later = noon().plus(Duration::from_secs(12 * 3600));
    let refreshed = world.sidecar.issuance.refresh(later).unwrap();
    let new = refreshed.certified[0].key_id();
    assert_ne!(old, new);
    assert_eq!(
        world.sidecar.issuance.current(later).unwrap().key_id(),
        old,
        "the record does not know it yet"
    );
    assert_eq!(world.sidecar.issuance.refresh(later).unwrap().certified[0].key_id(), new, "it is made once");
    world.sidecar.issuance.admit(refreshed.certified);
    assert_eq!(world.sidecar.issuance.current(later).unwrap().key_id(), new);
    let published = world.sidecar.issuance.published();
    for id in [old, new] {
        assert!(published.jwks.contains(&id.to_string()));
    }
}

#[tokio::test]
async fn the_logs_key_mints_nothing_and_is_given_up_once_it_is_revoked() {
    let world = world();
    let issuance = &world.sidecar.issuance;
    let log = issuance.log().unwrap();
    assert!(issuance.of(log.key_id()).is_none());
    assert!(!issuance.published().jwks.contains(&log.key_id().to_string()));
    let unchanged = issuance.refresh(noon()).unwrap();
    assert!(unchanged.certified.is_empty() && unchanged.revoked.is_empty() && unchanged.log.is_ok());
    world.keys().revoke(log.key_id()).unwrap();
    let noticed = issuance.refresh(noon()).unwrap();
    assert_eq!(noticed.revoked, [log.key_id()]);
    assert!(noticed.log.is_err() && issuance.log().is_none());
    let read = World::ask("orders.read", "db/staging/orders", "{}");
    assert!(world.sidecar.authorize(read).await.unwrap().granted.is_some());
    let next = world.keys().rotate_log(noon()).unwrap();
    let noticed = issuance.refresh(noon()).unwrap();
    assert_eq!(noticed.certified.iter().map(|key| key.key_id()).collect::<Vec<_>>(), [next.key_id()]);
    assert!(noticed.revoked.is_empty());
    assert!(issuance.log().is_none());
    issuance.admit(noticed.certified);
    assert_eq!(issuance.log().unwrap().key_id(), next.key_id());
}
