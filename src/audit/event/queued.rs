//! What a sidecar's record says of an escalation while the desk is away.

use crate::names::names;
use crate::party::{EscalationId, TxnId};
use serde::{Deserialize, Serialize};

/// An escalation waits in a sidecar, or does so no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queued {
    /// The escalation.
    pub id: EscalationId,
    /// The decision that asks for it.
    pub txn: TxnId,
    /// What became of it.
    pub step: QueueStep,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

names! {
    /// A step of an escalation that waits in a sidecar.
    QueueStep {
        /// It waits for the desk; its agent was told so.
        Waiting = "waiting",
        /// The desk has opened it.
        Opened = "opened",
        /// Its time was over before the desk was back: it is denied.
        Expired = "expired",
        /// Its agent withdrew it before the desk was back.
        Cancelled = "cancelled",
        /// The desk does not open it.
        Refused = "refused",
    }
}
