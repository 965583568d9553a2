//! Why a sidecar does not get what it asks for.

use super::super::DeskError;
use crate::party::EscalationId;
use crate::store::StoreError;
use crate::token::CallError;
use core::fmt;
use core::time::Duration;

/// Why a sidecar does not get what it asks for. The words are for the operator; what the caller may know of them, the
/// surface says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetError {
    /// What should prove who it is does not; why.
    Credential(String),
    /// It comes too often.
    TooOften(Duration),
    /// It is in another trust domain, or its keys are none.
    Malformed(&'static str),
    /// Its call proves nothing.
    Call(CallError),
    /// It is not enrolled, was revoked, or its call is signed by a key that is not its own.
    Stranger(String),
    /// What it hands over is not what a sidecar of its agent may hand over.
    NotAdopted {
        /// The place of the leaf in its log.
        index: u64,
        /// Why.
        why: String,
    },
    /// What it hands over does not continue its log.
    Diverged(String),
    /// The leaves that it hands over leave some out: this many are here.
    Gap(u64),
    /// What it asks people to decide may not be asked so; why.
    NotOpened(String),
    /// Too many requests of its agent wait for people.
    NoRoom(usize),
    /// There is no such escalation of its agent.
    Unknown(EscalationId),
    /// That is not its to do.
    NotItsOwn(&'static str),
    /// So many sidecars are served that there is no room for one more.
    Full,
    /// The keys can't be certified now.
    Keys(String),
    /// The desk did not do it.
    Desk(DeskError),
    /// The record could not be read or written.
    Store(StoreError),
}

impl FleetError {
    /// A stable name of what is wrong, for metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Credential(_) => "credential",
            Self::TooOften(_) => "too_often",
            Self::Malformed(_) => "malformed",
            Self::Call(_) => "call",
            Self::Stranger(_) => "stranger",
            Self::NotAdopted { .. } => "not_adopted",
            Self::Diverged(_) => "diverged",
            Self::Gap(_) => "gap",
            Self::NotOpened(_) => "not_opened",
            Self::NoRoom(_) => "no_room",
            Self::Unknown(_) => "unknown",
            Self::NotItsOwn(_) => "not_its_own",
            Self::Full => "full",
            Self::Keys(_) => "keys",
            Self::Desk(_) => "desk",
            Self::Store(_) => "store",
        }
    }
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(why) | Self::Stranger(why) | Self::NotOpened(why) | Self::Keys(why) => {
                f.write_str(why)
            }
            Self::TooOften(wait) => write!(f, "too often; try again in {} seconds", wait.as_secs().max(1)),
            Self::Malformed(what) | Self::NotItsOwn(what) => f.write_str(what),
            Self::Call(error) => error.fmt(f),
            Self::NotAdopted { index, why } => write!(f, "leaf {index} is not taken: {why}"),
            Self::Diverged(why) => write!(f, "the log does not continue what was handed over: {why}"),
            Self::Gap(size) => write!(f, "only {size} leaves of this log are here"),
            Self::NoRoom(most) => {
                write!(f, "{most} requests of this agent wait for people already")
            }
            Self::Unknown(id) => write!(f, "there is no escalation `{id}` of this agent"),
            Self::Full => f.write_str("the desk serves as many sidecars as it can"),
            Self::Desk(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FleetError {}

impl From<StoreError> for FleetError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CallError> for FleetError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<DeskError> for FleetError {
    fn from(error: DeskError) -> Self {
        Self::Desk(error)
    }
}
