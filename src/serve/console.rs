//! The console's server: TLS where it is configured, a bound on connections and on how long their headers take.

use super::certificates::{BROWSERS, Certificates};
use super::{ServeFailed, failed};
use crate::config;
use crate::console::{Console, router};
use crate::tls::Tls;
use axum::body::Body;
use axum::extract::ConnectInfo;
use core::time::Duration;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

/// How many connections there may be at a time; the others wait to be accepted.
const MOST_CONNECTIONS: usize = 2048;
/// How long the TLS handshake, and the headers of a request, may take.
const HEADERS: Duration = Duration::from_secs(10);
/// How long what is under way may take to end when the service stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// How many requests one connection may have open at a time.
const MOST_STREAMS: u32 = 64;

/// The console's address, and how it is reached.
pub(super) struct Bound {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    /// The origin under which browsers reach it.
    pub(super) origin: Box<str>,
}

/// Binds the address of the console.
pub(super) async fn bind(
    console: &config::Console,
    certificates: &mut Certificates,
) -> Result<Bound, ServeFailed> {
    let tls = console.tls.as_ref().map(|tls| certificates.open("console", tls, BROWSERS)).transpose()?;
    let bound = TcpListener::bind(console.tcp).await;
    let listener = bound
        .map_err(|error| failed(format!("cannot listen on {} for the console: {error}", console.tcp)))?;
    let address = listener.local_addr().map_err(failed)?;
    let origin = console.url.clone().unwrap_or_else(|| format!("http://localhost:{}", address.port()));
    Ok(Bound { listener, tls, origin: origin.into() })
}

/// Answers browsers until `stop` turns true.
pub(super) fn serve(bound: Bound, console: Arc<Console>, stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(accept(bound, router(console), stop))
}

async fn accept(bound: Bound, router: axum::Router, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let most = u32::try_from(MOST_CONNECTIONS).unwrap_or(u32::MAX);
    loop {
        let place = tokio::select! {
            place = room.clone().acquire_owned() => place,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok(place) = place else { return };
        let accepted = tokio::select! {
            accepted = bound.listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, tls, stop) = (router.clone(), bound.tls.clone(), stop.clone());
                tokio::spawn(async move {
                    let _place = place;
                    connected(stream, peer, tls, router, stop).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the console could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Those that are under way are told to end; who follows a page is let go by the page.
    drop(tokio::time::timeout(FAREWELL, room.acquire_many(most)).await);
}

async fn connected(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<Tls>>,
    router: axum::Router,
    stop: watch::Receiver<bool>,
) {
    // Small answers, and a browser that waits for each of them.
    drop(stream.set_nodelay(true));
    // Which protocol it is is known before anything is read, so that who says nothing is not waited for.
    let Some(tls) = tls else { return answer(stream, peer, false, router, stop).await };
    match tokio::time::timeout(HEADERS, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => {
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            answer(stream, peer, h2, router, stop).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake with the console failed"),
        Err(_) => tracing::debug!("a TLS handshake with the console took too long"),
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    h2: bool,
    router: axum::Router,
    mut stop: watch::Receiver<bool>,
) {
    let service = router.map_request(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .keep_alive_interval(Duration::from_secs(30));
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = core::pin::pin!(connection);
    let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the console ended early");
    }
}
