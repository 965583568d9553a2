//! `stats` and `incident`: what the record says, on the terminal, as JSON and over gRPC; and what went wrong.

use crate::history::{Say, World as History};
use crate::policies::golden;
use crate::process::{Ended, run, run_with};
use crate::world::World;
use countersign::audit::event::Record;
use countersign::client::StatisticsOf;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::store::{Change, Store as _};
use serde_json::{Value, json};
use std::path::Path;

/// A folder whose record this is.
fn kept(records: &[Record]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = EmbeddedStore::open(&folder.path().join("data"), Options::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for record in records {
        let change = Change { records: vec![record.clone()], ..Change::default() };
        runtime.block_on(store.commit(change)).unwrap();
    }
    store.close().unwrap();
    folder
}

/// A fortnight with something of everything.
fn fortnight() -> History {
    let mut world = History::new();
    let mut hurt = Vec::new();
    for number in 0..160_usize {
        let resource = format!("test/a/{number}");
        let (_, opened) = world.ask("db.write.one", &resource, "agent:0");
        world.wait(20 + number as u64 % 7 * 30);
        // The deletions are denied, and one thing in ten is forgotten.
        match number % 10 {
            3 => {
                let (_, opened) = world.ask("db.delete", "prod/customers/7", "agent:1");
                world.vote(opened.unwrap(), "cyd", Say::Deny, &[]);
                world.vote(opened.unwrap(), "ada", Say::Deny, &[]);
            }
            5 => {
                world.ask("db.read.two", "prod/orders/1", "agent:1");
            }
            _ => {
                let (txn, _) = world.ask("db.read.free", &format!("prod/orders/{number}"), "agent:0");
                if number % 12 == 0 {
                    hurt.push(txn);
                }
            }
        }
        world.vote(opened.unwrap(), ["ada", "bob"][number % 2], Say::Approve, &[]);
        world.claim(opened.unwrap());
        world.wait(2 * 60 * 60);
    }
    for txn in hurt {
        world.incident(txn);
    }
    world
}

fn stats(folder: &Path, more: &[&str], locale: &str) -> Ended {
    let all: Vec<&str> = ["stats", "--data", "data"].iter().chain(more).copied().collect();
    run_with(folder, &all, b"", &[("LC_ALL", locale)])
}

#[test]
fn what_it_says_of_a_fortnight() {
    let folder = kept(&fortnight().record);
    let here = folder.path();
    let blocks = stats(here, &["--advice"], "C.UTF-8");
    golden("stats.txt", &blocks.prints(0, &[]).out);
    assert!(
        blocks.out.contains('█') && !blocks.out.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    // Every line fits, but for the text that goes into a policy.
    let long: Vec<&str> = blocks.out.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(long.iter().all(|line| line.starts_with("      ")), "{long:#?}");
    let ascii = stats(here, &[], "C");
    assert!(ascii.prints(0, &["escalated"]).out.is_ascii());

    for by in ["reviewer", "action", "agent", "level", "hour", "day", "rule"] {
        let one = stats(here, &["--by", by], "C");
        one.prints(0, &["operations"]);
        assert!(one.out.lines().count() > 5, "{by}: {one:#?}");
    }
    stats(here, &["--by", "hour", "--zone", "Europe/Berlin"], "C").prints(0, &["hour (Europe/Berlin)"]);
    stats(here, &["--zone", "Mars/Olympus"], "C").says(2, &["Mars/Olympus"]);
    stats(here, &["--since", "yesterday"], "C").says(2, &["2026-11-21"]);
    run(here, &["stats", "--data", "nowhere"]).says(1, &["`nowhere`"]);
}

#[test]
fn as_json_it_says_the_same_and_keeps_to_the_time_that_is_asked_for() {
    let folder = kept(&fortnight().record);
    let here = folder.path();
    let all = stats(here, &["--json", "--advice"], "C").prints(0, &[]).json();
    assert_eq!((&all["version"], &all["zone"]), (&json!(1), &json!("UTC")));
    let overall = &all["overall"];
    assert_eq!(overall["operations"], 320);
    let sum: u64 =
        ["approved", "denied", "expired"].iter().map(|name| overall["endings"][name].as_u64().unwrap()).sum();
    assert_eq!(sum, overall["endings"]["opened"].as_u64().unwrap());
    let codes: Vec<&Value> = all["advice"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert!(codes.contains(&&json!("advice.allow")) && codes.contains(&&json!("advice.deny")), "{codes:?}");
    let allow = &all["advice"][0];
    assert_eq!((&allow["action"], &allow["preview"]["looser"]), (&json!("db.write.one"), &json!(160)));
    assert_eq!(allow["evidence"]["cases"]["of"], 160);

    let half = stats(here, &["--json", "--since", "2026-11-30", "--until", "2026-12-01"], "C").json();
    let days: Vec<&Value> = half["days"].as_array().unwrap().iter().map(|day| &day["day"]).collect();
    assert_eq!(days, [&json!("2026-11-30")]);
    let none = stats(here, &["--json", "--since", "2027-01-01"], "C").json();
    assert_eq!((&none["overall"]["operations"], &none["from"]), (&json!(0), &Value::Null));
    stats(here, &["--since", "2027-01-01", "--advice"], "C")
        .prints(0, &["0 operations", "nothing to advise"]);
}

#[test]
fn an_incident_is_reported_and_the_running_service_says_what_the_record_says() {
    let world = World::start();
    let decided = world.authorize("orders.read", "db/staging/orders", &["--json"]).prints(0, &[]).json();
    let decision = decided["decision_id"].as_str().expect("a decision has an id").to_owned();
    let report = |decision: &str, more: &[&str]| {
        let desk = format!("unix:{}", world.path("review.sock").display());
        let fixed = ["incident", "report", decision, "--desk", &desk];
        run(world.folder(), &fixed.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let what = ["--severity", "major", "--what", "the disk filled up"];
    report(&decision, &what).prints(0, &["reported", &decision]);
    report("txn_AAAAAAAAAAAAAAAAAAAAAA", &what)
        .says(1, &["there is no decision `txn_AAAAAAAAAAAAAAAAAAAAAA` (NotFound)"]);
    report("nonsense", &what).says(2, &["decision_id"]);
    report(&decision, &["--severity", "major", "--what", " "]).says(2, &["`what` is empty"]);
    report(&decision, &["--severity", "bad", "--what", "x"]).says(2, &["minor", "critical"]);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (statistics, advice) = runtime.block_on(async {
        let operator = world.served.service.operator().await;
        let statistics = operator.statistics(StatisticsOf::default()).await.unwrap();
        // What was kept is read on from where it stopped.
        let again = operator.statistics(StatisticsOf::default()).await.unwrap();
        assert_eq!(statistics, again);
        let berlin = StatisticsOf { zone: "Europe/Berlin".to_owned(), ..StatisticsOf::default() };
        let elsewhere: Value = serde_json::from_slice(&operator.statistics(berlin).await.unwrap()).unwrap();
        assert_eq!(elsewhere["zone"], "Europe/Berlin");
        let nowhere = StatisticsOf { zone: "Mars/Olympus".to_owned(), ..StatisticsOf::default() };
        assert!(operator.statistics(nowhere).await.is_err());
        (statistics, operator.advice(StatisticsOf::default()).await.unwrap())
    });
    let statistics: Value = serde_json::from_slice(&statistics).unwrap();
    let drift = &statistics["drift"];
    assert_eq!((&drift["ran"], &drift["incidents"], &drift["major"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(serde_json::from_slice::<Value>(&advice).unwrap(), json!([]));
    let printed = run(world.folder(), &["stats", "--data", "data", "--json"]).json();
    assert_eq!(printed, statistics);
}
