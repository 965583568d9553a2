//! Breaking the glass: fewer people, more surely known, for a short time, and a review that stays open until it is done.

use crate::course::{Course, at, click, on, so_many, vote};
use crate::people::{approve, person};
use core::time::Duration;
use countersign::escalation::requirement::{Pool, Requirement, Seat};
use countersign::escalation::vote::Choice;
use countersign::escalation::{
    Attestation, BreakGlass, Counted, Escalation, Event, Opening, Review, Status, TransitionError,
    VoteRefusal,
};
use countersign::moment::Moment;
use countersign::party::PersonId;
use countersign::token::Assurance;

fn role(name: &str, assurance: Assurance) -> Requirement {
    let pool = Pool::new([], [name.parse().unwrap()], []).unwrap();
    Requirement::seat(Seat::new(pool, 1, assurance).unwrap())
}

/// Three of the two roles by any session of theirs; in an emergency one with `security`, who signs. Everybody with a role
/// is told, `dba` or `dev`, and one of them reviews it within two hours.
fn breakable() -> Opening {
    let pool = Pool::new([], ["dba".parse().unwrap(), "security".parse().unwrap()], []).unwrap();
    let three = Requirement::seat(Seat::new(pool, 3, Assurance::Session).unwrap());
    on(three, |terms| {
        terms.min_review = Duration::from_secs(600);
        let told = [role("dba", Assurance::Session), role("dev", Assurance::Session)];
        terms.break_glass = Some(BreakGlass {
            requirement: role("security", Assurance::Signed),
            execute_within: Duration::from_secs(120),
            review: Requirement::any(1, told.to_vec()).unwrap(),
            review_within: Duration::from_secs(2 * 3600),
        });
    })
}

fn emergency(conditions: &[&str]) -> Choice {
    let Choice::Approve(conditions) = approve(conditions) else { panic!() };
    Choice::BreakGlass(conditions)
}

fn cry(course: &mut Course, name: &str, now: Moment) -> Result<Counted, VoteRefusal> {
    course.bring(&vote(name, emergency(&[]), now), now)
}

fn review(by: &str, assurance: Assurance, now: Moment) -> Review {
    Review { at: now, by: person(by), assurance, justified: false, note: "the dashboard was wrong".into() }
}

fn reviewed(course: &mut Course, by: &str, assurance: Assurance, now: Moment) -> Result<(), TransitionError> {
    let step = course.state().review(review(by, assurance, now), &course.roster);
    course.take(step)
}

#[test]
fn one_person_is_enough_at_once_and_the_grant_says_that_it_was_an_emergency() {
    let mut course = Course::open(breakable());
    assert_eq!(course.approve("ada", &[], at(1)), Err(VoteRefusal::TooSoon), "there is no emergency");
    let ballot = vote("cyd", emergency(&["dry_run"]), at(1));
    assert_eq!(course.bring(&ballot, at(1)), Ok(Counted::Approved));
    let state = course.state();
    let grant = state.grant().unwrap();
    assert!(grant.emergency);
    assert_eq!(grant.conditions.len(), 1, "what they ask for holds");
    assert_eq!(course.seated(), ["cyd"]);
}

#[test]
fn not_everybody_can_break_the_glass_and_nobody_by_a_click() {
    let mut course = Course::open(breakable());
    assert_eq!(cry(&mut course, "bob", at(1)), Err(VoteRefusal::NotInPool), "may agree, not in an emergency");
    assert_eq!(cry(&mut course, "dan", at(1)), Err(VoteRefusal::NotInPool));
    assert_eq!(cry(&mut course, "eve", at(1)), Err(VoteRefusal::NotInPool), "not on the roster");
    for by in [Attestation::Channel, Attestation::Session] {
        let clicked = click("cyd", emergency(&[]), at(1), by);
        assert_eq!(course.bring(&clicked, at(1)), Err(VoteRefusal::InsufficientAssurance));
    }
    // Who asks does not, whatever the emergency.
    let mut own = breakable();
    own.operators.insert(person("cyd"));
    assert_eq!(cry(&mut Course::open(own), "cyd", at(1)), Err(VoteRefusal::Requester));
    // Where the rule has no glass, nobody breaks it.
    let mut plain = Course::open(on(so_many(2), |_| {}));
    assert_eq!(cry(&mut plain, "ada", at(1)), Err(VoteRefusal::NoBreakGlass));
}

