//! Operators see the sidecars, invite new ones, and revoke those that must not go on.

use crate::desk::fleet::{Fleet, FleetError, MadeInvitation, Overview, Role};
use crate::escalation::vote::Reason;
use crate::grpc::convert;
use crate::moment::Moment;
use crate::party::{AgentId, KeyHolder, PersonId};
use crate::proto;
use core::time::Duration;
use std::sync::Arc;
use tonic::Status;

/// How long a sidecar is listed whose certificate has ended.
const PAST: Duration = Duration::from_hours(24);

/// The sidecars, where this service has any.
#[derive(Clone)]
pub struct Sidecars(pub Option<Arc<Fleet>>);

impl Sidecars {
    fn fleet(&self) -> Result<&Arc<Fleet>, Status> {
        let none = "there are no sidecars here (`listen.sidecars`)";
        self.0.as_ref().ok_or_else(|| Status::failed_precondition(none))
    }

    pub(super) async fn invite(
        &self,
        request: proto::InviteSidecarRequest,
        by: String,
    ) -> Result<proto::InviteSidecarResponse, Status> {
        let fleet = self.fleet()?;
        let agent = AgentId::new(&request.agent);
        let agent = agent.map_err(|error| convert::invalid(format!("`agent`: {error}")))?;
        let person = |name: &str, text: &str| {
            PersonId::new(text).map_err(|error| convert::invalid(format!("`{name}`: {error}")))
        };
        let on_behalf_of = match request.on_behalf_of.as_str() {
            "" => None,
            text => Some(person("on_behalf_of", text)?),
        };
        let operators = request.operators.iter().map(|text| person("operators", text));
        let operators = operators.collect::<Result<_, _>>()?;
        let lasts = match request.for_seconds {
            0 => Duration::from_hours(1),
            seconds => Duration::from_secs(seconds),
        };
        let role = Role { agent, on_behalf_of, operators };
        let MadeInvitation { token, until, .. } =
            fleet.invite(role, lasts, by).await.map_err(|error| refused(&error))?;
        Ok(proto::InviteSidecarResponse { token, until: until.unix_millis() })
    }

    pub(super) async fn list(&self) -> Result<proto::ListSidecarsResponse, Status> {
        let Some(fleet) = self.0.clone() else { return Ok(proto::ListSidecarsResponse::default()) };
        // It reads a record for each.
        let listed = tokio::task::spawn_blocking(move || fleet.overviews(PAST)).await;
        let listed = listed.map_err(|_| Status::unavailable("the service is stopping"))?;
        let sidecars = listed.map_err(|error| refused(&error))?.into_iter().map(message).collect();
        Ok(proto::ListSidecarsResponse { sidecars })
    }

    pub(super) async fn revoke(
        &self,
        request: proto::RevokeSidecarRequest,
        by: String,
    ) -> Result<proto::RevokeSidecarResponse, Status> {
        let fleet = self.fleet()?;
        let sidecar = KeyHolder::new(&request.sidecar);
        let sidecar = sidecar.map_err(|error| convert::invalid(format!("`sidecar`: {error}")))?;
        let why = Reason::new(&request.why).map_err(|error| convert::invalid(format!("`why`: {error}")))?;
        if why.as_str().is_empty() {
            return Err(convert::invalid("`why` is missing"));
        }
        match fleet.withdraw(&sidecar, by, why.as_str().to_owned()).await {
            Ok(()) => Ok(proto::RevokeSidecarResponse { keys_not_revoked: String::new() }),
            Err(FleetError::Keys(why)) => {
                tracing::error!(%sidecar, why, "the keys of a sidecar could not be revoked");
                Ok(proto::RevokeSidecarResponse { keys_not_revoked: why })
            }
            Err(error) => Err(refused(&error)),
        }
    }
}

fn refused(error: &FleetError) -> Status {
    if let FleetError::Store(error) = error {
        return convert::store_error(error);
    }
    if let FleetError::Stranger(why) = error {
        return Status::not_found(why.clone());
    }
    Status::invalid_argument(error.to_string())
}

fn message(one: Overview) -> proto::Sidecar {
    proto::Sidecar {
        sidecar: one.sidecar.to_string(),
        origin: one.origin.to_string(),
        agent: one.agent.to_string(),
        proved: one.by.to_string(),
        version: one.version,
        state: one.state.as_str().to_owned(),
        seen: one.seen.map_or(0, Moment::unix_millis),
        enrolled_at: one.enrolled_at.unix_millis(),
        until: one.until.unix_millis(),
        leaves: one.leaves,
        behind: one.behind,
        policy_digest: one.policy.map(|digest| digest.to_string()).unwrap_or_default(),
        following: u32::try_from(one.following).unwrap_or(u32::MAX),
        diverged: one.diverged,
    }
}
