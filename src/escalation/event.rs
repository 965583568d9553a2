//! The events of an escalation, as the log keeps them.

use super::diligence::{Flag, Sight};
use super::refusal::VoteRefusal;
use super::terms::Terms;
use super::vote::{SignedVote, Statement};
use crate::condition::{Condition, ConditionKind};
use crate::digest::{OperationDigest, PolicyDigest, RenderingDigest, VoteDigest, sha256};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId, SeatName, TxnId};
use crate::token::{Approval, Assurance};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What keeps the id of a changed operation's escalation apart from every other SHA-256.
const CHANGE: &[u8] = b"countersign/change/v1\n";

/// One step of an escalation. Its state is a fold over these and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// It was opened; always the first.
    Opened(Box<Opening>),
    /// These people were asked, besides those who were asked before.
    Asked {
        /// When.
        at: Moment,
        /// Whom.
        people: Vec<PersonId>,
    },
    /// Somebody who was asked passed it on to somebody else, who may vote or not as before.
    Reassigned {
        /// When.
        at: Moment,
        /// Who passed it on.
        from: PersonId,
        /// To whom.
        to: PersonId,
    },
    /// Those who were asked and have not voted were reminded.
    Reminded {
        /// When.
        at: Moment,
        /// How many tenths of the time to decide were over.
        tenths: u8,
    },
    /// Somebody has it before them; recorded the first time.
    Seen {
        /// When.
        at: Moment,
        /// Who.
        person: PersonId,
        /// What they have before them.
        what: Sight,
    },
    /// The next stage began before its time, because nobody of those before it can complete it or is there.
    Widened {
        /// When.
        at: Moment,
        /// Why.
        cause: Widening,
    },
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
        /// What makes it a poor one, where that is why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        flags: Vec<Flag>,
    },
    /// A reviewer took back what they had said.
    Withdrawn(Box<Cast>),
    /// A reviewer proposes a changed operation instead. All votes are void; the agent accepts or cancels.
    Amended(Box<Amendment>),
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
        /// The escalation of the changed operation that it accepted instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        successor: Option<EscalationId>,
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
        /// It was an emergency, and somebody has to review it until then. It stays open until that is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review_by: Option<Moment>,
    },
    /// The approval was not claimed in time.
    Lapsed {
        /// When the time was over.
        at: Moment,
    },
    /// An emergency approval was reviewed afterwards.
    Reviewed(Box<Review>),
}

impl Event {
    /// The event's name, as the log writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Asked { .. } => "asked",
            Self::Reassigned { .. } => "reassigned",
            Self::Reminded { .. } => "reminded",
            Self::Seen { .. } => "seen",
            Self::Widened { .. } => "widened",
            Self::Voted(_) => "voted",
            Self::VoteRefused { .. } => "vote_refused",
            Self::Withdrawn(_) => "withdrawn",
            Self::Amended(_) => "amended",
            Self::Approved(_) => "approved",
            Self::Denied { .. } => "denied",
            Self::Expired { .. } => "expired",
            Self::Cancelled { .. } => "cancelled",
            Self::Blocked { .. } => "blocked",
            Self::Claimed { .. } => "claimed",
            Self::Lapsed { .. } => "lapsed",
            Self::Reviewed(_) => "reviewed",
        }
    }

    /// What a reviewer stated in it, if they did: a vote, one that is taken back, or one for a changed operation.
    #[must_use]
    pub fn cast(&self) -> Option<&Cast> {
        match self {
            Self::Voted(cast) | Self::Withdrawn(cast) => Some(cast),
            Self::Amended(amendment) => Some(&amendment.vote),
            Self::Opened(_)
            | Self::Asked { .. }
            | Self::Reassigned { .. }
            | Self::Reminded { .. }
            | Self::Seen { .. }
            | Self::Widened { .. }
            | Self::VoteRefused { .. }
            | Self::Approved(_)
            | Self::Denied { .. }
            | Self::Expired { .. }
            | Self::Cancelled { .. }
            | Self::Blocked { .. }
            | Self::Claimed { .. }
            | Self::Lapsed { .. }
            | Self::Reviewed(_) => None,
        }
    }

    /// Whether nothing can happen to the escalation any more after this, but that its token is minted.
    #[must_use]
    pub const fn ends(&self) -> bool {
        match self {
            Self::Denied { .. }
            | Self::Expired { .. }
            | Self::Cancelled { .. }
            | Self::Blocked { .. }
            | Self::Claimed { review_by: None, .. }
            | Self::Lapsed { .. }
            | Self::Reviewed(_) => true,
            Self::Opened(_)
            | Self::Asked { .. }
            | Self::Reassigned { .. }
            | Self::Reminded { .. }
            | Self::Seen { .. }
            | Self::Widened { .. }
            | Self::Voted(_)
            | Self::VoteRefused { .. }
            | Self::Withdrawn(_)
            | Self::Amended(_)
            | Self::Approved(_)
            | Self::Claimed { review_by: Some(_), .. } => false,
        }
    }
}

