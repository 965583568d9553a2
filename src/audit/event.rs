//! The events of the log: everything that was asked, decided, voted, minted and reported.

mod fleet;
mod queued;
mod record;

pub use crate::operation::context::Context;
pub use fleet::{Adopted, Credential, Diverged, Divergence, Enrolled, Invited, Shipped, Withdrawn};
pub use queued::{QueueStep, Queued};
pub use record::{Apart, MAX_RECORD, Record, RecordError, WhyApart};

use crate::decision::Decision;
use crate::digest::{KeyId, OperationDigest, PolicyDigest, ValueDigest, sha256};
use crate::escalation;
use crate::moment::Moment;
use crate::names::names;
use crate::notice::Told;
use crate::operation::Operation;
use crate::party::{
    AgentId, EscalationId, ExecutorId, LogOrigin, PersonId, SuspensionId, TokenId, TrustDomain, TxnId,
};
use crate::reviewer::profile::Profile;
use crate::reviewer::{Absence, Absences};
use crate::risk::Claims;
use crate::suspension::Suspension;
use serde::{Deserialize, Serialize};

/// The name under which the service proposes and carries out changes of its own policy and roster; nobody else can
/// have it.
pub const OWN_NAME: &str = "countersign";
/// What it proposes.
pub const OWN_ACTION: &str = "countersign.policy.change";

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The service started.
    Started {
        /// The program's version.
        version: String,
        /// The trust domain that it decides for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<TrustDomain>,
        /// The origin of its log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<LogOrigin>,
        /// Whether a changed policy or roster has to be approved before it comes into force.
        #[serde(default)]
        changes: Changes,
    },
    /// The service was stopped in order.
    Stopped {},
    /// A policy came into force.
    PolicyLoaded {
        /// Its digest, which every decision under it names.
        digest: PolicyDigest,
        /// Its whole text.
        text: String,
        /// The decision that approved this change of it, where one was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved: Option<TxnId>,
    },
    /// A roster came into force.
    RosterLoaded {
        /// Its whole text.
        text: String,
        /// The decision that approved this change of it, where one was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved: Option<TxnId>,
    },
    /// Somebody said when they are away, or that they are back.
    Absence {
        /// Who.
        person: PersonId,
        /// When they are away and who stands in; nothing where they are back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        absence: Option<Absence>,
        /// What is known of all absences with this, so that the latest of these events says it all.
        absences: Absences,
    },
    /// Somebody changed what they set up themselves: a passkey was enrolled or removed, or how they like to be told.
    ProfileChanged {
        /// Whose it is.
        person: PersonId,
        /// Who changed it, and how they were known.
        by: String,
        /// All of it, as it is from now on.
        profile: Box<Profile>,
    },
    /// Somebody was told something, or could not be.
    Told(Box<Told>),
    /// An escalation waits in a sidecar for a desk that is away, or does so no longer.
    Queued(Box<Queued>),
    /// A key may sign from now on.
    KeyCertified {
        /// The key.
        kid: KeyId,
        /// Its certificate.
        certificate: String,
    },
    /// A key may not sign any more, and what it signed is not trusted.
    KeyRevoked {
        /// The key.
        kid: KeyId,
    },
    /// An operator had a join token made for a sidecar.
    Invited(Box<Invited>),
    /// A sidecar's keys were certified, for the first time or again.
    Enrolled(Box<Enrolled>),
    /// A sidecar may not do anything any more.
    Withdrawn(Box<Withdrawn>),
    /// A sidecar handed over leaves of its own log.
    Shipped(Box<Shipped>),
    /// A sidecar's log does not continue what it had handed over.
    Diverged(Box<Diverged>),
    /// An operation was decided.
    Decided(Box<Decided>),
    /// An escalation took a step.
    Escalation {
        /// Which one.
        id: EscalationId,
        /// The step.
        step: escalation::Event,
    },
    /// A drill is about to be opened: a proposal of nobody, that ought to be denied. It is no decision, counts for no
    /// agent, and no token is ever minted for it.
    Drill {
        /// The escalation that it becomes.
        id: EscalationId,
        /// The proposal, as if the agent that it names had asked.
        proposal: Box<Decided>,
        /// The operator who ordered it.
        by: String,
    },
    /// A token is about to be signed; its place in the log is this record's.
    Minted(Box<Minted>),
    /// What became of an operation, as its agent tells it.
    Reported(Reported),
    /// What became of an operation, as the executor signed it.
    Receipted(Box<Receipted>),
    /// Something went wrong in the world because of an operation; told by an operator.
    Incident(Box<Incident>),
    /// The queue is saturated, or is not any more.
    Saturated(Saturated),
    /// A value that was kept apart from the log was erased.
    Erased {
        /// Which one.
        value: ValueDigest,
        /// The operator who had it erased.
        by: String,
        /// Why, in their words.
        why: String,
    },
    /// The wall clock was set back; nothing is minted until it has caught up.
    ClockInDoubt {
        /// What the wall clock says.
        wall: Moment,
    },
    /// Something was suspended: none of it is minted until that is lifted or has ended.
    Suspended {
        /// What, why, by whom and until when.
        suspension: Box<Suspension>,
    },
    /// A suspension was lifted, or its end had come.
    Resumed {
        /// Which one.
        id: SuspensionId,
        /// The operator who lifted it; nobody where its end had come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
}

