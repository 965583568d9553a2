//! The courses of escalations, each event judged as the state machine would have judged it then.

use super::Auditor;
use super::decisions::Kind;
use super::findings::Findings;
use super::steps::{check_opening, check_time, why_not};
use crate::digest::OperationDigest;
use crate::escalation::vote::{self, SignedVote, VerifiedVote, VoteError};
use crate::escalation::{
    Amendment, Attestation, Ballot, Cast, Denial, Escalation, Event as Step, Opening, Status, Widening,
};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{EscalationId, PersonId, TxnId};
use crate::token::Assurance;
use std::collections::HashMap;

/// An escalation that something may still happen to.
struct Open {
    txn: TxnId,
    state: Escalation,
}

/// A changed operation that was proposed, under the id that its own escalation will have.
struct Offer {
    original: EscalationId,
    by: PersonId,
    since: Moment,
    operation: OperationDigest,
}

#[derive(Default)]
pub(super) struct Courses {
    open: HashMap<EscalationId, Open>,
    over: HashMap<EscalationId, Status>,
    offers: HashMap<EscalationId, Offer>,
}

impl Courses {
    pub(super) fn state(&self, id: EscalationId) -> Option<&Escalation> {
        self.open.get(&id).map(|open| &open.state)
    }

    /// Its token is minted: nothing more follows from it but the review of an emergency.
    pub(super) fn minted(&mut self, id: EscalationId) {
        if self.open.get(&id).is_some_and(|open| open.state.review_due().is_none()) {
            self.close(id);
        }
    }

    fn close(&mut self, id: EscalationId) -> Option<TxnId> {
        let open = self.open.remove(&id)?;
        self.over.insert(id, open.state.recorded_status());
        Some(open.txn)
    }

    /// What was due until the end of the record and did not happen.
    pub(super) fn end(&self, now: Moment, findings: &mut Findings) {
        let mut open: Vec<(&EscalationId, &Open)> = self.open.iter().collect();
        open.sort_unstable_by_key(|(id, _)| **id);
        for (id, open) in open {
            findings.about(open.txn);
            if let Some(due) = open.state.review_due() {
                let words = format!("the emergency approval `{id}` was not reviewed, which was due at {due}");
                match due < now {
                    true => findings.finding("emergency.unreviewed", words),
                    false => findings.note("emergency.review_due", words),
                }
            }
        }
    }
}

impl Auditor {
    /// Takes one step of an escalation. `whole` says whether nothing of it stands apart from the record.
    pub(super) fn step(
        &mut self,
        id: EscalationId,
        step: &Step,
        at: Moment,
        whole: bool,
        findings: &mut Findings,
    ) {
        check_time(step, at, findings);
        self.count(step);
        if let Step::Opened(opening) = step {
            return self.opened(id, opening, findings);
        }
        let Some(open) = self.courses.open.get(&id) else {
            return self.after_the_end(id, step, findings);
        };
        findings.about(open.txn);
        // What stands apart from the record can't be judged; what follows from it still is.
        if whole {
            self.judge(&open.state, step, findings);
        }
        if let Step::Amended(amendment) = step {
            self.offered(id, amendment, findings);
        }
        let Some(open) = self.courses.open.get_mut(&id) else { return };
        match open.state.clone().apply(step) {
            Ok(state) => open.state = state,
            Err(error) => {
                // What is wrong was said already, unless it is just that this can't follow.
                if findings.is_empty() {
                    findings.finding("escalation.impossible", error.to_string());
                }
                return;
            }
        }
        let minted_before = self.decisions.past(open.txn).is_some_and(|past| past.kind == Kind::Minted);
        // What is claimed is owed a token yet.
        let ended = open.state.recorded_status().is_over() && !matches!(open.state, Escalation::Claimed(_));
        if ended && let Some(txn) = self.courses.close(id) {
            self.decisions.over(txn, Kind::Denied, &mut self.names);
        } else if minted_before {
            self.courses.minted(id);
        }
    }

    const fn count(&mut self, step: &Step) {
        if matches!(step, Step::Opened(_)) {
            self.summary.escalations = self.summary.escalations.saturating_add(1);
        }
        if let Step::Voted(cast) = step {
            self.summary.votes = self.summary.votes.saturating_add(1);
            if cast.signature.is_some() {
                self.summary.signed = self.summary.signed.saturating_add(1);
            }
        }
    }

