//! `reviewers recount`: how everyone votes, and that what makes votes poor ones follows from the record.

use crate::process::run;
use crate::world::World;
use countersign::audit::event::Event;
use countersign::clock::{Clock as _, SystemClock};
use countersign::escalation::{self, Flag};
use countersign::party::EscalationId;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::store::{Change, Store as _};
use serde_json::Value;

const RULES: &str = "rules:
  - name: careful
    match: {action: 'careful.*'}
    decision: escalate
    escalation:
      approvals: 1
      diligence:
        {must_open: true, poor_votes: ask_again, reading_speed: 0, nights: false, burst: {votes: 3, within: 1h}}
";

fn of<'a>(document: &'a Value, who: &str) -> &'a Value {
    document["reviewers"].as_array().unwrap().iter().find(|one| one["person"] == who).unwrap()
}

#[test]
fn what_was_flagged_is_found_once_more_and_what_was_left_out_is_told() {
    let world = World::start_with(RULES, &[("ada", "ed25519"), ("grace", "ed25519")]);
    let recount = |more: &[&str]| {
        let all: Vec<&str> = ["reviewers", "recount", "--data", "data"].iter().chain(more).copied().collect();
        run(world.folder(), &all)
    };
    recount(&[]).prints(0, &["nobody has voted yet"]);
    let ask = |number: u32| {
        let resource = format!("shop/staging/{number}");
        let asked = world.authorize("careful.thing", &resource, &["--json"]).prints(123, &[]).json();
        asked["pending"]["escalation_id"].as_str().unwrap().to_owned()
    };
    // Nobody opens anything: each is refused once, and then counts as the poor vote that it is.
    for number in 0..2 {
        let id = ask(number);
        world.vote("approve", &id, "ada", &[]).says(120, &["vote.careless"]);
        world.vote("approve", &id, "ada", &[]).prints(0, &["had not opened it"]);
    }
    // A change that its agent takes is approved at once, and counts among what she did.
    let options = ["--parameters", r#"{"n":2}"#, "--wait", "--accept-changes", "--json"];
    let changed = std::thread::scope(|scope| {
        let asked = scope.spawn(|| world.authorize("careful.thing", "shop/staging/2", &options));
        let listed = || world.review(&["list", "--status", "pending", "--json"]).json();
        let mut id = Value::Null;
        while id.is_null() {
            id = listed()["escalations"][0]["escalation_id"].clone();
        }
        let change = world.vote("change", id.as_str().unwrap(), "ada", &["--parameters", r#"{"n":1}"#]);
        (asked.join().unwrap(), change)
    });
    changed.1.prints(0, &["your change is proposed"]);
    assert_eq!(changed.0.prints(0, &[]).json()["status"], "claimed");
    let id = ask(3);
    world.vote("approve", &id, "ada", &[]).says(120, &["one of "]);
    world.vote("withdraw", &id, "grace", &[]).says(120, &["vote.nothing_to_withdraw"]);
    world.vote("deny", &id, "grace", &[]).prints(0, &["denied"]);

    // Beside the running service, and the same without it.
    recount(&[])
        .prints(0, &["ada", "2 approvals", "1 change", "diligence.not_opened", "follows from the record"]);
    let document = recount(&["--json"]).prints(0, &[]).json();
    let (ada, grace) = (of(&document, "ada"), of(&document, "grace"));
    assert_eq!((&document["ok"], &document["differences"]), (&true.into(), &serde_json::json!([])));
    assert_eq!((&ada["approvals"], &ada["changes"], &ada["asked_again"]), (&2.into(), &1.into(), &3.into()));
    assert_eq!(ada["poor"]["diligence.not_opened"], 2);
    assert!(ada["median_seconds"].is_f64());
    assert_eq!((&grace["approvals"], &grace["denials"]), (&0.into(), &1.into()));
    let folder = world.folder().to_owned();
    let stopped = world.served.stop();
    let again = run(&folder, &["reviewers", "recount", "--data", "data", "--json"]).prints(0, &[]).json();
    assert_eq!(again, document);

    // A vote in the record that hides how it was made.
    let events = stopped.events();
    let steps: Vec<&escalation::Event> = events
        .iter()
        .filter_map(|event| if let Event::Escalation { step, .. } = event { Some(step) } else { None })
        .collect();
    let opening = steps.iter().find_map(|step| {
        if let escalation::Event::Opened(opening) = step { Some(opening.as_ref().clone()) } else { None }
    });
    let mut votes = steps.iter().filter_map(|step| {
        if let escalation::Event::Voted(vote) = step { Some(vote.as_ref().clone()) } else { None }
    });
    let vote = votes.find(|vote| vote.flags.contains(&Flag::NotOpened));
    let (mut opening, mut vote) = (opening.unwrap(), vote.unwrap());
    let id = EscalationId::from_random([7; 16]);
    (opening.id, vote.statement.escalation) = (id, id);
    (vote.signature, vote.assurance) = (None, countersign::token::Assurance::Session);
    vote.flags.clear();
    let step = |step| Event::Escalation { id, step };
    let forged =
        [step(escalation::Event::Opened(Box::new(opening))), step(escalation::Event::Voted(Box::new(vote)))];
    let (store, _) = EmbeddedStore::open(&folder.join("data"), Options::default()).unwrap();
    let change = Change::of(SystemClock::start().now(), forged);
    tokio::runtime::Runtime::new().unwrap().block_on(store.commit(change)).unwrap();
    store.close().unwrap();
    let told = run(&folder, &["reviewers", "recount", "--data", "data"]);
    told.prints(
        1,
        &["differs", &id.to_string(), "recorded: nothing", "had not opened it", "1 vote contradicts"],
    );
    let document = run(&folder, &["reviewers", "recount", "--data", "data", "--json"]).prints(1, &[]).json();
    assert_eq!((&document["ok"], &document["differences"][0]["person"]), (&false.into(), &"ada".into()));
    run(&folder, &["reviewers", "recount", "--data", "nowhere"]).says(1, &["`nowhere`"]);
    let found = run(&folder, &["audit", "verify", "data", "--trust", "data/keys/root.public.jwk"]);
    found.prints(1, &["vote.insufficient_assurance", "escalation.other_opening"]);
    // Every other record of a test must be sound when it is over; what was forged here is not.
    std::fs::remove_dir_all(folder.join("data")).unwrap();
}
