//! Putting it together: the one file that names concrete adapters, starts them in order, and stops them in order.

mod access;
mod certificates;
mod channels;
mod console;
mod fleet;
mod ground;
mod keepers;
mod keys;
mod listeners;
mod load;
mod log;
mod probes;
mod providers;
mod published;
mod running;
mod saturation;
pub mod sidecar;
mod story;
mod watched;

pub use channels::webhook_key;
pub use keys::key_directory;
pub use load::check;
pub use running::{Addresses, Running};

use crate::config::{Config, Telemetry};
use crate::console::Console;
use crate::console::doors::Doors;
use crate::desk::reading::Reading;
use crate::grpc::identity::{Auditors, Readers};
use crate::grpc::listen::Listening;
use crate::grpc::{
    AdminService, Around, AuditService, AuthorityService, FleetService, Inviting, ReviewService, Sidecars,
    Telling, serve_agents, serve_reviewers, serve_sidecars,
};
use crate::health::Phase;
use crate::party::PersonId;
use crate::sidecar::figures::Figures;
use crate::sidecar::previews::Previews;
use crate::telemetry::Tracing;
use certificates::Certificates;
use core::fmt::Display;
use core::time::Duration;
use ground::Ground;
use keepers::run;
use load::{code_flow, findings, load};
use probes::Probes;
use running::Rules;
use std::sync::Arc;
use story::Story;
use tokio::sync::{mpsc, watch};
use watched::Watched;

/// How often the clock is looked at, so that a doubt is recorded even if nobody asks.
const CLOCK_ROUNDS: Duration = Duration::from_secs(1);

/// How often the memory is looked at; it can grow by some hundred megabytes in a second.
const MEMORY_ROUNDS: Duration = Duration::from_millis(250);

/// Why a service did not start, or stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeFailed(pub String);

impl Display for ServeFailed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServeFailed {}

fn failed(what: impl Display) -> ServeFailed {
    ServeFailed(what.to_string())
}

/// Where this configuration has spans sent to, if anywhere.
#[must_use]
pub fn tracing_of(config: &Config) -> Option<Tracing> {
    let Telemetry { otlp, service_name, sample, .. } = config.telemetry.clone();
    Some(Tracing { endpoint: otlp?, service_name, sample })
}

/// Starts everything; whoever connects after this is served.
///
/// # Errors
/// [`ServeFailed`] with what was wrong, where, and what to do.
pub async fn start(config: &Config) -> Result<Running, ServeFailed> {
    let probes = Probes::start(config.listen.metrics)?;
    probes.health.enter(Phase::Starting("the policy and the roster are being read"));
    let loaded = load(config)?;
    let provider = load::provider(config)?;
    probes.health.enter(Phase::Starting("the record is being opened"));
    let ground = Ground::open(config).await?;
    let others = ground.others_have_it().await?;
    let loaded = loaded.approved(config, ground.store.as_ref(), others)?;
    for finding in findings(config, &loaded) {
        tracing::warn!("{finding}");
    }
    probes.health.enter(Phase::Starting("the record is being held against what was signed"));
    let signed = keys::signing(config)?.start(&ground).await?;
    let story = Story::start(config, &ground, signed, loaded, provider, others).await?;
    probes.health.enter(Phase::Starting("the sockets are being bound"));
    serve(config, ground, story, probes).await
}

