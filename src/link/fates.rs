//! The fates of escalations that people denied, kept beside the record: the course itself is at the desk.

use crate::files;
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// How many denials are kept; no policy lets one stand for so long that more would matter.
const KEPT: usize = 512;

/// A denial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Denial {
    pub(super) id: EscalationId,
    pub(super) by: PersonId,
    pub(super) at: Moment,
}

/// The latest denials, in a file.
#[derive(Debug)]
pub struct Fates {
    file: PathBuf,
    denials: Mutex<Vec<Denial>>,
}

impl Fates {
    /// Takes up what was kept; what can't be read is asked of the desk again.
    #[must_use]
    pub fn open(file: PathBuf) -> Self {
        let kept = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { file, denials: Mutex::new(kept.unwrap_or_default()) }
    }

    pub(super) fn all(&self) -> Vec<Denial> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps one. It writes a file.
    pub(super) fn keep(&self, denial: Denial) {
        let mut denials = self.denials.lock().unwrap_or_else(PoisonError::into_inner);
        if denials.iter().any(|known| known.id == denial.id) {
            return;
        }
        denials.push(denial);
        let most = denials.len().saturating_sub(KEPT);
        denials.drain(..most);
        let bytes = serde_json::to_vec(&*denials).unwrap_or_default();
        if let Err(error) = files::write_private(&self.file, &bytes) {
            tracing::warn!(%error, "what people denied could not be kept");
        }
    }
}
