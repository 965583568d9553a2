//! A sidecar beside its agent: its own record and keys, the agent's socket, and a desk that is elsewhere.

mod health;

use super::ground::{Ground, Signed, Signing};
use super::keepers::run;
use super::probes::Probes;
use super::{ServeFailed, failed, keepers, keys, log};
use crate::audit::event::Event;
use crate::config::{Limits, Sidecar as Config, SidecarProof};
use crate::grpc::identity::{Agents, Proof};
use crate::grpc::listen::Listening;
use crate::grpc::{Around, AuthorityService, serve_agents};
use crate::health::Phase;
use crate::link::{
    Credential, DeskWitness, EnrolError, Enroller, Follower, Kept, Line, Place, Queue, Refused, RemoteDesk,
    Shipper, Standing, first_rules, roles_of,
};
use crate::moment::Moment;
use crate::sidecar::brake::Brake;
use crate::sidecar::memory::Memories;
use crate::sidecar::reload::Changes;
use crate::sidecar::tether::Tether;
use crate::sidecar::{Caller, Rules, Sidecar};
use crate::signer::enrolled::{EnrolledKeys, Enrolment};
use crate::store::{Change, Index};
use crate::tlog::VerifierKey;
use crate::token::Anchor;
use crate::witness::Witness;
use arc_swap::ArcSwap;
use core::time::Duration;
use health::Told;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// In the folder of data: the keys, what executors need, when the desk was last heard, and what people denied.
const KEYS: &str = "keys";
const PUBLISHED: &str = "published";
const HEARD: &str = "heard";
const DENIED: &str = "denied.json";
/// How long it is waited before the desk's first rules are asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// A sidecar that runs beside its agent.
pub struct Beside {
    config: Config,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    keepers: Vec<JoinHandle<()>>,
    failures: mpsc::Receiver<ServeFailed>,
    sidecar: Arc<Sidecar>,
    tether: Arc<Tether>,
    shipper: Arc<Shipper>,
    probes: Probes,
}

