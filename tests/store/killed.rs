//! Whatever the process was doing when it was killed, everything acknowledged is there afterwards.

use crate::open;
use countersign::moment::Moment;
use countersign::party::TxnId;
use countersign::store::conformance::events::{Dice, agent, allowed, minted, opened, step};
use countersign::store::conformance::events::{ending, refused_vote};
use countersign::store::conformance::model::Model;
use countersign::store::conformance::tree::compare_tree;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::store::{Change, Store};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const CHILD: &str = "COUNTERSIGN_STORE_TO_KILL";

/// Not a test by itself: the process that the test below starts, and kills.
#[test]
fn process_that_records_until_it_is_killed() {
    let Ok(text) = std::env::var(CHILD) else { return };
    let (seed, dir) = text.split_once(' ').unwrap();
    let seed: u64 = seed.parse().unwrap();
    let runtime = crate::runtime();
    runtime.block_on(async {
        let (store, _) = EmbeddedStore::open(Path::new(dir), Options::default()).unwrap();
        let store = Arc::new(store);
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                let mut dice = Dice::new(seed * 100 + task);
                loop {
                    record_one(&store, &mut dice).await;
                }
            });
        }
        tasks.join_all().await
    });
}

/// Tells each place on its own line, as soon as it is acknowledged.
async fn record_one(store: &EmbeddedStore, dice: &mut Dice) {
    let (txn, who) = (TxnId::from_random(dice.bits()), dice.below(5));
    let at = Moment::from_unix_seconds(dice.roll() % 1_000_000);
    let request = dice.roll().to_string();
    let decision = allowed(txn, &agent(who), Some(&request));
    if dice.below(3) > 0 {
        let places = store.commit(Change::of(at, [decision, minted(txn, None)])).await.unwrap();
        println!("recorded {txn} {}", places.start);
        return;
    }
    let id = countersign::party::EscalationId::from_random(dice.bits());
    let places = store.commit(Change::of(at, [decision])).await.unwrap();
    println!("recorded {txn} {}", places.start);
    let changes = [
        vec![opened(id, txn, &agent(who), at)],
        vec![step(id, refused_vote(at, 1)), step(id, refused_vote(at, 2))],
        vec![step(id, ending(dice.below(5), at, &agent(who)))],
    ];
    let mut length = 0;
    for events in changes.into_iter().take(1 + dice.below(3)) {
        let count = events.len();
        let places = store.commit(Change::of(at, events).after(id, length)).await.unwrap();
        length += count;
        println!("course {id} {length} {}", places.start);
    }
}

#[test]
fn everything_acknowledged_is_there_after_a_kill() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let mut dice = Dice::new(41);
    let mut told: Vec<String> = Vec::new();
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed::process_that_records_until_it_is_killed", "--exact", "--nocapture"])
            .env(CHILD, format!("{round} {}", dir.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(300 + dice.roll() % 1200));
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(
            reader
                .join()
                .unwrap()
                .into_iter()
                .filter(|line| ["recorded ", "course "].iter().any(|start| line.starts_with(start))),
        );

        let (store, opened) = open(&dir);
        println!("round {round}: {} told, {opened:?}", told.len());
        let kept = opened.rebuilt.is_none() || round == 0 || opened.views == 0;
        assert!(kept, "{opened:?}: a killed process costs no rebuild");
        for line in &told {
            check(&store, line);
        }
        let model = Model::of(&store);
        model.compare(&store);
        compare_tree(&store, &model);
        store.close().unwrap();
    }
    assert!(told.len() > 100, "only {} were recorded", told.len());
}

/// The last line of a killed process may be torn.
fn check(store: &EmbeddedStore, line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    match words[..] {
        ["recorded", txn, place] => {
            let Some(txn) = TxnId::parse(txn) else { return };
            let found = store.decided(txn).unwrap().unwrap_or_else(|| panic!("{line} is lost"));
            assert!(found.to_string().starts_with(place), "{line}: {found}");
        }
        ["course", id, length, place] => {
            let Some(id) = countersign::party::EscalationId::parse(id) else { return };
            let course = store.course(id).unwrap().records;
            let length: usize = length.parse().unwrap();
            assert!(course.len() >= length, "{line}: {}", course.len());
            let places = course.iter().map(|(index, _)| index.to_string());
            assert!(places.into_iter().any(|index| index.starts_with(place)), "{line} is lost");
        }
        _ => {}
    }
}
