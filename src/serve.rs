//! Putting it together: the one file that names concrete adapters, starts them in order, and stops them in order.

mod channels;
mod console;
mod keys;
mod load;
mod log;
mod providers;
mod saturation;
mod watched;

pub use channels::webhook_key;
pub use keys::key_directory;
pub use load::check;

use crate::audit::event::{Event, Record};
use crate::clock::{Clock, Reading, SystemClock};
use crate::condition::ConditionKind;
use crate::config::{Access, Config, Endpoint, PolicyChanges, Telemetry, Tls};
use crate::console::doors::Doors;
use crate::console::{Console, Rights};
use crate::desk::LocalDesk;
use crate::desk::invitations::Invitations;
use crate::desk::queue::Queue;
use crate::desk::reading;
use crate::desk::sessions::Sessions;
use crate::entropy::{Entropy, SystemEntropy};
use crate::grpc::identity::{Agents, Auditors, Operators, Proof, Readers};
use crate::grpc::listen::Listening;
use crate::grpc::{
    AdminService, AuditService, AuthorityService, Inviting, ReviewService, Telling, serve_agents,
    serve_reviewers,
};
use crate::metrics::Metrics;
use crate::party::{ExecutorId, PersonId};
use crate::reviewer::Directory;
use crate::sidecar::brake::Brake;
use crate::sidecar::checkpoints::Checkpoints;
use crate::sidecar::figures::Figures;
use crate::sidecar::issuance::Issuance;
use crate::sidecar::memory::Memories;
use crate::sidecar::previews::Previews;
use crate::sidecar::profiles::{self, ProfileBook};
use crate::sidecar::reload::{Changes, Files, Outcome, ROUNDS, Reloader};
use crate::sidecar::{Caller, InForce, OWN_NAME, Sidecar};
use crate::store::embedded::{EmbeddedStore, RECORDS};
use crate::store::{Change, Index, Store, StoreError};
use crate::telemetry::{Tracing, endpoint};
use crate::token::Executor;
use arc_swap::ArcSwap;
use core::fmt::Display;
use core::time::Duration;
use load::{code_flow, findings, load, provider};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use watched::Watched;

/// How often the clock is looked at, so that a doubt is recorded even if nobody asks.
const CLOCK_ROUNDS: Duration = Duration::from_secs(1);

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

/// Where a running service can be reached.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// The agents' Unix socket.
    pub agent_socket: Option<PathBuf>,
    /// The agents' TCP address.
    pub agent_tcp: Option<SocketAddr>,
    /// The reviewers' Unix socket.
    pub reviewer_socket: Option<PathBuf>,
    /// The reviewers' TCP address.
    pub reviewer_tcp: Option<SocketAddr>,
    /// Where metrics are told.
    pub metrics: Option<SocketAddr>,
    /// Where browsers reach the console: an origin.
    pub console: Option<Box<str>>,
}

/// A running service.
pub struct Running {
    addresses: Addresses,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    keepers: Vec<JoinHandle<()>>,
    failures: mpsc::Receiver<ServeFailed>,
    reloader: Arc<Reloader>,
    sessions: Arc<Sessions>,
    store: Arc<EmbeddedStore>,
    checkpoints: Arc<Checkpoints>,
    clock: Arc<dyn Clock>,
}

impl Running {
    /// Where it can be reached.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> Index {
        self.store.len()
    }

    /// Looks at the policy and the roster at once, and at the identity provider's keys.
    pub async fn reload(&self) -> Outcome {
        look_at_the_provider(&self.sessions).await;
        self.reloader.look_at_once().await
    }

    /// Waits until it can't go on, and says why.
    pub async fn failed(&mut self) -> ServeFailed {
        self.failures.recv().await.unwrap_or_else(|| failed("every part of the service ended"))
    }

    /// Stops taking calls, lets those under way end, records the stop and closes the store.
    ///
    /// # Errors
    /// [`ServeFailed`] if the store could not be closed in order; nothing that was acknowledged is lost then either.
    pub async fn stop(self) -> Result<(), ServeFailed> {
        let _ = self.stop.send(true);
        for mut server in self.servers {
            // A connection that does not close by itself is not waited for.
            if tokio::time::timeout(Duration::from_secs(3), &mut server).await.is_err() {
                server.abort();
            }
        }
        for keeper in self.keepers {
            keeper.abort();
        }
        let stopped = Change::of(self.clock.now(), [Event::Stopped {}]);
        let recorded = self.store.commit(stopped).await.map_err(failed);
        let signed = self.checkpoints.make_now().await.map_err(failed);
        // It waits for the disk.
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.close()).await.map_err(failed)?.map_err(failed)?;
        for socket in [self.addresses.agent_socket, self.addresses.reviewer_socket].into_iter().flatten() {
            drop(std::fs::remove_file(socket));
        }
        recorded.and(signed.map(drop))
    }
}

