//! docs/escalation.md: its policy does what the page says of it.

use crate::support::approve;
use crate::world::{World, people, person, refusal};
use countersign::escalation::vote::{Choice, Conditions};
use countersign::escalation::{Exclusion, Sight, Status, VoteRefusal};
use countersign::policy::{Policy, Severity};
use countersign::sidecar::{Ask, Caller};
use std::time::Duration;

const PAGE: &str = include_str!("../../docs/escalation.md");

fn policy() -> &'static str {
    let (_, rest) = PAGE.split_once("```yaml\n").unwrap();
    rest.split_once("```").unwrap().0
}

const STAFF: [(&str, &str); 7] = [
    ("ada", "roles: [engineer], teams: [shop], manager: dora"),
    ("eli", "roles: [engineer], teams: [data]"),
    ("dora", "roles: [dba], teams: [data]"),
    ("dan", "roles: [dba], teams: [data]"),
    ("oki", "roles: [oncall], teams: [data]"),
    ("sal", "roles: [security-lead]"),
    ("alice", "teams: [data-governance]"),
];

fn world() -> World {
    World::of(policy(), &people("engineer, oncall, dba, security-lead", &STAFF))
}

fn to(action: &str) -> Ask {
    World::ask(action, "shop/production", r#"{"version":"2"}"#)
}

#[test]
fn its_policy_has_no_faults() {
    let policy = Policy::parse(policy(), "docs/escalation.md").unwrap_or_else(|error| panic!("{error}"));
    let findings = policy.findings(None);
    assert!(findings.iter().all(|finding| finding.severity < Severity::Warning), "{findings:?}");
}

#[tokio::test]
async fn a_migration_takes_all_three_and_neither_team_nor_manager() {
    let world = world();
    let caller = Caller { on_behalf_of: Some(person("ada")), ..World::caller() };
    let id = world.escalate(Ask { caller, ..to("db.migrate") }).await;
    let manager = refusal(world.vote(id, "dora", approve(&[])).await);
    assert_eq!(manager, VoteRefusal::Excluded(Exclusion::Manager));
    for (who, status) in [("eli", Status::Pending), ("dan", Status::Pending), ("sal", Status::Approved)] {
        assert_eq!(world.vote(id, who, approve(&[])).await.unwrap(), status, "{who}");
    }
}

#[tokio::test]
async fn who_has_not_opened_a_grant_makes_security_agree_besides() {
    for opened in [true, false] {
        let world = world();
        let id = world.escalate(to("db.grant")).await;
        assert_eq!(refusal(world.vote(id, "oki", approve(&[])).await), VoteRefusal::TooSoon);
        if opened {
            for who in ["oki", "dan"] {
                world.desk.seen(id, &person(who), &[Sight::Opened]).await.unwrap();
            }
        }
        world.pass(1);
        world.vote(id, "oki", approve(&[])).await.unwrap();
        let second = world.vote(id, "dan", approve(&[])).await.unwrap();
        assert_eq!(second, if opened { Status::Approved } else { Status::Pending });
        if !opened {
            assert_eq!(world.vote(id, "sal", approve(&[])).await.unwrap(), Status::Approved);
        }
    }
}

#[tokio::test]
async fn with_one_on_call_the_pool_is_asked_at_once_and_a_dba_can_break_the_glass() {
    let world = world();
    let id = world.escalate(to("deploy.release")).await;
    let asked: Vec<String> =
        world.docket(id).await.escalation.case().asked().map(ToString::to_string).collect();
    assert_eq!(asked, ["sal"]);
    assert_eq!(world.vote(id, "sal", approve(&[])).await.unwrap(), Status::Approved);
    let id = world.escalate(World::ask("deploy.release", "shop/production", r#"{"version":"3"}"#)).await;
    let emergency = || Choice::BreakGlass(Conditions::new(&[]).unwrap());
    assert_eq!(world.vote(id, "dora", emergency()).await.unwrap(), Status::Approved);
    assert_eq!(world.granted(id).await.expires_at, world.now().plus(Duration::from_secs(300)));
    assert_eq!(
        world.docket(id).await.escalation.review_due(),
        Some(world.now().plus(Duration::from_secs(12 * 3600)))
    );
}
