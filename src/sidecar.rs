//! The sidecar: answers an agent's request, follows what people decide, and mints what was allowed.

mod amend;
mod authorize;
pub mod brake;
pub mod checkpoints;
mod drill;
mod erase;
pub mod figures;
mod follow;
mod force;
mod incident;
pub mod issuance;
pub mod memory;
mod mint;
pub mod previews;
pub mod profiles;
mod propose;
mod receipt;
pub mod reload;
mod report;
mod rules;
mod secret;
pub mod tether;

pub use amend::{Draft as AmendmentDraft, Offer};
pub use authorize::{Answer, Ask};
pub use erase::ToErase;
pub use follow::Progress;
pub use force::InForce;
pub use mint::Granted;
pub use propose::OWN_NAME;
pub use receipt::{MAX_RECEIPTS, OnRecord, SignedReceipt};
pub use report::Report;
pub use rules::Rules;

use crate::audit::event::RecordError;
use crate::clock::Clock;
use crate::desk::DeskError;
use crate::entropy::{Entropy, NoEntropy};
use crate::metrics::Metrics;
use crate::party::{AgentId, EscalationId, ExecutorId, LogOrigin, PersonId, TrustDomain, TxnId};
use crate::signer::SignError;
use crate::store::{Store, StoreError};
use crate::suspension::Suspension;
use crate::token::{DraftError, Executor, ReceiptError};
use arc_swap::ArcSwap;
use brake::Brake;
use checkpoints::{Checkpoints, NotWitnessed};
use core::fmt;
use issuance::Issuance;
use memory::Memories;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tether::Tether;

/// Who asks, as the connection proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The agent.
    pub agent: AgentId,
    /// The person it acts for.
    pub on_behalf_of: Option<PersonId>,
}

/// Everything that the sidecar stands on.
pub struct Sidecar {
    /// Every token's `iss`.
    pub domain: TrustDomain,
    /// This sidecar's log: every token's `cs_log`.
    pub origin: LogOrigin,
    /// The policy and the roster in force; a reload swaps them whole.
    pub in_force: Arc<ArcSwap<InForce>>,
    /// Who runs the agents, and for whom tokens may be minted; in a fleet the desk changes it.
    pub roles: Arc<ArcSwap<Roles>>,
    /// Where everything is recorded.
    pub store: Arc<dyn Store>,
    /// Where people decide.
    pub desk: Arc<dyn crate::desk::Desk>,
    /// What each agent did lately.
    pub memories: Memories,
    /// What is suspended.
    pub brake: Arc<Brake>,
    /// What the log has come to, signed and witnessed.
    pub checkpoints: Arc<Checkpoints>,
    /// The keys that sign tokens.
    pub issuance: Arc<Issuance>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What is counted and measured.
    pub metrics: Arc<Metrics>,
    /// How it stands with a desk that is elsewhere; nothing where the desk is in this process.
    pub tether: Option<Arc<Tether>>,
}

/// Who runs the agents, and for whom tokens may be minted.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// The people who run each agent: they can't vote on what it asks for.
    pub operators: HashMap<AgentId, BTreeSet<PersonId>>,
    /// The executors that tokens may be minted for.
    pub executors: HashMap<ExecutorId, Executor>,
}

/// Why a request got no decision. None of these means yes.
#[derive(Clone, Debug, PartialEq)]
pub enum SidecarError {
    /// No executor of this id is registered.
    UnknownExecutor(ExecutorId),
    /// The request id was used before, for another operation or executor.
    RequestReused {
        /// What it was used for.
        earlier: TxnId,
    },
    /// There is no such decision, or it is another agent's.
    UnknownDecision(TxnId),
    /// There is no such escalation, or it is another agent's.
    UnknownEscalation(EscalationId),
    /// A token that was granted before is not handed out now, or not minted although it was approved.
    Suspended(Box<Suspension>),
    /// The wall clock was set back; nothing is minted until it has caught up.
    ClockInDoubt,
    /// The answer was given with a key that is gone, so its token can't be repeated: ask anew.
    KeyGone,
    /// No key may sign now.
    NoKey(String),
    /// The token could not be drafted.
    Draft(DraftError),
    /// The key refused to sign.
    Sign(SignError),
    /// The token is recorded and not handed out yet: too few witnesses have seen that.
    NotWitnessed(NotWitnessed),
    /// There was no randomness.
    NoEntropy,
    /// The record could not be written or read.
    Store(StoreError),
    /// The event could not be put into its canonical form.
    Record(RecordError),
    /// A changed operation may not be proposed, and why.
    NotAmendable(Vec<String>),
    /// The policy would ask nobody about a drill, and why.
    NoDrill(Vec<String>),
    /// A changed policy or roster could not be put as a proposal.
    Proposal(String),
    /// What would have to be carried out is erased.
    Erased(TxnId),
    /// Nothing of this is kept apart from the log.
    NothingApart,
    /// A receipt is not one of a token that was minted here.
    Receipt(ReceiptError),
    /// The desk could not be reached or refused.
    Desk(DeskError),
    /// Nothing is minted any more, because this sidecar's log is not what its desk has seen of it.
    Halted(String),
}