/// Starts everything; whoever connects after this is served.
///
/// # Errors
/// [`ServeFailed`] with what was wrong, where, and what to do.
pub async fn start(config: &Config) -> Result<Running, ServeFailed> {
    let loaded = load(config)?;
    let provider = provider(config)?;
    let (seen, to_fold) = saturation::queue();
    let asked_for = config.listen.metrics.is_some();
    let metrics = Arc::new(if asked_for { Metrics::new() } else { Metrics::unheard() });
    let (store, opened) =
        EmbeddedStore::open(&config.data, watched::options(&metrics, seen)).map_err(failed)?;
    let store = Arc::new(store);
    tracing::info!(records = store.len(), "{opened}");
    metrics.views_usable(true);
    watched::recall(&metrics, store.as_ref()).map_err(failed)?;
    let loaded = loaded.approved(config, store.as_ref())?;
    for finding in findings(config, &loaded) {
        tracing::warn!("{finding}");
    }
    let last = store.len().checked_sub(1).map(|index| store.record(index)).transpose().map_err(failed)?;
    let clock = last.map_or_else(SystemClock::start, |last| SystemClock::start_after(last.at));
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let now = clock.now();
    let issuance = Arc::new(Issuance::start(Box::new(key_directory(config)?), now).map_err(|error| {
        failed(format!("the keys in `{}` can't be used: {error}", config.data.join("keys").display()))
    })?);
    let origin = key_directory(config)?.log_origin().map_err(failed)?;
    let checkpoints = log::open(config, store.clone(), issuance.clone(), origin.clone()).await?;
    let changes = match config.policy_changes {
        PolicyChanges::Free => Changes::Free,
        PolicyChanges::Approved => Changes::Approved,
    };
    let events = [
        Event::Started {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            domain: Some(config.trust_domain.clone()),
            origin: Some(origin.clone()),
            changes,
        },
        // What differs from what was in force before was approved, or did not have to be.
        Event::PolicyLoaded {
            digest: loaded.policy.digest(),
            text: loaded.policy.text().to_owned(),
            approved: None,
        },
        Event::RosterLoaded { text: loaded.roster.clone(), approved: None },
    ];
    let events = events.into_iter().chain(keys::standing(&issuance, now).map_err(failed)?);
    store.commit(Change::of(now, events)).await.map_err(failed)?;

    let executors = executors(config)?;
    let enforced = config.executors.iter().map(|e| (e.id.clone(), e.condition_kinds().into_iter().collect()));
    let enforced: HashMap<ExecutorId, BTreeSet<ConditionKind>> = enforced.collect();
    let profiles = profiles::recall(store.as_ref()).map_err(failed)?;
    let in_force = Arc::new(ArcSwap::from_pointee(InForce::new(
        Arc::new(loaded.policy),
        Arc::new(loaded.directory),
        Directory::digest_of(&loaded.roster),
        now,
        Arc::new(profiles),
    )));
    let profiles = Arc::new(ProfileBook::new(store.clone(), clock.clone(), in_force.clone()));
    let desk = LocalDesk::new(store.clone(), in_force.clone(), enforced, clock.clone()).map_err(failed)?;
    let desk = Arc::new(desk);
    let entropy = Arc::new(SystemEntropy);
    let flow_entropy: Arc<dyn Entropy> = entropy.clone();
    let sessions = Sessions::new(
        config.trust_domain.clone(),
        in_force.clone(),
        provider,
        clock.clone(),
        entropy.clone(),
    );
    let sessions = Arc::new(sessions.map_err(failed)?);
    let invitations =
        Invitations::open(&config.data, config.trust_domain.clone(), clock.clone(), entropy.as_ref());
    let invitations = Arc::new(invitations.map_err(failed)?);
    let brake = Brake::start(store.clone(), issuance.clone(), clock.clone(), entropy.clone());
    let brake = Arc::new(brake.map_err(failed)?);
    for suspension in brake.list().await {
        tracing::warn!("{suspension}");
    }
    let sidecar = Arc::new(Sidecar {
        domain: config.trust_domain.clone(),
        origin,
        in_force,
        operators: config.agents.iter().map(|agent| (agent.id.clone(), agent.operators.clone())).collect(),
        executors,
        store: store.clone(),
        desk: desk.clone(),
        memories: Memories::default(),
        brake: brake.clone(),
        checkpoints: checkpoints.clone(),
        issuance: issuance.clone(),
        clock: clock.clone(),
        entropy,
        metrics: metrics.clone(),
    });

    let files = Files { policy: config.policy.clone(), roster: config.roster.clone() };
    let reloader = Arc::new(Reloader::new(files, changes, sidecar.clone()));

    let (stop, stopping) = watch::channel(false);
    let (fail, failures) = mpsc::channel(4);
    let mut addresses = Addresses::default();
    let mut listening = Listening::default();
    addresses.agent_socket.clone_from(&config.listen.agents.socket);
    addresses.agent_tcp = bind(&mut listening, &config.listen.agents).await?;
    let agents = AuthorityService::new(sidecar.clone(), Arc::new(agents(config)?), stopping.clone());
    let mut servers =
        vec![run(serve_agents(agents, listening, metrics.clone(), stopping.clone()), fail.clone())];
    let mut listening = Listening::default();
    addresses.reviewer_socket.clone_from(&config.listen.reviewers.socket);
    addresses.reviewer_tcp = bind(&mut listening, &config.listen.reviewers).await?;
    let known = proofs(&config.reviewers)?;
    let readers = Readers { known, people: sessions.clone() };
    let reviewers = ReviewService::new(sidecar.clone(), desk.clone(), Arc::new(readers), stopping.clone());
    let operators = config.operators.iter();
    let operators = operators.filter_map(|one| {
        let proof = proof(&one.access()).transpose()?;
        Some(proof.map(|proof| (proof, one.title())))
    });
    let operators: Vec<_> = operators.collect::<Result<_, ServeFailed>>()?;
    let operators = Arc::new(Operators(operators));
    let auditors = Auditors { auditors: proofs(&config.auditors)?, operators: operators.clone() };
    let reading = reading::Reading::new(store.clone());
    let audit = AuditService::new(reading.clone(), Arc::new(auditors), stopping.clone());
    let mut providers = providers::providers(config, &clock)?;
    let queue = Arc::new(Queue::new(desk.clone()));
    if let Some(at) = &config.listen.console {
        let bound = console::bind(at).await?;
        addresses.console = Some(bound.origin.clone());
        let console = Console {
            origin: bound.origin.clone(),
            rights: rights(config),
            doors: Doors::new(&clock),
            invitations: invitations.clone(),
            profiles: profiles.clone(),
            code_flow: code_flow(config, &bound.origin, &clock, &flow_entropy)?,
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
            incoming: providers::incoming(config, &mut providers, &desk, &bound.origin, &clock)?,
            stopping: stopping.clone(),
        };
        servers.push(console::serve(bound, Arc::new(console), stopping.clone()));
    }
    let account_changes = profiles.changes();
    let book = profiles.clone();
    let profile = Arc::new(move |person: &PersonId| book.of(person));
    let console = addresses.console.clone();
    let outbox = channels::outbox(config, providers, profile, desk.clone(), console, clock.clone())?;
    if let Some(address) = config.listen.metrics {
        let bound = TcpListener::bind(address).await;
        let listener =
            bound.map_err(|error| failed(format!("cannot listen on {address} for metrics: {error}")))?;
        addresses.metrics = listener.local_addr().ok();
        let watched = Watched {
            journal: config.data.join(RECORDS),
            store: store.clone(),
            sidecar: sidecar.clone(),
            reloader: reloader.clone(),
            checkpoints: checkpoints.clone(),
            queue: queue.clone(),
            sla: channels::sla(config),
            outbox: outbox.clone(),
            stop: stopping.clone(),
        };
        servers.push(tokio::spawn(endpoint::serve(listener, watched.source(), stopping.clone())));
    }
    let told_until = stopping.clone();
    let inviting =
        Inviting { invitations, profiles, sessions: sessions.clone(), console: addresses.console.clone() };
    let telling = Telling { outbox: outbox.clone(), queue, sla: channels::sla(config) };
    let admin = AdminService::new(
        sidecar,
        desk.clone(),
        brake,
        reloader.clone(),
        operators,
        Arc::new(inviting),
        Arc::new(telling),
    );
    servers.push(run(serve_reviewers(reviewers, admin, audit, listening, metrics, stopping), fail.clone()));
    if outbox.has_channels() {
        servers.push(tokio::spawn(outbox.clone().run(told_until)));
    }
    let keepers = vec![
        tokio::spawn(channels::tell_of_accounts(account_changes, outbox.clone())),
        tokio::spawn(end_when_unsound(store.unsound(), fail.clone())),
        tokio::spawn(async move {
            desk.watch_deadlines().await;
        }),
        tokio::spawn(keys::look_after(issuance, store.clone(), clock.clone())),
        tokio::spawn(saturation::watch(
            config.telemetry.saturation.limits(),
            to_fold,
            store.clone(),
            clock.clone(),
            outbox,
        )),
        tokio::spawn(look_at_the_clock(store.clone(), clock.clone())),
        tokio::spawn(look_at_the_files(reloader.clone(), sessions.clone())),
        tokio::spawn(log::keep(checkpoints.clone(), fail)),
    ];
    Ok(Running { addresses, stop, servers, keepers, failures, reloader, sessions, store, checkpoints, clock })
}

