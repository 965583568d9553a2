//! Bells: who waits for which escalation to change at the desk.

use crate::party::EscalationId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch::{Receiver, Sender};

/// Counters that change whenever an escalation does; those that nobody watches are dropped.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<HashMap<EscalationId, Sender<u64>>>);

impl Bells {
    fn all(&self) -> MutexGuard<'_, HashMap<EscalationId, Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(&self, id: EscalationId) -> Receiver<u64> {
        let mut bells = self.all();
        bells.retain(|_, bell| bell.receiver_count() > 0);
        bells.entry(id).or_insert_with(|| Sender::new(0)).subscribe()
    }

    /// This one has changed.
    pub(super) fn ring(&self, id: EscalationId) {
        if let Some(bell) = self.all().get(&id) {
            bell.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Any of them may have changed.
    pub(super) fn ring_all(&self) {
        for bell in self.all().values() {
            bell.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_one_hears_of_that_one_and_of_all() {
        let (bells, id) = (Bells::default(), |n| EscalationId::from_random([n; 16]));
        let (mut one, mut other) = (bells.watch(id(1)), bells.watch(id(2)));
        bells.ring(id(1));
        assert!(one.has_changed().unwrap() && !other.has_changed().unwrap());
        one.mark_unchanged();
        bells.ring_all();
        assert!(one.has_changed().unwrap() && other.has_changed().unwrap());
        other.mark_unchanged();
        drop((one, other));
        drop(bells.watch(id(3)));
        assert_eq!(bells.all().len(), 1, "those that nobody watches are dropped");
    }
}
