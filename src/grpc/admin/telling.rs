//! Operators see how people are told, and what waits too long.

use crate::desk::outbox::{Dead, Outbox, Standing};
use crate::desk::queue::Queue;
use crate::desk::sla::{Late, Sla};
use crate::escalation::Channel;
use crate::grpc::convert;
use crate::moment::Moment;
use crate::notice::NoticeId;
use crate::party::PersonId;
use crate::proto;
use std::sync::Arc;
use tonic::Status;

/// What tells people, and how long what they decide may wait.
pub struct Telling {
    /// Brings the messages.
    pub outbox: Arc<Outbox>,
    /// What waits.
    pub queue: Arc<Queue>,
    /// How long it may.
    pub sla: Sla,
}

impl Telling {
    pub(super) fn channels(&self) -> proto::ListChannelsResponse {
        proto::ListChannelsResponse {
            channels: self.outbox.standing().into_iter().map(standing).collect(),
            held: u32::try_from(self.outbox.held()).unwrap_or(u32::MAX),
            dead: self.outbox.dead().iter().map(dead).collect(),
        }
    }

    pub(super) async fn test(&self, to: &str) -> Result<proto::TestChannelResponse, Status> {
        let form = || convert::invalid("`to` is no address, as `email:ada@example.com` is one");
        let to = Channel::parse(to).filter(|to| to.which().is_some()).ok_or_else(form)?;
        Ok(match self.outbox.test(&to).await {
            Ok(_) => proto::TestChannelResponse { delivered: true, why: String::new() },
            Err(error) => proto::TestChannelResponse { delivered: false, why: error.to_string() },
        })
    }

    pub(super) fn retry(&self, notice: &str) -> Result<proto::RetryNoticesResponse, Status> {
        let which = match notice {
            "" => None,
            notice => {
                let form = || convert::invalid("`notice` is not an id of the form `not_…`");
                Some(NoticeId::parse(notice).ok_or_else(form)?)
            }
        };
        let count = self.outbox.retry(which);
        Ok(proto::RetryNoticesResponse { count: u32::try_from(count).unwrap_or(u32::MAX) })
    }

    pub(super) fn late(&self) -> Result<proto::ListLateResponse, Status> {
        let late = self.queue.late(&self.sla).map_err(|error| {
            tracing::error!(%error, "what is late can't be read");
            Status::unavailable("what is open can't be read now")
        })?;
        Ok(proto::ListLateResponse { late: late.iter().map(one_late).collect() })
    }
}

fn standing(one: Standing) -> proto::ChannelStanding {
    let (last_failure, why) = one.last_failure.map(|(at, why)| (at.unix_millis(), why)).unwrap_or_default();
    proto::ChannelStanding {
        kind: one.kind.to_owned(),
        delivered: one.delivered,
        failed: one.failed,
        last_success: one.last_success.map_or(0, Moment::unix_millis),
        last_failure,
        why,
        waiting: u32::try_from(one.waiting).unwrap_or(u32::MAX),
        gone: one.gone,
    }
}

fn dead(one: &Dead) -> proto::DeadNotice {
    proto::DeadNotice {
        notice: one.notice.to_string(),
        topic: one.topic.to_string(),
        to: one.to.to_string(),
        channel: one.channel.as_str().to_owned(),
        escalation: one.escalation.map(|id| id.to_string()).unwrap_or_default(),
        attempts: one.attempts,
        at: one.at.unix_millis(),
        why: one.why.clone(),
    }
}

fn one_late(one: &Late) -> proto::LateEscalation {
    let case = one.line.escalation.case();
    proto::LateEscalation {
        id: one.line.id.to_string(),
        agent: one.line.agent.to_string(),
        action: one.line.action.clone(),
        resource: one.line.resource.clone(),
        level: one.line.assessment.level.to_string(),
        since: one.since.unix_millis(),
        decide_by: case.opening().decide_by().unix_millis(),
        asked: case.asked().map(PersonId::to_string).collect(),
    }
}
