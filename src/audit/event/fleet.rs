//! What a desk's record says of its sidecars: who may enrol and who did, what each handed over of its own log, and which
//! log came apart.

use crate::digest::{InvitationDigest, KeyId};
use crate::moment::Moment;
use crate::names::names;
use crate::party::{AgentId, KeyHolder, LogOrigin, PersonId};
use crate::tlog::Hash;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Where a record was first: in the log of a sidecar, which handed it over to its desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    /// The sidecar's log.
    pub origin: LogOrigin,
    /// The place in it, counted from 0.
    pub index: u64,
    /// When it was recorded there, in Unix milliseconds.
    pub at: Moment,
}

/// A sidecar handed over leaves of its own log: what follows in the same change was adopted from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shipped {
    /// The sidecar.
    pub sidecar: KeyHolder,
    /// Its log.
    pub origin: LogOrigin,
    /// The key that signed the checkpoint.
    pub kid: KeyId,
    /// The place of the first of these leaves.
    pub first: u64,
    /// The hashes of the leaves, in order.
    pub leaves: Vec<Hash>,
    /// How many leaves the log has with these.
    pub size: u64,
    /// The right edge of the tree over all of them: a root for each bit that is set in the size, the largest first.
    pub frontier: Vec<Hash>,
    /// The sidecar's signed checkpoint over all of them.
    pub checkpoint: String,
    /// Where the leaves before these are recorded, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// A sidecar's keys were certified for the agent that it speaks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// The sidecar.
    pub sidecar: KeyHolder,
    /// Its log.
    pub origin: LogOrigin,
    /// The agent that it speaks for.
    pub agent: AgentId,
    /// The person whom the agent acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<PersonId>,
    /// The people who run the agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<PersonId>,
    /// How it proved itself when it was new.
    pub by: Credential,
    /// The key that signs its tokens.
    pub authority: KeyId,
    /// The key that signs its log's checkpoints.
    pub log: KeyId,
    /// The first moment at which they are not certified any more.
    pub expires_at: Moment,
    /// The key in whose place this one comes: it was renewed, and proved that with that key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<KeyId>,
    /// The sidecar's version.
    pub version: String,
}

/// How a sidecar proved itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case", deny_unknown_fields)]
pub enum Credential {
    /// By the token of a Kubernetes service account.
    ServiceAccount {
        /// The account's namespace.
        namespace: String,
        /// The account.
        service_account: String,
        /// The pod that the token was projected into.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pod: Option<String>,
        /// Its uid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pod_uid: Option<String>,
    },
    /// By the client certificate of its connection.
    Certificate {
        /// Its SHA-256, in hexadecimal.
        sha256: String,
    },
    /// By a join token, which can be used once.
    Invitation {
        /// The SHA-256 of the token.
        invitation: InvitationDigest,
    },
}

/// `as service account shop/builder in pod builder-7`
impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAccount { namespace, service_account, pod, pod_uid: _ } => {
                write!(f, "as service account {namespace}/{service_account}")?;
                pod.as_ref().map_or(Ok(()), |pod| write!(f, " in pod {pod}"))
            }
            Self::Certificate { sha256 } => write!(f, "by the client certificate {sha256}"),
            Self::Invitation { invitation } => write!(f, "by the join token {invitation}"),
        }
    }
}

/// An operator had a join token made: whoever brings it first enrols as this agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invited {
    /// The SHA-256 of the token.
    pub invitation: InvitationDigest,
    /// The agent.
    pub agent: AgentId,
    /// The person whom it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<PersonId>,
    /// The people who run it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<PersonId>,
    /// The first moment at which it is good for nothing any more.
    pub until: Moment,
    /// The operator.
    pub by: String,
}

/// A sidecar may not do anything any more, and its keys were revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// The sidecar.
    pub sidecar: KeyHolder,
    /// The operator.
    pub by: String,
    /// Why, in their words.
    pub why: String,
}

/// A sidecar's log does not continue what it had handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diverged {
    /// The sidecar.
    pub sidecar: KeyHolder,
    /// Its log.
    pub origin: LogOrigin,
    /// What is wrong with it.
    pub how: Divergence,
    /// How many of its leaves are on record here.
    pub size: u64,
    /// The signed checkpoint that does not continue them.
    pub checkpoint: String,
}

names! {
    /// How a log came apart.
    Divergence {
        /// It has fewer leaves than it had: an older state of it was put back.
        RolledBack = "rolled_back",
        /// It has other leaves: there are two logs of one name, or its past was changed.
        Forked = "forked",
    }
}
