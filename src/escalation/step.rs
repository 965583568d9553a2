//! The steps of an escalation: what may happen to it now, as events to be recorded; nothing changes before they are.

use super::event::{Cast, Denial, Event, Grant, Opening, Seated};
use super::fold::CourseError;
use super::ladder::OnTimeout;
use super::refusal::{TransitionError, VoteRefusal};
use super::requirement::{Filled, Membership, Standing};
use super::state::{Case, Escalation, Pending};
use super::vote::{CLOCK_SKEW, Choice, Statement, VerifiedVote};
use crate::condition::{Condition, Contradiction};
use crate::moment::Moment;
use crate::party::AgentId;
use crate::token::Assurance;

/// How many refused votes of one escalation are recorded; further ones are refused all the same.
pub const MAX_REFUSALS: usize = 64;

/// What to record, and what to answer. The events may be there even if the answer is no: a deadline that was found
/// to have passed, a vote that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing has happened before the events are recorded"]
pub struct Step<T, E> {
    /// What happened, in order: recorded together or not at all.
    pub events: Vec<Event>,
    /// The answer, to be given once the events are recorded.
    pub result: Result<T, E>,
}

/// A vote as it is brought to an escalation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ballot {
    /// Signed by the reviewer's own key.
    Signed(Box<VerifiedVote>),
    /// A statement that the desk itself vouches for.
    Attested(Box<Statement>, Attestation),
}

/// How the desk knows who made a statement that is not signed. It can never say `signed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// A click in a chat or a mail.
    Channel,
    /// Signed in, by OIDC or a passkey.
    Session,
}

impl Ballot {
    /// What the reviewer stated.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        match self {
            Self::Signed(vote) => vote.statement(),
            Self::Attested(statement, _) => statement,
        }
    }

    /// How surely the reviewer is known.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        match self {
            Self::Signed(_) => Assurance::Signed,
            Self::Attested(_, Attestation::Session) => Assurance::Session,
            Self::Attested(_, Attestation::Channel) => Assurance::Channel,
        }
    }

    fn cast(&self, at: Moment) -> Cast {
        let signature = match self {
            Self::Signed(vote) => Some(vote.signed().signature.clone()),
            Self::Attested(..) => None,
        };
        Cast { at, statement: self.statement().clone(), assurance: self.assurance(), signature }
    }
}

/// What came of a vote that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// So many more people must agree.
    Missing(usize),
    /// Enough have agreed.
    Approved,
    /// It is denied.
    Denied,
    /// The vote counts, but nobody can complete it any more.
    Blocked,
}

impl Escalation {
    /// Opens an escalation, or blocks it at once where nobody could ever approve it.
    #[must_use]
    pub fn open(opening: Opening, membership: &dyn Membership) -> Vec<Event> {
        let at = opening.opened_at;
        let case = Case::new(Box::new(opening.clone()));
        let mut reasons = Vec::new();
        if let Err(Contradiction(kind)) = case.merged_conditions() {
            reasons.push(format!("the policy's conditions `{kind}` contradict each other"));
        }
        for condition in &opening.conditions {
            if !opening.enforceable.contains(&condition.kind()) {
                reasons.push(VoteRefusal::ConditionNotEnforced(condition.kind()).to_string());
            }
        }
        if case.standing(membership, at) == Standing::Impossible {
            reasons.push(nobody_can(&case));
        }
        let mut events = vec![Event::Opened(Box::new(opening))];
        if !reasons.is_empty() {
            events.push(Event::Blocked { at, reasons });
        }
        events
    }

    /// What has happened by itself until now and must be recorded before anything else: a deadline that passed.
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<Event> {
        match self {
            Self::Pending(Pending { case }) => {
                // A denial ends it even if the event that says so was never written.
                if let Some(denial) = case.denial() {
                    return Some(Event::Denied {
                        at: denial.at,
                        cause: Denial::Reviewer(denial.person().clone()),
                    });
                }
                let decide_by = case.opening.decide_by;
                (now >= decide_by).then(|| case.timeout(decide_by))
            }
            Self::Approved(approved) => {
                let claim_by = approved.grant.claim_by;
                (now >= claim_by).then_some(Event::Lapsed { at: claim_by })
            }
            Self::Denied(_)
            | Self::Expired(_)
            | Self::Cancelled(_)
            | Self::Blocked(_)
            | Self::Claimed(_)
            | Self::Lapsed(_) => None,
        }
    }

