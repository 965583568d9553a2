//! How people are told, and what waits too long.

use super::AdminClient;
use crate::client::ClientError;
use crate::proto;

/// The channels, and what they could not bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    /// Each channel that is configured.
    pub channels: Vec<ChannelStanding>,
    /// How many notices are held back, for quiet hours or to be told together.
    pub held: u32,
    /// What was given up since the start and not tried again, the latest first.
    pub dead: Vec<DeadNotice>,
}

/// How a channel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStanding {
    /// Its kind.
    pub kind: String,
    /// How many messages it took since the start.
    pub delivered: u64,
    /// How many tries failed since the start.
    pub failed: u64,
    /// When it last took one, in Unix milliseconds.
    pub last_success: Option<u64>,
    /// When it last did not, in Unix milliseconds, and why.
    pub last_failure: Option<(u64, String)>,
    /// How many messages wait for it or are under way.
    pub waiting: u32,
    /// Its addresses that are gone.
    pub gone: Vec<String>,
}

/// A notice that nobody tries to bring any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadNotice {
    /// Its id.
    pub notice: String,
    /// What it is about.
    pub topic: String,
    /// Who was not told.
    pub to: String,
    /// By which channel it was tried last.
    pub channel: String,
    /// The escalation that it is about, or empty.
    pub escalation: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up, in Unix milliseconds.
    pub at: u64,
    /// Why.
    pub why: String,
}

/// Something that should have been decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateEscalation {
    /// Its id.
    pub id: String,
    /// Who asks.
    pub agent: String,
    /// What is done.
    pub action: String,
    /// To what.
    pub resource: String,
    /// How risky it is.
    pub level: String,
    /// Since when it is late, in Unix milliseconds.
    pub since: u64,
    /// Until when it can be decided, in Unix milliseconds.
    pub decide_by: u64,
    /// Who was asked.
    pub asked: Vec<String>,
}

impl AdminClient {
    /// How the channels do, and what was given up.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn channels(&self) -> Result<Channels, ClientError> {
        let call =
            self.inner.clone().list_channels(self.connect.request(proto::ListChannelsRequest {})).await;
        let proto::ListChannelsResponse { channels, held, dead } = call?.into_inner();
        let moment = |millis: u64| (millis != 0).then_some(millis);
        let standing = |one: proto::ChannelStanding| ChannelStanding {
            kind: one.kind,
            delivered: one.delivered,
            failed: one.failed,
            last_success: moment(one.last_success),
            last_failure: moment(one.last_failure).map(|at| (at, one.why)),
            waiting: one.waiting,
            gone: one.gone,
        };
        let given_up = |one: proto::DeadNotice| DeadNotice {
            notice: one.notice,
            topic: one.topic,
            to: one.to,
            channel: one.channel,
            escalation: one.escalation,
            attempts: one.attempts,
            at: one.at,
            why: one.why,
        };
        let dead = dead.into_iter().map(given_up).collect();
        Ok(Channels { channels: channels.into_iter().map(standing).collect(), held, dead })
    }

    /// Sends a test message; says why it was not taken, if it was not.
    ///
    /// # Errors
    /// [`ClientError`] if `to` is no address, or there is no answer.
    pub async fn test_channel(&self, to: &str) -> Result<Option<String>, ClientError> {
        let request = proto::TestChannelRequest { to: to.to_owned() };
        let answer = self.inner.clone().test_channel(self.connect.request(request)).await?.into_inner();
        Ok((!answer.delivered).then_some(answer.why))
    }

    /// Tries what was given up again, one notice or all; says how many are still worth it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn retry_notices(&self, notice: Option<&str>) -> Result<u32, ClientError> {
        let request = proto::RetryNoticesRequest { notice: notice.unwrap_or_default().to_owned() };
        Ok(self.inner.clone().retry_notices(self.connect.request(request)).await?.into_inner().count)
    }

    /// The escalations that should have been decided by now, the latest of all first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn late(&self) -> Result<Vec<LateEscalation>, ClientError> {
        let call = self.inner.clone().list_late(self.connect.request(proto::ListLateRequest {})).await;
        let late = |one: proto::LateEscalation| LateEscalation {
            id: one.id,
            agent: one.agent,
            action: one.action,
            resource: one.resource,
            level: one.level,
            since: one.since,
            decide_by: one.decide_by,
            asked: one.asked,
        };
        Ok(call?.into_inner().late.into_iter().map(late).collect())
    }
}
