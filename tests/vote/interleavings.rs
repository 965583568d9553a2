//! Every order in which up to six things can happen to an escalation, and what must hold after each: several small
//! worlds, each with the things that meet in it.

use crate::course::{at, ballot, click, on, opening, reviewers, so_many, vote};
use crate::people::{approve, person, statement};
use crate::roster::Roster;
use core::time::Duration;
use countersign::condition::tightest;
use countersign::digest::OperationDigest;
use countersign::escalation::requirement::{Membership as _, Pool, Requirement, Seat};
use countersign::escalation::vote::{Choice, Nonce};
use countersign::escalation::{
    Amendment, Attestation, Ballot, BreakGlass, Case, Cast, Denials, Escalation, Event, Flag, OnPoor,
    OnTimeout, Opening, Review, Stage, Status, VoteRefusal,
};
use countersign::moment::Moment;
use countersign::party::{AgentId, PersonId};
use countersign::token::Assurance;
use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

const DEPTH: usize = 6;

/// Something that may happen.
#[derive(Clone, Debug)]
enum Happening {
    Vote(Ballot),
    /// A vote without care.
    Hasty(Ballot),
    Amend(Box<Amendment>),
    Accept(AgentId),
    Cancel(AgentId),
    Claim,
    Block,
    Sweep,
    /// Too few are there.
    Widen,
    Review(&'static str),
    /// A reviewer leaves the roster, and one comes back.
    Leave(&'static str),
    Return(&'static str),
    /// Time passes, to this many minutes after noon if it is not later already.
    Wait(u64),
}

fn signed(name: &str, choice: Choice) -> Happening {
    Happening::Vote(vote(name, choice, at(0)))
}

/// Another statement of the same words.
fn signed_again(name: &str, choice: Choice) -> Happening {
    let mut stated = statement(name, choice);
    stated.nonce = Nonce::from_random([9; 16]);
    Happening::Vote(ballot(&stated))
}

fn hasty(name: &str) -> Happening {
    Happening::Hasty(vote(name, approve(&[]), at(0)))
}

fn emergency(name: &str) -> Happening {
    let Choice::Approve(conditions) = approve(&["dry_run"]) else { panic!() };
    signed(name, Choice::BreakGlass(conditions))
}

fn amend(name: &str) -> Happening {
    let mut stated = statement(name, approve(&[]));
    stated.operation = OperationDigest::from_bytes([8; 32]);
    stated.escalation = Amendment::successor_of(stated.escalation, stated.operation);
    let vote = ballot(&stated).cast(at(0), &[]);
    Happening::Amend(Box::new(Amendment { at: at(0), op: "{}".into(), payload: None, vote }))
}

fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

fn one_of(name: &str) -> Requirement {
    Requirement::seat(Seat::new(Pool::new([person(name)], [], []).unwrap(), 1, Assurance::Signed).unwrap())
}

/// The world at one point of an order of happenings.
#[derive(Clone)]
struct World {
    state: Escalation,
    log: Vec<Event>,
    /// Of the log, without refused votes that change nothing: two worlds whose logs are alike go on alike.
    hash: u64,
    now: Moment,
    roster: Roster,
}

impl World {
    fn open(opening: Opening) -> Self {
        let roster = reviewers();
        let log = Escalation::open(opening, &roster);
        Self { state: Escalation::replay(&log).unwrap(), log, hash: 0, now: at(0), roster }
    }

    fn after(&self, happening: &Happening) -> Self {
        let mut next = self.clone();
        let (state, roster, now) = (&self.state, &self.roster, self.now);
        let events = match happening {
            Happening::Vote(ballot) => state.vote(ballot, &[], roster, now).events,
            Happening::Hasty(ballot) => {
                state.vote(ballot, &[Flag::Hasty { took: 1, least: 2 }], roster, now).events
            }
            Happening::Amend(amendment) => {
                state.amend(Amendment { at: now, ..(**amendment).clone() }, roster, now).events
            }
            Happening::Accept(agent) => state.accept(agent, now).events,
            Happening::Cancel(agent) => state.cancel(agent, "", now).events,
            Happening::Claim => state.claim(now).events,
            Happening::Block => state.block(vec!["not any more".into()], now).events,
            Happening::Sweep => state.reconsider(roster, now),
            Happening::Widen => state.widen(now).into_iter().collect(),
            Happening::Review(by) => {
                let review = Review {
                    at: now,
                    by: person(by),
                    assurance: Assurance::Signed,
                    justified: true,
                    note: "it burned".into(),
                };
                state.review(review, roster).events
            }
            Happening::Leave(name) => {
                next.roster = roster.without(name);
                Vec::new()
            }
            Happening::Return(name) => {
                next.roster.roles.insert(person(name), reviewers().roles[&person(name)].clone());
                Vec::new()
            }
            Happening::Wait(minutes) => {
                next.now = now.max(at(*minutes));
                Vec::new()
            }
        };
        next.state = state.clone().after(&events).expect("its own events can follow");
        for event in &events {
            let refused =
                matches!(event, Event::VoteRefused { refusal, .. } if *refusal != VoteRefusal::Careless);
            if !refused {
                let mut hasher = DefaultHasher::new();
                (next.hash, serde_json::to_string(event).unwrap()).hash(&mut hasher);
                next.hash = hasher.finish();
            }
        }
        next.log.extend(events);
        next
    }

    /// What a later happening can see of it.
    fn key(&self) -> (u64, Moment, Vec<PersonId>) {
        (self.hash, self.now, self.roster.people())
    }

    /// What must hold of a world, however it was reached.
    fn check(&self, path: &[&Happening]) {
        self.check_log(path);
        let case = self.state.case();
        let terms = &case.opening().terms;
        // Whoever was counted voted once, and by name; no statement counts twice.
        let people: BTreeSet<_> = case.votes().iter().map(|vote| vote.person()).collect();
        assert_eq!(people.len(), case.votes().len(), "{path:?}");
        assert!(!people.contains(&person("eve")), "somebody from nowhere was counted: {path:?}");
        let statements: Vec<_> =
            case.votes().iter().chain(case.void_votes()).map(|vote| vote.statement.digest()).collect();
        assert_eq!(
            statements.iter().collect::<HashSet<_>>().len(),
            statements.len(),
            "counted twice: {path:?}"
        );
        let denials = case.votes().iter().filter(|vote| !vote.approves()).count();
        assert!(denials <= terms.denials.get(), "{path:?}");
        if denials == terms.denials.get() {
            assert_eq!(self.state.status(self.now), Status::Denied, "{path:?}");
        }
        if let Some(grant) = self.state.grant() {
            assert!(!case.opening().drill, "a drill was approved: {path:?}");
            assert!(case.amendment().is_none(), "what was to be changed was approved: {path:?}");
            assert!(denials < terms.denials.get(), "approved in spite of a denial: {path:?}");
            assert!(grant.at < at(60) || grant.seated.is_empty(), "approved after the deadline: {path:?}");
            self.check_seated(case, path);
            for vote in case.votes() {
                let wider = [&grant.conditions[..], vote.statement.choice.conditions()].concat();
                assert_eq!(tightest(&wider).as_ref(), Ok(&grant.conditions), "{path:?}");
            }
        }
    }

    /// It only goes forward.
    fn check_step(&self, before: &Self, path: &[&Happening]) {
        let (status, was) = (self.state.status(self.now), before.state.status(before.now));
        let may_follow: &[Status] = match was {
            Status::Pending => &[
                Status::Pending,
                Status::Approved,
                Status::Denied,
                Status::Expired,
                Status::Cancelled,
                Status::Blocked,
            ],
            Status::Approved => &[Status::Approved, Status::Claimed, Status::Lapsed, Status::Blocked],
            Status::Denied
            | Status::Expired
            | Status::Cancelled
            | Status::Blocked
            | Status::Claimed
            | Status::Lapsed => &[was],
        };
        assert!(may_follow.contains(&status), "{was} became {status}: {path:?}");
        assert!(self.log.starts_with(&before.log), "history was rewritten: {path:?}");
        // A crash may cut off the record between any two events: what is left can be replayed as well.
        for length in before.log.len() + 1..self.log.len() {
            assert!(Escalation::replay(&self.log[..length]).is_ok(), "{path:?}");
        }
    }

    /// Nothing but the log is needed to know how it stands.
    fn check_log(&self, path: &[&Happening]) {
        let status = self.state.status(self.now);
        let replayed = Escalation::replay(&self.log).expect("its own log can be replayed");
        assert_eq!(replayed, self.state, "{path:?}");
        let claims = self.log.iter().filter(|event| matches!(event, Event::Claimed { .. })).count();
        assert!(claims <= 1 && (claims == 1) == (status == Status::Claimed), "{path:?}");
        // An emergency that was used stays open until somebody who did not agree to it has looked at it.
        let reviews = self.log.iter().filter(|event| matches!(event, Event::Reviewed(_))).count();
        let used = status == Status::Claimed && self.state.grant().is_some_and(|grant| grant.emergency);
        assert_eq!(self.state.review_due().is_some(), used && reviews == 0, "{path:?}");
        assert!(reviews <= usize::from(used), "{path:?}");
        if let Some(review) = self.state.case().review() {
            assert!(
                !self.state.evidence().is_empty()
                    && !self.state.approvals().iter().any(|one| one.person == review.by)
            );
        }
    }

    /// A grant stands on as many different people as the rule asks for, each by a vote of theirs that counts.
    fn check_seated(&self, case: &Case, path: &[&Happening]) {
        let (grant, terms) = (self.state.grant().unwrap(), &case.opening().terms);
        if grant.seated.is_empty() {
            assert_eq!((terms.on_timeout, grant.at), (OnTimeout::Allow, at(60)), "{path:?}");
            assert!(case.votes().iter().all(Cast::approves), "waiting allowed what was denied: {path:?}");
            return;
        }
        let seated: BTreeSet<_> = grant.seated.iter().map(|seated| &seated.person).collect();
        assert_eq!(seated.len(), grant.seated.len(), "{path:?}");
        let needed = match (&terms.break_glass, grant.emergency) {
            (Some(emergency), true) => emergency.requirement.people(),
            (None, true) => panic!("an emergency where there is none: {path:?}"),
            (_, false) => case.requirement_at(grant.at).unwrap().people(),
        };
        assert!(seated.len() >= needed, "{path:?}");
        let poor = case.votes().iter().any(|vote| vote.approves() && !vote.flags.is_empty());
        for person in seated {
            let vote = case.votes().iter().find(|vote| vote.person() == person).expect("who is seated voted");
            assert!(vote.approves() && (grant.emergency || case.counts(vote)), "{path:?}");
            assert!(!grant.emergency || matches!(vote.statement.choice, Choice::BreakGlass(_)), "{path:?}");
        }
        if let (OnPoor::AddSeat(more), true, false) = (&terms.diligence.on_poor, poor, grant.emergency) {
            let other = grant.seated.iter().any(|seated| more.admits(&seated.person, &reviewers()));
            assert!(other, "nobody else was asked: {path:?}");
        }
    }
}

/// Lets everything happen in every order, and says which states were reached and after how many steps. A world that was
/// reached by another path as short goes on as that did.
fn explore(opening: Opening, happenings: &[Happening]) -> (BTreeSet<&'static str>, usize) {
    let mut reached = BTreeSet::new();
    let mut visited = 0;
    let mut known = HashSet::new();
    let mut level = vec![(World::open(opening), Vec::new())];
    for depth in 0..=DEPTH {
        let mut next_level = Vec::new();
        for (world, path) in level {
            reached.insert(world.state.status(world.now).as_str());
            if depth == DEPTH {
                continue;
            }
            for happening in happenings {
                let next = world.after(happening);
                let path: Vec<&Happening> = path.iter().copied().chain([happening]).collect();
                next.check_step(&world, &path);
                visited += 1;
                if known.insert(next.key()) {
                    next.check(&path);
                    next_level.push((next, path));
                }
            }
        }
        level = next_level;
    }
    (reached, visited)
}

fn all() -> BTreeSet<&'static str> {
    BTreeSet::from(["approved", "blocked", "cancelled", "claimed", "denied", "expired", "lapsed", "pending"])
}

#[test]
fn votes_deadlines_cancelling_and_leaving() {
    let (reached, visited) = explore(
        opening(so_many(2)),
        &[
            signed("ada", approve(&["row_limit:max=9"])),
            signed("bob", approve(&["row_limit:max=7"])),
            signed("cyd", approve(&["dry_run"])),
            signed("ada", Choice::Deny),
            signed("bob", Choice::Deny),
            signed("dan", approve(&[])),
            signed("eve", approve(&[])),
            Happening::Vote(click("cyd", approve(&[]), at(0), Attestation::Session)),
            Happening::Cancel(agent("agent-7")),
            Happening::Cancel(agent("agent-8")),
            Happening::Claim,
            Happening::Block,
            Happening::Sweep,
            Happening::Leave("ada"),
            Happening::Wait(60),
            Happening::Wait(120),
        ],
    );
    assert_eq!(reached, all(), "every state is reached");
    assert!(visited > 1_000, "{visited}");
}

#[test]
fn votes_that_are_taken_back_and_denials_that_are_not_enough() {
    let (reached, visited) = explore(
        on(so_many(2), |terms| {
            terms.denials = Denials::new(2).unwrap();
            terms.on_timeout = OnTimeout::Allow;
        }),
        &[
            signed("ada", approve(&["row_limit:max=9"])),
            signed_again("ada", approve(&[])),
            signed("ada", Choice::Withdraw),
            signed_again("ada", Choice::Withdraw),
            signed("bob", approve(&[])),
            signed("bob", Choice::Deny),
            signed("bob", Choice::Withdraw),
            signed("cyd", Choice::Deny),
            Happening::Claim,
            Happening::Sweep,
            Happening::Leave("ada"),
            Happening::Wait(60),
        ],
    );
    assert!(
        reached.is_superset(&BTreeSet::from(["approved", "claimed", "denied", "expired"])),
        "{reached:?}"
    );
    assert!(visited > 1_000, "{visited}");
}

#[test]
fn a_changed_operation_that_the_agent_takes_or_not() {
    let (reached, visited) = explore(
        opening(so_many(2)),
        &[
            signed("ada", approve(&[])),
            signed("bob", approve(&[])),
            signed("bob", Choice::Deny),
            signed("ada", Choice::Withdraw),
            amend("ada"),
            amend("cyd"),
            Happening::Accept(agent("agent-7")),
            Happening::Accept(agent("agent-8")),
            Happening::Cancel(agent("agent-7")),
            Happening::Leave("cyd"),
            Happening::Sweep,
            Happening::Wait(60),
        ],
    );
    assert!(
        reached.is_superset(&BTreeSet::from(["approved", "cancelled", "denied", "expired"])),
        "{reached:?}"
    );
    assert!(visited > 1_000, "{visited}");
}

#[test]
fn a_broken_glass_and_its_review() {
    let (reached, visited) = explore(
        on(so_many(2), |terms| {
            terms.min_review = Duration::from_secs(60);
            terms.break_glass = Some(BreakGlass {
                requirement: Requirement::any(1, vec![one_of("ada"), one_of("cyd")]).unwrap(),
                execute_within: Duration::from_secs(60),
                review: so_many(1),
                review_within: Duration::from_secs(3600),
            });
        }),
        &[
            emergency("cyd"),
            emergency("bob"),
            emergency("dan"),
            signed("ada", approve(&[])),
            signed("bob", approve(&[])),
            signed("bob", Choice::Deny),
            signed("ada", Choice::Withdraw),
            Happening::Claim,
            Happening::Review("cyd"),
            Happening::Review("bob"),
            Happening::Leave("ada"),
            Happening::Leave("cyd"),
            Happening::Sweep,
            Happening::Wait(1),
            Happening::Wait(61),
        ],
    );
    assert_eq!(
        reached,
        BTreeSet::from(["approved", "blocked", "claimed", "denied", "expired", "lapsed", "pending"])
    );
    assert!(visited > 1_000, "{visited}");
}

#[test]
fn stages_a_pool_and_people_who_come_and_go() {
    let (reached, visited) = explore(
        on(one_of("cyd"), |terms| {
            terms.ladder = vec![Stage { after: Duration::from_secs(900), requirement: one_of("bob") }];
            terms.escalation_pool = Some(one_of("dan"));
        }),
        &[
            signed("cyd", approve(&[])),
            signed("bob", approve(&[])),
            signed("dan", approve(&[])),
            signed("bob", Choice::Deny),
            Happening::Widen,
            Happening::Sweep,
            Happening::Leave("cyd"),
            Happening::Leave("bob"),
            Happening::Leave("dan"),
            Happening::Return("cyd"),
            Happening::Wait(15),
            Happening::Wait(60),
        ],
    );
    assert_eq!(reached, BTreeSet::from(["approved", "blocked", "denied", "expired", "lapsed", "pending"]));
    assert!(visited > 1_000, "{visited}");
}

#[test]
fn poor_votes_by_whatever_rule() {
    let rules = [OnPoor::Flag, OnPoor::AskAgain, OnPoor::NotCount, OnPoor::AddSeat(one_of("dan"))];
    for on_poor in rules {
        let (reached, visited) = explore(
            on(so_many(2), |terms| terms.diligence.on_poor = on_poor.clone()),
            &[
                hasty("ada"),
                hasty("bob"),
                hasty("dan"),
                signed("ada", Choice::Withdraw),
                signed_again("ada", approve(&[])),
                signed_again("bob", approve(&[])),
                signed("dan", approve(&[])),
                signed("cyd", Choice::Deny),
                Happening::Leave("bob"),
                Happening::Sweep,
            ],
        );
        assert!(
            reached.is_superset(&BTreeSet::from(["approved", "denied", "pending"])),
            "{on_poor:?}: {reached:?}"
        );
        assert!(visited > 1_000, "{on_poor:?}: {visited}");
    }
}

#[test]
fn a_drill_in_which_everything_happens_that_approves_anything() {
    let mut drill = on(so_many(2), |terms| {
        terms.denials = Denials::new(2).unwrap();
        terms.on_timeout = OnTimeout::Allow;
        terms.ladder = vec![Stage { after: Duration::from_secs(900), requirement: so_many(1) }];
        terms.escalation_pool = Some(one_of("dan"));
        terms.break_glass = Some(BreakGlass {
            requirement: one_of("cyd"),
            execute_within: Duration::from_secs(60),
            review: so_many(1),
            review_within: Duration::from_secs(3600),
        });
    });
    drill.drill = true;
    let (reached, visited) = explore(
        drill,
        &[
            signed("ada", approve(&[])),
            signed("bob", approve(&[])),
            signed("bob", Choice::Deny),
            signed("dan", approve(&[])),
            emergency("cyd"),
            amend("ada"),
            Happening::Claim,
            Happening::Widen,
            Happening::Sweep,
            Happening::Wait(15),
            Happening::Wait(60),
        ],
    );
    assert_eq!(reached, BTreeSet::from(["denied", "expired", "pending"]), "and never approved");
    assert!(visited > 1_000, "{visited}");
}

#[test]
fn all_of_it_at_once() {
    let (reached, visited) = explore(
        on(so_many(2), |terms| {
            terms.denials = Denials::new(2).unwrap();
            terms.diligence.on_poor = OnPoor::AddSeat(one_of("dan"));
            terms.ladder = vec![Stage { after: Duration::from_secs(900), requirement: one_of("bob") }];
            terms.escalation_pool = Some(one_of("dan"));
            terms.break_glass = Some(BreakGlass {
                requirement: one_of("cyd"),
                execute_within: Duration::from_secs(60),
                review: so_many(1),
                review_within: Duration::from_secs(3600),
            });
        }),
        &[
            hasty("ada"),
            signed("ada", Choice::Withdraw),
            signed("bob", approve(&[])),
            signed_again("bob", Choice::Deny),
            signed("cyd", Choice::Deny),
            signed("dan", approve(&[])),
            emergency("cyd"),
            amend("bob"),
            Happening::Accept(agent("agent-7")),
            Happening::Claim,
            Happening::Review("ada"),
            Happening::Widen,
            Happening::Sweep,
            Happening::Leave("bob"),
            Happening::Wait(15),
            Happening::Wait(75),
        ],
    );
    assert_eq!(reached, all());
    assert!(visited > 10_000, "{visited}");
}
