//! The webhook's server: HTTPS with a certificate that may change at any time, and an answer to every review.

use super::announce::Announcer;
use super::plan::Asked;
use super::review::{MOST_BYTES, Reviewed, answer, unread};
use super::settings::Settings;
use super::{names, refusal};
use crate::metrics::admission::AdmissionMetrics;
use crate::moment::Moment;
use arc_swap::ArcSwapOption;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use core::time::Duration;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// How many connections there may be at a time; the others wait. An API server keeps a few open.
const MOST_CONNECTIONS: usize = 512;
/// How long a handshake, the headers and the body of a request may take each. The API server waits 10 s at most.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what is under way may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// How many reviews one connection may have under way.
const MOST_STREAMS: u32 = 128;

/// The certificate that connections which begin now are shown.
#[derive(Default)]
pub struct Shown(ArcSwapOption<Certificate>);

struct Certificate {
    config: Arc<ServerConfig>,
    pem: String,
    not_after: Moment,
}

impl Shown {
    /// Shows this from now on; connections that are there go on as they began.
    pub fn show(&self, config: Arc<ServerConfig>, pem: &str, not_after: Moment) {
        self.0.store(Some(Arc::new(Certificate { config, pem: pem.to_owned(), not_after })));
    }

    /// Until when what is shown is valid.
    #[must_use]
    pub fn not_after(&self) -> Option<Moment> {
        self.0.load().as_ref().map(|shown| shown.not_after)
    }

    /// Whether this is what is shown.
    #[must_use]
    pub fn is(&self, pem: &str) -> bool {
        self.0.load().as_ref().is_some_and(|shown| shown.pem == pem)
    }

    fn acceptor(&self) -> Option<TlsAcceptor> {
        self.0.load().as_ref().map(|shown| TlsAcceptor::from(shown.config.clone()))
    }
}

/// TLS 1.2 and 1.3 with a certificate chain and its key, PEM.
///
/// # Errors
/// What can't be used.
pub fn tls(certificate: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, String> {
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| format!("the certificate: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key: {error}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?;
    let config = config.with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What reviews are answered with.
pub struct Webhook {
    /// What is written into pods.
    pub settings: Settings,
    /// What is counted.
    pub metrics: Arc<AdmissionMetrics>,
    /// Tells people; nothing is told without it.
    pub announcer: Option<Announcer>,
}

/// The outcomes and reasons that there can be.
#[must_use]
pub fn reasons() -> Vec<(&'static str, &'static str)> {
    let skipped = refusal::Skip::ALL.into_iter().map(|skip| ("skipped", skip.code()));
    let refused = refusal::Refusal::CODES.into_iter().map(|code| ("refused", code));
    [("injected", "asked")].into_iter().chain(skipped).chain(refused).collect()
}

/// The paths of the webhook.
pub fn router(webhook: Arc<Webhook>) -> Router {
    Router::new()
        .route(names::POD_PATH, post(by_pod))
        .route(names::NAMESPACE_PATH, post(by_namespace))
        .with_state(webhook)
}

async fn by_pod(State(webhook): State<Arc<Webhook>>, request: Request) -> Response {
    webhook.review(Asked::ByPod, request).await
}

async fn by_namespace(State(webhook): State<Arc<Webhook>>, request: Request) -> Response {
    webhook.review(Asked::ByNamespace, request).await
}

impl Webhook {
    async fn review(&self, asked: Asked, request: Request) -> Response {
        let body = axum::body::to_bytes(request.into_body(), MOST_BYTES);
        let reviewed = match tokio::time::timeout(PATIENCE, body).await {
            Ok(Ok(bytes)) => {
                let begun = Instant::now();
                let reviewed = answer(asked, &bytes, &self.settings);
                self.note(&reviewed, begun.elapsed());
                reviewed
            }
            Ok(Err(_)) => self.unread("it is too large, or did not come whole"),
            Err(_) => self.unread("it did not come in time"),
        };
        let mut response = Response::new(Body::from(reviewed.answer.to_string()));
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn unread(&self, why: &str) -> Reviewed {
        let reviewed = unread(why);
        self.note(&reviewed, Duration::ZERO);
        reviewed
    }

    fn note(&self, reviewed: &Reviewed, took: Duration) {
        let (outcome, reason) = (reviewed.outcome.code(), reviewed.outcome.reason());
        self.metrics.answered(outcome, reason, took);
        let about = reviewed.about.as_ref();
        let namespace = about.map_or("", |about| &about.namespace);
        tracing::debug!(outcome, reason, namespace, "a review was answered");
        if let Some(announcer) = &self.announcer {
            announcer.tell(reviewed);
        }
    }
}

/// Answers whoever connects until `stop` turns true.
pub async fn serve(
    listener: TcpListener,
    shown: Arc<Shown>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let most = u32::try_from(MOST_CONNECTIONS).unwrap_or(u32::MAX);
    loop {
        let place = tokio::select! {
            place = room.clone().acquire_owned() => place,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok(place) = place else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, acceptor, stop) = (router.clone(), shown.acceptor(), stop.clone());
                tokio::spawn(async move {
                    let _place = place;
                    connected(stream, acceptor, router, stop).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the webhook could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(tokio::time::timeout(FAREWELL, room.acquire_many(most)).await);
}

async fn connected(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    drop(stream.set_nodelay(true));
    let Some(acceptor) = acceptor else {
        tracing::debug!("a connection came before there was a certificate");
        return;
    };
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake with the webhook failed"),
        Err(_) => return tracing::debug!("a TLS handshake with the webhook took too long"),
    };
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .keep_alive_interval(Duration::from_secs(30));
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
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
        tracing::debug!(%error, "a connection to the webhook ended early");
    }
}
