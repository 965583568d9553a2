//! The operators' service: `countersign.v1.Admin`.

mod figures;
mod fleet;
mod people;
mod telling;

pub use fleet::Sidecars;
pub use people::Inviting;
pub use telling::Telling;

use super::convert;
use super::identity::Operators;
use super::whole::to_its_end;
use crate::desk::{Drill, DrillResult, LocalDesk};
use crate::digest::ValueDigest;
use crate::escalation::vote::Reason;
use crate::party::{AgentId, PersonId, SuspensionId, TxnId};
use crate::proto;
use crate::risk::pattern::Glob;
use crate::sidecar::brake::{Brake, BrakeError, Living, Order, OrderError, Ordered, Which, Written};
use crate::sidecar::figures::Figures;
use crate::sidecar::reload::{Changes, Outcome, Reloader};
use crate::sidecar::{Caller, InForce, OnRecord, Sidecar, SidecarError, ToErase};
use crate::suspension::Suspension;
use arc_swap::ArcSwap;
use core::time::Duration;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Answers operators.
#[derive(Clone)]
pub struct AdminService {
    sidecar: Arc<Sidecar>,
    desk: Arc<LocalDesk>,
    brake: Arc<Brake>,
    reloader: Arc<Reloader>,
    in_force: Arc<ArcSwap<InForce>>,
    operators: Arc<Operators>,
    figures: Figures,
    inviting: Arc<Inviting>,
    telling: Arc<Telling>,
    sidecars: Sidecars,
}

impl AdminService {
    /// Lets the known operators stop agents and see to the policy.
    #[must_use]
    pub fn new(
        sidecar: Arc<Sidecar>,
        desk: Arc<LocalDesk>,
        brake: Arc<Brake>,
        reloader: Arc<Reloader>,
        operators: Arc<Operators>,
        inviting: Arc<Inviting>,
        telling: Arc<Telling>,
    ) -> Self {
        let (figures, in_force) = (Figures::new(sidecar.store.clone()), sidecar.in_force.clone());
        let sidecars = Sidecars(None);
        Self { sidecar, desk, brake, reloader, in_force, operators, figures, inviting, telling, sidecars }
    }

    /// … and see to these sidecars.
    #[must_use]
    pub fn with_sidecars(mut self, sidecars: Sidecars) -> Self {
        self.sidecars = sidecars;
        self
    }

    async fn status(&self) -> proto::PolicyStatusResponse {
        let (in_force, files) = (self.in_force.load_full(), self.reloader.status());
        let (trouble, trouble_at) = match &files.trouble {
            Some((what, at)) => (what.clone(), at.unix_millis()),
            None => (String::new(), 0),
        };
        proto::PolicyStatusResponse {
            name: in_force.policy.name().to_owned(),
            policy_digest: in_force.policy.digest().to_string(),
            roster_digest: in_force.roster.to_string(),
            since: in_force.since.unix_millis(),
            policy_file_digest: files.policy_file.map(|digest| digest.to_string()).unwrap_or_default(),
            roster_file_digest: files.roster_file.map(|digest| digest.to_string()).unwrap_or_default(),
            trouble,
            trouble_at,
            waiting: files.waiting.iter().map(ToString::to_string).collect(),
            needs_approval: self.reloader.changes() == Changes::Approved,
            suspended: u32::try_from(self.brake.list().await.len()).unwrap_or(u32::MAX),
        }
    }
}