    fn after_the_end(&self, id: EscalationId, step: &Step, findings: &mut Findings) {
        match (self.courses.over.get(&id), step) {
            // Whose vote came too late is told so, and that is recorded.
            (Some(_), Step::VoteRefused { .. }) => {}
            (Some(Status::Denied), Step::Approved(_)) => {
                findings.finding("approval.after_denial", format!("`{id}` was denied before"));
            }
            (Some(status), Step::Approved(_)) => {
                findings.finding("approval.after_end", format!("`{id}` was {status} before"));
            }
            (Some(status), _) => {
                let words = format!("`{}` can't happen to `{id}`, which was {status} before", step.name());
                findings.finding("escalation.after_end", words);
            }
            (None, _) => {
                findings.finding(
                    "escalation.not_opened",
                    format!("`{}` of `{id}`, which was never opened", step.name()),
                );
            }
        }
    }

    fn opened(&mut self, id: EscalationId, opening: &Opening, findings: &mut Findings) {
        findings.about(opening.txn);
        if self.courses.open.contains_key(&id) || self.courses.over.contains_key(&id) {
            findings.finding("escalation.twice", format!("`{id}` was opened before"));
            return;
        }
        findings.require(opening.id == id, "escalation.other_opening", || {
            format!("the opening is of `{}`, and recorded as of `{id}`", opening.id)
        });
        if opening.drill {
            match self.decisions.drills.remove(&id) {
                Some((txn, proposal)) if txn == opening.txn => check_opening(opening, &proposal, findings),
                Some(_) | None => {
                    findings.finding("escalation.without_decision", "no such drill was announced before");
                }
            }
        } else {
            match self.decisions.awaited.get(&opening.txn) {
                None => {
                    findings.finding("escalation.without_decision", "no decision of this id asks people");
                }
                Some(awaited) => check_opening(opening, awaited, findings),
            }
        }
        if let Some(amends) = &opening.amends {
            let offer = self.courses.offers.remove(&id);
            let same = offer.is_some_and(|offer| {
                offer.original == amends.escalation
                    && offer.by == amends.by
                    && offer.since == amends.since
                    && offer.operation == opening.operation
            });
            findings.require(same, "escalation.other_change", || {
                format!("it takes the place of `{}`, where nobody proposed this change", amends.escalation)
            });
        }
        match Escalation::replay([&Step::Opened(Box::new(opening.clone()))]) {
            Ok(state) => {
                self.courses.open.insert(id, Open { txn: opening.txn, state });
            }
            Err(error) => findings.finding("escalation.impossible", error.to_string()),
        }
    }

    /// Whether the state machine would have let this happen, by the people and absences of that moment.
    fn judge(&self, state: &Escalation, step: &Step, findings: &mut Findings) {
        let here = |at: Moment, allows: &dyn Fn(&crate::reviewer::Attendance<'_>) -> bool| {
            self.documents.hold(at, |attendance| allows(attendance))
        };
        let follows = |at: Moment| here(at, &|people| state.reconsider(people, at).first() == Some(step));
        match step {
            Step::Voted(cast) | Step::Withdrawn(cast) => self.voted(state, cast, findings),
            Step::Approved(grant) => {
                if !follows(grant.at) {
                    let (code, words) = why_not(state, grant);
                    findings.finding(code, words);
                }
            }
            Step::Denied { at, cause } => {
                // Which conditions contradict each other the fold finds itself.
                let contradiction = matches!(cause, Denial::Contradiction(_));
                findings.require(contradiction || follows(*at), "escalation.denial", || {
                    "nobody who may denied it, and it is no drill that would have been approved".to_owned()
                });
            }
            Step::Expired { at } | Step::Lapsed { at } => {
                findings.require(follows(*at), "escalation.deadline", || {
                    format!("`{}` at {at}, which is not its deadline", step.name())
                });
            }
            Step::Widened { at, cause: Widening::NobodyCan } | Step::Reminded { at, .. } => {
                findings.require(follows(*at), "escalation.unfounded", || {
                    format!("nothing made `{}` happen", step.name())
                });
            }
            Step::Widened { at, cause: Widening::NobodyAvailable } => {
                let widens = state.widen(*at).as_ref() == Some(step);
                findings
                    .require(widens, "escalation.unfounded", || "it could not be widened then".to_owned());
            }
            Step::Reassigned { at, from, to } => {
                let may = here(*at, &|people| state.reassign(from, to, people, *at).result.is_ok());
                findings.require(may, "escalation.unfounded", || {
                    format!("`{from}` could not pass it on to `{to}`")
                });
            }
            Step::Seen { at, person, what } => {
                let may = here(*at, &|people| state.seen(person, *what, people, *at).is_some());
                findings.require(may, "escalation.unfounded", || {
                    format!("`{person}` may not decide it, or had it before them already")
                });
            }
            Step::Amended(amendment) => self.amended(state, amendment, findings),
            Step::Cancelled { at, by, reason, successor } => {
                let may = match successor {
                    None => state.cancel(by, reason, *at).result.is_ok(),
                    Some(successor) => state.accept(by, *at).result == Ok(*successor),
                };
                findings
                    .require(may, "escalation.cancelled", || format!("`{by}` could not withdraw it then"));
            }
            Step::Claimed { at, .. } => {
                let claimed = state.claim(*at);
                findings.require(
                    claimed.result.is_ok() && claimed.events.contains(step),
                    "escalation.claimed",
                    || format!("it was {} then, and nothing was to be claimed", state.status(*at)),
                );
            }
            Step::Blocked { at, reasons } => {
                let may = state.block(reasons.clone(), *at).result.is_ok();
                findings.require(may, "escalation.blocked", || format!("it was {} then", state.status(*at)));
            }
            Step::Reviewed(review) => {
                let may = here(review.at, &|people| state.review((**review).clone(), people).result.is_ok());
                findings.require(may, "emergency.review", || {
                    format!("`{}` could not review it then, or not known so surely", review.by)
                });
            }
            Step::Asked { at, people } => {
                let asks = state.ask(people, *at).as_ref() == Some(step);
                findings.require(asks, "escalation.unfounded", || {
                    "people were asked who had been asked before, or too late".to_owned()
                });
            }
            // Whose it was and why not changes nothing, and how many of them are recorded the fold counts.
            Step::VoteRefused { .. } | Step::Opened(_) => {}
        }
    }

