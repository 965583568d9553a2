//! A reviewer's connection: read what waits, and cast a signed vote.

use super::types::{Escalation, Listed, Status};
use super::{ClientError, Connect};
use crate::proto::{self, review_client::ReviewClient as Inner};
use tonic::transport::Channel;

/// A reviewer's connection to the desk.
#[derive(Clone, Debug)]
pub struct ReviewClient {
    inner: Inner<Channel>,
    connect: Connect,
}

impl ReviewClient {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Target`] or [`ClientError::Unreachable`].
    pub async fn connect(connect: Connect) -> Result<Self, ClientError> {
        let channel = connect.channel().await?;
        let inner = Inner::new(channel).max_decoding_message_size(16 * 1024 * 1024);
        Ok(Self { inner, connect })
    }

    /// The escalations, newest first.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn list(&self, include_ended: bool, limit: u32) -> Result<Listed, ClientError> {
        let request = self.connect.request(proto::ListRequest { include_ended, limit });
        self.inner.clone().list(request).await?.into_inner().try_into()
    }

    /// One escalation, whole.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer.
    pub async fn show(&self, escalation: &str) -> Result<Escalation, ClientError> {
        let request = self.connect.request(proto::ShowRequest { escalation_id: escalation.to_owned() });
        self.inner.clone().show(request).await?.into_inner().try_into()
    }

    /// Casts a signed vote; says how the escalation stands then, with how many approvals, and why.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if the vote does not count, with the reason.
    pub async fn vote(
        &self,
        escalation: &str,
        statement: Vec<u8>,
        signature: String,
    ) -> Result<(Status, u32, Vec<String>), ClientError> {
        let message = proto::VoteRequest { escalation_id: escalation.to_owned(), statement, signature };
        let answer = self.inner.clone().vote(self.connect.request(message)).await?.into_inner();
        Ok((answer.status.try_into()?, answer.approvals, answer.reasons))
    }
}