fn run(
    server: impl Future<Output = Result<(), crate::grpc::ServeError>> + Send + 'static,
    fail: mpsc::Sender<ServeFailed>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = server.await {
            drop(fail.send(failed(error)).await);
        }
    })
}

/// What had been recorded is not what it was: nothing more may rest on it.
async fn end_when_unsound(mut unsound: watch::Receiver<Option<StoreError>>, fail: mpsc::Sender<ServeFailed>) {
    let why = unsound.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
    if let Some(why) = why {
        drop(fail.send(failed(why)).await);
    }
}

async fn look_at_the_files(reloader: Arc<Reloader>, sessions: Arc<Sessions>) {
    loop {
        tokio::time::sleep(ROUNDS).await;
        reloader.look().await;
        look_at_the_provider(&sessions).await;
    }
}

async fn look_at_the_provider(sessions: &Arc<Sessions>) {
    let sessions = sessions.clone();
    // It reads a file.
    let looked = tokio::task::spawn_blocking(move || sessions.provider().map(|provider| provider.look()));
    match looked.await {
        Ok(None | Some(Ok(false))) => {}
        Ok(Some(Ok(true))) => tracing::info!("the identity provider has other keys now"),
        Ok(Some(Err(error))) => {
            tracing::error!(%error, "the identity provider's keys stay as they were");
        }
        Err(error) => tracing::error!(%error, "the identity provider's keys could not be looked at"),
    }
}

