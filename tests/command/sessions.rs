//! `review sign-in`, and what the other commands know of it: whose turn it is, and what changes.

use crate::process::{Ended, command, file};
use crate::world::World;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;

fn sign_in(world: &World, who: &str, key: &str, more: &[&str]) -> Ended {
    let key = world.path(key).display().to_string();
    let fixed = ["sign-in", "--as", who, "--key", &key];
    world.review(&fixed.iter().chain(more).copied().collect::<Vec<_>>())
}

/// The one file that the session is kept in.
fn kept(world: &World) -> PathBuf {
    let mut files = std::fs::read_dir(world.path("state/countersign/sessions")).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none());
    file
}

#[test]
fn whoever_signs_in_is_known_to_the_other_commands_until_they_sign_out() {
    let world = World::start();
    world.review(&["whoami"]).says(120, &["needs a person", "countersign review sign-in"]);
    world.review(&["list", "--mine"]).says(120, &["needs a person"]);
    world.review(&["sign-out"]).prints(0, &["nobody is signed in"]);
    world.review(&["list"]).prints(0, &["nothing waits"]);

    sign_in(&world, "ada", "ada", &[]).prints(0, &["https://acme.example", "ada", "in 59 min", "kept in"]);
    let mode = std::fs::metadata(kept(&world)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let folder = std::fs::metadata(kept(&world).parent().unwrap()).unwrap().permissions().mode() & 0o777;
    assert_eq!(folder, 0o700);
    world.review(&["whoami"]).prints(0, &["ada", "SHA256:", "platform-lead"]);
    let myself = world.review(&["whoami", "--json"]).json();
    assert_eq!((&myself["person"], &myself["by"]), (&"ada".into(), &"session".into()));

    let pending = world.authorize("deploy.release", "shop/production", &["--json"]).prints(123, &[]).json();
    let id = pending["pending"]["escalation_id"].as_str().unwrap();
    world.review(&["list", "--mine"]).prints(0, &[id, "yours to decide"]);
    let listed = world.review(&["list", "--mine", "--json"]).json();
    assert_eq!(listed["escalations"][0]["awaits_you"], true);
    // A key in a program's hands, and another person: the session is hers from then on.
    sign_in(&world, "grace", "grace", &[]).prints(0, &["as grace"]);
    world.vote("deny", id, "grace", &[]).prints(0, &["denied"]);
    world.review(&["list", "--mine"]).prints(0, &["nothing waits"]);

    let session = std::fs::read_to_string(kept(&world)).unwrap();
    let token = session.split('"').find(|text| text.starts_with("ses_")).unwrap().to_owned();
    world.review(&["sign-out"]).prints(0, &["grace is signed out"]);
    assert!(!std::fs::read_to_string(kept(&world)).unwrap().contains("ses_"), "the token is gone");
    world.review(&["whoami"]).says(120, &["needs a person"]);
    // Nor is it worth anything where a copy of it is left.
    let copy = file(world.folder(), "copy", &session).display().to_string();
    world.review(&["whoami", "--session", &copy]).says(2, &["chmod 600"]);
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    world.review(&["whoami", "--session", &copy]).says(120, &["session.unknown", "review sign-in"]);
    world.review(&["sign-out", "--session", &copy]).prints(0, &["signed out"]);
    assert!(!world.served.log().contains(&token), "no log has it");
    world.served.stop();
}

#[test]
fn nobody_signs_in_as_another_or_to_another_desk() {
    let world = World::start();
    sign_in(&world, "ada", "grace", &[]).says(120, &["sign_in.unknown_key"]);
    sign_in(&world, "eve", "ada", &[]).says(120, &["sign_in.unknown_key"]);
    sign_in(&world, "ada", "ada", &["--trust-domain", "https://other.example"])
        .says(122, &["https://acme.example", "https://other.example"]);
    assert!(!world.path("state").exists(), "nothing was kept");
    let at = world.path("mine.json").display().to_string();
    let here = ["--session", at.as_str()];
    sign_in(&world, "ada", "ada", &here).prints(0, &["mine.json"]);
    world.review(&["whoami", "--session", &at]).prints(0, &["ada"]);
    // The desk that was known by this file had another name then.
    let text = std::fs::read_to_string(&at).unwrap();
    let rows = [
        (text.replace("https://acme.example", "https://other.example"), 122, "https://other.example"),
        (text.replace("review.sock", "other.sock"), 2, "other.sock"),
        (text.replace("\"person\"", "\"person\": \"eve\", \"person\""), 2, "mine.json"),
        ("{".to_owned(), 2, "mine.json"),
        (format!("{text}{}", " ".repeat(100_000)), 2, "mine.json"),
    ];
    for (text, code, word) in rows {
        std::fs::write(&at, &text).unwrap();
        sign_in(&world, "ada", "ada", &here).says(code, &[word]);
        assert_eq!(std::fs::read_to_string(&at).unwrap(), text, "it stays as it was");
    }
    // A bearer token is shown to the desk that gave it only.
    std::fs::write(&at, text).unwrap();
    world
        .run(&["review", "list", "--desk", "unix:/nowhere", "--session", &at].map(str::to_owned))
        .says(2, &["it is for"]);
    world.served.stop();
}

#[test]
fn a_list_is_narrowed_ordered_and_paged() {
    let world = World::start();
    let ask = |action: &str, resource: &str| {
        let asked = world.authorize(action, resource, &["--json"]).prints(123, &[]).json();
        asked["pending"]["escalation_id"].as_str().unwrap().to_owned()
    };
    let ids = [
        ask("deploy.release", "shop/production/1"),
        ask("deploy.release", "shop/production/2"),
        ask("hurry.slowly", "shop/production"),
    ];
    let found = |arguments: &[&str]| -> Vec<String> {
        let all: Vec<&str> = ["list", "--json"].iter().chain(arguments).copied().collect();
        let listed = world.review(&all).prints(0, &[]).json();
        let lines = listed["escalations"].as_array().unwrap().iter();
        lines.map(|line| line["escalation_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(&["--order", "oldest"]), ids);
    assert_eq!(found(&["--action", "hurry.*"]), [ids[2].clone()]);
    assert_eq!(found(&["--agent", "agent:nobody"]), Vec::<String>::new());
    assert_eq!(found(&["--since", "1h"]).len(), 3);
    assert_eq!(found(&["--until", "1h"]).len(), 0);
    assert_eq!(found(&["--until", "2999-01-01T00:00:00Z"]).len(), 3);
    assert_eq!(found(&["--level", "low"]).len(), 0);
    assert_eq!(found(&["--order", "urgent"]).len(), 3);

    // Equivalent ones stand together, each with its own id.
    let words = world.review(&["list", "--order", "oldest"]);
    words.prints(0, &["the like, on shop/production/2"]);
    let place = |text: &str| words.out.find(text).unwrap();
    assert!(place(&ids[0]) < place(&ids[1]) && place(&ids[1]) < place(&ids[2]));

    let first = world.review(&["list", "--limit", "2", "--json"]).json();
    let token = first["next"].as_str().unwrap();
    assert_eq!(found(&["--limit", "2", "--page", token]), [ids[0].clone()]);
    world.review(&["list", "--limit", "2"]).prints(0, &["--page"]);
    world.review(&["list", "--order", "oldest", "--page", token]).says(2, &["page_token"]);
    world.vote("deny", &ids[0], "ada", &[]).prints(0, &["denied"]);
    assert_eq!(found(&["--status", "denied"]), [ids[0].clone()]);
    assert_eq!(found(&["--all"]).len(), 3);
    world.served.stop();
}

#[test]
fn whoever_watches_is_told_what_waits_and_what_changes() {
    let world = World::start();
    let asked = world.authorize("deploy.release", "shop/production", &["--json"]).prints(123, &[]).json();
    let id = asked["pending"]["escalation_id"].as_str().unwrap().to_owned();
    let watched = std::thread::scope(|scope| {
        let watched = scope.spawn(|| world.review(&["watch", "--json", "--count", "2"]));
        // One waits already. Until the watcher has ended, others are opened: it hears of one of them.
        while !watched.is_finished() {
            world.authorize("deploy.release", "shop/production", &[]).prints(123, &[]);
        }
        watched.join().unwrap()
    });
    watched.prints(0, &[]);
    let news: Vec<serde_json::Value> =
        watched.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        news.iter().any(|one| one["news"] == "waits" && one["escalation"]["escalation_id"] == id.as_str())
    );
    assert_eq!(news.iter().filter(|one| one["news"] != "beat").count(), 2);
    world.review(&["watch", "--count", "1"]).prints(0, &[&id, "pending"]);
    world.review(&["watch", "--mine", "--count", "1"]).says(120, &["needs a person"]);

    // When the service stops, it says so.
    let mut watching = command(world.folder());
    let desk = format!("unix:{}", world.path("review.sock").display());
    watching.args(["review", "watch", "--json", "--desk", &desk]);
    let mut watching = watching.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(watching.stdout.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("waits"), "{line}");
    world.served.stop();
    let mut said = String::new();
    watching.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(
        (watching.wait().unwrap().code(), said.contains("the service stops")),
        (Some(122), true),
        "{said}"
    );
}