    /// Brings a vote. Whether the reviewer may vote is judged by the roster of this moment, earlier voters included.
    pub fn vote(
        &self,
        ballot: &Ballot,
        membership: &dyn Membership,
        now: Moment,
    ) -> Step<Counted, VoteRefusal> {
        let mut events: Vec<Event> = self.due(now).into_iter().collect();
        match self.judge(ballot, membership, now) {
            Ok(case) => {
                let (outcome, more) = case.count(ballot.cast(now), membership, now);
                events.extend(more);
                Step { events, result: Ok(outcome) }
            }
            Err(refusal) => {
                if self.case().records_refusals() {
                    let statement = ballot.statement();
                    let (person, vote) = (statement.reviewer.clone(), statement.digest());
                    events.push(Event::VoteRefused { at: now, person, vote, refusal });
                }
                Step { events, result: Err(refusal) }
            }
        }
    }

    /// Whether a vote counts; the case that it counts for.
    fn judge(&self, ballot: &Ballot, membership: &dyn Membership, now: Moment) -> Result<&Case, VoteRefusal> {
        let statement = ballot.statement();
        let (person, opening) = (&statement.reviewer, self.case().opening());
        let require = |holds: bool, refusal| if holds { Ok(()) } else { Err(refusal) };
        require(statement.escalation == opening.id, VoteRefusal::OtherEscalation)?;
        let Self::Pending(Pending { case }) = self else {
            return Err(VoteRefusal::Resolved(self.recorded_status()));
        };
        match self.due(now) {
            Some(Event::Expired { .. }) => return Err(VoteRefusal::Late),
            Some(_) => return Err(VoteRefusal::Resolved(self.status(now))),
            None => {}
        }
        require(statement.operation == opening.operation, VoteRefusal::OtherOperation)?;
        require(statement.shown == opening.shown, VoteRefusal::OtherRendering)?;
        require(statement.policy == opening.policy, VoteRefusal::OtherPolicy)?;
        let known_as = |name: &str| membership.known_as(name);
        require(!case.is_requester(person, &known_as), VoteRefusal::Requester)?;
        require(!case.is_beneficiary(person, &known_as), VoteRefusal::OnBehalfOf)?;
        let requirement = case.requirement_at(now);
        let needed = requirement.assurance_for(person, membership).ok_or(VoteRefusal::NotInPool)?;
        require(!case.has_voted(person), VoteRefusal::AlreadyVoted)?;
        let in_time =
            statement.time >= opening.opened_at.minus(CLOCK_SKEW) && statement.time <= now.plus(CLOCK_SKEW);
        require(in_time, VoteRefusal::WrongTime)?;
        match &statement.choice {
            // A no is a no, however surely its speaker is known: doubt about it is still doubt.
            Choice::Deny => {}
            Choice::Approve(conditions) => {
                require(now >= opening.opened_at.plus(opening.min_review), VoteRefusal::TooSoon)?;
                require(ballot.assurance() >= needed, VoteRefusal::InsufficientAssurance)?;
                for condition in conditions.as_slice() {
                    let kind = condition.kind();
                    require(opening.enforceable.contains(&kind), VoteRefusal::ConditionNotEnforced(kind))?;
                }
            }
        }
        Ok(case)
    }

    /// Withdraws a pending escalation; only the agent that asks can.
    pub fn cancel(&self, by: &AgentId, reason: &str, now: Moment) -> Step<(), TransitionError> {
        let events: Vec<Event> = self.due(now).into_iter().collect();
        if *by != self.case().opening.agent {
            return Step { events, result: Err(TransitionError::NotTheRequester) };
        }
        if matches!(self, Self::Pending(_)) && events.is_empty() {
            let cancelled = Event::Cancelled { at: now, by: by.clone(), reason: reason.to_owned() };
            return Step { events: vec![cancelled], result: Ok(()) };
        }
        Step { events, result: Err(TransitionError::Over(self.status(now))) }
    }

    /// Turns an approval into authority, once.
    pub fn claim(&self, now: Moment) -> Step<Grant, TransitionError> {
        match (self, self.due(now)) {
            (Self::Approved(approved), None) => {
                Step { events: vec![Event::Claimed { at: now }], result: Ok((*approved.grant).clone()) }
            }
            (_, due) => {
                let error = TransitionError::NotApproved(self.status(now));
                Step { events: due.into_iter().collect(), result: Err(error) }
            }
        }
    }

