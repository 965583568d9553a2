//! Poor votes (V3): what becomes of an approval that was made without care, by what the rule says.

use crate::course::{Course, at, on, opening, so_many, vote};
use crate::people::{approve, person};
use core::time::Duration;
use countersign::escalation::requirement::{Pool, Requirement, Seat, Standing};
use countersign::escalation::vote::Choice;
use countersign::escalation::{
    BreakGlass, Counted, Escalation, Event, Flag, MAX_REFUSALS, OnPoor, Opening, Sight, Stage, Status,
    VoteRefusal,
};
use countersign::moment::Moment;
use countersign::token::Assurance;

const HASTY: Flag = Flag::Hasty { took: 900, least: 30_000 };

fn asked(people: usize, on_poor: OnPoor) -> Course {
    Course::open(on(so_many(people), |terms| terms.diligence.on_poor = on_poor))
}

fn seat_of(role: &str) -> Requirement {
    let pool = Pool::new([], [role.parse().unwrap()], []).unwrap();
    Requirement::seat(Seat::new(pool, 1, Assurance::Signed).unwrap())
}

impl Course {
    /// An approval without care.
    fn hastily(&mut self, name: &str, now: Moment) -> Result<Counted, VoteRefusal> {
        let step = self.state().vote(&vote(name, approve(&[]), now), &[HASTY], &self.roster, now);
        self.take(step)
    }

    /// What is flagged among the votes that stand.
    fn flagged(&self) -> Vec<String> {
        let votes = self.state().case().votes().to_vec();
        votes.iter().filter(|vote| !vote.flags.is_empty()).map(|vote| vote.person().to_string()).collect()
    }
}

#[test]
fn where_it_is_only_flagged_it_counts_and_says_so() {
    let mut course = asked(1, OnPoor::Flag);
    assert_eq!(course.hastily("ada", at(1)), Ok(Counted::Approved));
    assert_eq!((course.seated(), course.flagged()), (vec!["ada".to_owned()], vec!["ada".to_owned()]));
}

