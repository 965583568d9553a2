//! What every role stands on: the record, what replicas share beside it, the time, the keys and the log's checkpoints.

use super::saturation::{self, Seen};
use super::{ServeFailed, failed, log, watched};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config};
use crate::entropy::{Entropy, SystemEntropy};
use crate::link::ValueOf;
use crate::metrics::Metrics;
use crate::party::LogOrigin;
use crate::sidecar::checkpoints::Checkpoints;
use crate::sidecar::issuance::Issuance;
use crate::sidecar::reload::others_have_it;
use crate::signer::Keyring;
use crate::store::Store;
use crate::store::embedded::{EmbeddedStore, RECORDS};
use crate::store::follow::Following;
use crate::store::shared::{Alone, Claims, Ephemeral};
use crate::token::PublicKey;
use crate::witness::Witness;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The record, and whatever needs nothing else.
pub(super) struct Ground {
    /// The record.
    pub(super) store: Arc<dyn Store>,
    /// Work that one replica does at a time.
    pub(super) claims: Arc<dyn Claims>,
    /// Short-lived values that all replicas know.
    pub(super) ephemeral: Arc<dyn Ephemeral>,
    /// Reads what other replicas record; nothing where there are none.
    pub(super) following: Option<Arc<Following>>,
    /// The time, never before what is recorded.
    pub(super) clock: Arc<dyn Clock>,
    /// The randomness.
    pub(super) entropy: Arc<dyn Entropy>,
    /// What is counted and measured.
    pub(super) metrics: Arc<Metrics>,
    /// What tells of saturation, as it is recorded.
    pub(super) seen: mpsc::Receiver<Seen>,
    /// The journal's folder, where the record is on this machine's disk.
    pub(super) journal: Option<PathBuf>,
}

impl Ground {
    /// Opens the record where the configuration says that it is kept.
    pub(super) async fn open(config: &Config) -> Result<Self, ServeFailed> {
        let metrics = config.listen.metrics.is_some();
        let Some(place) = &config.store.postgres else { return Self::embedded(&config.data, metrics) };
        let place = place.clone();
        // It waits for the database.
        let opened = tokio::task::spawn_blocking(move || Self::postgres(&place, metrics));
        opened.await.map_err(failed)?
    }

    #[cfg(feature = "postgres")]
    fn postgres(place: &config::Postgres, metrics: bool) -> Result<Self, ServeFailed> {
        use crate::store::postgres::PostgresStore;

        let metrics = metrics_if(metrics);
        let (tell, seen) = saturation::queue();
        let (store, opened) =
            PostgresStore::open(watched::postgres_options(place, &metrics, tell)).map_err(failed)?;
        tracing::info!("{opened}");
        metrics.views_usable(true);
        let shared = Arc::new(store.shared());
        let store = Arc::new(store);
        watched::recall(&metrics, store.as_ref()).map_err(failed)?;
        Ok(Self {
            clock: clock_after(store.as_ref())?,
            following: Some(Arc::new(Following::new(store.clone()))),
            store,
            claims: shared.clone(),
            ephemeral: shared,
            entropy: Arc::new(SystemEntropy),
            metrics,
            seen,
            journal: None,
        })
    }

    #[cfg(not(feature = "postgres"))]
    fn postgres(_: &config::Postgres, _: bool) -> Result<Self, ServeFailed> {
        Err(failed("`store.postgres`: this program was built without the feature `postgres`"))
    }

    /// Opens the record in a folder of this machine.
    pub(super) fn embedded(data: &Path, metrics: bool) -> Result<Self, ServeFailed> {
        Self::with_values(data, metrics).map(|(ground, _)| ground)
    }

    /// … with what reads the values that stand apart from the record.
    pub(super) fn with_values(data: &Path, metrics: bool) -> Result<(Self, ValueOf), ServeFailed> {
        let metrics = metrics_if(metrics);
        let (tell, seen) = saturation::queue();
        let (store, opened) = EmbeddedStore::open(data, watched::options(&metrics, tell)).map_err(failed)?;
        let store = Arc::new(store);
        tracing::info!(records = store.len(), "{opened}");
        metrics.views_usable(true);
        watched::recall(&metrics, store.as_ref()).map_err(failed)?;
        let clock = clock_after(store.as_ref())?;
        let values = store.clone();
        let alone = Arc::new(Alone::new(clock.clone()));
        let ground = Self {
            store,
            claims: alone.clone(),
            ephemeral: alone,
            following: None,
            clock,
            entropy: Arc::new(SystemEntropy),
            metrics,
            seen,
            journal: Some(data.join(RECORDS)),
        };
        Ok((ground, Arc::new(move |value| values.value(value))))
    }
}

fn metrics_if(asked_for: bool) -> Arc<Metrics> {
    Arc::new(if asked_for { Metrics::new() } else { Metrics::unheard() })
}

impl Ground {
    /// Whether another replica lives that has the policy and the roster that are in force.
    pub(super) async fn others_have_it(&self) -> Result<bool, ServeFailed> {
        match &self.following {
            None => Ok(false),
            Some(_) => others_have_it(self.store.as_ref(), self.ephemeral.as_ref()).await.map_err(failed),
        }
    }
}

fn clock_after(store: &dyn Store) -> Result<Arc<dyn Clock>, ServeFailed> {
    let last = store.len().checked_sub(1).map(|index| store.record(index)).transpose().map_err(failed)?;
    Ok(Arc::new(last.map_or_else(SystemClock::start, |last| SystemClock::start_after(last.at))))
}

/// Whose log it is, and who may sign for it.
pub(super) struct Signing {
    /// The keys that sign.
    pub(super) keyring: Box<dyn Keyring>,
    /// Where they are, for whoever reads that they can't be used.
    pub(super) whereabouts: String,
    /// The log's name.
    pub(super) origin: LogOrigin,
    /// The public keys that the log has or had.
    pub(super) log_keys: Vec<PublicKey>,
    /// Who cosigns it.
    pub(super) witnesses: Vec<Arc<dyn Witness>>,
    /// Where this process keeps the checkpoints.
    pub(super) data: PathBuf,
}

/// The keys, and the log held against what was signed before.
pub(super) struct Signed {
    pub(super) issuance: Arc<Issuance>,
    pub(super) origin: LogOrigin,
    pub(super) checkpoints: Arc<Checkpoints>,
}

impl Signing {
    /// Takes up the keys, and refuses a record that is not the one that was signed.
    pub(super) async fn start(self, ground: &Ground) -> Result<Signed, ServeFailed> {
        let Self { keyring, whereabouts, origin, log_keys, witnesses, data } = self;
        let issuance = Issuance::start(keyring, ground.clock.now())
            .map_err(|error| failed(format!("the keys in {whereabouts} can't be used: {error}")))?;
        let issuance = Arc::new(issuance);
        let keeping =
            log::keeping(ground.store.clone(), issuance.clone(), origin.clone(), log_keys, &data, witnesses);
        let checkpoints = log::open(keeping).await?;
        Ok(Signed { issuance, origin, checkpoints })
    }
}
