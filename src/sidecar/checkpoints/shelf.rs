//! Where checkpoints are kept: the last one, the last one that witnesses cosigned, and a history of them.

use super::CheckpointFault;
use crate::files;
use crate::journal::{AppendError, History, IoFault, Journal, JournalError, Options, ReadError, Verify};
use crate::tlog::{Checkpoint, SignedCheckpoint};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The last checkpoint, with the lines of witnesses that have cosigned it.
const LAST: &str = "checkpoint";
/// The last checkpoint that a witness has cosigned.
const COSIGNED: &str = "cosigned";
const HISTORY: &str = "history";
/// About how many checkpoints the history keeps: more than half a day of one each second.
const KEPT: u64 = 50_000;
const SEGMENTS: Options = Options {
    segment_bytes: 2 << 20,
    step_bytes: 64 << 10,
    history: History::Retiring,
    verify: Verify::Whole,
};

/// The checkpoints that are kept.
pub(super) struct Shelf {
    folder: PathBuf,
    path: PathBuf,
    cosigned_path: PathBuf,
    history: Journal,
    last: Option<SignedCheckpoint>,
    cosigned: Option<SignedCheckpoint>,
}

impl Shelf {
    pub(super) fn open(folder: &Path) -> Result<Self, CheckpointFault> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| io_fault(folder, &error))?;
        let (path, cosigned_path) = (folder.join(LAST), folder.join(COSIGNED));
        let history_path = folder.join(HISTORY);
        let (history, _) = Journal::open(&history_path, SEGMENTS)
            .map_err(|error: JournalError| history_fault(folder, &error.to_string()))?;
        let published = read(&path)?;
        let cosigned = read(&cosigned_path)?;
        // The history is written first, so it may be one ahead.
        let mut last = published;
        let newest = history.next_index().checked_sub(1).filter(|index| *index >= history.reader().first());
        if let Some(index) = newest {
            let read = history.reader().read(index);
            let bytes = read.map_err(|error: ReadError| history_fault(folder, &error.to_string()))?;
            let newest = parse(&history_path, &bytes)?;
            let size = |signed: &SignedCheckpoint| signed.checkpoint().size;
            if last.as_ref().is_none_or(|last| size(last) < size(&newest)) {
                last = Some(newest);
            }
        }
        Ok(Self { folder: folder.to_owned(), path, cosigned_path, history, last, cosigned })
    }

    /// The last checkpoint.
    pub(super) const fn last(&self) -> Option<&SignedCheckpoint> {
        self.last.as_ref()
    }

    /// The last checkpoint that a witness has cosigned.
    pub(super) const fn cosigned(&self) -> Option<&SignedCheckpoint> {
        self.cosigned.as_ref()
    }

    /// The last checkpoint's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What binds the record, and where it is kept.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&Path, &SignedCheckpoint)> {
        let last = self.last.as_ref().map(|last| (self.path.as_path(), last));
        let cosigned = self.cosigned.as_ref().map(|cosigned| (self.cosigned_path.as_path(), cosigned));
        last.into_iter().chain(cosigned)
    }

    /// What can be read of the history, oldest first.
    pub(super) fn history(&self) -> impl Iterator<Item = Checkpoint> {
        let reader = self.history.reader();
        let read = move |index| SignedCheckpoint::parse(&reader.read(index).ok()?).ok();
        (self.history.reader().first()..self.history.next_index())
            .filter_map(read)
            .map(|signed| signed.checkpoint().clone())
    }

    /// Keeps a checkpoint that is about to be handed out: first in the history, then as the last one.
    pub(super) fn keep(&mut self, signed: &SignedCheckpoint) -> Result<(), CheckpointFault> {
        let appended = self.history.append_group(&[signed.to_string()]);
        appended.map_err(|error: AppendError| history_fault(&self.folder, &error.to_string()))?;
        self.last = Some(signed.clone());
        self.retire()?;
        self.publish(signed)
    }

    /// Keeps a checkpoint that witnesses have cosigned; the last one gets their lines, if it is that.
    pub(super) fn keep_cosigned(&mut self, signed: &SignedCheckpoint) -> Result<(), CheckpointFault> {
        write(&self.cosigned_path, signed)?;
        self.cosigned = Some(signed.clone());
        let is_last = |last: &SignedCheckpoint| last.note().text() == signed.note().text();
        if self.last.as_ref().is_some_and(is_last) { self.keep(signed) } else { Ok(()) }
    }

    /// Puts the last checkpoint where others look for it, unless it is there.
    pub(super) fn publish(&self, signed: &SignedCheckpoint) -> Result<(), CheckpointFault> {
        let there = fs::read(&self.path).is_ok_and(|bytes| bytes == signed.to_string().as_bytes());
        if there { Ok(()) } else { write(&self.path, signed) }
    }

    fn retire(&mut self) -> Result<(), CheckpointFault> {
        let next = self.history.next_index();
        if !next.is_multiple_of(1024) {
            return Ok(());
        }
        let retired = self.history.retire_before(next.saturating_sub(KEPT));
        retired.map(drop).map_err(|error: IoFault| history_fault(&self.folder, &error.to_string()))
    }
}

fn read(path: &Path) -> Result<Option<SignedCheckpoint>, CheckpointFault> {
    match fs::read(path) {
        Ok(bytes) => parse(path, &bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_fault(path, &error)),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<SignedCheckpoint, CheckpointFault> {
    let unreadable = |error: crate::tlog::CheckpointError| CheckpointFault::Unreadable {
        path: path.to_owned(),
        what: error.to_string(),
    };
    SignedCheckpoint::parse(bytes).map_err(unreadable)
}

fn write(path: &Path, signed: &SignedCheckpoint) -> Result<(), CheckpointFault> {
    files::write_public(path, signed.to_string().as_bytes()).map_err(|error| io_fault(path, &error))
}

fn io_fault(path: &Path, error: &io::Error) -> CheckpointFault {
    CheckpointFault::Io { path: path.to_owned(), why: error.to_string() }
}

fn history_fault(folder: &Path, what: &str) -> CheckpointFault {
    CheckpointFault::History { path: folder.join(HISTORY), what: what.to_owned() }
}
