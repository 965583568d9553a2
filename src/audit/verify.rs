//! Verification of the record's meaning: a fold over its events, in order, that trusts nobody who wrote them.
//!
//! Hashes and signatures prove that a log is what its operator wrote. This proves that what they wrote can have
//! happened: that every token follows from a decision and from enough people who agreed to just that, each by their
//! own signature where that was asked for, under a policy and a roster and with a key that came into force before. What
//! is found against it is a [`Finding`], with the place, a stable code and words.
//!
//! Memory is bounded by what is open, and by a few dozen bytes for each decision that something may still refer to.

mod codes;
mod course;
mod decisions;
mod documents;
mod findings;
mod fleet;
mod keys;
mod mints;
mod service;
mod steps;
mod uses;

pub use codes::{CODES, meaning};
pub use findings::{Finding, Severity};

use super::event::{Event, Record};
use crate::moment::Moment;
use crate::party::{AgentId, ExecutorId};
use crate::tlog::LogPolicy;
use crate::token::PublicKey;
use core::time::Duration;
use course::Courses;
use decisions::Decisions;
use documents::Documents;
use findings::Findings;
use fleet::Fleet;
use keys::Keys;
use service::Service;
use std::collections::HashMap;
use uses::Uses;

/// How far apart two moments may lie that ought to be one: a change is judged first and recorded after, perhaps behind
/// others that were judged later.
pub const SLACK: Duration = Duration::from_secs(60);

/// What the verifier was given from outside of the record.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The roots that executors pin. Without one, nothing says whether a key in the record was certified.
    pub roots: Vec<PublicKey>,
    /// Which logs and witnesses are known by their own keys, and how many witnesses must have cosigned.
    pub policy: Option<LogPolicy>,
}

/// What a record holds, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many events there are.
    pub records: u64,
    /// When the first of them was recorded.
    pub first: Option<Moment>,
    /// When the last of them was recorded.
    pub last: Option<Moment>,
    /// How many operations were decided.
    pub decisions: u64,
    /// How many escalations were opened, drills included.
    pub escalations: u64,
    /// How many votes were counted.
    pub votes: u64,
    /// How many of those were signed by their reviewers' own keys.
    pub signed: u64,
    /// How many tokens were minted.
    pub mints: u64,
    /// How many receipts came back from executors.
    pub receipts: u64,
    /// How many values stand apart from the record, so that what depends on them could not be checked.
    pub apart: u64,
}

/// The fold. It is given every record once, in order.
pub struct Auditor {
    summary: Summary,
    service: Service,
    documents: Documents,
    keys: Keys,
    decisions: Decisions,
    courses: Courses,
    uses: Uses,
    names: Names,
    fleet: Fleet,
}

/// Agents and executors by number: there are few, and they are named often.
#[derive(Debug, Default)]
struct Names {
    known: HashMap<Box<str>, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.known.get(name) {
            return *number;
        }
        let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        self.known.insert(name.into(), number);
        number
    }

    fn agent(&mut self, agent: &AgentId) -> u32 {
        self.number(agent.as_str())
    }

    fn executor(&mut self, executor: &ExecutorId) -> u32 {
        self.number(executor.as_str())
    }
}

