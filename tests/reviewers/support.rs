//! Escalations and votes for the tests, and a roster of people who are always there.

use core::time::Duration;
use countersign::condition::ConditionKind;
use countersign::digest::{OperationDigest, PolicyDigest, RenderingDigest};
use countersign::escalation::requirement::{Pool, Requirement, Seat};
use countersign::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement};
use countersign::escalation::{Attestation, Ballot, Cast, Event, Opening, Terms};
use countersign::moment::Moment;
use countersign::party::{AgentId, EscalationId, PersonId, TxnId};
use countersign::token::Assurance;
use std::collections::BTreeSet;

/// A Monday, 12:00 UTC.
pub(crate) const NOON: Moment = Moment::from_unix_seconds(1_795_435_200);

pub(crate) fn at(minutes: u64) -> Moment {
    NOON.plus(Duration::from_secs(60 * minutes))
}

pub(crate) fn id(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

pub(crate) fn agent(name: &str) -> AgentId {
    AgentId::new(name).unwrap()
}

pub(crate) fn number(number: u32) -> EscalationId {
    let mut bits = [0; 16];
    bits[..4].copy_from_slice(&number.to_be_bytes());
    EscalationId::from_random(bits)
}

pub(crate) fn of_role(role: &str, people: usize) -> Requirement {
    let pool = Pool::new([], [role.parse().unwrap()], []).unwrap();
    Requirement::seat(Seat::new(pool, people, Assurance::Session).unwrap())
}

pub(crate) fn of_people(names: &[&str], people: usize) -> Requirement {
    let pool = Pool::new(names.iter().map(|name| id(name)), [], []).unwrap();
    Requirement::seat(Seat::new(pool, people, Assurance::Session).unwrap())
}

/// Escalation number so and so, opened by this agent.
pub(crate) fn opening(count: u32, by: &str, requirement: Requirement, opened_at: Moment) -> Opening {
    Opening {
        id: number(count),
        txn: TxnId::from_random([9; 16]),
        agent: agent(by),
        on_behalf_of: None,
        operators: BTreeSet::new(),
        operation: OperationDigest::from_bytes([2; 32]),
        shown: RenderingDigest::from_bytes([3; 32]),
        policy: PolicyDigest::from_bytes([4; 32]),
        terms: Terms::new(requirement),
        enforceable: ConditionKind::ALL.into_iter().collect(),
        opened_at,
        amends: None,
        drill: false,
    }
}

pub(crate) fn approve() -> Choice {
    Choice::Approve(Conditions::new(&[]).unwrap())
}

/// What this person says to this escalation at this moment, signed in.
pub(crate) fn ballot(count: u32, name: &str, choice: Choice, now: Moment) -> Ballot {
    let statement = Statement {
        escalation: number(count),
        operation: OperationDigest::from_bytes([2; 32]),
        shown: RenderingDigest::from_bytes([3; 32]),
        policy: PolicyDigest::from_bytes([4; 32]),
        choice,
        reason: Reason::new("looked at the plan").unwrap(),
        reviewer: id(name),
        time: now,
        nonce: Nonce::from_random([7; 16]),
    };
    Ballot::Attested(Box::new(statement), Attestation::Session)
}

pub(crate) fn cast(count: u32, name: &str, choice: Choice, now: Moment) -> Box<Cast> {
    Box::new(ballot(count, name, choice, now).cast(now, &[]))
}

pub(crate) fn voted(count: u32, name: &str, choice: Choice, now: Moment) -> Event {
    Event::Voted(cast(count, name, choice, now))
}

pub(crate) fn asked(names: &[&str], now: Moment) -> Event {
    Event::Asked { at: now, people: names.iter().map(|name| id(name)).collect() }
}
