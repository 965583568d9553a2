//! An operator's connection: stop agents, let them go on, and see to the policy.

mod figures;
mod fleet;
mod people;
mod telling;

pub use figures::{IncidentSeverity, StatisticsOf};
pub use fleet::{JoinToken, SidecarOverview, SidecarRole};
pub use people::{Invited, Passkeys, ReviewerPasskey};
pub use telling::{ChannelStanding, Channels, DeadNotice, LateEscalation};

use super::{Ask, ClientError, Connect, Pending};
use crate::proto::{self, admin_client::AdminClient as Inner};
use core::time::Duration;
use tonic::transport::Channel;

/// An operator's connection to the service.
#[derive(Clone, Debug)]
pub struct AdminClient {
    inner: Inner<Channel>,
    connect: Connect,
}

/// What is to be suspended: an agent, an action, both together, or neither, which is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// A pattern of agents; empty for any.
    pub agent: String,
    /// A pattern of actions; empty for any.
    pub action: String,
}

/// A suspension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Its id.
    pub id: String,
    /// What it stops.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Who ordered it.
    pub by: String,
    /// Since when, in Unix milliseconds.
    pub at: u64,
    /// Until when, in Unix milliseconds, if it ends by itself.
    pub until: Option<u64>,
}

/// What came of an order to suspend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspended {
    /// The suspension, in force.
    pub suspension: Suspension,
    /// How many living tokens are on the list of revocations because of it.
    pub revoked_tokens: u32,
    /// There were too many to be told apart: every token that was issued until now is revoked.
    pub revoked_all_tokens: bool,
    /// Why the living tokens could not be revoked, or empty.
    pub not_revoked: String,
}

/// What a running service decides under, and what is known about its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyStatus {
    /// The policy's name.
    pub name: String,
    /// The digest of the policy in force.
    pub policy: String,
    /// The digest of the roster in force.
    pub roster: String,
    /// Since when, in Unix milliseconds.
    pub since: u64,
    /// The digest of the policy's file, or empty if it can't be read.
    pub policy_file: String,
    /// The digest of the roster's file, or empty if it can't be read.
    pub roster_file: String,
    /// Why the files are not in force, and since when in Unix milliseconds.
    pub trouble: Option<(String, u64)>,
    /// The escalations that a change waits for.
    pub waiting: Vec<String>,
    /// Whether a change must be approved under the policy in force.
    pub needs_approval: bool,
    /// How many suspensions are in force.
    pub suspended: u32,
}

/// What came of a look at the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// They are what is in force.
    Unchanged,
    /// They are in force now.
    Taken,
    /// They wait for people to agree.
    Waiting,
    /// They are not taken; the status says why.
    Refused,
    /// They are being written.
    Unsettled,
}

impl ReloadOutcome {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Taken => "taken",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Unsettled => "unsettled",
        }
    }
}

