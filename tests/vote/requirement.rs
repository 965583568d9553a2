//! The requirement algebra beside a model that tries every assignment of people to seats.

use crate::course::{Course, click, opening, vote};
use crate::people::{NOON, approve, person};
use crate::roster::{ROLES, Roster};
use countersign::escalation::requirement::{
    Agreement, Membership as _, Pool, Requirement, RequirementError, Seat, Standing,
};
use countersign::escalation::{Attestation, Escalation, Status};
use countersign::party::PersonId;
use countersign::token::Assurance;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PEOPLE: [&str; 6] = ["ada", "bob", "cyd", "dan", "eve", "fay"];

/// A requirement as the model sees it.
#[derive(Clone, Debug)]
enum Model {
    Seat {
        people: Vec<usize>,
        roles: Vec<usize>,
        count: usize,
        min_role: Option<usize>,
        assurance: Assurance,
    },
    All(Vec<Self>),
    Any(usize, Vec<Self>),
}

impl Model {
    fn real(&self) -> Result<Requirement, RequirementError> {
        let parts = |parts: &[Self]| parts.iter().map(Self::real).collect::<Result<Vec<_>, _>>();
        match self {
            Self::Seat { people, roles, count, min_role, assurance } => {
                let people = people.iter().map(|at| person(PEOPLE[*at]));
                let pool = Pool::new(people, roles.iter().map(|at| ROLES[*at].parse().unwrap()), [])?;
                let seat = Seat::new(pool, *count, *assurance)?;
                Ok(Requirement::seat(match min_role {
                    Some(role) => seat.at_least(ROLES[*role].parse().unwrap()),
                    None => seat,
                }))
            }
            Self::All(of) => Requirement::all(parts(of)?),
            Self::Any(least, of) => Requirement::any(*least, parts(of)?),
        }
    }

    fn seats<'a>(&'a self, out: &mut Vec<&'a Self>) {
        match self {
            Self::Seat { .. } => out.push(self),
            Self::All(of) | Self::Any(_, of) => of.iter().for_each(|part| part.seats(out)),
        }
    }

    fn may_fill(&self, agreement: &Agreement, roster: &Roster) -> bool {
        let Self::Seat { people, roles, min_role, assurance, .. } = self else { return false };
        let Some(held) = roster.roles.get(&agreement.person) else { return false };
        let rank = |role: &str| ROLES.iter().position(|known| *known == role).unwrap();
        agreement.assurance >= *assurance
            && (people.iter().any(|at| PEOPLE[*at] == agreement.person.as_str())
                || roles.iter().any(|at| held.contains(ROLES[*at])))
            && min_role.is_none_or(|least| held.iter().any(|role| rank(role) >= least))
    }

    /// Whether it is met when so many people sit in each seat, counted in the order of `seats`.
    fn met(&self, sitting: &mut impl Iterator<Item = usize>) -> bool {
        match self {
            Self::Seat { count, .. } => sitting.next().unwrap() >= *count,
            Self::All(of) => of.iter().map(|part| part.met(sitting)).fold(true, |all, met| all & met),
            Self::Any(least, of) => of.iter().filter(|part| part.met(sitting)).count() >= *least,
        }
    }

    /// Tries every seat, and none, for everyone.
    fn satisfied(&self, agreed: &[Agreement], roster: &Roster) -> bool {
        fn place(
            model: &Model,
            seats: &[&Model],
            agreed: &[Agreement],
            roster: &Roster,
            sitting: &mut Vec<usize>,
        ) -> bool {
            let Some((first, rest)) = agreed.split_first() else {
                return model.met(&mut sitting.iter().copied());
            };
            if place(model, seats, rest, roster, sitting) {
                return true;
            }
            (0..seats.len()).any(|at| {
                if !seats[at].may_fill(first, roster) {
                    return false;
                }
                sitting[at] += 1;
                let met = place(model, seats, rest, roster, sitting);
                sitting[at] -= 1;
                met
            })
        }
        let mut seats = Vec::new();
        self.seats(&mut seats);
        place(self, &seats, agreed, roster, &mut vec![0; seats.len()])
    }
}

fn assurance() -> impl Strategy<Value = Assurance> {
    prop_oneof![Just(Assurance::Channel), Just(Assurance::Session), Just(Assurance::Signed)]
}

fn model() -> impl Strategy<Value = Model> {
    let some = |most: usize| prop::collection::vec(0..most, 0..3);
    let seat =
        (some(PEOPLE.len()), some(ROLES.len()), 1_usize..3, prop::option::of(0..ROLES.len()), assurance());
    let seat = seat.prop_map(|(people, roles, count, min_role, assurance)| Model::Seat {
        people,
        roles,
        count,
        min_role: min_role.filter(|role| *role > 1),
        assurance,
    });
    seat.prop_recursive(2, 5, 3, |part| {
        let parts = prop::collection::vec(part, 1..4);
        prop_oneof![
            parts.clone().prop_map(Model::All),
            (1_usize..3, parts).prop_map(|(least, parts)| Model::Any(least, parts)),
        ]
    })
}