/// An operation that was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// The decision's id.
    pub txn: TxnId,
    /// Who asked.
    pub agent: AgentId,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<PersonId>,
    /// The caller's request id, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The executor that would act.
    pub executor: ExecutorId,
    /// The operation's digest.
    pub digest: OperationDigest,
    /// The canonical operation (TOKEN §5).
    pub op: String,
    /// The operation as it may be shown and as it stands in the log, where it has secret values. It is not written
    /// beside the operation but in its place; a store that still has the secret values gives both back.
    #[serde(skip)]
    pub shown: Option<String>,
    /// The raw payload in base64url, where the operation has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// What argues for it.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
    /// What the agent declared.
    #[serde(default)]
    pub claims: Claims,
    /// The holder key to bind the token to, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder_key: Option<String>,
    /// The decision, with every factor and reason.
    pub decision: Decision,
    /// The escalation that it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationId>,
    /// The suspension that denied it, whatever the policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<SuspensionId>,
    /// The trace that the request was part of: 32 hexadecimal digits (W3C Trace Context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Decided {
    /// The operation as it may be shown to people.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.op)
    }

    /// Whether what was secret in the operation is gone, so that nobody can carry it out any more.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        Operation::from_op_bytes(self.op.as_bytes())
            .map_or(true, |operation| operation.digest() != self.digest)
    }
}

/// A token that is about to be signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minted {
    /// The decision that it carries out.
    pub txn: TxnId,
    /// Its single-use key.
    pub jti: TokenId,
    /// The key that signs it.
    pub kid: KeyId,
    /// The escalation that was approved, if it took one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationId>,
    /// The claims but `cs_log`, which is this record's place.
    pub claims: String,
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// The decision.
    pub txn: TxnId,
    /// Who reports it.
    pub agent: AgentId,
    /// What happened.
    pub outcome: Outcome,
    /// An executor's refusal code, where the token was refused.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// More, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

names! {
    /// How an operation ended.
    Outcome {
        /// It was done.
        Succeeded = "succeeded",
        /// It was tried and failed.
        Failed = "failed",
        /// The program stopped before it could tell.
        Unknown = "unknown",
        /// The executor refused the token.
        Refused = "refused",
    }
}

/// What became of an operation, as the executor signed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipted {
    /// The decision.
    pub txn: TxnId,
    /// The token that was used.
    pub jti: TokenId,
    /// The executor.
    pub executor: ExecutorId,
    /// What happened.
    pub outcome: Outcome,
    /// The signed receipt.
    pub receipt: String,
    /// The certificates that lead to its key from a root, the root's first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
}

/// Something went wrong in the world because of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// The decision that let it happen.
    pub txn: TxnId,
    /// How bad it was.
    pub severity: IncidentSeverity,
    /// The operator who reports it.
    pub by: String,
    /// What happened, in their words.
    pub what: String,
}

names! {
    /// How bad an incident was, the least first.
    IncidentSeverity {
        /// Noticed, and harmless.
        Minor = "minor",
        /// Somebody had to mend something.
        Major = "major",
        /// Customers, data or money were harmed.
        Critical = "critical",
    }
}

/// The queue is saturated, or is not any more: too large a share goes to people, or they take too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saturated {
    /// What is measured.
    pub measure: SaturationMeasure,
    /// Whether it is above its limit with this event; otherwise it has come back under it.
    pub above: bool,
    /// The figure: thousandths of all operations, or seconds.
    pub figure: u64,
    /// The limit, in the same unit.
    pub limit: u64,
    /// How long a time the figure is of, in seconds.
    pub window: u64,
    /// How many cases it rests on.
    pub cases: u64,
}

