//! Reaching the service: a Unix socket or TCP, with or without TLS and a bearer token.

use super::ClientError;
use core::time::Duration;
use hyper_util::rt::TokioIo;
use std::path::PathBuf;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{IntoRequest as _, Request};

/// Where the service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A Unix socket.
    Unix(PathBuf),
    /// `http://HOST:PORT` or `https://HOST:PORT`.
    Tcp(String),
}

impl Target {
    /// Reads `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`.
    ///
    /// # Errors
    /// [`ClientError::Target`] if it is none of them.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.trim_start_matches("//").into())),
            Some(("http" | "https", rest)) if rest.starts_with("//") => Ok(Self::Tcp(text.to_owned())),
            Some(_) | None => Err(ClientError::Target(format!(
                "`{text}` is not `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`"
            ))),
        }
    }
}

/// How to connect, and as whom.
#[derive(Clone, Debug)]
pub struct Connect {
    target: Target,
    bearer: Option<MetadataValue<Ascii>>,
    deadline: Duration,
}

impl Connect {
    /// Connects to `target` without a credential of its own; calls other than waiting end after 30 s.
    #[must_use]
    pub const fn to(target: Target) -> Self {
        Self { target, bearer: None, deadline: Duration::from_secs(30) }
    }

    /// … and shows this bearer token.
    ///
    /// # Errors
    /// [`ClientError::Target`] if it has characters that a header can't carry.
    pub fn with_bearer(mut self, token: &str) -> Result<Self, ClientError> {
        let value = format!("Bearer {token}").parse();
        let mut value: MetadataValue<Ascii> = value
            .map_err(|_| ClientError::Target("the bearer token has unprintable characters".to_owned()))?;
        value.set_sensitive(true);
        self.bearer = Some(value);
        Ok(self)
    }

    /// Tries for at most this long to reach the service.
    #[must_use]
    pub const fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(super) async fn channel(&self) -> Result<Channel, ClientError> {
        let unreachable = |error: tonic::transport::Error| ClientError::Unreachable(whole(&error));
        match &self.target {
            Target::Tcp(uri) => {
                let endpoint =
                    Endpoint::from_shared(uri.clone()).map_err(|error| ClientError::Target(whole(&error)))?;
                endpoint.connect_timeout(self.deadline).connect().await.map_err(unreachable)
            }
            Target::Unix(path) => {
                let path = path.clone();
                let connector = tower::service_fn(move |_| {
                    let path = path.clone();
                    async move { tokio::net::UnixStream::connect(path).await.map(TokioIo::new) }
                });
                let endpoint = Endpoint::from_static("http://countersign").connect_timeout(self.deadline);
                endpoint.connect_with_connector(connector).await.map_err(unreachable)
            }
        }
    }

    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = message.into_request();
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        request
    }
}

/// An error with its causes, which tonic keeps out of its own words.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some errors already say what their cause says.
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