impl Auditor {
    /// Begins at the first record.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self {
            summary: Summary::default(),
            service: Service::default(),
            documents: Documents::default(),
            keys: Keys::new(trust.roots),
            decisions: Decisions::default(),
            courses: Courses::default(),
            uses: Uses::default(),
            names: Names::default(),
            fleet: Fleet::default(),
        }
    }

    /// Takes the next record, and says what is wrong with it.
    pub fn take(&mut self, index: u64, record: Record) -> Vec<Finding> {
        let mut findings = Findings::at(index);
        self.fleet.adopted(&record, &mut findings);
        let Record { v: _, at, event, from, apart } = record;
        // What a sidecar did it did when it recorded it, whenever its desk heard of it.
        let happened = from.as_ref().map_or(at, |from| from.at);
        let elsewhere = from.is_some();
        self.summary.records = self.summary.records.saturating_add(1);
        self.summary.first.get_or_insert(at);
        self.service.tick(at, &event, &mut findings);
        self.keys.tick(Some(at), &mut findings);
        self.summary.last = Some(self.service.latest());
        self.summary.apart =
            self.summary.apart.saturating_add(u64::try_from(apart.len()).unwrap_or(u64::MAX));
        let whole = |pointer: &str| !apart.keys().any(|place| place.starts_with(pointer));
        match event {
            Event::Started { domain, origin, changes, version: _ } => {
                self.service.started(domain.as_ref(), origin.as_ref(), &mut findings);
                self.documents.started(changes, &mut findings);
                self.keys.of_domain(domain, &mut findings);
            }
            Event::Stopped {} => self.service.stopped(),
            Event::PolicyLoaded { digest, text, approved } => {
                let text = whole("/text").then_some(text.as_str());
                self.documents.policy(digest, text, approved, at, &mut findings);
            }
            Event::RosterLoaded { text, approved } => {
                let text = whole("/text").then_some(text.as_str());
                self.documents.roster(text, approved, at, &mut findings);
            }
            Event::Absence { person, absence, absences } => {
                self.documents.absence(&person, absence, absences, at, &mut findings);
            }
            Event::ProfileChanged { person, by: _, profile } => {
                self.documents.profile(person, *profile, at, &mut findings);
            }
            Event::KeyCertified { kid, certificate } => {
                self.keys.certified(kid, &certificate, at, &mut findings);
            }
            Event::KeyRevoked { kid } => self.keys.revoked(kid, &mut findings),
            Event::Decided(decided) => {
                self.summary.decisions = self.summary.decisions.saturating_add(1);
                let seen = decisions::Seen {
                    at: happened,
                    index,
                    op: whole("/op"),
                    payload: whole("/payload"),
                    elsewhere,
                };
                self.decided(*decided, seen, &mut findings);
            }
            Event::Drill { id, proposal, by: _ } => {
                let seen = decisions::Seen {
                    at,
                    index,
                    op: whole("/proposal/op"),
                    payload: whole("/proposal/payload"),
                    elsewhere: false,
                };
                self.drill(id, *proposal, seen, &mut findings);
            }
            Event::Escalation { id, step } => self.step(id, &step, at, whole("/step"), &mut findings),
            Event::Minted(minted) => {
                self.summary.mints = self.summary.mints.saturating_add(1);
                let place = mints::Place { at: happened, index, from };
                self.minted(&minted, &place, &mut findings);
            }
            Event::Reported(reported) => self.reported(&reported, &mut findings),
            Event::Receipted(receipted) => {
                self.summary.receipts = self.summary.receipts.saturating_add(1);
                self.receipted(&receipted, happened, &mut findings);
            }
            Event::Incident(incident) => self.incident(&incident, &mut findings),
            Event::Suspended { suspension } => self.service.suspended(*suspension, &mut findings),
            Event::Resumed { id, by } => self.service.resumed(id, by.as_deref(), at, &mut findings),
            Event::Invited(invited) => self.fleet.invited(*invited, &mut findings),
            Event::Enrolled(enrolled) => self.fleet.enrolled(*enrolled, at, &mut findings),
            Event::Withdrawn(withdrawn) => self.fleet.withdrawn(&withdrawn, &mut findings),
            Event::Shipped(shipped) => self.shipped(*shipped, &mut findings),
            Event::Diverged(diverged) => {
                let words = format!(
                    "after {} leaves of `{}` on record: {}",
                    diverged.size, diverged.origin, diverged.how
                );
                findings.note("sidecar.diverged", words);
            }
            // They measure and note, and nothing follows from them.
            Event::Queued(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::Told(_)
            | Event::ClockInDoubt { .. } => {}
        }
        findings.into_inner()
    }

    /// What is missing now that there are no more records; they stand at the place behind the last.
    #[must_use]
    pub fn end(mut self) -> (Vec<Finding>, Summary) {
        let mut findings = Findings::at(self.summary.records);
        let now = self.service.latest();
        self.keys.tick(None, &mut findings);
        self.courses.end(now, &mut findings);
        self.uses.end(now, &mut findings);
        (findings.into_inner(), self.summary)
    }
}
