//! The keeper: opens the views, judges whether they may be believed, and brings them to where the journal is.

use super::fold::{Draft, Entry, Expected};
use super::key::{Key, Value};
use super::shelf::{Mark, Shelf, Trouble};
use super::tag::{self, Tag};
use super::{Notice, Rebuilt, StoreOpenError, Tell};
use crate::audit::event::Record;
use crate::journal::{ReadError, Reader};
use crate::store::Index;
use crate::store::facts::Facts;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};

/// How many records are read and folded at once.
const BATCH: usize = 4096;

/// Knows where the views are and how they are made.
pub(super) struct Keeper {
    /// The store's directory.
    pub(super) dir: PathBuf,
    pub(super) reader: Reader,
    pub(super) cache_bytes: u64,
    pub(super) tell: Option<Tell>,
}

/// How the views were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// As they were, with all records before this one.
    At(Index),
    /// They had to be made anew.
    Rebuilt(Rebuilt),
}

type Folded = Result<Vec<(Index, Facts)>, StoreOpenError>;

impl Keeper {
    pub(super) fn views(&self) -> PathBuf {
        self.dir.join("views")
    }

    /// Opens the views and brings them up to `end`, rebuilding them where they can't be believed.
    pub(super) fn open(&self, end: Index, doubt: Option<Rebuilt>) -> Result<(Shelf, Found), StoreOpenError> {
        let doubt = match doubt {
            Some(doubt) => Some(doubt),
            None => self.doubt()?,
        };
        self.tag(&Tag::Opening)?;
        let found = match doubt {
            Some(why) => Err(why),
            None => self.take_up(end)?,
        };
        let (shelf, found) = match found {
            Ok((shelf, from)) => (shelf, Found::At(from)),
            Err(why) => (self.rebuild(end, &why)?, Found::Rebuilt(why)),
        };
        self.tag(&tag::boot().map_or(Tag::Opening, Tag::Open))?;
        Ok((shelf, found))
    }

