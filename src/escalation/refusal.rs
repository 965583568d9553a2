//! Why a vote is not counted, and why an escalation does not take a step.

use super::event::kind;
use super::state::Status;
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
    /// The reviewer has voted.
    AlreadyVoted,
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
            Self::AlreadyVoted => "vote.already_voted",
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
            Self::AlreadyVoted => f.write_str("this reviewer has already voted"),
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
}

impl TransitionError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotTheRequester => "escalation.not_the_requester",
            Self::NotApproved(_) => "escalation.not_approved",
            Self::Over(_) => "escalation.over",
        }
    }
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTheRequester => f.write_str("only the agent that opened the escalation can withdraw it"),
            Self::NotApproved(status) => write!(f, "the escalation is not approved but {status}"),
            Self::Over(status) => write!(f, "the escalation is already {status}"),
        }
    }
}

impl std::error::Error for TransitionError {}
