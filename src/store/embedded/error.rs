//! Why a store could not be opened, and what is told of its views.

use crate::audit::event::RecordError;
use crate::journal::{JournalError, ReadError};
use crate::store::{Index, StoreError};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a store could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOpenError {
    /// Another process, or another part of this one, has it open.
    Locked {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The journal could not be opened.
    Journal(JournalError),
    /// A record could not be read.
    Read(ReadError),
    /// A record's bytes are as they were written, and yet not a record that this version knows.
    Unreadable {
        /// The record.
        index: Index,
        /// What is wrong with it.
        error: RecordError,
    },
    /// The journal has fewer records than had been acknowledged.
    Lost {
        /// The store's directory.
        dir: PathBuf,
        /// How many records it is known to have had.
        known: Index,
        /// How many the journal has.
        journal: Index,
    },
    /// A record is not the one that was hashed when it was recorded, though its checksum is right.
    Altered {
        /// The store's directory.
        dir: PathBuf,
        /// The record, or the first one after it of which this is known.
        index: Index,
    },
    /// The values that are kept apart from the log could not be looked through.
    Values(StoreError),
    /// The disk is full.
    Full {
        /// The store's directory.
        dir: PathBuf,
    },
    /// The views could not be opened, nor made anew.
    Views {
        /// Where they are.
        dir: PathBuf,
        /// What happened.
        what: String,
    },
    /// The file system said no.
    Io {
        /// The store's directory.
        dir: PathBuf,
        /// What it said.
        kind: io::ErrorKind,
    },
}

/// Why the views were made anew from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// There were none.
    Missing,
    /// Opening or rebuilding them had not come to its end before, or nothing tells how they were left.
    Unfinished,
    /// They were open when the machine stopped.
    Restarted,
    /// Another version wrote them, or it can't be told how far they had come.
    Format,
    /// They were of another journal.
    Foreign,
    /// They were damaged.
    Damaged(String),
}

/// What happens to the views of an open store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// They are being made anew.
    Rebuilding {
        /// Why.
        why: Rebuilt,
        /// How many records are in them.
        done: Index,
        /// Of how many.
        of: Index,
    },
    /// They can't be used, for this reason; what needs them is refused. It is tried to mend that.
    ViewsDown(String),
    /// The files of the tree were not what they should be, and were made anew from the records.
    TreeMended,
    /// The files of the tree cannot be written, for this reason; it is tried again.
    TreeBehind(String),
    /// What opening did not read of the journal was read since, and is as it was written.
    Verified {
        /// How many records that were.
        records: Index,
    },
    /// The journal is not what it was, for this reason; nothing more is recorded.
    Unsound(String),
    /// They can be used again.
    ViewsUp {
        /// Whether they had to be made anew.
        rebuilt: bool,
    },
}

impl From<JournalError> for StoreOpenError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl fmt::Display for StoreOpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { dir } => write!(f, "the store in `{}` is open elsewhere", dir.display()),
            Self::Journal(error) => error.fmt(f),
            Self::Read(error) => error.fmt(f),
            Self::Unreadable { index, error } => write!(f, "record {index} of the journal: {error}"),
            Self::Lost { dir, known, journal } => write!(
                f,
                "the journal in `{dir}` has {journal} records, but {known} had been recorded: the last {lost} are \
                 lost; restore the journal, or remove `{dir}/views.tag` to go on without them",
                lost = known.saturating_sub(*journal),
                dir = dir.display(),
            ),
            Self::Altered { dir, index } => write!(
                f,
                "the journal in `{dir}` was altered: record {index} is not the one that was hashed when it was \
                 recorded; restore the journal, or remove `{dir}/tree` to go on with it as it is",
                dir = dir.display(),
            ),
            Self::Values(error) => write!(f, "the values that are kept apart: {error}"),
            Self::Full { dir } => write!(f, "the disk that holds `{}` is full", dir.display()),
            Self::Views { dir, what } => {
                write!(f, "the views in `{}` could not be made: {what}", dir.display())
            }
            Self::Io { dir, kind } => {
                write!(f, "the store in `{}` could not be opened: {kind}", dir.display())
            }
        }
    }
}

impl std::error::Error for StoreOpenError {}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there were none"),
            Self::Unfinished => f.write_str("they had not been finished"),
            Self::Restarted => f.write_str("they were open when the machine stopped"),
            Self::Format => f.write_str("another version wrote them"),
            Self::Foreign => f.write_str("they were of another journal"),
            Self::Damaged(what) => write!(f, "they were damaged: {what}"),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebuilding { why, done, of } => {
                write!(f, "rebuilding the views ({why}): {done} of {of} records")
            }
            Self::ViewsDown(why) => write!(f, "the views cannot be used: {why}"),
            Self::TreeMended => f.write_str("the files of the log's tree were damaged, and were made anew"),
            Self::TreeBehind(why) => write!(f, "the files of the log's tree cannot be written: {why}"),
            Self::Verified { records } => write!(f, "{records} older records were verified"),
            Self::Unsound(what) => write!(f, "nothing more is recorded: {what}"),
            Self::ViewsUp { rebuilt: false } => f.write_str("the views can be used again"),
            Self::ViewsUp { rebuilt: true } => f.write_str("the views were rebuilt and can be used again"),
        }
    }
}
