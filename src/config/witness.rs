//! What the configuration says of witnesses: who cosigns the log, and where each is asked.

use crate::tlog::{SignatureKind, VerifierKey};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The most witnesses that cosign a log.
const MAX_WITNESSES: usize = 16;

/// Somebody who cosigns the log.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessPlace {
    /// Its verifier key, which has its name: `alpha.example/w+5f4c11aa+BL…`
    pub key: String,
    /// Where it is asked: `http://host:port/prefix` or `unix:/path/to/socket`.
    pub url: String,
}

impl WitnessPlace {
    /// Its verifier key.
    ///
    /// # Errors
    /// In words, if it is no witness's.
    pub fn verifier_key(&self) -> Result<VerifierKey, String> {
        let key = VerifierKey::parse(&self.key).map_err(|error| format!("`{}`: {error}", self.key))?;
        match key.kind() {
            SignatureKind::Cosignature => Ok(key),
            SignatureKind::Ed25519 => Err(format!("`{}` is a log's key and no witness's", self.key)),
        }
    }
}

/// That each is a witness, and another one.
pub(super) fn check(witnesses: &[WitnessPlace]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for witness in witnesses {
        let key = witness.verifier_key()?;
        if !seen.insert(*key.key().as_bytes()) {
            return Err(format!("`{}` has the key of one before it", key.name()));
        }
    }
    if witnesses.len() > MAX_WITNESSES {
        return Err(format!("there are more than {MAX_WITNESSES}"));
    }
    Ok(())
}
