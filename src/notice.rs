//! A notice: what a person or a team is told, why, and what became of telling it.
//!
//! Which notices there are follows from the record alone, and so do their ids: a change that is recorded is one whose
//! notices are owed. What was delivered is recorded too ([`Told`]), so that a restart owes nothing twice for long.

mod message;
mod plan;
mod reach;

pub use message::{Action, Excerpt, Line, Message, Urgency};
pub use plan::{Course, Owed, plan, revision};
pub use reach::{Reachable, routes};

use crate::digest::{base64url, from_base64url, sha256};
use crate::escalation::Channel;
use crate::names::names;
use crate::party::{EscalationId, PersonId, TxnId};
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What keeps a notice's id apart from every other SHA-256.
const NOTICE: &[u8] = b"countersign/notice/v1\n";
/// The longest [`Delivery::Delivered`] handle in bytes.
pub const MAX_HANDLE: usize = 512;

/// A notice's id. It follows from what the notice is about, so that the same notice has the same id after a restart
/// and on every replica: it is the idempotency key of its sending.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId([u8; 16]);

impl NoticeId {
    /// The id of the notice of this cause (what happened, in a form of its own for each) for this recipient.
    #[must_use]
    pub fn of(cause: &[&[u8]], to: &Recipient) -> Self {
        let to = to.to_string();
        let mut parts: Vec<Vec<u8>> = vec![NOTICE.to_vec()];
        // With lengths, so that no two causes run into one.
        for part in cause.iter().copied().chain([to.as_bytes()]) {
            parts.push(format!("{}:", part.len()).into_bytes());
            parts.push(part.to_vec());
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mut id = [0; 16];
        id.copy_from_slice(sha256(&parts).split_at(16).0);
        Self(id)
    }

    /// Reads `not_…`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        from_base64url(text.strip_prefix("not_")?)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not_{}", base64url(&self.0))
    }
}

impl fmt::Debug for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for NoticeId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NoticeId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not the id of a notice"))
    }
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// A person of the roster, by whichever channel reaches them.
    Person(PersonId),
    /// Whoever reads this place: `slack:#agent-approvals`, `email:team@example.com`, `webhook:siem`.
    Place(Box<str>),
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => write!(f, "person:{person}"),
            Self::Place(place) => write!(f, "place:{place}"),
        }
    }
}

names! {
    /// What a notice is about.
    Topic {
        /// Somebody is asked to decide.
        Asked = "asked",
        /// … and has not yet, while time runs out.
        Reminded = "reminded",
        /// It was passed on to them by somebody who had been asked.
        PassedOn = "passed_on",
        /// What was told before has changed: votes, or how it ended. A message that can be changed is changed.
        Updated = "updated",
        /// An emergency approval was used.
        Emergency = "emergency",
        /// An emergency approval has to be reviewed.
        ReviewDue = "review_due",
        /// Several things wait; they are told together.
        Digest = "digest",
        /// Nobody decided these in time.
        Expired = "expired",
        /// The queue is saturated, or is not any more.
        Saturated = "saturated",
        /// The person's own account changed: a passkey was enrolled or removed.
        Account = "account",
    }
}

/// What became of a notice: recorded when it was delivered, and when nobody tries any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Which notice.
    pub notice: NoticeId,
    /// What it is about.
    pub topic: Topic,
    /// The decision that it concerns, if it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<TxnId>,
    /// The escalation that it concerns, if it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationId>,
    /// Who was told.
    pub to: Recipient,
    /// By which channel.
    pub channel: Channel,
    /// How often it was tried.
    pub attempts: u32,
    /// How long it took since its cause was recorded, in milliseconds.
    #[serde(with = "millis")]
    pub after: Duration,
    /// What became of it.
    pub delivery: Delivery,
}

/// Whether a notice reached the channel's provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The provider has it.
    Delivered {
        /// By which the provider knows the message, so that it can be changed: in the channel's own form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handle: Option<String>,
    },
    /// Nobody tries any more: a dead letter.
    GivenUp {
        /// Why, in words.
        why: String,
    },
}

mod millis {
    use core::time::Duration;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
