//! The PostgreSQL store on a real server: what every store must do, what several processes on one log must see, and
//! what is left when connections, servers and disks fail.
#![cfg(feature = "postgres")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests say what they expect"
)]

#[path = "postgres/lost.rs"]
mod lost;
#[path = "postgres/opening.rs"]
mod opening;
#[path = "postgres/proxy.rs"]
mod proxy;
#[path = "postgres/server.rs"]
#[allow(dead_code, reason = "other tests start servers in networks of their own")]
mod server;
#[path = "postgres/sharing.rs"]
mod sharing;
#[path = "postgres/together.rs"]
mod together;
#[path = "postgres/trouble.rs"]
mod trouble;

use countersign::store::Store;
use countersign::store::conformance::{CHECKS, Going, Place};
use countersign::store::postgres::{Options, PostgresStore};
use server::Server;
use std::sync::Arc;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

/// Options for a schema of their own, that take every moment: made-up histories don't keep to a clock.
fn options(schema: &str) -> Options {
    Options { tolerance: None, ..Server::shared().options(schema) }
}

/// A schema, and the store that is open in it.
struct InSchema {
    options: Options,
    open: Option<Arc<PostgresStore>>,
}

impl Place for InSchema {
    fn open(&mut self) -> Going<'_, Arc<dyn Store>> {
        Box::pin(async {
            if let Some(before) = self.open.take() {
                before.close().unwrap();
            }
            let (store, _) = PostgresStore::open(self.options.clone()).unwrap();
            let store = Arc::new(store);
            self.open = Some(store.clone());
            store as Arc<dyn Store>
        })
    }
}

fn conforms(prefix: &str, change: impl Fn(Options) -> Options) {
    let runtime = runtime();
    for (number, check) in CHECKS.iter().enumerate() {
        println!("{}", check.name);
        let options = change(options(&format!("{prefix}_{number}")));
        let mut place = InSchema { options, open: None };
        runtime.block_on((check.run)(&mut place));
    }
}

#[test]
fn it_does_what_every_store_must() {
    conforms("conforms", |options| options);
}
