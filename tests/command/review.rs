//! `authorize`, `review` and `verify`: the numbers they end with, and that their documents can be read.

use crate::process::file;
use crate::world::World;

#[test]
fn authorize_ends_with_the_verdict() {
    let world = World::start();
    let allowed = world.authorize("orders.read", "db/staging/orders", &["--json"]);
    let document = allowed.prints(0, &[]).json();
    assert_eq!(document["verdict"], "allow");
    assert!(document["grant"]["token"].as_str().unwrap().split('.').count() == 3);
    let denied = world.authorize(
        "orders.delete",
        "db/production/orders",
        &["--parameters", r#"{"filter":"*"}"#, "--json"],
    );
    assert_eq!(denied.prints(120, &[]).json()["verdict"], "deny");
    let pending = world.authorize("deploy.release", "shop/production", &["--json"]);
    assert_eq!(pending.prints(123, &[]).json()["pending"]["escalation_id"].as_str().unwrap().len(), 26);
    world.authorize("orders.read", "db/staging/orders", &["--parameters", "{"]).says(2, &["json.truncated"]);
    world.authorize("orders read", "db/staging/orders", &[]).says(2, &["operation.action"]);
    let strange = world.authorize("orders.read", "db/\u{1b}[31m", &[]);
    assert!(!strange.err.contains('\u{1b}'), "{strange:?}");
    strange.says(2, &["operation.resource"]);
    // Nobody decides in time.
    let expired = world.authorize("hurry.up", "shop/production", &["--wait", "--json"]);
    assert_eq!(expired.prints(121, &[]).json()["status"], "expired");
    world.served.stop();
}

#[test]
fn people_decide_with_keys_that_openssh_made() {
    let world = World::start();
    let waiting = |world: &World, decide: &dyn Fn(&str)| {
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                world.authorize(
                    "deploy.release",
                    "shop/production",
                    &["--wait", "--json", "--grant", "grant.json"],
                )
            });
            let id = world.waiting();
            decide(&id);
            asked.join().unwrap()
        })
    };
    let approved = waiting(&world, &|id| {
        let shown = world.review(&["show", id]);
        shown.prints(0, &["what would run, exactly", "shop/production", "agent:tester"]);
        assert_eq!(
            world.review(&["show", id, "--json"]).json()["operation_digest"].as_str().map(str::is_empty),
            Some(false)
        );
        world.vote("approve", id, "ada", &["--condition", "canary:max_percent=10"]).prints(0, &["recorded"]);
    });
    assert_eq!(approved.prints(0, &[]).json()["status"], "claimed");
    let grant = world.path("grant.json").display().to_string();
    world.verify(&["--grant", &grant, "--enforce", "canary"]).prints(122, &["undetermined.condition"]);
    let (few, many) = (
        ["--fact", "targets=1", "--fact", "all_targets=100"],
        ["--fact", "targets=50", "--fact", "all_targets=100"],
    );
    let checked = |facts: [&str; 4]| {
        let mut arguments = vec!["--grant", grant.as_str(), "--enforce", "canary"];
        arguments.extend(facts);
        world.verify(&arguments)
    };
    checked(few).prints(0, &["accepted", "ada"]);
    checked(many).prints(120, &["condition.unmet"]);
    world.verify(&["--grant", &grant]).prints(120, &["condition.unknown"]);
    // The reviewer's own signature, checked by the executor itself.
    let ada = std::fs::read_to_string(world.path("ada.pub")).unwrap();
    let grace = std::fs::read_to_string(world.path("grace.pub")).unwrap();
    for (line, code) in [(format!("ada {ada}"), 0), (format!("ada {grace}"), 120)] {
        let pinned = file(world.folder(), "pinned", line).display().to_string();
        let mut arguments = vec!["--grant", grant.as_str(), "--enforce", "canary", "--reviewers", &pinned];
        arguments.extend(few);
        world.verify(&arguments).prints(code, &[]);
    }

    let denied = waiting(&world, &|id| {
        world.vote("deny", id, "grace", &[]).prints(0, &["recorded", "denied"]);
    });
    assert_eq!(denied.prints(120, &[]).json()["status"], "denied");
    assert_eq!(world.review(&["list"]).prints(0, &[]).out.trim(), "nothing waits");
    assert_eq!(world.review(&["list", "--all", "--json"]).json()["escalations"].as_array().unwrap().len(), 2);
    world.served.stop();
}

