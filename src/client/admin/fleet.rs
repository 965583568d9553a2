//! The sidecars that have their desk here: invited, listed, revoked.

use super::AdminClient;
use crate::client::ClientError;
use crate::proto;
use core::time::Duration;

/// Whom a join token is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SidecarRole {
    /// The agent.
    pub agent: String,
    /// The person whom it acts for; empty for nobody.
    pub on_behalf_of: String,
    /// The people who run it.
    pub operators: Vec<String>,
}

/// A join token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinToken {
    /// What to give to the sidecar, and to nobody else.
    pub token: String,
    /// From this moment on it is worth nothing, in Unix milliseconds.
    pub until: u64,
}

/// A sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidecarOverview {
    /// Its name.
    pub sidecar: String,
    /// Its log.
    pub origin: String,
    /// Its agent.
    pub agent: String,
    /// How it proved itself, in words.
    pub proved: String,
    /// Its version.
    pub version: String,
    /// `connected`, `heard`, `away` or `expired`.
    pub state: String,
    /// When it was last heard of since the desk's start, in Unix milliseconds.
    pub seen: Option<u64>,
    /// When it last enrolled or renewed its keys, in Unix milliseconds.
    pub enrolled_at: u64,
    /// When its certificate ends, in Unix milliseconds.
    pub until: u64,
    /// How many leaves of its log are at the desk.
    pub leaves: u64,
    /// How many more it has, if it said so.
    pub behind: Option<u64>,
    /// The policy that it decides under; empty if it did not say.
    pub policy_digest: String,
    /// How many follow with its keys.
    pub following: u32,
    /// Whether its log was found not to continue what it had handed over.
    pub diverged: bool,
}

impl AdminClient {
    /// Has a join token made, with which one sidecar enrols; for an hour if nothing is said.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn invite_sidecar(
        &self,
        role: SidecarRole,
        lasts: Option<Duration>,
    ) -> Result<JoinToken, ClientError> {
        let SidecarRole { agent, on_behalf_of, operators } = role;
        let for_seconds = lasts.map_or(0, |lasts| lasts.as_secs());
        let request = proto::InviteSidecarRequest { agent, on_behalf_of, operators, for_seconds };
        let call = self.inner.clone().invite_sidecar(self.connect.request(request)).await;
        let proto::InviteSidecarResponse { token, until } = call?.into_inner();
        Ok(JoinToken { token, until })
    }

    /// The sidecars whose certificates are good or ended within a day, the latest enrolled first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn sidecars(&self) -> Result<Vec<SidecarOverview>, ClientError> {
        let request = self.connect.request(proto::ListSidecarsRequest {});
        let listed = self.inner.clone().list_sidecars(request).await?.into_inner().sidecars;
        Ok(listed.into_iter().map(SidecarOverview::from).collect())
    }

    /// Revokes a sidecar and its keys; why its keys could not be revoked, if they could not.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_sidecar(&self, sidecar: &str, why: &str) -> Result<Option<String>, ClientError> {
        let request = proto::RevokeSidecarRequest { sidecar: sidecar.to_owned(), why: why.to_owned() };
        let call = self.inner.clone().revoke_sidecar(self.connect.request(request)).await;
        let why = call?.into_inner().keys_not_revoked;
        Ok((!why.is_empty()).then_some(why))
    }
}

impl From<proto::Sidecar> for SidecarOverview {
    fn from(wire: proto::Sidecar) -> Self {
        Self {
            sidecar: wire.sidecar,
            origin: wire.origin,
            agent: wire.agent,
            proved: wire.proved,
            version: wire.version,
            state: wire.state,
            seen: (wire.seen != 0).then_some(wire.seen),
            enrolled_at: wire.enrolled_at,
            until: wire.until,
            leaves: wire.leaves,
            behind: wire.behind,
            policy_digest: wire.policy_digest,
            following: wire.following,
            diverged: wire.diverged,
        }
    }
}
