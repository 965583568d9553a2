//! Looks after the certificate: one round after another, by whichever replica comes first.

use super::{Generation, Generations, NotMade};
use crate::cluster::{Cluster, ClusterError, SecretPlace, WebhookPlace};
use crate::inject::server::{Shown, tls};
use crate::moment::Moment;
use core::fmt;
use std::sync::Arc;

/// How often a round is begun anew because another replica was faster.
const ATTEMPTS: usize = 5;

/// What the keeper looks after, and where.
pub struct Keeper {
    cluster: Arc<dyn Cluster>,
    secret: SecretPlace,
    webhooks: WebhookPlace,
    names: Vec<String>,
    shown: Arc<Shown>,
}

/// Why a round came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The cluster did not do its part.
    Cluster(&'static str, ClusterError),
    /// There is no certificate.
    NotMade(NotMade),
    /// What is in the Secret can't be shown.
    NotShown(String),
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(what, error) => write!(f, "{what}: {error}"),
            Self::NotMade(error) => error.fmt(f),
            Self::NotShown(why) => write!(f, "the certificate of the Secret can't be shown: {why}"),
        }
    }
}

impl std::error::Error for Kept {}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Until when the certificate that is shown is valid.
    pub not_after: Moment,
    /// Whether a new one was made.
    pub made: bool,
}

impl Keeper {
    /// A keeper of the certificate that is `shown` for a service.
    #[must_use]
    pub fn new(
        cluster: Arc<dyn Cluster>,
        secret: SecretPlace,
        webhooks: WebhookPlace,
        shown: Arc<Shown>,
    ) -> Self {
        let (service, namespace) = (&webhooks.service, &webhooks.namespace);
        // The first is what the API server asks for.
        let names = vec![
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
            format!("{service}.{namespace}"),
        ];
        Self { cluster, secret, webhooks, names, shown }
    }

    /// Looks once: makes what is due, shows what is in use, and tells the API server of it.
    ///
    /// # Errors
    /// [`Kept`]; what was shown goes on being shown.
    pub async fn round(&self, now: Moment) -> Result<Round, Kept> {
        let mut made = false;
        for _ in 0..ATTEMPTS {
            match self.attempt(now, &mut made).await {
                // Somebody else did it: see what they did.
                Err(Kept::Cluster(_, ClusterError::Conflict)) => {}
                done => return done,
            }
        }
        Err(Kept::Cluster("the certificate", ClusterError::Conflict))
    }

    async fn attempt(&self, now: Moment, made: &mut bool) -> Result<Round, Kept> {
        let secret = |error| Kept::Cluster("the certificate's Secret", error);
        let (mut generations, mut version) = self.generations().await.map_err(secret)?;
        let pruned = generations.prune(now);
        let another = generations.want_another(now);
        if another {
            generations.add(Generation::make(&self.names, now).map_err(Kept::NotMade)?);
        }
        if pruned || another {
            self.write(&generations, version.as_deref()).await.map_err(secret)?;
            *made |= another;
            version = self.generations().await.map_err(secret)?.1;
        }
        let not_after = self.show(&generations, now)?;
        let bundle = generations.bundle(now);
        let webhooks = |error| Kept::Cluster("the webhook configuration", error);
        let told = self.cluster.bundle(&self.webhooks).await.map_err(webhooks)?;
        if told.authorities.iter().any(|told| *told != bundle) {
            self.cluster.put_bundle(&self.webhooks, &bundle).await.map_err(webhooks)?;
        }
        if generations.announce(now) {
            self.write(&generations, version.as_deref()).await.map_err(secret)?;
        }
        Ok(Round { not_after, made: *made })
    }

    /// What is in the Secret, and the version that a change of it has to name; none where there is no Secret.
    async fn generations(&self) -> Result<(Generations, Option<Box<str>>), ClusterError> {
        match self.cluster.secret(&self.secret).await {
            Ok(found) => {
                let bytes = found.value.unwrap_or_default();
                let read = Generations::read(&bytes);
                if read.is_none() && !bytes.is_empty() {
                    tracing::warn!("what is in the certificate's Secret is no certificate; it is made anew");
                }
                Ok((read.unwrap_or_default(), Some(found.version)))
            }
            Err(ClusterError::Missing) => Ok((Generations::default(), None)),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, generations: &Generations, version: Option<&str>) -> Result<(), ClusterError> {
        self.cluster.put_secret(&self.secret, &generations.to_bytes(), version).await
    }

    fn show(&self, generations: &Generations, now: Moment) -> Result<Moment, Kept> {
        let Some(one) = generations.in_use(now) else {
            return Err(Kept::NotShown("there is none".to_owned()));
        };
        if self.shown.not_after() != Some(one.not_after) || !self.shown.is(&one.certificate) {
            let config = tls(one.certificate.as_bytes(), one.key.as_bytes()).map_err(Kept::NotShown)?;
            self.shown.show(config, &one.certificate, one.not_after);
        }
        Ok(one.not_after)
    }
}
