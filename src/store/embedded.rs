//! The embedded store: a journal, which is the truth, and views of it in sled, which are thrown away when in doubt.
//!
//! **Writing.** One thread judges each change against everything before it, appends what it admits to the journal in
//! groups with one sync each, adds it to the views and the log's tree in memory, and only then has the submitters
//! told. Another thread writes the views to sled and the tree's hashes to files behind it; until it has, and a little
//! longer, they are read from memory.
//!
//! **Opening.** The views are brought to where the journal is. They are made anew from it wherever they could be
//! wrong: missing, damaged, of another journal or version, or left open when the power was cut, because sled doesn't
//! sync its files. Large ones are checked while they are in use. Only one thing is refused: a journal with fewer
//! records than it is known to have had, or with another than was hashed. Then something that had been acknowledged
//! was lost.
//!
//! **While it runs.** Should sled find its files damaged or the disk full, it is opened again, and the views rebuilt
//! if need be; what needs them is refused until then. Nothing recorded depends on it.
//!
//! ```no_run
//! use std::path::Path;
//! use countersign::audit::event::Event;
//! use countersign::moment::Moment;
//! use countersign::store::embedded::{EmbeddedStore, Options};
//! use countersign::store::{Change, Store};
//!
//! # async fn example(now: Moment) -> Result<(), Box<dyn std::error::Error>> {
//! let (store, opened) = EmbeddedStore::open(Path::new("/var/lib/countersign"), Options::default())?;
//! println!("{} records", opened.records);
//! let places = store.commit(Change::of(now, [Event::Stopped {}])).await?; // durable from here on
//! assert_eq!(store.record(places.start)?.event, Event::Stopped {});
//! store.close()?;
//! # Ok(())
//! # }
//! ```

mod drain;
mod error;
mod find;
mod fold;
mod keeper;
mod key;
mod ledger;
mod look;
mod open;
mod overlay;
mod shelf;
mod tag;
mod tree;
mod values;
mod verifier;
mod views;

pub use error::{Notice, Rebuilt, StoreOpenError};
pub use look::Look;
pub use open::{Observe, Opened, Options, Tell, TellWritten};

use super::facts::{AgentKey, Facts, HabitKey, HolderKey, LogKey};
use super::watch::Watchers;
use super::{
    Basis, Change, Committing, Course, Document, Habit, Head, Index, Invitation, Page, Store, StoreError,
};
use crate::audit::apart::{self, Kept, SALT, Split};
use crate::audit::event::{Record, RecordError, RequestKey};
use crate::audit::filter::Filter;
use crate::digest::{InvitationDigest, ValueDigest};
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::journal::{self, CommitError, Committer, Disk, GroupCommit, RealDisk};
use crate::moment::Moment;
use crate::operation::json::{Fault, ReadError as ReadFault};
use crate::party::{AgentId, EscalationId, KeyHolder, LogOrigin, TxnId};
use crate::tlog::Hash;
use ledger::{Ledger, Ready, Submission};
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, broadcast, oneshot, watch};
use tree::Tree;
use values::Values;
use views::Views;

/// How much may wait to be written: so many pieces of [`PIECE`] bytes. A change takes one at least.
const PIECES: usize = 4096;
const PIECE: usize = 16 << 10;
/// The folder of the journal within a store's.
pub const RECORDS: &str = "journal";
/// Anomalies are counted up to here.
const MOST_ANOMALIES: usize = 1000;

/// A store on this machine's disk, for one process.
pub struct EmbeddedStore {
    reader: journal::Reader,
    views: Arc<Views>,
    tree: Arc<Tree>,
    watchers: Arc<Watchers>,
    values: Values,
    committer: Committer<Ledger>,
    room: Arc<Semaphore>,
    observe: Option<Observe>,
    running: Mutex<Option<Running>>,
}

/// The threads of an open store.
struct Running {
    group: GroupCommit<Ledger>,
    drainer: JoinHandle<Result<(), StoreError>>,
    verifier: Option<JoinHandle<()>>,
}

