//! A service that runs: where it is reached, why it fails, and how it stops in order.

use super::keepers::look_at_the_provider;
use super::probes::Probes;
use super::{ServeFailed, failed};
use crate::audit::event::Event;
use crate::clock::Clock;
use crate::desk::sessions::Sessions;
use crate::health::Phase;
use crate::sidecar::checkpoints::Checkpoints;
use crate::sidecar::reload::{Outcome, Reloader};
use crate::store::{Change, Index, Store};
use core::time::Duration;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

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
    /// The sidecars' TCP address.
    pub sidecars: Option<SocketAddr>,
    /// The sidecars' Unix socket.
    pub sidecar_socket: Option<PathBuf>,
    /// Where metrics are told.
    pub metrics: Option<SocketAddr>,
    /// Where browsers reach the console: an origin.
    pub console: Option<Box<str>>,
}

/// What is looked at when the service is told to look at its files.
pub(super) struct Rules {
    pub(super) reloader: Arc<Reloader>,
    pub(super) sessions: Arc<Sessions>,
}

/// A running service.
pub struct Running {
    pub(super) addresses: Addresses,
    pub(super) stop: watch::Sender<bool>,
    pub(super) servers: Vec<JoinHandle<()>>,
    pub(super) keepers: Vec<JoinHandle<()>>,
    pub(super) failures: mpsc::Receiver<ServeFailed>,
    pub(super) rules: Rules,
    pub(super) store: Arc<dyn Store>,
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) probes: Probes,
    /// How long it goes on answering after it was told to stop.
    pub(super) drain: Duration,
}

/// How long calls that are under way may take to end when the service stops.
const FAREWELL: Duration = Duration::from_secs(3);

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
        look_at_the_provider(&self.rules.sessions).await;
        self.rules.reloader.look_at_once().await
    }

    /// Waits until it can't go on, and says why.
    pub async fn failed(&mut self) -> ServeFailed {
        self.failures.recv().await.unwrap_or_else(|| failed("every part of the service ended"))
    }

    /// Says that it is not ready, goes on answering for as long as it was told to, stops taking calls, lets those under way
    /// end, records the stop and closes the store.
    ///
    /// # Errors
    /// [`ServeFailed`] if the store could not be closed in order; nothing that was acknowledged is lost then either.
    pub async fn stop(self) -> Result<(), ServeFailed> {
        let health = self.probes.health.clone();
        health.enter(Phase::Draining);
        if self.drain > Duration::ZERO {
            tracing::info!(seconds = self.drain.as_secs(), "draining: whoever asks is still answered");
            tokio::time::sleep(self.drain).await;
        }
        health.enter(Phase::Stopping);
        let _ = self.stop.send(true);
        let until = tokio::time::Instant::now() + FAREWELL;
        for mut server in self.servers {
            // A connection that does not close by itself is not waited for.
            if tokio::time::timeout_at(until, &mut server).await.is_err() {
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
        let Addresses { agent_socket, reviewer_socket, sidecar_socket, .. } = self.addresses;
        for socket in [agent_socket, reviewer_socket, sidecar_socket].into_iter().flatten() {
            drop(std::fs::remove_file(socket));
        }
        recorded.and(signed.map(drop))
    }
}