/// Opens the surfaces over a story, and looks after it from then on.
async fn serve(
    config: &Config,
    ground: Ground,
    story: Story,
    probes: Probes,
) -> Result<Running, ServeFailed> {
    let Ground { store, claims, ephemeral, following, clock, entropy, metrics, seen, journal } = ground;
    let Story { sidecar, desk, sessions, invitations, profiles, brake, reloader, checkpoints } = story;
    let (stop, stopping) = watch::channel(false);
    let (fail, failures) = mpsc::channel(4);
    let ceiling = keepers::ceiling(&config.limits);
    let around =
        Around { metrics: metrics.clone(), ceiling: ceiling.clone(), phases: probes.health.phases() };
    let mut addresses = Addresses::default();
    let mut certificates = Certificates::default();
    let mut servers = Vec::new();

    let mut listening = Listening::default();
    addresses.agent_socket.clone_from(&config.listen.agents.socket);
    addresses.agent_tcp =
        listeners::bind(&mut listening, "agents", &config.listen.agents, &mut certificates).await?;
    let agents = AuthorityService::new(sidecar.clone(), Arc::new(access::agents(config)?), stopping.clone());
    servers.push(run(serve_agents(agents, listening, around.clone()), fail.clone()));

    let mut listening = Listening::default();
    addresses.reviewer_socket.clone_from(&config.listen.reviewers.socket);
    addresses.reviewer_tcp =
        listeners::bind(&mut listening, "reviewers", &config.listen.reviewers, &mut certificates).await?;
    let known = access::proofs(&config.reviewers)?;
    let readers = Readers { known, people: sessions.clone() };
    let reviewers = ReviewService::new(sidecar.clone(), desk.clone(), Arc::new(readers), stopping.clone());
    let operators = Arc::new(access::operators(config)?);
    let auditors = Auditors { auditors: access::proofs(&config.auditors)?, operators: operators.clone() };
    let reading = Reading::new(store.clone());
    let audit = AuditService::new(reading.clone(), Arc::new(auditors), stopping.clone());

    let mut keepers = Vec::new();
    let fleet = fleet::fleet(config, &store, &desk, &sidecar, &entropy, &metrics)?;
    if let Some(fleet) = &fleet {
        let (listening, address) = fleet::bind(config, &mut certificates).await?;
        addresses.sidecars = address;
        addresses.sidecar_socket.clone_from(&config.listen.sidecars.socket);
        let service = FleetService::new(fleet.clone(), stopping.clone());
        servers.push(run(serve_sidecars(service, listening, around.clone()), fail.clone()));
        let telling = fleet.clone();
        let telling = async move { match telling.tell().await {} };
        keepers.push(tokio::spawn(probes.health.keep("fleet", telling)));
    }

    let queue = Arc::new(crate::desk::queue::Queue::new(desk.clone()));
    let mut providers = providers::providers(config, &clock)?;
    let shared = following.as_ref().map(|_| &ephemeral);
    let seals = shared.map(|_| providers::Seals::of(config)).transpose()?;
    if let Some(at) = &config.listen.console {
        let bound = console::bind(at, &mut certificates).await?;
        addresses.console = Some(bound.origin.clone());
        let console = Console {
            origin: bound.origin.clone(),
            rights: access::rights(config),
            doors: Doors::new(&clock),
            invitations: invitations.clone(),
            profiles: profiles.clone(),
            code_flow: match &seals {
                None => code_flow(config, &bound.origin, &clock, &entropy)?,
                Some(seals) => code_flow(config, &bound.origin, &clock, &entropy)?
                    .map(|flow| flow.sealed_with(&seals.key("code flow"))),
            },
            provider_enrols: config.oidc.as_ref().is_some_and(|oidc| oidc.enrol),
            sidecar: sidecar.clone(),
            desk: desk.clone(),
            queue: queue.clone(),
            sessions: sessions.clone(),
            brake: brake.clone(),
            reloader: reloader.clone(),
            figures: Figures::new(store.clone()),
            previews: Previews::new(store.clone(), sidecar.in_force.clone(), clock.clone()),
            reading,
            incoming: providers::incoming(config, &mut providers, &desk, &bound.origin, &clock, shared)?,
            stopping: stopping.clone(),
        };
        servers.push(console::serve(bound, Arc::new(console), stopping.clone()));
    }
    let account_changes = profiles.changes();
    let book = profiles.clone();
    let profile = Arc::new(move |person: &PersonId| book.of(person));
    let console = addresses.console.clone();
    let outbox = channels::outbox(config, providers, profile, desk.clone(), console, clock.clone())?;
    let outbox = Arc::new(match &following {
        None => outbox,
        Some(following) => outbox.replica(claims, following.clone()),
    });
    if let Some(following) = &following {
        following.add(&outbox);
    }
    addresses.metrics = probes.address();
    let watched = Watched {
        journal,
        store: store.clone(),
        sidecar: sidecar.clone(),
        reloader: reloader.clone(),
        checkpoints: checkpoints.clone(),
        queue: queue.clone(),
        sla: channels::sla(config),
        outbox: outbox.clone(),
        certificates: certificates.clone(),
        ceiling: ceiling.clone(),
        fleet: fleet.clone(),
    };
    probes.started(watched.source());
    let inviting =
        Inviting { invitations, profiles, sessions: sessions.clone(), console: addresses.console.clone() };
    let telling = Telling { outbox: outbox.clone(), queue, sla: channels::sla(config) };
    let issuance = sidecar.issuance.clone();
    let admin = AdminService::new(
        sidecar,
        desk.clone(),
        brake,
        reloader.clone(),
        operators,
        Arc::new(inviting),
        Arc::new(telling),
    )
    .with_sidecars(Sidecars(fleet));
    servers.push(run(serve_reviewers(reviewers, admin, audit, listening, around), fail.clone()));
    if outbox.has_channels() {
        servers.push(tokio::spawn(outbox.clone().run(stopping)));
    }
    let limits = config.telemetry.saturation.limits();
    let health = probes.health.clone();
    if let Some(following) = following {
        keepers.push(tokio::spawn(health.keep("record", keepers::follow(following))));
    }
    keepers.extend([
        tokio::spawn(health.keep("accounts", channels::tell_of_accounts(account_changes, outbox.clone()))),
        tokio::spawn(health.keep("certificates", certificates.look_after(metrics))),
        tokio::spawn(keepers::end_when_unsound(store.unsound(), fail.clone())),
        tokio::spawn(health.keep("deadlines", keepers::watch_deadlines(desk))),
        tokio::spawn(health.keep("published", published::keep(issuance.clone(), config.data.clone()))),
        tokio::spawn(health.keep("keys", keys::look_after(issuance, store.clone(), clock.clone()))),
        tokio::spawn(
            health.keep("saturation", saturation::watch(limits, seen, store.clone(), clock.clone(), outbox)),
        ),
        tokio::spawn(health.keep("memory", keepers::look_at_the_memory(ceiling))),
        tokio::spawn(health.keep("clock", keepers::look_at_the_clock(store.clone(), clock.clone()))),
        tokio::spawn(health.keep("files", keepers::look_at_the_files(reloader.clone(), sessions.clone()))),
        tokio::spawn(health.keep("checkpoints", log::keep(checkpoints.clone(), fail))),
    ]);
    health.enter(Phase::Serving);
    let drain = Duration::from_secs(config.drain_seconds.unwrap_or(0));
    let rules = Rules { reloader, sessions };
    Ok(Running {
        addresses,
        stop,
        servers,
        keepers,
        failures,
        rules,
        store,
        checkpoints,
        clock,
        probes,
        drain,
    })
}
