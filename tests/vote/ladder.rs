//! The ladder: who may agree from when on, and what happens when nobody does (E4, P3).

use crate::course::{Course, at, opening, so_many};
use crate::people::person;
use core::time::Duration;
use countersign::escalation::requirement::{Pool, Requirement, Seat, Standing};
use countersign::escalation::{Counted, Escalation, Event, OnTimeout, Opening, Stage, Status, VoteRefusal};
use countersign::token::Assurance;

fn one_of(people: &[&str]) -> Requirement {
    let people = people.iter().map(|name| person(name));
    Requirement::seat(Seat::new(Pool::new(people, [], []).unwrap(), 1, Assurance::Signed).unwrap())
}

/// Cyd alone; after 15 minutes Bob as well; after 30 Dan too; an hour altogether.
fn delegated() -> Opening {
    let stage = |minutes: u64, people: &[&str]| Stage {
        after: Duration::from_secs(60 * minutes),
        requirement: one_of(people),
    };
    Opening { ladder: vec![stage(15, &["bob"]), stage(30, &["dan"])], ..opening(one_of(&["cyd"])) }
}

#[test]
fn each_stage_adds_people_and_takes_none_away() {
    for (who, minute, expected) in [
        ("cyd", 1, Ok(Counted::Approved)),
        ("bob", 1, Err(VoteRefusal::NotInPool)),
        ("bob", 14, Err(VoteRefusal::NotInPool)),
        ("bob", 15, Ok(Counted::Approved)),
        ("dan", 29, Err(VoteRefusal::NotInPool)),
        ("dan", 30, Ok(Counted::Approved)),
        ("cyd", 59, Ok(Counted::Approved)),
        ("ada", 59, Err(VoteRefusal::NotInPool)),
        ("cyd", 60, Err(VoteRefusal::Late)),
    ] {
        let mut course = Course::open(delegated());
        assert_eq!(course.approve(who, &[], at(minute)), expected, "{who} after {minute} minutes");
    }
}

#[test]
fn it_wakes_when_a_stage_begins_and_expires_when_nobody_decides() {
    let mut course = Course::open(delegated());
    for (now, next) in [(0, 15), (14, 15), (15, 30), (29, 30), (30, 60), (59, 60)] {
        assert_eq!(course.state().deadline(at(now)), Some(at(next)), "after {now} minutes");
    }
    assert_eq!(course.state().reconsider(&course.roster, at(20)), None);
    let expired = course.state().reconsider(&course.roster, at(60)).unwrap();
    assert_eq!(expired, Event::Expired { at: at(60) });
    course.events.push(expired);
    assert_eq!(course.status(at(60)), Status::Expired);
}

#[test]
fn nobody_of_a_stage_is_no_reason_to_give_up_before_the_next() {
    let mut asked = delegated();
    asked.requirement = one_of(&["nobody-knows-them"]);
    let mut course = Course::open(asked);
    assert_eq!(course.status(at(1)), Status::Pending);
    assert_eq!(course.state().case().standing(&course.roster, at(1)), Standing::Missing(1));
    assert_eq!(course.approve("bob", &[], at(15)), Ok(Counted::Approved));
    // When nobody is left on any stage, it ends at once.
    let course = Course::open(delegated());
    let roster = course.roster.without("cyd").without("bob").without("dan");
    assert_eq!(course.state().reconsider(&roster, at(1)).unwrap().name(), "blocked");
}

#[test]
fn those_who_agreed_before_a_stage_began_count_when_it_does() {
    // Two of the pool, or after a quarter of an hour one of it.
    let stage = Stage { after: Duration::from_secs(15 * 60), requirement: so_many(1) };
    let mut course = Course::open(Opening { ladder: vec![stage], ..opening(so_many(2)) });
    assert_eq!(course.approve("ada", &[], at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.state().reconsider(&course.roster, at(14)), None);
    let approved = course.state().reconsider(&course.roster, at(15)).unwrap();
    assert_eq!(approved.name(), "approved");
    course.events.push(approved);
    assert_eq!(course.status(at(16)), Status::Approved);
    assert_eq!(course.seated(), ["ada"]);
}

#[test]
fn an_approval_by_a_stage_that_had_not_begun_is_no_course() {
    let mut course = Course::open(Opening {
        ladder: vec![Stage { after: Duration::from_secs(15 * 60), requirement: so_many(1) }],
        ..opening(so_many(2))
    });
    course.approve("ada", &[], at(1)).unwrap();
    let mut approved = course.state().reconsider(&course.roster, at(15)).unwrap();
    if let Event::Approved(grant) = &mut approved {
        grant.at = at(14);
        grant.claim_by = at(14).plus(course.state().case().opening().claim_within);
    }
    course.events.push(approved);
    assert!(Escalation::replay(&course.events).is_err());
}

#[test]
fn where_the_policy_says_so_it_may_run_because_nobody_decided() {
    let waived = |on_timeout| Opening { on_timeout, ..opening(so_many(1)) };
    for (on_timeout, expected) in [(OnTimeout::Deny, Status::Expired), (OnTimeout::Allow, Status::Approved)] {
        let mut course = Course::open(waived(on_timeout));
        assert_eq!(course.status(at(59)), Status::Pending);
        assert_eq!(course.status(at(60)), expected, "before anything is recorded");
        let event = course.state().reconsider(&course.roster, at(60)).unwrap();
        course.events.push(event);
        assert_eq!(course.status(at(60)), expected);
        assert!(course.state().approvals().is_empty());
    }
    // A denial is a denial, and nobody votes when the time is over.
    let mut course = Course::open(waived(OnTimeout::Allow));
    course.deny("ada", at(1)).unwrap();
    assert_eq!(course.status(at(60)), Status::Denied);
    let mut course = Course::open(waived(OnTimeout::Allow));
    assert!(course.deny("ada", at(60)).is_err());
    // The record cannot grant it early, or where the policy does not say so.
    for (on_timeout, when) in [(OnTimeout::Allow, at(59)), (OnTimeout::Deny, at(60))] {
        let allowed = Course::open(waived(OnTimeout::Allow));
        let Some(Event::Approved(mut grant)) = allowed.state().reconsider(&allowed.roster, at(60)) else {
            panic!()
        };
        grant.at = when;
        grant.claim_by = when.plus(allowed.state().case().opening().claim_within);
        let mut forged = Course::open(waived(on_timeout));
        forged.events.push(Event::Approved(grant));
        assert!(Escalation::replay(&forged.events).is_err(), "{on_timeout:?}");
    }
}

#[test]
fn an_approval_counts_only_after_the_time_that_the_policy_asks_for() {
    let asked = Opening { min_review: Duration::from_secs(120), ..opening(so_many(1)) };
    let mut course = Course::open(asked.clone());
    assert_eq!(course.approve("ada", &[], at(1)), Err(VoteRefusal::TooSoon));
    // The same reviewer may look longer and vote again.
    assert_eq!(course.approve("ada", &[], at(2)), Ok(Counted::Approved));
    // A no counts at once, and the record cannot say that a yes did.
    let mut course = Course::open(asked);
    assert_eq!(course.deny("ada", at(1)), Ok(Counted::Denied));
    let mut early = Course::open(opening(so_many(1)));
    early.approve("ada", &[], at(1)).unwrap();
    let Event::Opened(first) = &mut early.events[0] else { panic!() };
    first.min_review = Duration::from_secs(120);
    assert!(Escalation::replay(&early.events).is_err());
}