impl Beside {
    /// Starts: enrols where it never was, waits for the first rules where it never had any, and answers the agent from
    /// then on. With both on record it starts whether or not the desk is there.
    ///
    /// # Errors
    /// [`ServeFailed`] with what was wrong, where, and what to do.
    pub async fn start(config: &Config) -> Result<Self, ServeFailed> {
        let (stop, stopping) = watch::channel(false);
        let (fail, failures) = mpsc::channel(4);
        let probes = Probes::start(config.health)?;
        let mut servers = Vec::new();
        let (ground, values) = Ground::with_values(&config.data, config.health.is_some())?;
        let (clock, entropy) = (ground.clock.clone(), ground.entropy.clone());
        let anchor = Anchor::new(config.trust_domain.clone(), config.roots.clone()).map_err(failed)?;
        let enrolled = EnrolledKeys::open(config.data.join(KEYS), anchor, entropy.clone()).map_err(failed)?;
        let line = Line::new(&place(config)?, enrolled.clone(), clock.clone(), entropy.clone());
        let line = Arc::new(line.map_err(failed)?);
        let enroller =
            Arc::new(Enroller::new(line.clone(), credential(config), clock.clone(), entropy.clone()));
        if enrolled.enrolment().is_none() {
            let tell = |error: &EnrolError| {
                tracing::warn!(%error, "this sidecar is not enrolled yet");
                probes.health.enter(Phase::Starting(not_enrolled(error)));
            };
            enroller.enrol_at_last(tell).await;
        }
        let enrolment = enrolled.enrolment().ok_or_else(|| failed("this sidecar is not enrolled"))?;
        tracing::info!(sidecar = %enrolment.sidecar, agent = %enrolment.agent, "this sidecar is enrolled");
        let rules = rules(&ground, &line, &probes).await?;

        let tether = Arc::new(Tether::new(heard(&config.data.join(HEARD))));
        let shipper =
            Shipper::new(line.clone(), ground.store.clone(), values, tether.clone(), entropy.clone());
        let shipper = Arc::new(shipper);
        let signing = signing(config, &enrolled, &enrolment, &shipper)?;
        let Signed { issuance, origin, checkpoints } = signing.start(&ground).await?;
        shipper.sign_with(&checkpoints);
        let now = clock.now();
        ground
            .store
            .commit(Change::of(now, started(&enrolment, &rules, &issuance, now)))
            .await
            .map_err(failed)?;

        let Ground { store, metrics, .. } = &ground;
        let in_force = Arc::new(ArcSwap::from_pointee(rules.in_force(now)));
        let roles = Arc::new(ArcSwap::from_pointee(roles_of(&enrolment)));
        let queue = Queue::recall(store.clone(), &enrolment.agent, now).map_err(failed)?;
        let brake = Brake::start(store.clone(), issuance.clone(), clock.clone(), entropy.clone());
        let brake = Arc::new(brake.map_err(failed)?);
        for suspension in brake.list().await {
            tracing::warn!("{suspension}");
        }
        let desk = Arc::new(RemoteDesk::new(Standing {
            line: line.clone(),
            store: store.clone(),
            in_force: in_force.clone(),
            roles: roles.clone(),
            tether: tether.clone(),
            queue: Arc::new(queue),
            shipper: shipper.clone(),
            clock: clock.clone(),
        }));
        let sidecar = Arc::new(Sidecar {
            domain: config.trust_domain.clone(),
            origin,
            in_force,
            roles,
            store: store.clone(),
            desk: desk.clone(),
            memories: Memories::of_a_fleet(),
            brake,
            checkpoints: checkpoints.clone(),
            issuance: issuance.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            metrics: metrics.clone(),
            tether: Some(tether.clone()),
        });
        let caller = Caller { agent: enrolment.agent.clone(), on_behalf_of: enrolment.on_behalf_of.clone() };
        let caller = Arc::new(ArcSwap::from_pointee(caller));
        let mut listening = Listening::default();
        let bound = listening.bind_socket(&config.socket, config.socket_mode);
        bound.map_err(|error| failed(format!("cannot listen on `{}`: {error}", config.socket.display())))?;
        let agents = Arc::new(agents(config, &caller));
        let ceiling = keepers::ceiling(&Limits::default());
        let phases = probes.health.phases();
        let around = Around { metrics: metrics.clone(), ceiling: ceiling.clone(), phases };
        let agents = AuthorityService::new(sidecar.clone(), agents, stopping);
        servers.push(run(serve_agents(agents, listening, around), fail.clone()));

        let kept = Kept {
            published: config.data.join(PUBLISHED),
            heard: config.data.join(HEARD),
            fates: config.data.join(DENIED),
        };
        let follower =
            Follower::new(line, sidecar.clone(), desk.clone(), tether.clone(), entropy, kept, caller);
        let (ring, record, time) = (issuance.clone(), store.clone(), clock.clone());
        let renewed = move |_| {
            let (ring, record, time) = (ring.clone(), record.clone(), time.clone());
            async move { keys::look(&ring, &record, &time).await }
        };
        let keepers = vec![
            tokio::spawn(keepers::end_when_unsound(store.unsound(), fail.clone())),
            tokio::spawn(keepers::look_at_the_clock(store.clone(), clock.clone())),
            tokio::spawn(keys::look_after(issuance, store.clone(), clock)),
            tokio::spawn(log::keep(checkpoints, fail)),
            tokio::spawn(keepers::look_at_the_memory(ceiling.clone())),
            tokio::spawn(async move { match enroller.keep(renewed).await {} }),
            tokio::spawn({
                let shipper = shipper.clone();
                async move { match shipper.run().await {} }
            }),
            tokio::spawn(async move { match desk.keep_queue().await {} }),
            tokio::spawn(async move { match follower.run().await {} }),
        ];
        let told = Told {
            sidecar: sidecar.clone(),
            tether: tether.clone(),
            journal: ground.journal.clone(),
            ceiling,
        };
        probes.started(told.source());
        probes.health.enter(Phase::Serving);
        Ok(Self {
            config: config.clone(),
            stop,
            servers,
            keepers,
            failures,
            sidecar,
            tether,
            shipper,
            probes,
        })
    }

