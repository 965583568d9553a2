//! Second thoughts: votes that are taken back, denials that are not enough, changed operations, and who is too near.

use crate::course::{Course, HOUR, at, ballot, click, on, opening, so_many, vote};
use crate::people::{NOON, approve, person, statement};
use core::time::Duration;
use countersign::digest::OperationDigest;
use countersign::escalation::vote::{Choice, Nonce};
use countersign::escalation::{
    Amendment, Amends, Attestation, Ballot, Cast, Counted, Denial, Denials, Escalation, Event, Exclusion,
    MAX_WITHDRAWALS, OnTimeout, Opening, Status, TransitionError, VoteRefusal,
};
use countersign::moment::Moment;
use countersign::party::{AgentId, EscalationId};

fn withdraw(course: &mut Course, name: &str, now: Moment) -> Result<Counted, VoteRefusal> {
    course.bring(&vote(name, Choice::Withdraw, now), now)
}

fn two_denials(people: usize) -> Course {
    Course::open(on(so_many(people), |terms| terms.denials = Denials::new(2).unwrap()))
}

#[test]
fn a_vote_that_was_taken_back_does_not_count_and_another_may_follow() {
    let mut course = Course::open(opening(so_many(2)));
    assert_eq!(course.approve("ada", &["row_limit:max=5"], at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.deny("ada", at(2)), Err(VoteRefusal::Conflicting), "take it back first");
    assert_eq!(withdraw(&mut course, "ada", at(2)), Ok(Counted::Withdrawn(2)));
    assert_eq!(course.state().case().votes().len(), 0);
    assert_eq!(course.state().case().void_votes().len(), 1, "it stays on record");
    assert_eq!(course.approve("bob", &[], at(3)), Ok(Counted::Missing(1)));
    assert_eq!(course.approve("ada", &[], at(4)), Ok(Counted::Approved));
    assert!(course.state().conditions().is_empty(), "what was taken back asks for nothing any more");
}

#[test]
fn what_was_taken_back_is_not_replayed_and_nor_is_the_taking_back() {
    let mut course = Course::open(opening(so_many(2)));
    let (yes, back) = (vote("ada", approve(&[]), at(1)), vote("ada", Choice::Withdraw, at(2)));
    course.bring(&yes, at(1)).unwrap();
    course.bring(&back, at(2)).unwrap();
    assert_eq!(course.bring(&yes, at(3)), Err(VoteRefusal::Replayed));
    assert_eq!(course.approve("ada", &[], at(4)), Ok(Counted::Missing(1)), "a new statement counts");
    assert_eq!(course.bring(&back, at(5)), Err(VoteRefusal::Replayed), "and only a new one takes that back");
    // The record cannot count them a second time either.
    let mut forged = course.clone();
    forged.events.truncate(3);
    forged.events.push(Event::Voted(Box::new(yes.cast(at(3), &[]))));
    assert!(Escalation::replay(&forged.events).is_err());
}

#[test]
fn nobody_takes_back_what_was_not_said_or_is_over_or_too_often() {
    let mut course = Course::open(opening(so_many(2)));
    assert_eq!(withdraw(&mut course, "ada", at(1)), Err(VoteRefusal::NothingToWithdraw));
    course.approve("ada", &[], at(1)).unwrap();
    assert_eq!(
        withdraw(&mut course, "bob", at(1)),
        Err(VoteRefusal::NothingToWithdraw),
        "not somebody else's"
    );
    assert_eq!(course.state().case().agreed(), 1);
    // A click does not take back what was signed.
    let clicked = click("ada", Choice::Withdraw, at(2), Attestation::Session);
    assert_eq!(course.bring(&clicked, at(2)), Err(VoteRefusal::InsufficientAssurance));
    course.approve("bob", &[], at(2)).unwrap();
    let refused = withdraw(&mut course, "ada", at(3));
    assert_eq!(refused, Err(VoteRefusal::Resolved(Status::Approved)), "it is decided");
    let mut course = Course::open(opening(so_many(2)));
    for round in 0..MAX_WITHDRAWALS as u64 {
        course.approve("ada", &[], at(2 * round + 1)).unwrap();
        withdraw(&mut course, "ada", at(2 * round + 2)).unwrap();
    }
    course.approve("ada", &[], at(40)).unwrap();
    assert_eq!(withdraw(&mut course, "ada", at(41)), Err(VoteRefusal::TooOften));
    assert_eq!(withdraw(&mut course, "ada", at(60)), Err(VoteRefusal::Late));
}

#[test]
fn as_many_denials_as_the_rule_says_end_it_and_none_before() {
    let mut course = two_denials(1);
    assert_eq!(course.deny("ada", at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.deny("ada", at(2)), Err(VoteRefusal::AlreadyVoted), "one person is one no");
    assert_eq!(course.status(at(2)), Status::Pending);
    assert_eq!(course.deny("bob", at(2)), Ok(Counted::Denied));
    let Some(Event::Denied { cause, .. }) = course.events.last() else { panic!("{:?}", course.names()) };
    assert_eq!(*cause, Denial::Reviewer(person("bob")));
    // One no is outvoted.
    let mut course = two_denials(1);
    course.deny("ada", at(1)).unwrap();
    assert_eq!(course.approve("bob", &[], at(2)), Ok(Counted::Approved));
    assert_eq!(course.seated(), ["bob"]);
    // Taken back in time, it is none.
    let mut course = two_denials(1);
    course.deny("ada", at(1)).unwrap();
    assert_eq!(withdraw(&mut course, "ada", at(2)), Ok(Counted::Withdrawn(1)));
    assert_eq!(course.deny("bob", at(3)), Ok(Counted::Missing(1)), "it is the first again");
    assert_eq!(course.approve("ada", &[], at(4)), Ok(Counted::Approved));
    // The record cannot end it after one, nor go on after two.
    let mut forged = two_denials(1);
    forged.deny("ada", at(1)).unwrap();
    forged.events.push(Event::Denied { at: at(1), cause: Denial::Reviewer(person("ada")) });
    assert!(Escalation::replay(&forged.events).is_err());
    let mut crashed = two_denials(1);
    crashed.deny("ada", at(1)).unwrap();
    crashed.deny("bob", at(1)).unwrap();
    crashed.events.pop();
    assert_eq!(crashed.status(at(2)), Status::Denied, "though the event that says so was lost");
    assert_eq!(crashed.approve("cyd", &[], at(2)), Err(VoteRefusal::Resolved(Status::Denied)));
}

#[test]
fn where_too_few_are_left_for_a_yes_one_denial_is_enough() {
    let mut course = two_denials(3);
    assert_eq!(course.deny("ada", at(1)), Ok(Counted::Blocked), "all three are needed");
}

#[test]
fn waiting_allows_nothing_that_somebody_denied() {
    let waived = || {
        Course::open(on(so_many(2), |terms| {
            terms.denials = Denials::new(2).unwrap();
            terms.on_timeout = OnTimeout::Allow;
        }))
    };
    let mut course = waived();
    course.deny("ada", at(1)).unwrap();
    assert_eq!(course.status(at(60)), Status::Expired);
    let allowed = waived().state().due(at(60)).unwrap();
    assert_eq!(allowed.name(), "approved", "where nobody said anything it is allowed");
    course.events.push(allowed);
    assert!(Escalation::replay(&course.events).is_err(), "and the record cannot say otherwise");
}

/// The changed operation, as Ada proposes it: her approval of it, in an escalation of its own.
fn amendment(
    by: &str,
    now: Moment,
    change: impl FnOnce(&mut countersign::escalation::vote::Statement),
) -> Amendment {
    let mut stated = statement(by, approve(&[]));
    stated.time = now;
    stated.operation = OperationDigest::from_bytes([8; 32]);
    stated.escalation = Amendment::successor_of(stated.escalation, stated.operation);
    change(&mut stated);
    Amendment { at: now, op: "{}".into(), payload: None, vote: ballot(&stated).cast(now, &[]) }
}

fn amend(course: &mut Course, amendment: Amendment) -> Result<(), TransitionError> {
    let now = amendment.at;
    let step = course.state().amend(amendment, &course.roster, now);
    course.take(step)
}

fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

#[test]
fn once_a_changed_operation_is_proposed_nobody_approves_the_old_one() {
    let mut course = Course::open(opening(so_many(2)));
    course.approve("bob", &[], at(1)).unwrap();
    assert_eq!(amend(&mut course, amendment("ada", at(2), |_| {})), Ok(()));
    let state = course.state();
    assert_eq!((state.case().votes().len(), state.case().void_votes().len()), (0, 1), "all votes are void");
    assert_eq!(course.approve("cyd", &[], at(3)), Err(VoteRefusal::Amended));
    assert_eq!(course.bring(&vote("bob", approve(&[]), at(1)), at(3)), Err(VoteRefusal::Replayed));
    assert_eq!(course.approve("bob", &[], at(3)), Err(VoteRefusal::Amended));
    assert_eq!(amend(&mut course, amendment("cyd", at(3), |_| {})), Err(TransitionError::AmendedAlready));
    assert_eq!(course.sweep(at(30)), ["reminded"], "nothing is widened or approved meanwhile");
    assert_eq!(course.status(at(60)), Status::Expired, "the agent has only as long as the people had");
    // A no is still a no.
    assert_eq!(course.deny("cyd", at(31)), Ok(Counted::Denied));
}

#[test]
fn a_vote_for_a_change_of_another_request_changes_nothing_here() {
    let mut course = Course::open(opening(so_many(2)));
    let elsewhere = amendment("ada", at(1), |vote| {
        vote.escalation = Amendment::successor_of(EscalationId::from_random([2; 16]), vote.operation);
    });
    let refused = Err(TransitionError::NotEligible(VoteRefusal::OtherOperation));
    assert_eq!(amend(&mut course, elsewhere.clone()), refused, "the same operation, by her own signature");
    course.events.push(Event::Amended(Box::new(elsewhere)));
    assert!(Escalation::replay(&course.events).is_err(), "nor does the record take it");
}

#[test]
fn who_changed_it_has_seen_it_and_everybody_else_has_not() {
    let mut changed = on(so_many(2), |terms| terms.min_review = Duration::from_secs(600));
    changed.amends = Some(Amends {
        escalation: EscalationId::from_random([2; 16]),
        by: person("ada"),
        since: NOON.minus(HOUR),
    });
    let mut course = Course::open(changed);
    assert_eq!(course.approve("bob", &[], at(0)), Err(VoteRefusal::TooSoon));
    assert_eq!(course.bring(&vote("ada", approve(&[]), NOON.minus(HOUR)), at(0)), Ok(Counted::Missing(1)));
    let backdated = vote("cyd", approve(&[]), NOON.minus(HOUR));
    assert_eq!(course.bring(&backdated, at(10)), Err(VoteRefusal::WrongTime));
    assert_eq!(course.approve("bob", &[], at(10)), Ok(Counted::Approved));
}

#[test]
fn two_who_pass_it_to_and_fro_fill_no_log() {
    let mut course = Course::open(opening(so_many(1)));
    course.events.push(Event::Asked { at: at(0), people: vec![person("ada")] });
    let mut pass = |from: &str, to: &str| {
        let step = course.state().reassign(&person(from), &person(to), &course.roster, at(1));
        course.take(step)
    };
    assert_eq!(pass("ada", "bob"), Ok(()));
    assert_eq!(pass("bob", "ada"), Err(TransitionError::AskedBefore));
    assert_eq!(pass("bob", "bob"), Err(TransitionError::AskedBefore));
    assert_eq!(pass("bob", "cyd"), Ok(()));
    assert_eq!(pass("cyd", "dan"), Err(TransitionError::NotEligible(VoteRefusal::NotInPool)));
}

#[test]
fn only_the_agent_accepts_and_only_in_time_and_twice_is_once() {
    let successor =
        Amendment::successor_of(EscalationId::from_random([1; 16]), OperationDigest::from_bytes([8; 32]));
    let mut course = Course::open(opening(so_many(2)));
    let accept = |course: &mut Course, by: &str, now: Moment| {
        let step = course.state().accept(&agent(by), now);
        course.take(step)
    };
    assert_eq!(accept(&mut course, "agent-7", at(1)), Err(TransitionError::NotAmended));
    amend(&mut course, amendment("ada", at(1), |_| {})).unwrap();
    assert_eq!(accept(&mut course, "agent-8", at(2)), Err(TransitionError::NotTheRequester));
    let mut late = course.clone();
    assert_eq!(accept(&mut late, "agent-7", at(60)), Err(TransitionError::Over(Status::Expired)));
    assert_eq!(late.names().last(), Some(&"expired"));
    assert_eq!(accept(&mut course, "agent-7", at(2)), Ok(successor));
    assert_eq!(course.status(at(2)), Status::Cancelled);
    let length = course.events.len();
    assert_eq!(accept(&mut course, "agent-7", at(99)), Ok(successor), "the same answer");
    assert_eq!(course.events.len(), length, "and nothing new");
    // The agent may also just cancel; the record cannot name a successor that nobody proposed.
    let mut forged = Course::open(opening(so_many(2)));
    let event = course.events.last().cloned().unwrap();
    forged.events.push(event);
    assert!(Escalation::replay(&forged.events).is_err());
}

#[test]
fn who_may_not_vote_may_not_change_it_and_the_change_is_voted_on_as_such() {
    type Change = fn(&mut countersign::escalation::vote::Statement);
    let refused = |by: &str, change: Change| {
        let mut course = Course::open(opening(so_many(2)));
        amend(&mut course, amendment(by, at(1), change)).unwrap_err()
    };
    let not_eligible = TransitionError::NotEligible;
    assert_eq!(refused("dan", |_| {}), not_eligible(VoteRefusal::NotInPool));
    assert_eq!(refused("eve", |_| {}), not_eligible(VoteRefusal::NotInPool));
    let other = not_eligible(VoteRefusal::OtherOperation);
    assert_eq!(
        refused("ada", |vote| vote.operation = OperationDigest::from_bytes([2; 32])),
        other,
        "no change"
    );
    assert_eq!(
        refused("ada", |vote| vote.escalation = EscalationId::from_random([1; 16])),
        other,
        "not its own"
    );
    assert_eq!(refused("ada", |vote| vote.choice = Choice::Deny), other, "no approval");
    let mut course = Course::open(opening(so_many(2)));
    course.approve("ada", &[], at(1)).unwrap();
    let twice = amend(&mut course, amendment("ada", at(2), |_| {}));
    assert_eq!(twice, Err(not_eligible(VoteRefusal::AlreadyVoted)));
    let mut own = opening(so_many(2));
    own.operators.insert(person("ada"));
    let mut course = Course::open(own);
    assert_eq!(
        amend(&mut course, amendment("ada", at(1), |_| {})),
        Err(not_eligible(VoteRefusal::Requester))
    );
    // By a click, where a signature is needed.
    let mut course = Course::open(opening(so_many(2)));
    let mut clicked = amendment("ada", at(1), |_| {});
    let attested = Ballot::Attested(Box::new(clicked.vote.statement.clone()), Attestation::Session);
    clicked.vote = Cast { ..attested.cast(at(1), &[]) };
    assert_eq!(amend(&mut course, clicked), Err(not_eligible(VoteRefusal::InsufficientAssurance)));
}

fn excluding(exclude: &[Exclusion], change: impl FnOnce(&mut Opening)) -> Course {
    let mut asked = on(so_many(1), |terms| terms.exclude = exclude.iter().copied().collect());
    change(&mut asked);
    let mut roster = crate::course::reviewers();
    for (name, team) in [("ada", "x"), ("bob", "x"), ("cyd", "y"), ("dan", "x")] {
        roster.teams.insert(person(name), [team.to_owned()].into());
    }
    roster.managers.insert(person("dan"), person("cyd"));
    roster.accounts.insert("dan@example.com".into(), person("dan"));
    Course { events: Escalation::open(asked, &roster), roster }
}

#[test]
fn a_team_or_a_manager_is_excluded_by_whichever_name_the_requester_goes() {
    let team = Err(VoteRefusal::Excluded(Exclusion::Team));
    let manager = Err(VoteRefusal::Excluded(Exclusion::Manager));
    let approved = Ok(Counted::Approved);
    let by_dan: fn(&mut Opening) = |o| o.on_behalf_of = Some(person("dan"));
    let by_his_address: fn(&mut Opening) = |o| o.on_behalf_of = Some(person("dan@example.com"));
    let his_agent: fn(&mut Opening) = |o| _ = o.operators.insert(person("dan"));
    let named_so: fn(&mut Opening) = |o| o.agent = agent("dan@example.com");
    let nobodys: fn(&mut Opening) = |_| {};
    for asking in [by_dan, by_his_address, his_agent, named_so] {
        for (exclude, who, expected) in [
            (&[][..], "ada", approved),
            (&[][..], "cyd", approved),
            (&[Exclusion::Team][..], "ada", team),
            (&[Exclusion::Team][..], "bob", team),
            (&[Exclusion::Team][..], "cyd", approved),
            (&[Exclusion::Manager][..], "ada", approved),
            (&[Exclusion::Manager][..], "cyd", manager),
        ] {
            let mut course = excluding(exclude, asking);
            assert_eq!(course.approve(who, &[], at(1)), expected, "{who}, {exclude:?}");
        }
        // Everybody is one or the other: it says so at once.
        let course = excluding(&[Exclusion::Team, Exclusion::Manager], asking);
        assert_eq!(course.status(at(0)), Status::Blocked);
    }
    let mut course = excluding(&Exclusion::ALL, nobodys);
    assert_eq!(course.approve("ada", &[], at(1)), approved, "an agent of nobody's has no team");
}

#[test]
fn who_joins_the_team_meanwhile_does_not_count_any_more() {
    let course = excluding(&[Exclusion::Team], |o| {
        o.on_behalf_of = Some(person("dan"));
        o.terms.requirement = so_many(2);
    });
    assert_eq!(course.status(at(0)), Status::Blocked, "cyd alone is not of the team");
    let mut course = excluding(&[Exclusion::Team], |o| o.on_behalf_of = Some(person("dan")));
    course.roster.teams.insert(person("bob"), ["y".to_owned()].into());
    course.roster.teams.insert(person("cyd"), ["x".to_owned()].into());
    assert_eq!(course.approve("cyd", &[], at(1)), Err(VoteRefusal::Excluded(Exclusion::Team)));
    assert_eq!(course.approve("bob", &[], at(1)), Ok(Counted::Approved));
}

#[test]
fn a_drill_is_never_approved_whatever_happens() {
    type Change = fn(&mut Opening);
    let cases: [(&str, Change); 3] = [
        ("plainly", |_| {}),
        ("where waiting would allow it", |o| o.terms.on_timeout = OnTimeout::Allow),
        ("where two denials are needed", |o| o.terms.denials = Denials::new(2).unwrap()),
    ];
    for (what, change) in cases {
        let drill = || {
            let mut asked = opening(so_many(2));
            asked.drill = true;
            change(&mut asked);
            Course::open(asked)
        };
        let mut course = drill();
        assert_eq!(
            course.approve("ada", &[], at(1)),
            Ok(Counted::Missing(1)),
            "{what}: it looks like any other"
        );
        assert_eq!(course.approve("bob", &[], at(2)), Ok(Counted::Denied), "{what}");
        let Some(Event::Denied { cause, .. }) = course.events.last() else { panic!("{:?}", course.names()) };
        assert_eq!(*cause, Denial::Drill, "{what}");
        assert!(course.state().grant().is_none());
        let step = course.state().claim(at(3));
        assert_eq!(course.take(step), Err(TransitionError::NotApproved(Status::Denied)), "{what}");
        assert_eq!(drill().status(at(60)), Status::Expired, "{what}");
        // The record cannot say that one was approved.
        let mut real = Course::open(opening(so_many(2)));
        real.approve("ada", &[], at(1)).unwrap();
        real.approve("bob", &[], at(2)).unwrap();
        let Event::Opened(opened) = &mut real.events[0] else { panic!() };
        opened.drill = true;
        assert!(Escalation::replay(&real.events).is_err(), "{what}");
    }
}

#[test]
fn a_nonce_makes_another_statement_of_the_same_words() {
    let mut course = Course::open(opening(so_many(2)));
    let mut stated = statement("ada", approve(&[]));
    course.bring(&ballot(&stated), at(1)).unwrap();
    withdraw(&mut course, "ada", at(2)).unwrap();
    assert_eq!(course.bring(&ballot(&stated), at(3)), Err(VoteRefusal::Replayed));
    stated.nonce = Nonce::from_random([1; 16]);
    assert_eq!(course.bring(&ballot(&stated), at(3)), Ok(Counted::Missing(1)));
}
