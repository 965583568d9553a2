//! Requirements by hand: who fills what, what cannot be asked for, and who stands in for whom.

use crate::people::person;
use crate::roster::Roster;
use countersign::escalation::requirement::{
    Agreement, Filled, Membership, Pool, Requirement, RequirementError, RoleName, Seat, Standing, TeamName,
};
use countersign::party::PersonId;
use countersign::token::Assurance;
use std::collections::BTreeSet;

fn role_seat(role: &str, people: usize) -> Requirement {
    let pool = Pool::new([], [role.parse().unwrap()], []).unwrap();
    Requirement::seat(Seat::new(pool, people, Assurance::Signed).unwrap())
}

fn signed(names: &[&str]) -> Vec<Agreement> {
    names.iter().map(|name| Agreement { person: person(name), assurance: Assurance::Signed }).collect()
}

#[test]
fn one_person_in_two_roles_fills_one_seat() {
    let both = Requirement::all(vec![role_seat("dba", 1), role_seat("security", 1)]).unwrap();
    let roster = Roster::of(&[("ada", "dba security"), ("bob", "dba")]);
    assert_eq!(both.people(), 2);
    let standing = both.standing(&signed(&["ada"]), &[person("bob")], &roster);
    assert_eq!(standing, Standing::Missing(1));
    let standing = both.standing(&signed(&["ada", "ada", "ada"]), &[], &roster);
    assert_eq!(standing, Standing::Impossible);
    let Standing::Met(filled) = both.standing(&signed(&["ada", "bob"]), &[], &roster) else {
        panic!("not met")
    };
    let seats: Vec<_> = filled.iter().map(|filled| (filled.person.as_str(), filled.seat.as_str())).collect();
    assert_eq!(seats, [("bob", "dba"), ("ada", "security")], "ada moved over for bob");
}

#[test]
fn a_requirement_for_nobody_cannot_be_made() {
    let pool = || Pool::new([person("ada"), person("bob")], [], []).unwrap();
    assert_eq!(Pool::new([], [], []), Err(RequirementError::EmptyPool));
    assert_eq!(Seat::new(pool(), 0, Assurance::Channel), Err(RequirementError::NoSeat));
    assert_eq!(Seat::new(pool(), 3, Assurance::Channel), Err(RequirementError::LargerThanPool));
    assert_eq!(Seat::new(Pool::everyone(), 33, Assurance::Channel), Err(RequirementError::TooLarge));
    assert_eq!(Requirement::all(vec![]), Err(RequirementError::NoSeat));
    assert_eq!(Requirement::any(0, vec![role_seat("dba", 1)]), Err(RequirementError::NoSeat));
    assert_eq!(Requirement::any(2, vec![role_seat("dba", 1)]), Err(RequirementError::MoreThanParts));
    assert_eq!(Requirement::any(0, vec![]), Err(RequirementError::NoSeat));
    let many = vec![role_seat("dba", 1); 20];
    assert_eq!(Requirement::any(10, many), Err(RequirementError::TooLarge), "184 756 ways");
    let mut deep = role_seat("dba", 1);
    for _ in 0..7 {
        deep = Requirement::all(vec![deep]).unwrap();
    }
    assert_eq!(Requirement::all(vec![deep]), Err(RequirementError::TooLarge));
    for text in [
        r#"{"seat":{"people":1,"assurance":"signed"}}"#,
        r#"{"seat":{"roles":["dba"],"people":0,"assurance":"signed"}}"#,
        r#"{"seat":{"everyone":true,"roles":["dba"],"people":1,"assurance":"signed"}}"#,
        r#"{"seat":{"roles":["dba"],"people":1,"assurance":"signed","veto":true}}"#,
        r#"{"seat":{"roles":["d b a"],"people":1,"assurance":"signed"}}"#,
        r#"{"all":[]}"#,
        r#"{"any":{"least":0,"of":[{"seat":{"roles":["dba"],"people":1,"assurance":"signed"}}]}}"#,
        r#"{"none":[]}"#,
    ] {
        assert!(serde_json::from_str::<Requirement>(text).is_err(), "{text}");
    }
}

#[test]
fn it_is_told_in_words() {
    let lead =
        Seat::new(Pool::everyone(), 1, Assurance::Session).unwrap().at_least("security".parse().unwrap());
    let both = Requirement::all(vec![role_seat("dba", 2), Requirement::seat(lead)]).unwrap();
    let either = Requirement::any(1, vec![both, role_seat("security-lead", 1)]).unwrap();
    assert_eq!(
        either.to_string(),
        "any 1 of (all of (2 of role dba, signed; 1 of all reviewers, security or above, session); \
         1 of role security-lead, signed)"
    );
}

