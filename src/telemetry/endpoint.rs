//! The telemetry endpoint: `/metrics`, `/healthz` and `/readyz` over plain HTTP, to be read and nothing else.
//!
//! Whoever reaches the address may ask, so that little can be asked: a request has no body and few headers, an answer
//! ends its connection, and there are a few connections at a time, each for a few seconds.

use crate::metrics::MEDIA_TYPE;
use core::convert::Infallible;
use core::time::Duration;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// How many connections there may be at a time; the others wait.
const MOST_CONNECTIONS: usize = 16;
/// How long a connection may last, from its first byte to the last of its answer.
const LONGEST: Duration = Duration::from_secs(15);
/// How long the headers may take.
const HEADERS: Duration = Duration::from_secs(5);
/// How many bytes the headers may have, and how many of them there may be.
const MOST_BYTES: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// Why the service takes no work, in words; nothing if it does.
pub type NotReady = Option<String>;

/// What is told. Either may look at the disk.
#[derive(Clone)]
pub struct Source {
    /// All metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether it takes work.
    pub ready: Arc<dyn Fn() -> NotReady + Send + Sync>,
}

/// Answers whoever connects until `stop` turns true.
pub async fn serve(listener: TcpListener, source: Source, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let source = source.clone();
                tokio::spawn(async move {
                    let _place = place;
                    drop(tokio::time::timeout(LONGEST, answer(stream, source)).await);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, source: Source) {
    let service = service_fn(|request: Request<Incoming>| {
        let source = source.clone();
        async move { Ok::<_, Infallible>(respond(&request, source).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(MOST_BYTES)
        .max_headers(MOST_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection for metrics ended early");
    }
}

async fn respond(request: &Request<Incoming>, source: Source) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
        return plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only to be read");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match path {
        "/healthz" => plain(StatusCode::OK, "alive"),
        "/readyz" => match looked(source.ready).await {
            Some(None) => plain(StatusCode::OK, "ready"),
            Some(Some(why)) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
            None => plain(StatusCode::INTERNAL_SERVER_ERROR, "that could not be found out"),
        },
        _ => match looked(source.metrics).await.filter(|text| !text.is_empty()) {
            Some(text) => with_type(StatusCode::OK, MEDIA_TYPE, text),
            None => plain(StatusCode::INTERNAL_SERVER_ERROR, "that could not be found out"),
        },
    }
}

/// What is said, in a thread that may wait for the disk.
async fn looked<T: Send + 'static>(look: Arc<dyn Fn() -> T + Send + Sync>) -> Option<T> {
    tokio::task::spawn_blocking(move || look()).await.ok()
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn with_type(status: StatusCode, media: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}