impl EmbeddedStore {
    /// Opens the store in `dir`, or begins one where there is none. The directory is made if it is missing; its
    /// parent must be there. Called within a tokio runtime, that runtime wakes those whose changes were recorded.
    ///
    /// # Errors
    /// Where it is open elsewhere, damaged, or the file system says no.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Opened), StoreOpenError> {
        Self::open_on(Arc::new(RealDisk), dir, options)
    }

    /// Opens the store in `dir` with its journal on another disk.
    ///
    /// # Errors
    /// Where it is open elsewhere, damaged, or the disk says no.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: Options,
    ) -> Result<(Self, Opened), StoreOpenError> {
        open::open_on(disk, dir, options)
    }

    /// Records what is waiting, writes the views out, and ends. Later changes are refused; closing again does
    /// nothing. It blocks until everything is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the store had failed before, or the views could not be written out: what was
    /// acknowledged is there all the same.
    pub fn close(&self) -> Result<(), StoreError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Running { group, drainer, verifier }) = running.take() else { return Ok(()) };
        self.room.close();
        let ended = group.close();
        self.views.close();
        let drained = drainer.join().unwrap_or_else(|_| Err(unavailable("the views' thread panicked")));
        // What it would have verified is verified after the next opening.
        drop(verifier.map(JoinHandle::join));
        // The journal, and with it the lock, goes last.
        match ended {
            Ok(_ledger_and_journal) => drained,
            Err(why) => Err(unavailable(why)),
        }
    }

    /// Puts the records into their canonical form and looks for its new ids, in the thread that submits it.
    fn prepare(&self, change: &Change) -> Result<(Submission, Vec<Kept>), StoreError> {
        let seen = self.views.end();
        let mut records = Vec::with_capacity(change.records.len());
        let mut kept = Vec::new();
        for record in &change.records {
            let facts = Facts::of(record);
            if let Some(decided) = facts.decided {
                let answered = decided.request.map(|request| self.answered(request)).transpose()?.flatten();
                if let Some(index) = answered.or(self.decided(decided.txn)?) {
                    return Err(StoreError::Answered(index));
                }
            }
            let Split { leaf: bytes, kept: apart } = apart::split(record, &mut salt).map_err(unrecordable)?;
            kept.extend(apart);
            records.push(Ready { leaf: self.tree.leaf(&bytes), bytes, facts });
        }
        let observed = self.observe.as_ref().map(|observe| observe(&change.records));
        let (read, follows, rests) = (change.read.clone(), change.follows.clone(), change.rests.clone());
        Ok((Submission { records, read, follows, rests, seen, observed }, kept))
    }

    /// A value that stands apart from the log, with the salt before it; nothing where it is erased.
    ///
    /// # Errors
    /// [`StoreError`] if it can't be read, or is not as it was written.
    pub fn value(&self, value: &ValueDigest) -> Result<Option<Vec<u8>>, StoreError> {
        self.values.read(value)
    }

    /// Why nothing can be recorded any more until the store is opened again, if that is so.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.committer.stopped().map(|why| why.to_string())
    }

    /// Why nothing more is recorded, once the journal is found not to be what it was. Whoever waits for it should end
    /// the service then.
    #[must_use]
    pub fn unsound(&self) -> watch::Receiver<Option<StoreError>> {
        self.tree.unsound()
    }

    fn unreadable(&self) -> StoreError {
        let trouble = fold::nonsense();
        let error = StoreError::Unavailable(trouble.to_string());
        self.views.report(trouble);
        error
    }

    fn place(&self, key: &key::Key) -> Result<Option<Index>, StoreError> {
        let found = self.views.get(key)?;
        found.map(|value| key::read_place(&value).ok_or_else(|| self.unreadable())).transpose()
    }

    fn indices(&self, span: key::Span, latest_first: bool, limit: usize) -> Result<Vec<Index>, StoreError> {
        let entries = self.views.range(span, latest_first, limit)?;
        Ok(entries.iter().filter_map(|(key, _)| key::index_in(key)).collect())
    }

    fn escalations(
        &self,
        span: key::Span,
        latest_first: bool,
        limit: usize,
    ) -> Result<Vec<EscalationId>, StoreError> {
        let entries = self.views.range(span, latest_first, limit)?;
        let ids = entries.iter().map(|(_, value)| key::read_escalation(value)).collect::<Option<_>>();
        ids.ok_or_else(|| self.unreadable())
    }
}

