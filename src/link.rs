//! The link: how a sidecar reaches a desk that is elsewhere, what it hears from there, and what it does while it does not.
//!
//! Everything goes over one line, and every call is proven by a statement that the sidecar's own certified key signs. What
//! comes back is believed as far as it can be checked here: certificates lead to our roots, a docket is replayed by our own
//! state machine against our own record, and rules are compiled before they are in force.

mod bell;
mod chase;
mod docket;
mod enrol;
mod fates;
mod follow;
mod line;
mod queue;
mod remote;
mod ship;
mod wire;
mod witness;

pub use docket::Untrue;
pub use enrol::{Credential, EnrolError, Enroller};
pub use fates::Fates;
pub use follow::{Follower, Kept, first_rules};
pub use line::{Line, LineError, Place, Refused};
pub use queue::Queue;
pub use remote::{RemoteDesk, Standing};
pub use ship::{Shipper, ValueOf};
pub use wire::roles_of;
pub use witness::DeskWitness;
