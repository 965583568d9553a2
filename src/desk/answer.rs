//! Answers that come from elsewhere than the console: from a chat, from a link in a mail, from a program.
//!
//! Who gives them is known by the channel and no more surely, so that they count where a rule takes that. What they say
//! is bound to what was shown there. Where a rule wants more, the answer is no vote but an intent: it leads to the page
//! where the same person is known surely enough.

use super::links::Offered;
use super::local::LocalDesk;
use super::{Desk as _, DeskError, Docket, VoteRefused};
use crate::entropy::{Entropy, NoEntropy};
use crate::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement};
use crate::escalation::{Attestation, Ballot, VoteRefusal};
use crate::party::PersonId;
use core::fmt;

/// What somebody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who; the channel knows them by an account that the roster has for them.
    pub person: PersonId,
    /// What they answer, and what was shown to them.
    pub offered: Offered,
    /// Why.
    pub reason: Reason,
}

/// Why an answer is no vote.
#[derive(Clone, Debug, PartialEq)]
pub enum NotAnswered {
    /// It is not counted.
    Refused(VoteRefused),
    /// The rule wants them known more surely: this is the page where they are.
    StepUp,
    /// There was no randomness for a statement.
    NoEntropy,
}

impl fmt::Display for NotAnswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::StepUp => f.write_str("this asks to know you more surely: open it and sign in"),
            Self::NoEntropy => NoEntropy.fmt(f),
        }
    }
}

impl std::error::Error for NotAnswered {}

impl From<VoteRefused> for NotAnswered {
    fn from(refused: VoteRefused) -> Self {
        match refused {
            VoteRefused::Refused(VoteRefusal::InsufficientAssurance) => Self::StepUp,
            VoteRefused::Desk(_)
            | VoteRefused::Vote(_)
            | VoteRefused::NotTheirs
            | VoteRefused::Refused(_)
            | VoteRefused::Careless(_) => Self::Refused(refused),
        }
    }
}

impl From<DeskError> for NotAnswered {
    fn from(error: DeskError) -> Self {
        Self::Refused(VoteRefused::Desk(error))
    }
}

/// Where a chat asks for a reason only after a button was pressed, this stands for it until then.
const PRESSED: &str = "a button was pressed";

impl LocalDesk {
    /// Takes an answer as a vote.
    ///
    /// # Errors
    /// [`NotAnswered`]: why it is none.
    pub async fn answer(&self, answer: Answer, entropy: &dyn Entropy) -> Result<Docket, NotAnswered> {
        let id = answer.offered.escalation;
        let docket = self.docket(id).await?;
        let ballot = self.ballot(&docket, answer, entropy)?;
        Ok(self.bring(id, &ballot).await?)
    }

    /// Whether an answer of this person would count, before they say why. A refusal that no reason mends, because they
    /// ask themselves or may not vote here at all, is recorded as any vote of theirs would be.
    ///
    /// # Errors
    /// [`NotAnswered`]: why it would not.
    pub async fn would_count(
        &self,
        person: &PersonId,
        offered: Offered,
        entropy: &dyn Entropy,
    ) -> Result<(), NotAnswered> {
        let docket = self.docket(offered.escalation).await?;
        let reason = Reason::new(PRESSED).map_err(|_| NotAnswered::NoEntropy)?;
        let ballot = self.ballot(&docket, Answer { person: person.clone(), offered, reason }, entropy)?;
        let here = self.here();
        let here = here.attendance();
        let flags = self.flags(&docket.escalation, &ballot, &here);
        let Err(refusal) = docket.escalation.vote(&ballot, &flags, &here, here.at()).result else {
            return Ok(());
        };
        match refusal {
            // They are about to have it before them once more.
            VoteRefusal::Careless => Ok(()),
            VoteRefusal::Requester
            | VoteRefusal::OnBehalfOf
            | VoteRefusal::NotInPool
            | VoteRefusal::Excluded(_) => {
                Err(self.bring(offered.escalation, &ballot).await.map_or_else(NotAnswered::from, |_| {
                    // Between the two looks the roster has changed in their favour: they may press again.
                    NotAnswered::Refused(VoteRefused::Refused(refusal))
                }))
            }
            VoteRefusal::OtherEscalation
            | VoteRefusal::OtherOperation
            | VoteRefusal::OtherRendering
            | VoteRefusal::OtherPolicy
            | VoteRefusal::Late
            | VoteRefusal::Resolved(_)
            | VoteRefusal::WrongTime
            | VoteRefusal::TooSoon
            | VoteRefusal::AlreadyVoted
            | VoteRefusal::Conflicting
            | VoteRefusal::Replayed
            | VoteRefusal::NothingToWithdraw
            | VoteRefusal::TooOften
            | VoteRefusal::Amended
            | VoteRefusal::NoBreakGlass
            | VoteRefusal::InsufficientAssurance
            | VoteRefusal::ConditionNotEnforced(_) => Err(VoteRefused::Refused(refusal).into()),
        }
    }

    fn ballot(&self, docket: &Docket, answer: Answer, entropy: &dyn Entropy) -> Result<Ballot, NotAnswered> {
        let Answer { person, offered, reason } = answer;
        let opening = docket.escalation.case().opening();
        let nonce = entropy.bits128().map_err(|NoEntropy| NotAnswered::NoEntropy)?;
        let statement = Statement {
            escalation: offered.escalation,
            operation: opening.operation,
            // What they saw, whatever is shown now: another rendering is another question.
            shown: offered.shown,
            policy: opening.policy,
            choice: match offered.approves {
                true => Choice::Approve(Conditions::default()),
                false => Choice::Deny,
            },
            reason,
            reviewer: person,
            time: self.now(),
            nonce: Nonce::from_random(nonce),
        };
        Ok(Ballot::Attested(Box::new(statement), Attestation::Channel))
    }
}
