//! The desk as a witness: it cosigns what it was handed over, and rules may count that.

use super::ship::Shipper;
use crate::tlog::{AddCheckpoint, VerifierKey};
use crate::witness::{Cosigning, Witness};
use std::sync::Arc;

/// The desk, as the log's checkpoints ask it.
pub struct DeskWitness {
    key: VerifierKey,
    shipper: Arc<Shipper>,
}

impl DeskWitness {
    /// The desk that cosigns with this key.
    #[must_use]
    pub const fn new(key: VerifierKey, shipper: Arc<Shipper>) -> Self {
        Self { key, shipper }
    }
}

impl Witness for DeskWitness {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn cosign<'a>(&'a self, request: &'a AddCheckpoint) -> Cosigning<'a> {
        Box::pin(self.shipper.cosigned(&request.checkpoint, &self.key))
    }
}
