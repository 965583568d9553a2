//! `suspend`, `resume` and `suspensions`: what they say, and the numbers they end with.

use crate::process::{Ended, run};
use crate::world::World;

fn operate(world: &World, arguments: &[&str]) -> Ended {
    let desk = format!("unix:{}", world.path("review.sock").display());
    let all: Vec<&str> = arguments.iter().copied().chain(["--desk", &desk]).collect();
    run(world.folder(), &all)
}

#[test]
fn an_operator_stops_agents_and_lets_them_go_on() {
    let world = World::start();
    let asked = || world.authorize("orders.read", "db/staging/orders", &[]);
    operate(&world, &["suspensions"]).prints(0, &["nothing is suspended"]);
    asked().prints(0, &["allowed"]);
    let order =
        ["suspend", "--agent", "agent:tester", "--action", "orders.*", "-m", "it runs wild", "--for", "2h"];
    let words = [
        "action orders.* of agent agent:tester is suspended",
        "it runs wild",
        "by olga",
        "ends in",
        "one living",
    ];
    operate(&world, &order).prints(0, &words);
    let denied = asked();
    denied.prints(120, &["suspended by olga", "it runs wild"]);
    let listed = operate(&world, &["suspensions", "--json"]).prints(0, &[]).json();
    let one = &listed["suspensions"][0];
    assert_eq!((one["agent"].as_str(), one["action"].as_str()), (Some("agent:tester"), Some("orders.*")));
    assert_eq!(one["until"].as_u64().unwrap() - one["at"].as_u64().unwrap(), 2 * 3600 * 1000);
    let id = one["id"].as_str().unwrap();
    operate(&world, &["resume", id]).prints(0, &[id, "is lifted", "orders.*"]);
    asked().prints(0, &["allowed"]);
    operate(&world, &["resume", id]).says(122, &["there is no suspension", id]);

    let everything = operate(&world, &["suspend", "--everything", "--reason", "stop", "--json"]);
    let document = everything.prints(0, &[]).json();
    assert!(document["suspension"]["agent"].is_null() && document["suspension"]["until"].is_null());
    assert!(document["not_revoked"].is_null(), "{document}");
    asked().prints(120, &["everything is suspended"]);
    // It survives the end of the process.
    let world = World { served: world.served.stop().again() };
    assert!(world.served.log().contains("everything is suspended"), "{}", world.served.log());
    world.authorize("orders.read", "db/staging/orders", &[]).prints(120, &["everything is suspended"]);
    operate(&world, &["resume", "--all"]).prints(0, &["everything"]);
    operate(&world, &["resume", "--all"]).prints(0, &["nothing was suspended"]);
    world.authorize("orders.read", "db/staging/orders", &[]).prints(0, &["allowed"]);
    world.served.stop();
}

#[test]
fn what_makes_no_sense_suspends_nothing() {
    let world = World::start();
    let long = "x".repeat(513);
    let rows: &[(&[&str], i32, &[&str])] = &[
        (&["suspend", "-m", "x"], 2, &["--agent", "--action", "--everything"]),
        (&["suspend", "--everything"], 2, &["--reason"]),
        (&["suspend", "--everything", "--agent", "a", "-m", "x"], 2, &["--everything", "--agent"]),
        (&["suspend", "--agent", "", "-m", "x"], 2, &["`--agent` is empty", "--everything"]),
        (&["suspend", "--action", "a b", "-m", "x"], 2, &["`action`", "without space"]),
        (&["suspend", "--action", &long, "-m", "x"], 2, &["`action`", "512"]),
        (&["suspend", "--everything", "-m", ""], 2, &["`reason`"]),
        (&["suspend", "--everything", "-m", "a\nb"], 2, &["`reason`"]),
        (&["suspend", "--everything", "-m", "x", "--for", "2"], 2, &["--for", "unit"]),
        (&["suspend", "--everything", "-m", "x", "--for", "3650d"], 2, &["a year"]),
        (&["resume"], 2, &["ID", "--all"]),
        (&["resume", "sus_x"], 2, &["`id`", "sus_"]),
        (&["resume", "sus_x", "--all"], 2, &["--all"]),
        (&["suspensions", "more"], 2, &["more"]),
    ];
    for (arguments, code, words) in rows {
        operate(&world, arguments).says(*code, words);
    }
    operate(&world, &["suspensions"]).prints(0, &["nothing is suspended"]);
    let nowhere = ["suspend", "--everything", "-m", "x", "--desk", "unix:/nowhere"];
    run(world.folder(), &nowhere).says(122, &["does not answer"]);
    // Agents have no such service.
    let agents = format!("unix:{}", world.path("agent.sock").display());
    let through_the_wrong_door = run(world.folder(), &["resume", "--all", "--desk", &agents]);
    through_the_wrong_door.says(122, &["Unimplemented"]);
    world.served.stop();
}
