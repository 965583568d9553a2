//! The events of an escalation, as the log keeps them.

use super::ladder::{OnTimeout, Stage};
use super::refusal::VoteRefusal;
use super::requirement::Requirement;
use super::vote::{Choice, SignedVote, Statement};
use crate::condition::{Condition, ConditionKind};
use crate::digest::{OperationDigest, PolicyDigest, RenderingDigest, VoteDigest};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId, SeatName, TxnId};
use crate::token::{Approval, Assurance};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One step of an escalation. Its state is a fold over these and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// It was opened; always the first.
    Opened(Box<Opening>),
    /// A vote was counted.
    Voted(Box<Cast>),
    /// A vote of a known reviewer was not counted.
    VoteRefused {
        /// When.
        at: Moment,
        /// Whose.
        person: PersonId,
        /// The digest of its statement.
        vote: VoteDigest,
        /// Why.
        refusal: VoteRefusal,
    },
    /// Enough people agreed.
    Approved(Box<Grant>),
    /// It was denied.
    Denied {
        /// When.
        at: Moment,
        /// By whom or what.
        cause: Denial,
    },
    /// Nobody decided in time.
    Expired {
        /// When the time was over.
        at: Moment,
    },
    /// The agent withdrew it.
    Cancelled {
        /// When.
        at: Moment,
        /// Which agent.
        by: AgentId,
        /// Why, in its words.
        reason: String,
    },
    /// It may not or cannot be carried out, whatever anyone approves.
    Blocked {
        /// When.
        at: Moment,
        /// Why, in words.
        reasons: Vec<String>,
    },
    /// The approval was turned into a token.
    Claimed {
        /// When.
        at: Moment,
    },
    /// The approval was not claimed in time.
    Lapsed {
        /// When the time was over.
        at: Moment,
    },
}

impl Event {
    /// The event's name, as the log writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Voted(_) => "voted",
            Self::VoteRefused { .. } => "vote_refused",
            Self::Approved(_) => "approved",
            Self::Denied { .. } => "denied",
            Self::Expired { .. } => "expired",
            Self::Cancelled { .. } => "cancelled",
            Self::Blocked { .. } => "blocked",
            Self::Claimed { .. } => "claimed",
            Self::Lapsed { .. } => "lapsed",
        }
    }
}

/// What is brought before people, and until when. It never changes afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The escalation's id.
    pub id: EscalationId,
    /// The decision that asked for it.
    pub txn: TxnId,
    /// Who asks.
    pub agent: AgentId,
    /// For whom. This person can't vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<PersonId>,
    /// The people who run the agent, where that is known. They can't vote.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub operators: BTreeSet<PersonId>,
    /// The digest of the operation.
    pub operation: OperationDigest,
    /// The digest of what reviewers are shown.
    pub shown: RenderingDigest,
    /// The digest of the policy that asked; it stays in force for this escalation.
    pub policy: PolicyDigest,
    /// Who must agree.
    pub requirement: Requirement,
    /// Who may agree instead when nobody has decided for so long, earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<Stage>,
    /// What happens when nobody has decided in time.
    #[serde(default, skip_serializing_if = "OnTimeout::is_deny")]
    pub on_timeout: OnTimeout,
    /// The policy's own conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The kinds of conditions that the executor enforces: the only ones that may be attached.
    #[serde(default, with = "kinds", skip_serializing_if = "BTreeSet::is_empty")]
    pub enforceable: BTreeSet<ConditionKind>,
    /// When it was opened.
    pub opened_at: Moment,
    /// From this moment on nobody can decide any more: the default is no.
    pub decide_by: Moment,
    /// How long it must have been open before an approval counts, in seconds.
    #[serde(default, with = "super::ladder::seconds", skip_serializing_if = "Duration::is_zero")]
    pub min_review: Duration,
    /// How long an approval may wait to be claimed, in milliseconds.
    #[serde(with = "millis")]
    pub claim_within: Duration,
    /// How long the token may live once it is claimed, in milliseconds.
    #[serde(with = "millis")]
    pub execute_within: Duration,
}

/// A vote that was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cast {
    /// When it was received.
    pub at: Moment,
    /// What the reviewer stated, as the canonical text.
    pub statement: Statement,
    /// How surely the reviewer was known.
    pub assurance: Assurance,
    /// The reviewer's SSH signature over the statement; there is one exactly if the assurance is `signed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Cast {
    /// Who voted.
    #[must_use]
    pub const fn person(&self) -> &PersonId {
        &self.statement.reviewer
    }

    /// Whether it is a yes.
    #[must_use]
    pub const fn approves(&self) -> bool {
        matches!(self.statement.choice, Choice::Approve(_))
    }

    /// The vote as it travels, where the reviewer signed it.
    #[must_use]
    pub fn signed(&self) -> Option<SignedVote> {
        let signature = self.signature.clone()?;
        Some(SignedVote { statement: self.statement.to_text(), signature })
    }
}

/// What an approval grants, and to whom it is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// When enough people had agreed.
    pub at: Moment,
    /// From this moment on it can't be claimed any more.
    pub claim_by: Moment,
    /// Who filled which seat, each person once; nobody if the policy lets it run because nobody decided.
    pub seated: Vec<Seated>,
    /// The tightest of the policy's and of all approving voters' conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A person who filled a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seated {
    /// Who.
    pub person: PersonId,
    /// Which seat.
    pub seat: SeatName,
    /// When they stated it.
    pub at: Moment,
    /// How surely they were known.
    pub assurance: Assurance,
    /// The digest of their statement.
    pub vote: VoteDigest,
}

impl Seated {
    /// As an entry of a token's `cs_appr`.
    #[must_use]
    pub fn to_approval(&self) -> Approval {
        Approval {
            person: self.person.clone(),
            seats: vec![self.seat.clone()],
            at: Moment::from_unix_seconds(self.at.unix_seconds()),
            assurance: self.assurance,
            vote: self.vote,
        }
    }
}

/// By whom or what an escalation was denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// This reviewer said no.
    Reviewer(PersonId),
    /// Conditions of this kind contradict each other.
    #[serde(with = "kind")]
    Contradiction(ConditionKind),
}

/// A kind of condition by its name.
pub(super) mod kind {
    use super::ConditionKind;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(in super::super) fn serialize<S: Serializer>(kind: &ConditionKind, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.as_str())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<ConditionKind, D::Error> {
        let name = String::deserialize(from)?;
        ConditionKind::parse(&name).ok_or_else(|| D::Error::custom("unknown kind of condition"))
    }
}

/// Kinds of conditions by their names.
mod kinds {
    use super::{BTreeSet, ConditionKind};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        kinds: &BTreeSet<ConditionKind>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(kinds.iter().map(|kind| kind.as_str()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeSet<ConditionKind>, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        let kinds = names.iter().map(|name| ConditionKind::parse(name)).collect::<Option<_>>();
        kinds.ok_or_else(|| D::Error::custom("unknown kind of condition"))
    }
}

/// A span of time in whole milliseconds.
mod millis {
    use super::Duration;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
