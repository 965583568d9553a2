//! Evidence: the signed votes beside a token, checked by an executor that trusts neither sidecar nor desk.
//!
//! The executor pins reviewers and their keys itself. What sidecar and desk say about who agreed is then only a list
//! of claims, each of which has to be proved by the person's own signature over the very operation, under the very
//! policy, in one and the same proceedings.

mod pinned;

pub use pinned::{PinError, PinnedKeys};

use super::vote::{CLOCK_SKEW, SignedVote, Statement, VerifiedVote, VoteError, verify};
use crate::condition::holds_all;
use crate::digest::{RenderingDigest, VoteDigest};
use crate::moment::Moment;
use crate::operation::json::{Limits, Object, Value, read};
use crate::party::{EscalationId, PersonId};
use crate::token::{Approval, Assurance, Claims, EvidenceCheck, EvidenceError};
use core::fmt;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// The largest piece of evidence in bytes: one vote with its signature.
pub const MAX_EVIDENCE: usize = 96 * 1024;
/// How old a vote may be when the token is issued, unless the executor says otherwise.
pub const MAX_VOTE_AGE: Duration = Duration::from_secs(24 * 60 * 60);

const LIMITS: Limits = Limits { bytes: MAX_EVIDENCE, depth: 2, members: 8 };
const TYPE: &str = "countersign-evidence";
const VERSION: u64 = 1;
const NAMES: [&str; 4] = ["signature", "statement", "type", "v"];

/// A vote as a piece of evidence: one canonical JSON document.
#[must_use]
pub fn to_bytes(vote: &SignedVote) -> Vec<u8> {
    let object = Object::new()
        .with("type", TYPE)
        .with("v", VERSION)
        .with("statement", vote.statement.as_str())
        .with("signature", vote.signature.as_str());
    Value::Object(object).to_canonical()
}

/// Reads a piece of evidence; `None` if it is not exactly what [`to_bytes`] writes.
#[must_use]
pub fn from_bytes(bytes: &[u8]) -> Option<SignedVote> {
    let value = read(bytes, &LIMITS).ok()?;
    let object = value.as_object().filter(|object| object.names().eq(NAMES))?;
    let text = |name| object.get(name).and_then(Value::as_str);
    let ours = text("type") == Some(TYPE) && object.get("v").and_then(Value::as_u64) == Some(VERSION);
    let vote =
        SignedVote { statement: text("statement")?.to_owned(), signature: text("signature")?.to_owned() };
    (ours && to_bytes(&vote) == bytes).then_some(vote)
}

/// Why evidence does not prove what a token claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceFault {
    /// The token names fewer people than the executor asks for.
    TooFewApprovals,
    /// A vote that the token names is not there.
    Missing,
    /// There is a vote that the token does not name, or one of them twice.
    Unasked,
    /// A piece of evidence is too large or not in its form.
    Malformed,
    /// A vote is not its reviewer's.
    Vote(VoteError),
    /// The token names a person twice, who asks, or whom it is for.
    NotDistinct,
    /// The token names another person, time or assurance than the vote states.
    OtherVoter,
    /// A vote is a denial, or takes one back.
    Denial,
    /// A vote is for another operation.
    OtherOperation,
    /// A vote is under another policy.
    OtherPolicy,
    /// The votes are from different proceedings, or their reviewers saw different things.
    Spliced,
    /// The token lacks a condition of a vote, or has a wider one.
    ConditionDropped,
    /// A vote was made after the token was issued, or too long before.
    WrongTime,
}

impl EvidenceFault {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooFewApprovals => "evidence.too_few_approvals",
            Self::Missing => "evidence.missing_vote",
            Self::Unasked => "evidence.unasked",
            Self::Malformed => "evidence.malformed",
            Self::Vote(error) => error.code(),
            Self::NotDistinct => "evidence.not_distinct",
            Self::OtherVoter => "evidence.other_voter",
            Self::Denial => "evidence.denial",
            Self::OtherOperation => "evidence.other_operation",
            Self::OtherPolicy => "evidence.other_policy",
            Self::Spliced => "evidence.spliced",
            Self::ConditionDropped => "evidence.condition_dropped",
            Self::WrongTime => "evidence.wrong_time",
        }
    }
}

impl fmt::Display for EvidenceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewApprovals => f.write_str("the token names fewer people than this executor asks for"),
            Self::Missing => f.write_str("a vote that the token names is missing"),
            Self::Unasked => {
                f.write_str("there is a vote that the token does not name, or one of them twice")
            }
            Self::Malformed => f.write_str("a piece of evidence is too large or not in its form"),
            Self::Vote(error) => write!(f, "in the evidence: {error}"),
            Self::NotDistinct => f.write_str(
                "the token names a person twice, or one who asks or whom it is for, as an approver",
            ),
            Self::OtherVoter => {
                f.write_str("the token says otherwise than the vote who agreed, when or how surely")
            }
            Self::Denial => f.write_str("a vote is a denial"),
            Self::OtherOperation => f.write_str("a vote is for another operation"),
            Self::OtherPolicy => f.write_str("a vote is under another policy"),
            Self::Spliced => f.write_str("the votes were not cast in the same proceedings"),
            Self::ConditionDropped => f.write_str("the token lacks a condition of a vote"),
            Self::WrongTime => f.write_str("a vote was made after the token was issued, or too long before"),
        }
    }
}

