//! The desk: where escalations are opened and people decide. A sidecar reaches it through one port.

pub mod answer;
mod asking;
mod away;
pub mod budget;
pub mod clicks;
pub mod code_flow;
mod diligence;
mod drills;
pub mod fleet;
mod follow;
pub mod hooks;
pub mod incoming;
pub mod invitations;
pub mod limit;
pub mod links;
mod local;
pub mod once;
mod opening;
pub mod outbox;
mod port;
pub mod queue;
pub mod reading;
pub mod sessions;
mod show;
pub mod sla;
mod voter;
mod voting;
mod words;

pub use asking::{Able, WhoCan};
pub use away::{AwayRefused, Whereabouts};
pub use drills::{Drill, DrillResult};
pub use local::LocalDesk;
pub(crate) use opening::rendering;
pub use show::View;
pub use voter::Voter;
pub use voting::{VoteRefused, attested};

use crate::audit::event::Decided;
use crate::decision::Terms;
use crate::escalation::{Amendment, Amends, Cast, Escalation, TransitionError};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId};
use crate::reviewer::Directory;
use crate::store::StoreError;
use core::fmt;
use core::pin::Pin;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

/// What is brought before people.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The escalation's id, chosen by the sidecar; opening the same one again changes nothing.
    pub id: EscalationId,
    /// The decision that asks for it.
    pub decided: Decided,
    /// Who must agree, and until when.
    pub terms: Terms,
    /// The people who run the agent.
    pub operators: BTreeSet<PersonId>,
    /// The reviewer's change that it comes from, if it does.
    pub amends: Option<Box<Amended>>,
}

/// A changed operation that the agent accepted.
#[derive(Clone, Debug)]
pub struct Amended {
    /// What it was changed from.
    pub from: Amends,
    /// The vote of the reviewer who changed it; it counts as soon as it is open.
    pub vote: Cast,
}

/// Room for one more open escalation of an agent. It is given back when it is dropped.
#[must_use = "the room is given back when this is dropped"]
pub struct Room(#[expect(dead_code, reason = "it is there to be dropped")] Option<Box<dyn Send + Sync>>);

impl Room {
    /// Room that `give_back` gives back by being dropped.
    pub fn new(give_back: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(give_back)))
    }
}

/// An escalation that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its id.
    pub id: EscalationId,
    /// Unanswered until then, it is denied.
    pub decide_by: Moment,
    /// Who must agree, in words.
    pub requirement: String,
    /// It waits here, because the desk can't be reached now: nobody is asked yet.
    pub queued: bool,
}

/// An escalation as it stands: what was decided, and what became of it.
#[derive(Clone, Debug)]
pub struct Docket {
    /// Its id.
    pub id: EscalationId,
    /// The decision that asked for it.
    pub decided: Decided,
    /// Its state, with every vote.
    pub escalation: Escalation,
    /// Why it stands so, in words: what is missing, or why it ended.
    pub reasons: Vec<String>,
    /// It waits for a desk that can't be reached now: nobody is asked yet.
    pub queued: bool,
}

/// Why the desk did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskError {
    /// There is no such escalation.
    Unknown(EscalationId),
    /// It is over.
    Over(EscalationId),
    /// It does not take this step.
    Refused(TransitionError),
    /// It could not be recorded or read.
    Store(StoreError),
    /// What is recorded of it makes no sense.
    Senseless(EscalationId, String),
    /// Too many people changed it at the same time; try again.
    Contended(EscalationId),
    /// It is elsewhere, and can't be reached now.
    Away(String),
    /// What it says of an escalation is not believed, and why.
    Untrue(EscalationId, String),
}

impl fmt::Display for DeskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "there is no escalation `{id}`"),
            Self::Over(id) => write!(f, "escalation `{id}` is over"),
            Self::Refused(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Senseless(id, why) => write!(f, "the record of escalation `{id}` makes no sense: {why}"),
            Self::Contended(id) => {
                write!(f, "escalation `{id}` is being changed by too many at once; try again")
            }
            Self::Untrue(id, why) => {
                write!(f, "what the desk says of escalation `{id}` is not believed: {why}")
            }
            Self::Away(why) => write!(f, "the desk cannot be reached now: {why}"),
        }
    }
}

impl std::error::Error for DeskError {}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The roster in force.
pub trait Roster: Send + Sync {
    /// The people who may be asked now.
    fn directory(&self) -> Arc<Directory>;
}

/// An answer that the desk is working on.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, DeskError>> + Send + 'a>>;

/// The port through which a sidecar reaches the desk, in the same process or over the network.
pub trait Desk: Send + Sync {
    /// Opens an escalation. Opening it again gives the same answer.
    fn open(&self, proposal: Proposal) -> Answering<'_, Opened>;

    /// How an escalation stands now; a deadline that has passed has taken effect.
    fn docket(&self, id: EscalationId) -> Answering<'_, Docket>;

    /// Opens a drill: a proposal that ought to be denied, for which no token is ever minted.
    fn drill(&self, proposal: Proposal, by: String) -> Answering<'_, Opened>;

    /// Withdraws an escalation.
    fn cancel(&self, id: EscalationId, by: AgentId, reason: String) -> Answering<'_, Docket>;

    /// Hands out an approved escalation's authority; from then on it is not approved again.
    fn claim(&self, id: EscalationId) -> Answering<'_, Docket>;

    /// Ends an approved escalation that may not be carried out any more.
    fn block(&self, id: EscalationId, reasons: Vec<String>) -> Answering<'_, Docket>;

    /// Records the changed operation that a reviewer proposes instead.
    fn amend(&self, id: EscalationId, amendment: Amendment) -> Answering<'_, Docket>;

    /// Ends an escalation because its agent has taken the changed operation instead.
    fn accept(&self, id: EscalationId, by: AgentId) -> Answering<'_, Docket>;

    /// Room for one more open escalation of this agent; `None` if it has `most` of them open or under way.
    fn room(&self, agent: &AgentId, most: usize) -> Option<Room>;

    /// A counter that changes whenever the escalation does.
    fn changes(&self, id: EscalationId) -> watch::Receiver<u64>;
}
