//! `channels`: what it says where there are none, and of a key.

use crate::process::{Ended, run};
use crate::world::World;

fn operate(world: &World, arguments: &[&str]) -> Ended {
    let desk = format!("unix:{}", world.path("review.sock").display());
    let all: Vec<&str> = arguments.iter().copied().chain(["--desk", &desk]).collect();
    run(world.folder(), &all)
}

#[test]
fn an_operator_sees_how_people_are_told() {
    let world = World::start();
    operate(&world, &["channels", "list"]).prints(0, &["no channel is configured", "review list"]);
    let listed = operate(&world, &["channels", "list", "--json"]).prints(0, &[]).json();
    assert_eq!(listed["channels"].as_array().map(Vec::len), Some(0), "{listed}");
    operate(&world, &["channels", "dead"]).prints(0, &["nothing was given up"]);
    operate(&world, &["channels", "dead", "--retry", "all"]).prints(0, &["0 are tried again"]);
    operate(&world, &["channels", "dead", "--retry", "nonsense"]).says(2, &["not_"]);
    operate(&world, &["channels", "late"]).prints(0, &["nothing is late"]);
    let test = ["channels", "test", "email", "--to", "ada@example.com"];
    operate(&world, &test).prints(1, &["not sent", "`email` is not configured"]);
    let key = || run(world.folder(), &["channels", "keys"]);
    key().prints(0, &["whpk_"]);
    assert_eq!(key().out, key().out, "it is made once");
}