#[test]
fn a_denial_ends_an_emergency_too_and_who_agreed_does_not_say_so_twice() {
    let mut course = Course::open(breakable());
    assert_eq!(course.deny("bob", at(1)), Ok(Counted::Denied));
    assert_eq!(cry(&mut course, "cyd", at(1)), Err(VoteRefusal::Resolved(Status::Denied)));
    let mut course = Course::open(breakable());
    assert_eq!(course.approve("cyd", &[], at(10)), Ok(Counted::Missing(2)));
    assert_eq!(cry(&mut course, "cyd", at(11)), Err(VoteRefusal::AlreadyVoted), "take it back first");
    course.bring(&vote("cyd", Choice::Withdraw, at(11)), at(11)).unwrap();
    assert_eq!(cry(&mut course, "cyd", at(11)), Ok(Counted::Approved));
}

#[test]
fn the_review_is_due_when_the_token_is_minted_and_stays_open_until_it_is_done() {
    let mut course = Course::open(breakable());
    cry(&mut course, "cyd", at(1)).unwrap();
    let review = reviewed(&mut course, "bob", Assurance::Session, at(2));
    assert_eq!(review, Err(TransitionError::NoReviewDue), "nothing was done yet");
    let step = course.state().claim(at(2));
    assert!(course.take(step).unwrap().emergency);
    let Some(Event::Claimed { review_by, .. }) = course.events.last() else { panic!("{:?}", course.names()) };
    assert_eq!(*review_by, Some(at(121)), "two hours after the approval");
    assert_eq!(course.state().review_due(), Some(at(121)));
    assert!(!course.events.last().unwrap().ends());
    for (by, assurance, expected) in [
        ("cyd", Assurance::Signed, TransitionError::OwnEmergency),
        ("eve", Assurance::Signed, TransitionError::NotEligible(VoteRefusal::NotInPool)),
        ("bob", Assurance::Channel, TransitionError::NotEligible(VoteRefusal::InsufficientAssurance)),
    ] {
        assert_eq!(reviewed(&mut course, by, assurance, at(3)), Err(expected), "{by}");
    }
    assert_eq!(course.state().review_due(), Some(at(121)), "still open, and so it is after the time");
    assert_eq!(reviewed(&mut course, "dan", Assurance::Session, at(9999)), Ok(()));
    assert_eq!((course.state().review_due(), course.status(at(9999))), (None, Status::Claimed));
    assert!(course.events.last().unwrap().ends());
    assert!(!course.state().case().review().unwrap().justified);
    assert_eq!(
        reviewed(&mut course, "bob", Assurance::Signed, at(9999)),
        Err(TransitionError::NoReviewDue),
        "once"
    );
}

#[test]
fn who_said_no_to_it_may_review_it_and_who_agreed_may_not() {
    let mut asked = breakable();
    asked.terms.denials = countersign::escalation::Denials::new(2).unwrap();
    let mut course = Course::open(asked);
    assert_eq!(course.deny("bob", at(1)).map(|_| ()), Ok(()));
    assert_eq!(course.approve("ada", &[], at(10)).map(|_| ()), Ok(()));
    assert_eq!(cry(&mut course, "cyd", at(11)), Ok(Counted::Approved), "one no of two does not stop it");
    let step = course.state().claim(at(12));
    course.take(step).unwrap();
    assert_eq!(reviewed(&mut course, "ada", Assurance::Signed, at(13)), Err(TransitionError::OwnEmergency));
    assert_eq!(reviewed(&mut course, "bob", Assurance::Signed, at(13)), Ok(()));
}

