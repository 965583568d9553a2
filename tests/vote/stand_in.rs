//! Standing in, attacked: nobody approves their own request through a delegate, sits twice, or lends what they may not use.

use crate::course::{Course, at, on, opening};
use crate::people::person;
use crate::roster::Roster;
use countersign::escalation::requirement::{Pool, Requirement, Seat};
use countersign::escalation::{Counted, Escalation, Exclusion, Opening, VoteRefusal};
use countersign::party::{AgentId, PersonId};
use countersign::token::Assurance;
use std::collections::{BTreeMap, BTreeSet};

fn seat(people: &[&str]) -> Requirement {
    let pool = Pool::new(people.iter().map(|name| person(name)), [], []).unwrap();
    Requirement::seat(Seat::new(pool, 1, Assurance::Signed).unwrap())
}

/// Ada is away and Bob stands in; Cyd and Dan are there.
fn opened(opening: Opening) -> Course {
    let mut roster = Roster::of(&[("ada", "dba"), ("bob", "dev"), ("cyd", "dba"), ("dan", "dev")]);
    roster.delegates = BTreeMap::from([(person("ada"), person("bob"))]);
    Course { events: Escalation::open(opening, &roster), roster }
}

#[test]
fn a_delegate_approves_in_the_place_of_who_is_away() {
    let mut course = opened(opening(seat(&["ada"])));
    assert_eq!(course.approve("bob", &[], at(1)), Ok(Counted::Approved));
    assert_eq!(course.seated(), ["bob"]);
    // Only while she is away.
    let mut course = opened(opening(seat(&["ada"])));
    course.roster.delegates.clear();
    assert_eq!(course.approve("bob", &[], at(1)), Err(VoteRefusal::NotInPool));
}

#[test]
fn a_seat_that_asks_for_a_signature_is_not_lent_by_who_only_signed_in() {
    let asks = |assurance| {
        let pool = Pool::new([person("ada")], [], []).unwrap();
        let mut course = opened(opening(Requirement::seat(Seat::new(pool, 1, assurance).unwrap())));
        course.roster.unsure = BTreeSet::from([person("ada")]);
        course.approve("bob", &[], at(1))
    };
    assert_eq!(asks(Assurance::Signed), Err(VoteRefusal::NotInPool), "however surely he is known himself");
    assert_eq!(asks(Assurance::Session), Ok(Counted::Approved));
}

#[test]
fn nobody_approves_their_own_request_through_a_delegate() {
    let asks = |change: fn(&mut Opening)| {
        let mut opening = opening(seat(&["ada", "cyd"]));
        change(&mut opening);
        opening
    };
    // Ada asks under her own name, operates the agent, or is acted for: Bob has nothing to stand in for.
    for opening in [
        asks(|opening| opening.agent = AgentId::new("ada").unwrap()),
        asks(|opening| opening.operators = BTreeSet::from([person("ada")])),
        asks(|opening| opening.on_behalf_of = Some(person("ada"))),
        asks(|opening| opening.on_behalf_of = Some(PersonId::new("ada@example.com").unwrap())),
    ] {
        let mut course = opened(opening);
        course.roster.accounts.insert("ada@example.com".to_owned(), person("ada"));
        assert_eq!(course.approve("bob", &[], at(1)), Err(VoteRefusal::NotInPool));
        assert_eq!(course.approve("cyd", &[], at(2)), Ok(Counted::Approved));
    }
    // And Bob asks: that Ada is away makes him no reviewer of himself.
    let mut course = opened(asks(|opening| opening.on_behalf_of = Some(person("bob"))));
    assert_eq!(course.approve("bob", &[], at(1)), Err(VoteRefusal::OnBehalfOf));
}

#[test]
fn who_is_excluded_lends_nothing() {
    let opening = Opening {
        on_behalf_of: Some(person("dan")),
        ..on(seat(&["ada", "cyd"]), |terms| terms.exclude = BTreeSet::from([Exclusion::Manager]))
    };
    let mut course = opened(opening);
    course.roster.managers.insert(person("dan"), person("ada"));
    assert_eq!(course.approve("bob", &[], at(1)), Err(VoteRefusal::NotInPool));
    assert_eq!(course.approve("ada", &[], at(2)), Err(VoteRefusal::Excluded(Exclusion::Manager)));
    assert_eq!(course.approve("cyd", &[], at(3)), Ok(Counted::Approved));
}

#[test]
fn a_person_and_their_delegate_are_never_two() {
    let twice = Requirement::all(vec![seat(&["ada", "cyd"]), seat(&["ada", "cyd"])]).unwrap();
    // Ada looks in and agrees herself: from then on Bob stands in for nobody.
    let mut course = opened(opening(twice.clone()));
    assert_eq!(course.approve("ada", &[], at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.approve("bob", &[], at(2)), Err(VoteRefusal::NotInPool));
    // The other way round Bob's agreement stands for nothing any more.
    let mut course = opened(opening(twice.clone()));
    assert_eq!(course.approve("bob", &[], at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.approve("ada", &[], at(2)), Ok(Counted::Missing(1)));
    assert_eq!(course.approve("cyd", &[], at(3)), Ok(Counted::Approved));
    assert_eq!(course.seated(), ["ada", "cyd"]);
    // And where she is back before it is decided, it does not either.
    let mut course = opened(opening(twice));
    assert_eq!(course.approve("bob", &[], at(1)), Ok(Counted::Missing(1)));
    course.roster.delegates.clear();
    assert_eq!(course.approve("cyd", &[], at(2)), Ok(Counted::Missing(1)));
}

#[test]
fn a_delegate_says_no_as_well_as_yes() {
    let mut course = opened(opening(seat(&["ada", "cyd"])));
    assert_eq!(course.deny("bob", at(1)), Ok(Counted::Denied));
    let mut course = opened(opening(seat(&["cyd"])));
    assert_eq!(course.deny("bob", at(1)), Err(VoteRefusal::NotInPool));
}
