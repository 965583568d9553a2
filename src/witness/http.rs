//! A witness that is asked over HTTP: on TCP, or on a Unix socket of this machine.

use super::{Cosigning, NotCosigned, Witness};
use crate::tlog::{AddCheckpoint, VerifierKey, cosignature_in};
use core::fmt;
use core::time::Duration;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How long a witness is waited for.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The most bytes of an answer: a few lines of signature.
const MOST_BYTES: usize = 64 * 1024;

/// Where a witness is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A host with its port, and what stands before `/add-checkpoint` in the path.
    Tcp { authority: String, prefix: String },
    /// A Unix socket.
    Socket(PathBuf),
}

/// A text that says no place of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPlace;

impl fmt::Display for NotAPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a witness is at `http://host:port/prefix` or `unix:/path/to/socket`")
    }
}

impl std::error::Error for NotAPlace {}

/// Somebody else's witness.
#[derive(Debug)]
pub struct HttpWitness {
    key: VerifierKey,
    place: Place,
}

impl HttpWitness {
    /// The witness of this key, at `http://host:port/prefix` or `unix:/path/to/socket`. Nothing that it is asked is
    /// secret, and what it answers is signed, so plain HTTP does.
    ///
    /// # Errors
    /// [`NotAPlace`] for any other text.
    pub fn new(key: VerifierKey, url: &str) -> Result<Self, NotAPlace> {
        let place = match url.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Place::Socket(path.into()),
            Some(_) => return Err(NotAPlace),
            None => {
                let uri: http::Uri = url.parse().map_err(|_| NotAPlace)?;
                let authority = uri.authority().ok_or(NotAPlace)?;
                if uri.scheme_str() != Some("http")
                    || uri.query().is_some()
                    || authority.as_str().contains('@')
                {
                    return Err(NotAPlace);
                }
                let port = authority.port_u16().unwrap_or(80);
                let prefix = uri.path().trim_end_matches('/').to_owned();
                Place::Tcp { authority: format!("{}:{port}", authority.host()), prefix }
            }
        };
        Ok(Self { key, place })
    }

    async fn ask(&self, body: String) -> Result<(StatusCode, String), NotCosigned> {
        match &self.place {
            Place::Tcp { authority, prefix } => {
                let stream = TcpStream::connect(authority).await.map_err(unreachable)?;
                post(stream, authority, prefix, body).await
            }
            Place::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(unreachable)?;
                post(stream, "localhost", "", body).await
            }
        }
    }
}

impl Witness for HttpWitness {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn cosign<'a>(&'a self, request: &'a AddCheckpoint) -> Cosigning<'a> {
        Box::pin(async move {
            let late = |_| NotCosigned::Unreachable(format!("no answer within {} s", PATIENCE.as_secs()));
            let asked = tokio::time::timeout(PATIENCE, self.ask(request.to_string())).await;
            let (status, text) = asked.map_err(late)??;
            // What a stranger says goes into our log as one short line.
            let brief = || text.lines().next().unwrap_or_default().chars().take(200).collect::<String>();
            match status.as_u16() {
                200 => cosignature_in(&text, &request.checkpoint, &self.key)
                    .map_err(|error| NotCosigned::Nonsense(error.to_string())),
                409 => {
                    let size = text.strip_suffix('\n').and_then(|size| size.parse().ok());
                    Err(size.map_or_else(|| NotCosigned::Nonsense(brief()), NotCosigned::Conflict))
                }
                422 => Err(NotCosigned::Inconsistent(brief())),
                500.. => Err(NotCosigned::Unreachable(format!("{status}: {}", brief()))),
                _ => Err(NotCosigned::Refused(format!("{status}: {}", brief()))),
            }
        })
    }
}

async fn post(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    host: &str,
    prefix: &str,
    body: String,
) -> Result<(StatusCode, String), NotCosigned> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{prefix}/add-checkpoint"))
        .header(HOST, host)
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(Bytes::from(body)))
        .map_err(unreachable)?;
    let answer = async {
        let response: Response<Incoming> = sender.send_request(request).await.map_err(unreachable)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await.map_err(unreachable)?;
        let text = String::from_utf8(body.to_bytes().into()).map_err(unreachable)?;
        Ok((status, text))
    };
    // The connection does the work; it ends with the answer, or with whoever gave up waiting.
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            // The answer may lie there already.
            Ok(()) => answer.await,
            Err(error) => Err(unreachable(error)),
        },
    }
}

fn unreachable(error: impl fmt::Display) -> NotCosigned {
    NotCosigned::Unreachable(error.to_string())
}
