//! The policies that were in force here: a decision made elsewhere has to name one of them.

use super::FleetError;
use crate::audit::event::Event;
use crate::digest::PolicyDigest;
use crate::policy::Policy;
use crate::store::{Document, Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many policies are kept compiled.
const KEPT: usize = 64;
/// How many records are looked through for a policy that was in force before this start.
const MOST_READ: u64 = 100_000;

/// Finds policies by their digests.
pub(super) struct Policies {
    store: Arc<dyn Store>,
    /// Nothing where none of that digest was found: a sidecar can make up as many as it likes.
    known: Mutex<HashMap<PolicyDigest, Option<Arc<Policy>>>>,
}

impl Policies {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// The policy in force, as the record has it.
    pub(super) fn in_force(&self) -> Result<Arc<Policy>, FleetError> {
        let none = || StoreError::Damaged("no policy is in force".to_owned());
        let index = self.store.in_force(Document::Policy)?.ok_or_else(none)?;
        let Event::PolicyLoaded { digest, text, .. } = self.store.record(index)?.event else {
            return Err(none().into());
        };
        self.compiled(digest, &text).ok_or_else(|| none().into())
    }

    /// The policy of this digest, if it is or was in force here.
    pub(super) fn of(&self, digest: PolicyDigest) -> Result<Option<Arc<Policy>>, FleetError> {
        let in_force = self.in_force()?;
        if in_force.digest() == digest {
            return Ok(Some(in_force));
        }
        if let Some(known) = self.known().get(&digest) {
            return Ok(known.clone());
        }
        let end = self.store.len();
        for index in (end.saturating_sub(MOST_READ)..end).rev() {
            if let Event::PolicyLoaded { digest: found, text, .. } = self.store.record(index)?.event
                && found == digest
            {
                return Ok(self.compiled(digest, &text));
            }
        }
        self.keep(digest, None);
        Ok(None)
    }

    fn compiled(&self, digest: PolicyDigest, text: &str) -> Option<Arc<Policy>> {
        if let Some(Some(known)) = self.known().get(&digest) {
            return Some(known.clone());
        }
        let policy = Arc::new(Policy::parse(text, "(record)").ok()?);
        self.keep(digest, Some(policy.clone()));
        Some(policy)
    }

    fn keep(&self, digest: PolicyDigest, policy: Option<Arc<Policy>>) {
        let mut known = self.known();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(digest, policy);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<PolicyDigest, Option<Arc<Policy>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
