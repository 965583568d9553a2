//! The ladder: who may agree from when on, and what happens when nobody does (E4, P3).

use crate::course::{Course, at, on, opening, so_many};
use crate::people::person;
use core::time::Duration;
use countersign::escalation::requirement::{Pool, Requirement, Seat, Standing};
use countersign::escalation::{
    Counted, Escalation, Event, OnTimeout, Opening, Stage, Status, VoteRefusal, Widening,
};
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
    on(one_of(&["cyd"]), |terms| terms.ladder = vec![stage(15, &["bob"]), stage(30, &["dan"])])
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
    for (now, next) in [(0, 15), (14, 15), (15, 30), (29, 30), (30, 54), (53, 54), (54, 60), (59, 60)] {
        assert_eq!(course.state().deadline(at(now)), Some(at(next)), "after {now} minutes");
    }
    assert_eq!(course.sweep(at(20)), Vec::<&str>::new());
    assert_eq!(course.sweep(at(60)), ["expired"]);
    assert_eq!(course.events.last(), Some(&Event::Expired { at: at(60) }));
    assert_eq!(course.status(at(60)), Status::Expired);
}

#[test]
fn where_nobody_of_a_stage_can_the_next_begins_at_once() {
    let mut asked = delegated();
    asked.terms.requirement = one_of(&["nobody-knows-them"]);
    let mut course = Course::open(asked);
    assert_eq!(course.names(), ["opened", "widened"]);
    assert_eq!(course.state().case().standing(&course.roster, at(1)), Standing::Missing(1));
    assert_eq!(course.approve("dan", &[], at(2)), Err(VoteRefusal::NotInPool), "the one after has not begun");
    assert_eq!(course.approve("bob", &[], at(2)), Ok(Counted::Approved), "nobody waited for 15 minutes");
    // Somebody leaves while it is open: so it goes on from stage to stage, and at last there is nobody.
    let mut course = Course::open(delegated());
    course.roster = course.roster.without("cyd").without("bob");
    assert_eq!(course.sweep(at(1)), ["widened", "widened"]);
    course.roster = course.roster.without("dan");
    assert_eq!(course.sweep(at(2)), ["blocked"]);
}

#[test]
fn the_escalation_pool_is_asked_when_nobody_else_can_or_is_there() {
    let asked = || {
        on(one_of(&["cyd"]), |terms| {
            terms.escalation_pool = Some(one_of(&["dan"]));
            terms.ladder = vec![Stage { after: Duration::from_secs(900), requirement: one_of(&["bob"]) }];
        })
    };
    let mut course = Course::open(asked());
    assert_eq!(course.approve("dan", &[], at(59)), Err(VoteRefusal::NotInPool), "time alone does not ask it");
    course.roster = course.roster.without("cyd").without("bob");
    assert_eq!(course.sweep(at(59)), ["widened", "reminded"], "the stage of minute 15 had begun by itself");
    assert_eq!(course.approve("dan", &[], at(59)), Ok(Counted::Approved));
    // Nobody is there: the desk says so, stage by stage, and not beyond the last.
    let mut course = Course::open(asked());
    for expected in [true, true, false] {
        let event = course.state().widen(at(1));
        assert_eq!(event.is_some(), expected);
        course.events.extend(event);
    }
    assert_eq!(course.approve("dan", &[], at(1)), Ok(Counted::Approved));
    // The record cannot begin more stages than there are.
    course.events.truncate(3);
    course.events.push(Event::Widened { at: at(1), cause: Widening::NobodyAvailable });
    assert!(Escalation::replay(&course.events).is_err());
}

#[test]
fn people_are_reminded_at_half_and_at_nine_tenths_of_the_time() {
    let mut course = Course::open(opening(so_many(2)));
    assert_eq!(course.sweep(at(29)), Vec::<&str>::new());
    assert_eq!(course.sweep(at(30)), ["reminded"]);
    assert_eq!(course.sweep(at(31)), Vec::<&str>::new(), "once");
    assert_eq!(course.sweep(at(54)), ["reminded"]);
    let mut late = Course::open(opening(so_many(2)));
    assert_eq!(late.sweep(at(55)), ["reminded"], "whoever slept over the first gets one, not two");
}

#[test]
fn those_who_agreed_before_a_stage_began_count_when_it_does() {
    // Two of the pool, or after a quarter of an hour one of it.
    let stage = Stage { after: Duration::from_secs(15 * 60), requirement: so_many(1) };
    let mut course = Course::open(on(so_many(2), |terms| terms.ladder = vec![stage]));
    assert_eq!(course.approve("ada", &[], at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.sweep(at(14)), Vec::<&str>::new());
    assert_eq!(course.sweep(at(15)), ["approved"]);
    assert_eq!(course.status(at(16)), Status::Approved);
    assert_eq!(course.seated(), ["ada"]);
}

#[test]
fn an_approval_by_a_stage_that_had_not_begun_is_no_course() {
    let stage = Stage { after: Duration::from_secs(15 * 60), requirement: so_many(1) };
    let mut course = Course::open(on(so_many(2), |terms| terms.ladder = vec![stage]));
    course.approve("ada", &[], at(1)).unwrap();
    let mut approved = course.state().reconsider(&course.roster, at(15)).remove(0);
    if let Event::Approved(grant) = &mut approved {
        grant.at = at(14);
        grant.claim_by = at(14).plus(course.state().case().opening().terms.claim_within);
    }
    course.events.push(approved);
    assert!(Escalation::replay(&course.events).is_err());
}

#[test]
fn where_the_policy_says_so_it_may_run_because_nobody_decided() {
    let waived = |on_timeout| on(so_many(1), |terms| terms.on_timeout = on_timeout);
    for (on_timeout, expected) in [(OnTimeout::Deny, Status::Expired), (OnTimeout::Allow, Status::Approved)] {
        let mut course = Course::open(waived(on_timeout));
        assert_eq!(course.status(at(59)), Status::Pending);
        assert_eq!(course.status(at(60)), expected, "before anything is recorded");
        assert_eq!(course.sweep(at(60)).len(), 1);
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
        let Event::Approved(mut grant) = allowed.state().reconsider(&allowed.roster, at(60)).remove(0) else {
            panic!()
        };
        grant.at = when;
        grant.claim_by = when.plus(allowed.state().case().opening().terms.claim_within);
        let mut forged = Course::open(waived(on_timeout));
        forged.events.push(Event::Approved(grant));
        assert!(Escalation::replay(&forged.events).is_err(), "{on_timeout:?}");
    }
}

#[test]
fn an_approval_counts_only_after_the_time_that_the_policy_asks_for() {
    let asked = on(so_many(1), |terms| terms.min_review = Duration::from_secs(120));
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
    first.terms.min_review = Duration::from_secs(120);
    assert!(Escalation::replay(&early.events).is_err());
}
