//! Looking into a store that a running service may hold: its records in order, read only.

use super::RECORDS;
use crate::audit::event::Record;
use crate::journal::{Journal, JournalError, ReadError, Reader};
use crate::store::{Index, StoreError};
use std::path::Path;

/// The records of a store as they were when it was looked at.
#[derive(Clone)]
pub struct Look {
    reader: Reader,
}

impl Look {
    /// Looks into the store in `dir`. No lock is taken and nothing is changed.
    ///
    /// # Errors
    /// [`JournalError`]: there is no store, or its journal cannot be read.
    pub fn into_store(dir: &Path) -> Result<Self, JournalError> {
        Journal::look(&dir.join(RECORDS)).map(|reader| Self { reader })
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> Index {
        self.reader.end()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The exact bytes of the records from this place on, in order: the leaves of the log. After an error there are no
    /// more.
    pub fn leaves(&self, from: Index) -> impl Iterator<Item = Result<(Index, Vec<u8>), StoreError>> + use<> {
        self.reader.iter_from(from).map(|read| read.map_err(unreadable))
    }

    /// The records from this place on, in order. After an error there are no more.
    pub fn from(&self, index: Index) -> impl Iterator<Item = Result<(Index, Record), StoreError>> + use<> {
        self.leaves(index).map(|read| {
            let (index, bytes) = read?;
            let record = Record::from_bytes(&bytes)
                .map_err(|error| StoreError::Damaged(format!("record {index}: {error}")))?;
            Ok((index, record))
        })
    }
}

/// What a record that cannot be read means to a store.
pub(super) fn unreadable(error: ReadError) -> StoreError {
    match error {
        ReadError::Io(fault) => StoreError::Unavailable(fault.to_string()),
        other @ (ReadError::Damaged(_) | ReadError::Beyond { .. } | ReadError::Retired { .. }) => {
            StoreError::Damaged(other.to_string())
        }
    }
}
