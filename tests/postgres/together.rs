//! Several processes on one log: one order, one truth, and each hears of what the others do.

use crate::{options, runtime};
use countersign::audit::event::{Event, Outcome, RequestKey};
use countersign::moment::Moment;
use countersign::party::{EscalationId, TxnId};
use countersign::store::conformance::events::{
    Dice, agent, allowed, minted, opened, refused_vote, reported, step,
};
use countersign::store::conformance::model::Model;
use countersign::store::conformance::tree::compare_tree;
use countersign::store::postgres::{Options, PostgresStore};
use countersign::store::{Change, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

fn at(second: u64) -> Moment {
    Moment::from_unix_seconds(1_700_000_000 + second)
}

/// So many stores on one schema.
fn stores(schema: &str, number: usize, change: impl Fn(Options) -> Options) -> Vec<Arc<PostgresStore>> {
    (0..number).map(|_| Arc::new(PostgresStore::open(change(options(schema))).unwrap().0)).collect()
}

#[test]
fn changes_of_all_have_one_order_and_all_see_the_same() {
    let stores = stores("interleaved", 3, |options| options);
    runtime().block_on(async {
        let mut tasks = JoinSet::new();
        for task in 0..12 {
            let store = Arc::clone(&stores[task % 3]);
            tasks.spawn(async move {
                let mut dice = Dice::new(task as u64);
                let mut made = Vec::new();
                for round in 0..40 {
                    let txn = TxnId::from_random(dice.bits());
                    let mut events = vec![allowed(txn, &agent(task), None), minted(txn, None)];
                    events.extend((0..dice.below(3)).map(|_| reported(txn, &agent(task), Outcome::Refused)));
                    let change = Change::of(at(round), events);
                    made.push((store.commit(change.clone()).await.unwrap(), change));
                }
                made
            });
        }
        let mut made: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        made.sort_by_key(|(places, _)| places.start);
        assert_eq!(made[0].0.start, 0);
        assert!(made.is_sorted_by(|one, next| one.0.end == next.0.start), "no gap and no overlap");
        for store in &stores {
            // Having asked for the head it knows how many there are.
            assert_eq!(store.head().unwrap().size, made.last().unwrap().0.end);
            for (places, change) in &made {
                for (index, record) in places.clone().zip(&change.records) {
                    assert_eq!(store.record(index).as_ref(), Ok(record));
                }
            }
        }
        let model = Model::of(&*stores[0]);
        for store in &stores {
            model.compare(&**store);
            compare_tree(&**store, &model);
        }
    });
}

#[test]
fn what_may_be_recorded_once_is_recorded_once_whoever_tries() {
    let stores = stores("once", 2, |options| options);
    runtime().block_on(async {
        let mut dice = Dice::new(3);
        for round in 0..20 {
            let (id, txn) = (EscalationId::from_random(dice.bits()), TxnId::from_random(dice.bits()));
            let request = format!("r{round}");
            let mut tasks = JoinSet::new();
            for number in 0..8 {
                let (store, other) = (Arc::clone(&stores[number % 2]), TxnId::from_random(dice.bits()));
                let change =
                    Change::of(at(round), [allowed(other, &agent(0), Some(&request)), minted(other, None)]);
                tasks.spawn(async move { store.commit(change).await });
            }
            let answers = tasks.join_all().await;
            let first = answers.iter().find_map(|answer| answer.as_ref().ok()).unwrap().start;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
            let refused = answers.iter().filter(|answer| **answer == Err(StoreError::Answered(first)));
            assert_eq!(refused.count(), 7, "{answers:?}");
            for store in &stores {
                assert_eq!(store.answered(RequestKey::new(&agent(0), &request)), Ok(Some(first)));
            }
            // Two votes that rest on the same, in two processes.
            let open = Change::of(at(round), [opened(id, txn, &agent(0), at(round))]).after(id, 0);
            stores[0].commit(open).await.unwrap();
            let vote = |n| Change::of(at(round), [step(id, refused_vote(at(round), n))]).after(id, 1);
            let (one, other) = tokio::join!(stores[0].commit(vote(1)), stores[1].commit(vote(2)));
            assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
            assert!([&one, &other].contains(&&Err(StoreError::Moved(id))), "{one:?} {other:?}");
        }
    });
}

/// Each change of one is told to another, once, in order, and never before it can be read there.
async fn hears_everything(writer: &PostgresStore, hearer: &PostgresStore, seed: u64, rounds: u64) {
    let mut dice = Dice::new(seed);
    let id = EscalationId::from_random(dice.bits());
    let (mut all, mut one) = (hearer.watch_all(), hearer.watch(id));
    let mut untouched = hearer.watch(EscalationId::from_random(dice.bits()));
    untouched.mark_unchanged();
    let writing = async {
        for n in 0..rounds {
            let now = at(n);
            let vote = |number| step(id, refused_vote(now, number));
            let events = match n {
                0 => vec![opened(id, TxnId::from_random(dice.bits()), &agent(0), now)],
                // Two records of one change are told once.
                _ => vec![vote(1), vote(2)],
            };
            writer.commit(Change::of(now, events)).await.unwrap();
            writer.commit(Change::of(now, [Event::Stopped {}])).await.unwrap();
        }
    };
    let hearing = async {
        for heard in 1..=rounds {
            assert_eq!(all.recv().await, Ok(id));
            let there = hearer.course(id).unwrap().records.len() as u64;
            assert!(there >= 2 * heard - 1, "heard of {heard} and there are {there}");
        }
    };
    tokio::join!(writing, hearing);
    one.changed().await.unwrap();
    assert!(all.try_recv().is_err(), "each is told once");
    assert!(!untouched.has_changed().unwrap());
}

#[test]
fn each_hears_of_every_change_of_the_others() {
    let stores = stores("heard", 2, |options| Options { poll: Duration::from_secs(3600), ..options });
    runtime().block_on(async {
        // Notices alone: it looks by itself once an hour.
        hears_everything(&stores[0], &stores[1], 5, 40).await;
        hears_everything(&stores[1], &stores[0], 6, 40).await;
    });
}

#[test]
fn what_happened_while_nobody_listened_is_told_when_the_connection_is_back() {
    let stores = stores("missed", 2, |options| Options { poll: Duration::from_millis(20), ..options });
    runtime().block_on(async {
        hears_everything(&stores[0], &stores[1], 7, 5).await;
        let id = EscalationId::from_random([9; 16]);
        let mut all = stores[1].watch_all();
        for round in 0..20_u64 {
            // Every connection of everybody ends, the listeners' too.
            crate::server::Server::shared().sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE application_name = 'countersign' AND query LIKE '%countersign_missed%' OR query LIKE 'SELECT size FROM head%'",
            );
            stores[0].commit(Change::of(at(round), [step(id, refused_vote(at(round), 1))])).await.unwrap();
            assert_eq!(all.recv().await, Ok(id));
            assert_eq!(stores[1].course(id).unwrap().records.len() as u64, round + 1);
        }
        assert!(all.try_recv().is_err(), "each is told once");
    });
}
