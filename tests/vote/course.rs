//! An escalation that records its own events, as the store would, and the people who vote on it.

use crate::people::{Everyone, NOON, person, signed_by, statement};
use crate::roster::Roster;
use core::time::Duration;
use countersign::condition::ConditionKind;
use countersign::digest::{OperationDigest, PolicyDigest, RenderingDigest};
use countersign::escalation::requirement::{Pool, Requirement, Seat};
use countersign::escalation::vote::{Choice, Statement, verify};
use countersign::escalation::{
    Attestation, Ballot, Counted, Escalation, Event, Opening, Status, Step, Terms, VoteRefusal,
};
use countersign::moment::Moment;
use countersign::party::{AgentId, EscalationId, TxnId};
use countersign::token::Assurance;
use std::collections::BTreeSet;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Ada, Bob and Cyd may review; Ada also runs nothing and asks for nothing.
pub(crate) fn reviewers() -> Roster {
    Roster::of(&[("ada", "dba security"), ("bob", "dba"), ("cyd", "security"), ("dan", "dev")])
}

/// So many people with the role `dba` or `security`, by their signatures.
pub(crate) fn so_many(people: usize) -> Requirement {
    let roles = ["dba".parse().unwrap(), "security".parse().unwrap()];
    Requirement::seat(Seat::new(Pool::new([], roles, []).unwrap(), people, Assurance::Signed).unwrap())
}

pub(crate) fn opening(requirement: Requirement) -> Opening {
    Opening {
        id: EscalationId::from_random([1; 16]),
        txn: TxnId::from_random([9; 16]),
        agent: AgentId::new("agent-7").unwrap(),
        on_behalf_of: None,
        operators: BTreeSet::new(),
        operation: OperationDigest::from_bytes([2; 32]),
        shown: RenderingDigest::from_bytes([3; 32]),
        policy: PolicyDigest::from_bytes([4; 32]),
        terms: Terms { decide_within: HOUR, claim_within: HOUR, ..Terms::new(requirement) },
        enforceable: ConditionKind::ALL.into_iter().collect(),
        opened_at: NOON,
        amends: None,
        drill: false,
    }
}

/// The opening, on terms that the test changes.
pub(crate) fn on(requirement: Requirement, change: impl FnOnce(&mut Terms)) -> Opening {
    let mut opening = opening(requirement);
    change(&mut opening.terms);
    opening
}

/// A moment so many minutes after noon.
pub(crate) fn at(minutes: u64) -> Moment {
    NOON.plus(Duration::from_secs(60 * minutes))
}

/// The statement, signed by the reviewer whom it names.
pub(crate) fn ballot(statement: &Statement) -> Ballot {
    let signed = signed_by(statement.reviewer.as_str(), statement);
    Ballot::Signed(Box::new(verify(&signed, &Everyone).unwrap()))
}

/// A vote of `name`, stated at `now`.
pub(crate) fn vote(name: &str, choice: Choice, now: Moment) -> Ballot {
    let mut stated = statement(name, choice);
    stated.time = now;
    ballot(&stated)
}

/// A click of `name`, stated at `now`.
pub(crate) fn click(name: &str, choice: Choice, now: Moment, by: Attestation) -> Ballot {
    let mut stated = statement(name, choice);
    stated.time = now;
    Ballot::Attested(Box::new(stated), by)
}

/// An escalation with its log.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) events: Vec<Event>,
    pub(crate) roster: Roster,
}

impl Course {
    pub(crate) fn open(opening: Opening) -> Self {
        let roster = reviewers();
        Self { events: Escalation::open(opening, &roster), roster }
    }

    /// As it stands after a crash: nothing but the log is left, and the log went through its written form.
    pub(crate) fn state(&self) -> Escalation {
        let written = serde_json::to_vec(&self.events).unwrap();
        let read: Vec<Event> = serde_json::from_slice(&written).unwrap();
        assert_eq!(read, self.events, "events are read back as they were written");
        Escalation::replay(&read).unwrap()
    }

    pub(crate) fn status(&self, now: Moment) -> Status {
        self.state().status(now)
    }

    /// Takes a step: its events are recorded, whatever the answer.
    pub(crate) fn take<T, E>(&mut self, step: Step<T, E>) -> Result<T, E> {
        self.state().after(&step.events).expect("a step's own events can follow");
        self.events.extend(step.events);
        step.result
    }

    pub(crate) fn bring(&mut self, ballot: &Ballot, now: Moment) -> Result<Counted, VoteRefusal> {
        let step = self.state().vote(ballot, &[], &self.roster, now);
        self.take(step)
    }

    /// What the time has brought by now, recorded.
    pub(crate) fn sweep(&mut self, now: Moment) -> Vec<&'static str> {
        let events = self.state().reconsider(&self.roster, now);
        let names = events.iter().map(Event::name).collect();
        self.take(Step::<(), ()> { events, result: Ok(()) }).unwrap();
        names
    }

    pub(crate) fn approve(
        &mut self,
        name: &str,
        conditions: &[&str],
        now: Moment,
    ) -> Result<Counted, VoteRefusal> {
        self.bring(&vote(name, crate::people::approve(conditions), now), now)
    }

    pub(crate) fn deny(&mut self, name: &str, now: Moment) -> Result<Counted, VoteRefusal> {
        self.bring(&vote(name, Choice::Deny, now), now)
    }

    /// Who filled a seat.
    pub(crate) fn seated(&self) -> Vec<String> {
        self.state().approvals().iter().map(|approval| approval.person.to_string()).collect()
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.events.iter().map(Event::name).collect()
    }
}

#[test]
fn the_people_of_these_tests_are_who_they_seem() {
    let course = Course::open(opening(so_many(2)));
    let state = course.state();
    let sets: Vec<Vec<_>> = state
        .case()
        .completions(&course.roster, at(1), 10)
        .into_iter()
        .map(|set| set.into_iter().collect())
        .collect();
    assert_eq!(
        sets,
        [
            vec![person("ada"), person("bob")],
            vec![person("ada"), person("cyd")],
            vec![person("bob"), person("cyd")]
        ]
    );
}