/// Why a stage began before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Widening {
    /// Nobody of those before it can complete it any more.
    NobodyCan,
    /// Too few of those before it are there.
    NobodyAvailable,
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
    /// Who must agree, what counts, and until when.
    pub terms: Terms,
    /// The kinds of conditions that the executor enforces: the only ones that may be attached.
    #[serde(default, with = "kinds", skip_serializing_if = "BTreeSet::is_empty")]
    pub enforceable: BTreeSet<ConditionKind>,
    /// When it was opened.
    pub opened_at: Moment,
    /// The escalation whose operation was changed into this one, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amends: Option<Amends>,
    /// It is a drill: a proposal that ought to be denied, and that nobody can approve.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub drill: bool,
}

impl Opening {
    /// From this moment on nobody can decide any more: the default is no.
    #[must_use]
    pub fn decide_by(&self) -> Moment {
        self.opened_at.plus(self.terms.decide_within)
    }

    /// Since when this person can have been looking at it: whoever changed it has seen it before it was opened.
    #[must_use]
    pub fn before(&self, person: &PersonId) -> Moment {
        let changed = self.amends.as_ref().filter(|amends| amends.by == *person);
        changed.map_or(self.opened_at, |amends| amends.since.min(self.opened_at))
    }
}

/// What a changed operation comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amends {
    /// The escalation of the operation as it was.
    pub escalation: EscalationId,
    /// Who changed it.
    pub by: PersonId,
    /// Since when they can have been looking at it. Their vote for the changed operation may be as old as that.
    pub since: Moment,
}

/// A changed operation that a reviewer proposes, with their vote for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    /// When.
    pub at: Moment,
    /// The changed operation, canonical (TOKEN §5).
    pub op: String,
    /// The changed payload in base64url, where the operation is of its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The reviewer's approval of the changed operation. It counts in the escalation that the agent's acceptance opens.
    pub vote: Cast,
}

impl Amendment {
    /// The id that the escalation of the changed operation will have: the vote names it.
    #[must_use]
    pub const fn successor(&self) -> EscalationId {
        self.vote.statement.escalation
    }

    /// The id of the escalation that `operation` has where it is taken in the place of what was asked in `original`.
    ///
    /// It follows from both, so that a vote for a change is a vote for this change of this request: nobody can bring it
    /// to the proceedings of another. It is the first half of a SHA-256; who asks can't choose the original's id.
    #[must_use]
    pub fn successor_of(original: EscalationId, operation: OperationDigest) -> EscalationId {
        let hash = sha256(&[CHANGE, original.as_bytes(), operation.as_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(hash.split_at(16).0);
        EscalationId::from_random(id)
    }
}

/// The review of an emergency approval, afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// When.
    pub at: Moment,
    /// Who; nobody who agreed to it.
    pub by: PersonId,
    /// How surely they were known.
    pub assurance: Assurance,
    /// Whether it was right to.
    pub justified: bool,
    /// Why, in their words.
    pub note: String,
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
    /// What makes it a poor one (V3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
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
        self.statement.choice.approves()
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
    /// It was an emergency, and fewer people were enough.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub emergency: bool,
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
    /// Who is away and whose seat it is (E4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing_in_for: Option<PersonId>,
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
    /// It was a drill, and enough people would have approved it.
    Drill,
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
