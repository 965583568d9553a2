//! A leaf of a log, read: its hash, and the record that it is the canonical form of.

use crate::audit::event::Record;
use crate::audit::verify::{Finding, Severity};
use crate::tlog::{Hash, leaf_hash};

/// A leaf that was read.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The hash of its exact bytes.
    pub hash: Hash,
    /// The record that it is.
    pub entry: Result<Record, EntryFault>,
}

/// Why a leaf is no record of this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryFault {
    /// It cannot be read as one.
    Unreadable(String),
    /// It can, but is not its canonical form: written anew it has other bytes.
    NotCanonical,
}

impl Leaf {
    /// Reads a leaf. This is most of the work of verifying a log, and needs nothing but the bytes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        Self { hash: leaf_hash(bytes), entry: entry(bytes) }
    }
}

fn entry(bytes: &[u8]) -> Result<Record, EntryFault> {
    let record = Record::from_bytes(bytes).map_err(|error| EntryFault::Unreadable(error.to_string()))?;
    let canonical = record.to_canonical().map_err(|error| EntryFault::Unreadable(error.to_string()))?;
    if canonical == bytes { Ok(record) } else { Err(EntryFault::NotCanonical) }
}

impl EntryFault {
    /// What it says against the log: its operator signed it, so that nobody else can have put it there.
    #[must_use]
    pub fn finding(self, index: u64) -> Finding {
        let (code, words) = match self {
            Self::Unreadable(words) => ("entry.unreadable", words),
            Self::NotCanonical => {
                ("entry.not_canonical", "read and written anew, the entry has other bytes".to_owned())
            }
        };
        Finding { index, severity: Severity::Finding, code, words, txn: None }
    }
}
