//! Who waits for which escalation to change, or for any.

use crate::party::EscalationId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use tokio::sync::watch::{Receiver, Sender};

/// How many changes are kept for those who watch all; whoever is further behind is told that they missed some.
const KEPT: usize = 1024;

/// The counters that are being watched. Those that nobody watches any more are dropped.
#[derive(Debug)]
pub(super) struct Watchers {
    counters: Mutex<Counters>,
    all: broadcast::Sender<EscalationId>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self { counters: Mutex::default(), all: broadcast::Sender::new(KEPT) }
    }
}

#[derive(Debug, Default)]
struct Counters {
    by_id: HashMap<EscalationId, Sender<u64>>,
    /// How many there were after those without watchers had been dropped.
    swept: usize,
}

impl Watchers {
    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A counter that changes whenever the escalation does from now on.
    pub(super) fn watch(&self, id: EscalationId) -> Receiver<u64> {
        let mut counters = self.counters();
        if counters.by_id.len() >= 2 * counters.swept.max(32) {
            counters.by_id.retain(|_, counter| counter.receiver_count() > 0);
            counters.by_id.shrink_to_fit();
            counters.swept = counters.by_id.len();
        }
        counters.by_id.entry(id).or_insert_with(|| Sender::new(0)).subscribe()
    }

    /// Tells which escalations change from now on. It never waits for its readers.
    pub(super) fn watch_all(&self) -> broadcast::Receiver<EscalationId> {
        self.all.subscribe()
    }

    /// These escalations have changed.
    pub(super) fn wake(&self, changed: impl IntoIterator<Item = EscalationId>) {
        let mut changed = changed.into_iter().peekable();
        if changed.peek().is_none() {
            return;
        }
        let mut counters = self.counters();
        for id in changed {
            // Nobody watches all: as good.
            let _ = self.all.send(id);
            let watched = counters.by_id.get(&id).map(|counter| {
                counter.send_modify(|count| *count = count.wrapping_add(1));
                counter.receiver_count() > 0
            });
            if watched == Some(false) {
                counters.by_id.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> EscalationId {
        let mut bits = [0; 16];
        bits[..4].copy_from_slice(&n.to_be_bytes());
        EscalationId::from_random(bits)
    }

    #[test]
    fn a_change_is_seen_by_those_who_watch_it_and_by_no_others() {
        let watchers = Watchers::default();
        let (first, again, other) = (watchers.watch(id(1)), watchers.watch(id(1)), watchers.watch(id(2)));
        watchers.wake([id(1), id(3)]);
        assert!(first.has_changed().unwrap() && again.has_changed().unwrap());
        assert!(!other.has_changed().unwrap());
    }

    #[test]
    fn whoever_watches_all_sees_each_change_or_that_some_were_missed() {
        let watchers = Watchers::default();
        watchers.wake([id(0)]);
        let (mut prompt, mut slow) = (watchers.watch_all(), watchers.watch_all());
        watchers.wake([id(1), id(2), id(1)]);
        assert_eq!(
            [prompt.try_recv(), prompt.try_recv(), prompt.try_recv()],
            [Ok(id(1)), Ok(id(2)), Ok(id(1))]
        );
        assert_eq!(prompt.try_recv(), Err(broadcast::error::TryRecvError::Empty));
        for n in 0..10_000 {
            watchers.wake([id(n)]);
        }
        assert!(matches!(slow.try_recv(), Err(broadcast::error::TryRecvError::Lagged(_))));
        assert_eq!(slow.len(), KEPT, "no more than that is kept for the slow");
    }

    #[test]
    fn those_that_nobody_watches_any_more_are_dropped() {
        let watchers = Watchers::default();
        let kept: Vec<_> = (0..10).map(|n| watchers.watch(id(n))).collect();
        for n in 0..100_000 {
            drop(watchers.watch(id(n)));
        }
        assert!(watchers.counters().by_id.len() < 100, "{}", watchers.counters().by_id.len());
        assert!(kept.iter().all(|watched| !watched.has_changed().unwrap()), "the others are still there");
    }
}