    /// Why the views can't be believed, before sled has seen them.
    fn doubt(&self) -> Result<Option<Rebuilt>, StoreOpenError> {
        let there = match std::fs::symlink_metadata(self.views()) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(self.io(&error)),
        };
        let tag = Tag::read(&self.dir).map_err(|error| self.io(&error))?;
        Ok(match tag {
            _ if !there => Some(Rebuilt::Missing),
            Some(Tag::Clean) => None,
            Some(Tag::Open(boot)) if Some(&boot) == tag::boot().as_ref() => None,
            Some(Tag::Open(_)) => Some(Rebuilt::Restarted),
            Some(Tag::Opening) | None => Some(Rebuilt::Unfinished),
        })
    }

    /// Opens the views as they are and adds what is missing. The inner error says why they must be rebuilt instead.
    fn take_up(&self, end: Index) -> Result<Result<(Shelf, Index), Rebuilt>, StoreOpenError> {
        let opened = Shelf::open(&self.views(), self.cache_bytes).and_then(|shelf| {
            let mark = shelf.mark()?;
            Ok((shelf, mark))
        });
        let (shelf, mark) = match opened {
            Ok((shelf, Some(mark))) => (shelf, mark),
            Ok((_, None)) => return Ok(Err(Rebuilt::Format)),
            Err(trouble) => return self.rebuildable(trouble).map(Err),
        };
        if mark.until > 0 && self.hash_of(0)? != Some(mark.first) {
            // An empty journal has no first record to compare: it must have lost them all.
            if self.reader.end() > 0 {
                return Ok(Err(Rebuilt::Foreign));
            }
        }
        let journal = self.reader.end();
        if mark.until > journal {
            return Err(StoreOpenError::Lost { dir: self.dir.clone(), views: mark.until, journal });
        }
        if mark.until > 0 && self.hash_of(mark.until - 1)? != Some(mark.last) {
            return Ok(Err(Rebuilt::Foreign));
        }
        match self.catch_up(&shelf, mark.until, end, &mut |_| {}) {
            Ok(()) => Ok(Ok((shelf, mark.until))),
            Err(CatchUp::Views(trouble)) => self.rebuildable(trouble).map(Err),
            Err(CatchUp::Journal(error)) => Err(error),
        }
    }

    fn rebuildable(&self, trouble: Trouble) -> Result<Rebuilt, StoreOpenError> {
        match trouble {
            Trouble::Damaged(what) => Ok(Rebuilt::Damaged(what)),
            Trouble::Full | Trouble::Locked | Trouble::Io(_) => Err(self.trouble(trouble)),
        }
    }

    fn trouble(&self, trouble: Trouble) -> StoreOpenError {
        match trouble {
            Trouble::Full => StoreOpenError::Full { dir: self.dir.clone() },
            Trouble::Locked => StoreOpenError::Locked { dir: self.dir.clone() },
            Trouble::Io(what) | Trouble::Damaged(what) => StoreOpenError::Views { dir: self.views(), what },
        }
    }

    fn io(&self, error: &io::Error) -> StoreOpenError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreOpenError::Full { dir: self.dir.clone() }
            }
            kind => StoreOpenError::Io { dir: self.dir.clone(), kind },
        }
    }

    fn tag(&self, tag: &Tag) -> Result<(), StoreOpenError> {
        tag.write(&self.dir).map_err(|error| self.io(&error))
    }

    /// Notes that the views were closed in order.
    pub(super) fn note_clean(&self) -> Result<(), StoreOpenError> {
        self.tag(&Tag::Clean)
    }

    /// Throws the views away and makes them anew.
    fn rebuild(&self, end: Index, why: &Rebuilt) -> Result<Shelf, StoreOpenError> {
        match std::fs::remove_dir_all(self.views()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.io(&error)),
            Ok(()) | Err(_) => {}
        }
        let shelf = Shelf::open(&self.views(), self.cache_bytes).map_err(|trouble| self.trouble(trouble))?;
        let mut progress = |done| {
            if let Some(tell) = &self.tell {
                tell(&Notice::Rebuilding { why: why.clone(), done, of: end });
            }
        };
        progress(0);
        match self.catch_up(&shelf, 0, end, &mut progress) {
            Ok(()) => Ok(shelf),
            Err(CatchUp::Views(trouble)) => Err(self.trouble(trouble)),
            Err(CatchUp::Journal(error)) => Err(error),
        }
    }

    /// The mark of views that have all records before `until`.
    pub(super) fn mark(&self, until: Index) -> Result<Mark, StoreOpenError> {
        let none = [0; 16];
        let Some(last) = until.checked_sub(1) else { return Ok(Mark { until, first: none, last: none }) };
        let first = self.hash_of(0)?.unwrap_or(none);
        Ok(Mark { until, first, last: self.hash_of(last)?.unwrap_or(none) })
    }

    fn hash_of(&self, index: Index) -> Result<Option<[u8; 16]>, StoreOpenError> {
        match self.reader.read(index) {
            Ok(bytes) => Ok(Some(Mark::hash(&bytes))),
            Err(ReadError::Beyond { .. } | ReadError::Retired { .. }) => Ok(None),
            Err(error @ (ReadError::Damaged(_) | ReadError::Io(_))) => Err(StoreOpenError::Read(error)),
        }
    }

    /// Folds the records from `from` to `end` into views that have all before. One thread reads ahead of the other.
    fn catch_up(
        &self,
        shelf: &Shelf,
        from: Index,
        end: Index,
        progress: &mut dyn FnMut(Index),
    ) -> Result<(), CatchUp> {
        if from >= end {
            return Ok(());
        }
        let (sender, receiver) = sync_channel(2);
        let reader = self.reader.clone();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut records =
                    reader.iter_from(from).take_while(|read| read.as_ref().map_or(true, |r| r.0 < end));
                loop {
                    let batch: Folded = records.by_ref().take(BATCH).map(|read| facts_of(read)).collect();
                    let last = !matches!(&batch, Ok(batch) if !batch.is_empty());
                    // Where nobody receives any more, the views had trouble.
                    if sender.send(batch).is_err() || last {
                        return;
                    }
                }
            });
            self.fold(shelf, &receiver, progress)
        })
    }

    fn fold(
        &self,
        shelf: &Shelf,
        batches: &Receiver<Folded>,
        progress: &mut dyn FnMut(Index),
    ) -> Result<(), CatchUp> {
        while let Ok(batch) = batches.recv() {
            let batch = batch.map_err(CatchUp::Journal)?;
            let Some((last, _)) = batch.last() else { return Ok(()) };
            let until = last + 1;
            let mut folded: BTreeMap<Key, Option<Value>> = BTreeMap::new();
            for (index, facts) in &batch {
                let before = |key: &Key, _: Expected| match folded.get(key) {
                    Some(value) => Ok(*value),
                    None => shelf.get(key),
                };
                let mut draft = Draft::on(&before);
                draft.fold(*index, facts).map_err(CatchUp::Views)?;
                folded.extend(draft.into_entries());
            }
            let entries: Vec<Entry> = folded.into_iter().collect();
            let mark = self.mark(until).map_err(CatchUp::Journal)?;
            shelf.apply(&entries, &mark).map_err(CatchUp::Views)?;
            progress(until);
        }
        Ok(())
    }
}

enum CatchUp {
    Views(Trouble),
    Journal(StoreOpenError),
}

fn facts_of(read: Result<(Index, Vec<u8>), ReadError>) -> Result<(Index, Facts), StoreOpenError> {
    let (index, bytes) = read.map_err(StoreOpenError::Read)?;
    let record = Record::from_bytes(&bytes).map_err(|error| StoreOpenError::Unreadable { index, error })?;
    Ok((index, Facts::of(&record)))
}
