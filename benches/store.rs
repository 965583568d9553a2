//! The embedded store: allowed decisions per second, what they cost each thread, and how fast it starts again.
//!
//! `cargo bench --bench store [-- DIRECTORY]`: the directory should be on the disk that is to be measured.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark stops at what it did not expect"
)]

use countersign::moment::Moment;
use countersign::party::TxnId;
use countersign::store::conformance::events::{Dice, agent, allowed, minted};
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::store::{Change, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    // What cargo adds begins with a dash.
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = given.map_or_else(std::env::temp_dir, PathBuf::from);
    let parent = tempfile::tempdir_in(parent).unwrap();
    println!("one change: a decision with a request id, and its mint");
    println!("in flight | changes/s | p50 ms | p99 ms | µs of each thread per change");
    for in_flight in [1, 8, 64, 256] {
        throughput(&parent.path().join(format!("at-{in_flight}")), in_flight);
    }
    println!("the same with the log's tree and without it, in turn, the best of three rounds each");
    for in_flight in [1, 8, 64, 256] {
        let mut best = [Ran::default(), Ran::default()];
        for round in 0..3 {
            for (without_tree, best) in [false, true].into_iter().zip(&mut best) {
                let dir = parent.path().join(format!("tree-{in_flight}-{round}-{without_tree}"));
                let ran = ran(&dir, in_flight, without_tree);
                std::fs::remove_dir_all(&dir).unwrap();
                if ran.rate > best.rate {
                    *best = ran;
                }
            }
        }
        let [with, without] = &best;
        println!("{in_flight:9} | with    {with}");
        println!("          | without {without}");
        let (rate, p50, work) = (with.rate / without.rate, with.p50 / without.p50, with.work / without.work);
        println!("          | ratio: rate {rate:.3}, p50 {p50:.3}, processor time {work:.3}");
    }
    restart(&parent.path().join("restart"));
}

fn change(dice: &mut Dice) -> Change {
    let (txn, who) = (TxnId::from_random(dice.bits()), dice.below(20));
    let request = dice.roll().to_string();
    let events = [allowed(txn, &agent(who), Some(&request)), minted(txn, None)];
    Change::of(Moment::from_unix_seconds(1_700_000_000), events)
}

/// How one round went.
#[derive(Default)]
struct Ran {
    rate: f64,
    p50: f64,
    p99: f64,
    /// Microseconds of all threads for each change.
    work: f64,
    threads: String,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rate, p50, p99, work, threads } = self;
        write!(f, "{rate:9.0} | {p50:6.3} | {p99:6.3} | {work:.1}: {threads}")
    }
}

fn throughput(dir: &Path, in_flight: u64) {
    println!("{in_flight:9} | {}", ran(dir, in_flight, false));
    println!("          | resident {} MiB, on disk {} bytes per change", resident(), disk(dir));
}

fn ran(dir: &Path, in_flight: u64, without_tree: bool) -> Ran {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options { without_tree, ..Options::default() };
        let (store, _) = EmbeddedStore::open(dir, options).unwrap();
        let store = Arc::new(store);
        let before = cpu();
        let since = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..in_flight {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                let mut dice = Dice::new(task);
                let mut times = Vec::new();
                while since.elapsed() < Duration::from_secs(5) {
                    let change = change(&mut dice);
                    let start = Instant::now();
                    store.commit(change).await.unwrap();
                    times.push(start.elapsed());
                }
                times
            });
        }
        let mut times: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        let (elapsed, after) = (since.elapsed(), cpu());
        times.sort();
        let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e3;
        let per_change: Vec<_> = after
            .iter()
            .map(|(name, time)| (name, time.saturating_sub(before.get(name).copied().unwrap_or_default())))
            .filter(|(_, time)| *time > Duration::from_millis(50))
            .map(|(name, time)| format!("{name} {:.1}", time.as_secs_f64() * 1e6 / times.len() as f64))
            .collect();
        let rate = times.len() as f64 / elapsed.as_secs_f64();
        let total = |times: &BTreeMap<String, Duration>| times.values().sum::<Duration>().as_secs_f64();
        let work = (total(&after) - total(&before)) * 1e6 / times.len() as f64;
        store.close().unwrap();
        Ran { rate, p50: at(50), p99: at(99), work, threads: per_change.join(", ") }
    })
}

/// How many bytes of a directory each change takes, by the number of records that are there.
fn disk(dir: &Path) -> String {
    let size = |dir: PathBuf| -> u64 {
        let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        files.sum()
    };
    let (journal, views) = (size(dir.join("journal")), size(dir.join("views")));
    let (store, opened) = EmbeddedStore::open(dir, Options::default()).unwrap();
    drop(store);
    let changes = (opened.records / 2).max(1);
    format!("{} (views {})", journal / changes, views / changes)
}

fn restart(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (store, _) = EmbeddedStore::open(dir, Options::default()).unwrap();
    let store = Arc::new(store);
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..50 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                let mut dice = Dice::new(1_000 + task);
                for _ in 0..1000 {
                    store.commit(change(&mut dice)).await.unwrap();
                }
            });
        }
        tasks.join_all().await
    });
    store.close().unwrap();
    drop(store);
    let open = |what: &str| {
        let start = Instant::now();
        let (store, opened) = EmbeddedStore::open(dir, Options::default()).unwrap();
        println!("opened in {:.0} ms, {what}: {opened}", start.elapsed().as_secs_f64() * 1e3);
        store
    };
    drop(open("closed before"));
    let tag = std::fs::read(dir.join("views.tag")).unwrap();
    std::fs::remove_dir_all(dir.join("views")).unwrap();
    drop(open("views gone"));
    std::fs::write(dir.join("views.tag"), tag).unwrap();
    drop(open("closed again"));
}

/// The time that each thread has run, by its name. There are 100 ticks in a second.
fn cpu() -> BTreeMap<String, Duration> {
    let mut times = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else { continue };
        let (name, rest) = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap();
        let fields: Vec<_> = rest.split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        *times.entry(name.to_owned()).or_default() += Duration::from_millis(ticks * 10);
    }
    times
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