#[test]
fn an_entangled_requirement_does_not_take_for_ever() {
    let people: Vec<String> = (0..30).map(|at| format!("p{at:02}")).collect();
    let listed: Vec<(&str, &str)> = people.iter().map(|name| (name.as_str(), "dev")).collect();
    let roster = Roster::of(&listed);
    let last = || {
        let pool = Pool::new([person("p29")], [], []).unwrap();
        Requirement::seat(Seat::new(pool, 1, Assurance::Signed).unwrap())
    };
    let many = Requirement::seat(Seat::new(Pool::everyone(), 15, Assurance::Signed).unwrap());
    let entangled = Requirement::any(1, vec![last(), Requirement::all(vec![last(), many]).unwrap()]).unwrap();
    let completions = entangled.completions(&[], &roster.people(), &roster, 50);
    assert_eq!(completions, [BTreeSet::from([person("p29")])]);
}

/// One seat of a pool of these people and teams.
fn named(people: &[&str], teams: &[&str]) -> Seat {
    let teams = teams.iter().map(|team| team.parse().unwrap());
    Seat::new(Pool::new(people.iter().map(|name| person(name)), [], teams).unwrap(), 1, Assurance::Signed)
        .unwrap()
}

fn seat(people: &[&str]) -> Requirement {
    Requirement::seat(named(people, &[]))
}

/// These people and roles, with who is away and who stands in.
fn with_away(people: &[(&str, &str)], away: &[(&str, &str)]) -> Roster {
    let mut roster = Roster::of(people);
    roster.delegates = away.iter().map(|(absent, to)| (person(absent), person(to))).collect();
    roster
}

/// Who fills which seat for whom, in words.
fn met(requirement: &Requirement, agreed: &[&str], roster: &Roster) -> Option<Vec<String>> {
    let Standing::Met(filled) = requirement.standing(&signed(agreed), &[], roster) else { return None };
    let words = |filled: &Filled| match &filled.standing_in_for {
        Some(absent) => format!("{} for {absent}", filled.person),
        None => filled.person.to_string(),
    };
    Some(filled.iter().map(words).collect())
}

#[test]
fn a_delegate_fills_the_seat_of_who_is_away() {
    let roster = with_away(&[("ada", "dba"), ("bob", "dev")], &[("ada", "bob")]);
    assert_eq!(met(&seat(&["ada"]), &["bob"], &roster), Some(vec!["bob for ada".to_owned()]));
    // In a team as well; and somebody's own power comes first.
    let mut teams = roster.clone();
    teams.teams.insert(person("ada"), BTreeSet::from(["data".to_owned()]));
    let data = Requirement::seat(named(&[], &["data"]));
    assert_eq!(met(&data, &["bob"], &teams), Some(vec!["bob for ada".to_owned()]));
    assert_eq!(met(&seat(&["ada", "bob"]), &["bob"], &roster), Some(vec!["bob".to_owned()]));
    // Not where nobody is away, and not where either of them left.
    assert_eq!(met(&seat(&["ada"]), &["bob"], &Roster::of(&[("ada", "dba"), ("bob", "dev")])), None);
    assert_eq!(met(&seat(&["ada"]), &["bob"], &roster.without("ada")), None);
    assert_eq!(met(&seat(&["ada"]), &["bob"], &roster.without("bob")), None);
}

#[test]
fn a_role_cannot_be_lent() {
    let roster =
        with_away(&[("ada", "security-lead"), ("bob", "dba"), ("cyd", "security")], &[("ada", "bob")]);
    assert_eq!(met(&role_seat("security-lead", 1), &["bob"], &roster), None);
    let lead = |least: &str| Requirement::seat(named(&["ada"], &[]).at_least(least.parse().unwrap()));
    assert_eq!(met(&lead("security"), &["bob"], &roster), None);
    assert_eq!(met(&lead("dba"), &["bob"], &roster), Some(vec!["bob for ada".to_owned()]));
}

#[test]
fn a_delegate_is_one_person_and_the_power_of_the_absent_fills_one_seat() {
    let both = Requirement::all(vec![seat(&["ada"]), seat(&["bob"])]).unwrap();
    let people = [("ada", ""), ("bob", ""), ("cyd", "")];
    // Bob sits once, whoever lends him power.
    let roster = with_away(&people, &[("ada", "bob")]);
    assert_eq!(met(&both, &["bob"], &roster), None);
    assert_eq!(met(&both, &["bob", "cyd"], &roster), None);
    // Cyd stands in for one of the two.
    let roster = with_away(&people, &[("ada", "cyd"), ("bob", "cyd")]);
    assert_eq!(met(&both, &["cyd"], &roster), None);
    assert_eq!(met(&both, &["cyd", "ada"], &roster), Some(vec!["ada".to_owned(), "cyd for bob".to_owned()]));
    // Two seats that name Ada are two people, of whom Cyd may be one.
    let twice = Requirement::all(vec![seat(&["ada", "dan"]), seat(&["ada", "dan"])]).unwrap();
    assert_eq!(met(&twice, &["cyd"], &with_away(&people, &[("ada", "cyd")])), None);
}

