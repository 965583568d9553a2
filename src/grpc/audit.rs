//! The auditors' service: `countersign.v1.Audit`.

use super::convert;
use super::identity::Auditors;
use crate::audit::chain::{Key, Overview};
use crate::audit::filter::{Effect, Filter};
use crate::desk::reading::{Leaf, Reading, ReadingError};
use crate::moment::Moment;
use crate::party::PersonId;
use crate::proto;
use crate::risk::pattern::Glob;
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// How often a follower's log is looked at for what came.
const LOOKS: Duration = Duration::from_millis(200);
/// How many records may wait for a follower to take them.
const AHEAD: usize = 64;

/// Answers auditors.
#[derive(Clone)]
pub struct AuditService {
    reading: Reading,
    auditors: Arc<Auditors>,
    stop: watch::Receiver<bool>,
}

impl AuditService {
    /// Lets the known auditors and operators read the record until `stop` turns true.
    #[must_use]
    pub const fn new(reading: Reading, auditors: Arc<Auditors>, stop: watch::Receiver<bool>) -> Self {
        Self { reading, auditors, stop }
    }

    /// Does something with the record where it holds up nobody: it waits for the disk.
    async fn read<T: Send + 'static>(
        &self,
        with: impl FnOnce(Reading) -> Result<T, ReadingError> + Send + 'static,
    ) -> Result<T, Status> {
        let reading = self.reading.clone();
        let read = tokio::task::spawn_blocking(move || with(reading)).await;
        read.map_err(|error| Status::internal(error.to_string()))?.map_err(refused)
    }
}

#[tonic::async_trait]
impl proto::audit_server::Audit for AuditService {
    async fn list_decisions(
        &self,
        request: Request<proto::ListDecisionsRequest>,
    ) -> Result<Response<proto::ListDecisionsResponse>, Status> {
        self.auditors.admit(&request)?;
        let request = request.into_inner();
        let filter = filter(&request)?;
        let before = match request.page.as_str() {
            "" => None,
            page => Some(page.parse().map_err(|_| convert::invalid("`page` is not what a page ended with"))?),
        };
        let limit =
            if request.limit == 0 { 50 } else { usize::try_from(request.limit).unwrap_or(usize::MAX) };
        let found = self.read(move |reading| reading.decisions(&filter, before, limit)).await?;
        Ok(Response::new(proto::ListDecisionsResponse {
            decisions: found.overviews.iter().map(overview).collect(),
            next: found.next.map(|next| next.to_string()).unwrap_or_default(),
        }))
    }

    async fn get_chain(
        &self,
        request: Request<proto::GetChainRequest>,
    ) -> Result<Response<proto::GetChainResponse>, Status> {
        self.auditors.admit(&request)?;
        let key = Key::parse(&request.get_ref().id);
        let key =
            key.ok_or_else(|| convert::invalid("`id` is neither txn_…, nor esc_…, nor a token's jti"))?;
        let (found, leaves) = self.read(move |reading| reading.chain(key)).await?;
        Ok(Response::new(proto::GetChainResponse {
            overview: Some(overview(&found)),
            records: leaves.into_iter().map(record).collect(),
        }))
    }

    async fn list_records(
        &self,
        request: Request<proto::ListRecordsRequest>,
    ) -> Result<Response<proto::ListRecordsResponse>, Status> {
        self.auditors.admit(&request)?;
        let proto::ListRecordsRequest { from, limit } = request.into_inner();
        let limit = if limit == 0 { 100 } else { usize::try_from(limit).unwrap_or(usize::MAX) };
        let leaves = self.read(move |reading| reading.leaves(from, limit)).await?;
        let records = leaves.into_iter().map(record).collect();
        Ok(Response::new(proto::ListRecordsResponse { records, size: self.reading.len() }))
    }

    type FollowRecordsStream = Pin<Box<dyn Stream<Item = Result<proto::LogRecord, Status>> + Send>>;

    async fn follow_records(
        &self,
        request: Request<proto::FollowRecordsRequest>,
    ) -> Result<Response<Self::FollowRecordsStream>, Status> {
        self.auditors.admit(&request)?;
        let mut from = request.get_ref().from.min(self.reading.len());
        let (service, mut stop) = (self.clone(), self.stop.clone());
        let (send, receive) = tokio::sync::mpsc::channel(AHEAD);
        tokio::spawn(async move {
            loop {
                match service.read(move |reading| reading.leaves(from, AHEAD)).await {
                    Err(status) => {
                        drop(send.send(Err(status)).await);
                        return;
                    }
                    Ok(leaves) if leaves.is_empty() => {
                        tokio::select! {
                            () = tokio::time::sleep(LOOKS) => {}
                            () = send.closed() => return,
                            _ = stop.wait_for(|stop| *stop) => return,
                        }
                    }
                    Ok(leaves) => {
                        for leaf in leaves {
                            from = leaf.index + 1;
                            if send.send(Ok(record(leaf))).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }
}

fn filter(request: &proto::ListDecisionsRequest) -> Result<Filter, Status> {
    let pattern = |name: &str, text: &str| match text {
        "" => Ok(None),
        text => {
            Glob::new(text).map(Some).ok_or_else(|| convert::invalid(format!("`{name}` is not a pattern")))
        }
    };
    let effect = match request.decision.as_str() {
        "" => None,
        name => Some(
            Effect::parse(name)
                .ok_or_else(|| convert::invalid("`decision` is not allow, deny or escalate"))?,
        ),
    };
    let reviewer = match request.reviewer.as_str() {
        "" => None,
        name => Some(PersonId::new(name).map_err(|error| convert::invalid(format!("`reviewer`: {error}")))?),
    };
    let moment = |millis: u64| (millis != 0).then(|| Moment::from_unix_millis(millis));
    Ok(Filter {
        agent: pattern("agent", &request.agent)?,
        action: pattern("action", &request.action)?,
        effect,
        reviewer,
        from: moment(request.from),
        until: moment(request.until),
    })
}

fn overview(one: &Overview) -> proto::DecisionOverview {
    proto::DecisionOverview {
        index: one.index,
        at: one.at.unix_millis(),
        decision_id: one.txn.to_string(),
        agent: one.agent.to_string(),
        on_behalf_of: one.on_behalf_of.as_ref().map(ToString::to_string).unwrap_or_default(),
        action: one.action.clone(),
        resource: one.resource.clone(),
        decision: one.effect.to_string(),
        level: one.level.to_string(),
        score: one.score.into(),
        rule: one.rule.clone().unwrap_or_default(),
        escalation_id: one.escalation.map(|id| id.to_string()).unwrap_or_default(),
        status: one.status.map(|status| status.to_string()).unwrap_or_default(),
        reviewers: one.reviewers.iter().map(ToString::to_string).collect(),
        minted: one.minted.is_some(),
        minted_at_index: one.minted.unwrap_or_default(),
        outcome: one.outcome.map(|outcome| outcome.to_string()).unwrap_or_default(),
        incidents: u32::try_from(one.incidents).unwrap_or(u32::MAX),
        sidecar_log: one.from.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

fn record(leaf: Leaf) -> proto::LogRecord {
    proto::LogRecord { index: leaf.index, sentence: leaf.record.sentence(), leaf: leaf.bytes }
}

fn refused(error: ReadingError) -> Status {
    match error {
        ReadingError::Unknown(_) => Status::not_found(error.to_string()),
        ReadingError::Store(error) => convert::store_error(&error),
    }
}