#[test]
fn a_vote_that_does_not_count_says_why() {
    let world = World::start();
    world.authorize("deploy.release", "shop/production", &[]).prints(123, &["escalation esc_"]);
    let id = world.waiting();
    let unknown = format!("esc_{}", "A".repeat(22));
    world.vote("approve", &unknown, "ada", &[]).says(122, &["there is no escalation", &unknown]);
    world.vote("approve", "nonsense", "ada", &[]).says(2, &["`escalation_id`"]);
    world.vote("approve", &id, "ada", &["--condition", "moon"]).says(2, &["condition `moon`"]);
    world
        .vote("approve", &id, "ada", &["--condition", "dry_run"])
        .says(120, &["vote.condition_not_enforced"]);
    let key = |path: &str, who: &str| {
        let path = world.path(path).display().to_string();
        world.review(&["approve", &id, "--as", who, "--key", &path, "--reason", "x", "--yes"])
    };
    key("ada", "a da").says(2, &["`--as a da`"]);
    key("grace", "ada").says(120, &["vote.unknown_key"]);
    key("missing", "ada").says(2, &["missing"]);
    key("policy.yaml", "ada").says(1, &["policy.yaml"]);
    key("ada", "mallory").says(120, &["vote.unknown_key"]);
    let path = world.path("ada").display().to_string();
    world
        .review(&["approve", &id, "--as", "ada", "--key", &path, "--reason", "x"])
        .says(2, &["no terminal", "--yes"]);
    world
        .review(&["approve", &id, "--as", "ada", "--key", &path, "--reason", "a\nb", "--yes"])
        .says(2, &["reason"]);
    world.review(&["show", &unknown]).says(122, &["there is no escalation"]);
    assert_eq!(world.waiting(), id, "it still waits");
    world.served.stop();
}

#[test]
fn verify_accepts_once_and_refuses_what_is_not_sound() {
    let world = World::start();
    let grant = world.grant("grant.json");
    world.verify(&["--grant", &grant]).prints(0, &["accepted", "agent:tester"]);
    assert_eq!(world.verify(&["--grant", &grant, "--json"]).json()["verdict"], "accepted");
    let used = world.path("used").display().to_string();
    world.verify(&["--grant", &grant, "--consume", &used]).prints(0, &["used up"]);
    world.verify(&["--grant", &grant, "--consume", &used]).prints(120, &["replay"]);
    let refused = world.verify(&["--grant", &grant, "--consume", &used, "--json"]);
    assert_eq!(refused.prints(120, &[]).json()["code"], "replay");

    let text = std::fs::read_to_string(&grant).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let operation = document["operation"].as_str().unwrap();
    let other = file(world.folder(), "other", operation.replace("staging", "testing")).display().to_string();
    world.verify(&["--grant", &grant, "--operation", &other]).prints(120, &["audience.mismatch"]);
    let rows: [(&str, Vec<u8>, i32); 8] = [
        ("nothing", vec![], 2),
        ("half a file", text.as_bytes()[..text.len() / 2].to_vec(), 2),
        ("no text", vec![0xff; 100], 2),
        ("100 000 deep", vec![b'['; 100_000], 2),
        ("another type", br#"{"token":1,"operation":"{}"}"#.to_vec(), 2),
        ("no operation", br#"{"token":"a.b.c","operation":""}"#.to_vec(), 2),
        ("no token", text.replacen("\"token\": \"", "\"token\": \"x", 1).into_bytes(), 120),
        (
            "a million dots",
            text.replacen("\"token\": \"", &format!("\"token\": \"{}", ".".repeat(1_000_000)), 1)
                .into_bytes(),
            120,
        ),
    ];
    for (name, bytes, code) in rows {
        let path = file(world.folder(), "bad.json", bytes).display().to_string();
        let ended = world.verify(&["--grant", &path]);
        assert_eq!(ended.code, Some(code), "{name}: {ended:?}");
        assert!(code != 2 || name == "no operation" || ended.err.contains("bad.json"), "{name}: {ended:?}");
    }
    world.verify(&["--grant", "missing.json"]).says(2, &["`missing.json`"]);
    world.verify(&["--grant", &grant, "--fact", "moon=1"]).says(2, &["moon", "the facts are"]);
    world.verify(&["--grant", &grant, "--fact", "targets=-1"]).says(2, &["targets=-1", "not a number"]);
    world.verify(&["--grant", &grant, "--enforce", "moon"]).says(2, &["--enforce moon"]);
    world.verify(&["--grant", &grant, "--plain"]).prints(120, &["audience.mismatch"]);
    world.verify(&["--grant", &grant, "--min-approvals", "1"]).prints(120, &["approval.insufficient"]);
    world.verify(&["--grant", &grant, "--bundle", &grant]).says(2, &["grant.json", "not a trust bundle"]);
    // A replay store that cannot be opened is no yes.
    file(world.folder(), "blocked", "a file");
    world.verify(&["--grant", &grant, "--consume", "blocked"]).says(122, &["blocked"]);
    world.served.stop();
}
