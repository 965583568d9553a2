//! A replay guard in memory: for tests, and for executors that may refuse tokens from before they started.

use crate::moment::Moment;
use crate::token::{ReplayError, ReplayGuard, ReplayKey, TokenUse};
use core::time::Duration;
use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;

/// Remembers used tokens until they have expired, in this process only.
///
/// It refuses tokens issued before it started, because nobody remembers whether those were used; and when it is full
/// it refuses rather than forget.
#[derive(Debug)]
pub struct MemoryGuard {
    remembers_since: Moment,
    capacity: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    keys: HashSet<ReplayKey>,
    by_end: BTreeSet<(Moment, ReplayKey)>,
    /// Entries to be kept until this moment or earlier may have been dropped.
    forgotten_until: Option<Moment>,
}

impl MemoryGuard {
    /// So many entries fit unless another capacity is given: about 30 MB.
    pub const DEFAULT_CAPACITY: usize = 100_000;

    /// A guard that starts now and is empty.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self::with_capacity(now, Self::DEFAULT_CAPACITY)
    }

    /// A guard that starts now and holds at most so many entries.
    #[must_use]
    pub fn with_capacity(now: Moment, capacity: usize) -> Self {
        Self { remembers_since: now, capacity, used: Mutex::default() }
    }

    /// Also refuses tokens issued within `by` after it started: for issuers whose clock may be that much ahead.
    #[must_use]
    pub fn issuers_ahead(mut self, by: Duration) -> Self {
        self.remembers_since = self.remembers_since.plus(by);
        self
    }

    /// How many used tokens it remembers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used.lock().map_or(0, |used| used.keys.len())
    }

    /// Whether it remembers none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ReplayGuard for MemoryGuard {
    fn consume(&self, token: &TokenUse, now: Moment) -> Result<(), ReplayError> {
        if token.issued_at < self.remembers_since {
            return Err(ReplayError::BeforeMemory);
        }
        // A thread that panicked while it held the lock may have left half an entry.
        let mut used = self.used.lock().map_err(|_| ReplayError::Unavailable)?;
        if used.keys.contains(&token.key) {
            return Err(ReplayError::Replayed);
        }
        used.forget_until(now);
        // If the clock was ahead once, what should still be here is gone.
        if used.forgotten_until.is_some_and(|forgotten| token.keep_until <= forgotten) {
            return Err(ReplayError::BeforeMemory);
        }
        if used.keys.len() >= self.capacity {
            return Err(ReplayError::Full);
        }
        used.by_end.insert((token.keep_until, token.key.clone()));
        used.keys.insert(token.key.clone());
        Ok(())
    }
}

impl Used {
    fn forget_until(&mut self, now: Moment) {
        while let Some((end, _)) = self.by_end.first()
            && *end <= now
        {
            let Some((end, key)) = self.by_end.pop_first() else { break };
            self.keys.remove(&key);
            self.forgotten_until = self.forgotten_until.max(Some(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::party::{TokenId, TrustDomain};

    fn at(second: u64) -> Moment {
        Moment::from_unix_seconds(second)
    }

    fn token(number: u8, issued_at: u64) -> TokenUse {
        let issuer = TrustDomain::new("https://acme.example").unwrap();
        let key = ReplayKey { issuer, jti: TokenId::from_random([number; 16]) };
        TokenUse { key, issued_at: at(issued_at), keep_until: at(issued_at + 360) }
    }

    #[test]
    fn a_token_is_used_once_by_issuer_and_id() {
        let guard = MemoryGuard::new(at(1000));
        assert_eq!(guard.consume(&token(1, 1000), at(1001)), Ok(()));
        assert_eq!(guard.consume(&token(1, 1000), at(1001)), Err(ReplayError::Replayed));
        assert_eq!(guard.consume(&token(2, 1000), at(1001)), Ok(()));
        let mut other = token(1, 1000);
        other.key.issuer = TrustDomain::new("https://other.example").unwrap();
        assert_eq!(guard.consume(&other, at(1001)), Ok(()));
    }

    #[test]
    fn what_was_issued_before_it_started_is_refused() {
        let guard = MemoryGuard::new(Moment::from_unix_millis(1_000_500));
        assert_eq!(guard.consume(&token(1, 1000), at(1001)), Err(ReplayError::BeforeMemory));
        assert_eq!(guard.consume(&token(1, 1001), at(1001)), Ok(()));
        let guard = MemoryGuard::new(at(1000)).issuers_ahead(Duration::from_secs(30));
        assert_eq!(guard.consume(&token(1, 1029), at(1030)), Err(ReplayError::BeforeMemory));
        assert_eq!(guard.consume(&token(1, 1030), at(1030)), Ok(()));
    }

    #[test]
    fn it_never_forgets_for_room_and_forgets_in_time() {
        let guard = MemoryGuard::with_capacity(at(1000), 2);
        assert_eq!(guard.consume(&token(1, 1000), at(1000)), Ok(()));
        assert_eq!(guard.consume(&token(2, 1100), at(1100)), Ok(()));
        assert_eq!(guard.consume(&token(3, 1100), at(1100)), Err(ReplayError::Full));
        assert_eq!(guard.consume(&token(1, 1000), at(1100)), Err(ReplayError::Replayed));
        assert_eq!(guard.consume(&token(3, 1100), at(1360)), Ok(()));
        assert_eq!(guard.len(), 2);
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_let_a_token_through_twice() {
        let guard = MemoryGuard::new(at(1000));
        assert_eq!(guard.consume(&token(1, 1000), at(1000)), Ok(()));
        assert_eq!(guard.consume(&token(2, 5000), at(5000)), Ok(()));
        assert_eq!(guard.consume(&token(1, 1000), at(1000)), Err(ReplayError::BeforeMemory));
    }
}
