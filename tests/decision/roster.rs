//! The roster: who is in a pool, whose key and account something is, and that nobody shares one.

use countersign::escalation::requirement::{Membership, Pool, RoleName, TeamName};
use countersign::moment::Moment;
use countersign::party::PersonId;
use countersign::policy::Channel;
use countersign::presence::ssh::PublicKey;
use countersign::reviewer::{DAILY_CAP, Directory};
use countersign::risk::pattern::Named;

const ROSTER: &str = include_str!("../../examples/policies/roster.yaml");

fn directory() -> Directory {
    Directory::parse(ROSTER, "roster.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn id(text: &str) -> PersonId {
    PersonId::new(text).unwrap()
}

#[test]
fn a_pool_is_its_people_roles_and_teams() {
    let directory = directory();
    let role = |name: &str| name.parse::<RoleName>().unwrap();
    let team = |name: &str| name.parse::<TeamName>().unwrap();
    let members = |pool: &Pool| directory.members(pool).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(members(&Pool::new([], [role("oncall")], []).unwrap()), ["ada", "grace", "linus"]);
    assert_eq!(members(&Pool::new([id("margaret")], [], [team("data")]).unwrap()), ["linus", "margaret"]);
    assert_eq!(members(&Pool::new([id("nobody")], [role("ghost")], []).unwrap()), Vec::<String>::new());
    assert_eq!(members(&Pool::everyone()).len(), 4);
}

#[test]
fn a_role_is_reached_from_at_or_above_it_and_never_if_nobody_declared_it() {
    let directory = directory();
    let reaches = |person: &str, role: &str| directory.reaches(&id(person), &role.parse().unwrap());
    assert!(reaches("margaret", "engineer") && reaches("margaret", "security-lead"));
    assert!(reaches("grace", "platform-lead") && !reaches("grace", "security-lead"));
    assert!(reaches("ada", "oncall") && !reaches("ada", "platform-lead"));
    assert!(!reaches("margaret", "ghost") && !reaches("nobody", "engineer"));
    // To hold a role is to hold that very role.
    assert!(!directory.holds(&id("margaret"), &"engineer".parse().unwrap()));
}

#[test]
fn a_key_and_an_account_lead_to_one_person() {
    let directory = directory();
    let line =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0V3ExsJjpnvBa9aE9k53cB87E6f0yeexllNEumuKj1 other comment";
    let key = PublicKey::from_line(line).unwrap();
    assert_eq!(directory.person_of_key(&key).unwrap().id, id("grace"));
    for name in ["ada", "ADA", "ada@example.com", "Ada@Example.COM", "uid:1000"] {
        assert_eq!(directory.person_known_as(name).unwrap().id, id("ada"), "{name}");
    }
    assert!(directory.person_known_as("uid:1001").is_none());
}

#[test]
fn an_alias_of_an_account_leads_to_the_same_person() {
    let directory = directory();
    for name in
        ["ada+agent@example.com", "ADA+a+b@Example.com.", "mailto:ada@example.com", "email:ada@example.com"]
    {
        assert_eq!(directory.person_known_as(name).unwrap().id, id("ada"), "{name}");
        assert_eq!(directory.known_as(name), Some(id("ada")), "{name}");
    }
    assert!(directory.person_known_as("ada.x@example.com").is_none());
    // One person may write down two names that are one.
    let twice = "version: 1\npeople: [{id: ada, accounts: [ada@x.org, ada+b@x.org]}]\n";
    assert!(Directory::parse(twice, "roster.yaml").is_ok());
}

#[test]
fn the_roster_says_whom_people_report_to_and_in_which_teams_they_are() {
    let directory = directory();
    assert_eq!(directory.manager(&id("ada")), Some(id("grace")));
    assert_eq!(directory.manager(&id("grace")), None);
    assert_eq!(directory.manager(&id("nobody")), None);
    assert_eq!(Membership::teams(&directory, &id("linus")), ["data".parse::<TeamName>().unwrap()]);
    assert!(Membership::teams(&directory, &id("nobody")).is_empty());
}

#[test]
fn what_is_not_said_of_a_person_has_a_default() {
    let directory = directory();
    let (ada, linus) = (directory.person(&id("ada")).unwrap(), directory.person(&id("linus")).unwrap());
    assert_eq!((ada.daily_cap, linus.daily_cap), (20, 10));
    assert!(ada.hours.is_none() && linus.hours.is_some());
    assert!(ada.away.is_empty() && linus.channels.is_empty());
    let channels: Vec<_> = ada.channels.iter().map(Channel::as_str).collect();
    assert_eq!(channels, ["slack", "email"]);
    let none = Directory::parse("version: 1\npeople: [{id: eve}]\n", "roster.yaml").unwrap();
    assert_eq!(none.person(&id("eve")).unwrap().daily_cap, DAILY_CAP);
}

#[test]
fn an_absence_by_dates_lasts_to_the_end_of_its_last_day_where_the_person_lives() {
    let directory = directory();
    let away = &directory.person(&id("linus")).unwrap().away;
    let span = |at: usize| (away[at].from.to_string(), away[at].until.to_string());
    // Helsinki is three hours ahead in summer.
    assert_eq!(span(0), ("2026-08-02T21:00:00Z".to_owned(), "2026-08-14T21:00:00Z".to_owned()));
    assert_eq!(span(1), ("2026-09-01T09:00:00Z".to_owned(), "2026-09-01T15:00:00Z".to_owned()));
    assert_eq!((away[0].delegate.clone(), away[1].delegate.clone()), (Some(id("ada")), None));
}

#[test]
fn people_are_known_for_actions_and_resources_whatever_the_case() {
    let directory = directory();
    let ada = directory.person(&id("ada")).unwrap();
    let knows = |action: &str, resource: &str| {
        ada.knows(&Named::new(action), &Named::new(resource)).map(ToString::to_string)
    };
    assert_eq!(knows("K8S.delete", "x").as_deref(), Some("k8s.*"));
    assert_eq!(knows("helm.install", "k8s/prod/web").as_deref(), Some("resource:k8s/*"));
    assert_eq!(knows("db.delete", "db/k8s"), None);
}

/// A day is the day where the person lives.
#[test]
fn a_day_begins_at_midnight_where_the_person_lives() {
    let directory = directory();
    let at = |text: &str| Moment::from_rfc3339(text).unwrap();
    let day = |person: &str, now| directory.person(&id(person)).unwrap().day_of(at(now)).to_string();
    assert_eq!(day("ada", "2026-11-23T22:30:00Z"), "2026-11-23T00:00:00Z");
    assert_eq!(day("linus", "2026-11-23T22:30:00Z"), "2026-11-23T22:00:00Z");
    assert_eq!(day("linus", "2026-11-23T21:30:00Z"), "2026-11-22T22:00:00Z");
}
