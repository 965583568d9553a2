//! Connections that break and servers that are killed over a commit: nothing acknowledged is lost, nothing is there
//! twice, and nothing that was recorded is said to be refused.

use crate::proxy::Proxy;
use crate::server::Server;
use crate::{options, runtime};
use countersign::moment::Moment;
use countersign::party::TxnId;
use countersign::store::conformance::events::{Dice, agent, allowed, minted};
use countersign::store::conformance::model::Model;
use countersign::store::conformance::tree::compare_tree;
use countersign::store::postgres::{Options, PostgresStore};
use countersign::store::{Change, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn at(second: u64) -> Moment {
    Moment::from_unix_seconds(1_700_000_000 + second)
}

/// A decision with its token: two records that belong together.
fn decision(txn: TxnId) -> Change {
    Change::of(at(0), [allowed(txn, &agent(0), None), minted(txn, None)])
}

#[test]
fn a_commit_that_never_came_to_the_server_is_made_again_and_one_that_did_is_not() {
    let proxy = Proxy::before(Server::shared().port);
    let options = Options { url: Server::shared().url_by(proxy.port), ..options("cut") };
    let (store, _) = PostgresStore::open(options).unwrap();
    let mut dice = Dice::new(1);
    runtime().block_on(async {
        let mut expected = 0;
        for round in 0..20 {
            let txn = TxnId::from_random(dice.bits());
            match round % 4 {
                1 => proxy.cut_before_commit(),
                3 => proxy.cut_after_commit(),
                _ => {}
            }
            assert_eq!(store.commit(decision(txn)).await, Ok(expected..expected + 2), "round {round}");
            assert_eq!(store.decided(txn), Ok(Some(expected)));
            expected += 2;
            // The same once more is refused, and by what was recorded.
            assert_eq!(store.commit(decision(txn)).await, Err(StoreError::Answered(expected - 2)));
        }
        assert_eq!((proxy.cuts(), store.len()), (10, 40), "the cuts were made");
    });
    let model = Model::of(&store);
    model.compare(&store);
    compare_tree(&store, &model);
}

/// The doubt stays while nobody can be asked; it is told as such, and never as a refusal.
#[test]
fn what_cannot_be_found_out_in_time_is_said_to_be_unknown() {
    let proxy = Proxy::before(Server::shared().port);
    let url = Server::shared().url_by(proxy.port);
    let options = Options { url, patience: Duration::from_millis(300), ..options("unknown") };
    let (store, _) = PostgresStore::open(options).unwrap();
    let txn = TxnId::from_random([1; 16]);
    runtime().block_on(async {
        store.commit(decision(TxnId::from_random([2; 16]))).await.unwrap();
        proxy.cut_after_commit();
        let committing = store.commit(decision(txn));
        let watch = async {
            while proxy.cuts() == 0 {
                tokio::task::yield_now().await;
            }
            proxy.close();
        };
        let (answer, ()) = tokio::join!(committing, watch);
        match answer {
            // It was found out before the proxy was closed.
            Ok(places) => assert_eq!(places, 2..4),
            Err(StoreError::Unavailable(what)) => assert!(what.contains("not known"), "{what}"),
            Err(other) => panic!("{other:?}"),
        }
        let refused = store.commit(decision(TxnId::from_random([3; 16]))).await;
        assert!(
            matches!(&refused, Err(StoreError::Unavailable(what)) if !what.contains("not known")),
            "{refused:?}"
        );
        assert!(store.decided(txn).is_err(), "it can't be asked");
        proxy.open();
        // Whoever asks again is told where it is.
        while !matches!(store.decided(txn), Ok(Some(2))) {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.commit(decision(txn)).await, Err(StoreError::Answered(2)));
        store.commit(decision(TxnId::from_random([3; 16]))).await.unwrap();
    });
    Model::of(&store).compare(&store);
}

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_that_was_acknowledged() {
    let server = Server::start(&[]);
    let options = Options { tolerance: None, patience: Duration::from_secs(60), ..server.options("killed") };
    let (store, _) = PostgresStore::open(options.clone()).unwrap();
    let store = Arc::new(store);
    let done = Arc::new(AtomicUsize::new(0));
    let runtime = runtime();
    let (writers, each) = (6, 150);
    let mut tasks = Vec::new();
    for task in 0..writers {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        tasks.push(runtime.spawn(async move {
            let mut dice = Dice::new(100 + task);
            let mut acknowledged = Vec::new();
            for _ in 0..each {
                let txn = TxnId::from_random(dice.bits());
                match store.commit(decision(txn)).await {
                    Ok(places) => acknowledged.push((txn, places.start)),
                    Err(error) => panic!("with so much patience each is recorded: {error}"),
                }
                done.fetch_add(1, Ordering::SeqCst);
            }
            acknowledged
        }));
    }
    for killed in 1..=3 {
        while done.load(Ordering::SeqCst) < killed * 200 {
            std::thread::yield_now();
        }
        server.kill();
        server.run();
    }
    let mut acknowledged = Vec::new();
    for task in tasks {
        acknowledged.extend(runtime.block_on(task).unwrap());
    }
    store.close().unwrap();
    let (store, opened) = PostgresStore::open(options).unwrap();
    assert_eq!(opened.records, 2 * writers * each, "each is there once");
    for (txn, place) in acknowledged {
        assert_eq!(store.decided(txn), Ok(Some(place)));
    }
    let model = Model::of(&store);
    model.compare(&store);
    compare_tree(&store, &model);
}
