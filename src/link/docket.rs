//! Dockets that come from a desk, and what of them is believed: the course is replayed here, it must be that of our own
//! decision, and whatever lets something run must be what its terms ask for.

use crate::audit::event::Decided;
use crate::condition::ConditionKind;
use crate::decision::{Outcome, Terms};
use crate::desk::{Docket, rendering};
use crate::escalation::requirement::{Agreement, Membership, Standing};
use crate::escalation::vote::{self, VoteError};
use crate::escalation::{Cast, CourseError, Escalation, Event, Grant, Opening};
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use crate::reviewer::{Absences, Attendance, Directory};
use crate::token::Assurance;
use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

/// How far the clocks of desk and sidecar may differ.
const SKEW: Duration = Duration::from_mins(1);

/// Why a docket is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrue {
    /// It can't be read.
    Unreadable(String),
    /// It is no course that could have happened.
    Course(CourseError),
    /// It is not of our decision: what differs.
    Other(&'static str),
    /// A vote is not signed by whom it names.
    Vote(PersonId, VoteError),
    /// Those who agreed are not enough, or not those whom the rule asks for.
    NotEnough,
}

impl fmt::Display for Untrue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(what) => write!(f, "it can't be read: {what}"),
            Self::Course(error) => error.fmt(f),
            Self::Other(what) => write!(f, "it has another {what} than the decision here"),
            Self::Vote(person, error) => write!(f, "the vote of {person} is not theirs: {error}"),
            Self::NotEnough => {
                f.write_str("those who agreed are not whom the rule asks for, by the roster here")
            }
        }
    }
}

impl std::error::Error for Untrue {}

/// What a docket is held against.
pub(super) struct Own<'a> {
    pub(super) id: EscalationId,
    /// The decision, as our own record has it, and when it was made.
    pub(super) decided: &'a Decided,
    pub(super) at: Moment,
    /// Who runs the agent.
    pub(super) operators: &'a BTreeSet<PersonId>,
    /// What the executor enforces.
    pub(super) enforced: &'a BTreeSet<ConditionKind>,
    pub(super) directory: &'a Directory,
    /// Whether the directory has what people set up themselves, passkeys among it.
    pub(super) profiles: bool,
    pub(super) now: Moment,
}

impl Own<'_> {
    /// The docket, if it is believed.
    pub(super) fn docket(&self, steps: &[Event], reasons: Vec<String>) -> Result<Docket, Untrue> {
        let escalation = Escalation::replay(steps).map_err(Untrue::Course)?;
        self.check_opening(escalation.case().opening())?;
        if let Some(grant) = escalation.grant() {
            self.check_grant(&escalation, grant)?;
        }
        let decided = self.decided.clone();
        Ok(Docket { id: self.id, decided, escalation, reasons, queued: false })
    }

    /// The terms under which our decision asks.
    fn terms(&self) -> Option<&Terms> {
        if let Outcome::Escalate(terms) = &self.decided.decision.outcome { Some(terms) } else { None }
    }

    fn check_opening(&self, opening: &Opening) -> Result<(), Untrue> {
        let decided = self.decided;
        let shown = rendering(self.id, decided).map(|(rendering, _)| rendering.digest);
        // Of secret values the desk never had more than the stand-in.
        let same_shown = decided.shown.is_some() || shown == Ok(opening.shown);
        let in_time = opening.opened_at.plus(SKEW) >= self.at && opening.opened_at <= self.now.plus(SKEW);
        let checks = [
            (opening.id == self.id && decided.escalation == Some(self.id), "escalation"),
            (opening.txn == decided.txn, "decision"),
            (opening.agent == decided.agent, "agent"),
            (opening.on_behalf_of == decided.on_behalf_of, "person for whom the agent acts"),
            (self.operators.is_subset(&opening.operators), "set of people who run the agent"),
            (opening.operation == decided.digest, "operation"),
            (opening.policy == decided.decision.policy, "policy"),
            (Some(&opening.terms) == self.terms(), "set of terms"),
            (same_shown, "rendering"),
            (opening.enforceable.is_subset(self.enforced), "set of conditions"),
            (in_time, "time"),
            (!opening.drill, "purpose"),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(Untrue::Other(what)),
            None => Ok(()),
        }
    }

    /// Whether those who agreed did so themselves, and are those whom the rule asks for.
    fn check_grant(&self, escalation: &Escalation, grant: &Grant) -> Result<(), Untrue> {
        let case = escalation.case();
        for seated in &grant.seated {
            let vote = case.votes().iter().find(|vote| *vote.person() == seated.person);
            self.check_vote(vote.ok_or(Untrue::NotEnough)?)?;
        }
        if grant.seated.is_empty() {
            // Nobody decided, and the terms let it run then: the replay has seen to it that they do.
            return Ok(());
        }
        let emergency = case.opening().terms.break_glass.as_ref().filter(|_| grant.emergency);
        let requirement = match emergency {
            Some(emergency) => Some(emergency.requirement.clone()),
            None => case.requirement_at(grant.at),
        };
        let absences = Absences::default();
        let attendance = Attendance::new(self.directory, &absences, grant.at);
        // Who stands in for somebody has that one's power; that they were away, the desk vouches for.
        let agreed = grant.seated.iter().map(|seated| Agreement {
            person: seated.standing_in_for.clone().unwrap_or_else(|| seated.person.clone()),
            assurance: seated.assurance,
        });
        let agreed: Vec<Agreement> = agreed.collect();
        let barred = |one: &Agreement| case.barred(&one.person, &attendance).is_some();
        let voters = grant.seated.iter().any(|seated| case.barred(&seated.person, &attendance).is_some());
        let membership: &dyn Membership = &attendance;
        let met = requirement.is_some_and(|requirement| {
            matches!(requirement.standing(&agreed, &[], &case.seen_on(membership)), Standing::Met(_))
        });
        match met && !voters && !agreed.iter().any(barred) {
            true => Ok(()),
            false => Err(Untrue::NotEnough),
        }
    }

    fn check_vote(&self, vote: &Cast) -> Result<(), Untrue> {
        if vote.assurance != Assurance::Signed {
            return Ok(());
        }
        let signed = vote.signed().ok_or(Untrue::NotEnough)?;
        match vote::verify(&signed, self.directory) {
            Ok(_) => Ok(()),
            // A passkey that somebody enrolled is on the desk's record, and here only where it told of them.
            Err(VoteError::UnknownKey) if signed.is_by_passkey() && !self.profiles => Ok(()),
            Err(error) => Err(Untrue::Vote(vote.person().clone(), error)),
        }
    }
}
