//! What replicas share: one in memory and several in the database do the same.

use crate::server::Server;
use crate::{options, runtime};
use countersign::clock::ManualClock;
use countersign::moment::Moment;
use countersign::store::conformance::shared::{Replicas, check};
use countersign::store::postgres::PostgresStore;
use countersign::store::shared::{Alone, Claims, Ephemeral};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn one_who_is_alone_does_what_all_must() {
    let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1000)));
    let alone = Arc::new(Alone::new(clock.clone()));
    let replicas = Replicas {
        claims: vec![alone.clone()],
        values: vec![alone],
        pass: Box::new(move |time| clock.advance(time)),
    };
    runtime().block_on(check(&replicas));
}

#[test]
fn replicas_on_a_database_do_what_all_must() {
    let stores: Vec<_> = (0..3).map(|_| PostgresStore::open(options("sharing")).unwrap().0).collect();
    let shared: Vec<_> = stores.iter().map(|store| Arc::new(store.shared())).collect();
    // Time passes by moving back the ends of everything.
    let pass = |time: Duration| {
        let (millis, tables) = (time.as_millis(), ["claims", "values_for_a_while"]);
        for table in tables {
            let sql = format!("UPDATE sharing.{table} SET until = until - interval '{millis} milliseconds'");
            Server::shared().sql(&sql);
        }
    };
    let replicas = Replicas {
        claims: shared.iter().map(|one| Arc::clone(one) as Arc<dyn Claims>).collect(),
        values: shared.iter().map(|one| Arc::clone(one) as Arc<dyn Ephemeral>).collect(),
        pass: Box::new(pass),
    };
    runtime().block_on(check(&replicas));
}
