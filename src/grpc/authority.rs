//! The agents' service: `countersign.v1.Authority`.

use super::convert;
use super::identity::Agents;
use super::trace::Traced;
use super::until::{Until, patience};
use super::whole::to_its_end;
use crate::proto;
use crate::sidecar::{Report, Sidecar};
use core::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};
use tracing::field::Empty;

/// Answers agents.
#[derive(Clone)]
pub struct AuthorityService {
    sidecar: Arc<Sidecar>,
    agents: Arc<Agents>,
    stopping: watch::Receiver<bool>,
}

impl AuthorityService {
    /// Answers the known agents from this sidecar; those who wait are let go when `stopping` turns true.
    #[must_use]
    pub const fn new(sidecar: Arc<Sidecar>, agents: Arc<Agents>, stopping: watch::Receiver<bool>) -> Self {
        Self { sidecar, agents, stopping }
    }
}

#[tonic::async_trait]
impl proto::authority_server::Authority for AuthorityService {
    async fn authorize(
        &self,
        request: Request<proto::AuthorizeRequest>,
    ) -> Result<Response<proto::AuthorizeResponse>, Status> {
        let span = tracing::info_span!(
            "Authorize",
            otel.kind = "server",
            trace = Empty,
            txn = Empty,
            outcome = Empty,
            level = Empty,
            rule = Empty,
            escalation = Empty,
            code = Empty,
        );
        let traced = Traced::new(span, request.metadata());
        let answering = async {
            let caller = self.agents.caller(&request)?;
            let ask = convert::ask(caller, traced.id(), request.into_inner())?;
            let agent = ask.caller.agent.clone();
            let answer = self.sidecar.authorize(ask).await.map_err(convert::sidecar_error)?;
            tracing::debug!(%agent, decision = %answer.txn, outcome = answer.decision.outcome.as_str(), "decided");
            Ok(Response::new(convert::answer(answer)))
        };
        traced.run(answering).await
    }

    type AwaitStream = Pin<Box<dyn Stream<Item = Result<proto::AwaitResponse, Status>> + Send>>;

    async fn r#await(
        &self,
        request: Request<proto::AwaitRequest>,
    ) -> Result<Response<Self::AwaitStream>, Status> {
        let span = tracing::info_span!(
            "Await",
            otel.kind = "server",
            trace = Empty,
            escalation = Empty,
            code = Empty
        );
        let traced = Traced::new(span.clone(), request.metadata());
        let following = async {
            let caller = self.agents.caller(&request)?;
            let patience = patience(request.metadata());
            let id = convert::escalation_id(&request.get_ref().escalation_id)?;
            span.record("escalation", tracing::field::display(id));
            let mut stopping = self.stopping.clone();
            let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
            let told =
                self.sidecar.clone().follow(caller, id, stopped).await.map_err(convert::sidecar_error)?;
            let stream = ReceiverStream::new(told).map(move |progress| match progress {
                Ok(progress) => Ok(convert::progress(id, progress)),
                Err(error) => Err(convert::sidecar_error(error)),
            });
            Ok(Response::new(Box::pin(Until::new(stream, patience)) as Self::AwaitStream))
        };
        traced.run(following).await
    }

    async fn accept(
        &self,
        request: Request<proto::AcceptRequest>,
    ) -> Result<Response<proto::AuthorizeResponse>, Status> {
        let span = tracing::info_span!(
            "Accept",
            otel.kind = "server",
            trace = Empty,
            txn = Empty,
            outcome = Empty,
            level = Empty,
            rule = Empty,
            escalation = Empty,
            code = Empty,
        );
        let traced = Traced::new(span, request.metadata());
        let accepting = async {
            let caller = self.agents.caller(&request)?;
            let id = convert::escalation_id(&request.get_ref().escalation_id)?;
            let answer = self.sidecar.accept(&caller, id).await.map_err(convert::sidecar_error)?;
            tracing::info!(agent = %caller.agent, escalation = %id, decision = %answer.txn, "a changed operation was accepted");
            Ok(Response::new(convert::answer(answer)))
        };
        traced.run(accepting).await
    }

    async fn cancel(
        &self,
        request: Request<proto::CancelRequest>,
    ) -> Result<Response<proto::CancelResponse>, Status> {
        let span = tracing::info_span!("Cancel", otel.kind = "server", trace = Empty, code = Empty);
        let traced = Traced::new(span, request.metadata());
        let cancelling = async {
            let caller = self.agents.caller(&request)?;
            let request = request.into_inner();
            let id = convert::escalation_id(&request.escalation_id)?;
            let reason = convert::text("reason", request.reason)?;
            let sidecar = self.sidecar.clone();
            let cancel =
                async move { sidecar.cancel(&caller, id, reason).await.map_err(convert::sidecar_error) };
            let status = to_its_end(cancel).await?;
            Ok(Response::new(proto::CancelResponse { status: convert::status(status).into() }))
        };
        traced.run(cancelling).await
    }

    async fn report(
        &self,
        request: Request<proto::ReportRequest>,
    ) -> Result<Response<proto::ReportResponse>, Status> {
        let caller = self.agents.caller(&request)?;
        let request = request.into_inner();
        let report = Report {
            txn: convert::txn_id(&request.decision_id)?,
            outcome: convert::outcome(request.outcome)?,
            code: convert::text("code", request.code)?,
            detail: convert::text("detail", request.detail)?,
            receipt: match request.receipt.is_empty() {
                true => None,
                false => Some(convert::receipt(request.receipt, request.receipt_certificates)?),
            },
        };
        self.sidecar.report(&caller, report).await.map_err(convert::sidecar_error)?;
        Ok(Response::new(proto::ReportResponse {}))
    }

    async fn get_trust_bundle(
        &self,
        request: Request<proto::GetTrustBundleRequest>,
    ) -> Result<Response<proto::GetTrustBundleResponse>, Status> {
        self.agents.caller(&request)?;
        let published = self.sidecar.issuance.published();
        Ok(Response::new(proto::GetTrustBundleResponse {
            bundle: published.bundle.clone(),
            certificates: published.certificates.clone(),
            jwks: published.jwks.clone(),
            revocations: published.revocations.clone(),
        }))
    }
}
