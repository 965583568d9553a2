//! The log of a running service: held against its checkpoints before anything is served, and signed from then on.

use super::{ServeFailed, failed, key_directory};
use crate::config::Config;
use crate::party::LogOrigin;
use crate::sidecar::checkpoints::{CheckpointFault, Checkpoints, Keeping};
use crate::sidecar::issuance::Issuance;
use crate::store::embedded::EmbeddedStore;
use crate::token::KeyUse;
use crate::witness::Witness;
use crate::witness::http::HttpWitness;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The folder of the checkpoints, in the folder of data.
const FOLDER: &str = "log";

/// Opens the checkpoints, holds the record against them, signs what it has come to, and asks the witnesses whether
/// they have seen more.
///
/// # Errors
/// [`ServeFailed`] if the record is not what was signed or seen, with what to do.
pub(super) async fn open(
    config: &Config,
    store: Arc<EmbeddedStore>,
    issuance: Arc<Issuance>,
    origin: LogOrigin,
) -> Result<Arc<Checkpoints>, ServeFailed> {
    let witness = |place: &crate::config::WitnessPlace| {
        let key = place.verifier_key().map_err(failed)?;
        let witness = HttpWitness::new(key, &place.url)
            .map_err(|error| failed(format!("`witnesses`: `{}`: {error}", place.url)))?;
        Ok(Arc::new(witness) as Arc<dyn Witness>)
    };
    let listed = key_directory(config)?.list().map_err(failed)?;
    let is_of_the_log = |usage: &str| usage == KeyUse::Log.as_str();
    let log_keys = listed.into_iter().filter(|listed| is_of_the_log(listed.usage)).map(|listed| listed.key);
    let keeping = Keeping {
        origin,
        store,
        issuance,
        log_keys: log_keys.collect(),
        folder: config.data.join(FOLDER),
        witnesses: config.witnesses.iter().map(witness).collect::<Result<_, _>>()?,
    };
    let refused = |fault: CheckpointFault| failed(format!("refusing to start: {fault}"));
    // It reads and writes files.
    let opened = tokio::task::spawn_blocking(move || Checkpoints::open(keeping)).await.map_err(failed)?;
    let checkpoints = Arc::new(opened.map_err(refused)?);
    let signed = checkpoints.make_now().await.map_err(refused)?;
    checkpoints.ask_at_start().await.map_err(refused)?;
    tracing::info!(size = signed.checkpoint().size, root = %signed.checkpoint().root, "the log is as it was signed");
    Ok(checkpoints)
}

/// Signs again and again, and stops the service where the record contradicts what was signed.
pub(super) async fn keep(checkpoints: Arc<Checkpoints>, fail: mpsc::Sender<ServeFailed>) {
    let fault = checkpoints.keep().await;
    tracing::error!(%fault, "the record is not what was signed");
    drop(fail.send(failed(fault)).await);
}
