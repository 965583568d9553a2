//! The fold: an escalation rebuilt from its events, refusing a course that could not have happened.

use super::case::Case;
use super::conduct::amends;
use super::diligence::OnPoor;
use super::event::{Amendment, Cast, Denial, Event, Grant};
use super::ladder::OnTimeout;
use super::refusal::VoteRefusal;
use super::state::{
    Approved, Blocked, Cancelled, Claimed, Denied, Escalation, Expired, Lapsed, Pending, Status,
};
use super::step::MAX_WITHDRAWALS;
use super::vote::Choice;
use crate::condition::{Condition, Contradiction, tightest};
use crate::party::PersonId;
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
            (Self::Pending(Pending { mut case }), Event::Voted(vote)) => {
                require(case.may_follow(vote))?;
                case.votes.push((**vote).clone());
                Ok(Self::Pending(Pending { case }))
            }
            (Self::Pending(Pending { mut case }), Event::Withdrawn(withdrawal)) => {
                require(case.may_take_back(withdrawal))?;
                case.take_back(withdrawal);
                Ok(Self::Pending(Pending { case }))
            }
            (Self::Pending(Pending { mut case }), Event::Amended(amendment)) => {
                require(case.may_be_amended_by(amendment))?;
                let void = core::mem::take(&mut case.votes);
                case.void.extend(void);
                case.amendment = Some(amendment.clone());
                Ok(Self::Pending(Pending { case }))
            }
            (Self::Pending(Pending { mut case }), Event::Widened { at, .. }) => {
                require(case.amendment.is_none() && case.stage(*at) < case.stages())?;
                case.widened = case.stage(*at) + 1;
                Ok(Self::Pending(Pending { case }))
            }
            (Self::Pending(Pending { mut case }), Event::Asked { at, people }) => {
                let stage = case.stage(*at);
                for person in people {
                    require(case.asked.insert(person.clone(), stage).is_none())?;
                    case.attention.entry(person.clone()).or_default().asked_at.get_or_insert(*at);
                }
                Ok(Self::Pending(Pending { case }))
            }
            (Self::Pending(Pending { mut case }), Event::Reassigned { at, from, to }) => {
                let stage = case.asked.remove(from).filter(|_| from != to).ok_or(inconsistent)?;
                case.asked.insert(to.clone(), stage);
                case.attention.entry(to.clone()).or_default().asked_at.get_or_insert(*at);
                Ok(Self::Pending(Pending { case }))
            }
            (Self::Pending(Pending { mut case }), Event::Reminded { tenths, .. }) => {
                require(*tenths > case.reminded)?;
                case.reminded = *tenths;
                Ok(Self::Pending(Pending { case }))
            }
            (Self::Pending(Pending { mut case }), Event::Seen { at, person, what }) => {
                let attention = case.attention.entry(person.clone()).or_default();
                require(!attention.has(*what))?;
                attention.note(*what, *at);
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
                require(*at >= case.opening.decide_by() && case.denial().is_none())?;
                Ok(Self::Expired(Expired { case, at: *at }))
            }
            (Self::Pending(Pending { case }), Event::Cancelled { at, by, reason, successor }) => {
                let offered = case.amendment.as_deref().map(Amendment::successor);
                require(*by == case.opening.agent && case.denial().is_none())?;
                require(successor.is_none() || *successor == offered)?;
                let (by, reason, successor) = (by.clone(), reason.clone(), *successor);
                Ok(Self::Cancelled(Cancelled { case, at: *at, by, reason, successor }))
            }
            (
                Self::Pending(Pending { case }) | Self::Approved(Approved { case, .. }),
                Event::Blocked { at, reasons },
            ) => {
                require(case.denial().is_none())?;
                Ok(Self::Blocked(Blocked { case, at: *at, reasons: reasons.clone() }))
            }
            (Self::Approved(Approved { case, grant }), Event::Claimed { at, review_by }) => {
                let emergency = case.opening.terms.break_glass.as_ref().filter(|_| grant.emergency);
                let due = emergency.map(|emergency| grant.at.plus(emergency.review_within));
                require(*at < grant.claim_by && *review_by == due)?;
                Ok(Self::Claimed(Claimed { case, grant, at: *at, review_by: due }))
            }
            (Self::Claimed(Claimed { mut case, grant, at, review_by }), Event::Reviewed(review)) => {
                require(review_by.is_some() && case.review.is_none())?;
                require(!case.has_agreed(&review.by) && !case.is_principal(&review.by))?;
                case.review = Some(review.clone());
                Ok(Self::Claimed(Claimed { case, grant, at, review_by }))
            }
            (Self::Approved(Approved { case, grant }), Event::Lapsed { at }) => {
                require(*at >= grant.claim_by)?;
                Ok(Self::Lapsed(Lapsed { case, grant, at: *at }))
            }
            // A refused vote changes nothing, whenever it came, but that its reviewer was told why.
            (mut any, Event::VoteRefused { person, refusal, .. }) => {
                let case = any.case_mut();
                require(case.records(*refusal, person))?;
                case.refusals += 1;
                if *refusal == VoteRefusal::Careless {
                    case.asked_again.insert(person.clone());
                }
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
    /// Whether a vote, or its withdrawal, is for just this.
    fn is_about_this(&self, vote: &Cast) -> bool {
        let (opening, statement) = (&self.opening, &vote.statement);
        statement.escalation == opening.id
            && statement.operation == opening.operation
            && statement.shown == opening.shown
            && statement.policy == opening.policy
            && vote.at < opening.decide_by()
            && vote.signature.is_some() == (vote.assurance == Assurance::Signed)
            && !self.is_spent(&statement.digest())
            && !self.is_principal(vote.person())
            && self.denial().is_none()
    }

    /// Whether this vote can have been counted. Whether the reviewer was in the pool, only the roster of that time
    /// could say.
    fn may_follow(&self, vote: &Cast) -> bool {
        let terms = &self.opening.terms;
        let choice = match &vote.statement.choice {
            Choice::Approve(_) => {
                let ask_again = terms.diligence.on_poor == OnPoor::AskAgain && !vote.flags.is_empty();
                vote.at >= self.counts_from(vote.person())
                    && self.amendment.is_none()
                    && (!ask_again || self.asked_again.contains(vote.person()))
            }
            Choice::BreakGlass(_) => terms.break_glass.is_some() && self.amendment.is_none(),
            Choice::Deny => vote.flags.is_empty(),
            Choice::Withdraw => false,
        };
        self.is_about_this(vote) && choice && !self.has_voted(vote.person())
    }

    fn may_take_back(&self, withdrawal: &Cast) -> bool {
        let person = withdrawal.person();
        let before = self.withdrawals.iter().filter(|(who, _)| who == person).count();
        self.is_about_this(withdrawal)
            && withdrawal.statement.choice == Choice::Withdraw
            && self.vote_of(person).is_some_and(|vote| vote.assurance <= withdrawal.assurance)
            && before < MAX_WITHDRAWALS
    }

    fn may_be_amended_by(&self, amendment: &Amendment) -> bool {
        let vote = &amendment.vote;
        self.amendment.is_none()
            && self.denial().is_none()
            && amends(amendment, &self.opening)
            && amendment.at < self.opening.decide_by()
            && vote.signature.is_some() == (vote.assurance == Assurance::Signed)
            && !self.has_voted(vote.person())
            && !self.is_principal(vote.person())
    }

    /// Whether this person asks or is acted for, by the names in the record alone.
    fn is_principal(&self, person: &PersonId) -> bool {
        let opening = &self.opening;
        opening.agent.as_str() == person.as_str()
            || opening.operators.contains(person)
            || opening.on_behalf_of.as_ref() == Some(person)
    }

    /// Whether this is what the votes grant: enough different people, each with their vote, and every condition.
    fn justifies(&self, grant: &Grant) -> bool {
        let holds = self.denial().is_none()
            && self.amendment.is_none()
            && !self.opening.drill
            && grant.claim_by == grant.at.plus(self.opening.terms.claim_within)
            && self.merged_conditions().is_ok_and(|conditions| conditions == grant.conditions);
        if grant.seated.is_empty() {
            return holds && self.may_run_undecided(grant);
        }
        let people: BTreeSet<_> = grant.seated.iter().map(|seated| &seated.person).collect();
        let each_voted = grant.seated.iter().all(|seated| {
            self.votes.iter().any(|vote| {
                let counts = match vote.statement.choice {
                    Choice::Approve(_) => !grant.emergency && self.counts(vote),
                    Choice::BreakGlass(_) => grant.emergency || self.counts(vote),
                    Choice::Deny | Choice::Withdraw => false,
                };
                counts
                    && *vote.person() == seated.person
                    && vote.assurance == seated.assurance
                    && vote.statement.digest() == seated.vote
                    && vote.statement.time == seated.at
            })
        });
        let least = match (grant.emergency, &self.opening.terms.break_glass) {
            (true, None) => None,
            (true, Some(emergency)) => Some(emergency.requirement.people()),
            (false, _) => self.requirement_at(grant.at).map(|requirement| requirement.people()),
        };
        holds
            && people.len() == grant.seated.len()
            && least.is_some_and(|least| people.len() >= least)
            && each_voted
            && grant.at < self.opening.decide_by()
    }

    /// Whether the policy lets it run because nobody decided in time.
    fn may_run_undecided(&self, grant: &Grant) -> bool {
        self.opening.terms.on_timeout == OnTimeout::Allow
            && !grant.emergency
            && self.is_undisputed()
            && grant.at == self.opening.decide_by()
    }

    fn justifies_denial(&self, cause: &Denial) -> bool {
        match cause {
            Denial::Reviewer(person) => self.denial().is_some_and(|vote| vote.person() == person),
            Denial::Contradiction(kind) => self.merged_conditions() == Err(Contradiction(*kind)),
            Denial::Drill => self.opening.drill,
        }
    }

    /// The tightest of the policy's and of all approving voters' conditions.
    pub(super) fn merged_conditions(&self) -> Result<Vec<Condition>, Contradiction> {
        let attached = self.votes.iter().flat_map(|vote| vote.statement.choice.conditions());
        let all: Vec<Condition> = self.opening.terms.conditions.iter().chain(attached).cloned().collect();
        tightest(&all)
    }
}
