//! The conduct of an escalation around its votes: who is asked, who has looked, who proposes another operation
//! instead, and who reviews an emergency afterwards.

use super::diligence::Sight;
use super::event::{Amendment, Event, Opening, Review, Widening};
use super::refusal::{TransitionError, VoteRefusal};
use super::requirement::Membership;
use super::state::{Cancelled, Claimed, Escalation, Pending};
use super::step::Step;
use super::vote::Choice;
use crate::condition::Condition;
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId};

impl Escalation {
    /// Asks these people, and widens it first if too few of those who could decide are there; what changes nothing is
    /// not recorded.
    #[must_use]
    pub fn ask(&self, people: &[PersonId], now: Moment) -> Option<Event> {
        let Self::Pending(Pending { case }) = self else { return None };
        let people: Vec<_> = people.iter().filter(|person| !case.was_asked(person)).cloned().collect();
        (!people.is_empty() && self.due(now).is_none()).then_some(Event::Asked { at: now, people })
    }

    /// Begins the next stage, or the escalation pool, before its time, because too few of those before it are there.
    #[must_use]
    pub fn widen(&self, now: Moment) -> Option<Event> {
        let Self::Pending(Pending { case }) = self else { return None };
        let more = case.stage(now) < case.stages() && case.amendment.is_none() && self.due(now).is_none();
        more.then_some(Event::Widened { at: now, cause: Widening::NobodyAvailable })
    }

    /// Somebody has it before them; recorded the first time, while it is pending, for those who may vote on it.
    #[must_use]
    pub fn seen(
        &self,
        person: &PersonId,
        what: Sight,
        membership: &dyn Membership,
        now: Moment,
    ) -> Option<Event> {
        let case = self.pending(now).ok()?;
        let new = !case.attention_of(person).has(what);
        let may = case.was_asked(person) || case.eligible(membership, now).contains(person);
        (new && may).then(|| Event::Seen { at: now, person: person.clone(), what })
    }

    /// Passes it on from somebody who was asked to somebody else. That changes who is asked, not who may vote.
    pub fn reassign(
        &self,
        from: &PersonId,
        to: &PersonId,
        membership: &dyn Membership,
        now: Moment,
    ) -> Step<(), TransitionError> {
        let Ok(case) = self.pending(now) else { return self.over(now) };
        let refuse = |error| Step { events: Vec::new(), result: Err(error) };
        if !case.was_asked(from) {
            return refuse(TransitionError::NotAsked);
        }
        // Each is asked once: two who pass it to and fro would fill the log.
        if case.attention_of(to).asked_at.is_some() {
            return refuse(TransitionError::AskedBefore);
        }
        if !case.eligible(membership, now).contains(to) {
            let why = case.barred(to, membership).unwrap_or(VoteRefusal::NotInPool);
            return refuse(TransitionError::NotEligible(why));
        }
        let event = Event::Reassigned { at: now, from: from.clone(), to: to.clone() };
        Step { events: vec![event], result: Ok(()) }
    }

    /// Proposes a changed operation instead, with the reviewer's vote for it. From then on nobody approves this one.
    pub fn amend(
        &self,
        amendment: Amendment,
        membership: &dyn Membership,
        now: Moment,
    ) -> Step<(), TransitionError> {
        let Ok(case) = self.pending(now) else { return self.over(now) };
        let statement = &amendment.vote.statement;
        let enforced = |condition: &&Condition| case.opening.enforceable.contains(&condition.kind());
        let foreign = statement.choice.conditions().iter().find(|condition| !enforced(condition));
        let admitted = case.admits(&statement.reviewer, &statement.choice, membership, now);
        let error = match admitted {
            _ if case.amendment.is_some() => Some(TransitionError::AmendedAlready),
            _ if case.has_voted(&statement.reviewer) => {
                Some(TransitionError::NotEligible(VoteRefusal::AlreadyVoted))
            }
            Err(refusal) => Some(TransitionError::NotEligible(refusal)),
            Ok(needed) if amendment.vote.assurance < needed => {
                Some(TransitionError::NotEligible(VoteRefusal::InsufficientAssurance))
            }
            Ok(_) if !amends(&amendment, &case.opening) => {
                Some(TransitionError::NotEligible(VoteRefusal::OtherOperation))
            }
            // The agent would take it, and the vote for it would not count.
            Ok(_) => foreign.map(|condition| {
                TransitionError::NotEligible(VoteRefusal::ConditionNotEnforced(condition.kind()))
            }),
        };
        match error {
            Some(error) => Step { events: Vec::new(), result: Err(error) },
            None => Step { events: vec![Event::Amended(Box::new(amendment))], result: Ok(()) },
        }
    }

