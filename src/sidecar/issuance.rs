//! The keys that sign now, tokens and the log's checkpoints: chosen, renewed at half life, and published.

use crate::digest::KeyId;
use crate::moment::Moment;
use crate::party::TokenId;
use crate::signer::{Authority, Candidates, Chains, Keyring, KeyringError, Published};
use crate::token::{Anchor, KeyUse, MAX_LIFE};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The keys in use.
pub struct Issuance {
    ring: Box<dyn Keyring>,
    anchor: Anchor,
    /// Newest first.
    held: ArcSwap<Vec<Authority>>,
    /// The log's key; nothing while it is revoked and there is no other.
    log: ArcSwapOption<Authority>,
    revoked: ArcSwap<BTreeSet<KeyId>>,
    published: ArcSwap<Published>,
    renewing: Mutex<()>,
}

/// What became of the keys since they were last looked at.
#[derive(Debug)]
pub struct Refreshed {
    /// Those with a certificate that is not in use yet: keys that mint, and the log's. None of them signs before the record
    /// says so and [`Issuance::admit`] was told.
    pub certified: Vec<Authority>,
    /// Those that were revoked.
    pub revoked: Vec<KeyId>,
    /// Why the log's key can't be used, where it can't.
    pub log: Result<(), KeyringError>,
}

impl Issuance {
    /// Takes the ring's keys into use, with a new one if none is fresh.
    ///
    /// # Errors
    /// [`KeyringError`] if there is no key and none can be made.
    pub fn start(ring: Box<dyn Keyring>, now: Moment) -> Result<Self, KeyringError> {
        let issuance = Self {
            anchor: ring.anchor()?,
            ring,
            held: ArcSwap::default(),
            log: ArcSwapOption::default(),
            revoked: ArcSwap::default(),
            published: ArcSwap::default(),
            renewing: Mutex::new(()),
        };
        // Nothing is signed before the start is recorded, and with it these keys.
        let Refreshed { certified, log, .. } = issuance.refresh(now)?;
        log?;
        issuance.admit(certified);
        Ok(issuance)
    }

    /// Reads the ring anew, renews what has come to half its life, and publishes. Says what is new, until it is admitted.
    ///
    /// # Errors
    /// [`KeyringError`] if that can't be done for the keys that mint; what was in use stays in use.
    pub fn refresh(&self, now: Moment) -> Result<Refreshed, KeyringError> {
        let _one_at_a_time = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.ring.held()?;
        held.sort_by_key(|authority| core::cmp::Reverse(authority.certified().not_before));
        let newest = held.iter().find(|authority| self.ring.in_scope(authority));
        let fresh = newest.is_some_and(|newest| {
            let certified = newest.certified();
            let half = certified.expires_at.since(certified.not_before) / 2;
            certified.not_before <= now && now < certified.not_before.plus(half)
        });
        if self.ring.renews() && !fresh {
            held.insert(0, self.ring.renew(now)?);
        }
        // Published before its first use.
        self.published.store(Arc::new(self.ring.publish(now)?));
        let in_use = self.held.load_full();
        let known = |one: &Authority| in_use.iter().any(|other| other.key_id() == one.key_id());
        let (held, mut certified): (Vec<_>, Vec<_>) = held.into_iter().partition(known);
        self.held.store(Arc::new(held));
        let revoked = self.ring.revoked()?;
        let newly = revoked.difference(&self.revoked.load()).copied().collect();
        self.revoked.store(Arc::new(revoked));
        let log = self.refresh_log(now).map(|new| certified.extend(new));
        Ok(Refreshed { certified, revoked: newly, log })
    }

    /// The log's key, if it has another certificate than before.
    fn refresh_log(&self, now: Moment) -> Result<Option<Authority>, KeyringError> {
        let before = self.log();
        let log = self.ring.log(now).inspect_err(|_| {
            // One that can't be read just now still signs; one that was revoked never again.
            if before.as_ref().is_some_and(|before| self.revoked.load().contains(&before.key_id())) {
                self.log.store(None);
            }
        })?;
        if before.is_some_and(|before| before.chain() == log.chain()) {
            return Ok(None);
        }
        Ok(Some(log))
    }

    /// Takes keys into use, once the record has their certificates.
    pub fn admit(&self, certified: Vec<Authority>) {
        let _one_at_a_time = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let (logs, minting): (Vec<_>, Vec<_>) =
            certified.into_iter().partition(|one| one.certified().usage == KeyUse::Log);
        if let Some(log) = logs.into_iter().next() {
            self.log.store(Some(Arc::new(log)));
        }
        let mut held = minting;
        held.extend(self.held.load().iter().cloned());
        held.sort_by_key(|authority| core::cmp::Reverse(authority.certified().not_before));
        self.held.store(Arc::new(held));
    }

    /// The trust domain and the root that executors pin.
    #[must_use]
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// The key that signs the log's checkpoints; nothing while it is revoked and there is no other.
    #[must_use]
    pub fn log(&self) -> Option<Arc<Authority>> {
        self.log.load_full()
    }

    /// Every key that was revoked.
    #[must_use]
    pub fn revoked(&self) -> Arc<BTreeSet<KeyId>> {
        self.revoked.load_full()
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

    /// Certifies the keys of a sidecar.
    ///
    /// # Errors
    /// [`KeyringError`] if that can't be done here.
    pub fn certify(&self, candidates: &Candidates<'_>, now: Moment) -> Result<Chains, KeyringError> {
        self.ring.certify(candidates, now)
    }

    /// Revokes keys, and publishes that.
    ///
    /// # Errors
    /// [`KeyringError`]; they may not be revoked then.
    pub fn revoke_keys(&self, keys: &BTreeSet<KeyId>, now: Moment) -> Result<(), KeyringError> {
        let _one_at_a_time = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        self.ring.revoke_keys(keys)?;
        self.revoked.store(Arc::new(self.ring.revoked()?));
        self.published.store(Arc::new(self.ring.publish(now)?));
        Ok(())
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

    /// When the last of the keys that may sign expires.
    #[must_use]
    pub fn expiry(&self) -> Option<Moment> {
        let held = self.held.load();
        let ours = held.iter().filter(|authority| self.ring.in_scope(authority));
        ours.map(|authority| authority.certified().expires_at).max()
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

impl crate::desk::fleet::Keys for Issuance {
    fn anchor(&self) -> &Anchor {
        Self::anchor(self)
    }

    fn revoked(&self) -> Arc<BTreeSet<KeyId>> {
        Self::revoked(self)
    }

    fn published(&self) -> Arc<Published> {
        Self::published(self)
    }

    fn log(&self) -> Option<Arc<Authority>> {
        Self::log(self)
    }

    fn certify(&self, candidates: &Candidates<'_>, now: Moment) -> Result<Chains, KeyringError> {
        Self::certify(self, candidates, now)
    }

    fn revoke_keys(&self, keys: &BTreeSet<KeyId>, now: Moment) -> Result<(), KeyringError> {
        Self::revoke_keys(self, keys, now)
    }
}
