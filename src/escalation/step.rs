//! The steps of an escalation: what may happen to it now, as events to be recorded; nothing changes before they are.

use super::case::Case;
use super::diligence::{Flag, OnPoor};
use super::event::{Cast, Denial, Event, Grant, Opening, Seated, Widening};
use super::fold::CourseError;
use super::ladder::OnTimeout;
use super::refusal::{TransitionError, VoteRefusal};
use super::requirement::{Filled, Membership, Standing};
use super::state::{Escalation, Pending};
use super::vote::{CLOCK_SKEW, Choice, Statement, VerifiedVote};
use crate::condition::{Condition, Contradiction};
use crate::moment::Moment;
use crate::party::AgentId;
use crate::token::Assurance;

/// How many refused votes of one escalation are recorded; further ones are refused all the same.
pub const MAX_REFUSALS: usize = 64;
/// How many votes one person may take back in one escalation.
pub const MAX_WITHDRAWALS: usize = 8;

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

    /// The vote as it is recorded, with what makes it a poor one.
    #[must_use]
    pub fn cast(&self, at: Moment, flags: &[Flag]) -> Cast {
        let signature = match self {
            Self::Signed(vote) => Some(vote.signed().signature.clone()),
            Self::Attested(..) => None,
        };
        // A denial is never a poor one: doubt needs no care.
        let flags = if self.statement().choice.approves() { flags.to_vec() } else { Vec::new() };
        Cast { at, statement: self.statement().clone(), assurance: self.assurance(), signature, flags }
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
    /// What the reviewer said before is taken back; so many people must agree.
    Withdrawn(usize),
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
        for condition in &opening.terms.conditions {
            if !opening.enforceable.contains(&condition.kind()) {
                reasons.push(VoteRefusal::ConditionNotEnforced(condition.kind()).to_string());
            }
        }
        let mut events = vec![Event::Opened(Box::new(opening))];
        match reasons.is_empty() {
            true => events.extend(case.settle(membership, at)),
            false => events.push(Event::Blocked { at, reasons }),
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
                let decide_by = case.opening.decide_by();
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
    /// `flags` is what makes it a poor one, which the desk finds out.
    pub fn vote(
        &self,
        ballot: &Ballot,
        flags: &[Flag],
        membership: &dyn Membership,
        now: Moment,
    ) -> Step<Counted, VoteRefusal> {
        let mut events: Vec<Event> = self.due(now).into_iter().collect();
        match self.judge(ballot, flags, membership, now) {
            Ok(case) => {
                let (outcome, more) = case.count(ballot.cast(now, flags), membership, now);
                events.extend(more);
                Step { events, result: Ok(outcome) }
            }
            Err(refusal) => {
                let statement = ballot.statement();
                if self.case().records(refusal, &statement.reviewer) {
                    let (person, vote) = (statement.reviewer.clone(), statement.digest());
                    let flags = if refusal == VoteRefusal::Careless { flags.to_vec() } else { Vec::new() };
                    events.push(Event::VoteRefused { at: now, person, vote, refusal, flags });
                }
                Step { events, result: Err(refusal) }
            }
        }
    }

    /// The case of an escalation that is pending at this moment.
    pub(super) fn pending(&self, now: Moment) -> Result<&Case, VoteRefusal> {
        let Self::Pending(Pending { case }) = self else {
            return Err(VoteRefusal::Resolved(self.recorded_status()));
        };
        match self.due(now) {
            Some(Event::Expired { .. }) => Err(VoteRefusal::Late),
            Some(_) => Err(VoteRefusal::Resolved(self.status(now))),
            None => Ok(case),
        }
    }

    /// Whether a vote counts; the case that it counts for.
    fn judge(
        &self,
        ballot: &Ballot,
        flags: &[Flag],
        membership: &dyn Membership,
        now: Moment,
    ) -> Result<&Case, VoteRefusal> {
        let statement = ballot.statement();
        let opening = self.case().opening();
        let require = |holds: bool, refusal| if holds { Ok(()) } else { Err(refusal) };
        require(statement.escalation == opening.id, VoteRefusal::OtherEscalation)?;
        let case = self.pending(now)?;
        require(statement.operation == opening.operation, VoteRefusal::OtherOperation)?;
        require(statement.shown == opening.shown, VoteRefusal::OtherRendering)?;
        require(statement.policy == opening.policy, VoteRefusal::OtherPolicy)?;
        let needed = case.admits(&statement.reviewer, &statement.choice, membership, now)?;
        case.may_follow_own(statement)?;
        let in_time = statement.time >= opening.before(&statement.reviewer).minus(CLOCK_SKEW)
            && statement.time <= now.plus(CLOCK_SKEW);
        require(in_time, VoteRefusal::WrongTime)?;
        match &statement.choice {
            // A no is a no, however surely its speaker is known: doubt about it is still doubt.
            Choice::Deny => {}
            // Nobody takes back what was said by someone who was known more surely.
            Choice::Withdraw => {
                let said = case.vote_of(&statement.reviewer).map(|vote| vote.assurance);
                require(said <= Some(ballot.assurance()), VoteRefusal::InsufficientAssurance)?;
            }
            Choice::Approve(_) | Choice::BreakGlass(_) => {
                require(case.amendment.is_none(), VoteRefusal::Amended)?;
                require(ballot.assurance() >= needed, VoteRefusal::InsufficientAssurance)?;
                for condition in statement.choice.conditions() {
                    let kind = condition.kind();
                    require(opening.enforceable.contains(&kind), VoteRefusal::ConditionNotEnforced(kind))?;
                }
            }
        }
        if let Choice::Approve(_) = &statement.choice {
            require(now >= case.counts_from(&statement.reviewer), VoteRefusal::TooSoon)?;
            let ask_again = opening.terms.diligence.on_poor == OnPoor::AskAgain
                && !flags.is_empty()
                && !case.asked_again.contains(&statement.reviewer);
            require(!ask_again, VoteRefusal::Careless)?;
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
            let (by, reason) = (by.clone(), reason.to_owned());
            let cancelled = Event::Cancelled { at: now, by, reason, successor: None };
            return Step { events: vec![cancelled], result: Ok(()) };
        }
        Step { events, result: Err(TransitionError::Over(self.status(now))) }
    }

    /// Turns an approval into authority, once.
    pub fn claim(&self, now: Moment) -> Step<Grant, TransitionError> {
        match (self, self.due(now)) {
            (Self::Approved(approved), None) => {
                let grant = (*approved.grant).clone();
                let emergency = approved.case.opening.terms.break_glass.as_ref().filter(|_| grant.emergency);
                let review_by = emergency.map(|emergency| grant.at.plus(emergency.review_within));
                Step { events: vec![Event::Claimed { at: now, review_by }], result: Ok(grant) }
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

    /// What the time and a changed roster mean for it: a deadline that passed, a stage under which those who agreed
    /// are enough, that nobody can complete it as it stands, or that people are to be reminded.
    #[must_use]
    pub fn reconsider(&self, membership: &dyn Membership, now: Moment) -> Vec<Event> {
        if let Some(due) = self.due(now) {
            return vec![due];
        }
        let Self::Pending(Pending { case }) = self else { return Vec::new() };
        let mut events = case.settle(membership, now);
        let open = !events.iter().any(|event| event.ends() || matches!(event, Event::Approved(_)));
        if let Some(tenths) = case.reminder_due(now).filter(|_| open) {
            events.push(Event::Reminded { at: now, tenths });
        }
        events
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
    format!("nobody can complete the requirement any more: {}", case.opening.terms.requirement)
}

impl Case {
    /// Whether this may follow what the same person has said before.
    fn may_follow_own(&self, statement: &Statement) -> Result<(), VoteRefusal> {
        let (person, before) = (&statement.reviewer, self.vote_of(&statement.reviewer));
        if self.is_spent(&statement.digest()) {
            return Err(VoteRefusal::Replayed);
        }
        match (before, &statement.choice) {
            (None, Choice::Withdraw) => Err(VoteRefusal::NothingToWithdraw),
            (Some(_), Choice::Withdraw) => {
                let taken_back = self.withdrawals.iter().filter(|(who, _)| who == person).count();
                if taken_back < MAX_WITHDRAWALS { Ok(()) } else { Err(VoteRefusal::TooOften) }
            }
            (None, Choice::Approve(_) | Choice::BreakGlass(_) | Choice::Deny) => Ok(()),
            (Some(before), choice) if before.statement.choice == *choice => Err(VoteRefusal::AlreadyVoted),
            (Some(before), choice) if before.approves() && choice.approves() => {
                Err(VoteRefusal::AlreadyVoted)
            }
            (Some(_), _) => Err(VoteRefusal::Conflicting),
        }
    }

    /// Counts a vote that was judged to count.
    fn count(&self, vote: Cast, membership: &dyn Membership, now: Moment) -> (Counted, Vec<Event>) {
        let mut case = self.clone();
        if vote.statement.choice == Choice::Withdraw {
            case.take_back(&vote);
            let mut events = vec![Event::Withdrawn(Box::new(vote))];
            events.extend(case.settle(membership, now));
            let missing = match case.standing(membership, now) {
                Standing::Missing(people) => people,
                Standing::Met(_) | Standing::Impossible => 0,
            };
            return (Counted::Withdrawn(missing), events);
        }
        case.votes.push(vote.clone());
        let (outcome, resolution) = case.resolve(&vote, membership, now);
        let voted = Event::Voted(Box::new(vote));
        (outcome, core::iter::once(voted).chain(resolution).collect())
    }

    /// What this person said before does not stand any more.
    pub(super) fn take_back(&mut self, withdrawal: &Cast) {
        let person = withdrawal.person().clone();
        let (gone, stand) = self.votes.drain(..).partition(|vote| *vote.person() == person);
        self.votes = stand;
        self.void.extend::<Vec<Cast>>(gone);
        self.withdrawals.push((person, withdrawal.statement.digest()));
    }

    fn resolve(&self, vote: &Cast, membership: &dyn Membership, now: Moment) -> (Counted, Vec<Event>) {
        if self.denial().is_some() {
            let cause = Denial::Reviewer(vote.person().clone());
            return (Counted::Denied, vec![Event::Denied { at: now, cause }]);
        }
        if let Err(Contradiction(kind)) = self.merged_conditions() {
            let cause = Denial::Contradiction(kind);
            return (Counted::Denied, vec![Event::Denied { at: now, cause }]);
        }
        let events = self.settle(membership, now);
        let outcome = match events.last() {
            Some(Event::Approved(_)) => Counted::Approved,
            Some(Event::Denied { .. }) => Counted::Denied,
            Some(Event::Blocked { .. }) => Counted::Blocked,
            Some(_) | None => match self.standing(membership, now) {
                Standing::Missing(people) => Counted::Missing(people),
                // Those who agreed are not enough before a stage that has just begun; or the drill goes on.
                Standing::Met(_) | Standing::Impossible => Counted::Missing(1),
            },
        };
        (outcome, events)
    }

    /// What follows from how it stands: that it is approved; that the next stage begins at once, where nobody of those
    /// before it can complete it; or that it is blocked, where nobody can at all.
    fn settle(&self, membership: &dyn Membership, now: Moment) -> Vec<Event> {
        if self.amendment.is_some() {
            return Vec::new();
        }
        let Ok(conditions) = self.merged_conditions() else { return Vec::new() };
        let mut case = self.clone();
        let mut events = Vec::new();
        loop {
            if let Some(Standing::Met(filled)) = case.emergency_standing(membership) {
                events.push(case.approved(&filled, conditions, true, now));
                return events;
            }
            match case.standing(membership, now) {
                Standing::Missing(_) => return events,
                Standing::Met(filled) => {
                    events.push(case.approved(&filled, conditions, false, now));
                    return events;
                }
                Standing::Impossible if case.stage(now) < case.stages() => {
                    case.widened = case.stage(now) + 1;
                    events.push(Event::Widened { at: now, cause: Widening::NobodyCan });
                }
                // An emergency may still be agreed to by others.
                Standing::Impossible
                    if matches!(case.emergency_standing(membership), Some(Standing::Missing(_))) =>
                {
                    return events;
                }
                Standing::Impossible => {
                    events.push(Event::Blocked { at: now, reasons: vec![nobody_can(&case)] });
                    return events;
                }
            }
        }
    }

    fn approved(&self, filled: &[Filled], conditions: Vec<Condition>, emergency: bool, at: Moment) -> Event {
        // What nobody may carry out nobody approves: by construction a drill never becomes a grant.
        if self.opening.drill {
            return Event::Denied { at, cause: Denial::Drill };
        }
        let seated = filled.iter().filter_map(|filled| self.seated(filled)).collect();
        let claim_by = at.plus(self.opening.terms.claim_within);
        Event::Approved(Box::new(Grant { at, claim_by, seated, conditions, emergency }))
    }

    /// What happens because nobody decided until `at`. Where somebody said no, waiting allows nothing, though it takes
    /// more of them to end it.
    fn timeout(&self, at: Moment) -> Event {
        let open = self.amendment.is_none() && !self.opening.drill && self.is_undisputed();
        match (self.opening.terms.on_timeout, self.merged_conditions()) {
            (OnTimeout::Allow, Ok(conditions)) if open => self.approved(&[], conditions, false, at),
            (OnTimeout::Deny | OnTimeout::Allow, _) => Event::Expired { at },
        }
    }

    fn seated(&self, filled: &Filled) -> Option<Seated> {
        let vote = self.vote_of(&filled.person)?;
        Some(Seated {
            person: filled.person.clone(),
            seat: filled.seat.clone(),
            at: vote.statement.time,
            assurance: vote.assurance,
            vote: vote.statement.digest(),
            standing_in_for: filled.standing_in_for.clone(),
        })
    }
}
