//! Operators invite people, see which passkeys they enrolled, and revoke them.

use crate::desk::invitations::Invitations;
use crate::desk::sessions::Sessions;
use crate::party::PersonId;
use crate::presence::passkey::CredentialId;
use crate::proto;
use crate::sidecar::profiles::ProfileBook;
use std::sync::Arc;
use tonic::Status;

/// What it takes to invite somebody.
pub struct Inviting {
    /// Makes invitations.
    pub invitations: Arc<Invitations>,
    /// What people set up.
    pub profiles: Arc<ProfileBook>,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Where the console is, if there is one: an origin.
    pub console: Option<Box<str>>,
}

impl Inviting {
    pub(super) fn invite(&self, person: &str, by: &str) -> Result<proto::InviteReviewerResponse, Status> {
        let Some(console) = &self.console else {
            return Err(Status::failed_precondition("there is no console (`listen.console`) to enrol at"));
        };
        let person = PersonId::new(person).map_err(|_| Status::invalid_argument("`person` is no id"))?;
        let in_force = self.profiles.in_force();
        if in_force.directory.person(&person).is_none() {
            return Err(Status::not_found(format!("`{person}` is not in the roster")));
        }
        if !in_force.directory.relying_party().is_some_and(|party| party.knows_origin(console)) {
            return Err(Status::failed_precondition(format!(
                "the roster's `passkeys` has no `{console}` among its `origins`, so no passkey can be made there"
            )));
        }
        let revision = in_force.profiles.of(&person).revision;
        let (text, invitation) = self.invitations.invite(person, by, revision);
        tracing::info!(person = %invitation.person, by, until = %invitation.until, "invited to enrol a passkey");
        Ok(proto::InviteReviewerResponse {
            link: format!("{console}/enrol?invitation={text}"),
            until: invitation.until.unix_millis(),
        })
    }

    /// Removes passkeys that somebody enrolled, and ends their sessions.
    pub(super) async fn revoke(
        &self,
        request: &proto::RevokePasskeysRequest,
        by: &str,
    ) -> Result<proto::RevokePasskeysResponse, Status> {
        let person = PersonId::new(&request.person);
        let person = person.map_err(|_| Status::invalid_argument("`person` is no id"))?;
        let wanted = Some(request.credential_id.as_str()).filter(|id| !id.is_empty());
        let enrolled = self.profiles.of(&person).passkeys.into_iter().map(|enrolled| enrolled.id);
        let ids: Vec<String> = enrolled.filter(|id| wanted.is_none_or(|wanted| wanted == id)).collect();
        if ids.is_empty() {
            return Err(Status::not_found(format!("`{person}` has enrolled no such passkey")));
        }
        for id in &ids {
            let credential = CredentialId::parse(id);
            let credential = credential.map_err(|error| Status::internal(error.to_string()))?;
            let removed = self.profiles.remove(&person, &format!("operator {by}"), &credential, true).await;
            removed.map_err(|refused| Status::failed_precondition(refused.to_string()))?;
        }
        let ended = self.sessions.end_everywhere(&person).await;
        ended.map_err(|refused| Status::unavailable(format!("the passkeys are revoked; {refused}")))?;
        tracing::warn!(%person, by, count = ids.len(), "passkeys were revoked");
        Ok(proto::RevokePasskeysResponse { revoked: ids })
    }

    pub(super) fn passkeys(&self) -> proto::ListPasskeysResponse {
        let in_force = self.profiles.in_force();
        let party = in_force.directory.relying_party();
        let mut passkeys = Vec::new();
        for person in in_force.directory.people() {
            let profile = in_force.profiles.of(&person.id);
            for passkey in &person.passkeys {
                let id = passkey.id.to_string();
                let enrolled = profile.passkeys.iter().find(|enrolled| enrolled.id == id);
                passkeys.push(proto::ReviewerPasskey {
                    person: person.id.to_string(),
                    credential_id: id,
                    public_key: passkey.key.to_string(),
                    name: passkey.name.as_deref().unwrap_or_default().to_owned(),
                    enrolled_at: enrolled.map(|enrolled| enrolled.at.unix_millis()).unwrap_or_default(),
                    enrolled_by: enrolled.map(|enrolled| enrolled.by.clone()).unwrap_or_default(),
                });
            }
        }
        proto::ListPasskeysResponse {
            rp_id: party.map(|party| party.id().to_owned()).unwrap_or_default(),
            origins: party.map(|party| party.origins().map(ToOwned::to_owned).collect()).unwrap_or_default(),
            passkeys,
        }
    }
}
