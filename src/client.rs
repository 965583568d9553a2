//! The gRPC client: how an agent asks, waits and reports, how a reviewer reads and votes, and how an operator stops
//! agents.

mod admin;
mod audit;
mod change;
mod connect;
mod review;
mod types;
mod wire;

pub use admin::{
    AdminClient, ChannelStanding, Channels, DeadNotice, Drill, DrillResult, IncidentSeverity, Invited,
    JoinToken, LateEscalation, OnRecord, Passkeys, PolicyStatus, ReloadOutcome, ReviewerPasskey, Scope,
    SidecarOverview, SidecarRole, StatisticsOf, Suspended, Suspension,
};
pub use audit::{AuditClient, DecisionFilter, DecisionOverview, DecisionPage, FollowingRecords, LogRecord};
pub use change::{Able, Change, Draft, Whereabouts, WhoCan};
pub use connect::{Connect, Target};
pub use review::{Myself, ReviewClient, SignedIn, Watching};
pub use types::{
    Answer, Ask, CastVote, Context, Declared, DifferenceLine, Escalation, Factor, Filter, Grant, Level,
    Listed, News, Offer, Order, Outcome, Pending, Progress, Risk, Status, Summary, TrustBundle, Verdict,
};

use crate::proto;
use core::fmt;
use proto::authority_client::AuthorityClient;
use tonic::transport::Channel;

/// Why a call gave no answer. None of these means yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// The target is not `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`, or its TLS files do not serve.
    Target(String),
    /// Nobody answers there.
    Unreachable(String),
    /// The service refused the call: its gRPC code and message.
    Refused {
        /// The gRPC status code's name, such as `InvalidArgument`.
        code: String,
        /// What the service said.
        message: String,
    },
    /// The answer is not one that this version understands.
    Unintelligible(&'static str),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(what) => write!(f, "cannot use the target: {what}"),
            Self::Unreachable(what) => write!(f, "the service does not answer: {what}"),
            Self::Refused { code, message } => write!(f, "{message} ({code})"),
            Self::Unintelligible(what) => write!(f, "the answer cannot be understood: {what}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<tonic::Status> for ClientError {
    fn from(status: tonic::Status) -> Self {
        let message = status.message().to_owned();
        // A status with a cause was made here, because the connection broke; one without came from the service.
        if status.code() == tonic::Code::Unavailable && std::error::Error::source(&status).is_some() {
            return Self::Unreachable(message);
        }
        Self::Refused { code: format!("{:?}", status.code()), message }
    }
}

/// An agent's connection to its sidecar.
#[derive(Clone, Debug)]
pub struct AgentClient {
    inner: AuthorityClient<Channel>,
    connect: Connect,
}

impl AgentClient {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Target`] or [`ClientError::Unreachable`].
    pub async fn connect(connect: Connect) -> Result<Self, ClientError> {
        let channel = connect.channel().await?;
        Ok(Self { inner: AuthorityClient::new(channel), connect })
    }

    /// Asks for one operation.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer; a denial is an answer.
    pub async fn authorize(&self, ask: Ask) -> Result<Answer, ClientError> {
        let request = self.connect.request(ask.into());
        self.inner.clone().authorize(request).await?.into_inner().try_into()
    }

    /// Follows an escalation; the first item is its present state, the last one its end.
    ///
    /// # Errors
    /// [`ClientError`] if it can't be followed; the stream may be opened again at any time.
    pub async fn follow(&self, escalation: &str) -> Result<Following, ClientError> {
        let request = self.connect.request(proto::AwaitRequest { escalation_id: escalation.to_owned() });
        Ok(Following(self.inner.clone().r#await(request).await?.into_inner()))
    }

    /// Withdraws an escalation and says how it stands then.
    ///
    /// # Errors
    /// [`ClientError`] if it is not this agent's or is over.
    pub async fn cancel(&self, escalation: &str, reason: &str) -> Result<Status, ClientError> {
        let message =
            proto::CancelRequest { escalation_id: escalation.to_owned(), reason: reason.to_owned() };
        self.inner.clone().cancel(self.connect.request(message)).await?.into_inner().status.try_into()
    }

    /// Takes the changed operation that a reviewer proposed instead; asking again gives the same answer.
    ///
    /// # Errors
    /// [`ClientError`] if nothing was proposed, or it is over.
    pub async fn accept(&self, escalation: &str) -> Result<Answer, ClientError> {
        let message = proto::AcceptRequest { escalation_id: escalation.to_owned() };
        self.inner.clone().accept(self.connect.request(message)).await?.into_inner().try_into()
    }

    /// Tells what became of an operation.
    ///
    /// # Errors
    /// [`ClientError`] if it was not recorded.
    pub async fn report(
        &self,
        decision: &str,
        outcome: Outcome,
        code: &str,
        detail: &str,
    ) -> Result<(), ClientError> {
        let message = proto::ReportRequest {
            decision_id: decision.to_owned(),
            outcome: proto::Outcome::from(outcome).into(),
            code: code.to_owned(),
            detail: detail.to_owned(),
            ..Default::default()
        };
        self.inner.clone().report(self.connect.request(message)).await?;
        Ok(())
    }

    /// Tells what became of an operation, and hands on what its executor signed about that.
    ///
    /// # Errors
    /// [`ClientError`] if that could not be recorded; nothing is if the receipt is refused.
    pub async fn report_with(
        &self,
        decision: &str,
        outcome: Outcome,
        detail: &str,
        receipt: &str,
        certificates: &[String],
    ) -> Result<(), ClientError> {
        let message = proto::ReportRequest {
            decision_id: decision.to_owned(),
            outcome: proto::Outcome::from(outcome).into(),
            code: String::new(),
            detail: detail.to_owned(),
            receipt: receipt.to_owned(),
            receipt_certificates: certificates.to_vec(),
        };
        self.inner.clone().report(self.connect.request(message)).await?;
        Ok(())
    }

    /// The signed trust bundle.
    ///
    /// # Errors
    /// [`ClientError`] if there is none.
    pub async fn trust_bundle(&self) -> Result<TrustBundle, ClientError> {
        let request = self.connect.request(proto::GetTrustBundleRequest {});
        let answer = self.inner.clone().get_trust_bundle(request).await?.into_inner();
        let proto::GetTrustBundleResponse { bundle, certificates, jwks, revocations } = answer;
        Ok(TrustBundle { bundle, certificates, jwks, revocations })
    }
}

/// An escalation being followed.
#[derive(Debug)]
pub struct Following(tonic::Streaming<proto::AwaitResponse>);

impl Following {
    /// The next state; `None` after the end.
    ///
    /// # Errors
    /// [`ClientError`] if the connection broke; follow again.
    pub async fn next(&mut self) -> Result<Option<Progress>, ClientError> {
        self.0.message().await?.map(Progress::try_from).transpose()
    }
}