    /// Whether a vote counts: for just this, by somebody who may, signed by their own key where it says so.
    fn voted(&self, state: &Escalation, cast: &Cast, findings: &mut Findings) {
        if !self.documents.know_people() {
            return;
        }
        let Some(ballot) = self.ballot(cast, findings) else { return };
        let refused = |people: &crate::reviewer::Attendance<'_>| {
            state.vote(&ballot, &cast.flags, people, cast.at).result.err()
        };
        if self.documents.hold(cast.at, |people| refused(people).is_none()) {
            return;
        }
        if let Some(refusal) = self.documents.with(cast.at, refused) {
            let words = format!("a vote of `{}` was counted although {refusal}", cast.person());
            findings.finding(refusal.code(), words);
        }
    }

    /// A recorded vote as it was brought.
    fn ballot(&self, cast: &Cast, findings: &mut Findings) -> Option<Ballot> {
        let statement = || Box::new(cast.statement.clone());
        match (cast.assurance, cast.signed()) {
            (Assurance::Signed, Some(signed)) => match self.verified(&signed, cast.at) {
                Ok(vote) => Some(Ballot::Signed(Box::new(vote))),
                Err(error) => {
                    let words =
                        format!("a vote in the name of `{}` is not signed by them: {error}", cast.person());
                    findings.finding("vote.not_signed", words);
                    None
                }
            },
            (Assurance::Session, None) => Some(Ballot::Attested(statement(), Attestation::Session)),
            (Assurance::Channel, None) => Some(Ballot::Attested(statement(), Attestation::Channel)),
            (Assurance::Signed, None) | (Assurance::Session | Assurance::Channel, Some(_)) => {
                let words = format!(
                    "a vote in the name of `{}` is said to be `{}`, and its signature says otherwise",
                    cast.person(),
                    cast.assurance
                );
                findings.finding("vote.not_signed", words);
                None
            }
        }
    }

    fn verified(&self, signed: &SignedVote, at: Moment) -> Result<VerifiedVote, VoteError> {
        let mut last = Err(VoteError::UnknownKey);
        for directory in self.documents.directories(at) {
            last = vote::verify(signed, directory);
            if last.is_ok() {
                break;
            }
        }
        last
    }

    fn amended(&self, state: &Escalation, amendment: &Amendment, findings: &mut Findings) {
        // Without its signature nobody stands behind it.
        if self.documents.know_people() && self.ballot(&amendment.vote, findings).is_none() {
            return;
        }
        let may = self
            .documents
            .hold(amendment.at, |people| state.amend(amendment.clone(), people, amendment.at).result.is_ok());
        findings.require(may, "escalation.amended", || {
            format!("`{}` could not propose this change then", amendment.vote.person())
        });
    }

    /// Remembers a changed operation under the id that its own escalation will have.
    fn offered(&mut self, id: EscalationId, amendment: &Amendment, findings: &mut Findings) {
        let operation = Operation::from_op_bytes(amendment.op.as_bytes()).map(|operation| operation.digest());
        let stated = amendment.vote.statement.operation;
        findings.require(operation.is_ok_and(|digest| digest == stated), "escalation.other_change", || {
            "the changed operation is not the one that the vote for it names".to_owned()
        });
        let Some(open) = self.courses.open.get(&id) else { return };
        let by = amendment.vote.person().clone();
        let since = open.state.case().opening().before(&by);
        self.courses
            .offers
            .insert(amendment.successor(), Offer { original: id, by, since, operation: stated });
    }
}
