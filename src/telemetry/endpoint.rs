//! The telemetry endpoint: `/metrics`, `/startup`, `/live` and `/ready` over plain HTTP, to be read and nothing else.
//!
//! Whoever reaches the address may ask, so that little can be asked: a request has no body and few headers, an answer
//! ends its connection, and there are a few connections at a time, each for a few seconds.

use crate::health::{Health, Phase};
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
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
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

/// How long whoever asks whether it is ready waits for a look at it; what was known before is told then.
const PATIENCE: Duration = Duration::from_millis(200);
/// From which age on it is told how old that is.
const OLD: Duration = Duration::from_secs(5);

/// The paths, with those that were there first.
const PATHS: [&str; 6] = ["/metrics", "/startup", "/live", "/ready", "/healthz", "/readyz"];

/// Why the service takes no work, in words; nothing if it does.
pub type NotReady = Option<String>;

/// What is told by a service that has started. Either may look at the disk, or wait for a database.
#[derive(Clone)]
pub struct Source {
    /// All metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether it takes work.
    pub ready: Arc<dyn Fn() -> NotReady + Send + Sync>,
}

/// What the endpoint tells, from before the service has started until after it has stopped.
#[derive(Clone)]
pub struct Told {
    health: Arc<Health>,
    source: Arc<OnceLock<Source>>,
    /// Where looks are taken: the service's own threads, and not those that answer.
    looks: Handle,
    /// Held by whoever takes a look, so that those that hang do not grow in number.
    looking: Arc<tokio::sync::Mutex<()>>,
    last: Arc<Mutex<Option<(NotReady, Instant)>>>,
}

impl Told {
    /// Tells how a process is; looks are taken on `looks`.
    #[must_use]
    pub fn new(health: Arc<Health>, looks: Handle) -> Self {
        Self { health, source: Arc::default(), looks, looking: Arc::default(), last: Arc::default() }
    }

    /// The service has started, and can be asked.
    pub fn started(&self, source: Source) {
        // Whoever said it first is right.
        let _ = self.source.set(source);
    }

    fn startup(&self) -> Response<Full<Bytes>> {
        match self.health.phase() {
            Phase::Starting(what) => not_yet(what),
            Phase::Serving | Phase::Draining | Phase::Stopping => plain(StatusCode::OK, "started"),
        }
    }

    fn live(&self) -> Response<Full<Bytes>> {
        match self.health.live() {
            Ok(()) => plain(StatusCode::OK, "alive"),
            Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
        }
    }

    async fn ready(&self) -> Response<Full<Bytes>> {
        match self.health.phase() {
            Phase::Starting(what) => return not_yet(what),
            Phase::Draining | Phase::Stopping => {
                return plain(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping");
            }
            Phase::Serving => {}
        }
        let Some(source) = self.source.get().cloned() else { return not_yet("it has just begun") };
        drop(tokio::time::timeout(PATIENCE, self.look(source)).await);
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((not_ready, at)) = last else { return not_yet("nothing is known of it") };
        let age = at.elapsed();
        let age =
            if age < OLD { String::new() } else { format!(", as far as was known {} s ago", age.as_secs()) };
        match not_ready {
            None => plain(StatusCode::OK, &format!("ready{age}")),
            Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &format!("{why}{age}")),
        }
    }

    /// Looks whether the service takes work. Whoever waits for that may go; the look goes on.
    async fn look(&self, source: Source) {
        let only_one = self.looking.clone().lock_owned().await;
        let last = self.last.clone();
        let looked = self.looks.spawn_blocking(move || {
            let not_ready = (source.ready)();
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((not_ready, Instant::now()));
            drop(only_one);
        });
        drop(looked.await);
    }

    async fn metrics(&self) -> Response<Full<Bytes>> {
        let Some(source) = self.source.get().cloned() else { return not_yet("there are no metrics yet") };
        let text = self.looks.spawn_blocking(move || (source.metrics)()).await;
        match text.ok().filter(|text| !text.is_empty()) {
            Some(text) => with_type(StatusCode::OK, MEDIA_TYPE, text),
            None => plain(StatusCode::INTERNAL_SERVER_ERROR, "that could not be found out"),
        }
    }
}

/// Answers whoever connects until `stop` turns true.
pub async fn serve(listener: TcpListener, told: Told, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let told = told.clone();
                tokio::spawn(async move {
                    let _place = place;
                    drop(tokio::time::timeout(LONGEST, answer(stream, told)).await);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, told: Told) {
    let service = service_fn(|request: Request<Incoming>| {
        let told = told.clone();
        async move { Ok::<_, Infallible>(respond(&request, &told).await) }
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

async fn respond(request: &Request<Incoming>, told: &Told) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !PATHS.contains(&path) {
        return plain(StatusCode::NOT_FOUND, "there are /metrics, /startup, /live and /ready");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only to be read");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match path {
        "/startup" => told.startup(),
        "/live" | "/healthz" => told.live(),
        "/ready" | "/readyz" => told.ready().await,
        _ => told.metrics().await,
    }
}

fn not_yet(what: &str) -> Response<Full<Bytes>> {
    plain(StatusCode::SERVICE_UNAVAILABLE, &format!("not yet: {what}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use std::sync::mpsc;

    async fn said(answer: Response<Full<Bytes>>) -> (u16, String) {
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_look_that_hangs_holds_nobody_up() {
        let health = Arc::new(Health::new());
        let told = Told::new(health.clone(), Handle::current());
        assert_eq!(said(told.ready().await).await, (503, "not yet: it has just begun\n".to_owned()));
        // A database that answers a look only when it is let.
        let (answer, answers) = mpsc::channel::<NotReady>();
        let answers = Mutex::new(answers);
        let looks = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = looks.clone();
        told.started(Source {
            metrics: Arc::new(String::new),
            ready: Arc::new(move || {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                answers.lock().unwrap().recv().unwrap_or(None)
            }),
        });
        health.enter(Phase::Serving);
        answer.send(None).unwrap();
        assert_eq!(said(told.ready().await).await, (200, "ready\n".to_owned()));
        // It hangs: what was known before is told, and looks do not grow in number.
        for _ in 0..3 {
            assert_eq!(said(told.ready().await).await, (200, "ready\n".to_owned()));
        }
        assert_eq!(looks.load(std::sync::atomic::Ordering::Relaxed), 2);
        // The look that hung comes to its end, and so does the next one.
        answer.send(None).unwrap();
        answer.send(Some("the record can't be written".to_owned())).unwrap();
        drop(answer);
        while said(told.ready().await).await.0 != 503 && looks.load(std::sync::atomic::Ordering::Relaxed) < 3
        {
        }
        assert_eq!(said(told.startup()).await.0, 200);
        health.enter(Phase::Draining);
        assert_eq!(said(told.ready().await).await, (503, "the service is stopping\n".to_owned()));
        assert_eq!(said(told.live()).await.0, 200);
    }
}
