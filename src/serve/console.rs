//! The console's server.

use super::{ServeFailed, failed};
use crate::config;
use crate::console::{Console, router};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The address that the console is bound to, and the origin under which browsers reach it.
pub(super) async fn bind(
    console: &config::Console,
) -> Result<(TcpListener, SocketAddr, Box<str>), ServeFailed> {
    let bound = TcpListener::bind(console.tcp).await;
    let listener = bound
        .map_err(|error| failed(format!("cannot listen on {} for the console: {error}", console.tcp)))?;
    let address = listener.local_addr().map_err(failed)?;
    let origin = console.url.clone().unwrap_or_else(|| format!("http://localhost:{}", address.port()));
    Ok((listener, address, origin.into()))
}

/// Answers browsers until `stop` turns true.
pub(super) fn serve(
    listener: TcpListener,
    console: Arc<Console>,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
        let served = axum::serve(listener, router(console)).with_graceful_shutdown(stopped).await;
        if let Err(error) = served {
            tracing::error!(%error, "the console stopped");
        }
    })
}
