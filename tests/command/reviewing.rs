//! What reviewers do besides voting: withdraw, break the glass, change, pass on, go away; and drills for them.

use crate::process::{Ended, run};
use crate::support::FLEET;
use crate::world::World;
use serde_json::Value;
use std::panic::AssertUnwindSafe;

const RULES: &str = "rules:
  - name: schema
    match: {action: 'db.schema.*'}
    decision: escalate
    escalation:
      approvals: 2
      reviewers: [role:oncall]
      break_glass:
        reviewers: [role:oncall]
        review: {reviewers: [role:oncall]}
  - name: careful
    match: {action: 'careful.*'}
    decision: escalate
    escalation:
      approvals: 1
      diligence: {must_open: true, poor_votes: ask_again, reading_speed: 0, nights: false}
  - name: easy
    match: {action: 'easy.*'}
    decision: escalate
    escalation: {approvals: 1, assurance: session}
  - name: nowhere
    match: {action: 'deploy.*', resource: 'nowhere/*'}
    decision: deny
    reason: nobody deploys there
";

/// A world of three people; any two of them decide about schemas, any one about the rest.
fn world() -> World {
    World::start_with(RULES, &[("ada", "ed25519"), ("grace", "ecdsa"), ("linus", "ed25519")])
}

/// What this person does while they are signed in.
fn by(world: &World, who: &str, arguments: &[&str]) -> Ended {
    let session = world.path(&format!("{who}.session")).display().to_string();
    let all: Vec<&str> = arguments.iter().copied().chain(["--session", &session]).collect();
    world.review(&all)
}

fn sign_in(world: &World, who: &str) {
    let key = world.path(who).display().to_string();
    by(world, who, &["sign-in", "--as", who, "--key", &key]).prints(0, &["signed in"]);
}

/// Asks, without waiting; the escalation's id.
fn ask(world: &World, action: &str, resource: &str, parameters: &str) -> String {
    let asked = world.authorize(action, resource, &["--parameters", parameters, "--json"]);
    let document = asked.prints(123, &[]).json();
    document["pending"]["escalation_id"].as_str().unwrap().to_owned()
}

fn shown(world: &World, id: &str) -> Value {
    world.review(&["show", id, "--json"]).prints(0, &[]).json()
}

/// Asks and waits, while somebody does something with what waits.
fn meanwhile(world: &World, action: &str, more: &[&str], decide: impl FnOnce(&str)) -> Ended {
    std::thread::scope(|scope| {
        let options: Vec<&str> = ["--wait", "--json"].iter().chain(more).copied().collect();
        let asked = scope.spawn(move || world.authorize(action, "shop/production", &options));
        let id = world.waiting();
        let decided = std::panic::catch_unwind(AssertUnwindSafe(|| decide(&id)));
        if let Err(failure) = decided {
            // Whoever waits is let go, so that the test fails at once.
            world.vote("deny", &id, "linus", &[]);
            std::panic::resume_unwind(failure);
        }
        asked.join().unwrap()
    })
}

#[test]
fn a_vote_is_taken_back_until_it_is_decided() {
    let world = world();
    let id = ask(&world, "db.schema.migrate", "shop/production", "{}");
    world.vote("withdraw", &id, "ada", &[]).says(120, &["vote.nothing_to_withdraw"]);
    world.vote("approve", &id, "ada", &[]).prints(0, &["your vote is recorded", "one more person"]);
    world.vote("deny", &id, "ada", &[]).says(120, &["vote.conflicting", "withdraw"]);
    world
        .vote("withdraw", &id, "ada", &[])
        .prints(0, &["your vote is withdrawn", "pending", "2 more people"]);
    let document = shown(&world, &id);
    assert_eq!(document["votes"].as_array().unwrap().len(), 0);
    let void = &document["void_votes"][0];
    assert_eq!((&void["reviewer"], &void["counts"]), (&"ada".into(), &false.into()));
    world.review(&["show", &id]).prints(0, &["ada approved", "does not stand any more"]);

    // She may say something again, and then it is decided.
    let again = world.vote("approve", &id, "ada", &["--json"]).prints(0, &[]).json();
    assert_eq!((&again["status"], &again["approvals"]), (&"pending".into(), &1.into()));
    world.vote("approve", &id, "grace", &[]).prints(0, &["approved by ada", "approved by grace"]);
    world.vote("withdraw", &id, "ada", &[]).says(120, &["vote.resolved"]);
    world.served.stop();
}

