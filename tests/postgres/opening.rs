//! Opening: migrations, who may do what, encryption, clocks, and what is not as it was.

use crate::server::Server;
use crate::{options, runtime};
use countersign::audit::event::{Event, Record};
use countersign::moment::Moment;
use countersign::party::TxnId;
use countersign::store::conformance::events::{agent, allowed};
use countersign::store::conformance::history::History;
use countersign::store::conformance::model::Model;
use countersign::store::conformance::tree::compare_tree;
use countersign::store::postgres::{Options, PostgresOpenError, PostgresStore, VERSION, grants};
use countersign::store::{Change, Store, StoreError};
use std::time::{Duration, SystemTime};

fn sql(text: &str) -> String {
    Server::shared().sql(text)
}

fn refusal(options: Options) -> PostgresOpenError {
    PostgresStore::open(options).err().unwrap()
}

#[test]
fn of_many_who_open_a_new_schema_one_makes_it() {
    let opening: Vec<_> =
        (0..8).map(|_| std::thread::spawn(|| PostgresStore::open(options("raced")))).collect();
    let opened: Vec<_> = opening.into_iter().map(|one| one.join().unwrap().unwrap()).collect();
    let migrated: Vec<i32> = opened.iter().flat_map(|(_, opened)| opened.migrated.clone()).collect();
    assert_eq!(migrated, (1..=VERSION).collect::<Vec<_>>(), "each version was gone through once");
    runtime().block_on(async {
        for (place, (store, _)) in (0..).zip(&opened) {
            let change = Change::of(Moment::default(), [Event::Stopped {}]);
            assert_eq!(store.commit(change).await, Ok(place..place + 1));
        }
    });
}

#[test]
fn a_schema_of_another_version_is_refused_by_name() {
    let older = refusal(Options { migrate: false, ..options("versions") });
    assert_eq!(older, PostgresOpenError::Older { database: 0, program: VERSION });
    drop(PostgresStore::open(options("versions")).unwrap());
    sql(&format!("UPDATE versions.migrated SET version = {}", VERSION + 1));
    let newer = refusal(options("versions"));
    assert_eq!(newer, PostgresOpenError::Newer { database: VERSION + 1, program: VERSION });
    assert!(newer.to_string().contains("a newer program has been here"), "{newer}");
    assert!(matches!(refusal(options("Versions; DROP")), PostgresOpenError::Schema(_)));
}

#[test]
fn a_role_without_rights_to_change_records_is_enough() {
    drop(PostgresStore::open(options("granted")).unwrap());
    sql("CREATE ROLE desk LOGIN");
    sql(&grants("granted", "desk"));
    let options = Options { url: Server::shared().url("desk"), migrate: false, ..options("granted") };
    let (store, _) = PostgresStore::open(options).unwrap();
    let (mut history, mut model) = (History::new(3), Model::default());
    runtime().block_on(async {
        for _ in 0..200 {
            let change = history.next_change();
            store.commit(change.clone()).await.unwrap();
            model.records.extend(change.records);
        }
        model.compare(&store);
        let desk = Server::shared().session_of("desk").await;
        for wrong in [
            "UPDATE granted.records SET leaf = leaf",
            "DELETE FROM granted.records",
            "TRUNCATE granted.records",
            "UPDATE granted.requests SET place = 0",
            "UPDATE granted.migrated SET version = 0",
            "CREATE TABLE granted.own ()",
        ] {
            let error = desk.batch_execute(wrong).await.unwrap_err();
            assert_eq!(error.code().unwrap().code(), "42501", "{wrong}: {error}");
        }
    });
}

#[test]
fn what_is_not_as_it_was_written_is_noticed() {
    let (store, _) = PostgresStore::open(options("altered")).unwrap();
    let started = |text: &str| Event::KeyCertified {
        kid: countersign::digest::KeyId::from_bytes([1; 32]),
        certificate: text.to_owned(),
    };
    runtime().block_on(async {
        for text in ["a", "b", "c"] {
            store.commit(Change::of(Moment::default(), [started(text)])).await.unwrap();
        }
    });
    drop(store);
    sql(
        "UPDATE altered.records SET leaf = replace(encode(leaf, 'escape'), '\"b\"', '\"x\"')::bytea WHERE place = 1",
    );
    let (store, _) = PostgresStore::open(options("altered")).unwrap();
    assert!(store.record(0).is_ok() && store.record(2).is_ok());
    assert!(matches!(store.record(1), Err(StoreError::Damaged(_))), "{:?}", store.record(1));
    assert!(matches!(store.leaf(1), Err(StoreError::Damaged(_))));
    drop(store);
    sql("DELETE FROM altered.records WHERE place = 2");
    assert!(matches!(refusal(options("altered")), PostgresOpenError::Damaged(_)));
}