async fn look_at_the_clock(store: Arc<EmbeddedStore>, clock: Arc<dyn Clock>) {
    let mut doubted = false;
    loop {
        match clock.read() {
            Reading::Sure(_) => doubted = false,
            Reading::InDoubt { wall, latest } if !doubted => {
                doubted = true;
                tracing::error!(%wall, %latest, "the clock was set back: nothing is minted until it has caught up");
                let change = Change {
                    records: vec![Record::new(latest, Event::ClockInDoubt { wall })],
                    ..Change::default()
                };
                if let Err(error) = store.commit(change).await {
                    tracing::error!(%error, "a doubt about the clock could not be recorded");
                }
            }
            Reading::InDoubt { .. } => {}
        }
        tokio::time::sleep(CLOCK_ROUNDS).await;
    }
}

/// The executors, and the service itself where it carries out changes that were approved.
fn executors(config: &Config) -> Result<HashMap<ExecutorId, Executor>, ServeFailed> {
    let register = |executor: &crate::config::Executor| {
        let registered = match executor.plain {
            true => Executor::plain(executor.id.clone()),
            false => Executor::new(executor.id.clone(), executor.condition_kinds()),
        };
        Ok((executor.id.clone(), registered.map_err(failed)?))
    };
    let mut executors: HashMap<_, _> = config.executors.iter().map(register).collect::<Result<_, _>>()?;
    if config.policy_changes == PolicyChanges::Approved {
        let own = ExecutorId::new(OWN_NAME).map_err(failed)?;
        executors.insert(own.clone(), Executor::new(own, []).map_err(failed)?);
    }
    Ok(executors)
}

