//! What can go wrong with a journal, as closed lists of facts.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a journal could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// Another process, or another part of this one, has it open.
    Locked {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// Other users of the machine could read or change it.
    Exposed {
        /// The directory or file with the loose permissions.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A segment was written by a later version of this program.
    Version {
        /// The segment.
        file: PathBuf,
        /// The version that it names.
        found: u32,
    },
    /// Something that had been synced is not what was written.
    Damaged(Damaged),
    /// The file system said no.
    Io(IoFault),
}

/// Where a journal is damaged: nothing from here on can be trusted, and nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The segment file (the directory where no file is left).
    pub file: PathBuf,
    /// Bytes from its start to what is damaged.
    pub offset: u64,
    /// The first record that is lost by it.
    pub index: u64,
    /// What is wrong there.
    pub what: Damage,
}

/// What is wrong with a damaged journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file does not begin as a segment does.
    Header,
    /// The file's name is not that of a segment, or not of the one it holds.
    Name,
    /// It is a segment of another journal, or of another time.
    Chain,
    /// A record's frame or checksum is wrong.
    Record,
    /// Records up to this index (not included) are missing.
    Missing {
        /// The first index that is there again.
        until: u64,
    },
    /// The file is shorter than it was.
    Truncated,
    /// A journal has been here, and all of its segments are gone.
    NoSegments,
}

/// Why records were not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// A record or the whole group is longer than the journal takes. Nothing was recorded.
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
        /// The most it may have.
        limit: usize,
    },
    /// There is no space on the disk. Nothing was recorded, and once there is space again appending goes on.
    Full,
    /// A new segment could not be made. Nothing was recorded, and a later try may succeed.
    NoSegment(IoFault),
    /// A write or sync failed, now or earlier: whether these records are on disk is unknown, and nothing can be
    /// appended until the journal has been opened again.
    Unavailable(IoFault),
}

/// Why a record could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// There is no such record yet.
    Beyond {
        /// The index asked for.
        index: u64,
        /// The index that the next record will get.
        end: u64,
    },
    /// The record was dropped from the front of the journal.
    Retired {
        /// The index asked for.
        index: u64,
        /// The first index that is still there.
        first: u64,
    },
    /// What is on disk is not what was written.
    Damaged(Damaged),
    /// The file system said no.
    Io(IoFault),
}

/// A failed file operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IoFault {
    /// What was tried.
    pub doing: Doing,
    /// On which file or directory.
    pub path: PathBuf,
    /// What kind of error the system named.
    pub kind: io::ErrorKind,
    /// The system's own number for it.
    pub os: Option<i32>,
}

/// A file operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Making a file or directory.
    Create,
    /// Opening.
    Open,
    /// Listing a directory.
    List,
    /// Locking.
    Lock,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Syncing.
    Sync,
    /// Renaming.
    Rename,
    /// Removing.
    Remove,
}

impl IoFault {
    pub(super) fn new(doing: Doing, path: &Path, error: &io::Error) -> Self {
        Self { doing, path: path.to_owned(), kind: error.kind(), os: error.raw_os_error() }
    }

    /// Whether the disk, or this user's share of it, is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        is_full(self.kind)
    }
}

pub(super) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Turns a system's error into a fault that says what was being done to what.
pub(super) trait While<T> {
    fn or_fault(self, doing: Doing, path: &Path) -> Result<T, IoFault>;
}

impl<T> While<T> for io::Result<T> {
    fn or_fault(self, doing: Doing, path: &Path) -> Result<T, IoFault> {
        self.map_err(|error| IoFault::new(doing, path, &error))
    }
}

impl From<IoFault> for JournalError {
    fn from(fault: IoFault) -> Self {
        Self::Io(fault)
    }
}

impl From<Damaged> for JournalError {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged(damaged)
    }
}

impl From<IoFault> for ReadError {
    fn from(fault: IoFault) -> Self {
        Self::Io(fault)
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { dir } => write!(f, "the journal in `{}` is open elsewhere", dir.display()),
            Self::Exposed { path, mode } => {
                let path = path.display();
                write!(f, "`{path}` is open to other users (mode {mode:04o}); close it (chmod go= {path})")
            }
            Self::Version { file, found } => {
                write!(
                    f,
                    "`{}` has journal version {found}, which this program does not know",
                    file.display()
                )
            }
            Self::Damaged(damaged) => damaged.fmt(f),
            Self::Io(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, index, what } = self;
        write!(f, "the journal is damaged: `{}` at byte {offset}, record {index}: {what}", file.display())
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("this is not the header of a segment"),
            Self::Name => f.write_str("the file's name does not match the segment in it"),
            Self::Chain => f.write_str("the segment does not continue the one before it"),
            Self::Record => f.write_str("the record is not what was written"),
            Self::Missing { until } => write!(f, "the records before {until} are missing"),
            Self::Truncated => f.write_str("the file is shorter than it was"),
            Self::NoSegments => f.write_str("all segments are gone"),
        }
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, limit } => write!(f, "{bytes} bytes are more than the journal's {limit}"),
            Self::Full => f.write_str("the disk is full; nothing was recorded"),
            Self::NoSegment(fault) => write!(f, "no new segment; nothing was recorded: {fault}"),
            Self::Unavailable(fault) => write!(f, "the journal must be opened again: {fault}"),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beyond { index, end } => {
                write!(f, "there is no record {index}; the journal ends before {end}")
            }
            Self::Retired { index, first } => write!(f, "record {index} was dropped; the first is {first}"),
            Self::Damaged(damaged) => damaged.fmt(f),
            Self::Io(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for IoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.doing {
            Doing::Create => "making",
            Doing::Open => "opening",
            Doing::List => "listing",
            Doing::Lock => "locking",
            Doing::Read => "reading",
            Doing::Write => "writing",
            Doing::Sync => "syncing",
            Doing::Rename => "renaming",
            Doing::Remove => "removing",
        };
        write!(f, "{doing} `{}` failed: {}", self.path.display(), self.kind)?;
        self.os.map_or(Ok(()), |number| write!(f, " (error {number})"))
    }
}

impl std::error::Error for JournalError {}
impl std::error::Error for Damaged {}
impl std::error::Error for AppendError {}
impl std::error::Error for ReadError {}
impl std::error::Error for IoFault {}