/// A database that was set back, by a restored backup or a standby that lacked the last records.
#[test]
fn a_log_that_became_shorter_under_an_open_store_ends_its_service() {
    let (store, _) = PostgresStore::open(options("set_back")).unwrap();
    let stop = || Change::of(Moment::default(), [Event::Stopped {}]);
    runtime().block_on(async {
        store.commit(stop()).await.unwrap();
        sql("CREATE TABLE set_back.old AS SELECT * FROM set_back.head");
        store.commit(stop()).await.unwrap();
        let mut unsound = store.unsound();
        assert_eq!(*unsound.borrow(), None);
        sql("BEGIN; DELETE FROM set_back.records WHERE place = 1; DELETE FROM set_back.head; \
             INSERT INTO set_back.head SELECT * FROM set_back.old; COMMIT");
        unsound.wait_for(Option::is_some).await.unwrap();
        assert!(matches!(store.commit(stop()).await, Err(StoreError::Damaged(_))));
        assert!(matches!(store.head(), Err(StoreError::Damaged(_))));
        assert!(store.stopped().is_some());
    });
    // Whoever opens it anew can't know: that is what witnesses and those who hold checkpoints are for.
    assert_eq!(PostgresStore::open(options("set_back")).unwrap().1.records, 1);
}

#[test]
fn moments_never_fall_and_a_clock_that_is_far_off_is_told_of() {
    let options = Server::shared().options("clocks");
    let (store, _) = PostgresStore::open(options).unwrap();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Moment::from_unix_millis(u64::try_from(since.as_millis()).unwrap());
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    let at = |at| {
        store.commit(Change::of(
            at,
            [Event::Stopped {}, allowed(TxnId::from_random([1; 16]), &agent(0), None)],
        ))
    };
    runtime().block_on(async {
        assert_eq!(at(now).await, Ok(0..2));
        let plain = |at| store.commit(Change::of(at, [Event::Stopped {}, Event::Stopped {}]));
        assert_eq!(plain(now.minus(2 * second)).await, Ok(2..4), "a little behind");
        assert_eq!(store.record(2), Ok(Record::new(now, Event::Stopped {})), "it is moved up");
        for wrong in [now.minus(6 * second), now.minus(hour), now.plus(hour)] {
            let Err(StoreError::Unavailable(what)) = plain(wrong).await else { panic!("{wrong}") };
            assert!(what.contains("this machine's clock differs"), "{what}");
        }
        assert_eq!(plain(now.plus(second)).await, Ok(4..6));
        assert_eq!(plain(now).await, Ok(6..8));
        assert_eq!(store.record(7), Ok(Record::new(now.plus(second), Event::Stopped {})));
    });
    compare_tree(&store, &Model::of(&store));
}

#[test]
fn an_erased_value_is_gone_with_the_record_that_says_so() {
    let (store, _) = PostgresStore::open(options("erased")).unwrap();
    let long = Event::RosterLoaded { text: "x".repeat(100_000), approved: None };
    runtime().block_on(async {
        store.commit(Change::of(Moment::default(), [long.clone()])).await.unwrap();
        let leaf = store.leaf(0).unwrap();
        assert!(leaf.len() < 65_536);
        let value = Record::from_bytes(&leaf).unwrap().apart.values().next().unwrap().value;
        assert_eq!((store.keeps(value), store.record(0).unwrap().event == long), (Ok(true), true));
        store.will_erase(value).unwrap();
        let (by, why) = ("ada".to_owned(), "asked for".to_owned());
        store.commit(Change::of(Moment::default(), [Event::Erased { value, by, why }])).await.unwrap();
        // The process may end here: nothing is left to be done.
        assert_eq!(sql("SELECT count(*), count(bytes) FROM erased.kept"), "1|0");
        store.erase(value).unwrap();
        assert_eq!(store.keeps(value), Ok(true), "that it was is known");
        assert_eq!(store.record(0).unwrap().apart.len(), 1, "the stand-in stays");
        assert_eq!(store.leaf(0).unwrap(), leaf);
        sql("DELETE FROM erased.kept");
        assert!(matches!(store.record(0), Err(StoreError::Damaged(_))), "lost is not erased");
    });
}

#[test]
fn over_a_network_the_server_is_known_by_its_certificate() {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = [("server.crt", own.cert.pem()), ("server.key", own.signing_key.serialize_pem())];
    let server = Server::start_with(&["ssl=on"], &files);
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("right.pem"), folder.path().join("wrong.pem"));
    std::fs::write(&right, own.cert.pem()).unwrap();
    std::fs::write(&wrong, other.cert.pem()).unwrap();
    let at = |host: &str, ca: &std::path::Path| Options {
        ca_file: Some(ca.to_owned()),
        ..Options::at(&format!("postgresql://postgres@{host}:{}/postgres?sslmode=verify-full", server.port))
    };
    let (store, _) = PostgresStore::open(at("localhost", &right)).unwrap();
    let encrypted = "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE application_name = 'countersign'";
    assert_eq!(server.sql(encrypted), "t");
    drop(store);
    for refused in [at("localhost", &wrong), at("127.0.0.1", &right)] {
        assert!(matches!(refusal(refused), PostgresOpenError::Unavailable(_)));
    }
    let missing = refusal(at("localhost", &folder.path().join("missing.pem")));
    assert!(matches!(missing, PostgresOpenError::File { .. }), "{missing}");
}