#[test]
fn an_emergency_is_approved_by_one_and_reviewed_by_another() {
    let world = world();
    let easy = ask(&world, "easy.thing", "shop/production", "{}");
    world.vote("break-glass", &easy, "ada", &[]).says(120, &["vote.no_break_glass"]);
    world.vote("deny", &easy, "ada", &[]).prints(0, &["denied"]);
    let mut id = String::new();
    let ended = meanwhile(&world, "db.schema.migrate", &[], |waiting| {
        waiting.clone_into(&mut id);
        let told = world.vote("break-glass", waiting, "ada", &[]);
        told.prints(0, &["your emergency approval is recorded", "approved"]);
    });
    assert_eq!(ended.prints(0, &[]).json()["status"], "claimed");
    assert!(shown(&world, &id)["review_by"].is_u64(), "it stays open until somebody looked at it");
    world.review(&["show", &id]).prints(0, &["broke the glass", "to be reviewed in"]);

    let close = |who: &str, verdict: &str, more: &[&str]| {
        let fixed = ["close", &id, verdict, "-m", "the index could have waited"];
        by(&world, who, &fixed.iter().chain(more).copied().collect::<Vec<_>>())
    };
    close("ada", "--justified", &[]).says(120, &["needs a person", "sign-in"]);
    sign_in(&world, "ada");
    close("ada", "--justified", &[]).says(120, &["escalation.own_emergency"]);
    sign_in(&world, "grace");
    by(&world, "grace", &["close", &id, "-m", "x"]).says(2, &["--justified", "--unjustified"]);
    by(&world, "grace", &["close", &easy, "--justified", "-m", "x"]).says(120, &["escalation.no_review_due"]);
    let document = close("grace", "--unjustified", &["--json"]).prints(0, &[]).json();
    assert_eq!((&document["status"], &document["approvals"]), (&"claimed".into(), &1.into()));
    let reasons = document["reasons"].to_string();
    assert!(reasons.contains("not justified: the index could have waited"), "{reasons}");
    assert!(shown(&world, &id)["review_by"].is_null());
    close("grace", "--justified", &[]).says(120, &["escalation.no_review_due"]);
    world.served.stop();
}

/// Ada proposes to run it so instead.
fn propose(world: &World, id: &str, who: &str, parameters: &str, more: &[&str]) -> Ended {
    let options: Vec<&str> = ["--parameters", parameters].iter().chain(more).copied().collect();
    world.vote("change", id, who, &options)
}

