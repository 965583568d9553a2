//! The requirement algebra beside a model that tries every assignment of people to seats.

use crate::course::{Course, click, opening, vote};
use crate::people::{NOON, approve, person};
use crate::roster::{ROLES, Roster};
use countersign::escalation::requirement::{
    Agreement, Filled, Membership as _, Pool, Requirement, RequirementError, Seat, Standing,
};
use countersign::escalation::{Attestation, Escalation, Status};
use countersign::party::{PersonId, SeatName};
use countersign::token::Assurance;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PEOPLE: [&str; 6] = ["ada", "bob", "cyd", "dan", "eve", "fay"];
const TEAMS: [&str; 2] = ["data", "platform"];

/// A requirement as the model sees it.
#[derive(Clone, Debug)]
enum Model {
    Seat {
        people: Vec<usize>,
        roles: Vec<usize>,
        teams: Vec<usize>,
        count: usize,
        min_role: Option<usize>,
        assurance: Assurance,
    },
    All(Vec<Self>),
    Any(usize, Vec<Self>),
}

/// A seat, as the model fills it.
#[derive(Clone, Copy)]
struct Place<'a> {
    seat: &'a Model,
    count: usize,
    /// Who may fill it by themselves, and who for whom.
    own: [bool; 6],
    lent: [[bool; 6]; 6],
}

impl Model {
    fn real(&self) -> Result<Requirement, RequirementError> {
        self.numbered(&mut 0)
    }

