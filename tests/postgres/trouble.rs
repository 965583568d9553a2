//! A full disk, locks that others hold, a server that hesitates or is away: what is said then, and that it goes on after.

use crate::server::Server;
use crate::{options, runtime};
use countersign::audit::event::Event;
use countersign::moment::Moment;
use countersign::party::TxnId;
use countersign::store::conformance::events::{agent, allowed, minted};
use countersign::store::conformance::model::Model;
use countersign::store::conformance::tree::compare_tree;
use countersign::store::postgres::{Options, PostgresStore};
use countersign::store::{Change, Document, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const SHORT: Duration = Duration::from_millis(300);

fn decision(number: u8) -> Change {
    let txn = TxnId::from_random([number; 16]);
    Change::of(Moment::from_unix_seconds(1_700_000_000), [allowed(txn, &agent(0), None), minted(txn, None)])
}

fn hasty(schema: &str) -> Options {
    Options { patience: SHORT, lock_timeout: SHORT / 3, connect_timeout: 3 * SHORT, ..options(schema) }
}

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

/// Has the server answer each insertion into the records with this error, as long as the condition holds.
fn fail(schema: &str, code: &str, condition: &str) {
    Server::shared().sql(&format!(
        "CREATE SEQUENCE {schema}.tries; \
         CREATE FUNCTION {schema}.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF {condition} THEN RAISE EXCEPTION 'made up' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON {schema}.records FOR EACH STATEMENT EXECUTE FUNCTION {schema}.fail();"
    ));
}

#[test]
fn a_full_disk_refuses_changes_and_is_no_trouble_any_more_once_there_is_room() {
    let (store, _) = PostgresStore::open(options("full_disk")).unwrap();
    runtime().block_on(async {
        store.commit(decision(1)).await.unwrap();
        fail("full_disk", "53100", "true");
        assert_eq!(store.commit(decision(2)).await, Err(StoreError::Full));
        assert_eq!((store.len(), store.head().unwrap().size), (2, 2), "nothing of it is there");
        assert!(store.record(1).is_ok(), "and what was there can be read");
        Server::shared().sql("DROP TRIGGER fail ON full_disk.records");
        assert_eq!(store.commit(decision(2)).await, Ok(2..4));
    });
    compare_tree(&store, &Model::of(&store));
}

#[test]
fn a_transaction_that_others_hindered_is_made_again() {
    let (store, _) = PostgresStore::open(options("hindered")).unwrap();
    runtime().block_on(async {
        for (number, code) in [(1, "40001"), (2, "40P01")] {
            fail("hindered", code, "nextval('hindered.tries') < 4");
            let places = store.commit(decision(number)).await.unwrap();
            assert_eq!(places.end, 2 * u64::from(number));
            assert_eq!(Server::shared().sql("SELECT last_value FROM hindered.tries"), "4");
            Server::shared().sql("DROP FUNCTION hindered.fail CASCADE; DROP SEQUENCE hindered.tries");
        }
        // Not without end.
        let (hasty, _) = PostgresStore::open(hasty("hindered")).unwrap();
        fail("hindered", "40001", "true");
        assert!(is_unavailable(&hasty.commit(decision(3)).await));
        assert_eq!(store.decided(TxnId::from_random([3; 16])), Ok(None));
    });
}

#[test]
fn whoever_holds_the_head_for_long_keeps_nobody_waiting_for_ever() {
    let (store, _) = PostgresStore::open(hasty("held")).unwrap();
    runtime().block_on(async {
        store.commit(decision(1)).await.unwrap();
        let holder = Server::shared().session().await;
        holder.batch_execute("BEGIN; SELECT * FROM held.head FOR UPDATE").await.unwrap();
        let mut waiting = JoinSet::new();
        let store = Arc::new(store);
        for number in 2..20 {
            let store = Arc::clone(&store);
            waiting.spawn(async move { store.commit(decision(number)).await });
        }
        for answer in waiting.join_all().await {
            assert!(is_unavailable(&answer), "{answer:?}");
        }
        assert_eq!(store.decided(TxnId::from_random([1; 16])), Ok(Some(0)), "readers don't wait for writers");
        assert_eq!(store.health().borrow().trouble, None, "nor does whoever asks how it is");
        holder.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(store.commit(decision(2)).await, Ok(2..4), "nothing of the refused ones is there");
    });
}

#[test]
fn readers_that_all_wait_hinder_neither_commits_nor_health() {
    let options = Options { readers: 2, lock_timeout: 4 * SHORT, ..hasty("waiting") };
    let (store, _) = PostgresStore::open(options).unwrap();
    let store = Arc::new(store);
    runtime().block_on(async {
        // The writer's session knows its statements from here on.
        store.commit(decision(1)).await.unwrap();
        let holder = Server::shared().session().await;
        holder.batch_execute("BEGIN; LOCK TABLE waiting.standing IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let mut reading = JoinSet::new();
        for _ in 0..8 {
            let store = Arc::clone(&store);
            reading.spawn_blocking(move || store.in_force(Document::Policy));
        }
        for number in 2..10 {
            store.commit(decision(number)).await.unwrap();
        }
        assert_eq!(store.health().borrow().trouble, None);
        assert_eq!(store.stopped(), None);
        for answer in reading.join_all().await {
            let Err(StoreError::Unavailable(what)) = answer else { panic!("{answer:?}") };
            assert!(what.contains("lock timeout") || what.contains("no connection was free"), "{what}");
        }
        holder.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(store.in_force(Document::Policy), Ok(None), "the pool is whole again");
    });
}

#[test]
fn a_server_that_is_away_is_told_of_and_taken_up_again() {
    let server = Server::start(&[]);
    let options = Options { tolerance: None, patience: SHORT, ..server.options("away") };
    let (store, _) = PostgresStore::open(options.clone()).unwrap();
    let mut health = store.health();
    runtime().block_on(async {
        store.commit(decision(1)).await.unwrap();
        health.wait_for(|health| health.trouble.is_none() && health.records == 2).await.unwrap();
        server.kill();
        health.wait_for(|health| health.trouble.is_some()).await.unwrap();
        assert!(store.stopped().is_some());
        assert!(is_unavailable(&store.commit(decision(2)).await));
        assert!(is_unavailable(&store.decided(TxnId::from_random([1; 16]))));
        assert!(store.record(0).is_ok(), "what is in memory is still there");
        assert_eq!(store.len(), 2);
        assert!(PostgresStore::open(options.clone()).is_err());
        server.run();
        health.wait_for(|health| health.trouble.is_none()).await.unwrap();
        assert_eq!(store.stopped(), None);
        assert_eq!(store.commit(decision(2)).await, Ok(2..4));
        assert_eq!(store.decided(TxnId::from_random([1; 16])), Ok(Some(0)));
        store.close().unwrap();
        assert!(is_unavailable(&store.commit(Change::of(Moment::default(), [Event::Stopped {}])).await));
        assert!(is_unavailable(&store.decided(TxnId::from_random([1; 16]))));
    });
}
