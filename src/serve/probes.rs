//! The endpoint of probes and metrics: a thread of its own, so that it answers before, while and whatever else waits.

use super::{ServeFailed, failed};
use crate::health::Health;
use crate::telemetry::endpoint::{self, Source, Told};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// What answers probes, for as long as this is kept.
pub(super) struct Probes {
    /// How the process is.
    pub(super) health: Arc<Health>,
    told: Told,
    address: Option<SocketAddr>,
    /// The thread ends when this is dropped.
    _stop: watch::Sender<bool>,
}

impl Probes {
    /// Answers on this address, if there is one, from now on; within the service's runtime.
    pub(super) fn start(address: Option<SocketAddr>) -> Result<Self, ServeFailed> {
        let health = Arc::new(Health::new());
        let told = Told::new(health.clone(), Handle::current());
        let (stop, stopping) = watch::channel(false);
        let bound = address.map(|address| listen(address, told.clone(), stopping)).transpose()?;
        Ok(Self { health, told, address: bound, _stop: stop })
    }

    /// Where it answers.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The service has started, and can be asked.
    pub(super) fn started(&self, source: Source) {
        self.told.started(source);
    }
}

fn listen(
    address: SocketAddr,
    told: Told,
    stopping: watch::Receiver<bool>,
) -> Result<SocketAddr, ServeFailed> {
    let cannot = |error: std::io::Error| failed(format!("cannot listen on {address} for metrics: {error}"));
    let listener = TcpListener::bind(address).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let answer = move || {
        runtime.block_on(async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => endpoint::serve(listener, told, stopping).await,
                Err(error) => tracing::error!(%error, "probes and metrics are not answered"),
            }
        });
    };
    std::thread::Builder::new().name("probes".to_owned()).spawn(answer).map_err(cannot)?;
    Ok(bound)
}