    /// Ends an escalation that may not be carried out any more, pending or approved.
    pub fn block(&self, reasons: Vec<String>, now: Moment) -> Step<(), TransitionError> {
        match (self, self.due(now)) {
            (Self::Pending(_) | Self::Approved(_), None) => {
                Step { events: vec![Event::Blocked { at: now, reasons }], result: Ok(()) }
            }
            (_, due) => {
                let error = TransitionError::Over(self.status(now));
                Step { events: due.into_iter().collect(), result: Err(error) }
            }
        }
    }

    /// What the time and a changed roster mean for it: a deadline that passed, a stage that began under which those
    /// who agreed are enough, or that nobody can complete it any more.
    #[must_use]
    pub fn reconsider(&self, membership: &dyn Membership, now: Moment) -> Option<Event> {
        if let Some(due) = self.due(now) {
            return Some(due);
        }
        let Self::Pending(Pending { case }) = self else { return None };
        match case.standing(membership, now) {
            Standing::Missing(_) => None,
            Standing::Impossible => Some(Event::Blocked { at: now, reasons: vec![nobody_can(case)] }),
            // A stage has begun under which those who agreed are enough.
            Standing::Met(filled) => {
                let conditions = case.merged_conditions().ok()?;
                Some(case.approved(&filled, conditions, now))
            }
        }
    }

    /// The escalation after these events.
    ///
    /// # Errors
    /// [`CourseError`] if they can't follow; never for the events of a [`Step`] of this very escalation.
    pub fn after(self, events: &[Event]) -> Result<Self, CourseError> {
        events.iter().try_fold(self, Self::apply)
    }
}

fn nobody_can(case: &Case) -> String {
    format!("nobody can complete the requirement any more: {}", case.opening.requirement)
}

impl Case {
    /// Counts a vote that was judged to count.
    fn count(&self, vote: Cast, membership: &dyn Membership, now: Moment) -> (Counted, Vec<Event>) {
        let mut case = self.clone();
        case.votes.push(vote.clone());
        let (outcome, resolution) = case.resolve(&vote, membership, now);
        let voted = Event::Voted(Box::new(vote));
        (outcome, core::iter::once(voted).chain(resolution).collect())
    }

    fn resolve(&self, vote: &Cast, membership: &dyn Membership, now: Moment) -> (Counted, Option<Event>) {
        if !vote.approves() {
            let cause = Denial::Reviewer(vote.person().clone());
            return (Counted::Denied, Some(Event::Denied { at: now, cause }));
        }
        let conditions = match self.merged_conditions() {
            Ok(conditions) => conditions,
            Err(Contradiction(kind)) => {
                let cause = Denial::Contradiction(kind);
                return (Counted::Denied, Some(Event::Denied { at: now, cause }));
            }
        };
        match self.standing(membership, now) {
            Standing::Missing(people) => (Counted::Missing(people), None),
            Standing::Impossible => {
                (Counted::Blocked, Some(Event::Blocked { at: now, reasons: vec![nobody_can(self)] }))
            }
            Standing::Met(filled) => (Counted::Approved, Some(self.approved(&filled, conditions, now))),
        }
    }

    fn approved(&self, filled: &[Filled], conditions: Vec<Condition>, at: Moment) -> Event {
        let seated = filled.iter().filter_map(|filled| self.seated(filled)).collect();
        let claim_by = at.plus(self.opening.claim_within);
        Event::Approved(Box::new(Grant { at, claim_by, seated, conditions }))
    }

    /// What happens because nobody decided until `at`.
    fn timeout(&self, at: Moment) -> Event {
        match (self.opening.on_timeout, self.merged_conditions()) {
            (OnTimeout::Allow, Ok(conditions)) => self.approved(&[], conditions, at),
            (OnTimeout::Deny, _) | (OnTimeout::Allow, Err(_)) => Event::Expired { at },
        }
    }

    fn seated(&self, filled: &Filled) -> Option<Seated> {
        let vote = self.votes.iter().find(|vote| *vote.person() == filled.person)?;
        Some(Seated {
            person: filled.person.clone(),
            seat: filled.seat.clone(),
            at: vote.statement.time,
            assurance: vote.assurance,
            vote: vote.statement.digest(),
        })
    }
}