    /// Ends it because the agent has taken the changed operation instead.
    pub fn accept(&self, by: &AgentId, now: Moment) -> Step<EscalationId, TransitionError> {
        let refuse = |error| Step { events: Vec::new(), result: Err(error) };
        if *by != self.case().opening.agent {
            return refuse(TransitionError::NotTheRequester);
        }
        if let Self::Cancelled(Cancelled { successor: Some(successor), .. }) = self {
            return Step { events: Vec::new(), result: Ok(*successor) };
        }
        let Ok(case) = self.pending(now) else { return self.over(now) };
        let Some(amendment) = &case.amendment else { return refuse(TransitionError::NotAmended) };
        let successor = amendment.successor();
        let reason = "the agent accepted a changed operation".to_owned();
        let event = Event::Cancelled { at: now, by: by.clone(), reason, successor: Some(successor) };
        Step { events: vec![event], result: Ok(successor) }
    }

    /// Whether this person has to review an emergency approval, or somebody else like them.
    #[must_use]
    pub fn awaits_review_by(&self, person: &PersonId, membership: &dyn Membership) -> bool {
        let (Some(_), Some(emergency)) = (self.review_due(), &self.case().opening().terms.break_glass) else {
            return false;
        };
        emergency.review.admits(person, membership)
            && !self.case().has_agreed(person)
            && self.case().barred(person, membership).is_none()
    }

    /// Reviews an emergency approval afterwards.
    pub fn review(&self, review: Review, membership: &dyn Membership) -> Step<(), TransitionError> {
        let refuse = |error| Step { events: Vec::new(), result: Err(error) };
        let (Self::Claimed(Claimed { case, .. }), Some(_)) = (self, self.review_due()) else {
            return refuse(TransitionError::NoReviewDue);
        };
        let Some(emergency) = &case.opening.terms.break_glass else {
            return refuse(TransitionError::NoReviewDue);
        };
        if case.has_agreed(&review.by) {
            return refuse(TransitionError::OwnEmergency);
        }
        let refusal = match emergency.review.assurance_for(&review.by, membership) {
            None => Some(VoteRefusal::NotInPool),
            Some(_) if case.barred(&review.by, membership).is_some() => case.barred(&review.by, membership),
            Some(needed) if review.assurance < needed => Some(VoteRefusal::InsufficientAssurance),
            Some(_) => None,
        };
        match refusal {
            Some(refusal) => refuse(TransitionError::NotEligible(refusal)),
            None => Step { events: vec![Event::Reviewed(Box::new(review))], result: Ok(()) },
        }
    }

    fn over<T>(&self, now: Moment) -> Step<T, TransitionError> {
        let events = self.due(now).into_iter().collect();
        Step { events, result: Err(TransitionError::Over(self.status(now))) }
    }
}

/// Whether the reviewer's vote approves just this change of just this operation.
pub(super) fn amends(amendment: &Amendment, opening: &Opening) -> bool {
    let statement = &amendment.vote.statement;
    let approves = matches!(statement.choice, Choice::Approve(_));
    let here = statement.escalation == Amendment::successor_of(opening.id, statement.operation);
    approves && here && statement.operation != opening.operation
}