#[test]
fn where_it_is_asked_for_again_it_is_refused_once_and_the_next_counts() {
    let mut course = asked(2, OnPoor::AskAgain);
    assert_eq!(course.hastily("ada", at(1)), Err(VoteRefusal::Careless));
    assert_eq!(VoteRefusal::Careless.code(), "vote.careless");
    assert_eq!(course.hastily("bob", at(1)), Err(VoteRefusal::Careless), "each is told for themselves");
    assert_eq!(course.hastily("ada", at(2)), Ok(Counted::Missing(1)), "though it is as hasty as before");
    assert_eq!(course.flagged(), ["ada"], "and that is on record");
    assert_eq!(course.approve("bob", &[], at(3)), Ok(Counted::Approved));
    // A careful one is never asked for twice, nor is a no.
    let mut course = asked(2, OnPoor::AskAgain);
    assert_eq!(course.approve("ada", &[], at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.deny("bob", at(1)), Ok(Counted::Denied));
    // The record cannot say that the first poor one counted.
    let mut forged = asked(2, OnPoor::AskAgain);
    let ballot = vote("ada", approve(&[]), at(1));
    forged.events.push(Event::Voted(Box::new(ballot.cast(at(1), &[HASTY]))));
    assert!(Escalation::replay(&forged.events).is_err());
}

#[test]
fn a_flood_of_refused_votes_does_not_keep_anybody_from_being_asked_again() {
    let mut course = asked(1, OnPoor::AskAgain);
    for _ in 0..=MAX_REFUSALS {
        assert_eq!(course.approve("dan", &[], at(1)), Err(VoteRefusal::NotInPool));
    }
    assert_eq!(course.events.len(), 1 + MAX_REFUSALS);
    assert_eq!(course.hastily("ada", at(1)), Err(VoteRefusal::Careless));
    assert_eq!(course.hastily("ada", at(2)), Ok(Counted::Approved));
    // Once for each of them, and no more than that.
    let mut forged = asked(1, OnPoor::AskAgain);
    let ballot = vote("ada", approve(&[]), at(1));
    let refused = Event::VoteRefused {
        at: at(1),
        person: person("ada"),
        vote: ballot.statement().digest(),
        refusal: VoteRefusal::Careless,
        flags: Vec::new(),
    };
    forged.events.extend(core::iter::repeat_n(refused, MAX_REFUSALS + 1));
    assert!(Escalation::replay(&forged.events).is_err());
}

#[test]
fn where_it_does_not_count_poor_votes_alone_approve_nothing() {
    let mut course = asked(2, OnPoor::NotCount);
    for (name, missing) in [("ada", 2), ("bob", 2)] {
        // They are all on record; who could still be enough has one fewer each time.
        let result = course.hastily(name, at(1));
        assert!(
            matches!(result, Ok(Counted::Missing(_) | Counted::Blocked)),
            "{name}: {result:?}, {missing}"
        );
    }
    assert_ne!(course.status(at(2)), Status::Approved);
    assert_eq!(course.state().case().agreed(), 0);
    assert_eq!(course.flagged(), ["ada", "bob"]);
    assert_eq!(course.status(at(2)), Status::Blocked, "of three, one is left, and two are needed");
    // One poor one of three leaves enough; who gave it may take it back and look again.
    let mut course = asked(2, OnPoor::NotCount);
    assert_eq!(course.hastily("ada", at(1)), Ok(Counted::Missing(2)));
    assert_eq!(course.approve("bob", &[], at(2)), Ok(Counted::Missing(1)));
    assert_eq!(course.approve("ada", &[], at(3)), Err(VoteRefusal::AlreadyVoted));
    assert_eq!(course.bring(&vote("ada", Choice::Withdraw, at(3)), at(3)), Ok(Counted::Withdrawn(1)));
    assert_eq!(course.approve("ada", &[], at(4)), Ok(Counted::Approved));
    assert_eq!(course.seated(), ["ada", "bob"]);
    // The record cannot grant anything for it.
    let careful = {
        let mut course = asked(1, OnPoor::NotCount);
        course.approve("ada", &[], at(1)).unwrap();
        course
    };
    let mut forged = careful.clone();
    let Event::Voted(cast) = &mut forged.events[1] else { panic!("{:?}", forged.names()) };
    cast.flags = vec![HASTY];
    assert!(Escalation::replay(&careful.events).is_ok());
    assert!(Escalation::replay(&forged.events).is_err());
}

#[test]
fn where_a_seat_is_added_somebody_of_the_other_pool_must_agree_besides() {
    let added = || asked(1, OnPoor::AddSeat(seat_of("dev")));
    // Nobody careless, nobody added: Dan of the other pool has no say.
    let mut course = added();
    assert_eq!(course.approve("dan", &[], at(1)), Err(VoteRefusal::NotInPool));
    assert_eq!(course.approve("ada", &[], at(1)), Ok(Counted::Approved));
    // Somebody careless: no colleague of theirs will do, and Dan will.
    let mut course = added();
    assert_eq!(course.hastily("ada", at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.approve("bob", &[], at(2)), Ok(Counted::Missing(1)));
    assert_eq!(course.approve("dan", &[], at(3)), Ok(Counted::Approved));
    assert!(course.seated().contains(&"dan".to_owned()), "{:?}", course.seated());
    // Who takes the careless vote back takes the seat away with it.
    let mut course = added();
    assert_eq!(course.hastily("ada", at(1)), Ok(Counted::Missing(1)));
    assert_eq!(course.approve("bob", &[], at(2)), Ok(Counted::Missing(1)));
    let taken_back = course.bring(&vote("ada", Choice::Withdraw, at(3)), at(3));
    assert_eq!((taken_back, course.status(at(3))), (Ok(Counted::Withdrawn(0)), Status::Approved));
    assert_eq!(course.seated(), ["bob"]);
    // Where nobody is in the other pool, nobody can; a later stage changes nothing about that.
    let mut course = Course::open(on(so_many(1), |terms| {
        terms.diligence.on_poor = OnPoor::AddSeat(seat_of("security-lead"));
        terms.ladder = vec![Stage { after: Duration::from_secs(900), requirement: so_many(1) }];
    }));
    assert_eq!(course.hastily("ada", at(1)), Ok(Counted::Blocked));
    // The record cannot grant it without the seat.
    let mut forged = added();
    forged.hastily("ada", at(1)).unwrap();
    let careful = {
        let mut course = asked(1, OnPoor::Flag);
        course.hastily("ada", at(1)).unwrap();
        course.events.pop().unwrap()
    };
    forged.events.push(careful);
    assert!(Escalation::replay(&forged.events).is_err());
}

#[test]
fn a_no_is_never_a_poor_vote() {
    for on_poor in [OnPoor::Flag, OnPoor::AskAgain, OnPoor::NotCount, OnPoor::AddSeat(seat_of("dev"))] {
        let mut course = asked(2, on_poor.clone());
        let step = course.state().vote(&vote("ada", Choice::Deny, at(0)), &[HASTY], &course.roster, at(0));
        assert_eq!(course.take(step), Ok(Counted::Denied), "{on_poor:?}");
        assert!(course.flagged().is_empty());
    }
}

#[test]
fn crying_emergency_is_no_way_around_care() {
    let two_on_call = |on_poor: OnPoor| -> Opening {
        on(so_many(2), |terms| {
            terms.diligence.on_poor = on_poor;
            terms.min_review = Duration::from_secs(120);
            terms.break_glass = Some(BreakGlass {
                requirement: so_many(3),
                execute_within: Duration::from_secs(60),
                review: seat_of("dev"),
                review_within: Duration::from_secs(3600),
            });
        })
    };
    let cry = |course: &mut Course, name: &str, flags: &[Flag], now: Moment| {
        let Choice::Approve(conditions) = approve(&[]) else { panic!() };
        let ballot = vote(name, Choice::BreakGlass(conditions), now);
        let step = course.state().vote(&ballot, flags, &course.roster, now);
        course.take(step)
    };
    for (on_poor, flags, minute, counts) in [
        (OnPoor::Flag, &[HASTY][..], 2, true),
        (OnPoor::Flag, &[HASTY][..], 1, false),
        (OnPoor::Flag, &[][..], 1, false),
        (OnPoor::AskAgain, &[HASTY][..], 2, false),
        (OnPoor::AskAgain, &[][..], 2, true),
        (OnPoor::NotCount, &[HASTY][..], 2, false),
    ] {
        let what = format!("{on_poor:?}, {flags:?}, after {minute} minutes");
        let mut course = Course::open(two_on_call(on_poor));
        let _ = cry(&mut course, "ada", flags, at(minute)).unwrap();
        assert_eq!(course.state().case().agreed(), usize::from(counts), "{what}");
        let second = course.approve("bob", &[], at(3)).unwrap();
        assert_eq!(second == Counted::Approved, counts, "{what}");
        assert!(!course.state().grant().is_some_and(|grant| grant.emergency), "{what}");
    }
}

#[test]
fn what_a_reviewer_does_before_voting_is_recorded_once_and_only_of_those_who_may_vote() {
    let mut course = Course::open(opening(so_many(2)));
    let see = |course: &mut Course, name: &str, what: Sight, now: Moment| {
        let event = course.state().seen(&person(name), what, &course.roster, now);
        let seen = event.is_some();
        course.events.extend(event);
        seen
    };
    let asked = course.state().ask(&[person("ada")], at(1));
    course.events.extend(asked);
    assert!(see(&mut course, "ada", Sight::Delivered, at(2)));
    assert!(see(&mut course, "ada", Sight::Opened, at(3)));
    assert!(!see(&mut course, "ada", Sight::Opened, at(4)), "the first time counts");
    assert!(see(&mut course, "bob", Sight::Opened, at(4)), "who may vote need not be asked");
    assert!(!see(&mut course, "dan", Sight::Opened, at(4)), "who may not leaves no trace");
    let attention = course.state().case().attention_of(&person("ada"));
    assert_eq!(
        (attention.asked_at, attention.delivered_at, attention.opened_at, attention.evidence_opened_at),
        (Some(at(1)), Some(at(2)), Some(at(3)), None)
    );
    assert!(!see(&mut course, "ada", Sight::Evidence, at(60)), "it is over");
    assert_eq!(course.state().case().standing(&course.roster, at(5)), Standing::Missing(2));
}
