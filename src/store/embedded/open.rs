//! Opening: the journal, then the views, the tree and the values beside it, held against each other before anything is served.

use super::drain::Drainer;
use super::error::{Notice, Rebuilt, StoreOpenError};
use super::keeper::{Found, Keeper};
use super::ledger::Ledger;
use super::tree::Tree;
use super::values::Values;
use super::verifier::Verifier;
use super::views::Views;
use super::{EmbeddedStore, PIECES, RECORDS, Running, look};
use crate::audit::event::{Event, Record};
use crate::digest::ValueDigest;
use crate::journal::{self, CommitOptions, Cut, Deliver, Disk, GroupCommit, Journal, JournalError, RealDisk};
use crate::store::watch::Watchers;
use crate::store::{Index, StoreError};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Told what happens to the views, to be logged. It must not block.
pub type Tell = Arc<dyn Fn(&Notice) + Send + Sync>;

/// Looks at the records of a change while it is prepared, and says what to do once they are durable. What it gives back
/// is called in the record's order, by the thread that writes it, before whoever asked is told: it must not block.
pub type Observe = Arc<dyn Fn(&[Record]) -> Box<dyn FnOnce() + Send> + Send + Sync>;

/// Told how each group of records fared; see [`journal::Written`]. It must not block.
pub type TellWritten = Arc<dyn Fn(&journal::Written<'_>) + Send + Sync>;

/// How a store is opened.
#[derive(Clone, Default)]
pub struct Options {
    /// How the journal is laid out.
    pub journal: journal::Options,
    /// How much memory sled may use for what it has read; 32 MiB if not said.
    pub cache_bytes: Option<u64>,
    /// Views of at most so many bytes are checked before they are used; 64 MiB if not said. Larger ones are checked while
    /// they are in use.
    pub check_bytes: Option<u64>,
    /// Go without the log's tree, whose head and hashes are refused then: for measuring what it costs.
    pub without_tree: bool,
    /// Told what happens to the views.
    pub tell: Option<Tell>,
    /// Follows what is recorded.
    pub observe: Option<Observe>,
    /// Told how each group of records fared.
    pub written: Option<TellWritten>,
}

/// What opening a store found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How many records there are.
    pub records: Index,
    /// The torn group at the end of the journal that was cut away: nobody had been told of it.
    pub cut: Option<Cut>,
    /// How many records the views had; all the later ones were added.
    pub views: Index,
    /// Why the views were made anew, if they were.
    pub rebuilt: Option<Rebuilt>,
    /// How many records the tree is known to have had; these were compared with what was hashed then, as far as they
    /// were read.
    pub hashed: Index,
    /// How many records were not read: they are verified while the store is in use.
    pub unread: Index,
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store has {} records", self.records)?;
        if let Some(cut) = &self.cut {
            write!(f, "; a torn write at the end of `{}` was cut away", cut.file.display())?;
        }
        if self.unread > 0 {
            write!(f, "; {} of them are verified while it is in use", self.unread)?;
        }
        match &self.rebuilt {
            Some(why) if self.records > 0 => write!(f, "; its views were rebuilt: {why}"),
            Some(_) | None => Ok(()),
        }
    }
}

/// How many of the latest records can have been on their way when a process ended, and more.
const LATEST: Index = 65_536;

