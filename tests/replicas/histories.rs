//! Random histories over three replicas, with crashes in the middle of anything: what is on the record is what one desk
//! would have made of it, and every replica knows it.

use crate::fleet::{Ledger, Replica, everything, know_the_record, replicas};
use crate::hall::{everybody, policy};
use crate::world::{World, person, signed};
use countersign::audit::event::Event;
use countersign::desk::Desk as _;
use countersign::escalation::Event as Step;
use countersign::escalation::vote::{Choice, Conditions};
use countersign::party::{EscalationId, SuspensionId};
use countersign::sidecar::brake::Which;
use countersign::store::Store as _;
use countersign::store::conformance::events::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const NAMES: [&str; 3] = ["ada", "bob", "cyd"];

/// Does something at a replica; now and then it is given up in the middle, as if the process had died there.
async fn maybe_cut<T: Send + 'static>(
    dice: &mut Dice,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let task = tokio::spawn(work);
    if dice.below(4) > 0 {
        return task.await.ok();
    }
    for _ in 0..dice.below(6) {
        tokio::task::yield_now().await;
    }
    task.abort();
    task.await.ok()
}

async fn step(world: &World, replicas: &mut [Replica], ledger: &Arc<Ledger>, dice: &mut Dice) {
    let at = dice.below(replicas.len());
    let open = world.open();
    let any = (!open.is_empty()).then(|| open[dice.below(open.len().max(1))]);
    let replica = &replicas[at];
    match (dice.below(12), any) {
        (0..=2, _) | (_, None) => {
            let action = ["do.it", "see.it"][dice.below(2)];
            let ask = World::ask(action, &format!("db://{}", dice.below(9)), "{}");
            let sidecar = replica.sidecar.clone();
            drop(maybe_cut(dice, async move { sidecar.authorize(ask).await }).await);
        }
        (3..=5, Some(id)) => {
            let choice =
                if dice.below(3) > 0 { Choice::Approve(Conditions::default()) } else { Choice::Deny };
            let statement = world.statement(id, NAMES[dice.below(3)], choice).await;
            // The same vote is brought to two of them, because no answer came from the first.
            let other = replicas[dice.below(replicas.len())].desk.clone();
            let desk = replica.desk.clone();
            let (one, two) = (signed(&statement), signed(&statement));
            let both = async move { tokio::join!(desk.vote(id, one), other.vote(id, two)) };
            drop(maybe_cut(dice, both).await);
        }
        (6, Some(id)) => {
            let (desk, agent) = (replica.desk.clone(), World::caller().agent);
            drop(maybe_cut(dice, async move { desk.cancel(id, agent, "enough".to_owned()).await }).await);
        }
        (7, Some(id)) => {
            let sidecar = replica.sidecar.clone();
            let follow = async move { sidecar.cancel(&World::caller(), id, "enough".to_owned()).await };
            drop(maybe_cut(dice, follow).await);
        }
        (8, _) => {
            let brake = replica.brake.clone();
            match dice.below(2) {
                0 => drop(maybe_cut(dice, async move { brake.suspend(everything()).await }).await),
                _ => drop(
                    maybe_cut(dice, async move { brake.resume(Which::All, "olga".to_owned()).await }).await,
                ),
            }
        }
        (9, _) => {
            let who = world.signed_in(NAMES[dice.below(3)]);
            let (desk, from) = (replica.desk.clone(), world.now());
            let until = from.plus(Duration::from_secs(600));
            let away = dice.below(2) == 0;
            let announce = async move {
                if away {
                    drop(desk.announce(&who, from, until, None).await);
                } else {
                    drop(desk.come_back(&who).await);
                }
            };
            maybe_cut(dice, announce).await;
        }
        (10, _) => replica.following.catch_up().unwrap(),
        (_, Some(_)) => {
            // It dies and starts again.
            replicas[at] = Replica::start(world, ledger, at);
        }
    }
    world.clock.advance(Duration::from_secs(dice.below(90) as u64));
    if dice.below(3) == 0 {
        for id in world.open() {
            drop(replicas[dice.below(replicas.len())].desk.docket(id).await);
        }
    }
}

/// What must be true of a record, read from its beginning.
fn sound(world: &World) {
    let mut suspended: BTreeSet<SuspensionId> = BTreeSet::new();
    let mut voted: BTreeSet<(EscalationId, String)> = BTreeSet::new();
    let mut reminded: BTreeSet<(EscalationId, u8)> = BTreeSet::new();
    let mut ended: BTreeMap<EscalationId, &str> = BTreeMap::new();
    for index in 0..world.store.len() {
        let record = world.store.record(index).unwrap();
        match record.event {
            Event::Suspended { suspension } => drop(suspended.insert(suspension.id)),
            Event::Resumed { id, .. } => drop(suspended.remove(&id)),
            Event::Minted(_) => assert_eq!(suspended.len(), 0, "record {index} is minted under a suspension"),
            Event::Escalation { id, step } => {
                if let Step::Voted(vote) = &step {
                    assert!(
                        voted.insert((id, vote.person().to_string())),
                        "record {index} counts a vote twice"
                    );
                }
                if let Step::Reminded { tenths, .. } = &step {
                    assert!(reminded.insert((id, *tenths)), "record {index} reminds twice");
                }
                if matches!(step, Step::Denied { .. } | Step::Expired { .. } | Step::Cancelled { .. }) {
                    let before = ended.insert(id, step.name());
                    assert_eq!(before, None, "record {index} ends what has ended");
                }
            }
            _ => {}
        }
    }
}

async fn history(seed: u64) {
    let allows = policy("")
        .replace("rules:\n", "rules:\n  - name: read\n    match: {action: \"see.*\"}\n    decision: allow\n");
    let world = World::of(&allows, &everybody());
    world.make_up_events();
    let (mut replicas, ledger) = replicas(&world, 3);
    let mut dice = Dice::new(seed);
    for _ in 0..60 {
        step(&world, &mut replicas, &ledger, &mut dice).await;
    }
    // Whatever was given up in the middle comes to its end or does not, and then all know the same.
    for id in world.open() {
        drop(replicas[0].desk.docket(id).await);
    }
    sound(&world);
    know_the_record(&world, &replicas, &ledger);
    let away = |replica: &Replica| NAMES.map(|name| replica.desk.announced(&person(name)));
    assert!(replicas.iter().all(|replica| away(replica) == away(&replicas[0])));
}

#[tokio::test]
async fn random_histories_leave_one_record_that_all_know() {
    for seed in 0..12 {
        history(seed).await;
    }
}