    /// Each seat is called by its number.
    fn numbered(&self, number: &mut usize) -> Result<Requirement, RequirementError> {
        let mut parts =
            |parts: &[Self]| parts.iter().map(|part| part.numbered(number)).collect::<Result<Vec<_>, _>>();
        match self {
            Self::Seat { people, roles, teams, count, min_role, assurance } => {
                let people = people.iter().map(|at| person(PEOPLE[*at]));
                let roles = roles.iter().map(|at| ROLES[*at].parse().unwrap());
                let teams = teams.iter().map(|at| TEAMS[*at].parse().unwrap());
                let seat = Seat::new(Pool::new(people, roles, teams)?, *count, *assurance)?;
                let seat = seat.named(SeatName::new(&number.to_string()).unwrap());
                *number += 1;
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

    fn places<'a>(&'a self, roster: &Roster) -> Vec<Place<'a>> {
        let mut seats = Vec::new();
        self.seats(&mut seats);
        seats.into_iter().map(|seat| seat.place(roster)).collect()
    }

    fn place<'a>(&'a self, roster: &Roster) -> Place<'a> {
        let Self::Seat { people, roles, teams, count, min_role, .. } = self else { panic!() };
        let held: Vec<_> = PEOPLE.iter().map(|name| roster.roles.get(&person(name))).collect();
        let rank = |role: &str| ROLES.iter().position(|known| *known == role).unwrap();
        let high = |who: usize| {
            held[who]
                .is_some_and(|held| min_role.is_none_or(|least| held.iter().any(|role| rank(role) >= least)))
        };
        let in_team = |who: usize| {
            let of = roster.teams.get(&person(PEOPLE[who]));
            of.is_some_and(|of| teams.iter().any(|team| of.contains(TEAMS[*team])))
        };
        let named = |who: usize| people.contains(&who) || in_team(who);
        let by_role =
            |who: usize| held[who].is_some_and(|held| roles.iter().any(|role| held.contains(ROLES[*role])));
        let own = |who: usize| high(who) && (named(who) || by_role(who));
        // Both are there, both are high enough, and the absent one is named.
        let lent = |who: usize, absent: usize| {
            who != absent
                && roster.delegates.get(&person(PEOPLE[absent])) == Some(&person(PEOPLE[who]))
                && named(absent)
                && high(absent)
                && high(who)
        };
        Place {
            seat: self,
            count: *count,
            own: core::array::from_fn(own),
            lent: core::array::from_fn(|who| core::array::from_fn(|absent| lent(who, absent))),
        }
    }

    fn assurance(&self) -> Assurance {
        let Self::Seat { assurance, .. } = self else { panic!() };
        *assurance
    }

    /// Whether it is met when so many people sit in each seat, counted in the order of `seats`.
    fn met(&self, sitting: &mut impl Iterator<Item = usize>) -> bool {
        match self {
            Self::Seat { count, .. } => sitting.next().unwrap() >= *count,
            Self::All(of) => of.iter().map(|part| part.met(sitting)).fold(true, |all, met| all & met),
            Self::Any(least, of) => of.iter().filter(|part| part.met(sitting)).count() >= *least,
        }
    }

    /// Tries every seat, and none, for everyone, with every power that is theirs.
    fn satisfied(&self, places: &[Place<'_>], agreed: &Agreed) -> bool {
        self.tried(places, agreed, 0, &mut vec![0; places.len()], &mut [false; 6])
    }

    fn tried(
        &self,
        places: &[Place<'_>],
        agreed: &Agreed,
        who: usize,
        sitting: &mut Vec<usize>,
        used: &mut [bool; 6],
    ) -> bool {
        let Some(assurance) = agreed.get(who) else { return self.met(&mut sitting.iter().copied()) };
        if self.tried(places, agreed, who + 1, sitting, used) {
            return true;
        }
        let Some(assurance) = assurance else { return false };
        for (at, place) in places.iter().enumerate() {
            // More people than it asks for are of no use to a seat.
            if sitting[at] >= place.count || *assurance < place.seat.assurance() {
                continue;
            }
            sitting[at] += 1;
            if place.own[who] && self.tried(places, agreed, who + 1, sitting, used) {
                return true;
            }
            for absent in 0..PEOPLE.len() {
                if place.lent[who][absent] && agreed[absent].is_none() && !used[absent] {
                    used[absent] = true;
                    let met = self.tried(places, agreed, who + 1, sitting, used);
                    used[absent] = false;
                    if met {
                        return true;
                    }
                }
            }
            sitting[at] -= 1;
        }
        false
    }
}

/// How surely each of the six agreed, if they did.
type Agreed = [Option<Assurance>; 6];

fn number(person: &PersonId) -> usize {
    PEOPLE.iter().position(|name| *name == person.as_str()).unwrap()
}

/// Each person with the surest of their agreements.
fn surest(agreed: &[Agreement]) -> Agreed {
    let mut surest = Agreed::default();
    for agreement in agreed {
        let known = &mut surest[number(&agreement.person)];
        *known = (*known).max(Some(agreement.assurance));
    }
    surest
}

fn assurance() -> impl Strategy<Value = Assurance> {
    prop_oneof![Just(Assurance::Channel), Just(Assurance::Session), Just(Assurance::Signed)]
}

fn model() -> impl Strategy<Value = (Model, Requirement)> {
    let some = |most: usize| prop::collection::vec(0..most, 0..3);
    let pool = (some(PEOPLE.len()), some(ROLES.len()), prop::collection::vec(0..TEAMS.len(), 0..2));
    let seat = (pool, 1_usize..3, prop::option::of(0..ROLES.len()), assurance());
    let seat = seat.prop_map(|((people, roles, teams), count, min_role, assurance)| Model::Seat {
        people,
        roles,
        teams,
        count,
        min_role: min_role.filter(|role| *role > 1),
        assurance,
    });
    let nested = seat.prop_recursive(2, 5, 3, |part| {
        let parts = prop::collection::vec(part, 1..4);
        prop_oneof![
            parts.clone().prop_map(Model::All),
            (1_usize..3, parts).prop_map(|(least, parts)| Model::Any(least, parts)),
        ]
    });
    // What is no requirement cannot be made: the tests by hand show that.
    nested.prop_filter_map("not a requirement", |model| {
        model.real().ok().map(|requirement| (model, requirement))
    })
}

/// People with their roles and teams, some of whom are away; somebody who is away may stand in for another.
fn roster() -> impl Strategy<Value = Roster> {
    let roles = prop::option::weighted(0.9, prop::collection::btree_set(0..ROLES.len(), 0..3));
    let team = prop::option::weighted(0.4, 0..TEAMS.len());
    let delegate = prop::option::weighted(0.3, 0..PEOPLE.len());
    prop::collection::vec((roles, team, delegate), 6).prop_map(|people| {
        let mut roster = Roster::default();
        for (name, (roles, team, delegate)) in PEOPLE.iter().zip(people) {
            if let Some(roles) = roles {
                let roles = roles.into_iter().map(|at| ROLES[at].to_owned()).collect();
                roster.roles.insert(person(name), roles);
            }
            if let Some(team) = team {
                roster.teams.insert(person(name), BTreeSet::from([TEAMS[team].to_owned()]));
            }
            if let Some(delegate) = delegate {
                roster.delegates.insert(person(name), person(PEOPLE[delegate]));
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

/// What is filled is filled by people who may, each once, and each power once; and it is enough.
fn sound(model: &Model, places: &[Place<'_>], agreed: &Agreed, filled: &[Filled]) {
    let (mut people, mut powers, mut sitting) = (BTreeSet::new(), BTreeSet::new(), vec![0; places.len()]);
    for Filled { person, seat, standing_in_for } in filled {
        let (who, seat): (usize, usize) = (number(person), seat.as_str().parse().unwrap());
        assert!(people.insert(who), "{person} sits twice");
        assert!(agreed[who] >= Some(places[seat].seat.assurance()), "{person} is not known surely enough");
        match standing_in_for {
            None => assert!(places[seat].own[who], "{person} has no place here"),
            Some(absent) => {
                let absent = number(absent);
                assert!(places[seat].lent[who][absent] && !places[seat].own[who]);
                assert!(agreed[absent].is_none(), "{person} stands in beside the very person");
                assert!(powers.insert(absent), "two on the power of one");
            }
        }
        sitting[seat] += 1;
    }
    assert!(model.met(&mut sitting.into_iter()), "not enough seats are filled");
}

/// Every set of the others that completes it and that nobody can be left out of.
fn smallest(
    model: &Model,
    places: &[Place<'_>],
    agreed: &Agreed,
    others: &[usize],
) -> BTreeSet<BTreeSet<usize>> {
    let met: Vec<bool> = (0_usize..1 << others.len())
        .map(|bits| {
            let mut all = *agreed;
            for (at, who) in others.iter().enumerate() {
                if bits >> at & 1 == 1 {
                    all[*who] = Some(Assurance::Signed);
                }
            }
            model.satisfied(places, &all)
        })
        .collect();
    let smallest = |bits: &usize| met[*bits] && (0..*bits).all(|fewer| fewer & *bits != fewer || !met[fewer]);
    let set = |bits: usize| {
        others.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, who)| *who).collect()
    };
    (0..met.len()).filter(smallest).map(set).collect()
}

/// One requirement, one roster, and who has agreed.
fn case(model: &Model, requirement: &Requirement, roster: &Roster, agreed: &[Agreement]) {
    let places = model.places(roster);
    let present = surest(agreed);
    let people = roster.people();
    let others: Vec<usize> = people.iter().map(number).filter(|who| present[*who].is_none()).collect();
    let ids: Vec<PersonId> = others.iter().map(|who| person(PEOPLE[*who])).collect();
    let smallest = smallest(model, &places, &present, &others);
    let met = smallest.contains(&BTreeSet::new());
    match requirement.standing(agreed, &ids, roster) {
        Standing::Met(filled) => {
            assert!(met);
            sound(model, &places, &present, &filled);
            assert!(filled.len() >= requirement.people() && requirement.people() > 0);
        }
        Standing::Missing(fewest) => {
            assert!(!met);
            assert_eq!(Some(fewest), smallest.iter().map(BTreeSet::len).min());
        }
        Standing::Impossible => assert!(smallest.is_empty()),
    }
    let completions = requirement.completions(agreed, &ids, roster, 1000);
    let completions: BTreeSet<BTreeSet<usize>> =
        completions.iter().map(|set| set.iter().map(number).collect()).collect();
    let agrees = if met { completions.is_empty() } else { completions == smallest };
    assert!(agrees, "{completions:?} {smallest:?}");
    // Of those who are there, the last first.
    let ranked: Vec<usize> = others
        .iter()
        .rev()
        .copied()
        .filter(|who| !roster.delegates.contains_key(&person(PEOPLE[*who])))
        .collect();
    let of_those = smallest.iter().filter(|set| set.iter().all(|who| ranked.contains(who)));
    let fewest = of_those.clone().map(BTreeSet::len).min();
    let best = of_those
        .filter(|set| Some(set.len()) == fewest)
        .map(|set| set.iter().rev().copied().collect::<Vec<_>>());
    let found = requirement.best_completion(
        agreed,
        &ranked.iter().map(|who| person(PEOPLE[*who])).collect::<Vec<_>>(),
        roster,
    );
    assert_eq!(found.map(|best| best.iter().map(number).collect::<Vec<_>>()), best.max());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12_500))]

    /// A hundred thousand cases: each requirement and roster with eight ways to have agreed.
    #[test]
    fn the_algebra_agrees_with_trying_everything(
        (model, requirement) in model(), roster in roster(), agreed in prop::array::uniform8(0_u32..4096)
    ) {
        for bits in agreed {
            // Two bits for each of the six: not at all, or how surely.
            let how = [None, Some(Assurance::Channel), Some(Assurance::Session), Some(Assurance::Signed)];
            let agreed = PEOPLE.iter().enumerate().filter_map(|(at, name)| {
                let assurance = how[(bits >> (2 * at) & 3) as usize]?;
                Some(Agreement { person: person(name), assurance })
            });
            case(&model, &requirement, &roster, &agreed.collect::<Vec<_>>());
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
        (model, requirement) in model(), roster in roster(), votes in agreements(), leaves in prop::option::of(0..PEOPLE.len())
    ) {
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
            let places = model.places(&course.roster);
            let satisfied = before == Status::Pending && model.satisfied(&places, &surest(&agreed));
            prop_assert_eq!(approved, satisfied);
            if approved {
                let seated: BTreeSet<String> = course.seated().into_iter().collect();
                prop_assert!(seated.len() == course.seated().len() && seated.len() >= requirement.people());
                agreed.retain(|a| seated.contains(a.person.as_str()));
                prop_assert!(model.satisfied(&places, &surest(&agreed)), "those who are named suffice");
                break;
            }
        }
    }
}