impl AdminClient {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Target`] or [`ClientError::Unreachable`].
    pub async fn connect(connect: Connect) -> Result<Self, ClientError> {
        let channel = connect.channel().await?;
        Ok(Self { inner: Inner::new(channel), connect })
    }

    /// Suspends at once, for a time or until it is lifted.
    ///
    /// # Errors
    /// [`ClientError`] if it is not in force, or if that is not known.
    pub async fn suspend(
        &self,
        scope: Scope,
        reason: &str,
        lasts: Option<Duration>,
    ) -> Result<Suspended, ClientError> {
        let everything = scope == Scope::default();
        let Scope { agent, action } = scope;
        let for_seconds = lasts.map_or(0, |lasts| lasts.as_secs());
        let message =
            proto::SuspendRequest { agent, action, everything, reason: reason.to_owned(), for_seconds };
        let answer = self.inner.clone().suspend(self.connect.request(message)).await?.into_inner();
        let suspension = answer.suspension.ok_or(ClientError::Unintelligible("no suspension"))?;
        Ok(Suspended {
            suspension: suspension.into(),
            revoked_tokens: answer.revoked_tokens,
            revoked_all_tokens: answer.revoked_all_tokens,
            not_revoked: answer.not_revoked,
        })
    }

    /// Lifts one suspension, and gives it.
    ///
    /// # Errors
    /// [`ClientError`] if there is none of this id.
    pub async fn resume(&self, id: &str) -> Result<Vec<Suspension>, ClientError> {
        self.lift(proto::ResumeRequest { id: id.to_owned(), all: false }).await
    }

    /// Lifts all suspensions, and gives them.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn resume_all(&self) -> Result<Vec<Suspension>, ClientError> {
        self.lift(proto::ResumeRequest { id: String::new(), all: true }).await
    }

    async fn lift(&self, message: proto::ResumeRequest) -> Result<Vec<Suspension>, ClientError> {
        let answer = self.inner.clone().resume(self.connect.request(message)).await?.into_inner();
        Ok(answer.lifted.into_iter().map(Suspension::from).collect())
    }

    /// What the service decides under, and what is known about its files.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn policy_status(&self) -> Result<PolicyStatus, ClientError> {
        let request = self.connect.request(proto::PolicyStatusRequest {});
        Ok(self.inner.clone().policy_status(request).await?.into_inner().into())
    }

    /// Has the service look at its files at once.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn reload_policy(&self) -> Result<(ReloadOutcome, PolicyStatus), ClientError> {
        let request = self.connect.request(proto::ReloadPolicyRequest {});
        let answer = self.inner.clone().reload_policy(request).await?.into_inner();
        let outcome = match answer.outcome() {
            proto::ReloadOutcome::Unchanged => ReloadOutcome::Unchanged,
            proto::ReloadOutcome::Taken => ReloadOutcome::Taken,
            proto::ReloadOutcome::Waiting => ReloadOutcome::Waiting,
            proto::ReloadOutcome::Refused => ReloadOutcome::Refused,
            proto::ReloadOutcome::Unsettled => ReloadOutcome::Unsettled,
            proto::ReloadOutcome::Unspecified => return Err(ClientError::Unintelligible("no outcome")),
        };
        let status = answer.status.ok_or(ClientError::Unintelligible("no status"))?;
        Ok((outcome, status.into()))
    }

    /// Puts a proposal that ought to be denied before people, as if `agent` had made it for `on_behalf_of`.
    ///
    /// # Errors
    /// [`ClientError`] if the policy would ask nobody, or there is no answer.
    pub async fn start_drill(
        &self,
        agent: &str,
        on_behalf_of: &str,
        ask: Ask,
    ) -> Result<Pending, ClientError> {
        let (agent, on_behalf_of) = (agent.to_owned(), on_behalf_of.to_owned());
        let message = proto::StartDrillRequest { agent, on_behalf_of, ask: Some(ask.into()) };
        let opened = self.inner.clone().start_drill(self.connect.request(message)).await?.into_inner();
        let proto::StartDrillResponse { escalation_id: escalation, decide_by, requirement } = opened;
        Ok(Pending { escalation, decide_by, requirement, queued: false })
    }

    /// The drills, latest first, at most `limit`.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn drills(&self, limit: u32) -> Result<Vec<Drill>, ClientError> {
        let request = self.connect.request(proto::ListDrillsRequest { limit });
        let answer = self.inner.clone().list_drills(request).await?.into_inner();
        answer.drills.into_iter().map(Drill::try_from).collect()
    }

    /// Has an executor's receipt taken into the record.
    ///
    /// # Errors
    /// [`ClientError`] if it is refused, or there is no answer.
    pub async fn add_receipt(&self, receipt: &str, certificates: &[String]) -> Result<OnRecord, ClientError> {
        let certificates = certificates.to_vec();
        let message = proto::AddReceiptRequest { receipt: receipt.to_owned(), certificates };
        let answer = self.inner.clone().add_receipt(self.connect.request(message)).await?.into_inner();
        let proto::AddReceiptResponse { decision_id: decision, executor, outcome, index, known } = answer;
        Ok(OnRecord { decision, executor, outcome, index, known })
    }

    /// Has a value erased that is kept apart from the log, or all that are kept for a decision; their digests.
    ///
    /// # Errors
    /// [`ClientError`] if there is none, or no answer.
    pub async fn erase(&self, what: &str, why: &str) -> Result<Vec<String>, ClientError> {
        let message = proto::EraseRequest { what: what.to_owned(), why: why.to_owned() };
        Ok(self.inner.clone().erase(self.connect.request(message)).await?.into_inner().values)
    }

    /// The suspensions in force, oldest first.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn suspensions(&self) -> Result<Vec<Suspension>, ClientError> {
        let request = self.connect.request(proto::ListSuspensionsRequest {});
        let answer = self.inner.clone().list_suspensions(request).await?.into_inner();
        Ok(answer.suspensions.into_iter().map(Suspension::from).collect())
    }
}

/// A receipt that is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnRecord {
    /// The decision whose token was used.
    pub decision: String,
    /// The executor that signed it.
    pub executor: String,
    /// How it ended: `succeeded`, `failed` or `unknown`.
    pub outcome: String,
    /// Its place in the record.
    pub index: u64,
    /// It was there before.
    pub known: bool,
}

/// A drill, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Its escalation's id.
    pub escalation: String,
    /// What became of it.
    pub result: DrillResult,
    /// What is done.
    pub action: String,
    /// To what.
    pub resource: String,
    /// Unix milliseconds.
    pub opened_at: u64,
    /// Unix milliseconds, once it is over.
    pub ended_at: Option<u64>,
    /// The operator who ordered it.
    pub by: String,
    /// Who denied it.
    pub denied_by: Vec<String>,
    /// Who would have approved it.
    pub approved_by: Vec<String>,
}

/// What became of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillResult {
    /// People may still decide.
    Open,
    /// Somebody denied it.
    Caught,
    /// Enough people would have approved it.
    Missed,
    /// Nobody decided in time.
    Unanswered,
    /// It ended otherwise.
    Over,
}

impl DrillResult {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Caught => "caught",
            Self::Missed => "missed",
            Self::Unanswered => "unanswered",
            Self::Over => "over",
        }
    }
}

impl TryFrom<proto::Drill> for Drill {
    type Error = ClientError;

    fn try_from(wire: proto::Drill) -> Result<Self, ClientError> {
        let result = match wire.result() {
            proto::DrillResult::Open => DrillResult::Open,
            proto::DrillResult::Caught => DrillResult::Caught,
            proto::DrillResult::Missed => DrillResult::Missed,
            proto::DrillResult::Unanswered => DrillResult::Unanswered,
            proto::DrillResult::Over => DrillResult::Over,
            proto::DrillResult::Unspecified => {
                return Err(ClientError::Unintelligible("no result of a drill"));
            }
        };
        Ok(Self {
            escalation: wire.escalation_id,
            result,
            action: wire.action,
            resource: wire.resource,
            opened_at: wire.opened_at,
            ended_at: (wire.ended_at != 0).then_some(wire.ended_at),
            by: wire.by,
            denied_by: wire.denied_by,
            approved_by: wire.approved_by,
        })
    }
}

impl From<proto::PolicyStatusResponse> for PolicyStatus {
    fn from(wire: proto::PolicyStatusResponse) -> Self {
        Self {
            name: wire.name,
            policy: wire.policy_digest,
            roster: wire.roster_digest,
            since: wire.since,
            policy_file: wire.policy_file_digest,
            roster_file: wire.roster_file_digest,
            trouble: (!wire.trouble.is_empty()).then_some((wire.trouble, wire.trouble_at)),
            waiting: wire.waiting,
            needs_approval: wire.needs_approval,
            suspended: wire.suspended,
        }
    }
}

impl From<proto::Suspension> for Suspension {
    fn from(wire: proto::Suspension) -> Self {
        Self {
            id: wire.id,
            scope: Scope { agent: wire.agent, action: wire.action },
            reason: wire.reason,
            by: wire.by,
            at: wire.at,
            until: (wire.until != 0).then_some(wire.until),
        }
    }
}
