//! Inviting people, and the passkeys that they enrolled.

use super::AdminClient;
use crate::client::ClientError;
use crate::proto;

/// A one-time link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// What to give to the person, and to nobody else.
    pub link: String,
    /// From this moment on it is worth nothing, in Unix milliseconds.
    pub until: u64,
}

/// The passkeys that people sign votes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkeys {
    /// The relying party's id; empty if the roster has none.
    pub rp_id: String,
    /// The origins of the pages that may use them.
    pub origins: Vec<String>,
    /// The passkeys, by person.
    pub passkeys: Vec<ReviewerPasskey>,
}

/// A passkey of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewerPasskey {
    /// Whose it is.
    pub person: String,
    /// The credential's id, in base64url.
    pub credential: String,
    /// The public key: SPKI, in base64url.
    pub key: String,
    /// What its owner calls it, or empty.
    pub name: String,
    /// When they enrolled it, in Unix milliseconds, and how they were known then; nothing for one of the roster.
    pub enrolled: Option<(u64, String)>,
}

impl AdminClient {
    /// Invites a person of the roster to enrol a passkey at the console, once.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn invite(&self, person: &str) -> Result<Invited, ClientError> {
        let request = proto::InviteReviewerRequest { person: person.to_owned() };
        let call = self.inner.clone().invite_reviewer(self.connect.request(request)).await;
        let proto::InviteReviewerResponse { link, until } = call?.into_inner();
        Ok(Invited { link, until })
    }

    /// Removes a passkey that somebody enrolled, or all of them, and ends their sessions; which ones that were.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_passkeys(
        &self,
        person: &str,
        credential: Option<&str>,
    ) -> Result<Vec<String>, ClientError> {
        let credential_id = credential.unwrap_or_default().to_owned();
        let request = proto::RevokePasskeysRequest { person: person.to_owned(), credential_id };
        let call = self.inner.clone().revoke_passkeys(self.connect.request(request)).await;
        Ok(call?.into_inner().revoked)
    }

    /// The passkeys that people sign votes with.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn passkeys(&self) -> Result<Passkeys, ClientError> {
        let request = self.connect.request(proto::ListPasskeysRequest {});
        let proto::ListPasskeysResponse { rp_id, origins, passkeys } =
            self.inner.clone().list_passkeys(request).await?.into_inner();
        let passkeys = passkeys.into_iter().map(|wire| ReviewerPasskey {
            person: wire.person,
            credential: wire.credential_id,
            key: wire.public_key,
            name: wire.name,
            enrolled: (wire.enrolled_at != 0).then_some((wire.enrolled_at, wire.enrolled_by)),
        });
        Ok(Passkeys { rp_id, origins, passkeys: passkeys.collect() })
    }
}
