//! The keys that sign tokens now: chosen, renewed at half life, and published.

use crate::digest::KeyId;
use crate::moment::Moment;
use crate::party::TokenId;
use crate::signer::{Authority, Keyring, KeyringError, Published};
use crate::token::MAX_LIFE;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys in use.
pub struct Issuance {
    ring: Box<dyn Keyring>,
    /// Newest first.
    held: ArcSwap<Vec<Authority>>,
    published: ArcSwap<Published>,
    renewing: Mutex<()>,
}

impl Issuance {
    /// Takes the ring's keys into use, with a new one if none is fresh.
    ///
    /// # Errors
    /// [`KeyringError`] if there is no key and none can be made.
    pub fn start(ring: Box<dyn Keyring>, now: Moment) -> Result<Self, KeyringError> {
        let issuance =
            Self { ring, held: ArcSwap::default(), published: ArcSwap::default(), renewing: Mutex::new(()) };
        issuance.refresh(now)?;
        Ok(issuance)
    }

    /// Reads the ring anew, renews the key if half its life is over, and publishes. Says which key is new.
    ///
    /// # Errors
    /// [`KeyringError`]; what was in use stays in use.
    pub fn refresh(&self, now: Moment) -> Result<Option<Authority>, KeyringError> {
        let _one_at_a_time = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.ring.held()?;
        held.sort_by_key(|authority| core::cmp::Reverse(authority.certified().not_before));
        let fresh = held.iter().find(|authority| self.ring.in_scope(authority)).is_some_and(|newest| {
            let certified = newest.certified();
            let half = certified.expires_at.since(certified.not_before) / 2;
            certified.not_before <= now && now < certified.not_before.plus(half)
        });
        let renewed = if fresh { None } else { Some(self.ring.renew(now)?) };
        if let Some(new) = &renewed {
            held.insert(0, new.clone());
        }
        // Published before its first use.
        self.published.store(Arc::new(self.ring.publish(now)?));
        self.held.store(Arc::new(held));
        Ok(renewed)
    }

    /// Revokes tokens and publishes that; `false` if every token that was issued until now is revoked with them.
    ///
    /// # Errors
    /// [`KeyringError`]; they may not be revoked then.
    pub fn revoke(
        &self,
        tokens: &BTreeMap<TokenId, Moment>,
        before: Option<Moment>,
        now: Moment,
    ) -> Result<bool, KeyringError> {
        let _one_at_a_time = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = self.ring.revoke_tokens(tokens, before, now)?;
        self.published.store(Arc::new(self.ring.publish(now)?));
        Ok(listed)
    }

    /// The key that signs now: the newest whose certificate outlives any token that it could sign.
    ///
    /// # Errors
    /// [`KeyringError`] if there is none.
    pub fn current(&self, now: Moment) -> Result<Authority, KeyringError> {
        let serves = |authority: &&Authority| {
            let certified = authority.certified();
            let lives = certified.not_before <= now && now.plus(MAX_LIFE) < certified.expires_at;
            lives && self.ring.in_scope(authority)
        };
        let held = self.held.load();
        held.iter()
            .find(serves)
            .cloned()
            .ok_or_else(|| KeyringError("every key has expired or is about to".to_owned()))
    }

    /// The key of this id, for signing again what it signed before.
    #[must_use]
    pub fn of(&self, id: KeyId) -> Option<Authority> {
        self.held.load().iter().find(|authority| authority.key_id() == id).cloned()
    }

    /// The keys as executors take them.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }
}