fn roster() -> impl Strategy<Value = Roster> {
    prop::collection::vec(prop::option::weighted(0.9, prop::collection::btree_set(0..ROLES.len(), 0..3)), 6)
        .prop_map(|people| {
            let mut roster = Roster::default();
            for (name, roles) in PEOPLE.iter().zip(people) {
                if let Some(roles) = roles {
                    let roles = roles.into_iter().map(|at| ROLES[at].to_owned()).collect();
                    roster.roles.insert(person(name), roles);
                }
            }
            roster
        })
}

fn agreements() -> impl Strategy<Value = Vec<Agreement>> {
    // People may be named twice: that must not make two of them.
    prop::collection::vec((0..PEOPLE.len(), assurance()), 0..6).prop_map(|agreed| {
        agreed
            .into_iter()
            .map(|(at, assurance)| Agreement { person: person(PEOPLE[at]), assurance })
            .collect()
    })
}

/// Each person once, with the surest of their agreements.
fn distinct(agreed: &[Agreement]) -> Vec<Agreement> {
    let people: BTreeSet<&PersonId> = agreed.iter().map(|agreement| &agreement.person).collect();
    let surest = |person: &PersonId| agreed.iter().filter(|a| a.person == *person).map(|a| a.assurance).max();
    people
        .into_iter()
        .map(|person| Agreement { person: person.clone(), assurance: surest(person).unwrap() })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_algebra_agrees_with_trying_everything(
        model in model(), roster in roster(), agreed in agreements()
    ) {
        let Ok(requirement) = model.real() else { return Ok(()) };
        let present = distinct(&agreed);
        let others: Vec<PersonId> =
            roster.people().into_iter().filter(|person| present.iter().all(|a| a.person != *person)).collect();
        let with = |chosen: &BTreeSet<PersonId>| {
            let mut all = present.clone();
            all.extend(chosen.iter().map(|person| Agreement { person: person.clone(), assurance: Assurance::Signed }));
            model.satisfied(&all, &roster)
        };
        // Every set of the others that completes it and that nobody can be left out of.
        let mut smallest = BTreeSet::new();
        for bits in 0_u32..1 << others.len() {
            let set: BTreeSet<PersonId> =
                others.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, p)| p.clone()).collect();
            let needed = |out: &PersonId| {
                let mut fewer = set.clone();
                fewer.remove(out);
                !with(&fewer)
            };
            if with(&set) && set.iter().all(needed) {
                smallest.insert(set);
            }
        }
        let standing = requirement.standing(&agreed, &others, &roster);
        match &standing {
            Standing::Met(filled) => {
                prop_assert!(model.satisfied(&present, &roster));
                let people: BTreeSet<_> = filled.iter().map(|filled| &filled.person).collect();
                prop_assert_eq!(people.len(), filled.len(), "a person in two seats");
                prop_assert!(filled.len() >= requirement.people() && requirement.people() > 0);
                prop_assert!(people.iter().all(|person| present.iter().any(|a| a.person == **person)));
            }
            Standing::Missing(fewest) => {
                prop_assert!(!model.satisfied(&present, &roster));
                prop_assert_eq!(Some(*fewest), smallest.iter().map(BTreeSet::len).min());
            }
            Standing::Impossible => prop_assert!(smallest.is_empty()),
        }
        let completions: BTreeSet<_> =
            requirement.completions(&agreed, &others, &roster, 1000).into_iter().collect();
        if matches!(standing, Standing::Met(_)) {
            prop_assert!(completions.is_empty());
        } else {
            prop_assert_eq!(completions, smallest);
        }
        // And it survives being written down.
        let text = serde_json::to_string(&requirement).unwrap();
        prop_assert_eq!(serde_json::from_str::<Requirement>(&text).unwrap(), requirement);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn an_escalation_is_approved_exactly_when_the_model_is_satisfied(
        model in model(), roster in roster(), votes in agreements(), leaves in prop::option::of(0..PEOPLE.len())
    ) {
        let Ok(requirement) = model.real() else { return Ok(()) };
        let mut course = Course { events: Vec::new(), roster: roster.clone() };
        course.events = Escalation::open(opening(requirement.clone()), &roster);
        let mut agreed: Vec<Agreement> = Vec::new();
        for (count, agreement) in votes.into_iter().enumerate() {
            if let (1, Some(leaver)) = (count, leaves) {
                course.roster = course.roster.without(PEOPLE[leaver]);
            }
            let before = course.status(NOON);
            let name = agreement.person.as_str();
            let ballot = match agreement.assurance {
                Assurance::Signed => vote(name, approve(&[]), NOON),
                Assurance::Session => click(name, approve(&[]), NOON, Attestation::Session),
                Assurance::Channel => click(name, approve(&[]), NOON, Attestation::Channel),
            };
            if course.bring(&ballot, NOON).is_ok() {
                agreed.push(agreement);
            }
            let approved = before == Status::Pending && course.status(NOON) == Status::Approved;
            let satisfied = before == Status::Pending && model.satisfied(&distinct(&agreed), &course.roster);
            prop_assert_eq!(approved, satisfied);
            if approved {
                let seated: BTreeSet<String> = course.seated().into_iter().collect();
                prop_assert!(seated.len() == course.seated().len() && seated.len() >= requirement.people());
                let sitting: Vec<Agreement> =
                    agreed.iter().filter(|a| seated.contains(a.person.as_str())).cloned().collect();
                prop_assert!(model.satisfied(&sitting, &course.roster), "those who are named suffice");
            }
        }
    }
}

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
