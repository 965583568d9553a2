//! Voting: who says what about an escalation, in their own name.

use super::local::LocalDesk;
use super::port::over;
use super::sessions::Reviewer;
use super::{DeskError, Docket};
use crate::escalation::vote::{self, SignedVote, Statement, VerifiedVote, VoteError};
use crate::escalation::{
    Ballot, Cast, Counted, Escalation, Event as Happened, Flag, Review, Sight, Step, VoteRefusal,
};
use crate::party::{EscalationId, PersonId};
use crate::reviewer::{Attendance, Directory};
use core::convert::Infallible;
use core::fmt;
use std::sync::PoisonError;

/// Why a vote was not counted.
#[derive(Clone, Debug, PartialEq)]
pub enum VoteRefused {
    /// The desk could not take it.
    Desk(DeskError),
    /// It is not a vote of a reviewer.
    Vote(VoteError),
    /// It is unsigned, and names another person than the one who is signed in.
    NotTheirs,
    /// It is a reviewer's, and may not count; that is recorded.
    Refused(VoteRefusal),
    /// It is a reviewer's, made without the care that the rule asks for, and this is what was missing.
    Careless(Vec<Flag>),
}

impl fmt::Display for VoteRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Desk(error) => error.fmt(f),
            Self::Vote(error) => error.fmt(f),
            Self::NotTheirs => f.write_str(
                "the vote names somebody else than who is signed in; a vote of theirs needs their signature",
            ),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Careless(flags) => {
                let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
                write!(f, "{}: {}", VoteRefusal::Careless, flags.join("; "))
            }
        }
    }
}

impl std::error::Error for VoteRefused {}

impl VoteRefused {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Desk(_) => "vote.not_taken",
            Self::Vote(error) => error.code(),
            Self::NotTheirs => "vote.not_theirs",
            Self::Refused(refusal) => refusal.code(),
            Self::Careless(_) => VoteRefusal::Careless.code(),
        }
    }
}

impl LocalDesk {
    /// Takes a signed vote.
    ///
    /// # Errors
    /// [`VoteRefused`] by name if it does not count.
    pub async fn vote(&self, id: EscalationId, signed: SignedVote) -> Result<Docket, VoteRefused> {
        let ballot = self.signed_ballot(&signed)?;
        self.bring(id, &ballot).await
    }

    /// Takes the vote of somebody who is signed in, and does not sign it.
    ///
    /// # Errors
    /// [`VoteRefused`] by name if it does not count.
    pub async fn vote_unsigned(
        &self,
        id: EscalationId,
        statement: Statement,
        reviewer: &Reviewer,
    ) -> Result<Docket, VoteRefused> {
        self.bring(id, &attested(statement, reviewer)?).await
    }

    /// A signed vote as it is brought; a passkey's counter has risen.
    ///
    /// # Errors
    /// [`VoteRefused::Vote`] if it is not its reviewer's.
    pub fn signed_ballot(&self, signed: &SignedVote) -> Result<Ballot, VoteRefused> {
        let directory = self.roster.directory();
        let vote = vote::verify(signed, directory.as_ref()).map_err(VoteRefused::Vote)?;
        self.count_up(&vote).map_err(VoteRefused::Vote)?;
        Ok(Ballot::Signed(Box::new(vote)))
    }

    /// Takes a vote, however its reviewer is known.
    ///
    /// # Errors
    /// [`VoteRefused`] by name if it does not count.
    pub async fn bring(&self, id: EscalationId, ballot: &Ballot) -> Result<Docket, VoteRefused> {
        let judge = |escalation: &Escalation, here: &Attendance<'_>| {
            let flags = self.flags(escalation, ballot, here);
            let Step { events, result } = escalation.vote(ballot, &flags, here, here.at());
            let refused = |refusal| {
                let careless = refusal == VoteRefusal::Careless;
                if careless { VoteRefused::Careless(flags) } else { VoteRefused::Refused(refusal) }
            };
            Step { events, result: result.map_err(refused) }
        };
        let (docket, counted): (Docket, Result<Counted, VoteRefused>) =
            self.step(id, judge).await.map_err(VoteRefused::Desk)?;
        counted.map(|_| docket)
    }

    /// Notes that somebody who is signed in has it before them.
    ///
    /// # Errors
    /// [`DeskError`] if it could not be recorded.
    pub async fn seen(&self, id: EscalationId, person: &PersonId, what: &[Sight]) -> Result<(), DeskError> {
        let judge = |escalation: &Escalation, here: &Attendance<'_>| Step::<(), Infallible> {
            events: what
                .iter()
                .filter_map(|sight| escalation.seen(person, *sight, here, here.at()))
                .collect(),
            result: Ok(()),
        };
        self.step(id, judge).await.map(|_| ())
    }

    /// Passes an escalation that somebody was asked about on to somebody else who may decide it.
    ///
    /// # Errors
    /// [`DeskError::Refused`] if they were not asked, or the other may not vote.
    pub async fn pass_on(
        &self,
        id: EscalationId,
        from: &Reviewer,
        to: &PersonId,
    ) -> Result<Docket, DeskError> {
        let judge = |escalation: &Escalation, here: &Attendance<'_>| {
            escalation.reassign(from.person(), to, here, here.at())
        };
        let (docket, result) = self.step(id, judge).await?;
        result.map(|()| docket).map_err(over(id))
    }

    /// Reviews an emergency approval afterwards.
    ///
    /// # Errors
    /// [`DeskError::Refused`] if no review is due, or this person can't.
    pub async fn review_emergency(
        &self,
        id: EscalationId,
        by: &Reviewer,
        justified: bool,
        note: &str,
    ) -> Result<Docket, DeskError> {
        let judge = |escalation: &Escalation, here: &Attendance<'_>| {
            let review = Review {
                at: here.at(),
                by: by.person().clone(),
                assurance: by.assurance(),
                justified,
                note: note.to_owned(),
            };
            escalation.review(review, here)
        };
        let (docket, result) = self.step(id, judge).await?;
        result.map(|()| docket).map_err(over(id))
    }

    /// Refuses a passkey whose counter has not risen since it signed last: there may be two of it.
    fn count_up(&self, vote: &VerifiedVote) -> Result<(), VoteError> {
        let Some((credential, counter)) = vote.credential() else { return Ok(()) };
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, same)) = counters.get(credential) {
            // Whoever sends a vote a second time, because no answer came, is told what became of it.
            if *same == vote.digest() {
                return Ok(());
            }
            counter.check_after(*last).map_err(VoteError::Passkey)?;
        }
        counters.insert(credential.clone(), (counter, vote.digest()));
        Ok(())
    }

    /// Takes from the record what the counter of a passkey stood at.
    pub(super) fn recall_counter(&self, event: &Happened, directory: &Directory) {
        let Some(cast) = event.cast() else { return };
        if let Some(vote) = by_passkey(cast).and_then(|vote| vote::verify(&vote, directory).ok()) {
            let _ = self.count_up(&vote);
        }
    }
}

/// The vote, if a passkey signed it.
fn by_passkey(cast: &Cast) -> Option<SignedVote> {
    cast.signed().filter(SignedVote::is_by_passkey)
}

/// What somebody states who is signed in; it can be in nobody else's name.
///
/// # Errors
/// [`VoteRefused::NotTheirs`] if it names another person.
pub fn attested(statement: Statement, reviewer: &Reviewer) -> Result<Ballot, VoteRefused> {
    match statement.reviewer == *reviewer.person() {
        true => Ok(Ballot::Attested(Box::new(statement), reviewer.attestation())),
        false => Err(VoteRefused::NotTheirs),
    }
}