impl fmt::Display for SidecarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownExecutor(id) => write!(f, "no executor `{id}` is registered"),
            Self::RequestReused { earlier } => {
                write!(
                    f,
                    "the request id was used before, for another operation or executor (decision `{earlier}`)"
                )
            }
            Self::UnknownDecision(id) => write!(f, "there is no decision `{id}` of this agent"),
            Self::UnknownEscalation(id) => write!(f, "there is no escalation `{id}` of this agent"),
            Self::Suspended(suspension) => suspension.fmt(f),
            Self::ClockInDoubt => {
                f.write_str("the clock was set back; nothing is minted until it has caught up")
            }
            Self::KeyGone => {
                f.write_str("the key that signed this answer is gone; ask anew under another request id")
            }
            Self::NoKey(why) => write!(f, "no key may sign now: {why}"),
            Self::Draft(error) => error.fmt(f),
            Self::Erased(id) => {
                write!(f, "what decision `{id}` was about is erased, so nothing is minted for it")
            }
            Self::NothingApart => f.write_str("no such value is kept apart from the record"),
            Self::Receipt(error) => write!(f, "{error} ({})", error.code()),
            Self::Sign(error) => error.fmt(f),
            Self::NotWitnessed(why) => why.fmt(f),
            Self::NoEntropy => NoEntropy.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
            Self::NotAmendable(why) => write!(f, "the changed operation may not run: {}", brief(why)),
            Self::NoDrill(why) => {
                write!(
                    f,
                    "the policy asks nobody about the like, so there is nothing to rehearse: {}",
                    brief(why)
                )
            }
            Self::Proposal(why) => write!(f, "the change could not be proposed: {why}"),
            Self::Desk(error) => error.fmt(f),
            Self::Halted(why) => write!(f, "nothing is minted here any more: {why}"),
        }
    }
}

impl std::error::Error for SidecarError {}

impl SidecarError {
    /// All codes.
    pub const CODES: [&'static str; 26] = [
        "unknown_executor",
        "request_reused",
        "unknown_decision",
        "unknown_escalation",
        "suspended",
        "clock_in_doubt",
        "key_gone",
        "no_key",
        "draft",
        "sign",
        "no_entropy",
        "store_full",
        "store_unavailable",
        "store_damaged",
        "too_large",
        "contended",
        "not_amendable",
        "no_drill",
        "receipt",
        "erased",
        "nothing_apart",
        "over",
        "not_witnessed",
        "desk_away",
        "desk_untrue",
        "halted",
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownExecutor(_) => "unknown_executor",
            Self::RequestReused { .. } => "request_reused",
            Self::UnknownDecision(_) => "unknown_decision",
            Self::UnknownEscalation(_) | Self::Desk(DeskError::Unknown(_)) => "unknown_escalation",
            Self::Suspended(_) => "suspended",
            Self::ClockInDoubt => "clock_in_doubt",
            Self::KeyGone => "key_gone",
            Self::NoKey(_) => "no_key",
            Self::Draft(_) => "draft",
            Self::Sign(_) => "sign",
            Self::NotWitnessed(_) => "not_witnessed",
            Self::NoEntropy => "no_entropy",
            Self::Store(error) | Self::Desk(DeskError::Store(error)) => store_code(error),
            Self::Record(_) => "too_large",
            Self::Desk(DeskError::Senseless(..)) => "store_damaged",
            Self::Desk(DeskError::Contended(_)) => "contended",
            Self::Desk(DeskError::Away(_)) => "desk_away",
            Self::Desk(DeskError::Untrue(..)) => "desk_untrue",
            Self::Halted(_) => "halted",
            Self::NotAmendable(_) | Self::Proposal(_) => "not_amendable",
            Self::NoDrill(_) => "no_drill",
            Self::Receipt(_) => "receipt",
            Self::Erased(_) => "erased",
            Self::NothingApart => "nothing_apart",
            Self::Desk(DeskError::Over(_) | DeskError::Refused(_)) => "over",
        }
    }
}

const fn store_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full => "store_full",
        StoreError::Unavailable(_) => "store_unavailable",
        StoreError::Damaged(_) => "store_damaged",
        StoreError::TooLarge | StoreError::Unrecordable(_) => "too_large",
        StoreError::Answered(_)
        | StoreError::Moved(_)
        | StoreError::Overtaken(_)
        | StoreError::Changed(_) => "contended",
    }
}

/// What decided, and the rule's own reason; the figures of the risk say no more to whoever is refused.
fn brief(why: &[String]) -> String {
    why.iter().take(2).map(String::as_str).collect::<Vec<_>>().join("; ")
}

macro_rules! from {
    ($($error:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$error> for SidecarError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })+
    };
}
from!(NotWitnessed => NotWitnessed, DraftError => Draft, SignError => Sign, StoreError => Store, RecordError => Record, DeskError => Desk);

impl From<NoEntropy> for SidecarError {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}
