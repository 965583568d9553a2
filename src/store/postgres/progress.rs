//! How far what is recorded was told to those who watch: each change once, our own at once, those of others in order.

use crate::store::Index;
use core::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Everything before this place was told.
    told: Index,
    /// Changes of our own that were told and lie beyond, by their beginnings.
    own: Vec<Range<Index>>,
    /// Where our own batch begins that is being committed: what is from there on may be ours.
    pending: Option<Index>,
    /// How many records are known to be there.
    size: Index,
    /// Whether somebody stopped before the batch that is being committed.
    stopped: bool,
}

impl State {
    fn absorb(&mut self) {
        while let Some(at) = self.own.iter().position(|range| range.start <= self.told) {
            let range = self.own.swap_remove(at);
            self.told = self.told.max(range.end);
        }
    }
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts where the log is so long: nobody watched before.
    pub(super) fn starting_at(size: Index) -> Self {
        Self(Mutex::new(State { told: size, size, ..State::default() }))
    }

    /// How many records are known to be there.
    pub(super) fn size(&self) -> Index {
        self.state().size
    }

    /// Notes how many there are, as was asked when `known` were known; says whether there are so many still.
    pub(super) fn seen(&self, size: Index, known: Index) -> bool {
        let mut state = self.state();
        state.size = state.size.max(size);
        size >= known
    }

    /// A batch of ours is about to be committed that begins here.
    pub(super) fn begin(&self, first: Index) {
        self.state().pending = Some(first);
    }

    /// The batch was recorded at these places and told. Says whether others' changes may be left to be told.
    pub(super) fn recorded(&self, places: Range<Index>) -> bool {
        let mut state = self.state();
        state.pending = None;
        state.size = state.size.max(places.end);
        state.own.push(places);
        state.absorb();
        std::mem::take(&mut state.stopped) || !state.own.is_empty()
    }

    /// It was not, or nobody knows: whatever comes there is told as others' changes are.
    pub(super) fn abandoned(&self) {
        self.state().pending = None;
    }

    /// What is to be told next, of so many records that are there.
    pub(super) fn untold(&self, size: Index) -> Option<Range<Index>> {
        let mut state = self.state();
        state.stopped = state.pending.is_some_and(|pending| pending < size);
        let own = state.own.iter().map(|range| range.start).min().unwrap_or(Index::MAX);
        let end = size.min(own).min(state.pending.unwrap_or(Index::MAX));
        (state.told < end).then_some(state.told..end)
    }

    /// Everything before this place was told now.
    pub(super) fn told(&self, until: Index) {
        let mut state = self.state();
        state.told = state.told.max(until);
        state.absorb();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_recorded_between_our_own_is_told_and_ours_is_not_told_twice() {
        let progress = Progress::starting_at(10);
        assert_eq!(progress.untold(10), None);
        progress.begin(12);
        assert_eq!(progress.untold(15), Some(10..12), "from 12 on it may be ours");
        assert!(progress.recorded(12..14), "others' came before");
        assert_eq!(progress.untold(15), Some(10..12));
        progress.told(12);
        assert_eq!(progress.untold(15), Some(14..15));
        progress.told(15);
        assert_eq!(progress.untold(15), None);
        progress.begin(15);
        assert!(!progress.recorded(15..15), "nobody else was there");
        progress.begin(15);
        progress.abandoned();
        assert_eq!(progress.untold(16), Some(15..16), "it was another's");
    }

    #[test]
    fn a_log_that_became_shorter_is_noticed() {
        let progress = Progress::starting_at(3);
        assert!(progress.seen(5, 3));
        progress.recorded(5..9);
        assert!(progress.seen(7, 5), "what was recorded meanwhile was not there yet");
        assert!(!progress.seen(8, 9));
        assert_eq!(progress.size(), 9);
    }
}