impl Store for EmbeddedStore {
    fn commit(&self, change: Change) -> Committing {
        let (submission, kept) = match self.prepare(&change) {
            Ok(prepared) => prepared,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let (committer, room) = (self.committer.clone(), Arc::clone(&self.room));
        let values = self.values.clone();
        Box::pin(async move {
            let apart: Vec<ValueDigest> = kept.iter().map(|one| one.value).collect();
            if !kept.is_empty() {
                // On the disk before the record that names them. It waits for it, so not where others are served.
                let write = {
                    let values = values.clone();
                    move || values.keep(&kept)
                };
                match Handle::try_current() {
                    Ok(runtime) => runtime.spawn_blocking(write).await.map_err(unavailable)??,
                    Err(_) => write()?,
                }
            }
            let bytes: usize = submission.records.iter().map(|record| record.bytes.len()).sum();
            let pieces = u32::try_from((bytes / PIECE + 1).min(PIECES)).unwrap_or(u32::MAX);
            let place = room.acquire_many_owned(pieces).await.map_err(|_| unavailable("it is closed"))?;
            let (tell, told) = oneshot::channel();
            committer.submit(submission, move |answer| {
                drop(place);
                // Whoever asked may be gone; it is recorded all the same.
                let _ = tell.send(answer);
            });
            let places = told.await.map_err(|_| unavailable("the writer is gone"))?.map_err(refusal)?;
            values.settle(&apart);
            Ok(places)
        })
    }

    fn len(&self) -> Index {
        self.views.end()
    }

    fn record(&self, index: Index) -> Result<Record, StoreError> {
        let bytes = self.leaf(index)?;
        let unreadable = |error| StoreError::Damaged(format!("record {index}: {error}"));
        let record = Record::from_bytes(&bytes).map_err(unreadable)?;
        let mut trouble = None;
        let joined = apart::join(record, &mut |apart| {
            self.values.read(&apart.value).map_err(|error| {
                trouble = Some(error);
                RecordError::TooLong
            })
        });
        joined.map_err(|error| trouble.unwrap_or_else(|| unreadable(error)))
    }

    fn leaf(&self, index: Index) -> Result<Vec<u8>, StoreError> {
        self.reader.read(index).map_err(look::unreadable)
    }

    fn head(&self) -> Result<Head, StoreError> {
        self.tree.sound()?;
        self.tree.head()
    }

    fn hashes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        self.tree.hashes(level, range)?.ok_or_else(|| {
            self.views.report_tree();
            unavailable("the files of the log's tree are being made anew")
        })
    }

    fn answered(&self, request: RequestKey) -> Result<Option<Index>, StoreError> {
        self.place(&key::request(request))
    }

    fn decided(&self, txn: TxnId) -> Result<Option<Index>, StoreError> {
        let Some(value) = self.views.get(&key::decision(txn))? else { return Ok(None) };
        Ok(key::Txn::read(&value).ok_or_else(|| self.unreadable())?.decided)
    }

    fn chain(&self, txn: TxnId) -> Result<Vec<Index>, StoreError> {
        find::chain(self, txn)
    }

    fn find(&self, filter: &Filter, before: Option<Index>, limit: usize) -> Result<Page, StoreError> {
        find::find(self, filter, before, limit)
    }

    fn keeps(&self, value: ValueDigest) -> Result<bool, StoreError> {
        self.values.has(&value)
    }

    fn will_erase(&self, value: ValueDigest) -> Result<(), StoreError> {
        self.values.will_erase(&value, self.len())
    }

    fn erase(&self, value: ValueDigest) -> Result<(), StoreError> {
        self.values.erase(&value)
    }

    fn minted(&self, txn: TxnId) -> Result<Option<Index>, StoreError> {
        let Some(value) = self.views.get(&key::decision(txn))? else { return Ok(None) };
        Ok(key::Txn::read(&value).ok_or_else(|| self.unreadable())?.minted)
    }

    fn receipts(&self, txn: TxnId) -> Result<Vec<Index>, StoreError> {
        let found = self.views.range(key::receipts(txn), false, usize::MAX)?;
        let places = found.iter().map(|(_, value)| key::read_place(value)).collect::<Option<Vec<_>>>();
        let mut places = places.ok_or_else(|| self.unreadable())?;
        places.sort_unstable();
        Ok(places)
    }

    fn course(&self, id: EscalationId) -> Result<Course, StoreError> {
        let indices = self.indices(key::whole_course(id), false, usize::MAX)?;
        let records = indices.into_iter().map(|index| Ok((index, self.record(index)?)));
        Ok(Course { records: records.collect::<Result<_, StoreError>>()? })
    }