fn agents(config: &Config) -> Result<Agents, ServeFailed> {
    let mut known = HashMap::new();
    for agent in &config.agents {
        let caller = Caller { agent: agent.id.clone(), on_behalf_of: agent.on_behalf_of.clone() };
        known.extend(proof(&agent.by)?.map(|proof| (proof, caller)));
    }
    let anyone = config.unsafe_anyone_on_loopback_is.as_ref();
    let anyone_on_loopback = anyone.map(|agent| Caller { agent: agent.clone(), on_behalf_of: None });
    Ok(Agents { known, anyone_on_loopback })
}

/// What a connection has to prove; nothing that one could where it is a person who signs in.
fn proof(access: &Access) -> Result<Option<Proof>, ServeFailed> {
    let hex = |text: &String| from_hex(text).ok_or_else(|| failed("a SHA-256 is 64 hexadecimal digits"));
    match (access.uid, &access.token_sha256, &access.certificate_sha256, &access.person) {
        (Some(uid), None, None, None) => Ok(Some(Proof::Uid(uid))),
        (None, Some(token), None, None) => hex(token).map(Proof::Bearer).map(Some),
        (None, None, Some(certificate), None) => hex(certificate).map(Proof::Certificate).map(Some),
        (None, None, None, Some(_)) => Ok(None),
        _ => Err(failed(
            "a credential is exactly one of `uid`, `token_sha256`, `certificate_sha256` and `person`",
        )),
    }
}

/// What the connections of all these have to prove.
fn proofs(accesses: &[Access]) -> Result<Vec<Proof>, ServeFailed> {
    accesses.iter().filter_map(|access| proof(access).transpose()).collect()
}

/// What people who are signed in at the console may do besides reviewing.
fn rights(config: &Config) -> Rights {
    let operators = config.operators.iter();
    let operators = operators.filter_map(|one| Some((one.person.clone()?, one.title().into()))).collect();
    let auditors = config.auditors.iter().filter_map(|one| one.person.clone()).collect();
    Rights { operators, auditors }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<u8> =
        digits?.chunks_exact(2).filter_map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect();
    bytes.try_into().ok()
}

async fn bind(listening: &mut Listening, endpoint: &Endpoint) -> Result<Option<SocketAddr>, ServeFailed> {
    if let Some(path) = &endpoint.socket {
        let mode = if endpoint.socket_for_everyone { 0o666 } else { 0o660 };
        listening
            .bind_socket(path, mode)
            .map_err(|error| failed(format!("cannot listen on `{}`: {error}", path.display())))?;
    }
    let Some(address) = endpoint.tcp else { return Ok(None) };
    let tls = endpoint.tls.as_ref().map(tls).transpose()?;
    let bound = listening.bind_tcp(address, tls).await;
    bound.map(Some).map_err(|error| failed(format!("cannot listen on {address}: {error}")))
}

fn tls(tls: &Tls) -> Result<ServerTlsConfig, ServeFailed> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| failed(format!("cannot read `{}`: {error}", path.display())))
    };
    let key = read(&tls.key)?;
    crate::files::refuse_exposed(&tls.key).map_err(failed)?;
    let config = ServerTlsConfig::new().identity(Identity::from_pem(read(&tls.certificate)?, key));
    match &tls.client_authority {
        // Optional, so that a bearer token serves too; what a connection proves is judged for each call.
        Some(path) => {
            Ok(config.client_ca_root(Certificate::from_pem(read(path)?)).client_auth_optional(true))
        }
        None => Ok(config),
    }
}
