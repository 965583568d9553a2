//! Certificate chains whose signatures were checked already, so that a sidecar's tokens cost one signature each.

use super::certificate::CertificateError;
use super::trust::{Anchor, Chain};
use std::sync::{Arc, RwLock};

/// How many chains are remembered: one for each sidecar that an executor hears from at a time.
const CAPACITY: usize = 64;

/// Chains by the exact text of their certificates.
///
/// Only signatures are remembered. Windows, scopes and revocations are judged anew for every token; the roots and
/// the bundle's issuers don't change during a verifier's life. What can't be remembered is checked again.
#[derive(Debug, Default)]
pub(super) struct SeenChains(RwLock<Vec<Seen>>);

#[derive(Debug)]
struct Seen {
    certificates: Vec<Box<str>>,
    chain: Arc<Chain>,
}

impl SeenChains {
    /// As [`Anchor::chain`].
    pub(super) fn chain(
        &self,
        anchor: &Anchor,
        certificates: &[&str],
        issuers: &[Chain],
    ) -> Result<Option<Arc<Chain>>, CertificateError> {
        if let Some(chain) = self.find(certificates) {
            return Ok(Some(chain));
        }
        let Some(chain) = anchor.chain(certificates, issuers)?.map(Arc::new) else { return Ok(None) };
        if let Ok(mut seen) = self.0.write() {
            // The one remembered longest makes room: a certificate lives a day, so it is likely stale.
            if seen.len() >= CAPACITY {
                seen.remove(0);
            }
            let certificates = certificates.iter().map(|text| Box::from(*text)).collect();
            seen.push(Seen { certificates, chain: Arc::clone(&chain) });
        }
        Ok(Some(chain))
    }

    fn find(&self, certificates: &[&str]) -> Option<Arc<Chain>> {
        let seen = self.0.read().ok()?;
        let same = |seen: &&Seen| {
            seen.certificates.len() == certificates.len()
                && seen.certificates.iter().zip(certificates).all(|(a, b)| **a == **b)
        };
        seen.iter().find(same).map(|seen| Arc::clone(&seen.chain))
    }
}
