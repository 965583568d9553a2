//! Why a vote is not counted, and why an escalation does not take a step.

use super::event::kind;
use super::state::Status;
use super::terms::Exclusion;
use crate::condition::ConditionKind;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Why a vote is not counted. The vote may be genuine all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteRefusal {
    /// It states another escalation.
    OtherEscalation,
    /// It states another operation: an older version, or another one.
    OtherOperation,
    /// It states another rendering than the one that reviewers are shown.
    OtherRendering,
    /// It states another policy.
    OtherPolicy,
    /// It came after the deadline.
    Late,
    /// The escalation is over.
    Resolved(Status),
    /// Its time lies before the opening or in the future, by more than clocks may differ.
    WrongTime,
    /// It approves before anybody can have looked at it as long as the policy asks.
    TooSoon,
    /// The reviewer is who asks, or runs the agent that asks.
    Requester,
    /// The reviewer is whom the agent acts for.
    OnBehalfOf,
    /// The reviewer can fill none of the seats.
    NotInPool,
    /// The rule excludes the reviewer, who shares a team with those who ask, or manages them.
    Excluded(Exclusion),
    /// The reviewer has said the same before.
    AlreadyVoted,
    /// The reviewer has said something else before, and has not taken it back.
    Conflicting,
    /// This very statement was made and taken back.
    Replayed,
    /// The reviewer has said nothing that could be taken back.
    NothingToWithdraw,
    /// The reviewer has taken back too many votes here.
    TooOften,
    /// A changed operation was proposed instead, and waits for the agent.
    Amended,
    /// The rule knows no emergency.
    NoBreakGlass,
    /// It was made without the care that the rule asks for; the next one counts.
    Careless,
    /// The reviewer is not known surely enough for any seat that they could fill.
    InsufficientAssurance,
    /// A condition of this kind is not enforced by the executor, so it would be an empty promise.
    #[serde(with = "kind")]
    ConditionNotEnforced(ConditionKind),
}

impl VoteRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OtherEscalation => "vote.other_escalation",
            Self::OtherOperation => "vote.other_operation",
            Self::OtherRendering => "vote.other_rendering",
            Self::OtherPolicy => "vote.other_policy",
            Self::Late => "vote.late",
            Self::Resolved(_) => "vote.resolved",
            Self::WrongTime => "vote.wrong_time",
            Self::TooSoon => "vote.too_soon",
            Self::Requester => "vote.requester",
            Self::OnBehalfOf => "vote.on_behalf_of",
            Self::NotInPool => "vote.not_in_pool",
            Self::Excluded(_) => "vote.excluded",
            Self::AlreadyVoted => "vote.already_voted",
            Self::Conflicting => "vote.conflicting",
            Self::Replayed => "vote.replayed",
            Self::NothingToWithdraw => "vote.nothing_to_withdraw",
            Self::TooOften => "vote.too_often",
            Self::Amended => "vote.amended",
            Self::NoBreakGlass => "vote.no_break_glass",
            Self::Careless => "vote.careless",
            Self::InsufficientAssurance => "vote.insufficient_assurance",
            Self::ConditionNotEnforced(_) => "vote.condition_not_enforced",
        }
    }
}

impl fmt::Display for VoteRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherEscalation => f.write_str("the vote is for another escalation"),
            Self::OtherOperation => f.write_str("the vote is for another operation"),
            Self::OtherRendering => f.write_str("the vote is for another rendering of the operation"),
            Self::OtherPolicy => f.write_str("the vote is under another policy"),
            Self::Late => f.write_str("the deadline has passed"),
            Self::Resolved(status) => write!(f, "the escalation is already {status}"),
            Self::TooSoon => f.write_str(
                "the proposal has not been open as long as the policy asks; look at it and vote again",
            ),
            Self::WrongTime => f.write_str(
                "the vote's time is before the opening or in the future: check the reviewer's clock",
            ),
            Self::Requester => f.write_str("whoever asks can't vote"),
            Self::OnBehalfOf => f.write_str("whoever the agent acts for can't vote"),
            Self::NotInPool => f.write_str("this reviewer can fill none of the seats"),
            Self::Excluded(Exclusion::Team) => {
                f.write_str("this reviewer shares a team with those who ask, and the rule excludes that")
            }
            Self::Excluded(Exclusion::Manager) => {
                f.write_str("this reviewer manages those who ask, and the rule excludes that")
            }
            Self::AlreadyVoted => f.write_str("this reviewer has already voted"),
            Self::Conflicting => {
                f.write_str("this reviewer has voted otherwise; withdraw that vote before casting another")
            }
            Self::Replayed => f.write_str("this very vote was cast and withdrawn before; make a new one"),
            Self::NothingToWithdraw => f.write_str("this reviewer has no vote to withdraw"),
            Self::TooOften => {
                f.write_str("this reviewer has withdrawn too many votes here; the last one stands")
            }
            Self::Amended => {
                f.write_str("a changed operation was proposed instead, and waits for the agent to accept it")
            }
            Self::NoBreakGlass => f.write_str("the rule allows no emergency approval"),
            Self::Careless => f.write_str(
                "the vote was made without the care that the rule asks for; look again and vote again",
            ),
            Self::InsufficientAssurance => {
                f.write_str("this reviewer is not known surely enough: sign the vote with a key")
            }
            Self::ConditionNotEnforced(kind) => {
                write!(f, "the executor does not enforce conditions of kind `{kind}`")
            }
        }
    }
}

impl std::error::Error for VoteRefusal {}

/// Why an escalation does not take a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionError {
    /// Only the agent that asks can withdraw.
    NotTheRequester,
    /// It is not approved, but this.
    NotApproved(Status),
    /// It is over already.
    Over(Status),
    /// No changed operation waits for the agent.
    NotAmended,
    /// One was proposed already.
    AmendedAlready,
    /// This person may not vote on it, and so not change, pass on or review it.
    NotEligible(VoteRefusal),
    /// No review of an emergency approval is due.
    NoReviewDue,
    /// Whoever agreed to an emergency can't review that.
    OwnEmergency,
    /// It was not they who were asked.
    NotAsked,
    /// The other was asked before.
    AskedBefore,
}

impl TransitionError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotTheRequester => "escalation.not_the_requester",
            Self::NotApproved(_) => "escalation.not_approved",
            Self::Over(_) => "escalation.over",
            Self::NotAmended => "escalation.not_amended",
            Self::AmendedAlready => "escalation.amended_already",
            Self::NotEligible(refusal) => refusal.code(),
            Self::NoReviewDue => "escalation.no_review_due",
            Self::OwnEmergency => "escalation.own_emergency",
            Self::NotAsked => "escalation.not_asked",
            Self::AskedBefore => "escalation.asked_before",
        }
    }
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTheRequester => f.write_str("only the agent that opened the escalation can withdraw it"),
            Self::NotApproved(status) => write!(f, "the escalation is not approved but {status}"),
            Self::Over(status) => write!(f, "the escalation is already {status}"),
            Self::NotAmended => f.write_str("no changed operation was proposed that could be accepted"),
            Self::AmendedAlready => f.write_str("a changed operation was proposed already"),
            Self::NotEligible(refusal) => refusal.fmt(f),
            Self::NoReviewDue => f.write_str("no emergency approval waits for a review here"),
            Self::OwnEmergency => f.write_str("whoever agreed to an emergency can't review that"),
            Self::NotAsked => f.write_str("this person was not asked, so there is nothing to pass on"),
            Self::AskedBefore => f.write_str("the other was asked already"),
        }
    }
}

impl std::error::Error for TransitionError {}
