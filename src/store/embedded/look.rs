//! Looking into a store that a running service may hold: its records in order, read only.

use super::RECORDS;
use super::values::Values;
use crate::audit::apart;
use crate::audit::event::{Apart, Record, RecordError, WhyApart};
use crate::journal::{Journal, JournalError, ReadError, Reader};
use crate::store::{Index, StoreError};
use std::path::Path;

/// The records of a store as they were when it was looked at.
#[derive(Clone)]
pub struct Look {
    reader: Reader,
    values: Values,
}

impl Look {
    /// Looks into the store in `dir`. No lock is taken and nothing is changed.
    ///
    /// # Errors
    /// [`JournalError`]: there is no store, or its journal cannot be read.
    pub fn into_store(dir: &Path) -> Result<Self, JournalError> {
        Journal::look(&dir.join(RECORDS)).map(|reader| Self { reader, values: Values::of(dir) })
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

    /// The records from this place on, in order. After an error there are no more. What was too long for a leaf is
    /// there, as far as it is kept; secret values are not.
    pub fn from(&self, index: Index) -> impl Iterator<Item = Result<(Index, Record), StoreError>> + use<> {
        let values = self.values.clone();
        self.leaves(index).map(move |read| {
            let (index, bytes) = read?;
            let damaged = |error| StoreError::Damaged(format!("record {index}: {error}"));
            let record = Record::from_bytes(&bytes).map_err(damaged)?;
            let large = |apart: &Apart| apart.why == WhyApart::Large && values.has(&apart.value) == Ok(true);
            let record = apart::join(record, &mut |apart| match large(apart) {
                true => values.read(&apart.value).map_err(|error| RecordError::Unreadable(error.to_string())),
                false => Ok(None),
            });
            Ok((index, record.map_err(damaged)?))
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
