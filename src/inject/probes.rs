//! The injector's probes and metrics, over plain HTTP, to be read and nothing else.

use super::names;
use super::server::Shown;
use crate::clock::Clock;
use crate::metrics::MEDIA_TYPE;
use crate::metrics::admission::AdmissionMetrics;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// How many connections there may be at a time; the others wait.
const MOST_CONNECTIONS: usize = 16;
/// How long one may last.
const LONGEST: Duration = Duration::from_secs(5);

/// What is told.
pub struct Probes {
    /// What connections are shown.
    pub shown: Arc<Shown>,
    /// What is counted.
    pub metrics: Arc<AdmissionMetrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether the API server was seen to know the certificate's authority, or somebody else sees to that.
    pub known: AtomicBool,
    /// Whether it is about to stop.
    pub draining: AtomicBool,
}

impl Probes {
    /// Why it takes no reviews, if it takes none.
    ///
    /// # Errors
    /// The reason in words.
    pub fn ready(&self) -> Result<(), &'static str> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("it is stopping");
        }
        match self.shown.not_after() {
            None => Err("there is no certificate yet"),
            Some(not_after) if not_after <= self.clock.now() => Err("the certificate is over"),
            Some(_) if !self.known.load(Ordering::Relaxed) => {
                Err("the API server does not know the certificate's authority yet")
            }
            Some(_) => Ok(()),
        }
    }
}

/// Answers whoever connects until `stop` turns true.
pub async fn serve(listener: TcpListener, probes: Arc<Probes>, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let router = router(probes);
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(LONGEST)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _place = place;
            drop(tokio::time::timeout(LONGEST, connection).await);
        });
    }
}

/// The paths of the probes.
fn router(probes: Arc<Probes>) -> Router {
    Router::new()
        .route(names::STARTUP_PATH, get(started))
        .route(names::LIVE_PATH, get(|| async { "alive\n" }))
        .route(names::READY_PATH, get(ready))
        .route(names::METRICS_PATH, get(metrics))
        .with_state(probes)
}

async fn started(State(probes): State<Arc<Probes>>) -> Response {
    match probes.shown.not_after() {
        Some(_) => "started\n".into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "there is no certificate yet\n").into_response(),
    }
}

async fn ready(State(probes): State<Arc<Probes>>) -> Response {
    match probes.ready() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(probes): State<Arc<Probes>>) -> Response {
    ([(CONTENT_TYPE, MEDIA_TYPE)], probes.metrics.render()).into_response()
}
