//! The fold: an escalation rebuilt from its events, refusing a course that could not have happened.

use super::event::{Cast, Denial, Event, Grant};
use super::ladder::OnTimeout;
use super::state::{
    Approved, Blocked, Cancelled, Case, Claimed, Denied, Escalation, Expired, Lapsed, Pending, Status,
};
use crate::condition::{Condition, Contradiction, tightest};
use crate::token::Assurance;
use core::fmt;
use std::collections::BTreeSet;

/// Why events are not the course of an escalation. The record is damaged or was tampered with: nothing is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CourseError {
    /// There are none.
    Empty,
    /// The first is not its opening.
    NotOpened,
    /// This event can't follow in this state.
    OutOfOrder(Status, &'static str),
    /// This event contradicts what went before.
    Inconsistent(&'static str),
}

impl fmt::Display for CourseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there are no events of this escalation"),
            Self::NotOpened => f.write_str("the first event of the escalation is not its opening"),
            Self::OutOfOrder(status, event) => {
                write!(f, "`{event}` can't happen to an escalation that is {status}")
            }
            Self::Inconsistent(event) => write!(f, "`{event}` contradicts the events before it"),
        }
    }
}

impl std::error::Error for CourseError {}

impl Escalation {
    /// Rebuilds an escalation from its events.
    ///
    /// # Errors
    /// [`CourseError`] if they are not the course of one escalation.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, CourseError> {
        let mut events = events.into_iter();
        let Event::Opened(opening) = events.next().ok_or(CourseError::Empty)? else {
            return Err(CourseError::NotOpened);
        };
        let opened = Self::Pending(Pending { case: Case::new(opening.clone()) });
        events.try_fold(opened, Self::apply)
    }

    /// The escalation after one more event.
    ///
    /// # Errors
    /// [`CourseError`] if it can't follow.
    pub fn apply(self, event: &Event) -> Result<Self, CourseError> {
        let inconsistent = CourseError::Inconsistent(event.name());
        let require = |holds: bool| if holds { Ok(()) } else { Err(inconsistent) };
        match (self, event) {
            (Self::Pending(Pending { case }), Event::Voted(vote)) => {
                require(case.may_follow(vote))?;
                let mut case = case;
                case.votes.push((**vote).clone());
                Ok(Self::Pending(Pending { case }))
            }
            (Self::Pending(Pending { case }), Event::Approved(grant)) => {
                require(case.justifies(grant))?;
                Ok(Self::Approved(Approved { case, grant: grant.clone() }))
            }
            (Self::Pending(Pending { case }), Event::Denied { at, cause }) => {
                require(case.justifies_denial(cause))?;
                Ok(Self::Denied(Denied { case, at: *at, cause: cause.clone() }))
            }
            (Self::Pending(Pending { case }), Event::Expired { at }) => {
                require(*at >= case.opening.decide_by && case.denial().is_none())?;
                Ok(Self::Expired(Expired { case, at: *at }))
            }
            (Self::Pending(Pending { case }), Event::Cancelled { at, by, reason }) => {
                require(*by == case.opening.agent && case.denial().is_none())?;
                let reason = reason.clone();
                Ok(Self::Cancelled(Cancelled { case, at: *at, by: by.clone(), reason }))
            }
            (
                Self::Pending(Pending { case }) | Self::Approved(Approved { case, .. }),
                Event::Blocked { at, reasons },
            ) => {
                require(case.denial().is_none())?;
                Ok(Self::Blocked(Blocked { case, at: *at, reasons: reasons.clone() }))
            }
            (Self::Approved(Approved { case, grant }), Event::Claimed { at }) => {
                require(*at < grant.claim_by)?;
                Ok(Self::Claimed(Claimed { case, grant, at: *at }))
            }
            (Self::Approved(Approved { case, grant }), Event::Lapsed { at }) => {
                require(*at >= grant.claim_by)?;
                Ok(Self::Lapsed(Lapsed { case, grant, at: *at }))
            }
            // A refused vote changes nothing, whenever it came.
            (mut any, Event::VoteRefused { .. }) => {
                let case = any.case_mut();
                require(case.records_refusals())?;
                case.refusals += 1;
                Ok(any)
            }
            (any, _) => Err(CourseError::OutOfOrder(any.recorded_status(), event.name())),
        }
    }

    const fn case_mut(&mut self) -> &mut Case {
        match self {
            Self::Pending(state) => &mut state.case,
            Self::Approved(state) => &mut state.case,
            Self::Denied(state) => &mut state.case,
            Self::Expired(state) => &mut state.case,
            Self::Cancelled(state) => &mut state.case,
            Self::Blocked(state) => &mut state.case,
            Self::Claimed(state) => &mut state.case,
            Self::Lapsed(state) => &mut state.case,
        }
    }
}

impl Case {
    /// Whether this vote can have been counted. Whether the reviewer was in the pool, only the roster of that time
    /// could say.
    fn may_follow(&self, vote: &Cast) -> bool {
        let (opening, statement) = (&self.opening, &vote.statement);
        statement.escalation == opening.id
            && statement.operation == opening.operation
            && statement.shown == opening.shown
            && statement.policy == opening.policy
            && vote.at < opening.decide_by
            && (!vote.approves() || vote.at >= opening.opened_at.plus(opening.min_review))
            && vote.signature.is_some() == (vote.assurance == Assurance::Signed)
            && !self.has_voted(vote.person())
            && !self.is_requester(vote.person(), &|_| None)
            && !self.is_beneficiary(vote.person(), &|_| None)
            && self.denial().is_none()
    }

    /// Whether this is what the votes grant: enough different people, each with their vote, and every condition.
    fn justifies(&self, grant: &Grant) -> bool {
        if grant.seated.is_empty() {
            return self.may_run_undecided(grant);
        }
        let people: BTreeSet<_> = grant.seated.iter().map(|seated| &seated.person).collect();
        let each_voted = grant.seated.iter().all(|seated| {
            self.votes.iter().any(|vote| {
                vote.approves()
                    && *vote.person() == seated.person
                    && vote.assurance == seated.assurance
                    && vote.statement.digest() == seated.vote
                    && vote.statement.time == seated.at
            })
        });
        self.denial().is_none()
            && people.len() == grant.seated.len()
            && people.len() >= self.requirement_at(grant.at).people()
            && each_voted
            && grant.at < self.opening.decide_by
            && grant.claim_by == grant.at.plus(self.opening.claim_within)
            && self.merged_conditions().is_ok_and(|conditions| conditions == grant.conditions)
    }

    /// Whether the policy lets it run because nobody decided in time.
    fn may_run_undecided(&self, grant: &Grant) -> bool {
        self.opening.on_timeout == OnTimeout::Allow
            && self.denial().is_none()
            && grant.at == self.opening.decide_by
            && grant.claim_by == grant.at.plus(self.opening.claim_within)
            && self.merged_conditions().is_ok_and(|conditions| conditions == grant.conditions)
    }

    fn justifies_denial(&self, cause: &Denial) -> bool {
        match cause {
            Denial::Reviewer(person) => self.denial().is_some_and(|vote| vote.person() == person),
            Denial::Contradiction(kind) => self.merged_conditions() == Err(Contradiction(*kind)),
        }
    }

    /// The tightest of the policy's and of all approving voters' conditions.
    pub(super) fn merged_conditions(&self) -> Result<Vec<Condition>, Contradiction> {
        let attached = self.votes.iter().flat_map(|vote| vote.statement.choice.conditions());
        let all: Vec<Condition> = self.opening.conditions.iter().chain(attached).cloned().collect();
        tightest(&all)
    }
}