/// What tells that a queue is saturated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaturationMeasure {
    /// The share of all operations that go to people, in thousandths.
    Share,
    /// The median time to an approval, in seconds.
    TimeToApprove,
}

/// Whether a changed policy or roster is taken as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changes {
    /// It is.
    #[default]
    Free,
    /// Only once the policy in force allows it, or the people agree whom that policy asks.
    Approved,
}

/// The name under which a request of an agent is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey([u8; 16]);

impl RequestKey {
    /// The key of `request_id` as `agent` uses it; another agent's same id is another key.
    #[must_use]
    pub fn new(agent: &AgentId, request_id: &str) -> Self {
        let hash = sha256(&[agent.as_str().as_bytes(), b"\0", request_id.as_bytes()]);
        let mut key = [0; 16];
        key.copy_from_slice(hash.split_at(16).0);
        Self(key)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Event {
    /// The event's name, as the log writes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped {} => "stopped",
            Self::PolicyLoaded { .. } => "policy_loaded",
            Self::RosterLoaded { .. } => "roster_loaded",
            Self::Absence { .. } => "absence",
            Self::Queued(_) => "queued",
            Self::KeyCertified { .. } => "key_certified",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::Decided(_) => "decided",
            Self::Escalation { .. } => "escalation",
            Self::Drill { .. } => "drill",
            Self::Minted(_) => "minted",
            Self::Reported(_) => "reported",
            Self::Receipted(_) => "receipted",
            Self::Incident(_) => "incident",
            Self::Saturated(_) => "saturated",
            Self::Erased { .. } => "erased",
            Self::ProfileChanged { .. } => "profile_changed",
            Self::Told(_) => "told",
            Self::Invited(_) => "invited",
            Self::Enrolled(_) => "enrolled",
            Self::Withdrawn(_) => "withdrawn",
            Self::Shipped(_) => "shipped",
            Self::Diverged(_) => "diverged",
            Self::ClockInDoubt { .. } => "clock_in_doubt",
            Self::Suspended { .. } => "suspended",
            Self::Resumed { .. } => "resumed",
        }
    }

    /// The operation that is decided or proposed with this event, and what may be shown of it where it has secret
    /// values; where in the record it stands.
    pub(super) fn operation(&self) -> Option<(&'static str, &Decided)> {
        match self {
            Self::Decided(decided) => Some(("/op", decided)),
            Self::Drill { proposal, .. } => Some(("/proposal/op", proposal)),
            Self::Started { .. }
            | Self::Stopped {}
            | Self::PolicyLoaded { .. }
            | Self::RosterLoaded { .. }
            | Self::Absence { .. }
            | Self::Queued(_)
            | Self::KeyCertified { .. }
            | Self::KeyRevoked { .. }
            | Self::Escalation { .. }
            | Self::Minted(_)
            | Self::Reported(_)
            | Self::Receipted(_)
            | Self::Incident(_)
            | Self::Saturated(_)
            | Self::Erased { .. }
            | Self::ProfileChanged { .. }
            | Self::Told(_)
            | Self::Shipped(_)
            | Self::Enrolled(_)
            | Self::Invited(_)
            | Self::Withdrawn(_)
            | Self::Diverged(_)
            | Self::ClockInDoubt { .. }
            | Self::Suspended { .. }
            | Self::Resumed { .. } => None,
        }
    }

    pub(super) fn show(&mut self, shown: String) {
        if let Self::Decided(decided) | Self::Drill { proposal: decided, .. } = self {
            decided.shown = Some(shown);
        }
    }

    /// The decision that this event names as its own.
    #[must_use]
    pub fn txn(&self) -> Option<TxnId> {
        match self {
            Self::Decided(decided) | Self::Drill { proposal: decided, .. } => Some(decided.txn),
            Self::Escalation { step: escalation::Event::Opened(opening), .. } => Some(opening.txn),
            Self::Minted(minted) => Some(minted.txn),
            Self::Reported(reported) => Some(reported.txn),
            Self::Receipted(receipt) => Some(receipt.txn),
            Self::Incident(incident) => Some(incident.txn),
            Self::Told(told) => told.txn,
            Self::Queued(queued) => Some(queued.txn),
            Self::PolicyLoaded { approved, .. } | Self::RosterLoaded { approved, .. } => *approved,
            Self::Started { .. }
            | Self::Stopped {}
            | Self::Absence { .. }
            | Self::KeyCertified { .. }
            | Self::KeyRevoked { .. }
            | Self::Escalation { .. }
            | Self::Saturated(_)
            | Self::Erased { .. }
            | Self::ProfileChanged { .. }
            | Self::Shipped(_)
            | Self::Enrolled(_)
            | Self::Invited(_)
            | Self::Withdrawn(_)
            | Self::Diverged(_)
            | Self::ClockInDoubt { .. }
            | Self::Suspended { .. }
            | Self::Resumed { .. } => None,
        }
    }

