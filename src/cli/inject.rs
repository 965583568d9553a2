//! `countersign inject`: the admission webhook that puts the sidecar beside agents, until it is told to stop.

mod options;

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::cluster::http::Api;
use crate::cluster::{Cluster, SecretPlace, Version, WebhookPlace};
use crate::entropy::SystemEntropy;
use crate::inject::announce::{Announcer, Means};
use crate::inject::certificate::{Files, Keeper};
use crate::inject::names;
use crate::inject::probes::{self, Probes};
use crate::inject::server::{self, Shown, Webhook};
use crate::inject::settings::Mode;
use crate::metrics::admission::AdmissionMetrics;
use crate::telemetry;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
pub(super) use options::Args;
use options::WantedMode;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often the certificate is looked after.
const ROUNDS: Duration = Duration::from_secs(30);
/// … and how soon again where that failed.
const AGAIN: Duration = Duration::from_secs(3);
/// The oldest API server beside which every kubelet that may still be there knows native sidecars: they are on since
/// 1.29, and kubelets may be three minor versions behind.
const NATIVE_SINCE: Version = Version { major: 1, minor: 32 };

/// Runs the command.
///
/// # Errors
/// [`Failed`] if it could not start.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let format = if args.log_json { telemetry::Format::Json } else { telemetry::Format::Text };
    // Nothing is traced, so there is nothing to be sent at the end.
    drop(telemetry::start(format, None).map_err(Failed::plain)?);
    // Asked for before anything slow, so that a stop is never missed.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failed::plain)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failed::plain)?;
    let mut settings = args.settings()?;
    let cluster: Option<Arc<dyn Cluster>> = match args.place() {
        Some(place) => Some(Arc::new(Api::new(place).map_err(|error| Failed::new(Exit::Usage, error))?)),
        None => None,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let metrics = Arc::new(AdmissionMetrics::new(server::reasons()));
    let shown = Arc::new(Shown::default());
    let probes = Arc::new(Probes {
        shown: shown.clone(),
        metrics: metrics.clone(),
        clock: clock.clone(),
        known: AtomicBool::new(false),
        draining: AtomicBool::new(false),
    });
    let (stop, stopping) = watch::channel(false);
    // Before anything slow, too: whoever asks for a reason gets one.
    let (health, health_at) = listen(args.health).await?;
    let telling = tokio::spawn(probes::serve(health, probes.clone(), stopping.clone()));
    settings.mode = match args.mode {
        WantedMode::Native => Mode::Native,
        WantedMode::Ordinary => Mode::Ordinary,
        WantedMode::Auto => tokio::select! {
            mode = mode_of(cluster.as_deref()) => mode,
            _ = interrupt.recv() => return Ok(Exit::Success),
            _ = terminate.recv() => return Ok(Exit::Success),
        },
    };
    let mode = settings.mode;
    let announcer = cluster.clone().filter(|_| !args.no_events).map(|cluster| {
        let means = Means {
            cluster,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            metrics: metrics.clone(),
        };
        let (announcer, announcing) = Announcer::new(means);
        tokio::spawn(announcing);
        announcer
    });
    let keeping = match (&args.certificate, &args.key, cluster) {
        (Some(certificate), Some(key), _) => {
            let files = Files { certificate: certificate.clone(), key: key.clone(), shown: shown.clone() };
            tokio::spawn(keep_files(files, probes.clone()))
        }
        (_, _, Some(cluster)) => {
            let keeper = Keeper::new(cluster, args.secret(), args.webhooks(), shown.clone());
            tokio::spawn(keep(keeper, probes.clone()))
        }
        (_, _, None) => {
            return Err(Failed::new(
                Exit::Usage,
                "there is no Kubernetes API to share a certificate through",
            )
            .advise("run it in a pod, or say `--api-server`, or `--certificate` and `--key`"));
        }
    };
    let webhook = Arc::new(Webhook { settings, metrics, announcer });
    let (listener, at) = listen(args.listen).await?;
    let serving = tokio::spawn(server::serve(listener, shown, server::router(webhook), stopping));
    Output::new(args.json).print(
        || json!({ "webhook": at.to_string(), "health": health_at.to_string(), "mode": mode.as_str() }),
        |_| format!("ready\n  webhook    {at}\n  health     {health_at}\n  sidecars   {}", mode.as_str()),
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    // The API server goes on asking until it has heard that this one is not ready.
    probes.draining.store(true, Ordering::Relaxed);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(args.drain)) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let _ = stop.send(true);
    keeping.abort();
    serving.await.map_err(Failed::plain)?;
    telling.abort();
    Ok(Exit::Success)
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failed> {
    let cannot = |error: std::io::Error| Failed::plain(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let at = listener.local_addr().map_err(cannot)?;
    Ok((listener, at))
}

/// Which kind of container the cluster can run everywhere; asked until there is an answer.
async fn mode_of(cluster: Option<&dyn Cluster>) -> Mode {
    let Some(cluster) = cluster else { return Mode::Native };
    loop {
        match cluster.version().await {
            Ok(version) if version >= NATIVE_SINCE => return Mode::Native,
            Ok(_) => return Mode::Ordinary,
            Err(error) => tracing::warn!(%error, "the cluster's version is not known yet"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Looks after our own certificate for as long as this goes on.
async fn keep(keeper: Keeper, probes: Arc<Probes>) {
    loop {
        let round = keeper.round(probes.clock.now()).await;
        match &round {
            Ok(round) => {
                probes.metrics.shows(round.not_after);
                probes.known.store(true, Ordering::Relaxed);
                if round.made {
                    tracing::info!(not_after = %round.not_after, "a new certificate was made");
                }
            }
            Err(error) => tracing::warn!(%error, "the certificate was not looked after"),
        }
        probes.metrics.looked_after(round.is_ok(), probes.known.load(Ordering::Relaxed));
        tokio::time::sleep(if round.is_ok() { ROUNDS } else { AGAIN }).await;
    }
}

/// Looks at files for as long as this goes on.
async fn keep_files(files: Files, probes: Arc<Probes>) {
    let files = Arc::new(files);
    loop {
        let looking = files.clone();
        let looked = tokio::task::spawn_blocking(move || looking.look()).await;
        let done = match looked {
            Ok(Ok(not_after)) => {
                probes.metrics.shows(not_after);
                // Whoever writes the files tells the API server of their authority.
                probes.known.store(true, Ordering::Relaxed);
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the certificate's files were not taken");
                false
            }
            Err(_) => return,
        };
        probes.metrics.looked_after(done, probes.known.load(Ordering::Relaxed));
        tokio::time::sleep(AGAIN).await;
    }
}

impl Args {
    fn secret(&self) -> SecretPlace {
        SecretPlace {
            namespace: self.own_namespace.as_str().into(),
            name: self.secret.as_str().into(),
            key: names::CERTIFICATE_SECRET_KEY.into(),
        }
    }

    fn webhooks(&self) -> WebhookPlace {
        WebhookPlace {
            configuration: self.webhook_configuration.as_str().into(),
            namespace: self.own_namespace.as_str().into(),
            service: self.service.as_str().into(),
        }
    }
}
