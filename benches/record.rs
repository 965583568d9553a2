//! A record of a million: how fast a store starts on it, and how fast chains, pages and proofs come out of it.
//!
//! `cargo bench --bench record [-- DIRECTORY [RECORDS]]`: the directory should be on the disk that is to be measured.
//! The records are as long as those of the service (decisions of about 3.2 kB); each step runs in a process of its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a benchmark stops at what it did not expect"
)]

use countersign::audit::event::Event;
use countersign::audit::filter::{Effect, Filter};
use countersign::moment::Moment;
use countersign::party::{EscalationId, PersonId, TxnId};
use countersign::risk::pattern::Glob;
use countersign::store::conformance::events::{
    Dice, agent, allowed, denied, ending, escalated, minted, opened, refused_vote, reported, step,
};
use countersign::store::embedded::{EmbeddedStore, Notice, Options, Tell};
use countersign::store::{Change, Store};
use countersign::tlog::{consistency, inclusion};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    // What cargo adds begins with a dash.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let words: Vec<&str> = given.iter().map(String::as_str).collect();
    match words[..] {
        ["fill", dir, records] => fill(Path::new(dir), records.parse().unwrap()),
        ["hold", dir] => hold(Path::new(dir)),
        ["measure", dir, what] => measure(Path::new(dir), what),
        _ => all(&words),
    }
}

/// Everything in turn, each in a process of its own.
fn all(words: &[&str]) {
    let parent = words.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let records = words.get(1).copied().unwrap_or("1000000");
    let parent = tempfile::tempdir_in(parent).unwrap();
    let dir = parent.path().join("store");
    let dir = dir.to_str().unwrap();
    run(&["fill", dir, records]);
    run(&["measure", dir, "closed in order"]);
    for _ in 0..2 {
        let mut held = this(&["hold", dir]).stdout(Stdio::piped()).spawn().unwrap();
        let ready = BufReader::new(held.stdout.take().unwrap()).lines().next();
        held.kill().unwrap();
        held.wait().unwrap();
        assert_eq!(ready.unwrap().unwrap(), "held");
        run(&["measure", dir, "killed"]);
    }
    std::fs::remove_dir_all(Path::new(dir).join("tree")).unwrap();
    run(&["measure", dir, "the tree's files gone"]);
    std::fs::remove_dir_all(Path::new(dir).join("views")).unwrap();
    run(&["measure", dir, "the views gone"]);
}

fn this(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words);
    command
}

fn run(words: &[&str]) {
    assert!(this(words).status().unwrap().success());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A decision as long as the service's, of one of twenty agents and one of forty actions.
fn of_usual_length(event: Event, dice: &mut Dice) -> Event {
    let Event::Decided(mut decided) = event else { return event };
    decided.op = decided.op.replace("sql.query", &format!("sql.query{}", dice.below(40)));
    let reason = "the risk of this kind of operation in this environment was weighed against what the agent did before";
    decided.decision.reasons = vec![reason.to_owned(); 22];
    Event::Decided(decided)
}

/// What one request leads to: mostly a token at once, sometimes a denial, sometimes a course with votes.
async fn request(store: &EmbeddedStore, dice: &mut Dice, at: Moment) {
    let (txn, who) = (TxnId::from_random(dice.bits()), agent(dice.below(20)));
    let request = dice.roll().to_string();
    let commit = |events: Vec<Event>| store.commit(Change::of(at, events));
    match dice.below(10) {
        0 => {
            let event = of_usual_length(denied(txn, &who, Some(&request)), dice);
            commit(vec![event]).await.unwrap();
        }
        1 | 2 => {
            let id = EscalationId::from_random(dice.bits());
            let event = of_usual_length(escalated(txn, &who, Some(&request), id), dice);
            commit(vec![event, opened(id, txn, &who, at)]).await.unwrap();
            for number in 1..=2 {
                commit(vec![step(id, refused_vote(at, number))]).await.unwrap();
            }
            // One in a thousand waits still.
            if dice.below(1000) > 0 {
                commit(vec![step(id, ending(3, at, &who))]).await.unwrap();
            }
        }
        _ => {
            let event = of_usual_length(allowed(txn, &who, Some(&request)), dice);
            commit(vec![event, minted(txn, None)]).await.unwrap();
            let outcome = countersign::audit::event::Outcome::Succeeded;
            commit(vec![reported(txn, &who, outcome)]).await.unwrap();
        }
    }
}

fn fill(dir: &Path, records: u64) {
    let since = Instant::now();
    runtime().block_on(async {
        let (store, _) = EmbeddedStore::open(dir, Options::default()).unwrap();
        let store = Arc::new(store);
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..64 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                let mut dice = Dice::new(task);
                while store.len() < records {
                    let at = Moment::from_unix_millis(1_700_000_000_000 + store.len() * 10);
                    request(&store, &mut dice, at).await;
                }
            });
        }
        tasks.join_all().await;
        println!("{} records written in {:.0} s", store.len(), since.elapsed().as_secs_f64());
        store.close().unwrap();
    });
    let size = |dir: PathBuf| -> u64 {
        let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
        files.filter(|file| file.path().is_file()).map(|file| file.metadata().unwrap().len()).sum()
    };
    let mib = |name: &str| size(dir.join(name)) >> 20;
    println!("on disk: journal {} MiB, views {} MiB, tree {} MiB", mib("journal"), mib("views"), mib("tree"));
}

