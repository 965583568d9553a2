//! The keeper: opens the views, judges whether they may be believed, and brings them to where the journal is.

use super::fold::{Draft, Entry, Expected};
use super::key::{Key, Value};
use super::shelf::{Hash, Shelf, Trouble, hash, is_full};
use super::tag::{self, Checksum, State, Tag};
use super::{Notice, Rebuilt, StoreOpenError, Tell};
use crate::audit::event::Record;
use crate::journal::{ReadError, Reader};
use crate::store::Index;
use crate::store::facts::Facts;
use std::collections::HashMap;
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
    /// Views of more bytes are checked while they are in use.
    pub(super) check_bytes: u64,
    pub(super) tell: Option<Tell>,
}

/// How far views can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Their files are those that were closed in order.
    AsTheyAre,
    /// A killed process left them open. sled finds most damage by itself, but not all.
    WhenChecked,
    /// There are so many that they are checked while they are in use.
    WhileChecked,
}

/// How the views were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// As they were, with all records before this one.
    At {
        /// That record.
        until: Index,
        /// They have still to be checked, with [`Shelf::check_some`].
        unchecked: bool,
    },
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
        let tag = Tag::read(&self.dir).map_err(|error| self.io(&error))?;
        if let Some(tag) = &tag {
            self.refuse_loss(tag.records)?;
        }
        let trust = match doubt {
            Some(doubt) => Err(doubt),
            None => self.trust(tag)?,
        };
        self.tag(self.reader.end(), State::Opening)?;
        let unchecked = trust == Ok(Trust::WhileChecked);
        let found = match trust {
            Ok(trust) => self.take_up(end, trust)?,
            Err(why) => Err(why),
        };
        let (shelf, found) = match found {
            Ok((shelf, until)) => (shelf, Found::At { until, unchecked }),
            Err(why) => (self.rebuild(end, &why)?, Found::Rebuilt(why)),
        };
        self.tag(self.reader.end(), tag::boot().map_or(State::Opening, State::Open))?;
        Ok((shelf, found))
    }

    /// Records that were known once, and are not in the journal any more, were lost.
    fn refuse_loss(&self, known: Index) -> Result<(), StoreOpenError> {
        let journal = self.reader.end();
        if known <= journal {
            Ok(())
        } else {
            Err(StoreOpenError::Lost { dir: self.dir.clone(), known, journal })
        }
    }

    /// How far the views can be believed, before sled has seen them; the inner error says why not at all.
    fn trust(&self, tag: Option<Tag>) -> Result<Result<Trust, Rebuilt>, StoreOpenError> {
        match std::fs::symlink_metadata(self.views()) {
            Ok(there) if there.is_dir() => {}
            Ok(_) => return Ok(Err(Rebuilt::Damaged("not a directory".to_owned()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(Rebuilt::Missing)),
            Err(error) => return Err(self.io(&error)),
        }
        Ok(match tag.map(|tag| tag.state) {
            Some(State::Clean(then)) => match Checksum::of(&self.views()) {
                Ok(now) if now == then => Ok(Trust::AsTheyAre),
                Ok(_) => Err(Rebuilt::Damaged("the files are not as they were left".to_owned())),
                Err(error) => Err(Rebuilt::Damaged(error.to_string())),
            },
            Some(State::Synced) => Ok(Trust::WhileChecked),
            Some(State::Open(boot)) if Some(&boot) == tag::boot().as_ref() => {
                match tag::size(&self.views()) {
                    Ok(bytes) if bytes <= self.check_bytes => Ok(Trust::WhenChecked),
                    Ok(_) => Ok(Trust::WhileChecked),
                    Err(error) => Err(Rebuilt::Damaged(error.to_string())),
                }
            }
            Some(State::Open(_)) => Err(Rebuilt::Restarted),
            Some(State::Opening) | None => Err(Rebuilt::Unfinished),
        })
    }

    /// Opens the views as they are and adds what is missing. The inner error says why they must be rebuilt instead.
    fn take_up(&self, end: Index, trust: Trust) -> Result<Result<(Shelf, Index), Rebuilt>, StoreOpenError> {
        let checked = Shelf::open(&self.views(), self.cache_bytes).and_then(|shelf| match trust {
            Trust::AsTheyAre | Trust::WhileChecked => Ok(shelf),
            Trust::WhenChecked => shelf.check().map(|()| shelf),
        });
        let shelf = match checked {
            Ok(shelf) => shelf,
            Err(trouble) => return self.rebuildable(trouble).map(Err),
        };
        let Some(mark) = shelf.mark() else { return Ok(Err(Rebuilt::Format)) };
        // An empty journal has no first record to compare.
        let foreign = mark.until > 0 && self.reader.end() > 0 && self.hash_of(0)? != Some(mark.first);
        if foreign {
            return Ok(Err(Rebuilt::Foreign));
        }
        if let Err(lost) = self.refuse_loss(mark.until) {
            // It must be said again the next time, and until somebody accepts it.
            self.tag(mark.until, State::Opening)?;
            return Err(lost);
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
            // What the system says of files that can't be opened is damage, too, unless new ones fare no better.
            Trouble::Damaged(what) | Trouble::Io(what) => Ok(Rebuilt::Damaged(what)),
            Trouble::Full | Trouble::Locked => Err(self.trouble(trouble)),
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
        let (dir, kind) = (self.dir.clone(), error.kind());
        if is_full(kind) { StoreOpenError::Full { dir } } else { StoreOpenError::Io { dir, kind } }
    }

    fn tag(&self, records: Index, state: State) -> Result<(), StoreOpenError> {
        Tag { records, state }.write(&self.dir).map_err(|error| self.io(&error))
    }

    /// Notes that the views were closed in order.
    pub(super) fn note_clean(&self) -> Result<(), StoreOpenError> {
        let bytes = tag::size(&self.views()).map_err(|error| self.io(&error))?;
        let state = if bytes <= self.check_bytes {
            State::Clean(Checksum::of(&self.views()).map_err(|error| self.io(&error))?)
        } else {
            State::Synced
        };
        self.tag(self.reader.end(), state)
    }

    /// Throws the views away and makes them anew.
    fn rebuild(&self, end: Index, why: &Rebuilt) -> Result<Shelf, StoreOpenError> {
        let removed = match std::fs::symlink_metadata(self.views()) {
            Ok(there) if there.is_dir() => std::fs::remove_dir_all(self.views()),
            Ok(_) => std::fs::remove_file(self.views()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|error| self.io(&error))?;
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

    /// The hashes of the first record, and of the one before `until`.
    pub(super) fn ends(&self, until: Index) -> Result<(Hash, Hash), StoreOpenError> {
        let Some(last) = until.checked_sub(1) else { return Ok(Default::default()) };
        Ok((self.hash_of(0)?.unwrap_or_default(), self.hash_of(last)?.unwrap_or_default()))
    }

    fn hash_of(&self, index: Index) -> Result<Option<Hash>, StoreOpenError> {
        match self.reader.read(index) {
            Ok(bytes) => Ok(Some(hash(&[&bytes]))),
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
                    let batch: Folded = records.by_ref().take(BATCH).map(facts_of).collect();
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
            let mut newest: HashMap<Key, Option<Value>> = HashMap::new();
            let mut entries = Vec::new();
            for (index, facts) in &batch {
                let before = |key: &Key, expected: Expected| match newest.get(key) {
                    Some(value) => Ok(*value),
                    // Only new ids are looked up so, and the journal holds each of them once.
                    None if expected == Expected::New => Ok(None),
                    None => shelf.get(key),
                };
                let mut draft = Draft::on(&before);
                draft.fold(*index, facts).map_err(CatchUp::Views)?;
                let added = draft.into_entries();
                newest.extend(added.iter().map(|entry| (entry.key, entry.after)));
                entries.extend(added);
            }
            let ends = self.ends(until).map_err(CatchUp::Journal)?;
            // sled takes neighbours together more quickly. The order of entries with the same key stays.
            entries.sort_by_key(|entry: &Entry| entry.key);
            shelf.apply(&entries, until, ends).map_err(CatchUp::Views)?;
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