impl std::error::Error for EvidenceFault {}

/// An executor's own judgement of who agreed: so many of its own pinned reviewers, each by their signature.
#[derive(Clone, Debug)]
pub struct RosterEvidence {
    keys: PinnedKeys,
    least: NonZeroUsize,
    max_age: Duration,
}

impl RosterEvidence {
    /// Asks for at least `least` of the pinned reviewers.
    ///
    /// # Errors
    /// [`PinError::TooFewPeople`] if fewer than that are pinned: no token could ever pass.
    pub fn new(keys: PinnedKeys, least: NonZeroUsize) -> Result<Self, PinError> {
        if keys.people() < least.get() {
            return Err(PinError::TooFewPeople);
        }
        Ok(Self { keys, least, max_age: MAX_VOTE_AGE })
    }

    /// … none of whose votes is older than this when the token is issued.
    #[must_use]
    pub const fn at_most_old(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Checks that every approval that the token claims is proved, and that they are enough.
    ///
    /// # Errors
    /// [`EvidenceFault`]: what is not proved.
    pub fn prove(&self, claims: &Claims, evidence: &[&[u8]]) -> Result<(), EvidenceFault> {
        let approvals = &claims.approvals;
        if approvals.len() < self.least.get() {
            return Err(EvidenceFault::TooFewApprovals);
        }
        check_distinct(claims)?;
        // Counted before any of them is read, so that nobody can make an executor read many.
        match evidence.len() {
            found if found < approvals.len() => return Err(EvidenceFault::Missing),
            found if found > approvals.len() => return Err(EvidenceFault::Unasked),
            _ => {}
        }
        let mut votes: BTreeMap<VoteDigest, VerifiedVote> = BTreeMap::new();
        for bytes in evidence {
            let signed = from_bytes(bytes).ok_or(EvidenceFault::Malformed)?;
            let vote = verify(&signed, &self.keys).map_err(EvidenceFault::Vote)?;
            if votes.insert(vote.digest(), vote).is_some() {
                return Err(EvidenceFault::Unasked);
            }
        }
        let mut proceedings = None;
        for approval in approvals {
            // Removed, so that two approvals never stand on one vote.
            let vote = votes.remove(&approval.vote).ok_or(EvidenceFault::Missing)?;
            self.check_vote(claims, approval, vote.statement(), &mut proceedings)?;
        }
        if votes.is_empty() { Ok(()) } else { Err(EvidenceFault::Unasked) }
    }

    fn check_vote(
        &self,
        claims: &Claims,
        approval: &Approval,
        vote: &Statement,
        proceedings: &mut Option<(EscalationId, RenderingDigest)>,
    ) -> Result<(), EvidenceFault> {
        let require = |holds: bool, fault| if holds { Ok(()) } else { Err(fault) };
        let second = Moment::from_unix_seconds(vote.time.unix_seconds());
        let same_voter = vote.reviewer == approval.person
            && second == approval.at
            && approval.assurance == Assurance::Signed;
        require(same_voter, EvidenceFault::OtherVoter)?;
        require(vote.choice.approves(), EvidenceFault::Denial)?;
        require(vote.operation == claims.operation, EvidenceFault::OtherOperation)?;
        require(vote.policy == claims.policy, EvidenceFault::OtherPolicy)?;
        let here = (vote.escalation, vote.shown);
        require(*proceedings.get_or_insert(here) == here, EvidenceFault::Spliced)?;
        require(holds_all(&claims.conditions, vote.choice.conditions()), EvidenceFault::ConditionDropped)?;
        let issued = claims.times.issued_at;
        let in_time = vote.time <= issued.plus(CLOCK_SKEW) && vote.time.plus(self.max_age) >= issued;
        require(in_time, EvidenceFault::WrongTime)
    }
}

/// The verifier asks only where a token names approvals at all: an executor that wants people for everything says so
/// in its floor as well.
impl EvidenceCheck for RosterEvidence {
    fn check(&self, claims: &Claims, evidence: &[&[u8]]) -> Result<(), EvidenceError> {
        self.prove(claims, evidence).map_err(|fault| match fault {
            EvidenceFault::Missing | EvidenceFault::TooFewApprovals => EvidenceError::Missing,
            EvidenceFault::Unasked
            | EvidenceFault::Malformed
            | EvidenceFault::Vote(_)
            | EvidenceFault::NotDistinct
            | EvidenceFault::OtherVoter
            | EvidenceFault::Denial
            | EvidenceFault::OtherOperation
            | EvidenceFault::OtherPolicy
            | EvidenceFault::Spliced
            | EvidenceFault::ConditionDropped
            | EvidenceFault::WrongTime => EvidenceError::Invalid,
        })
    }
}

/// Each person once, and none who asks or whom it is for.
fn check_distinct(claims: &Claims) -> Result<(), EvidenceFault> {
    let mut seen: BTreeSet<&PersonId> = BTreeSet::new();
    for approval in &claims.approvals {
        let person = &approval.person;
        let interested =
            person.as_str() == claims.subject.as_str() || claims.on_behalf_of.as_ref() == Some(person);
        if interested || !seen.insert(person) {
            return Err(EvidenceFault::NotDistinct);
        }
    }
    Ok(())
}