/// Opens it, records something, and waits to be killed.
fn hold(dir: &Path) {
    runtime().block_on(async {
        let (store, _) = EmbeddedStore::open(dir, Options::default()).unwrap();
        let mut dice = Dice::new(u64::from(std::process::id()));
        for _ in 0..500 {
            let at = Moment::from_unix_millis(1_700_000_000_000 + store.len() * 10);
            request(&store, &mut dice, at).await;
        }
        println!("held");
        std::io::stdout().flush().unwrap();
        std::thread::sleep(Duration::from_secs(3600));
    });
}

fn measure(dir: &Path, what: &str) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let (sender, told) = std::sync::mpsc::channel();
    let tell: Tell = Arc::new(move |notice: &Notice| drop(sender.send(notice.clone())));
    let before = resident();
    let since = Instant::now();
    let (store, opened) =
        EmbeddedStore::open(dir, Options { tell: Some(tell), ..Options::default() }).unwrap();
    let took = since.elapsed();
    store.head().unwrap();
    store.find(&Filter::default(), None, 1).unwrap();
    println!("{what}: opened in {:.0} ms, first answers {:.0} ms ({opened})", ms(took), ms(since.elapsed()));
    println!("  resident {} MiB ({} before opening)", resident(), before);
    if what == "closed in order" {
        answers(&store);
        println!("  resident {} MiB after these answers", resident());
        if opened.unread > 0 {
            let verified = told.recv_timeout(Duration::from_secs(600)).unwrap();
            println!(
                "  {verified}, {:.1} s after opening; resident {} MiB",
                since.elapsed().as_secs_f64(),
                resident()
            );
        }
    }
    store.close().unwrap();
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn answers(store: &EmbeddedStore) {
    let store: &dyn Store = store;
    let mut dice = Dice::new(77);
    let size = store.head().unwrap().size;
    let all = usize::try_from(size).unwrap();
    let mut decided = Vec::new();
    while decided.len() < 200 {
        if let Event::Decided(event) = store.record(dice.below(all) as u64).unwrap().event {
            decided.push(event.txn);
        }
    }
    spread(
        "a chain, with its records",
        decided.iter().map(|txn| {
            let since = Instant::now();
            let indices = store.chain(*txn).unwrap();
            let records: Vec<_> = indices.iter().map(|index| store.record(*index).unwrap()).collect();
            assert!(records.len() > 1 || matches!(records[0].event, Event::Decided(_)));
            since.elapsed()
        }),
    );
    let mut prove = |what: &str, make: &dyn Fn(u64) -> usize| {
        spread(
            what,
            (0..200).map(|_| {
                let index = dice.below(all) as u64;
                let since = Instant::now();
                assert!(make(index) > 0);
                since.elapsed()
            }),
        );
    };
    prove("the head, and a proof that a record is in it", &|index| {
        let head = store.head().unwrap();
        inclusion(index, head.size, store).unwrap().len()
    });
    prove("a proof that it grew from an older one", &|index| {
        1 + consistency(index + 1, size, store).unwrap().len()
    });
    let glob = |text: &str| Glob::new(text);
    let middle = Moment::from_unix_millis(1_700_000_000_000 + size * 5);
    let filters = [
        ("everything", Filter::default()),
        ("one agent", Filter { agent: glob(agent(7).as_str()), ..Filter::default() }),
        ("one action", Filter { action: glob("sql.query11"), ..Filter::default() }),
        ("denials", Filter { effect: Some(Effect::Deny), ..Filter::default() }),
        (
            "one agent's denials of one action",
            Filter {
                agent: glob(agent(7).as_str()),
                action: glob("sql.query11"),
                effect: Some(Effect::Deny),
                ..Filter::default()
            },
        ),
        ("a pattern of agents", Filter { agent: glob("*/agent/1*"), ..Filter::default() }),
        ("nobody", Filter { agent: glob("nobody"), ..Filter::default() }),
        ("a pattern of nobody", Filter { agent: glob("nobody*"), ..Filter::default() }),
        ("one reviewer", Filter { reviewer: PersonId::new("eve").ok(), ..Filter::default() }),
        ("before the middle", Filter { until: Some(middle), ..Filter::default() }),
        (
            "one action before the middle",
            Filter { action: glob("sql.query11"), until: Some(middle), ..Filter::default() },
        ),
    ];
    for (what, filter) in filters {
        let mut before = None;
        let mut found = 0;
        let mut more = true;
        let times: Vec<_> = (0..10)
            .map_while(|_| {
                if !more {
                    return None;
                }
                let since = Instant::now();
                let page = store.find(&filter, before, 50).unwrap();
                found += page.indices.len();
                before = page.next;
                more = before.is_some();
                Some(since.elapsed())
            })
            .collect();
        spread(&format!("a page of 50: {what} ({found} in {} pages)", times.len()), times.into_iter());
    }
}

fn spread(what: &str, times: impl Iterator<Item = Duration>) {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    let (middle, last) = (times[times.len() / 2], times[times.len() - 1]);
    println!("  {what}: p50 {:.2} ms, most {:.2} ms", ms(middle), ms(last));
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
