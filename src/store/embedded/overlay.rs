//! The overlay: the newest entries of the views, in memory, until sled has them and a little longer.

use super::fold::Entry;
use super::key::{Key, Span, Value};
use crate::store::Index;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many entries sled is given at once, at least: while it takes them, nobody can read it.
const BATCH: usize = 192;

/// The entries that were folded from neighbouring records.
#[derive(Debug, Default)]
pub(super) struct Generation {
    /// Its first record.
    first: Index,
    /// The record after its last.
    end: Index,
    newest: BTreeMap<Key, Option<Value>>,
    /// All entries in their order.
    entries: Vec<Entry>,
    /// Where batches may end: after how many entries, before which record.
    cuts: Vec<(usize, Index)>,
}

impl Generation {
    fn starting_at(first: Index) -> Self {
        Self { first, end: first, ..Self::default() }
    }

    /// The entries in batches of whole changes, each with the record that comes after it.
    pub(super) fn batches(&self) -> impl Iterator<Item = (&[Entry], Index)> {
        let mut from = 0;
        let last = (self.entries.len(), self.end);
        self.cuts.iter().copied().chain([last]).map(move |(to, until)| {
            let batch = self.entries.get(from..to).unwrap_or_default();
            from = to;
            (batch, until)
        })
    }
}

/// The newest entries.
#[derive(Debug)]
pub(super) struct Overlay {
    /// Takes what is recorded now.
    filling: Generation,
    /// Is being written to sled.
    draining: Option<Arc<Generation>>,
    /// Is in sled; kept so that what is looked up again at once is found without it.
    drained: Option<Arc<Generation>>,
}

impl Overlay {
    /// Nothing yet, on views that have all records before `end`.
    pub(super) fn starting_at(end: Index) -> Self {
        Self { filling: Generation::starting_at(end), draining: None, drained: None }
    }

    /// How many records the views have.
    pub(super) const fn end(&self) -> Index {
        self.filling.end
    }

    /// The first record whose entries are all here.
    pub(super) fn first(&self) -> Index {
        let oldest = self.drained.as_ref().or(self.draining.as_ref());
        oldest.map_or(self.filling.first, |generation| generation.first)
    }

    /// The first record that sled does not have.
    pub(super) fn undrained(&self) -> Index {
        self.draining.as_ref().map_or(self.filling.first, |generation| generation.first)
    }

    /// How many entries wait for their turn.
    pub(super) const fn waiting(&self) -> usize {
        self.filling.entries.len()
    }

    /// Newest first.
    fn generations(&self) -> impl Iterator<Item = &Generation> {
        let older = [&self.draining, &self.drained].into_iter().flatten().map(|generation| &**generation);
        std::iter::once(&self.filling).chain(older)
    }

    /// The entry, if it is here; it may be one that was taken away.
    pub(super) fn get(&self, key: &Key) -> Option<Option<Value>> {
        self.generations().find_map(|generation| generation.newest.get(key).copied())
    }

    /// The entries of a span that are here, at most `limit` of each generation.
    pub(super) fn range(&self, span: Span, latest_first: bool, limit: usize) -> BTreeMap<Key, Option<Value>> {
        let mut found = BTreeMap::new();
        for generation in self.generations() {
            let mut entries = generation.newest.range(span.from..=span.to);
            let next = || if latest_first { entries.next_back() } else { entries.next() };
            for (key, value) in std::iter::from_fn(next).take(limit) {
                found.entry(*key).or_insert(*value);
            }
        }
        found
    }

    /// Adds the entries of one change, whose records end before `end`.
    pub(super) fn add(&mut self, entries: &[Entry], end: Index) {
        let filling = &mut self.filling;
        let cut = filling.cuts.last().map_or(0, |(entries, _)| *entries);
        if filling.entries.len() - cut >= BATCH {
            filling.cuts.push((filling.entries.len(), filling.end));
        }
        filling.newest.extend(entries.iter().map(|entry| (entry.key, entry.after)));
        filling.entries.extend_from_slice(entries);
        filling.end = end;
    }

    /// What is to be written to sled next; the same again until it is done.
    pub(super) fn drain(&mut self) -> Option<Arc<Generation>> {
        if self.draining.is_none() && self.filling.end > self.filling.first {
            let next = Generation::starting_at(self.filling.end);
            self.draining = Some(Arc::new(std::mem::replace(&mut self.filling, next)));
        }
        self.draining.clone()
    }

    /// What was to be written to sled is there; gives back what need not be kept any longer.
    pub(super) fn drained(&mut self) -> Option<Arc<Generation>> {
        match self.draining.take() {
            Some(done) => self.drained.replace(done),
            None => None,
        }
    }
}
