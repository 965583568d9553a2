//! Reaching the service: a Unix socket or TCP, with or without TLS and a bearer token.

use super::ClientError;
use core::time::Duration;
use hyper_util::rt::TokioIo;
use std::path::PathBuf;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
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
    tls: Option<ClientTlsConfig>,
    deadline: Duration,
}

impl Connect {
    /// Connects to `target` without a credential of its own; calls other than waiting end after 30 s.
    #[must_use]
    pub fn to(target: Target) -> Self {
        Self { target, bearer: None, tls: None, deadline: Duration::from_secs(30) }
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

    /// … and trusts the servers that this authority certified (PEM), with `https://` targets.
    #[must_use]
    pub fn trusting(mut self, authority: &[u8]) -> Self {
        let tls = self.tls.take().unwrap_or_default();
        self.tls = Some(tls.ca_certificate(Certificate::from_pem(authority)));
        self
    }

    /// … and shows this client certificate (PEM), with `https://` targets.
    #[must_use]
    pub fn presenting(mut self, certificate: &[u8], key: &[u8]) -> Self {
        let tls = self.tls.take().unwrap_or_default();
        self.tls = Some(tls.identity(Identity::from_pem(certificate, key)));
        self
    }

    /// Tries for at most this long to reach the service.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(super) async fn channel(&self) -> Result<Channel, ClientError> {
        let unreachable = |error: tonic::transport::Error| ClientError::Unreachable(whole(&error));
        match &self.target {
            Target::Tcp(uri) => {
                let wrong = |error: tonic::transport::Error| ClientError::Target(whole(&error));
                let mut endpoint = Endpoint::from_shared(uri.clone()).map_err(wrong)?;
                if uri.starts_with("https:") {
                    endpoint = endpoint.tls_config(self.tls.clone().unwrap_or_default()).map_err(wrong)?;
                } else if self.tls.is_some() || self.bearer.is_some() && !is_loopback(uri) {
                    let what = format!("`{uri}` has no TLS, so a credential would be there for all to read");
                    return Err(ClientError::Target(what));
                }
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

fn is_loopback(uri: &str) -> bool {
    let host = uri.trim_start_matches("http://");
    ["127.", "localhost:", "[::1]:"].iter().any(|loopback| host.starts_with(loopback))
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
