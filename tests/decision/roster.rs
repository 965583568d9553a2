//! The roster: who is in a pool, whose key and account something is, and that nobody shares one.

use countersign::escalation::requirement::{Membership, Pool, RoleName, TeamName};
use countersign::party::PersonId;
use countersign::presence::ssh::PublicKey;
use countersign::reviewer::Directory;

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
