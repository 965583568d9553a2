//! Enrolling: a sidecar proves where it runs, and its desk certifies the keys that it made for itself; then it renews them.

use super::chase::Chase;
use super::line::{Line, PATIENCE, Refused, header};
use super::wire;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::proto;
use crate::signer::Authority;
use crate::signer::enrolled::{EnrolledError, EnrolledKeys};
use crate::token::MAX_LIFE;
use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;
use tonic::Request;

/// How often it is looked whether the keys should be renewed.
const ROUND: Duration = Duration::from_secs(1);
/// No token of any kind is longer.
const LONGEST_TOKEN: usize = 16 * 1024;

/// What proves where a sidecar runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The token in this file, read anew each time: a service account's, or one to join with.
    TokenFile(PathBuf),
    /// The connection's client certificate.
    Certificate,
}

/// Why a sidecar is not enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolError {
    /// The desk does not, or can't be reached.
    Refused(Refused),
    /// What it answered is none, or not what was asked for.
    Answer(String),
    /// The keys can't be used, or what certifies them is not ours.
    Keys(EnrolledError),
    /// The token can't be read.
    Token(String),
}

impl fmt::Display for EnrolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => write!(f, "the desk does not enrol this sidecar: {refused}"),
            Self::Answer(what) => write!(f, "the desk's answer can't be used: {what}"),
            Self::Keys(error) => error.fmt(f),
            Self::Token(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for EnrolError {}

impl From<Refused> for EnrolError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<EnrolledError> for EnrolError {
    fn from(error: EnrolledError) -> Self {
        Self::Keys(error)
    }
}

/// Has the keys certified.
pub struct Enroller {
    line: Arc<Line>,
    credential: Credential,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Enroller {
    /// Proves itself so over this line.
    #[must_use]
    pub fn new(
        line: Arc<Line>,
        credential: Credential,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { line, credential, clock, entropy }
    }

    fn keys(&self) -> &EnrolledKeys {
        self.line.keys()
    }

    /// Whether there is a key that is certified for this moment.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        self.keys().enrolment().is_some() && self.keys().caller(self.clock.now()).is_some()
    }

    /// Has the keys certified: by the key that is to be replaced, or else by what proves where it runs. Gives the new
    /// key.
    ///
    /// # Errors
    /// [`EnrolError`]; then everything is as it was.
    pub async fn enrol(&self) -> Result<Authority, EnrolError> {
        if self.is_enrolled() {
            match self.ask(true).await {
                // Withdrawn, or its certificate has just expired: what proves where it runs may still do.
                Err(EnrolError::Refused(Refused::For(..))) => {}
                answered => return answered,
            }
        }
        self.ask(false).await
    }

    async fn ask(&self, renew: bool) -> Result<Authority, EnrolError> {
        let keys = self.keys().clone();
        let stopping = |error: tokio::task::JoinError| EnrolError::Answer(error.to_string());
        let candidates = tokio::task::spawn_blocking(move || keys.candidates()).await.map_err(stopping)??;
        let domain = self.keys().roots().domain().clone();
        let message = proto::EnrolRequest {
            authority_key: candidates.authority.to_vec(),
            authority_proof: candidates.authority_proof.to_vec(),
            log_key: candidates.log.to_vec(),
            log_proof: candidates.log_proof.to_vec(),
            trust_domain: domain.as_str().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let request = match renew {
            true => self.line.proven("Enrol", message)?,
            false => self.with_credential(message)?,
        };
        let mut client = self.line.client();
        let answer = Line::ask(PATIENCE * 2, client.enrol(request)).await?;
        let mut enrolment = wire::enrolment(&domain, &answer).map_err(EnrolError::Answer)?;
        let (keys, now) = (self.keys().clone(), self.clock.now());
        enrolment.executors.sort_by(|one, other| one.id.cmp(&other.id));
        let proto::EnrolResponse { authority_chain, log_chain, .. } = answer;
        let accept = move || keys.accept(&authority_chain, &log_chain, enrolment, now);
        Ok(tokio::task::spawn_blocking(accept).await.map_err(stopping)??)
    }

    fn with_credential<T>(&self, message: T) -> Result<Request<T>, EnrolError> {
        let mut request = Request::new(message);
        let Credential::TokenFile(path) = &self.credential else { return Ok(request) };
        let unreadable =
            |what: &dyn fmt::Display| EnrolError::Token(format!("cannot read `{}`: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        let token = text.trim();
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(unreadable(&"it holds no token"));
        }
        let mut bearer = header(&format!("Bearer {token}"))?;
        bearer.set_sensitive(true);
        request.metadata_mut().insert("authorization", bearer);
        Ok(request)
    }

    /// Enrols, however long that takes; `tell` hears why it has not come to that yet.
    pub async fn enrol_at_last(&self, mut tell: impl FnMut(&EnrolError)) -> Authority {
        let mut chase = Chase::default();
        loop {
            match self.enrol().await {
                Ok(enrolled) => return enrolled,
                Err(error) => {
                    tell(&error);
                    self.line.turn();
                    tokio::time::sleep(chase.wait(self.entropy.as_ref())).await;
                }
            }
        }
    }

    /// Renews the keys at half their life, for as long as it is polled; `renewed` is told of each new one.
    pub async fn keep<R: Future<Output = ()> + Send>(
        &self,
        renewed: impl Fn(Authority) -> R + Send + Sync,
    ) -> core::convert::Infallible {
        let mut chase = Chase::default();
        loop {
            let now = self.clock.now();
            if now < self.keys().renew_at() {
                chase.caught();
                tokio::time::sleep(ROUND).await;
                continue;
            }
            match self.enrol().await {
                Ok(authority) => {
                    chase.caught();
                    tracing::info!(key = %authority.key_id(), until = %authority.certified().expires_at, "the desk has certified another key");
                    renewed(authority).await;
                }
                Err(error) => {
                    let ends = self.keys().caller(now).map(|key| key.certified().expires_at.minus(MAX_LIFE));
                    match ends {
                        Some(until) => {
                            tracing::warn!(%error, %until, "the key is not renewed; from then on nothing can be minted")
                        }
                        None => {
                            tracing::error!(%error, "no key is certified any more: nothing can be minted")
                        }
                    }
                    tokio::time::sleep(chase.wait(self.entropy.as_ref())).await;
                }
            }
        }
    }
}
