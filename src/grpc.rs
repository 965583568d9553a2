//! The gRPC surface: the agents', the reviewers', the operators' and the auditors' services, health and reflection, on sockets and TCP.

mod admin;
mod audit;
mod authority;
mod convert;
mod count;
mod fleet;
pub mod identity;
pub mod listen;
mod review;
mod shed;
#[cfg(test)]
mod tests;
mod trace;
mod until;
mod whole;

pub use admin::{AdminService, Inviting, Sidecars, Telling};
pub use audit::AuditService;
pub use authority::AuthorityService;
pub use fleet::FleetService;
pub use review::ReviewService;

use crate::ceiling::Ceiling;
use crate::health::Phase;
use crate::metrics::Metrics;
use crate::proto;
use core::time::Duration;
use count::Counted;
use listen::Listening;
use proto::admin_server::AdminServer;
use proto::audit_server::AuditServer;
use proto::authority_server::AuthorityServer;
use proto::fleet_server::FleetServer;
use proto::review_server::ReviewServer;
use shed::Shedding;
use std::sync::Arc;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::server::HealthReporter;

/// The largest request: a payload of 1 MiB, or parameters of 256 KiB, with all that argues for it.
pub const MAX_REQUEST: usize = 2 * 1024 * 1024;
/// The largest answer: an escalation with its payload and its rendering.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// How many calls one connection may have under way, not counting the waits.
const CALLS_PER_CONNECTION: usize = 1024;
/// How many streams one connection may have open: one for each waiting agent.
const STREAMS_PER_CONNECTION: u32 = 16_384;

/// A service that could not go on.
#[derive(Debug)]
pub struct ServeError(pub String);

impl core::fmt::Display for ServeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServeError {}

/// What every service stands in: what counts its calls, what bounds them, and when they end.
#[derive(Clone)]
pub struct Around {
    /// What counts the calls.
    pub metrics: Arc<Metrics>,
    /// How many there may be.
    pub ceiling: Arc<Ceiling>,
    /// What the process is at.
    pub phases: watch::Receiver<Phase>,
}

/// Serves the agents until the process is [stopping](Phase::Stopping).
///
/// # Errors
/// [`ServeError`] if a connection could not be accepted any more.
pub async fn serve_agents(
    service: AuthorityService,
    listening: Listening,
    around: Around,
) -> Result<(), ServeError> {
    let service = AuthorityServer::new(service).max_decoding_message_size(MAX_REQUEST);
    serve(Routes::new(service), &["countersign.v1.Authority"], listening, around).await
}

/// Serves the sidecars until the process is [stopping](Phase::Stopping).
///
/// # Errors
/// [`ServeError`] if a connection could not be accepted any more.
pub async fn serve_sidecars(
    service: FleetService,
    listening: Listening,
    around: Around,
) -> Result<(), ServeError> {
    let service = FleetServer::new(service).max_decoding_message_size(MAX_ANSWER);
    let service = service.max_encoding_message_size(MAX_ANSWER);
    serve(Routes::new(service), &["countersign.v1.Fleet"], listening, around).await
}

/// Serves the reviewers, and the operators and auditors beside them, until the process is [stopping](Phase::Stopping).
///
/// # Errors
/// [`ServeError`] if a connection could not be accepted any more.
pub async fn serve_reviewers(
    review: ReviewService,
    admin: AdminService,
    audit: AuditService,
    listening: Listening,
    around: Around,
) -> Result<(), ServeError> {
    let review = ReviewServer::new(review).max_decoding_message_size(MAX_REQUEST);
    let review = review.max_encoding_message_size(MAX_ANSWER);
    let admin = AdminServer::new(admin).max_decoding_message_size(MAX_REQUEST);
    let audit = AuditServer::new(audit).max_decoding_message_size(MAX_REQUEST);
    let audit = audit.max_encoding_message_size(MAX_ANSWER);
    let names = &["countersign.v1.Review", "countersign.v1.Admin", "countersign.v1.Audit"];
    let routes = Routes::new(review).add_service(admin).add_service(audit);
    serve(routes, names, listening, around).await
}

async fn serve(
    service: Routes,
    names: &'static [&'static str],
    listening: Listening,
    around: Around,
) -> Result<(), ServeError> {
    let Around { metrics, ceiling, phases } = around;
    let (health, health_service) = tonic_health::server::health_reporter();
    let mut reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS);
    for name in names {
        health.set_service_status(name, tonic_health::ServingStatus::Serving).await;
        reflection = reflection.with_service_name(*name);
    }
    let reflection = reflection
        .build_v1()
        .map_err(|error| ServeError(format!("the service descriptors are unreadable: {error}")))?;
    let routes = service.add_service(health_service).add_service(reflection);
    let mut running = tokio::task::JoinSet::new();
    listening.serve_on(|incoming| {
        let server = Server::builder()
            .layer(Counted(metrics.clone()))
            .layer(Shedding { ceiling: ceiling.clone(), metrics: metrics.clone() })
            .concurrency_limit_per_connection(CALLS_PER_CONNECTION)
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)));
        let stopped = stopped(phases.clone(), health.clone(), names);
        running.spawn(incoming.run(server, routes.clone(), stopped));
    });
    let mut telling = tokio::task::JoinSet::new();
    telling.spawn(tell(phases, Phase::Draining, health, names));
    while let Some(ended) = running.join_next().await {
        ended
            .map_err(|error| ServeError(error.to_string()))?
            .map_err(|error| ServeError(error.to_string()))?;
    }
    Ok(())
}

/// Ends when the service takes no more calls, after saying so to whoever asks for its health.
async fn stopped(phases: watch::Receiver<Phase>, health: HealthReporter, names: &[&str]) {
    tell(phases, Phase::Stopping, health, names).await;
}

/// Waits for this phase, and says then that nothing is served any more.
async fn tell(mut phases: watch::Receiver<Phase>, phase: Phase, health: HealthReporter, names: &[&str]) {
    // A sender that went away means that nobody can ask to stop any more but everything is ending.
    drop(phases.wait_for(|now| *now >= phase).await);
    for name in names {
        health.set_service_status(*name, tonic_health::ServingStatus::NotServing).await;
    }
}
