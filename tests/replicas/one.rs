//! What one replica records binds the others, at once where it must and soon everywhere.

use crate::fleet::{Ledger, Replica, everything, know_the_record, replicas, settle};
use crate::hall::{everybody, policy};
use crate::world::{World, person, signed};
use countersign::audit::event::Event;
use countersign::desk::Desk as _;
use countersign::escalation::vote::{Choice, Conditions};
use countersign::escalation::{Event as Step, Status};
use countersign::reviewer::profile::Preferences;
use countersign::sidecar::SidecarError;
use countersign::sidecar::brake::Which;
use countersign::sidecar::profiles::ProfileRefused;
use countersign::store::Store as _;
use std::time::Duration;

fn world() -> World {
    World::of(&policy(""), &everybody())
}

/// Reading is allowed without asking anybody.
fn allowed() -> World {
    let policy = policy("")
        .replace("  low: allow", "  low: allow\n")
        .replace("rules:\n", "rules:\n  - name: read\n    match: {action: \"see.*\"}\n    decision: allow\n");
    World::of(&policy, &everybody())
}

fn count(world: &World, wanted: impl Fn(&Event) -> bool) -> usize {
    (0..world.store.len()).filter(|index| wanted(&world.store.record(*index).unwrap().event)).count()
}

#[tokio::test]
async fn a_suspension_ordered_at_one_replica_stops_what_another_would_mint_before_it_has_heard_of_it() {
    let world = allowed();
    world.make_up_events();
    let (replicas, _) = replicas(&world, 2);
    let ask = || World::ask("see.it", "db://orders", r#"{"n": 1}"#);
    let answer = replicas[1].sidecar.authorize(ask()).await.unwrap();
    assert!(answer.granted.is_some(), "{:?}", answer.decision.reasons);
    let minted = count(&world, |event| matches!(event, Event::Minted(_)));
    let ordered = replicas[0].brake.suspend(everything()).await.unwrap();
    // Nobody has told the other replica.
    let answer = replicas[1].sidecar.authorize(ask()).await.unwrap();
    assert!(answer.granted.is_none());
    assert!(answer.decision.reasons[0].contains("suspended"), "{:?}", answer.decision.reasons);
    assert_eq!(
        count(&world, |event| matches!(event, Event::Minted(_))),
        minted,
        "nor is it recorded as minted"
    );
    // It is lifted at the one that did not order it, and the other finds that out as well.
    replicas[1].brake.resume(Which::One(ordered.suspension.id), "olga".to_owned()).await.unwrap();
    assert!(replicas[0].sidecar.authorize(ask()).await.unwrap().granted.is_none(), "not before it has heard");
    replicas[0].following.catch_up().unwrap();
    assert!(replicas[0].sidecar.authorize(ask()).await.unwrap().granted.is_some());
}

#[tokio::test]
async fn what_is_suspended_at_two_replicas_at_once_is_suspended_at_both() {
    let world = allowed();
    world.make_up_events();
    let (replicas, _) = replicas(&world, 2);
    let (left, right) =
        tokio::join!(replicas[0].brake.suspend(everything()), replicas[1].brake.suspend(everything()));
    let ids = [left.unwrap().suspension.id, right.unwrap().suspension.id];
    for replica in &replicas {
        replica.following.catch_up().unwrap();
        let known: Vec<_> = replica.brake.list().await.into_iter().map(|one| one.id).collect();
        assert!(ids.iter().all(|id| known.contains(id)), "{known:?}");
    }
    let lifted = replicas[1].brake.resume(Which::All, "olga".to_owned()).await.unwrap();
    assert_eq!(lifted.len(), 2);
    let ask = World::ask("see.it", "db://orders", r#"{"n": 1}"#);
    replicas[0].following.catch_up().unwrap();
    assert!(replicas[0].sidecar.authorize(ask).await.unwrap().granted.is_some());
}

#[tokio::test]
async fn a_token_that_was_granted_is_not_handed_out_again_once_the_suspension_is_heard_of() {
    let world = allowed();
    world.make_up_events();
    let (replicas, _) = replicas(&world, 2);
    let mut ask = World::ask("see.it", "db://orders", r#"{"n": 1}"#);
    ask.request_id = Some("r".to_owned());
    assert!(replicas[1].sidecar.authorize(ask.clone()).await.unwrap().granted.is_some());
    replicas[0].brake.suspend(everything()).await.unwrap();
    replicas[1].following.catch_up().unwrap();
    let again = replicas[1].sidecar.authorize(ask).await;
    assert!(matches!(again, Err(SidecarError::Suspended(_))), "{again:?}");
}

#[tokio::test]
async fn a_vote_brought_to_two_replicas_at_once_is_counted_once() {
    let world = World::of(&policy("      approvals: 2\n"), &everybody());
    world.make_up_events();
    let (replicas, ledger) = replicas(&world, 3);
    let answer = replicas[0].sidecar.authorize(World::ask("do.it", "db://orders", "{}")).await.unwrap();
    let id = answer.opened.unwrap().id;
    let statement = world.statement(id, "ada", Choice::Approve(Conditions::default())).await;
    let (one, two) = tokio::join!(
        replicas[1].desk.vote(id, signed(&statement)),
        replicas[2].desk.vote(id, signed(&statement))
    );
    assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
    assert_eq!(world.count(id, "voted"), 1);
    let docket = replicas[0].desk.docket(id).await.unwrap();
    assert_eq!(docket.escalation.status(world.now()), Status::Pending, "one person is not two");
    let statement = world.statement(id, "bob", Choice::Approve(Conditions::default())).await;
    replicas[0].desk.vote(id, signed(&statement)).await.unwrap();
    let docket = replicas[1].desk.docket(id).await.unwrap();
    assert_eq!(docket.escalation.status(world.now()), Status::Approved);
    know_the_record(&world, &replicas, &ledger);
}

#[tokio::test]
async fn what_waits_for_somebody_waits_for_them_at_every_replica() {
    let world = world();
    world.make_up_events();
    let (replicas, ledger) = replicas(&world, 3);
    for (number, replica) in replicas.iter().enumerate() {
        let ask = World::ask("do.it", &format!("db://{number}"), "{}");
        replica.sidecar.authorize(ask).await.unwrap();
    }
    assert!(replicas[2].desk.room(&World::caller().agent, 2).is_some(), "it has heard of its own only");
    know_the_record(&world, &replicas, &ledger);
    assert!(replicas[2].desk.room(&World::caller().agent, 3).is_none(), "all three count");
    assert!(replicas[0].desk.room(&World::caller().agent, 4).is_some());
    let id = world.open()[0];
    replicas[1].desk.cancel(id, World::caller().agent, "not any more".to_owned()).await.unwrap();
    know_the_record(&world, &replicas, &ledger);
    assert!(replicas[0].desk.room(&World::caller().agent, 3).is_some());
    // A second look at the same records counts nothing twice.
    know_the_record(&world, &replicas, &ledger);
}

#[tokio::test]
async fn absences_announced_at_two_replicas_both_stand() {
    let world = world();
    world.make_up_events();
    let (replicas, ledger) = replicas(&world, 3);
    let (ada, bob) = (world.signed_in("ada"), world.signed_in("bob"));
    let (from, until) = (world.now(), world.now().plus(Duration::from_secs(3600)));
    let (one, two) = tokio::join!(
        replicas[0].desk.announce(&ada, from, until, None),
        replicas[1].desk.announce(&bob, from, until, None)
    );
    one.unwrap();
    two.unwrap();
    know_the_record(&world, &replicas, &ledger);
    for replica in &replicas {
        for name in ["ada", "bob"] {
            assert_eq!(replica.desk.announced(&person(name)).len(), 1, "{name}");
        }
    }
    replicas[2].desk.come_back(&ada).await.unwrap();
    know_the_record(&world, &replicas, &ledger);
    assert_eq!(replicas[0].desk.announced(&person("bob")).len(), 1, "hers ends, and his does not");
}

#[tokio::test]
async fn a_profile_is_changed_by_one_of_two_who_change_it_at_once() {
    let world = world();
    world.make_up_events();
    let (replicas, ledger) = replicas(&world, 2);
    let quiet = |from| {
        move |profile: &mut countersign::reviewer::profile::Profile, _: &countersign::sidecar::InForce| {
            profile.preferences = Some(Preferences { channels: Vec::new(), quiet: Some((from, 60)) });
            Ok(())
        }
    };
    let ada = person("ada");
    let (one, two) = tokio::join!(
        replicas[0].profiles.change(&ada, "a test", quiet(1)),
        replicas[1].profiles.change(&ada, "a test", quiet(2))
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!([&one, &two].contains(&&Err(ProfileRefused::Changed)));
    know_the_record(&world, &replicas, &ledger);
    let left = replicas[0].profiles.of(&ada);
    assert_eq!((left.revision, one.or(two)), (1, Ok(left.clone())));
    // One that has not heard of it does not overwrite it.
    replicas[0].profiles.change(&ada, "a test", quiet(3)).await.unwrap();
    let stale = replicas[1].profiles.change(&ada, "a test", quiet(4)).await;
    assert_eq!(stale, Err(ProfileRefused::Changed));
    let again = replicas[1].profiles.change(&ada, "a test", quiet(4)).await.unwrap();
    assert_eq!(again.revision, 3);
    know_the_record(&world, &replicas, &ledger);
}

#[tokio::test(start_paused = true)]
async fn each_deadline_passes_once_and_another_replica_takes_over_from_one_that_died() {
    let world = world();
    world.make_up_events();
    let (replicas, ledger) = replicas(&world, 3);
    let run = |replica: &Replica| {
        let (desk, following) = (replica.desk.clone(), replica.following.clone());
        tokio::spawn(async move {
            let follow = following.run();
            let watch = desk.watch_deadlines();
            tokio::join!(follow, watch);
        })
    };
    let running: Vec<_> = replicas.iter().map(run).collect();
    let answer = replicas[0].sidecar.authorize(World::ask("do.it", "db://orders", "{}")).await.unwrap();
    let id = answer.opened.unwrap().id;
    // The replica that opened it dies.
    running[0].abort();
    for minute in 0..40 {
        world.clock.advance(Duration::from_secs(60));
        settle(&world).await;
        if minute == 20 {
            running[1].abort();
        }
    }
    // What a dead one had taken on lapses.
    world.clock.advance(Duration::from_secs(60));
    settle(&world).await;
    let steps = world.course(id);
    let reminded = steps.iter().filter_map(|step| match step {
        Step::Reminded { tenths, .. } => Some(*tenths),
        _ => None,
    });
    let mut reminded: Vec<u8> = reminded.collect();
    let all = reminded.len();
    reminded.dedup();
    assert_eq!(reminded.len(), all, "each reminder once: {:?}", world.timeline(id));
    assert_eq!(world.count(id, "expired"), 1, "{:?}", world.timeline(id));
    running.iter().for_each(tokio::task::JoinHandle::abort);
    know_the_record(&world, &replicas[2..], &ledger);
    drop::<std::sync::Arc<Ledger>>(ledger);
}
