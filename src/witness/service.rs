//! The witness protocol over HTTP (C2SP tlog-witness): `add-checkpoint`, and the latest checkpoint of each log.

use super::book::{Book, NotSigned};
use crate::tlog::{AddCheckpoint, MAX_ADD_CHECKPOINT, WitnessRefusal};
use core::convert::Infallible;
use core::time::Duration;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// How many connections there may be at a time; the others wait.
const MOST_CONNECTIONS: usize = 64;
/// How long a connection may last.
const LONGEST: Duration = Duration::from_secs(60);
/// How long the headers may take.
const HEADERS: Duration = Duration::from_secs(5);
/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
const TEXT: &str = "text/plain; charset=utf-8";
const SIZE: &str = "text/x.tlog.size";

/// Answers whoever connects until `stop` turns true.
pub async fn serve(listener: TcpListener, book: Arc<Book>, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let book = book.clone();
                tokio::spawn(async move {
                    let _place = place;
                    drop(tokio::time::timeout(LONGEST, answer(stream, book)).await);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the witness could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, book: Arc<Book>) {
    let service = service_fn(|request: Request<Incoming>| {
        let book = book.clone();
        async move { Ok::<_, Infallible>(respond(request, book).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(MOST_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the witness ended early");
    }
}

async fn respond(request: Request<Incoming>, book: Arc<Book>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path == "/add-checkpoint" {
        if parts.method != Method::POST {
            return not_allowed("POST");
        }
        let whole = tokio::time::timeout(BODY, Limited::new(body, MAX_ADD_CHECKPOINT).collect()).await;
        let Ok(Ok(body)) = whole else {
            return plain(StatusCode::BAD_REQUEST, "the request is too long or broke off");
        };
        return add_checkpoint(body.to_bytes(), book).await;
    }
    match path.strip_prefix('/').and_then(|path| path.strip_suffix("/checkpoint")) {
        Some(_) if parts.method != Method::GET && parts.method != Method::HEAD => not_allowed("GET, HEAD"),
        Some(origin_hash) => match looked(book, origin_hash.to_owned()).await {
            Some(Ok(Some(checkpoint))) => with_type(StatusCode::OK, TEXT, checkpoint),
            Some(Ok(None)) => plain(StatusCode::NOT_FOUND, "no checkpoint of such a log was cosigned here"),
            Some(Err(())) | None => plain(StatusCode::INTERNAL_SERVER_ERROR, "that could not be found out"),
        },
        None => plain(StatusCode::NOT_FOUND, "there are /add-checkpoint and /<origin hash>/checkpoint"),
    }
}

async fn add_checkpoint(body: Bytes, book: Arc<Book>) -> Response<Full<Bytes>> {
    // It reads and writes files.
    let added = tokio::task::spawn_blocking(move || {
        let request = AddCheckpoint::parse(&body).map_err(NotSigned::Refused)?;
        let checkpoint = request.checkpoint.checkpoint().clone();
        book.add(&request).map(|line| (checkpoint, line))
    });
    match added.await {
        Ok(Ok((checkpoint, line))) => {
            tracing::info!(origin = %checkpoint.origin, size = checkpoint.size, "cosigned");
            with_type(StatusCode::OK, TEXT, format!("{line}\n"))
        }
        Ok(Err(NotSigned::Refused(refusal))) => refused(&refusal),
        Ok(Err(NotSigned::Undetermined(error))) => {
            tracing::error!(%error, "a checkpoint could not be cosigned");
            plain(StatusCode::SERVICE_UNAVAILABLE, "this witness can't cosign now")
        }
        Err(error) => {
            tracing::error!(%error, "a checkpoint could not be cosigned");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "this witness can't cosign now")
        }
    }
}

fn refused(refusal: &WitnessRefusal) -> Response<Full<Bytes>> {
    if let WitnessRefusal::Inconsistent(error) = refusal {
        tracing::warn!(%error, "a log has signed a checkpoint that does not continue what was cosigned");
    }
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal {
        WitnessRefusal::Conflict(size) => with_type(status, SIZE, format!("{size}\n")),
        WitnessRefusal::Malformed
        | WitnessRefusal::Checkpoint(_)
        | WitnessRefusal::UnknownLog
        | WitnessRefusal::Signature(_)
        | WitnessRefusal::OldSize
        | WitnessRefusal::Inconsistent(_) => plain(status, &refusal.to_string()),
    }
}

async fn looked(book: Arc<Book>, origin_hash: String) -> Option<Result<Option<String>, ()>> {
    let look = move || match book.latest_by_hash(&origin_hash) {
        Ok(found) => Ok(found.map(|checkpoint| checkpoint.to_string())),
        Err(error) => {
            tracing::error!(%error, "a checkpoint could not be read");
            Err(())
        }
    };
    tokio::task::spawn_blocking(look).await.ok()
}

fn not_allowed(methods: &'static str) -> Response<Full<Bytes>> {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, methods);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    with_type(status, TEXT, format!("{text}\n"))
}

fn with_type(status: StatusCode, media: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}