#[tonic::async_trait]
impl proto::admin_server::Admin for AdminService {
    async fn suspend(
        &self,
        request: Request<proto::SuspendRequest>,
    ) -> Result<Response<proto::SuspendResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let order = order(request.get_ref(), by)?;
        let Ordered { suspension, tokens } = self.brake.suspend(order).await.map_err(refused)?;
        let mut answer =
            proto::SuspendResponse { suspension: Some(message(&suspension)), ..Default::default() };
        match tokens {
            Living::Revoked(tokens) => answer.revoked_tokens = u32::try_from(tokens).unwrap_or(u32::MAX),
            Living::AllRevoked => answer.revoked_all_tokens = true,
            Living::NotRevoked(why) => answer.not_revoked = why,
        }
        Ok(Response::new(answer))
    }

    async fn resume(
        &self,
        request: Request<proto::ResumeRequest>,
    ) -> Result<Response<proto::ResumeResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let request = request.into_inner();
        let which = match (request.id.as_str(), request.all) {
            ("", true) => Which::All,
            ("", false) => return Err(convert::invalid("give the `id` of a suspension, or `all`")),
            (_, true) => return Err(convert::invalid("give either `id` or `all`")),
            (id, false) => {
                let id = SuspensionId::parse(id);
                Which::One(id.ok_or_else(|| convert::invalid("`id` is not an id of the form `sus_…`"))?)
            }
        };
        let lifted = self.brake.resume(which, by).await.map_err(refused)?;
        Ok(Response::new(proto::ResumeResponse { lifted: lifted.iter().map(message).collect() }))
    }

    async fn list_channels(
        &self,
        request: Request<proto::ListChannelsRequest>,
    ) -> Result<Response<proto::ListChannelsResponse>, Status> {
        self.operators.admit(&request)?;
        Ok(Response::new(self.telling.channels()))
    }

    async fn test_channel(
        &self,
        request: Request<proto::TestChannelRequest>,
    ) -> Result<Response<proto::TestChannelResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let to = &request.get_ref().to;
        tracing::info!(by, to, "a test message is sent");
        self.telling.test(to).await.map(Response::new)
    }

    async fn retry_notices(
        &self,
        request: Request<proto::RetryNoticesRequest>,
    ) -> Result<Response<proto::RetryNoticesResponse>, Status> {
        let by = self.operators.admit(&request)?;
        tracing::info!(by, "notices that were given up are tried again");
        self.telling.retry(&request.get_ref().notice).map(Response::new)
    }

    async fn list_late(
        &self,
        request: Request<proto::ListLateRequest>,
    ) -> Result<Response<proto::ListLateResponse>, Status> {
        self.operators.admit(&request)?;
        self.telling.late().map(Response::new)
    }

    async fn invite_reviewer(
        &self,
        request: Request<proto::InviteReviewerRequest>,
    ) -> Result<Response<proto::InviteReviewerResponse>, Status> {
        let by = self.operators.admit(&request)?;
        self.inviting.invite(&request.get_ref().person, &by).map(Response::new)
    }

    async fn revoke_passkeys(
        &self,
        request: Request<proto::RevokePasskeysRequest>,
    ) -> Result<Response<proto::RevokePasskeysResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let inviting = self.inviting.clone();
        to_its_end(async move { inviting.revoke(request.get_ref(), &by).await }).await.map(Response::new)
    }

    async fn list_passkeys(
        &self,
        request: Request<proto::ListPasskeysRequest>,
    ) -> Result<Response<proto::ListPasskeysResponse>, Status> {
        self.operators.admit(&request)?;
        Ok(Response::new(self.inviting.passkeys()))
    }

    async fn list_suspensions(
        &self,
        request: Request<proto::ListSuspensionsRequest>,
    ) -> Result<Response<proto::ListSuspensionsResponse>, Status> {
        self.operators.admit(&request)?;
        let suspensions = self.brake.list().await.iter().map(message).collect();
        Ok(Response::new(proto::ListSuspensionsResponse { suspensions }))
    }

    async fn policy_status(
        &self,
        request: Request<proto::PolicyStatusRequest>,
    ) -> Result<Response<proto::PolicyStatusResponse>, Status> {
        self.operators.admit(&request)?;
        Ok(Response::new(self.status().await))
    }

    async fn reload_policy(
        &self,
        request: Request<proto::ReloadPolicyRequest>,
    ) -> Result<Response<proto::ReloadPolicyResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let reloader = self.reloader.clone();
        // Carried out to its end, whether or not the caller stays to hear of it.
        let looked = tokio::spawn(async move { reloader.look_at_once().await }).await;
        let outcome = looked.map_err(|_| Status::unavailable("the service is stopping"))?;
        tracing::info!(%by, ?outcome, "the policy and the roster were looked at");
        let outcome = match outcome {
            Outcome::Unchanged => proto::ReloadOutcome::Unchanged,
            Outcome::Taken => proto::ReloadOutcome::Taken,
            Outcome::Waiting => proto::ReloadOutcome::Waiting,
            Outcome::Refused => proto::ReloadOutcome::Refused,
            Outcome::Unsettled => proto::ReloadOutcome::Unsettled,
        };
        let status = Some(self.status().await);
        Ok(Response::new(proto::ReloadPolicyResponse { outcome: outcome.into(), status }))
    }

    async fn start_drill(
        &self,
        request: Request<proto::StartDrillRequest>,
    ) -> Result<Response<proto::StartDrillResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let request = request.into_inner();
        let agent = AgentId::new(&request.agent);
        let agent = agent.map_err(|error| convert::invalid(format!("`agent`: {error}")))?;
        let on_behalf_of = match request.on_behalf_of.as_str() {
            "" => None,
            name => Some(
                PersonId::new(name).map_err(|error| convert::invalid(format!("`on_behalf_of`: {error}")))?,
            ),
        };
        let ask = request.ask.ok_or_else(|| convert::invalid("`ask` is missing"))?;
        let ask = convert::ask(Caller { agent, on_behalf_of }, None, ask)?;
        let sidecar = self.sidecar.clone();
        let drill = async move { sidecar.drill(&ask, by).await.map_err(convert::sidecar_error) };
        let opened = to_its_end(drill).await?;
        tracing::info!(escalation = %opened.id, "a drill was started");
        Ok(Response::new(proto::StartDrillResponse {
            escalation_id: opened.id.to_string(),
            decide_by: opened.decide_by.unix_millis(),
            requirement: opened.requirement,
        }))
    }

    async fn add_receipt(
        &self,
        request: Request<proto::AddReceiptRequest>,
    ) -> Result<Response<proto::AddReceiptResponse>, Status> {
        self.operators.admit(&request)?;
        let request = request.into_inner();
        let signed = convert::receipt(request.receipt, request.certificates)?;
        let sidecar = self.sidecar.clone();
        let add = async move { sidecar.add_receipt(signed).await.map_err(convert::sidecar_error) };
        let OnRecord { index, claims, known } = to_its_end(add).await?;
        Ok(Response::new(proto::AddReceiptResponse {
            decision_id: claims.txn.to_string(),
            executor: claims.executor.to_string(),
            outcome: claims.outcome.to_string(),
            index,
            known,
        }))
    }

    async fn erase(
        &self,
        request: Request<proto::EraseRequest>,
    ) -> Result<Response<proto::EraseResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let request = request.into_inner();
        let which = TxnId::parse(&request.what).map(ToErase::Decision);
        let which = which.or_else(|| ValueDigest::parse(&request.what).map(ToErase::Value));
        let which =
            which.ok_or_else(|| convert::invalid("`what` is neither a decision's id nor a digest"))?;
        let why = Reason::new(&request.why).map_err(|error| convert::invalid(format!("`why`: {error}")))?;
        if why.as_str().is_empty() {
            return Err(convert::invalid("`why` is missing"));
        }
        let sidecar = self.sidecar.clone();
        let why = why.as_str().to_owned();
        let erase = async move { sidecar.erase(which, by, why).await.map_err(convert::sidecar_error) };
        let values = to_its_end(erase).await?.iter().map(ToString::to_string).collect();
        Ok(Response::new(proto::EraseResponse { values }))
    }

    async fn list_drills(
        &self,
        request: Request<proto::ListDrillsRequest>,
    ) -> Result<Response<proto::ListDrillsResponse>, Status> {
        self.operators.admit(&request)?;
        let limit = match request.get_ref().limit {
            0 => 100,
            limit => limit.min(500),
        };
        let drills = self.desk.drills(usize::try_from(limit).unwrap_or(usize::MAX));
        let drills = drills.map_err(|error| convert::desk_error(&error))?.iter().map(drill).collect();
        Ok(Response::new(proto::ListDrillsResponse { drills }))
    }

    async fn report_incident(
        &self,
        request: Request<proto::ReportIncidentRequest>,
    ) -> Result<Response<proto::ReportIncidentResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let incident = figures::incident(request.get_ref(), by)?;
        let (txn, sidecar) = (incident.txn, self.sidecar.clone());
        let recorded = async move {
            sidecar.incident(incident).await.map_err(|error| {
                if let SidecarError::UnknownDecision(id) = error {
                    return Status::not_found(format!("there is no decision `{id}`"));
                }
                convert::sidecar_error(error)
            })
        };
        let index = to_its_end(recorded).await?;
        tracing::warn!(decision = %txn, index, "an incident was reported");
        Ok(Response::new(proto::ReportIncidentResponse { index }))
    }

    async fn get_statistics(
        &self,
        request: Request<proto::GetStatisticsRequest>,
    ) -> Result<Response<proto::GetStatisticsResponse>, Status> {
        self.operators.admit(&request)?;
        let settings = figures::settings(request.into_inner().of)?;
        let report = self.figures.report(settings, self.sidecar.clock.now()).await;
        let report = report.map_err(|error| convert::sidecar_error(error.into()))?;
        Ok(Response::new(proto::GetStatisticsResponse { json: figures::json(&report)? }))
    }

    async fn invite_sidecar(
        &self,
        request: Request<proto::InviteSidecarRequest>,
    ) -> Result<Response<proto::InviteSidecarResponse>, Status> {
        let by = self.operators.admit(&request)?;
        self.sidecars.invite(request.into_inner(), by).await.map(Response::new)
    }

    async fn list_sidecars(
        &self,
        request: Request<proto::ListSidecarsRequest>,
    ) -> Result<Response<proto::ListSidecarsResponse>, Status> {
        self.operators.admit(&request)?;
        self.sidecars.list().await.map(Response::new)
    }

    async fn revoke_sidecar(
        &self,
        request: Request<proto::RevokeSidecarRequest>,
    ) -> Result<Response<proto::RevokeSidecarResponse>, Status> {
        let by = self.operators.admit(&request)?;
        let sidecars = self.sidecars.clone();
        let request = request.into_inner();
        to_its_end(async move { sidecars.revoke(request, by).await }).await.map(Response::new)
    }

    async fn get_advice(
        &self,
        request: Request<proto::GetAdviceRequest>,
    ) -> Result<Response<proto::GetAdviceResponse>, Status> {
        self.operators.admit(&request)?;
        let settings = figures::settings(request.into_inner().of)?;
        let policy = self.in_force.load().policy.clone();
        let advice = self.figures.advice(settings, policy, self.sidecar.clock.now()).await;
        let advice = advice.map_err(|error| convert::sidecar_error(error.into()))?;
        Ok(Response::new(proto::GetAdviceResponse { json: figures::json(&advice)? }))
    }
}

