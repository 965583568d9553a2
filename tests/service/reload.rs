//! Reload: changed files come into force whole or not at all, and only once those agree who must.

use crate::support::{POLICY, Service, approve, code, delete, deploy, read, roster};
use crate::world::{World, world};
use countersign::audit::event::Event;
use countersign::client::{Ask, Filter, Order, ReloadOutcome, Status, Verdict};
use countersign::config::Config;
use countersign::escalation::vote::Choice;
use countersign::policy::Policy;
use countersign::reviewer::Directory;
use countersign::sidecar::reload::{Changes, Files, Outcome, Reloader};
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PEOPLE: [(&str, &str); 3] =
    [("ada", "oncall, platform-lead"), ("grace", "oncall, platform-lead"), ("linus", "engineer")];

/// The starter policy with this rule before its own.
fn with_rule(rule: &str) -> String {
    POLICY.replacen("rules:\n", &format!("rules:\n  - {rule}\n"), 1)
}

fn no_reads() -> String {
    with_rule("{name: no-reads, match: {action: orders.read}, decision: deny, reason: not today}")
}

fn write(service: &Service, name: &str, text: &str) {
    std::fs::write(service.path(name), text).unwrap();
}

fn prepare(config_lines: &str) -> Service {
    let service = Service::prepare(POLICY, "", config_lines);
    write(&service, "roster.yaml", &roster(&PEOPLE));
    service
}

async fn start(config_lines: &str) -> Service {
    let mut service = prepare(config_lines);
    service.run().await;
    service
}

async fn reload(service: &Service) -> ReloadOutcome {
    service.operator().await.reload_policy().await.unwrap().0
}

async fn trouble(service: &Service) -> Option<String> {
    service.operator().await.policy_status().await.unwrap().trouble.map(|(what, _)| what)
}

fn digest(text: &str) -> String {
    Policy::digest_of(text).to_string()
}

async fn in_force(service: &Service) -> String {
    service.operator().await.policy_status().await.unwrap().policy
}

