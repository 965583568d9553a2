//! Operators invite people, and see which passkeys they enrolled.

use crate::desk::invitations::Invitations;
use crate::party::PersonId;
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