fn drill(drill: &Drill) -> proto::Drill {
    let (action, resource) = drill.docket.subject();
    let result = match drill.result {
        DrillResult::Open => proto::DrillResult::Open,
        DrillResult::Caught => proto::DrillResult::Caught,
        DrillResult::Missed => proto::DrillResult::Missed,
        DrillResult::Unanswered => proto::DrillResult::Unanswered,
        DrillResult::Over => proto::DrillResult::Over,
    };
    let names = |people: &[PersonId]| people.iter().map(ToString::to_string).collect();
    proto::Drill {
        escalation_id: drill.docket.id.to_string(),
        result: result.into(),
        action,
        resource,
        opened_at: drill.docket.escalation.case().opening().opened_at.unix_millis(),
        ended_at: drill.ended_at.map_or(0, crate::moment::Moment::unix_millis),
        by: drill.by.clone(),
        denied_by: names(&drill.denied_by),
        approved_by: names(&drill.approved_by),
    }
}

fn order(wire: &proto::SuspendRequest, by: String) -> Result<Order, Status> {
    let written = Written {
        agent: &wire.agent,
        action: &wire.action,
        everything: wire.everything,
        reason: &wire.reason,
        lasts: (wire.for_seconds != 0).then(|| Duration::from_secs(wire.for_seconds)),
    };
    Order::read(written, by).map_err(|error| match error {
        OrderError::TooLong => convert::invalid("`for_seconds` is more than a year; 0 is until it is lifted"),
        OrderError::Characters(_)
        | OrderError::Long(_)
        | OrderError::Nothing
        | OrderError::Both
        | OrderError::Reason(_) => convert::invalid(error.to_string()),
    })
}

fn message(suspension: &Suspension) -> proto::Suspension {
    let text = |pattern: &Option<Glob>| pattern.as_ref().map(ToString::to_string).unwrap_or_default();
    proto::Suspension {
        id: suspension.id.to_string(),
        agent: text(&suspension.agent),
        action: text(&suspension.action),
        reason: suspension.reason.to_string(),
        by: suspension.by.to_string(),
        at: suspension.at.unix_millis(),
        until: suspension.until.map_or(0, crate::moment::Moment::unix_millis),
    }
}

fn refused(error: BrakeError) -> Status {
    match error {
        BrakeError::Unknown(_) => Status::not_found(error.to_string()),
        BrakeError::TooMany => Status::failed_precondition(error.to_string()),
        BrakeError::NoEntropy | BrakeError::Stopping => Status::unavailable(error.to_string()),
        BrakeError::Store(error) => convert::store_error(&error),
    }
}