fn events(service: &Service) -> Vec<Event> {
    let (store, opened) = EmbeddedStore::open(&service.config().data, Options::default()).unwrap();
    (0..opened.records).map(|index| store.record(index).unwrap().event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_is_recorded_and_then_decides() {
    let mut service = start("").await;
    assert_eq!(reload(&service).await, ReloadOutcome::Unchanged);
    let id = service.escalate(deploy("1")).await;
    let before = service.agent().await.authorize(read()).await.unwrap();
    assert_eq!((before.verdict, before.policy_digest), (Verdict::Allow, digest(POLICY)));
    write(&service, "policy.yaml", &no_reads());
    assert!(matches!(reload(&service).await, ReloadOutcome::Taken | ReloadOutcome::Unchanged));
    let after = service.agent().await.authorize(read()).await.unwrap();
    assert_eq!((after.verdict, after.policy_digest.clone()), (Verdict::Deny, digest(&no_reads())));
    let status = service.operator().await.policy_status().await.unwrap();
    assert_eq!((status.policy.as_str(), &status.policy_file), (digest(&no_reads()).as_str(), &status.policy));
    assert_eq!((status.name.as_str(), status.trouble, status.needs_approval), ("starter", None, false));
    // An escalation keeps the policy that it was opened under.
    assert_eq!(service.reviewer().await.show(&id).await.unwrap().policy_digest, digest(POLICY));
    assert_eq!(service.vote(&id, "ada", approve(&[])).await.unwrap(), Status::Approved);
    service.stop().await;
    let events = events(&service);
    let loaded = |event: &Event| matches!(event, Event::PolicyLoaded { text, .. } if *text == no_reads());
    let decided =
        |event: &Event| matches!(event, Event::Decided(decided) if decided.txn.to_string() == after.decision);
    let (loaded, decided) =
        (events.iter().position(loaded).unwrap(), events.iter().position(decided).unwrap());
    assert!(loaded < decided);
    let rosters = events.iter().filter(|event| matches!(event, Event::RosterLoaded { .. })).count();
    assert_eq!(rosters, 1, "the roster did not change");
}

/// As the kubelet does it: a new folder, and a symbolic link that is replaced by renaming another over it.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_is_swapped_and_noticed() {
    let mut service = prepare("");
    let folder = service.path("mounted");
    let swap = |name: &str, policy: &str| {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("policy.yaml"), policy).unwrap();
        std::fs::write(folder.join(name).join("roster.yaml"), roster(&PEOPLE)).unwrap();
        std::os::unix::fs::symlink(name, folder.join("..data_tmp")).unwrap();
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    swap("..2026_11_21_1", POLICY);
    for name in ["policy.yaml", "roster.yaml"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
    }
    let config = std::fs::read_to_string(service.path("countersign.yaml")).unwrap();
    let config =
        config.replace("policy: policy", "policy: mounted/policy").replace("roster: r", "roster: mounted/r");
    write(&service, "countersign.yaml", &config);
    service.run().await;
    assert_eq!(in_force(&service).await, digest(POLICY));
    swap("..2026_11_21_2", &no_reads());
    std::fs::remove_dir_all(folder.join("..2026_11_21_1")).unwrap();
    // Nobody asks for it: it is looked at by itself.
    let until = Instant::now() + Duration::from_secs(60);
    while in_force(&service).await != digest(&no_reads()) {
        assert!(Instant::now() < until, "{:?}", trouble(&service).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(service.agent().await.authorize(read()).await.unwrap().verdict, Verdict::Deny);
}

struct Looked {
    world: World,
    folder: tempfile::TempDir,
    reloader: Reloader,
}

impl Looked {
    fn new() -> Self {
        let (world, folder) = (world(), tempfile::tempdir().unwrap());
        let files =
            Files { policy: folder.path().join("policy.yaml"), roster: folder.path().join("roster.yaml") };
        let reloader = Reloader::new(files, Changes::Free, world.sidecar.clone());
        let looked = Self { world, folder, reloader };
        looked.write("roster.yaml", &roster(&PEOPLE));
        looked.write("policy.yaml", POLICY);
        looked
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn trouble(&self) -> String {
        self.reloader.status().trouble.clone().expect("there is no trouble").0
    }

    fn digest(&self) -> String {
        self.world.in_force.load().policy.digest().to_string()
    }
}

#[tokio::test]
async fn what_is_being_written_is_not_taken_and_half_of_it_never_is() {
    let looked = Looked::new();
    // The roster is another one than the world began with.
    assert_eq!(looked.reloader.look().await, Outcome::Unsettled);
    assert_eq!(looked.reloader.look().await, Outcome::Taken);
    assert_eq!(looked.reloader.look().await, Outcome::Unchanged);
    let next = no_reads();
    let lines: Vec<&str> = next.split_inclusive('\n').collect();
    for part in (10..lines.len()).step_by(12) {
        looked.write("policy.yaml", &lines[..part].concat());
        assert_eq!(looked.reloader.look().await, Outcome::Unsettled);
    }
    assert_eq!(looked.digest(), digest(POLICY));
    assert!(looked.reloader.status().trouble.is_none());
    // However long it stays half written: it has no end.
    let cut = next.split_once("\nlevels:").unwrap().0;
    looked.write("policy.yaml", cut);
    assert_eq!(looked.reloader.look().await, Outcome::Unsettled);
    assert_eq!(looked.reloader.look().await, Outcome::Refused);
    assert!(looked.trouble().contains("is this the whole policy?"), "{}", looked.trouble());
    looked.write("policy.yaml", &next);
    assert_eq!(looked.reloader.look().await, Outcome::Unsettled);
    assert_eq!((looked.digest(), looked.reloader.look().await), (digest(POLICY), Outcome::Taken));
    assert_eq!(looked.digest(), digest(&next));
    assert!(looked.reloader.status().trouble.is_none());
}

#[tokio::test]
async fn what_is_wrong_is_told_once_with_its_place_and_the_last_good_one_stays() {
    let looked = Looked::new();
    assert_eq!(looked.reloader.look_at_once().await, Outcome::Taken);
    let line = POLICY.lines().position(|line| line.contains("name: payments")).unwrap() + 1;
    let misspelt = POLICY.replacen("- name: payments", "- nmae: payments", 1);
    let fewer = roster(&PEOPLE[..1]);
    let (policy, people) = (roster(&PEOPLE), POLICY.to_owned());
    // policy, roster, and what is said about them
    let rows: [(&str, &str, &[&str]); 6] = [
        (
            &misspelt,
            &roster(&PEOPLE),
            &[&format!("policy.yaml:{line}:5: unknown key `nmae`"), "did you mean `name`?"],
        ),
        ("", &roster(&PEOPLE), &["policy.yaml"]),
        (&policy, &people, &["roster.yaml:"]),
        (POLICY, "people: [", &["roster.yaml:1:"]),
        (
            POLICY,
            &fewer,
            &["error: ", "policy.yaml:", "2 approvals are asked for, and 1 person could give one"],
        ),
        (&"x".repeat((2 << 20) + 1), &roster(&PEOPLE), &["larger than 2097152 bytes"]),
    ];
    for (policy, people, words) in rows {
        looked.write("policy.yaml", policy);
        looked.write("roster.yaml", people);
        assert_eq!(looked.reloader.look_at_once().await, Outcome::Refused);
        for word in words {
            assert!(looked.trouble().contains(word), "`{word}` is not in {}", looked.trouble());
        }
        let first = looked.reloader.status();
        looked.world.clock.advance(Duration::from_secs(1));
        assert_eq!(looked.reloader.look().await, Outcome::Refused);
        assert_eq!(looked.reloader.status(), first, "it is told once");
        assert_eq!(looked.digest(), digest(POLICY));
        assert_eq!(looked.world.in_force.load().roster, Directory::digest_of(&roster(&PEOPLE)));
    }
    // No file at all, a folder, and a pipe that nobody writes to.
    let path = looked.folder.path().join("policy.yaml");
    looked.write("roster.yaml", &roster(&PEOPLE));
    for make in ["true", "mkdir", "mkfifo"] {
        drop(std::fs::remove_file(&path));
        drop(std::fs::remove_dir(&path));
        assert!(std::process::Command::new(make).arg(&path).status().unwrap().success());
        assert_eq!(looked.reloader.look_at_once().await, Outcome::Refused);
        assert!(looked.trouble().contains("cannot read"), "{}", looked.trouble());
        assert_eq!(looked.reloader.status().policy_file, None);
    }
    std::fs::remove_file(&path).unwrap();
    looked.write("policy.yaml", &no_reads());
    assert_eq!(looked.reloader.look_at_once().await, Outcome::Taken);
    assert_eq!(looked.digest(), digest(&no_reads()));
    assert!(looked.reloader.status().trouble.is_none());
    // Back to what is in force without its being taken: that is no trouble any more.
    looked.write("policy.yaml", "");
    assert_eq!(looked.reloader.look_at_once().await, Outcome::Refused);
    looked.write("policy.yaml", &no_reads());
    assert_eq!(looked.reloader.look().await, Outcome::Unchanged);
    assert!(looked.reloader.status().trouble.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_decides_nothing() {
    let looked = Looked::new();
    assert_eq!(looked.reloader.look_at_once().await, Outcome::Taken);
    looked.world.store.close().unwrap();
    looked.write("policy.yaml", &no_reads());
    assert_eq!(looked.reloader.look_at_once().await, Outcome::Refused);
    assert!(looked.trouble().contains("could not be recorded"), "{}", looked.trouble());
    assert_eq!(looked.digest(), digest(POLICY));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_left_the_roster_does_not_vote_any_more_and_who_has_come_does() {
    let service = start("").await;
    let (id, other) = (service.escalate(delete(1)).await, service.escalate(delete(2)).await);
    assert_eq!(service.vote(&id, "ada", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(service.vote(&other, "grace", approve(&[])).await.unwrap(), Status::Pending);
    let people =
        [("ada", "oncall, platform-lead"), ("hopper", "oncall, platform-lead"), ("linus", "engineer")];
    write(&service, "roster.yaml", &roster(&people));
    assert!(matches!(reload(&service).await, ReloadOutcome::Taken | ReloadOutcome::Unchanged));
    assert_eq!(code(service.vote(&id, "grace", approve(&[])).await.unwrap_err()), "PermissionDenied");
    let shown = service.reviewer().await.show(&id).await.unwrap();
    assert_eq!((shown.summary.status, shown.can_complete), (Status::Pending, vec!["hopper".to_owned()]));
    assert_eq!(service.vote(&id, "hopper", approve(&[])).await.unwrap(), Status::Approved);
    assert_eq!(service.end_of(&id).await.status, Status::Claimed);
    // Grace's vote of before does not count for anything now.
    assert_eq!(service.vote(&other, "ada", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(service.vote(&other, "hopper", approve(&[])).await.unwrap(), Status::Approved);
}

/// 64 callers ask as fast as they can while the policy is changed 50 times between two that answer differently.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_decision_is_made_under_a_mixture_and_none_is_lost() {
    let mut service = start("").await;
    // Each round's text is another one, so that a decision before its policy is recorded would be seen.
    let texts: Vec<(String, Verdict)> = (0..50)
        .map(|round| match round % 2 {
            0 => (format!("# {round}\n{}", no_reads()), Verdict::Deny),
            _ => (format!("# {round}\n{POLICY}"), Verdict::Allow),
        })
        .collect();
    let mut expected: HashMap<_, _> = texts.iter().map(|(text, verdict)| (digest(text), *verdict)).collect();
    expected.insert(digest(POLICY), Verdict::Allow);
    // Each round lets every caller ask about once, while the policy is changed.
    let turns = Arc::new(tokio::sync::Semaphore::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..64 {
        let (agent, turns) = (service.agent().await, turns.clone());
        callers.spawn(async move {
            let mut answers = Vec::new();
            while let Ok(turn) = turns.acquire().await {
                turn.forget();
                let request_id = format!("{caller}-{}", answers.len());
                let answer = agent.authorize(Ask { request_id, ..read() }).await.unwrap();
                assert_eq!(answer.grant.is_some(), answer.verdict == Verdict::Allow);
                answers.push((answer.decision, answer.policy_digest, answer.verdict));
            }
            answers
        });
    }
    for (text, _) in &texts {
        turns.add_permits(64);
        write(&service, "policy.yaml", text);
        // Whichever look is the faster one takes it.
        assert!(matches!(reload(&service).await, ReloadOutcome::Taken | ReloadOutcome::Unchanged));
        assert_eq!(in_force(&service).await, digest(text));
    }
    turns.close();
    let mut answers = HashMap::new();
    while let Some(told) = callers.join_next().await {
        for (decision, digest, verdict) in told.unwrap() {
            assert_eq!(expected.get(&digest), Some(&verdict), "{digest}");
            assert!(answers.insert(decision, digest).is_none());
        }
    }
    let told_in_all = answers.len();
    service.stop().await;
    let mut loaded = HashSet::new();
    for event in events(&service) {
        match event {
            Event::PolicyLoaded { digest, .. } => assert!(loaded.insert(digest.to_string())),
            Event::Decided(decided) => {
                let told = answers.remove(&decided.txn.to_string()).expect("it was told to nobody");
                assert_eq!(told, decided.decision.policy.to_string());
                assert!(loaded.contains(&told), "it decided before it was recorded");
            }
            Event::Started { .. }
            | Event::Stopped {}
            | Event::RosterLoaded { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::Escalation { .. }
            | Event::Minted(_)
            | Event::Drill { .. }
            | Event::Absence { .. }
            | Event::Reported(_)
            | Event::KeyRevoked { .. }
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. }
            | Event::Suspended { .. }
            | Event::Resumed { .. } => {}
        }
    }
    assert!(told_in_all >= 50 * 32, "{told_in_all}");
    assert!(answers.is_empty(), "{} answers were not recorded", answers.len());
    assert_eq!(loaded.len(), 51);
}

async fn waiting(service: &Service) -> Vec<String> {
    service.operator().await.policy_status().await.unwrap().waiting
}

#[tokio::test(flavor = "multi_thread")]
async fn where_changes_must_be_approved_two_people_agree_first() {
    let mut service = start("policy_changes: approved\n").await;
    write(&service, "policy.yaml", &no_reads());
    assert_eq!(reload(&service).await, ReloadOutcome::Waiting);
    assert_eq!(in_force(&service).await, digest(POLICY));
    assert_eq!(service.agent().await.authorize(read()).await.unwrap().verdict, Verdict::Allow);
    let id = waiting(&service).await.remove(0);
    let shown = service.reviewer().await.show(&id).await.unwrap();
    let summary = &shown.summary;
    assert_eq!((summary.agent.as_str(), summary.resource.as_str()), ("countersign", "policy"));
    assert_eq!(
        (summary.action.as_str(), shown.rule.as_str()),
        ("countersign.policy.change", "changes-to-the-rules")
    );
    let operation: serde_json::Value = serde_json::from_slice(&shown.op_bytes).unwrap();
    let parameters = &operation["parameters"];
    assert_eq!(parameters["from"], digest(POLICY));
    assert_eq!(parameters["to"], digest(&no_reads()));
    assert_eq!(parameters["summary"]["rules_added"], 1);
    assert_eq!(parameters["summary"]["rules_removed"], 0);
    // Nobody else proposes that, nor follows it.
    let own = crate::support::ask("countersign.policy.change", "policy", &parameters.to_string());
    assert_eq!(service.agent().await.authorize(own).await.unwrap().verdict, Verdict::Deny);
    assert_eq!(code(service.agent().await.follow(&id).await.unwrap_err()), "NotFound");
    // One is not enough, also not across a restart, which is no way around it.
    assert_eq!(service.vote(&id, "ada", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(reload(&service).await, ReloadOutcome::Waiting);
    service.stop().await;
    service.run().await;
    assert_eq!(in_force(&service).await, digest(POLICY));
    assert_eq!(reload(&service).await, ReloadOutcome::Waiting);
    assert_eq!(waiting(&service).await, [id.as_str()], "it is not proposed a second time");
    assert_eq!(service.vote(&id, "grace", approve(&[])).await.unwrap(), Status::Approved);
    assert!(matches!(reload(&service).await, ReloadOutcome::Taken | ReloadOutcome::Unchanged));
    assert_eq!(in_force(&service).await, digest(&no_reads()));
    assert_eq!(service.agent().await.authorize(read()).await.unwrap().verdict, Verdict::Deny);
    service.stop().await;
    let events = events(&service);
    let minted = events.iter().position(|event| matches!(event, Event::Minted(minted) if minted.escalation.map(|id| id.to_string()).as_ref() == Some(&id)));
    let loaded = events
        .iter()
        .position(|event| matches!(event, Event::PolicyLoaded { text, .. } if *text == no_reads()));
    assert!(minted.unwrap() < loaded.unwrap());
    let (Event::Minted(minted), Event::PolicyLoaded { approved, .. }) =
        (&events[minted.unwrap()], &events[loaded.unwrap()])
    else {
        panic!("they were found as such")
    };
    assert_eq!(*approved, Some(minted.txn), "an auditor finds who agreed to it");
    // From now on it is what a restart begins with.
    service.run().await;
    assert_eq!(
        (in_force(&service).await, reload(&service).await),
        (digest(&no_reads()), ReloadOutcome::Unchanged)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_not_taken_until_the_file_changes_again() {
    let service = start("policy_changes: approved\n").await;
    write(&service, "policy.yaml", &no_reads());
    assert_eq!(reload(&service).await, ReloadOutcome::Waiting);
    let first = waiting(&service).await.remove(0);
    // Changed before anybody decided: the first proposal is withdrawn.
    let other = with_rule("{name: never, match: {action: never}, decision: deny}");
    write(&service, "policy.yaml", &other);
    assert_eq!(reload(&service).await, ReloadOutcome::Waiting);
    let second = waiting(&service).await.remove(0);
    let status = async |id: &str| service.reviewer().await.show(id).await.unwrap().summary.status;
    assert_eq!((status(&first).await, status(&second).await), (Status::Cancelled, Status::Pending));
    assert_eq!(service.vote(&second, "grace", Choice::Deny).await.unwrap(), Status::Denied);
    for _ in 0..2 {
        assert_eq!(reload(&service).await, ReloadOutcome::Refused);
        let told = trouble(&service).await.unwrap();
        assert!(told.contains("was not approved") && told.contains("grace"), "{told}");
    }
    assert_eq!(in_force(&service).await, digest(POLICY));
    assert!(
        service
            .reviewer()
            .await
            .list(Filter::default(), Order::Newest, 10, None)
            .await
            .unwrap()
            .escalations
            .is_empty()
    );
    // The roster goes the same way, and while everything is suspended nothing is taken at all.
    write(&service, "policy.yaml", POLICY);
    assert_eq!(reload(&service).await, ReloadOutcome::Unchanged);
    assert_eq!(trouble(&service).await, None);
    let more = roster(&[PEOPLE[0], PEOPLE[1], PEOPLE[2], ("hopper", "oncall")]);
    write(&service, "roster.yaml", &more);
    assert_eq!(reload(&service).await, ReloadOutcome::Waiting);
    let third = waiting(&service).await.remove(0);
    let shown = service.reviewer().await.show(&third).await.unwrap();
    assert_eq!(shown.summary.resource, "roster");
    let operation: serde_json::Value = serde_json::from_slice(&shown.op_bytes).unwrap();
    assert_eq!(operation["parameters"]["summary"]["people_added"], 1);
    service.vote(&third, "ada", approve(&[])).await.unwrap();
    service.operator().await.suspend(countersign::client::Scope::default(), "stop", None).await.unwrap();
    service.vote(&third, "grace", approve(&[])).await.unwrap();
    assert_eq!(reload(&service).await, ReloadOutcome::Refused);
    assert!(trouble(&service).await.unwrap().contains("suspended"));
    assert_eq!(status(&third).await, Status::Blocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_may_say_that_a_change_needs_nobody() {
    let service = prepare("policy_changes: approved\n");
    let trusting = with_rule(
        "{name: own, match: {action: countersign.policy.change, agent: countersign, resource: roster}, decision: allow}",
    );
    write(&service, "policy.yaml", &trusting);
    let mut service = service;
    service.run().await;
    write(&service, "roster.yaml", &roster(&[PEOPLE[0], PEOPLE[1]]));
    assert!(matches!(reload(&service).await, ReloadOutcome::Taken | ReloadOutcome::Unchanged));
    let status = service.operator().await.policy_status().await.unwrap();
    assert_eq!(status.roster, Directory::digest_of(&roster(&[PEOPLE[0], PEOPLE[1]])).to_string());
    assert!(status.needs_approval);
    // Both at once: neither before both.
    write(&service, "roster.yaml", &roster(&PEOPLE));
    write(&service, "policy.yaml", &no_reads());
    assert_eq!(reload(&service).await, ReloadOutcome::Waiting);
    let status = service.operator().await.policy_status().await.unwrap();
    assert_eq!((status.waiting.len(), &status.policy), (1, &digest(&trusting)));
    assert_ne!(status.roster, status.roster_file);
    for who in ["ada", "grace"] {
        service.vote(&status.waiting[0], who, approve(&[])).await.unwrap();
    }
    assert!(matches!(reload(&service).await, ReloadOutcome::Taken | ReloadOutcome::Unchanged));
    let status = service.operator().await.policy_status().await.unwrap();
    assert_eq!((&status.policy, &status.roster), (&digest(&no_reads()), &status.roster_file));
}

#[test]
fn nobody_else_has_the_services_own_name() {
    let service = prepare("");
    let path = service.path("countersign.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    for (old, new) in [("id: agent:tester", "id: Countersign"), ("id: exec:plain", "id: countersign")] {
        assert!(config.contains(old));
        std::fs::write(&path, config.replace(old, new)).unwrap();
        let error = Config::load(&path).unwrap_err().to_string();
        assert!(error.contains("reserved"), "{error}");
    }
    std::fs::write(&path, format!("{config}unsafe_anyone_on_loopback_is: COUNTERSIGN\n")).unwrap();
    assert!(Config::load(&path).unwrap_err().to_string().contains("reserved"));
    std::fs::write(&path, format!("{config}policy_changes: perhaps\n")).unwrap();
    assert!(Config::load(&path).unwrap_err().to_string().contains("policy_changes"));
}