#[test]
fn nobody_stands_in_beside_the_very_person() {
    let twice = Requirement::all(vec![seat(&["ada", "dan"]), seat(&["ada", "dan"])]).unwrap();
    let roster = with_away(&[("ada", ""), ("bob", ""), ("dan", "")], &[("ada", "bob")]);
    assert_eq!(met(&twice, &["ada", "bob"], &roster), None);
    assert_eq!(met(&twice, &["bob", "dan"], &roster), Some(vec!["bob for ada".to_owned(), "dan".to_owned()]));
    // Ada could make it no shorter by agreeing herself: only Dan is of use.
    let others = [person("ada"), person("dan")];
    assert_eq!(twice.standing(&signed(&["bob"]), &others, &roster), Standing::Missing(1));
    assert_eq!(twice.completions(&signed(&["bob"]), &others, &roster, 10), [BTreeSet::from([person("dan")])]);
    assert_eq!(twice.standing(&signed(&["bob"]), &[person("ada")], &roster), Standing::Impossible);
}

#[test]
fn who_stands_in_goes_one_step_and_no_further() {
    let roster = with_away(&[("ada", ""), ("bob", ""), ("cyd", "")], &[("ada", "bob"), ("bob", "cyd")]);
    assert_eq!(met(&seat(&["ada"]), &["bob"], &roster), Some(vec!["bob for ada".to_owned()]));
    assert_eq!(met(&seat(&["ada"]), &["cyd"], &roster), None);
    assert_eq!(met(&seat(&["bob"]), &["cyd"], &roster), Some(vec!["cyd for bob".to_owned()]));
    // Not even for oneself.
    let roster = with_away(&[("ada", ""), ("bob", "")], &[("ada", "ada")]);
    assert_eq!(met(&seat(&["bob"]), &["ada"], &roster), None);
}

/// A membership that lets two people claim the same power, which no roster does.
struct Twofold(Roster);

impl Membership for Twofold {
    fn people(&self) -> Vec<PersonId> {
        self.0.people()
    }

    fn holds(&self, person: &PersonId, role: &RoleName) -> bool {
        self.0.holds(person, role)
    }

    fn belongs(&self, person: &PersonId, team: &TeamName) -> bool {
        self.0.belongs(person, team)
    }

    fn reaches(&self, person: &PersonId, least: &RoleName) -> bool {
        self.0.reaches(person, least)
    }

    fn known_as(&self, name: &str) -> Option<PersonId> {
        self.0.known_as(name)
    }

    fn teams(&self, person: &PersonId) -> Vec<TeamName> {
        self.0.teams(person)
    }

    fn manager(&self, person: &PersonId) -> Option<PersonId> {
        self.0.manager(person)
    }

    fn stood_in_for(&self, who: &PersonId, _: Assurance) -> Vec<PersonId> {
        if *who == person("ada") { Vec::new() } else { vec![person("ada"), person("ada")] }
    }
}

#[test]
fn of_two_who_claim_the_same_power_neither_has_it() {
    let roster = Twofold(Roster::of(&[("ada", ""), ("bob", ""), ("cyd", "")]));
    let standing = |agreed: &[&str]| seat(&["ada"]).standing(&signed(agreed), &[], &roster);
    assert_eq!(standing(&["bob", "cyd"]), Standing::Impossible);
    assert!(matches!(standing(&["bob"]), Standing::Met(_)), "one claim, told twice");
}

#[test]
fn the_best_completion_is_the_smallest_and_takes_the_first_who_help() {
    let roster = Roster::of(&[("ada", "dba"), ("bob", "dba security"), ("cyd", "security"), ("dan", "dev")]);
    let both = Requirement::all(vec![role_seat("dba", 1), role_seat("security", 1)]).unwrap();
    let best = |agreed: &[&str], ranked: &[&str]| {
        let ranked: Vec<PersonId> = ranked.iter().map(|name| person(name)).collect();
        let best = both.best_completion(&signed(agreed), &ranked, &roster)?;
        Some(best.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let people = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(best(&[], &["dan", "cyd", "bob", "ada"]), people(&["cyd", "bob"]));
    assert_eq!(best(&[], &["ada", "cyd", "bob"]), people(&["ada", "cyd"]));
    assert_eq!(best(&["bob"], &["dan", "cyd", "ada"]), people(&["cyd"]));
    assert_eq!(best(&["ada"], &["dan"]), None);
    assert_eq!(best(&["ada", "bob"], &["cyd"]), people(&[]));
}
