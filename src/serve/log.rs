//! The log of a running service: held against its checkpoints before anything is served, and signed from then on.

use super::{ServeFailed, failed};
use crate::config::WitnessPlace;
use crate::party::LogOrigin;
use crate::sidecar::checkpoints::{CheckpointFault, Checkpoints, Keeping};
use crate::sidecar::issuance::Issuance;
use crate::store::Store;
use crate::token::PublicKey;
use crate::witness::Witness;
use crate::witness::http::HttpWitness;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The folder of the checkpoints, in the folder of data.
const FOLDER: &str = "log";

/// Where a log's checkpoints are kept, and who cosigns them.
pub(super) fn keeping(
    store: Arc<dyn Store>,
    issuance: Arc<Issuance>,
    origin: LogOrigin,
    log_keys: Vec<PublicKey>,
    data: &Path,
    witnesses: Vec<Arc<dyn Witness>>,
) -> Keeping {
    Keeping { origin, store, issuance, log_keys, folder: data.join(FOLDER), witnesses }
}

/// The witnesses of the configuration.
pub(super) fn witnesses(places: &[WitnessPlace]) -> Result<Vec<Arc<dyn Witness>>, ServeFailed> {
    let witness = |place: &WitnessPlace| {
        let key = place.verifier_key().map_err(failed)?;
        let witness = HttpWitness::new(key, &place.url)
            .map_err(|error| failed(format!("`witnesses`: `{}`: {error}", place.url)))?;
        Ok(Arc::new(witness) as Arc<dyn Witness>)
    };
    places.iter().map(witness).collect()
}

/// Opens the checkpoints, holds the record against them, signs what it has come to, and asks the witnesses whether
/// they have seen more.
///
/// # Errors
/// [`ServeFailed`] if the record is not what was signed or seen, with what to do.
pub(super) async fn open(keeping: Keeping) -> Result<Arc<Checkpoints>, ServeFailed> {
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