    /// The escalation whose course this event is part of.
    #[must_use]
    pub fn escalation(&self) -> Option<EscalationId> {
        match self {
            Self::Escalation { id, .. } | Self::Drill { id, .. } => Some(*id),
            Self::Minted(minted) => minted.escalation,
            Self::Started { .. }
            | Self::Stopped {}
            | Self::PolicyLoaded { .. }
            | Self::RosterLoaded { .. }
            | Self::Absence { .. }
            | Self::Queued(_)
            | Self::KeyCertified { .. }
            | Self::KeyRevoked { .. }
            | Self::Decided(_)
            | Self::Reported(_)
            | Self::Receipted(_)
            | Self::Incident(_)
            | Self::Saturated(_)
            | Self::Erased { .. }
            | Self::ProfileChanged { .. }
            | Self::Told(_)
            | Self::Shipped(_)
            | Self::Enrolled(_)
            | Self::Invited(_)
            | Self::Withdrawn(_)
            | Self::Diverged(_)
            | Self::ClockInDoubt { .. }
            | Self::Suspended { .. }
            | Self::Resumed { .. } => None,
        }
    }

    /// Whether a desk takes it over from a sidecar's log into its own record: what was decided, minted, and came of it.
    /// Everything else in there is the sidecar's own affair, or the desk's already.
    #[must_use]
    pub const fn is_adopted_by_desks(&self) -> bool {
        match self {
            Self::Decided(_)
            | Self::Minted(_)
            | Self::Reported(_)
            | Self::Receipted(_)
            | Self::Incident(_) => true,
            Self::Started { .. }
            | Self::Stopped {}
            | Self::PolicyLoaded { .. }
            | Self::RosterLoaded { .. }
            | Self::Absence { .. }
            | Self::Queued(_)
            | Self::KeyCertified { .. }
            | Self::KeyRevoked { .. }
            | Self::Invited(_)
            | Self::Enrolled(_)
            | Self::Withdrawn(_)
            | Self::Shipped(_)
            | Self::Diverged(_)
            | Self::Escalation { .. }
            | Self::Drill { .. }
            | Self::Saturated(_)
            | Self::Erased { .. }
            | Self::ProfileChanged { .. }
            | Self::Told(_)
            | Self::ClockInDoubt { .. }
            | Self::Suspended { .. }
            | Self::Resumed { .. } => false,
        }
    }

    /// The agent that this event speaks against: a denial, an operation that was declared as less than it is or cut
    /// to stay below a threshold, or an executor that refused its token. That somebody else suspended it says nothing
    /// about what it asked for.
    #[must_use]
    pub fn anomaly_of(&self) -> Option<&AgentId> {
        match self {
            Self::Decided(decided) if decided.decision.is_anomalous() && decided.suspension.is_none() => {
                Some(&decided.agent)
            }
            Self::Reported(reported) if reported.outcome == Outcome::Refused => Some(&reported.agent),
            Self::Started { .. }
            | Self::Stopped {}
            | Self::PolicyLoaded { .. }
            | Self::RosterLoaded { .. }
            | Self::Absence { .. }
            | Self::Queued(_)
            | Self::KeyCertified { .. }
            | Self::KeyRevoked { .. }
            | Self::Decided(_)
            | Self::Escalation { .. }
            | Self::Drill { .. }
            | Self::Minted(_)
            | Self::Reported(_)
            | Self::Receipted(_)
            | Self::Incident(_)
            | Self::Saturated(_)
            | Self::Erased { .. }
            | Self::ProfileChanged { .. }
            | Self::Told(_)
            | Self::Shipped(_)
            | Self::Enrolled(_)
            | Self::Invited(_)
            | Self::Withdrawn(_)
            | Self::Diverged(_)
            | Self::ClockInDoubt { .. }
            | Self::Suspended { .. }
            | Self::Resumed { .. } => None,
        }
    }
}
