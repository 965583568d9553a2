//! An auditor's connection: what was decided, what became of it, and the records as they are in the log.

use super::{ClientError, Connect};
use crate::proto::{self, audit_client::AuditClient as Inner};
use tonic::Streaming;
use tonic::transport::Channel;

/// The largest answer that is taken: a page of records.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// An auditor's connection to the service.
#[derive(Clone, Debug)]
pub struct AuditClient {
    inner: Inner<Channel>,
    connect: Connect,
}

/// Which decisions are looked for; what is empty or zero does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// A pattern of agents.
    pub agent: String,
    /// A pattern of actions.
    pub action: String,
    /// `allow`, `deny` or `escalate`.
    pub decision: String,
    /// Who voted, changed or reviewed.
    pub reviewer: String,
    /// Recorded at this moment or later, in Unix milliseconds.
    pub from: u64,
    /// Recorded before this moment, in Unix milliseconds.
    pub until: u64,
}

/// A decision and what became of it, at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionOverview {
    /// Its place in the log.
    pub index: u64,
    /// When it was recorded, in Unix milliseconds.
    pub at: u64,
    /// Its id.
    pub decision: String,
    /// Who asked.
    pub agent: String,
    /// For whom; empty for nobody.
    pub on_behalf_of: String,
    /// What was to be done.
    pub action: String,
    /// To what.
    pub resource: String,
    /// `allow`, `deny` or `escalate`.
    pub effect: String,
    /// The level of risk.
    pub level: String,
    /// The score, in thousandths.
    pub score: u32,
    /// The rule that decided; empty if the level of risk did.
    pub rule: String,
    /// The escalation; empty where nobody was asked.
    pub escalation: String,
    /// How the escalation stands; empty where nobody was asked.
    pub status: String,
    /// Who took part.
    pub reviewers: Vec<String>,
    /// Where the token's mint is recorded.
    pub minted: Option<u64>,
    /// What became of the operation; empty where nobody told.
    pub outcome: String,
    /// How many incidents were reported because of it.
    pub incidents: u32,
    /// The log of the sidecar that decided it; empty where the service itself did.
    pub sidecar_log: String,
}

/// A page of decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionPage {
    /// The latest first.
    pub decisions: Vec<DecisionOverview>,
    /// Asks for the next page, where there is one.
    pub next: Option<String>,
}

/// A record as it is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its place.
    pub index: u64,
    /// Its exact bytes.
    pub leaf: Vec<u8>,
    /// What happened, in one sentence.
    pub sentence: String,
}

/// Records as they come.
#[derive(Debug)]
pub struct FollowingRecords(Streaming<proto::LogRecord>);

impl FollowingRecords {
    /// The next record; `None` when the service stops.
    ///
    /// # Errors
    /// [`ClientError`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<LogRecord>, ClientError> {
        Ok(self.0.message().await?.map(Into::into))
    }
}

impl AuditClient {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Target`] or [`ClientError::Unreachable`].
    pub async fn connect(connect: Connect) -> Result<Self, ClientError> {
        let inner = Inner::new(connect.channel().await?).max_decoding_message_size(MAX_ANSWER);
        Ok(Self { inner, connect })
    }

    /// A page of decisions, the latest first.
    ///
    /// # Errors
    /// [`ClientError`] with what the service says.
    pub async fn decisions(
        &self,
        filter: DecisionFilter,
        limit: u32,
        page: Option<String>,
    ) -> Result<DecisionPage, ClientError> {
        let DecisionFilter { agent, action, decision, reviewer, from, until } = filter;
        let page = page.unwrap_or_default();
        let message =
            proto::ListDecisionsRequest { agent, action, decision, reviewer, from, until, limit, page };
        let answer = self.inner.clone().list_decisions(self.connect.request(message)).await?.into_inner();
        let next = (!answer.next.is_empty()).then_some(answer.next);
        Ok(DecisionPage { decisions: answer.decisions.into_iter().map(Into::into).collect(), next })
    }

    /// Everything that the record has about one decision, by its id, its escalation's or its token's.
    ///
    /// # Errors
    /// [`ClientError`] with what the service says.
    pub async fn chain(&self, id: &str) -> Result<Vec<LogRecord>, ClientError> {
        let message = proto::GetChainRequest { id: id.to_owned() };
        let answer = self.inner.clone().get_chain(self.connect.request(message)).await?.into_inner();
        Ok(answer.records.into_iter().map(Into::into).collect())
    }

    /// Records from a place on, and how many there are.
    ///
    /// # Errors
    /// [`ClientError`] with what the service says.
    pub async fn records(&self, from: u64, limit: u32) -> Result<(Vec<LogRecord>, u64), ClientError> {
        let message = proto::ListRecordsRequest { from, limit };
        let answer = self.inner.clone().list_records(self.connect.request(message)).await?.into_inner();
        Ok((answer.records.into_iter().map(Into::into).collect(), answer.size))
    }

    /// Records from a place on, and then each as it comes.
    ///
    /// # Errors
    /// [`ClientError`] with what the service says.
    pub async fn follow(&self, from: u64) -> Result<FollowingRecords, ClientError> {
        let message = proto::FollowRecordsRequest { from };
        let stream = self.inner.clone().follow_records(self.connect.request(message)).await?;
        Ok(FollowingRecords(stream.into_inner()))
    }
}

impl From<proto::DecisionOverview> for DecisionOverview {
    fn from(one: proto::DecisionOverview) -> Self {
        Self {
            index: one.index,
            at: one.at,
            decision: one.decision_id,
            agent: one.agent,
            on_behalf_of: one.on_behalf_of,
            action: one.action,
            resource: one.resource,
            effect: one.decision,
            level: one.level,
            score: one.score,
            rule: one.rule,
            escalation: one.escalation_id,
            status: one.status,
            reviewers: one.reviewers,
            minted: one.minted.then_some(one.minted_at_index),
            outcome: one.outcome,
            incidents: one.incidents,
            sidecar_log: one.sidecar_log,
        }
    }
}

impl From<proto::LogRecord> for LogRecord {
    fn from(record: proto::LogRecord) -> Self {
        Self { index: record.index, leaf: record.leaf, sentence: record.sentence }
    }
}