    fn open(&self) -> Result<Vec<EscalationId>, StoreError> {
        self.escalations(key::all_open(), false, usize::MAX)
    }

    fn latest(&self, limit: usize) -> Result<Vec<EscalationId>, StoreError> {
        self.escalations(key::all_opened(), true, limit)
    }

    fn decisions_of(&self, agent: &AgentId, limit: usize) -> Result<Vec<Index>, StoreError> {
        self.indices(key::decisions_of(AgentKey::new(agent)), true, limit)
    }

    fn anomalies(&self, agent: &AgentId, since: Moment) -> Result<Vec<Moment>, StoreError> {
        let span = key::anomalies_since(AgentKey::new(agent), since);
        let found = self.views.range(span, true, MOST_ANOMALIES)?;
        found.iter().map(|(key, _)| key::moment_in(key).ok_or_else(|| self.unreadable())).collect()
    }

    fn did_before(&self, agent: &AgentId, habit: Habit<'_>) -> Result<bool, StoreError> {
        Ok(self.views.get(&key::habit(HabitKey::new(agent, habit)))?.is_some())
    }

    fn suspensions(&self) -> Result<Vec<Index>, StoreError> {
        self.indices(key::all_suspended(), false, usize::MAX)
    }

    fn in_force(&self, document: Document) -> Result<Option<Index>, StoreError> {
        self.place(&key::document(document))
    }

    fn stands(&self, what: &Basis) -> Result<Option<Index>, StoreError> {
        self.place(&key::basis(what))
    }

    fn profiles(&self) -> Result<Vec<Index>, StoreError> {
        self.indices(key::all_profiles(), false, usize::MAX)
    }

    fn shipped(&self, origin: &LogOrigin) -> Result<Option<Index>, StoreError> {
        self.place(&key::log(LogKey::new(origin)))
    }

    fn enrolled(&self, sidecar: &KeyHolder) -> Result<Option<Index>, StoreError> {
        self.place(&key::sidecar(HolderKey::new(sidecar)))
    }

    fn enrolments(&self, before: Option<Index>, limit: usize) -> Result<Vec<Index>, StoreError> {
        key::enrolments(before).map_or(Ok(Vec::new()), |span| self.indices(span, true, limit))
    }

    fn invitation(&self, invitation: InvitationDigest) -> Result<Option<Invitation>, StoreError> {
        let Some(value) = self.views.get(&key::invitation(invitation))? else { return Ok(None) };
        let places = key::Txn::read(&value).ok_or_else(|| self.unreadable())?;
        Ok(places.decided.map(|made| Invitation { made, used: places.minted }))
    }

    fn unsound(&self) -> watch::Receiver<Option<StoreError>> {
        Self::unsound(self)
    }

    fn stopped(&self) -> Option<String> {
        Self::stopped(self)
    }
    fn close(&self) -> Result<(), StoreError> {
        Self::close(self)
    }

    fn watch(&self, id: EscalationId) -> watch::Receiver<u64> {
        self.watchers.watch(id)
    }

    fn watch_all(&self) -> broadcast::Receiver<EscalationId> {
        self.watchers.watch_all()
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // What could not be written out is made anew at the next opening.
        let _ = self.close();
    }
}

fn salt() -> Result<[u8; SALT], RecordError> {
    let mut salt = [0; SALT];
    match SystemEntropy.fill(&mut salt) {
        Ok(()) => Ok(salt),
        Err(error) => Err(RecordError::Unreadable(error.to_string())),
    }
}

fn unrecordable(error: RecordError) -> StoreError {
    match error {
        RecordError::TooLong | RecordError::Unwritable(ReadFault { fault: Fault::TooLarge, .. }) => {
            StoreError::TooLarge
        }
        other @ (RecordError::Unwritable(_) | RecordError::Unreadable(_)) => StoreError::Unrecordable(other),
    }
}

fn unavailable(why: impl fmt::Display) -> StoreError {
    StoreError::Unavailable(why.to_string())
}

fn refusal(error: CommitError<StoreError>) -> StoreError {
    match error {
        CommitError::Refused(error) => error,
        CommitError::Full => StoreError::Full,
        other @ (CommitError::Busy
        | CommitError::NotAppended(_)
        | CommitError::Unavailable
        | CommitError::Closed) => unavailable(other),
    }
}