#[test]
fn whom_the_agent_acts_for_reviews_nothing_either() {
    let mut asked = breakable();
    asked.on_behalf_of = Some(person("bob"));
    let mut course = Course::open(asked);
    cry(&mut course, "cyd", at(1)).unwrap();
    let step = course.state().claim(at(2));
    course.take(step).unwrap();
    let refused = reviewed(&mut course, "bob", Assurance::Signed, at(3));
    assert_eq!(refused, Err(TransitionError::NotEligible(VoteRefusal::OnBehalfOf)));
    // Nor does the record take it.
    course.events.push(Event::Reviewed(Box::new(review("bob", Assurance::Signed, at(3)))));
    assert!(Escalation::replay(&course.events).is_err());
}

#[test]
fn an_emergency_that_nobody_used_needs_no_review_and_an_ordinary_approval_neither() {
    let mut course = Course::open(breakable());
    cry(&mut course, "cyd", at(1)).unwrap();
    assert_eq!(course.sweep(at(62)), ["lapsed"]);
    assert_eq!(course.state().review_due(), None);
    let mut course = Course::open(breakable());
    for name in ["ada", "bob", "cyd"] {
        course.approve(name, &[], at(10)).unwrap();
    }
    assert!(!course.state().grant().unwrap().emergency);
    let step = course.state().claim(at(11));
    course.take(step).unwrap();
    assert_eq!((course.state().review_due(), course.events.last().unwrap().ends()), (None, true));
}

#[test]
fn the_record_cannot_make_an_emergency_of_what_was_none() {
    let mut ordinary = Course::open(breakable());
    ordinary.approve("cyd", &[], at(10)).unwrap();
    let mut cried = Course::open(breakable());
    cry(&mut cried, "cyd", at(10)).unwrap();
    let Some(Event::Approved(grant)) = cried.events.last().cloned() else { panic!("{:?}", cried.names()) };
    // The grant of an emergency upon an ordinary vote, and without its mark upon an emergency vote.
    let mut forged = ordinary.clone();
    forged.events.push(Event::Approved(grant));
    assert!(Escalation::replay(&forged.events).is_err());
    let mut forged = cried.clone();
    let Some(Event::Approved(unmarked)) = forged.events.last_mut() else { panic!() };
    unmarked.emergency = false;
    assert!(Escalation::replay(&forged.events).is_err());
    // Claimed as if no review were due, and reviewed by who broke the glass.
    let mut forged = cried.clone();
    forged.events.push(Event::Claimed { at: at(11), review_by: None });
    assert!(Escalation::replay(&forged.events).is_err());
    let mut forged = cried;
    let step = forged.state().claim(at(11));
    forged.take(step).unwrap();
    forged.events.push(Event::Reviewed(Box::new(review("cyd", Assurance::Signed, at(12)))));
    assert!(Escalation::replay(&forged.events).is_err());
}

#[test]
fn where_only_an_emergency_is_left_it_waits_for_one() {
    // Bob leaves: of the three that are needed two are left, and one of them may still cry.
    let mut course = Course::open(breakable());
    course.roster = course.roster.without("bob");
    assert_eq!(course.sweep(at(1)), Vec::<&str>::new());
    let security: Vec<PersonId> = vec![person("ada"), person("cyd")];
    let state = course.state();
    let (case, roster) = (state.case(), &course.roster);
    let eligible = case.eligible(roster, at(1));
    assert!(security.iter().all(|one| eligible.contains(one)));
    for one in ["ada", "bob", "cyd", "dan", "eve"].map(person) {
        assert_eq!(case.is_eligible(&one, roster, at(1)), eligible.contains(&one), "{one}");
    }
    course.roster = course.roster.without("cyd").without("ada");
    assert_eq!(course.sweep(at(2)), ["blocked"]);
}
