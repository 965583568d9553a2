//! An escalation: an operation that people must agree to before it may run.
//!
//! [`vote`] is what a reviewer signs, `requirement` says who must agree, and `Escalation` is the state machine: a
//! fold over its [`Event`]s, so that the log alone says how it stands. [`evidence`] is the same votes as an executor
//! checks them, trusting neither sidecar nor desk.

#[cfg(feature = "engine")]
mod case;
#[cfg(feature = "engine")]
mod conduct;
#[cfg(feature = "engine")]
pub mod diligence;
#[cfg(feature = "engine")]
mod event;
pub mod evidence;
#[cfg(feature = "engine")]
mod fold;
#[cfg(feature = "engine")]
pub mod ladder;
#[cfg(feature = "engine")]
mod refusal;
#[cfg(feature = "engine")]
pub mod requirement;
#[cfg(feature = "engine")]
mod state;
#[cfg(feature = "engine")]
mod step;
#[cfg(feature = "engine")]
mod terms;
pub mod vote;

#[cfg(feature = "engine")]
pub use case::{AsSeenBy, Case, REMINDERS};
#[cfg(feature = "engine")]
pub use diligence::{Attention, Diligence, Flag, OnPoor, Sight};
#[cfg(feature = "engine")]
pub use event::{Amendment, Amends, Cast, Denial, Event, Grant, Opening, Review, Seated, Widening};
#[cfg(feature = "engine")]
pub use fold::CourseError;
#[cfg(feature = "engine")]
pub use ladder::{OnTimeout, Stage};
#[cfg(feature = "engine")]
pub use refusal::{TransitionError, VoteRefusal};
#[cfg(feature = "engine")]
pub use state::{
    Approved, Blocked, Cancelled, Claimed, Denied, Escalation, Expired, Lapsed, Pending, Status,
};
#[cfg(feature = "engine")]
pub use step::{Attestation, Ballot, Counted, MAX_REFUSALS, MAX_WITHDRAWALS, Step};
#[cfg(feature = "engine")]
pub use terms::{BreakGlass, Channel, Denials, Exclusion, Terms};