    /// How it stands with the desk.
    #[must_use]
    pub fn tether(&self) -> &Tether {
        &self.tether
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> Index {
        self.sidecar.store.len()
    }

    /// Waits until it can't go on, and says why.
    pub async fn failed(&mut self) -> ServeFailed {
        self.failures.recv().await.unwrap_or_else(|| failed("every part of the sidecar ended"))
    }

    /// Stops taking calls, lets those under way end, hands over what it can, records the stop and closes the record.
    ///
    /// # Errors
    /// [`ServeFailed`] if the record could not be closed in order; nothing that was acknowledged is lost then either.
    pub async fn stop(self) -> Result<(), ServeFailed> {
        self.probes.health.enter(Phase::Stopping);
        let _ = self.stop.send(true);
        for mut server in self.servers {
            // A connection that does not close by itself is not waited for.
            if tokio::time::timeout(Duration::from_secs(3), &mut server).await.is_err() {
                server.abort();
            }
        }
        let Sidecar { store, checkpoints, clock, .. } = self.sidecar.as_ref();
        let recorded = store.commit(Change::of(clock.now(), [Event::Stopped {}])).await.map_err(failed);
        let signed = checkpoints.make_now().await.map_err(failed);
        // In a pod nobody takes up what is left here.
        if self.tether.connected() && self.tether.halted().is_none() {
            let handing_over = self.shipper.ship_to(store.len());
            drop(tokio::time::timeout(Duration::from_secs(3), handing_over).await);
        }
        for keeper in self.keepers {
            keeper.abort();
            // What it holds is let go before the record is closed.
            drop(keeper.await);
        }
        // It waits for the disk.
        let store = store.clone();
        tokio::task::spawn_blocking(move || store.close()).await.map_err(failed)?.map_err(failed)?;
        drop(std::fs::remove_file(&self.config.socket));
        recorded.and(signed.map(drop))
    }
}

/// The rules on record, or else the first that the desk sends.
async fn rules(ground: &Ground, line: &Line, probes: &Probes) -> Result<Rules, ServeFailed> {
    if let Some(rules) = Rules::recall(ground.store.as_ref()).map_err(failed)? {
        return Ok(rules);
    }
    loop {
        match first_rules(line).await {
            Ok(rules) => return Ok(rules),
            Err(error) => {
                tracing::warn!(%error, "there are no rules to decide under yet");
                probes.health.enter(Phase::Starting("it has no policy yet, and the desk has sent none"));
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Why it waits, in a word; the log has all of it.
const fn not_enrolled(error: &EnrolError) -> &'static str {
    match error {
        EnrolError::Refused(Refused::Away(_)) => "it is not enrolled: the desk cannot be reached",
        EnrolError::Refused(Refused::Unknown(_) | Refused::For(..)) => {
            "it is not enrolled: the desk refuses it"
        }
        EnrolError::Answer(_) => "it is not enrolled: the desk's answer cannot be used",
        EnrolError::Keys(_) => "it is not enrolled: what the desk certified is not ours",
        EnrolError::Token(_) => "it is not enrolled: its token cannot be read",
    }
}

/// What the record says of every start.
fn started(
    enrolment: &Enrolment,
    rules: &Rules,
    issuance: &crate::sidecar::issuance::Issuance,
    now: Moment,
) -> Vec<Event> {
    let started = Event::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        domain: Some(enrolment.domain.clone()),
        origin: Some(enrolment.origin.clone()),
        changes: Changes::Free,
    };
    let minting = issuance.current(now).ok().map(|key| keys::certified_event(&key));
    let signing = issuance.log().map(|key| keys::certified_event(&key));
    let revoked = issuance.revoked();
    let revoked = revoked.iter().map(|kid| Event::KeyRevoked { kid: *kid });
    [started].into_iter().chain(rules.events()).chain(minting).chain(signing).chain(revoked).collect()
}

fn signing(
    config: &Config,
    enrolled: &EnrolledKeys,
    enrolment: &Enrolment,
    shipper: &Arc<Shipper>,
) -> Result<Signing, ServeFailed> {
    let log_key = crate::signer::Keyring::log(enrolled, Moment::default()).ok();
    let witness = |key: &str| -> Result<Arc<dyn Witness>, ServeFailed> {
        let key = VerifierKey::parse(key)
            .map_err(|error| failed(format!("the desk's key of cosignatures: {error}")))?;
        Ok(Arc::new(DeskWitness::new(key, shipper.clone())))
    };
    let cosigner = Some(enrolment.cosigner.as_str()).filter(|key| !key.is_empty());
    Ok(Signing {
        origin: enrolment.origin.clone(),
        log_keys: log_key.iter().map(|key| key.certified().key.clone()).collect(),
        whereabouts: format!("`{}`", config.data.join(KEYS).display()),
        witnesses: cosigner.map(witness).transpose()?.into_iter().collect(),
        data: config.data.clone(),
        keyring: Box::new(enrolled.clone()),
    })
}

/// Whoever reaches the socket is the agent: only its own containers do. Some user ids, where it is told which.
fn agents(config: &Config, caller: &Arc<ArcSwap<Caller>>) -> Agents {
    let known = config.agent_uids.iter().map(|uid| (Proof::Uid(*uid), Caller::clone(&caller.load())));
    let known: HashMap<Proof, Caller> = known.collect();
    let anyone = known.is_empty().then(|| caller.clone());
    Agents { known, anyone_on_loopback: None, anyone_on_the_socket: anyone }
}

fn place(config: &Config) -> Result<Place, ServeFailed> {
    let identity = match &config.proof {
        SidecarProof::TokenFile(_) => None,
        SidecarProof::Certificate(certificate, key) => {
            let read = |path: &Path| {
                std::fs::read(path)
                    .map_err(|error| failed(format!("cannot read `{}`: {error}", path.display())))
            };
            crate::files::refuse_exposed(key).map_err(failed)?;
            Some((read(certificate)?, read(key)?))
        }
    };
    Ok(Place { addresses: config.desk.clone(), authority: config.desk_ca.clone(), identity })
}

fn credential(config: &Config) -> Credential {
    match &config.proof {
        SidecarProof::TokenFile(path) => Credential::TokenFile(path.clone()),
        SidecarProof::Certificate(..) => Credential::Certificate,
    }
}

/// When the desk was last heard, as the last run has written it down.
fn heard(path: &Path) -> Option<Moment> {
    let text = std::fs::read_to_string(path).ok()?;
    text.trim().parse().ok().map(Moment::from_unix_millis)
}