/// Opens the store in `dir` with its journal on this disk.
pub(super) fn open_on(
    disk: Arc<dyn Disk>,
    dir: &Path,
    options: Options,
) -> Result<(EmbeddedStore, Opened), StoreOpenError> {
    let dir_error = |error: std::io::Error| StoreOpenError::Io { dir: dir.to_owned(), kind: error.kind() };
    RealDisk.create_dir(dir).map_err(dir_error)?;
    let (journal, found) = match Journal::open_on(disk, &dir.join(RECORDS), options.journal) {
        Ok(opened) => opened,
        Err(JournalError::Locked { .. }) => return Err(StoreOpenError::Locked { dir: dir.to_owned() }),
        Err(error) => return Err(error.into()),
    };
    let (reader, end) = (journal.reader(), journal.next_index());
    let cache_bytes = options.cache_bytes.unwrap_or(32 << 20);
    let keeper = Keeper {
        dir: dir.to_owned(),
        reader: reader.clone(),
        cache_bytes,
        check_bytes: options.check_bytes.unwrap_or(64 << 20),
        tell: options.tell.clone(),
    };
    let (shelf, views_found) = keeper.open(end, None)?;
    let (had, unchecked, rebuilt) = match views_found {
        Found::At { until, unchecked } => (until, unchecked, None),
        Found::Rebuilt(why) => (0, false, Some(why)),
    };

    let (tree, hashed) = match options.without_tree {
        true => (Tree::without(dir), 0),
        false => Tree::open(dir, &reader, end, found.unread.is_empty())?,
    };
    let tree = Arc::new(tree);
    let values = Values::of(dir);
    values.sweep(|| named(&reader, end)).map_err(StoreOpenError::Values)?;
    values.finish(|from| erased(&reader, from)).map_err(StoreOpenError::Values)?;
    let views = Arc::new(Views::new(shelf, end));
    let watchers = Arc::new(Watchers::default());
    let drainer =
        Drainer { views: Arc::clone(&views), keeper, tree: Arc::clone(&tree), behind: Cell::new(false) };
    let drainer = std::thread::Builder::new().name("views".to_owned()).spawn(move || drainer.run());
    let drainer = drainer.map_err(dir_error)?;
    let ledger = Ledger::new(Arc::clone(&views), Arc::clone(&watchers), Arc::clone(&tree));
    let deliver = Handle::try_current().ok().map(deliver_on);
    let watch =
        options.written.map(|tell| Box::new(move |written: &journal::Written<'_>| tell(written)) as _);
    let commit = CommitOptions { queue: PIECES, deliver, watch, ..CommitOptions::default() };
    let group = GroupCommit::start(journal, ledger, commit).map_err(|error| {
        views.close();
        dir_error(error)
    })?;
    let verifier = Verifier {
        reader: reader.clone(),
        tree: Arc::clone(&tree),
        views: Arc::clone(&views),
        tell: options.tell,
    };
    let verifier = verify(verifier, unchecked, found.unread.clone()).map_err(dir_error)?;
    let opened = Opened {
        records: end,
        cut: found.cut,
        views: had,
        rebuilt,
        hashed,
        unread: found.unread.end - found.unread.start,
    };
    let store = EmbeddedStore {
        reader,
        views,
        tree,
        watchers,
        values,
        committer: group.committer(),
        room: Arc::new(Semaphore::new(PIECES)),
        observe: options.observe,
        running: Mutex::new(Some(Running { group, drainer, verifier })),
    };
    Ok((store, opened))
}

/// Starts the thread that reads what opening did not, where there is something.
fn verify(
    verifier: Verifier,
    unchecked: bool,
    unread: Range<Index>,
) -> std::io::Result<Option<JoinHandle<()>>> {
    if unread.is_empty() && !unchecked {
        return Ok(None);
    }
    let thread = std::thread::Builder::new().name("verifier".to_owned());
    thread.spawn(move || verifier.run(unchecked, unread)).map(Some)
}

/// The values that the latest records name. One whose file is not settled was on its way when the process ended, so
/// its record is among as many as can be on their way at a time.
fn named(reader: &journal::Reader, end: Index) -> Result<BTreeSet<ValueDigest>, StoreError> {
    let from = end.saturating_sub(LATEST);
    let mut named = BTreeSet::new();
    for read in reader.iter_from(from) {
        let (index, bytes) = read.map_err(look::unreadable)?;
        let record = Record::from_bytes(&bytes);
        let record = record.map_err(|error| StoreError::Damaged(format!("record {index}: {error}")))?;
        named.extend(record.apart.values().map(|apart| apart.value));
    }
    Ok(named)
}

/// The values that the records from a place on say are erased.
fn erased(reader: &journal::Reader, from: Index) -> Result<BTreeSet<ValueDigest>, StoreError> {
    let mut erased = BTreeSet::new();
    for read in reader.iter_from(from) {
        let (index, bytes) = read.map_err(look::unreadable)?;
        let record = Record::from_bytes(&bytes);
        let record = record.map_err(|error| StoreError::Damaged(format!("record {index}: {error}")))?;
        if let Event::Erased { value, .. } = record.event {
            erased.insert(value);
        }
    }
    Ok(erased)
}

/// Wakes all whose changes were recorded together with one task: waking each from outside of the runtime costs more.
fn deliver_on(runtime: Handle) -> Deliver {
    Box::new(move |answers| {
        if answers.len() == 1 {
            answers.into_iter().for_each(|answer| answer());
        } else {
            runtime.spawn(async move { answers.into_iter().for_each(|answer| answer()) });
        }
    })
}
