//! The PostgreSQL store: allowed decisions per second and how long each waits, beside plain insertions of the same bytes
//! into one table, in the same run and on the same server.
//!
//! `COUNTERSIGN_BENCH_DATABASE=postgresql://… cargo bench --bench postgres`: a database of its own, whose schemas
//! `bench_…` are made anew.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark stops at what it did not expect"
)]

use countersign::moment::Moment;
use countersign::party::TxnId;
use countersign::store::conformance::events::{Dice, agent, allowed, minted};
use countersign::store::postgres::{Options, PostgresStore};
use countersign::store::{Change, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

const ROUND: Duration = Duration::from_secs(5);

fn main() {
    let Ok(url) = std::env::var("COUNTERSIGN_BENCH_DATABASE") else {
        println!("COUNTERSIGN_BENCH_DATABASE names no database: nothing is measured");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("one change: a decision with a request id, and its mint; plain: one row of as many bytes");
    println!("in flight | store: changes/s | p50 ms | p99 ms | plain: rows/s | p50 ms | p99 ms");
    for in_flight in [1, 8, 64] {
        let store = runtime.block_on(appends(&url, in_flight));
        let plain = runtime.block_on(inserts(&url, in_flight));
        println!("{in_flight:9} | {store} | {plain}");
    }
}

/// How one round went.
struct Ran {
    rate: f64,
    p50: f64,
    p99: f64,
}

impl Ran {
    fn of(mut waits: Vec<Duration>, took: Duration) -> Self {
        waits.sort_unstable();
        let at = |part: usize| waits[(waits.len() - 1) * part / 100].as_secs_f64() * 1e3;
        Self { rate: waits.len() as f64 / took.as_secs_f64(), p50: at(50), p99: at(99) }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:9.0} | {:6.2} | {:6.2}", self.rate, self.p50, self.p99)
    }
}

fn change(dice: &mut Dice) -> Change {
    let (txn, who) = (TxnId::from_random(dice.bits()), dice.below(20));
    let request = dice.roll().to_string();
    let events = [allowed(txn, &agent(who), Some(&request)), minted(txn, None)];
    Change::of(Moment::from_unix_seconds(1_700_000_000), events)
}

async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
}

/// Changes recorded by so many tasks.
async fn appends(url: &str, in_flight: usize) -> Ran {
    let schema = format!("bench_{in_flight}");
    execute(url, &format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await;
    let options = Options { schema, tolerance: None, ..Options::at(url) };
    let (store, _) = tokio::task::spawn_blocking(|| PostgresStore::open(options)).await.unwrap().unwrap();
    let store = Arc::new(store);
    run(in_flight, |number| {
        let (store, mut dice) = (Arc::clone(&store), Dice::new(number));
        async move {
            let since = Instant::now();
            let mut waits = Vec::new();
            while since.elapsed() < ROUND {
                let change = change(&mut dice);
                let asked = Instant::now();
                store.commit(change).await.unwrap();
                waits.push(asked.elapsed());
            }
            waits
        }
    })
    .await
}

/// Rows inserted by so many connections, each in a transaction of its own.
async fn inserts(url: &str, in_flight: usize) -> Ran {
    let table = format!("bench_plain_{in_flight}");
    execute(
        url,
        &format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (id bigint PRIMARY KEY, leaf bytea)"),
    )
    .await;
    let mut dice = Dice::new(0);
    let records = change(&mut dice).records;
    let bytes: Vec<u8> = records.iter().flat_map(|record| record.to_canonical().unwrap()).collect();
    run(in_flight, |number| {
        let (url, table, bytes) = (url.to_owned(), table.clone(), bytes.clone());
        async move {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
            tokio::spawn(connection);
            let insert = client.prepare(&format!("INSERT INTO {table} VALUES ($1, $2)")).await.unwrap();
            let since = Instant::now();
            let (mut waits, mut id) = (Vec::new(), i64::try_from(number).unwrap() << 40);
            while since.elapsed() < ROUND {
                id += 1;
                let asked = Instant::now();
                client.execute(&insert, &[&id, &bytes]).await.unwrap();
                waits.push(asked.elapsed());
            }
            waits
        }
    })
    .await
}

/// Runs so many at once and gathers how long everything took.
async fn run<F: Future<Output = Vec<Duration>> + Send + 'static>(
    number: usize,
    task: impl Fn(u64) -> F,
) -> Ran {
    let since = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..number {
        tasks.spawn(task(number as u64));
    }
    let waits = tasks.join_all().await.into_iter().flatten().collect();
    Ran::of(waits, since.elapsed())
}
