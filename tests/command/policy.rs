//! `policy status` and `policy reload`: what is in force, and why a changed file is not.

use crate::process::{Ended, file, run};
use crate::support::POLICY;
use crate::world::World;
use std::time::{Duration, Instant};

fn policy(world: &World, arguments: &[&str]) -> Ended {
    let desk = format!("unix:{}", world.path("review.sock").display());
    let all: Vec<&str> = ["policy"].iter().chain(arguments).copied().chain(["--desk", &desk]).collect();
    run(world.folder(), &all)
}

#[test]
fn an_operator_sees_what_is_in_force_and_has_it_looked_at() {
    let world = World::start();
    let text = std::fs::read_to_string(world.path("policy.yaml")).unwrap();
    policy(&world, &["reload"]).prints(0, &["the files are what is in force"]);
    policy(&world, &["status"]).prints(0, &["starter", "in force since", "the same"]);
    let before = policy(&world, &["status", "--json"]).prints(0, &[]).json();
    assert_eq!(before["policy"], before["policy_file"]);
    assert!(before["trouble"].is_null());

    let broken = text.replacen("decision: deny", "decision: dany", 1);
    let line = broken.lines().position(|line| line.contains("dany")).unwrap() + 1;
    file(world.folder(), "policy.yaml", &broken);
    let place = format!("policy.yaml:{line}:");
    let words = ["not taken", &place, "unknown value `dany`", "did you mean `deny`?"];
    policy(&world, &["reload"]).prints(1, &words);
    policy(&world, &["status"]).prints(0, &words);
    let refused = policy(&world, &["reload", "--json"]).prints(1, &[]).json();
    assert_eq!(
        (refused["outcome"].as_str(), &refused["status"]["policy"]),
        (Some("refused"), &before["policy"])
    );
    assert!(refused["status"]["trouble"]["what"].as_str().unwrap().contains(&place));
    assert!(world.served.log().contains(&place), "{}", world.served.log());

    // A hang-up has it looked at, too.
    let better = text.replacen("name: starter", "name: better", 1);
    file(world.folder(), "policy.yaml", &better);
    world.served.hang_up();
    let until = Instant::now() + Duration::from_secs(60);
    while policy(&world, &["status", "--json"]).json()["name"] != "better" {
        assert!(Instant::now() < until, "{}", world.served.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let after = policy(&world, &["status", "--json"]).prints(0, &[]).json();
    assert!(after["trouble"].is_null() && after["policy"] != before["policy"]);
    run(
        world.folder(),
        &[
            "suspend",
            "--everything",
            "-m",
            "x",
            "--desk",
            &format!("unix:{}", world.path("review.sock").display()),
        ],
    )
    .prints(0, &[]);
    policy(&world, &["status"]).prints(0, &["one suspension is in force"]);
    world.served.stop();
}

#[test]
fn a_change_that_must_be_approved_is_pending_until_it_is() {
    let service = crate::world::prepare();
    let config = std::fs::read_to_string(service.path("countersign.yaml")).unwrap();
    std::fs::write(service.path("countersign.yaml"), format!("{config}policy_changes: approved\n")).unwrap();
    let world = World { served: crate::process::Served::start(service) };
    file(world.folder(), "policy.yaml", POLICY);
    let id = world.waiting();
    policy(&world, &["reload"]).prints(123, &["waits for people", &id, "must be approved"]);
    for who in ["ada", "grace"] {
        world.vote("approve", &id, who, &[]).prints(0, &["recorded"]);
    }
    policy(&world, &["reload"]).prints(0, &["in force"]);
    let status = policy(&world, &["status", "--json"]).prints(0, &[]).json();
    assert_eq!(status["policy"], status["policy_file"]);
    world.served.stop();
}
