//! `audit list`, `chain`, `show`, `follow` and `export`: from the folder and from the service, they say the same.

use crate::process::{Ended, run};
use crate::world::World;
use serde_json::Value;

fn audit(world: &World, arguments: &[&str]) -> Ended {
    let all: Vec<&str> = ["audit"].iter().chain(arguments).copied().collect();
    run(world.folder(), &all)
}

fn data(world: &World) -> String {
    world.path("data").display().to_string()
}

fn desk(world: &World) -> String {
    format!("unix:{}", world.path("review.sock").display())
}

/// The same question to the folder and to the service, which must agree.
fn both(world: &World, arguments: &[&str]) -> Value {
    let (data, desk) = (data(world), desk(world));
    let ask = |more: [&str; 2]| {
        let all: Vec<&str> = arguments.iter().copied().chain(more).chain(["--json"]).collect();
        audit(world, &all).prints(0, &[]).json()
    };
    let (folder, service) = (ask(["--data", &data]), ask(["--desk", &desk]));
    assert_eq!(folder, service, "{arguments:?}");
    folder
}

#[test]
fn the_record_is_read_from_the_folder_and_from_the_service_alike() {
    let world = World::start();
    world.authorize("process.exec", "host/free", &[]).prints(0, &["allowed"]);
    world
        .authorize("process.exec", "host/never", &["--reason", "=cmd|' /C calc'!A0"])
        .prints(120, &["denied"]);
    let asked = world.authorize("process.exec", "host/ask", &["--json"]);
    let asked = asked.prints(123, &[]).json();
    let (escalation, txn) =
        (asked["pending"]["escalation_id"].as_str().unwrap(), asked["decision_id"].as_str().unwrap());

    let listed = both(&world, &["list"]);
    let decisions = listed["decisions"].as_array().unwrap();
    let effects: Vec<&str> = decisions.iter().map(|one| one["decision"].as_str().unwrap()).collect();
    assert_eq!(effects, ["escalate", "deny", "allow"], "the latest first");
    assert_eq!(decisions[0]["status"], "pending");
    assert_eq!(decisions[0]["decision_id"], txn);
    assert!(decisions[2]["minted_at_index"].is_u64() && listed["next_before"].is_null());

    for (filter, expected) in [
        (&["list", "--decision", "deny"][..], 1),
        (&["list", "--agent", "agent:tester"], 3),
        (&["list", "--agent", "agent:*", "--decision", "allow"], 1),
        (&["list", "--action", "process.exec"], 3),
        (&["list", "--action", "nothing.*"], 0),
        (&["list", "--reviewer", "nobody"], 0),
        (&["list", "--since", "1h"], 3),
        (&["list", "--until", "1h"], 0),
    ] {
        assert_eq!(both(&world, filter)["decisions"].as_array().unwrap().len(), expected, "{filter:?}");
    }
    let first = both(&world, &["list", "--limit", "2"]);
    let before = first["next_before"].to_string();
    let second = both(&world, &["list", "--limit", "2", "--before", &before]);
    assert_eq!(second["decisions"][0], decisions[2]);
    assert!(second["next_before"].is_null());

    for id in [txn, escalation] {
        let chain = both(&world, &["chain", id]);
        assert_eq!(chain["overview"], decisions[0]);
        assert_eq!(chain["events"][0]["record"]["step"]["type"], "opened");
    }
    audit(&world, &["chain", txn, "--data", &data(&world)])
        .prints(0, &["what was asked, exactly", "process.exec", "people are asked, until", "pending"]);
    audit(&world, &["chain", "txn_AAAAAAAAAAAAAAAAAAAAAA", "--data", &data(&world)])
        .says(1, &["there is no", "in the record"]);
    audit(&world, &["chain", "txn_AAAAAAAAAAAAAAAAAAAAAA", "--desk", &desk(&world)])
        .says(122, &["there is no", "in the record"]);
    audit(&world, &["chain", "what", "--data", &data(&world)]).says(2, &["expected txn_"]);

    let export = |form| {
        let ended = audit(&world, &["export", "-f", form, "--data", &data(&world)]);
        ended.prints(0, &[]);
        ended.out
    };
    assert_eq!(export("csv").lines().count(), 4);
    let lines = export("jsonl");
    let size = lines.lines().count();
    for (place, line) in lines.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["index"], place);
        assert_eq!(line["record"]["v"], 1);
    }
    for (form, key) in [("cloudevents", "specversion"), ("ocsf", "class_uid")] {
        let out = export(form);
        assert_eq!(out.lines().count(), size);
        for line in out.lines() {
            assert!(!serde_json::from_str::<Value>(line).unwrap()[key].is_null(), "{line}");
        }
    }
    audit(&world, &["show", "0", "--data", &data(&world)]).prints(0, &["the service started"]);
    audit(&world, &["show", "99999", "--data", &data(&world)]).says(1, &["the log has", "records"]);
    let size = size.to_string();
    audit(&world, &["follow", "--from", "0", "--count", &size, "--desk", &desk(&world)])
        .prints(0, &["the service started", "policy", ": deny (medium", "people are asked"]);
    world.served.stop();
}
