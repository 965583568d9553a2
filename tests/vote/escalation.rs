//! The course of an escalation: who counts, who does not, and how it ends.

use crate::course::{Course, HOUR, at, ballot, click, opening, so_many, vote};
use crate::people::{NOON, approve, condition, person, statement};
use core::time::Duration;
use countersign::condition::ConditionKind;
use countersign::digest::{OperationDigest, PolicyDigest, RenderingDigest};
use countersign::escalation::requirement::{Pool, Requirement, Seat, Standing};
use countersign::escalation::vote::{CLOCK_SKEW, Choice, Statement};
use countersign::escalation::{
    Attestation, Counted, CourseError, Denial, Escalation, Event, MAX_REFUSALS, Status, TransitionError,
    VoteRefusal,
};
use countersign::party::{AgentId, EscalationId};
use countersign::token::Assurance;

fn cause(state: &Escalation) -> Option<Denial> {
    if let Escalation::Denied(denied) = state { Some(denied.cause.clone()) } else { None }
}

fn why(state: &Escalation) -> Vec<String> {
    if let Escalation::Blocked(blocked) = state { blocked.reasons.clone() } else { Vec::new() }
}

#[test]
fn two_of_the_pool_approve_and_it_is_claimed_once() {
    let mut course = Course::open(opening(so_many(2)));
    assert_eq!(course.approve("ada", &["canary:max_percent=20"], at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.status(at(1)), Status::Pending);
    assert_eq!(course.approve("cyd", &["canary:max_percent=10", "dry_run"], at(2)), Ok(Counted::Approved));
    let state = course.state();
    assert_eq!(state.conditions(), [condition("canary:max_percent=10"), condition("dry_run")]);
    assert_eq!(course.seated(), ["ada", "cyd"]);
    assert!(state.approvals().iter().all(|approval| approval.assurance == Assurance::Signed));
    assert_eq!(state.evidence().len(), 2);
    assert_eq!(state.deadline(at(0)), Some(at(62)));
    let grant = course.take(state.claim(at(3))).unwrap();
    assert_eq!(grant.conditions, state.conditions());
    let again = course.state().claim(at(4));
    assert_eq!(course.take(again), Err(TransitionError::NotApproved(Status::Claimed)));
    assert_eq!(course.names(), ["opened", "voted", "voted", "approved", "claimed"]);
    assert_eq!(course.status(at(10_000)), Status::Claimed, "no clock runs any more");
}

#[test]
fn one_denial_ends_it() {
    let mut course = Course::open(opening(so_many(2)));
    course.approve("ada", &[], at(1)).unwrap();
    assert_eq!(course.deny("bob", at(2)), Ok(Counted::Denied));
    let state = course.state();
    assert_eq!((state.status(at(2)), state.approvals().len()), (Status::Denied, 0));
    assert_eq!(cause(&state), Some(Denial::Reviewer(person("bob"))));
    assert_eq!(course.approve("cyd", &[], at(3)), Err(VoteRefusal::Resolved(Status::Denied)));
    assert_eq!(course.take(course.state().claim(at(3))), Err(TransitionError::NotApproved(Status::Denied)));
    assert_eq!(course.names(), ["opened", "voted", "voted", "denied", "vote_refused"]);
}

#[test]
fn nobody_counts_twice() {
    let mut course = Course::open(opening(so_many(2)));
    course.approve("ada", &[], at(1)).unwrap();
    let replayed = vote("ada", approve(&[]), at(1));
    assert_eq!(course.bring(&replayed, at(1)), Err(VoteRefusal::AlreadyVoted), "the very same vote");
    assert_eq!(course.approve("ada", &["dry_run"], at(2)), Err(VoteRefusal::AlreadyVoted), "another yes");
    assert_eq!(course.deny("ada", at(3)), Err(VoteRefusal::Conflicting), "a change of mind");
    assert_eq!(course.status(at(4)), Status::Pending);
    let Some(Event::VoteRefused { refusal, person: who, .. }) = course.events.last() else {
        panic!("not recorded")
    };
    assert_eq!((*refusal, who), (VoteRefusal::Conflicting, &person("ada")));
}

#[test]
fn whoever_asks_or_benefits_cannot_vote_under_any_name() {
    type Change = fn(&mut Course, &mut countersign::escalation::Opening);
    let cases: [(&str, Change, VoteRefusal); 6] = [
        ("the agent itself", |_, o| o.agent = AgentId::new("ada").unwrap(), VoteRefusal::Requester),
        (
            "the agent by an account",
            |course, o| {
                course.roster.accounts.insert("ada-laptop".into(), person("ada"));
                o.agent = AgentId::new("ada-laptop").unwrap();
            },
            VoteRefusal::Requester,
        ),
        ("who runs it", |_, o| o.operators = [person("ada")].into(), VoteRefusal::Requester),
        (
            "who runs it, by an account",
            |course, o| {
                course.roster.accounts.insert("ada@ops".into(), person("ada"));
                o.operators = [person("ada@ops")].into();
            },
            VoteRefusal::Requester,
        ),
        ("whom it is for", |_, o| o.on_behalf_of = Some(person("ada")), VoteRefusal::OnBehalfOf),
        (
            "whom it is for, by an address",
            |course, o| {
                course.roster.accounts.insert("ada@example.com".into(), person("ada"));
                o.on_behalf_of = Some(person("ada@example.com"));
            },
            VoteRefusal::OnBehalfOf,
        ),
    ];
    for (what, change, expected) in cases {
        let mut course = Course { events: Vec::new(), roster: crate::course::reviewers() };
        let mut asked = opening(so_many(2));
        change(&mut course, &mut asked);
        course.events = Escalation::open(asked.clone(), &course.roster);
        assert_eq!(course.approve("ada", &[], at(1)), Err(expected), "{what}");
        assert_eq!(course.deny("ada", at(1)), Err(expected), "{what}");
        let state = course.state();
        let sets = state.case().completions(&course.roster, at(1), 10);
        assert_eq!(sets, [[person("bob"), person("cyd")].into()], "{what}: nobody waits for ada");
        // Where everyone else is needed as well, nobody can, and it says so at once.
        let mut all = asked;
        all.terms.requirement = so_many(3);
        let blocked = Escalation::replay(&Escalation::open(all, &course.roster)).unwrap();
        assert_eq!(blocked.status(NOON), Status::Blocked, "{what}");
    }
}

#[test]
fn votes_for_something_else_are_refused_by_name() {
    type Change = fn(&mut Statement);
    let cases: [(Change, VoteRefusal); 6] = [
        (|vote| vote.escalation = EscalationId::from_random([5; 16]), VoteRefusal::OtherEscalation),
        (|vote| vote.operation = OperationDigest::from_bytes([5; 32]), VoteRefusal::OtherOperation),
        (|vote| vote.shown = RenderingDigest::from_bytes([5; 32]), VoteRefusal::OtherRendering),
        (|vote| vote.policy = PolicyDigest::from_bytes([5; 32]), VoteRefusal::OtherPolicy),
        (|vote| vote.time = NOON.minus(CLOCK_SKEW + Duration::from_millis(1)), VoteRefusal::WrongTime),
        (|vote| vote.time = at(1).plus(CLOCK_SKEW + Duration::from_millis(1)), VoteRefusal::WrongTime),
    ];
    for (change, expected) in cases {
        for choice in [approve(&[]), Choice::Deny] {
            let mut course = Course::open(opening(so_many(1)));
            let mut stated = statement("ada", choice);
            change(&mut stated);
            assert_eq!(course.bring(&ballot(&stated), at(1)), Err(expected));
            assert_eq!(course.status(at(1)), Status::Pending);
        }
    }
}

#[test]
fn who_is_in_no_pool_cannot_vote() {
    let mut course = Course::open(opening(so_many(1)));
    assert_eq!(course.approve("dan", &[], at(1)), Err(VoteRefusal::NotInPool), "another role");
    assert_eq!(course.approve("eve", &[], at(1)), Err(VoteRefusal::NotInPool), "not on the roster");
    assert_eq!(course.deny("dan", at(1)), Err(VoteRefusal::NotInPool), "nor can they stop it");
}

#[test]
fn a_click_is_not_a_signature() {
    let mut course = Course::open(opening(so_many(1)));
    for by in [Attestation::Channel, Attestation::Session] {
        let clicked = click("ada", approve(&[]), at(1), by);
        assert_eq!(course.bring(&clicked, at(1)), Err(VoteRefusal::InsufficientAssurance));
    }
    assert_eq!(course.approve("ada", &[], at(2)), Ok(Counted::Approved), "the signed vote still counts");
    // Where a session is enough, it is; and what it proves is not called more than it is.
    let pool = Pool::new([], ["dba".parse().unwrap()], []).unwrap();
    let seat = Requirement::seat(Seat::new(pool, 1, Assurance::Session).unwrap());
    let mut course = Course::open(opening(seat));
    let low = click("ada", approve(&[]), at(1), Attestation::Channel);
    assert_eq!(course.bring(&low, at(1)), Err(VoteRefusal::InsufficientAssurance));
    let enough = click("ada", approve(&[]), at(1), Attestation::Session);
    assert_eq!(course.bring(&enough, at(1)), Ok(Counted::Approved));
    assert_eq!(course.state().approvals()[0].assurance, Assurance::Session);
    assert!(course.state().evidence().is_empty(), "there is no signature to show");
    // A no is heard at any assurance.
    let mut course = Course::open(opening(so_many(1)));
    let no = click("ada", Choice::Deny, at(1), Attestation::Channel);
    assert_eq!(course.bring(&no, at(1)), Ok(Counted::Denied));
}

#[test]
fn a_deadline_counts_from_the_moment_it_passes() {
    let open = Course::open(opening(so_many(1)));
    let (before, after) = (at(60).minus(Duration::from_millis(1)), at(60));
    assert_eq!((open.status(before), open.status(after)), (Status::Pending, Status::Expired));
    let mut course = open.clone();
    assert_eq!(course.approve("ada", &[], before), Ok(Counted::Approved));
    let mut course = open.clone();
    assert_eq!(course.approve("ada", &[], after), Err(VoteRefusal::Late), "though no sweep has come by");
    assert_eq!(course.names(), ["opened", "expired", "vote_refused"]);
    assert_eq!(course.approve("bob", &[], after), Err(VoteRefusal::Resolved(Status::Expired)));
    assert_eq!(course.status(NOON), Status::Expired, "the clock may fall back; what is recorded stays");
    let agent = AgentId::new("agent-7").unwrap();
    let mut course = open;
    let step = course.state().cancel(&agent, "too late", after);
    assert_eq!(course.take(step), Err(TransitionError::Over(Status::Expired)));
    assert_eq!(course.names(), ["opened", "expired"]);
    let Escalation::Expired(expired) = course.state() else { panic!("not expired") };
    assert_eq!(expired.at, at(60), "it expired when it did, not when that was noticed");
}

#[test]
fn an_approval_waits_only_so_long() {
    let mut course = Course::open(opening(so_many(1)));
    course.approve("ada", &[], at(59)).unwrap();
    let last = at(119).minus(Duration::from_millis(1));
    assert_eq!((course.status(last), course.status(at(119))), (Status::Approved, Status::Lapsed));
    assert!(course.clone().take(course.state().claim(last)).is_ok());
    assert_eq!(course.take(course.state().claim(at(119))), Err(TransitionError::NotApproved(Status::Lapsed)));
    assert_eq!(course.names(), ["opened", "voted", "approved", "lapsed"]);
    assert_eq!(course.take(course.state().claim(at(60))), Err(TransitionError::NotApproved(Status::Lapsed)));
}

#[test]
fn only_the_agent_that_asks_withdraws_and_only_in_time() {
    let agent = AgentId::new("agent-7").unwrap();
    let mut course = Course::open(opening(so_many(2)));
    let other = AgentId::new("agent-8").unwrap();
    assert_eq!(course.take(course.state().cancel(&other, "", at(1))), Err(TransitionError::NotTheRequester));
    assert_eq!(course.take(course.state().cancel(&agent, "done by hand", at(1))), Ok(()));
    let Escalation::Cancelled(cancelled) = course.state() else { panic!("not cancelled") };
    assert_eq!((&cancelled.by, cancelled.reason.as_str(), cancelled.at), (&agent, "done by hand", at(1)));
    assert_eq!(course.approve("ada", &[], at(2)), Err(VoteRefusal::Resolved(Status::Cancelled)));
    let again = course.state().cancel(&agent, "", at(2));
    assert_eq!(course.take(again), Err(TransitionError::Over(Status::Cancelled)));
    let mut course = Course::open(opening(so_many(1)));
    course.approve("ada", &[], at(1)).unwrap();
    let step = course.state().cancel(&agent, "", at(2));
    assert_eq!(course.take(step), Err(TransitionError::Over(Status::Approved)));
}

#[test]
fn conditions_are_merged_and_contradictions_deny() {
    let mut asked = opening(so_many(2));
    asked.terms.conditions = vec![condition("row_limit:max=100"), condition("canary:max_percent=50")];
    let mut course = Course::open(asked.clone());
    course.approve("ada", &["row_limit:max=500", "mask:fields=email"], at(1)).unwrap();
    course.approve("bob", &["canary:max_percent=5", "mask:fields=ssn"], at(2)).unwrap();
    let expected = ["canary:max_percent=5", "mask:fields=email+ssn", "row_limit:max=100"].map(condition);
    assert_eq!(course.state().conditions(), expected);
    let mut course = Course::open(asked);
    course.approve("ada", &["max_amount:currency=EUR,minor=5000"], at(1)).unwrap();
    assert_eq!(
        course.approve("bob", &["max_amount:currency=USD,minor=5000"], at(2)),
        Ok(Counted::Denied),
        "no execution can meet both"
    );
    assert_eq!(cause(&course.state()), Some(Denial::Contradiction(ConditionKind::MaxAmount)));
}

#[test]
fn a_condition_that_the_executor_does_not_enforce_is_no_condition() {
    let mut asked = opening(so_many(1));
    asked.enforceable = [ConditionKind::Canary].into();
    let mut course = Course::open(asked.clone());
    let refused = course.approve("ada", &["canary:max_percent=5", "dry_run"], at(1));
    assert_eq!(refused, Err(VoteRefusal::ConditionNotEnforced(ConditionKind::DryRun)));
    assert_eq!(course.approve("ada", &["canary:max_percent=5"], at(2)), Ok(Counted::Approved));
    asked.terms.conditions = vec![condition("dry_run")];
    let course = Course::open(asked);
    assert_eq!(course.status(NOON), Status::Blocked);
    assert_eq!(why(&course.state()), ["the executor does not enforce conditions of kind `dry_run`"]);
}

#[test]
fn a_reviewer_who_leaves_takes_their_vote_along() {
    let mut course = Course::open(opening(so_many(2)));
    course.approve("ada", &[], at(1)).unwrap();
    course.roster = course.roster.without("ada");
    assert_eq!(
        course.approve("bob", &[], at(2)),
        Ok(Counted::Missing(1)),
        "ada's vote fills no seat any more"
    );
    assert_eq!(course.approve("cyd", &[], at(3)), Ok(Counted::Approved));
    assert_eq!(course.seated(), ["bob", "cyd"]);
    let mut course = Course::open(opening(so_many(2)));
    course.approve("ada", &[], at(1)).unwrap();
    course.roster = course.roster.without("bob").without("cyd");
    let event = course.state().reconsider(&course.roster, at(2)).remove(0);
    assert_eq!(event.name(), "blocked");
    course.events.push(event);
    assert_eq!(course.status(at(2)), Status::Blocked);
    assert_eq!(course.state().case().standing(&course.roster, at(2)), Standing::Impossible);
}

#[test]
fn what_nobody_can_approve_is_blocked_at_once() {
    let mut course = Course::open(opening(so_many(4)));
    assert_eq!(course.names(), ["opened", "blocked"]);
    assert_eq!(course.approve("ada", &[], at(1)), Err(VoteRefusal::Resolved(Status::Blocked)));
}

#[test]
fn an_approval_that_may_not_be_carried_out_is_blocked() {
    let mut course = Course::open(opening(so_many(1)));
    course.approve("ada", &[], at(1)).unwrap();
    let reasons = vec!["the policy has changed".to_owned()];
    assert_eq!(course.take(course.state().block(reasons.clone(), at(2))), Ok(()));
    let state = course.state();
    assert_eq!((why(&state), state.grant(), state.conditions().len()), (reasons, None, 0));
    assert_eq!(course.take(state.claim(at(3))), Err(TransitionError::NotApproved(Status::Blocked)));
    let again = course.state().block(Vec::new(), at(4));
    assert_eq!(course.take(again), Err(TransitionError::Over(Status::Blocked)));
}

#[test]
fn a_flood_of_refused_votes_does_not_fill_the_log() {
    let mut course = Course::open(opening(so_many(2)));
    for _ in 0..MAX_REFUSALS + 10 {
        assert_eq!(course.approve("dan", &[], at(1)), Err(VoteRefusal::NotInPool));
    }
    assert_eq!(course.events.len(), 1 + MAX_REFUSALS);
    assert_eq!(course.approve("ada", &[], at(1)), Ok(Counted::Missing(1)), "real votes are still heard");
}

#[test]
fn a_course_that_could_not_have_happened_is_refused() {
    let mut course = Course::open(opening(so_many(2)));
    course.approve("ada", &["dry_run"], at(1)).unwrap();
    course.approve("bob", &[], at(2)).unwrap();
    let good = course.events.clone();
    let approved = &good[3];
    let replay = |events: &[Event]| Escalation::replay(events).err();
    assert_eq!(replay(&[]), Some(CourseError::Empty));
    assert_eq!(replay(&good[1..]), Some(CourseError::NotOpened));
    assert_eq!(replay(&good), None);
    let inconsistent = |name| Some(CourseError::Inconsistent(name));
    let with = |change: &dyn Fn(&mut countersign::escalation::Grant)| {
        let mut events = good.clone();
        let Some(Event::Approved(grant)) = events.last_mut() else { panic!("not approved") };
        change(grant);
        replay(&events)
    };
    assert_eq!(
        replay(&[&good[..2], std::slice::from_ref(approved)].concat()),
        inconsistent("approved"),
        "a vote is gone"
    );
    assert_eq!(with(&|grant| grant.seated.truncate(1)), inconsistent("approved"), "fewer people than seats");
    assert_eq!(
        with(&|grant| grant.seated[1] = grant.seated[0].clone()),
        inconsistent("approved"),
        "one twice"
    );
    assert_eq!(
        with(&|grant| grant.seated[1].person = person("cyd")),
        inconsistent("approved"),
        "who never voted"
    );
    assert_eq!(with(&|grant| grant.conditions.clear()), inconsistent("approved"), "a condition stripped");
    assert_eq!(
        with(&|grant| grant.claim_by = grant.at.plus(2 * HOUR)),
        inconsistent("approved"),
        "a longer wait"
    );
    assert_eq!(with(&|grant| grant.at = at(60)), inconsistent("approved"), "after the deadline");
    let twice = [&good[..2], &good[1..2]].concat();
    assert_eq!(replay(&twice), inconsistent("voted"), "the same vote twice");
    let early = [&good[..1], &[Event::Expired { at: at(59) }]].concat();
    assert_eq!(replay(&early), inconsistent("expired"));
    let causeless =
        [&good[..2], &[Event::Denied { at: at(2), cause: Denial::Reviewer(person("ada")) }]].concat();
    assert_eq!(replay(&causeless), inconsistent("denied"));
    let late = [&good[..], &[Event::Claimed { at: at(62), review_by: None }]].concat();
    assert_eq!(replay(&late), inconsistent("claimed"));
    let claimed = [
        &good[..],
        &[Event::Claimed { at: at(3), review_by: None }, Event::Claimed { at: at(4), review_by: None }],
    ]
    .concat();
    assert_eq!(replay(&claimed), Some(CourseError::OutOfOrder(Status::Claimed, "claimed")));
    let reopened = [&good[..], &good[..1]].concat();
    assert_eq!(replay(&reopened), Some(CourseError::OutOfOrder(Status::Approved, "opened")));
}

#[test]
fn a_denial_without_its_end_is_still_the_end() {
    let mut course = Course::open(opening(so_many(2)));
    course.deny("ada", at(1)).unwrap();
    course.events.pop();
    assert_eq!(course.status(at(1)), Status::Denied);
    assert_eq!(course.approve("bob", &[], at(2)), Err(VoteRefusal::Resolved(Status::Denied)));
    assert_eq!(course.names(), ["opened", "voted", "denied", "vote_refused"]);
}
