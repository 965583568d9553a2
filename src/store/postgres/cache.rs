//! The leaves that were read or written last, within a bound of bytes: a record never changes, so what is here is right.

use crate::store::Index;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one entry costs beside its bytes.
const OVERHEAD: usize = 96;

/// Leaves in memory. The oldest goes first, but for those that were asked for meanwhile.
pub(super) struct Cache {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    leaves: HashMap<Index, Entry>,
    order: VecDeque<Index>,
    bytes: usize,
}

struct Entry {
    leaf: Arc<[u8]>,
    asked: bool,
}

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, index: Index) -> Option<Arc<[u8]>> {
        let mut state = self.state();
        let entry = state.leaves.get_mut(&index)?;
        entry.asked = true;
        Some(Arc::clone(&entry.leaf))
    }

    pub(super) fn add(&self, index: Index, leaf: Arc<[u8]>) {
        let mut state = self.state();
        let bytes = leaf.len() + OVERHEAD;
        if bytes > self.most || state.leaves.contains_key(&index) {
            return;
        }
        state.bytes += bytes;
        state.leaves.insert(index, Entry { leaf, asked: false });
        state.order.push_back(index);
        while state.bytes > self.most {
            let Some(oldest) = state.order.pop_front() else { break };
            let again = state.leaves.get_mut(&oldest).is_some_and(|entry| std::mem::take(&mut entry.asked));
            if again {
                state.order.push_back(oldest);
            } else if let Some(entry) = state.leaves.remove(&oldest) {
                state.bytes -= entry.leaf.len() + OVERHEAD;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf() -> Arc<[u8]> {
        vec![0; 1000 - OVERHEAD].into()
    }

    #[test]
    fn it_holds_no_more_than_it_may_and_keeps_what_is_asked_for() {
        let cache = Cache::new(10_000);
        for index in 0..10 {
            cache.add(index, leaf());
        }
        assert!((0..10).all(|index| cache.get(index).is_some()));
        // All were asked for: the first that is asked for no more goes.
        cache.add(10, leaf());
        assert_eq!((0..11).filter(|index| cache.get(*index).is_some()).count(), 10);
        for index in 11..1000 {
            cache.get(5);
            cache.add(index, leaf());
        }
        assert!(cache.get(5).is_some());
        assert!(cache.state().bytes <= 10_000);
        cache.add(2000, vec![0; 20_000].into());
        assert!(cache.get(2000).is_none(), "one that is larger than all may be");
    }
}
