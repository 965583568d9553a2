//! Why the log and its checkpoints do not agree, or none can be signed.

use crate::party::LogOrigin;
use crate::signer::SignError;
use crate::store::{Index, StoreError};
use core::fmt;
use std::path::PathBuf;

/// Why the log and its checkpoints do not agree, or none can be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointFault {
    /// The log's name can't stand in a checkpoint.
    Origin(LogOrigin),
    /// A file could not be read or written.
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// What was kept of earlier checkpoints can't be read.
    History {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A checkpoint is malformed, of another log, or not signed by this one.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The record says that checkpoints were kept, and there are none.
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// The record is shorter than what was signed.
    RolledBack {
        /// The checkpoint's file.
        path: PathBuf,
        /// How many records it has.
        signed: Index,
        /// How many there are.
        records: Index,
    },
    /// The record is not what was signed.
    Altered {
        /// The checkpoint's file.
        path: PathBuf,
        /// Up to here it is known to be.
        from: Index,
        /// Before this one a record is another than was signed.
        to: Index,
    },
    /// A witness has seen more of this log than there is, or another history of it.
    Witnessed {
        /// The witness.
        witness: String,
        /// What it says.
        what: String,
    },
    /// The store can't tell, or is damaged.
    Store(StoreError),
    /// The log has no key now.
    NoKey,
    /// Its key can't be used.
    Sign(SignError),
}

impl CheckpointFault {
    /// Whether the record contradicts what was signed: nothing more may be signed or decided then.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::RolledBack { .. } | Self::Altered { .. } | Self::Store(StoreError::Damaged(_)) => true,
            Self::Origin(_)
            | Self::Io { .. }
            | Self::History { .. }
            | Self::Unreadable { .. }
            | Self::Missing { .. }
            | Self::Witnessed { .. }
            | Self::Store(_)
            | Self::NoKey
            | Self::Sign(_) => false,
        }
    }
}

impl fmt::Display for CheckpointFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(origin) => {
                write!(f, "`{origin}` can't name a log: a trust domain has no `+` where checkpoints are signed")
            }
            Self::Io { path, why } => write!(f, "cannot use `{}`: {why}", path.display()),
            Self::History { path, what } => write!(
                f,
                "the history of checkpoints in `{}` can't be read: {what}; restore it, or move the folder away if \
                 `log/checkpoint` is sound",
                path.display()
            ),
            Self::Unreadable { path, what } => write!(
                f,
                "`{}` is not a checkpoint that this log signed: {what}; restore it from where it was exported to, and \
                 run `countersign audit verify`",
                path.display()
            ),
            Self::Missing { folder } => write!(
                f,
                "the record was signed before, and its checkpoints are gone: there are none in `{}`; restore that \
                 folder, and run `countersign audit verify` on the record",
                folder.display()
            ),
            Self::RolledBack { path, signed, records } => write!(
                f,
                "the record is shorter than what was signed: `{}` has {signed} records and there are {records}; \
                 records {records} to {last} are missing; restore the newer copy of the journal",
                path.display(),
                last = signed.saturating_sub(1),
            ),
            Self::Altered { path, from, to } => write!(
                f,
                "the record is not what was signed: one of the records {from} to {last} is another than when `{}` was \
                 signed; restore the journal, and run `countersign audit verify` to see which",
                path.display(),
                last = to.saturating_sub(1),
            ),
            Self::Witnessed { witness, what } => write!(
                f,
                "the witness `{witness}` has seen another log of this name: {what}; if the data folder is an older \
                 copy, restore the newer one"
            ),
            Self::Store(error) => error.fmt(f),
            Self::NoKey => f.write_str(
                "the log has no key to sign with: it was revoked; `countersign keys rotate-log` makes another",
            ),
            Self::Sign(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CheckpointFault {}