#[test]
fn a_changed_operation_is_taken_by_the_agent_or_withdrawn() {
    let world = world();
    let whole = ["--parameters", r#"{"percent":100}"#];
    let accepting: Vec<&str> =
        whole.iter().copied().chain(["--accept-changes", "--grant", "grant.json"]).collect();
    let mut id = String::new();
    let taken = meanwhile(&world, "deploy.release", &accepting, |waiting| {
        waiting.clone_into(&mut id);
        let denied = propose(&world, waiting, "ada", "{}", &["--resource", "nowhere/production"]);
        denied.says(120, &["may not run", "nobody deploys there"]);
        assert!(!denied.err.contains("sensitivity"), "what decided is enough: {denied:?}");
        propose(&world, waiting, "ada", r#"{"percent":100}"#, &[]).says(120, &["approve that"]);
        propose(&world, waiting, "ada", "{", &[]).says(2, &["the changed operation", "the JSON text stops"]);
        let unenforced = propose(&world, waiting, "ada", r#"{"percent":10}"#, &["--condition", "dry_run"]);
        unenforced.says(120, &["vote.condition_not_enforced"]);
        let ten = propose(&world, waiting, "ada", r#"{"percent":10}"#, &["--json"]).prints(0, &[]).json();
        assert!(ten["reasons"].to_string().contains("waits for the agent"), "{ten}");
    });
    taken.says(0, &["ada proposes another operation", "-   percent: 100", "+   percent: 10", "taking it"]);
    assert_eq!(taken.json()["status"], "claimed");
    let grant: Value = serde_json::from_slice(&std::fs::read(world.path("grant.json")).unwrap()).unwrap();
    assert!(grant["operation"].as_str().unwrap().contains(r#""percent":10}"#), "{grant}");
    propose(&world, &id, "ada", "{}", &[]).says(120, &["is over"]);

    // Who does not say that they take changes takes none.
    let left = meanwhile(&world, "deploy.release", &whole, |waiting| {
        waiting.clone_into(&mut id);
        propose(&world, waiting, "grace", r#"{"percent":5}"#, &[]).prints(0, &["your change is proposed"]);
    });
    let document = left.prints(120, &[]).json();
    assert_eq!((&document["status"], &document["offer"]["reviewer"]), (&"cancelled".into(), &"grace".into()));
    assert!(document["offer"]["operation"].as_str().unwrap().contains(r#""percent":5}"#), "{document}");
    assert_eq!(shown(&world, &id)["escalation"]["status"], "cancelled");
    world.served.stop();
}

#[test]
fn while_a_change_waits_nobody_approves_anything_and_one_may_still_deny() {
    let world = world();
    let id = ask(&world, "deploy.release", "shop/production", r#"{"percent":100}"#);
    propose(&world, &id, "ada", r#"{"percent":10}"#, &[]).prints(0, &["your change is proposed"]);
    propose(&world, &id, "grace", r#"{"percent":5}"#, &[]).says(120, &["escalation.amended_already"]);
    world.vote("approve", &id, "grace", &[]).says(120, &["vote.amended"]);
    let words = world.review(&["show", &id]);
    words.prints(0, &["what a reviewer proposes instead", "ada: it was looked at", "+   percent: 10"]);
    assert_eq!(shown(&world, &id)["offer"]["reviewer"], "ada");
    world.vote("deny", &id, "grace", &[]).prints(0, &["denied by grace"]);
    world.served.stop();
}

#[test]
fn whoever_was_asked_passes_it_on_and_is_not_asked_again() {
    let world = world();
    let id = ask(&world, "deploy.release", "shop/production", "{}");
    let asked = || -> Vec<String> { serde_json::from_value(shown(&world, &id)["asked"].clone()).unwrap() };
    // One decides, and a second is asked in case the first does not answer.
    let first = asked();
    let [one, two] = first.as_slice() else { panic!("{first:?}") };
    let third =
        ["ada", "grace", "linus"].into_iter().find(|name| !first.iter().any(|one| one == name)).unwrap();
    let pass = |who: &str, to: &str| by(&world, who, &["pass-on", &id, "--to", to]);
    pass(one, third).says(120, &["needs a person"]);
    for who in [one, two, third] {
        sign_in(&world, who);
    }
    pass(third, one).says(120, &["escalation.not_asked"]);
    pass(one, "nobody").says(120, &["it can't be passed on to `nobody`", "vote.not_in_pool"]);
    pass(one, "no body").says(120, &["`to`"]);
    pass(one, third).prints(0, &[third, "is asked instead of you"]);
    let mut now = vec![two.as_str(), third];
    now.sort_unstable();
    assert_eq!(asked(), now);
    let able = world.review(&["who-can", &id, "--json"]).prints(0, &[]).json();
    assert_eq!(able["sets"], serde_json::json!([["ada"], ["grace"], ["linus"]]));
    let of =
        |who: &str| able["people"].as_array().unwrap().iter().find(|able| able["person"] == who).unwrap();
    assert_eq!((&of(one)["asked"], &of(one)["why"]), (&false.into(), &"passed it on".into()));
    assert_eq!(of(third)["asked"], true);
    world.review(&["who-can", &id]).prints(0, &["any of these can complete it", "not asked: passed it on"]);
    // They may decide it all the same.
    world.vote("approve", &id, one, &[]).prints(0, &["approved"]);
    world.review(&["who-can", &id]).prints(0, &["it is decided"]);
    pass(two, one).says(120, &["is over"]);
    world.served.stop();
}

#[test]
fn people_say_when_they_are_away_and_who_stands_in() {
    let world = world();
    let away = |who: &str, arguments: &[&str]| {
        by(&world, who, &["away"].iter().chain(arguments).copied().collect::<Vec<_>>())
    };
    away("ada", &["--for", "2h"]).says(120, &["needs a person"]);
    sign_in(&world, "ada");
    away("ada", &[]).says(2, &["--until", "--for"]);
    away("ada", &["--until", "tomorrow"]).says(2, &["2026-12-24T09:00:00Z"]);
    away("ada", &["--for", "2h", "--delegate", "nobody"]).says(120, &["the delegate is not in the roster"]);
    away("ada", &["--for", "2h", "--delegate", "ada"]).says(120, &["stands in for themselves"]);
    away("ada", &["--until", "2001-01-01T00:00:00Z"]).says(120, &["over already"]);
    let document = away("ada", &["--for", "300d", "--delegate", "grace", "--json"]);
    assert_eq!(document.prints(0, &[]).json()["delegate"], "grace");
    world.review(&["people"]).prints(0, &["away until", "stands in for ada"]);
    let people = world.review(&["people", "--json"]).prints(0, &[]).json();
    assert_eq!(
        (&people["people"][0]["person"], &people["people"][0]["there"]),
        (&"ada".into(), &false.into())
    );
    assert_eq!(people["people"][1]["stands_in_for"][0], "ada");

    // Nobody is asked who is away.
    let id = ask(&world, "deploy.release", "shop/production", "{}");
    assert_eq!(shown(&world, &id)["asked"], serde_json::json!(["grace", "linus"]));
    world.review(&["who-can", &id]).prints(0, &["not asked: away until"]);
    by(&world, "ada", &["back"]).prints(0, &["you are back"]);
    assert_eq!(world.review(&["people", "--json"]).json()["people"][0]["there"], true);
    world.served.stop();
}

#[test]
fn a_vote_counts_unsigned_for_somebody_who_is_signed_in_where_the_rule_says_so() {
    let world = world();
    let easy = ask(&world, "easy.thing", "shop/staging", "{}");
    let careful = ask(&world, "careful.thing", "shop/staging", "{}");
    let approve = |who: &str, id: &str, name: &str| {
        by(&world, who, &["approve", id, "--as", name, "-m", "it was looked at", "--yes"])
    };
    approve("ada", &easy, "ada").says(120, &["sign in, or sign the vote", "review sign-in"]);
    sign_in(&world, "ada");
    approve("ada", &careful, "ada").says(120, &["vote.insufficient_assurance", "sign the vote"]);
    approve("ada", &easy, "grace").says(120, &["vote.not_theirs", "their signature"]);
    approve("ada", &easy, "ada").prints(0, &["approved by ada"]);
    assert_eq!(shown(&world, &easy)["votes"][0]["assurance"], "session");
    world.served.stop();
}

#[test]
fn a_vote_without_care_is_asked_for_again_and_says_what_was_missing() {
    let world = world();
    sign_in(&world, "ada");
    let key = world.path("ada").display().to_string();
    let approve = |id: &str| {
        by(&world, "ada", &["approve", id, "--as", "ada", "--key", &key, "-m", "it was looked at", "--yes"])
    };
    let unread = ask(&world, "careful.thing", "shop/staging/1", "{}");
    let refused = approve(&unread);
    refused.says(120, &["vote.careless", "had not opened it", "countersign review show"]);
    assert_eq!(shown(&world, &unread)["votes"].as_array().unwrap().len(), 0);
    approve(&unread).prints(0, &["approved by ada", "your approval is a poor one", "had not opened it"]);
    assert_eq!(shown(&world, &unread)["votes"][0]["flags"][0], "the reviewer had not opened it");
    // Whoever reads it first is asked nothing.
    let read = ask(&world, "careful.thing", "shop/staging/2", "{}");
    by(&world, "ada", &["show", &read]).prints(0, &[&read]);
    let approved = approve(&read);
    approved.prints(0, &["approved by ada"]);
    assert!(!approved.out.contains("poor"), "{approved:?}");
    world.served.stop();
}

#[test]
fn drills_say_who_catches_them() {
    let world = world();
    let drill = |arguments: &[&str]| {
        let desk = format!("unix:{}", world.path("review.sock").display());
        let all: Vec<&str> = ["drill"].iter().chain(arguments).copied().chain(["--desk", &desk]).collect();
        run(world.folder(), &all)
    };
    let start = |action: &str, resource: &str, executor: &str| {
        let fixed = ["start", "--agent", "agent:tester", "--executor", executor, "--json"];
        drill(&fixed.iter().copied().chain(["--action", action, "--resource", resource]).collect::<Vec<_>>())
    };
    drill(&["list"]).prints(0, &["there was no drill yet"]);
    let denied = start("deploy.release", "nowhere/production", FLEET);
    denied.says(120, &["nothing to rehearse", "nobody deploys there"]);
    start("orders.read", "db/staging/orders", FLEET).says(120, &["nothing to rehearse", "allowed by rule"]);
    start("deploy.release", "shop/production", "exec:none").says(2, &["`exec:none`"]);
    let drills: Vec<String> = (0..2)
        .map(|_| {
            let started = start("deploy.release", "shop/production", FLEET).prints(0, &[]).json();
            started["escalation_id"].as_str().unwrap().to_owned()
        })
        .collect();
    // Whoever has to decide can't tell it from any other.
    let document = shown(&world, &drills[0]).to_string();
    assert!(!document.contains("drill"), "{document}");
    drill(&["list"]).prints(0, &[&drills[0], "open", "0 caught, 0 missed of 2"]);
    world.vote("deny", &drills[0], "grace", &[]).prints(0, &["denied by grace", "it was a drill"]);
    world.vote("approve", &drills[1], "ada", &[]).prints(0, &["denied", "ought to have been denied"]);
    drill(&["list"]).prints(0, &["denied by grace", "approved by ada", "1 caught, 1 missed of 2"]);
    let document = drill(&["list", "--json", "--limit", "1"]).prints(0, &[]).json();
    let latest = &document["drills"][0];
    assert_eq!((&latest["result"], &latest["approved_by"][0]), (&"missed".into(), &"ada".into()));
    let stopped = world.served.stop();
    assert_eq!(stopped.minted(), 0, "nothing was ever minted for one");
}
