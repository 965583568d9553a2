//! The ledger: judges each change in the journal's writer thread, and adds what was recorded to the views.

use super::fold::{Draft, Entry, Expected};
use super::key::{Key, Value};
use super::shelf::Trouble;
use super::tree::Tree;
use super::views::Views;
use crate::journal::{self, Group};
use crate::party::{EscalationId, LogOrigin};
use crate::store::facts::{Facts, LogKey};
use crate::store::watch::Watchers;
use crate::store::{Basis, Index, StoreError};
use crate::tlog::Hash;
use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

/// A change on its way to the writer.
pub(super) struct Submission {
    pub(super) records: Vec<Ready>,
    /// The escalations that were read for it, with the number of records each had.
    pub(super) read: Vec<(EscalationId, usize)>,
    /// The log that it continues, and where the latest of it was found to be recorded.
    pub(super) follows: Option<(LogOrigin, Option<Index>)>,
    /// What else it rests on, with the places where that was recorded last.
    pub(super) rests: Vec<(Basis, Option<Index>)>,
    /// How many records there were when none of its new ids was found.
    pub(super) seen: Index,
    /// What to do once it is durable.
    pub(super) observed: Option<Box<dyn FnOnce() + Send>>,
}

/// A record in its canonical form.
pub(super) struct Ready {
    pub(super) bytes: Vec<u8>,
    /// Its leaf in the log's tree.
    pub(super) leaf: Hash,
    pub(super) facts: Facts,
}

/// What the writer knows of the group that it is gathering.
#[derive(Default)]
struct Gathered {
    newest: HashMap<Key, Option<Value>>,
    entries: Vec<Entry>,
    /// For each change: how many entries there are after it, and the record that comes after it.
    changes: Vec<(usize, Index)>,
    touched: Vec<EscalationId>,
    observed: Vec<Box<dyn FnOnce() + Send>>,
    leaves: Vec<Hash>,
}

/// Judges changes and adds them to the views.
pub(super) struct Ledger {
    views: Arc<Views>,
    watchers: Arc<Watchers>,
    tree: Arc<Tree>,
    gathered: Gathered,
}

impl Ledger {
    pub(super) fn new(views: Arc<Views>, watchers: Arc<Watchers>, tree: Arc<Tree>) -> Self {
        Self { views, watchers, tree, gathered: Gathered::default() }
    }
}

impl journal::Ledger for Ledger {
    type Change = Submission;
    type Refusal = StoreError;

    fn admit(&mut self, change: Submission, group: &mut Group) -> Result<(), StoreError> {
        self.tree.sound()?;
        self.views.room()?;
        // What the views say in their own words, where they are in trouble.
        let trouble = RefCell::new(None);
        let before = |key: &Key, expected: Expected| {
            if let Some(value) = self.gathered.newest.get(key) {
                return Ok(*value);
            }
            self.views.look(key, expected, change.seen).map_err(|error| {
                let text = error.to_string();
                trouble.replace(Some(error));
                Trouble::Io(text)
            })
        };
        let mut draft = Draft::on(&before);
        let first = group.next_index();
        let judged = judge(&mut draft, &change, first);
        let entries = draft.into_entries();
        match judged {
            Ok(None) => {}
            Ok(Some(refusal)) => return Err(refusal),
            Err(found) => {
                let said = trouble.take();
                return Err(said.unwrap_or_else(|| {
                    let error = StoreError::Unavailable(found.to_string());
                    self.views.report(found);
                    error
                }));
            }
        }
        let (mut touched, mut leaves) = (Vec::new(), Vec::with_capacity(change.records.len()));
        for Ready { bytes, leaf, facts } in change.records {
            leaves.push(leaf);
            group.push(bytes).map_err(|_| StoreError::TooLarge)?;
            touched.extend(facts.step.map(|step| step.id));
        }
        // One change is told once, however many records it has.
        touched.dedup();
        let gathered = &mut self.gathered;
        gathered.newest.extend(entries.iter().map(|entry| (entry.key, entry.after)));
        gathered.entries.extend(entries);
        gathered.changes.push((gathered.entries.len(), group.next_index()));
        gathered.touched.append(&mut touched);
        gathered.observed.extend(change.observed);
        gathered.leaves.append(&mut leaves);
        Ok(())
    }

    fn recorded(&mut self, _first: u64, _records: &[Vec<u8>]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let gathered = std::mem::take(&mut self.gathered);
        self.tree.add(&gathered.leaves);
        let mut from = 0;
        self.views.add(gathered.changes.iter().map(|(to, end)| {
            let entries = gathered.entries.get(from..*to).unwrap_or_default();
            from = *to;
            (entries, *end)
        }));
        gathered.observed.into_iter().for_each(|observed| observed());
        self.watchers.wake(gathered.touched);
        Ok(())
    }

    fn abandoned(&mut self) {
        self.gathered = Gathered::default();
    }
}

/// Folds a change into the draft; the inner answer is why it is refused.
fn judge(draft: &mut Draft<'_>, change: &Submission, first: Index) -> Result<Option<StoreError>, Trouble> {
    for (id, length) in &change.read {
        if draft.length(*id)? != *length as u64 {
            return Ok(Some(StoreError::Moved(*id)));
        }
    }
    if let Some((origin, shipped)) = &change.follows
        && draft.shipped(LogKey::new(origin))? != *shipped
    {
        return Ok(Some(StoreError::Overtaken(origin.clone())));
    }
    for (what, place) in &change.rests {
        if draft.stands(what)? != *place {
            return Ok(Some(StoreError::Changed(what.clone())));
        }
    }
    for (index, Ready { facts, .. }) in (first..).zip(&change.records) {
        if let Some(refusal) = draft.refusal(facts)? {
            return Ok(Some(refusal));
        }
        draft.fold(index, facts)?;
    }
    Ok(None)
}
