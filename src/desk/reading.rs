//! Reading the record: which decisions are like this, and what belongs to one of them.

mod agents;

pub use agents::Activity;

use crate::audit::chain::{Chain, Glance, Key, Overview};
use crate::audit::event::{Event, Record, RecordError};
use crate::audit::filter::Filter;
use crate::party::{TokenId, TxnId};
use crate::store::{Index, Store, StoreError};
use core::fmt;
use std::sync::Arc;

/// The most decisions of one page.
pub const MAX_DECISIONS: usize = 500;
/// The most records of one page, and about how many bytes of them.
pub const MAX_RECORDS: usize = 1000;
const MAX_BYTES: usize = 4 << 20;

/// Reads the record for whoever may.
#[derive(Clone)]
pub struct Reading {
    store: Arc<dyn Store>,
}

/// Why something was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadingError {
    /// There is no such decision, escalation or token in the record.
    Unknown(String),
    /// The record could not be read.
    Store(StoreError),
}

impl fmt::Display for ReadingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "there is no `{id}` in the record"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadingError {}

impl From<StoreError> for ReadingError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A page of decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// The latest first.
    pub overviews: Vec<Overview>,
    /// What the next page begins before, where there is one.
    pub next: Option<Index>,
}

/// A record as it is in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Its place.
    pub index: Index,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// The same, read; what is kept apart from the log is not in it.
    pub record: Record,
}

impl Reading {
    /// Reads this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> Index {
        self.store.len()
    }

    /// Whether nothing was ever recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decisions that a filter wants and that are recorded before a place, the latest first, at most
    /// [`MAX_DECISIONS`]. There may be fewer than asked for, and more on the next page.
    ///
    /// # Errors
    /// [`ReadingError::Store`] if the record could not be read.
    pub fn decisions(
        &self,
        filter: &Filter,
        before: Option<Index>,
        limit: usize,
    ) -> Result<Decisions, ReadingError> {
        let found = self.store.find(filter, before, limit.clamp(1, MAX_DECISIONS))?;
        let overviews = found.indices.iter().filter_map(|index| self.glance(*index).transpose());
        Ok(Decisions { overviews: overviews.collect::<Result<_, _>>()?, next: found.next })
    }

    fn glance(&self, index: Index) -> Result<Option<Overview>, ReadingError> {
        let Some(mut glance) = Glance::begin(index, &self.store.record(index)?) else { return Ok(None) };
        for later in self.store.chain(glance.overview().txn)?.into_iter().filter(|later| *later > index) {
            glance.add(later, &self.store.record(later)?);
        }
        Ok(Some(glance.overview().clone()))
    }

    /// Everything that belongs to a decision, the decision first. There is no list of tokens; each names its decision.
    ///
    /// # Errors
    /// [`ReadingError::Unknown`] if there is no such thing, [`ReadingError::Store`] if the record could not be read.
    pub fn chain(&self, key: Key) -> Result<(Overview, Vec<Leaf>), ReadingError> {
        let unknown = || ReadingError::Unknown(key.to_string());
        let txn = self.txn(key)?.ok_or_else(unknown)?;
        let mut indices = self.store.chain(txn)?;
        if let (true, Key::Escalation(id)) = (indices.is_empty(), key) {
            // A drill is no decision; its course is all there is.
            indices.extend(self.store.course(id)?.records.iter().map(|(index, _)| *index));
        }
        let leaves = indices.into_iter().map(|index| self.leaf(index));
        let leaves: Vec<Leaf> = leaves.collect::<Result<_, _>>()?;
        let mut rest = leaves.iter();
        let first = rest.next().ok_or_else(unknown)?;
        let mut chain = Chain::begin(first.index, first.record.clone()).ok_or_else(unknown)?;
        for leaf in rest {
            chain.add(leaf.index, leaf.record.clone());
        }
        Ok((chain.overview(), leaves))
    }

    /// The decision whose token this is, if it was minted within so many of the latest records.
    ///
    /// # Errors
    /// [`ReadingError::Store`] if the record could not be read.
    pub fn minted_lately(&self, token: TokenId, records: u64) -> Result<Option<TxnId>, ReadingError> {
        let end = self.store.len();
        for index in (end.saturating_sub(records)..end).rev() {
            if let Event::Minted(minted) = self.store.record(index)?.event
                && minted.jti == token
            {
                return Ok(Some(minted.txn));
            }
        }
        Ok(None)
    }

    fn txn(&self, key: Key) -> Result<Option<TxnId>, StoreError> {
        match key {
            Key::Txn(txn) => Ok(Some(txn)),
            Key::Escalation(id) => {
                let course = self.store.course(id)?;
                Ok(course.records.iter().find_map(|(_, record)| record.event.txn()))
            }
            Key::Token(_) => Ok(None),
        }
    }

    /// Records from a place on, at most [`MAX_RECORDS`] and about 4 MiB of them, but one at least if there is one.
    ///
    /// # Errors
    /// [`ReadingError::Store`] if the record could not be read.
    pub fn leaves(&self, from: Index, limit: usize) -> Result<Vec<Leaf>, ReadingError> {
        let (mut leaves, mut bytes) = (Vec::new(), 0);
        for index in (from..self.store.len()).take(limit.clamp(1, MAX_RECORDS)) {
            let leaf = self.leaf(index)?;
            bytes += leaf.bytes.len();
            leaves.push(leaf);
            if bytes >= MAX_BYTES {
                break;
            }
        }
        Ok(leaves)
    }

    fn leaf(&self, index: Index) -> Result<Leaf, ReadingError> {
        let bytes = self.store.leaf(index)?;
        let record = Record::from_bytes(&bytes)
            .map_err(|error: RecordError| StoreError::Damaged(format!("record {index}: {error}")))?;
        Ok(Leaf { index, bytes, record })
    }
}
