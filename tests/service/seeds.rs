//! The examples that the project was ordered with, end to end under the clock of the test: a schema migration, an
//! international transfer, a bulk export.

use crate::support::approve;
use crate::world::{World, people, refusal};
use countersign::condition::ExecutionFacts;
use countersign::desk::queue::{Filter, Order, Queue};
use countersign::escalation::vote::Choice;
use countersign::escalation::{Status, VoteRefusal};
use countersign::party::EscalationId;
use countersign::sidecar::Ask;
use countersign::store::Store as _;
use std::time::Duration;

const EXPACTI: &str = include_str!("../../examples/policies/expacti.yaml");
const INTENDED: &str = include_str!("../../examples/policies/intended.yaml");

/// Dana holds two of the three roles.
fn migrating() -> World {
    let roles =
        "dev-lead, dba, security, oncall-primary, oncall-secondary, eng-manager, admin, security-lead";
    let staff = [
        ("devin", "roles: [dev-lead]"),
        ("dora", "roles: [dba]"),
        ("sam", "roles: [security]"),
        ("dana", "roles: [dev-lead, dba]"),
        ("max", "roles: [eng-manager]"),
    ];
    World::of(EXPACTI, &people(roles, &staff))
}

fn migration() -> Ask {
    World::ask("migrate.orders", "db/production/orders", r#"{"version":"42"}"#)
}

fn transferring() -> World {
    let roles =
        "deployment-approver, finance-approver, compliance-officer, department-head, engineering-director";
    let staff = [
        ("fay", "roles: [finance-approver]"),
        ("cora", "roles: [compliance-officer]"),
        ("hedy", "roles: [department-head]"),
        ("flo", "roles: [finance-approver]"),
        ("alice@company.com", "accounts: [alice]"),
        ("gus", "teams: [data-governance]"),
        ("gil", "teams: [data-governance]"),
        ("dirk", "roles: [engineering-director]"),
    ];
    World::of(INTENDED, &people(roles, &staff))
}

fn transfer() -> Ask {
    World::ask("financial.transfer.international", "bank/transfers", r#"{"amount":5000,"to":"DE89"}"#)
}

fn export() -> Ask {
    Ask {
        request_id: Some("export-1".to_owned()),
        ..World::ask("data.customer.bulk-export", "db/customers", r#"{"limit":500}"#)
    }
}

/// Everyone who was asked so far.
async fn asked(world: &World, id: EscalationId) -> Vec<String> {
    world.docket(id).await.escalation.case().asked().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_schema_migration_takes_the_dev_lead_the_dba_and_security_each_somebody_else() {
    let world = migrating();
    let id = world.escalate(migration()).await;
    // Dana could be the dev-lead or the dba. She is one of them.
    let dana = world.vote(id, "dana", approve(&["canary:max_percent=25"])).await.unwrap();
    assert_eq!(
        (dana, &*world.docket(id).await.reasons),
        (Status::Pending, &["2 more people must agree".into()][..])
    );
    assert_eq!(refusal(world.vote(id, "dana", approve(&[])).await), VoteRefusal::AlreadyVoted);
    assert_eq!(refusal(world.vote(id, "max", approve(&[])).await), VoteRefusal::NotInPool);
    let sam = approve(&["canary:max_percent=10", "row_limit:max=1000"]);
    assert_eq!(world.vote(id, "sam", sam).await.unwrap(), Status::Pending);
    let who = world.desk.who_can(id).await.unwrap();
    let sets: Vec<Vec<String>> =
        who.sets.iter().map(|set| set.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(sets, [["devin"], ["dora"]], "whichever of them is left, Dana is the other");
    let dora = approve(&["row_limit:max=500"]);
    assert_eq!(world.vote(id, "dora", dora).await.unwrap(), Status::Approved);

    // What all of them set is in the token, the tightest of each kind, and an executor holds it to that.
    let granted = world.granted(id).await;
    let facts = |targets, rows| ExecutionFacts {
        targets: Some(targets),
        all_targets: Some(10),
        rows: Some(rows),
        ..ExecutionFacts::default()
    };
    let everybody = ["dana", "dora", "sam"];
    for (facts, refused) in [
        (facts(2, 500), "condition.unmet"),
        (facts(1, 501), "condition.unmet"),
        (ExecutionFacts { targets: Some(1), ..ExecutionFacts::default() }, "undetermined.condition"),
    ] {
        let error = world.verify(&granted, &facts, &everybody).unwrap_err();
        assert_eq!(error.code(), refused, "{facts:?}");
    }
    let other = world.verify(&granted, &facts(1, 500), &["devin", "dora", "sam"]).unwrap_err();
    assert_eq!(other.code(), "evidence.invalid", "this executor knows another Dana");
    let verified = world.verify(&granted, &facts(1, 500), &everybody).unwrap();
    let seats: Vec<(String, String)> = verified
        .claims()
        .approvals
        .iter()
        .map(|one| (one.person.to_string(), one.seats.iter().map(ToString::to_string).collect()))
        .collect();
    let said = |seats: [(&str, &str); 3]| seats.map(|(who, seat)| (who.to_owned(), seat.to_owned()));
    assert_eq!(seats, said([("dana", "dev-lead"), ("dora", "dba"), ("sam", "security")]));
    let again = world.verify(&granted, &facts(1, 500), &everybody).unwrap_err();
    assert_eq!(again.code(), "replay", "a token runs once");
}

#[tokio::test]
async fn whoever_of_the_three_denies_a_schema_migration_ends_it() {
    for order in [["devin", "dora", "sam"], ["dora", "sam", "devin"], ["sam", "devin", "dora"]] {
        let world = migrating();
        let id = world.escalate(migration()).await;
        let [first, second, third] = order;
        assert_eq!(world.vote(id, first, approve(&[])).await.unwrap(), Status::Pending);
        assert_eq!(world.vote(id, second, Choice::Deny).await.unwrap(), Status::Denied, "{second}");
        let late = refusal(world.vote(id, third, approve(&[])).await);
        assert_eq!(late, VoteRefusal::Resolved(Status::Denied));
        let end = world.progress(id).await.unwrap();
        assert_eq!((end.status, end.granted, world.minted(id)), (Status::Denied, None, false));
        assert!(end.reasons[0].contains(second), "{:?}", end.reasons);
    }
}

#[tokio::test]
async fn any_two_of_the_three_roles_transfer_abroad() {
    for pair in [["fay", "cora"], ["cora", "hedy"], ["hedy", "fay"]] {
        let world = transferring();
        let id = world.escalate(transfer()).await;
        assert_eq!(world.vote(id, pair[0], approve(&[])).await.unwrap(), Status::Pending);
        assert_eq!(world.vote(id, pair[1], approve(&[])).await.unwrap(), Status::Approved, "{pair:?}");
        let granted = world.granted(id).await;
        let verified = world.verify(&granted, &ExecutionFacts::default(), &pair).unwrap();
        assert_eq!(verified.claims().approvals.len(), 2);
    }
}

#[tokio::test]
async fn a_pool_counts_people_and_any_of_counts_roles() {
    // The pool of the published policy takes two of whichever of its people.
    let world = transferring();
    let id = world.escalate(transfer()).await;
    world.vote(id, "fay", approve(&[])).await.unwrap();
    assert_eq!(world.vote(id, "flo", approve(&[])).await.unwrap(), Status::Approved);
    // Whoever wants two roles says so.
    let pool = "type: multi-party\n      reviewers: [role:finance-approver, role:compliance-officer, role:department-head]\n      approvals: 2";
    let roles = "any_of: [role:finance-approver, role:compliance-officer, role:department-head]\n      min_approvals: 2";
    assert!(INTENDED.contains(pool));
    world.decide_under(&INTENDED.replace(pool, roles));
    let id = world.escalate(transfer()).await;
    world.vote(id, "fay", approve(&[])).await.unwrap();
    assert_eq!(world.vote(id, "flo", approve(&[])).await.unwrap(), Status::Pending);
    assert_eq!(world.vote(id, "hedy", approve(&[])).await.unwrap(), Status::Approved);
}

#[tokio::test]
async fn an_early_denial_of_a_transfer_waits_for_nobody() {
    for approving_first in [None, Some("hedy")] {
        let world = transferring();
        let id = world.escalate(transfer()).await;
        if let Some(first) = approving_first {
            world.vote(id, first, approve(&[])).await.unwrap();
        }
        assert_eq!(world.vote(id, "cora", Choice::Deny).await.unwrap(), Status::Denied);
        let late = refusal(world.vote(id, "fay", approve(&[])).await);
        assert_eq!(late, VoteRefusal::Resolved(Status::Denied));
        assert_eq!(world.progress(id).await.unwrap().granted, None);
        assert!(!world.minted(id));
    }
}

#[tokio::test]
async fn a_bulk_export_is_for_alice_then_also_for_the_team_then_also_for_the_directors() {
    let table = [
        (14, "gus", false),
        (0, "alice@company.com", true),
        (14, "alice@company.com", true),
        (15, "gus", true),
        (15, "alice@company.com", true),
        (29, "dirk", false),
        (30, "dirk", true),
        (59, "gil", true),
        (59, "alice@company.com", true),
        (59, "fay", false),
    ];
    for (minutes, who, may) in table {
        let world = transferring();
        let id = world.escalate(export()).await;
        world.pass(minutes);
        match world.vote(id, who, approve(&[])).await {
            Ok(status) => {
                assert_eq!((status, may), (Status::Approved, true), "{who} after {minutes} minutes")
            }
            refused => {
                assert_eq!((refusal(refused), may), (VoteRefusal::NotInPool, false), "{who} {minutes}")
            }
        }
        if may {
            let conditions = world.granted(id).await.conditions;
            assert_eq!(
                conditions[0].to_short(),
                "mask:fields=email+phone",
                "whoever approves, the policy asks"
            );
        }
    }
}

#[tokio::test]
async fn each_stage_of_a_bulk_export_is_asked_when_it_begins_and_at_last_it_is_denied() {
    let world = transferring();
    let id = world.escalate(export()).await;
    assert_eq!(asked(&world, id).await, ["alice@company.com"]);
    // One of the team is enough, and one more is asked in case they do not answer.
    world.pass(15);
    assert_eq!(asked(&world, id).await, ["alice@company.com", "gil", "gus"]);
    world.pass(15);
    assert_eq!(asked(&world, id).await, ["alice@company.com", "dirk", "gil", "gus"]);
    world.pass(30);
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, end.granted, world.minted(id)), (Status::Expired, None, false));
    assert_eq!(refusal(world.vote(id, "dirk", approve(&[])).await), VoteRefusal::Resolved(Status::Expired));

    // It is not tried again by itself; the same request has the same end, and the team finds it.
    let again = world.sidecar.authorize(export()).await.unwrap();
    assert_eq!(again.opened.unwrap().id, id);
    assert_eq!(world.status(id).await, Status::Expired);
    assert_eq!(world.count(id, "opened"), 1);
    let queue = Queue::new(world.desk.clone());
    let found = |statuses: &[Status]| {
        let filter = Filter { statuses: statuses.to_vec(), ..Filter::default() };
        let lines = queue.list(&filter, Order::Newest, 10, None).unwrap().lines;
        lines.iter().map(|line| line.id).collect::<Vec<_>>()
    };
    assert_eq!((found(&[Status::Expired]), found(&[])), (vec![id], vec![]));
}

/// Nobody asks the desk anything: it looks at its own deadlines.
#[tokio::test(start_paused = true)]
async fn stages_begin_people_are_reminded_and_the_time_ends_without_anybody_asking() {
    let world = transferring();
    let desk = world.desk.clone();
    tokio::spawn(async move { desk.watch_deadlines().await });
    let id = world.escalate(export()).await;
    let mut changes = world.store.watch(id);
    let mut now = 0;
    // How much is on the record by then. It looks every second.
    for (at, events) in [(14, 2), (15, 3), (29, 3), (30, 5), (53, 5), (54, 6), (59, 6), (60, 7)] {
        world.pass(at - now);
        now = at;
        tokio::time::sleep(Duration::from_secs(2)).await;
        while world.timeline(id).len() < events {
            changes.changed().await.unwrap();
        }
    }
    let expected = [
        (0, "opened"),
        (0, "asked alice@company.com"),
        (15, "asked gil gus"),
        (30, "reminded 5"),
        (30, "asked dirk"),
        (54, "reminded 9"),
        (60, "expired"),
    ];
    assert_eq!(world.timeline(id), expected.map(|(at, what)| (at, what.to_owned())));
}
