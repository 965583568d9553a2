//! Group commit: one thread judges changes, appends them in groups with one sync each, and tells their submitters.

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::AppendError;
use super::frame::{FRAME, MAX_RECORD};
use super::{Journal, MAX_GROUP};

/// What the records mean: judges changes, and folds the recorded ones into whatever views there are.
///
/// All of it runs in the one writer thread. Should it panic, the writer ends and every later change is refused.
pub trait Ledger: Send + 'static {
    /// What is asked for.
    type Change: Send + 'static;
    /// Why a change is not made: a conflict with what is recorded, or with a change earlier in the same group.
    type Refusal: Send + 'static;

    /// Judges a change against everything recorded and everything admitted since; if it is to be made, adds its
    /// records to the group and remembers it. A refused change must leave nothing behind (its records are dropped).
    ///
    /// # Errors
    /// The refusal, which the submitter gets.
    fn admit(&mut self, change: Self::Change, group: &mut Group) -> Result<(), Self::Refusal>;

    /// The records admitted since the last call are durable, `first` being the index of the first: fold them into
    /// the views. Submitters are told after this returned.
    ///
    /// # Errors
    /// Where the views can't follow. The changes are recorded, but nobody can go on from here: their submitters are
    /// told [`CommitError::Unavailable`] and the writer stops.
    fn recorded(&mut self, first: u64, records: &[Vec<u8>]) -> Result<(), Box<dyn Error + Send + Sync>>;

    /// The records admitted since the last call were not appended: forget the changes.
    fn abandoned(&mut self);

    /// Looks after the journal between groups, after the submitters have been told.
    ///
    /// # Errors
    /// Where nobody can go on from here; the writer stops.
    fn tend(&mut self, _journal: &mut Journal) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

/// The records of the changes that will be appended together.
#[derive(Debug)]
pub struct Group {
    first: u64,
    records: Vec<Vec<u8>>,
    bytes: usize,
}

impl Group {
    /// The index that the next record of this group will get.
    #[must_use]
    pub fn next_index(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// Adds a record.
    ///
    /// # Errors
    /// Where it is longer than the journal takes.
    pub fn push(&mut self, record: Vec<u8>) -> Result<(), TooLarge> {
        let bytes = record.len();
        let (room, limit) = (MAX_GROUP - self.bytes, MAX_RECORD);
        if bytes > limit || FRAME + bytes > room {
            return Err(TooLarge { bytes, limit: limit.min(room) });
        }
        self.bytes += FRAME + bytes;
        self.records.push(record);
        Ok(())
    }

    fn shorten(&mut self, records: usize) {
        self.records.truncate(records);
        self.bytes = self.records.iter().map(|record| FRAME + record.len()).sum();
    }
}

/// A record is longer than the journal takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Its length.
    pub bytes: usize,
    /// The most it may have.
    pub limit: usize,
}

/// Why a change was not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError<R> {
    /// The ledger refused it.
    Refused(R),
    /// Too many changes are waiting. Nothing was recorded.
    Busy,
    /// The disk is full. Nothing was recorded.
    Full,
    /// The journal could not take it, and may later. Nothing was recorded.
    NotAppended(AppendError),
    /// Whether it was recorded is unknown, and nothing can be until the journal is opened again.
    Unavailable,
    /// The writer was shut down before it got to the change. Nothing was recorded.
    Closed,
}

/// Why the writer ended.
#[derive(Clone, Debug)]
pub enum Stopped {
    /// It was shut down.
    Closed,
    /// The journal failed.
    Journal(AppendError),
    /// The ledger could not go on, or panicked.
    Ledger(Arc<str>),
}

/// Bounds of a [`GroupCommit`].
pub struct CommitOptions {
    /// How many changes may wait.
    pub queue: usize,
    /// No more changes join a group that has this many bytes.
    pub group_bytes: usize,
    /// Told how each group fared, before its submitters are.
    pub watch: Option<Watch>,
    /// Told the submitters' answers of one group at once, instead of giving them in the writer thread one by one.
    pub deliver: Option<Deliver>,
}

/// Takes the finished answers of one group and sees to it that each is called. It must not block.
pub type Deliver = Box<dyn FnMut(Vec<Box<dyn FnOnce() + Send>>) + Send>;

/// Told of a group, by the writer thread. It must not block.
pub type Watch = Box<dyn FnMut(&Written<'_>) + Send>;

/// How a group of records fared.
#[derive(Debug)]
pub struct Written<'a> {
    /// How many changes it is of, those that were refused among them.
    pub changes: usize,
    /// How many records.
    pub records: usize,
    /// How long it took to write and sync.
    pub took: Duration,
    /// Why it was not appended, if it was not.
    pub error: Option<&'a AppendError>,
}

impl Default for CommitOptions {
    /// 4096 waiting changes, groups of about 1 MiB, answers given in the writer thread.
    fn default() -> Self {
        Self { queue: 4096, group_bytes: 1 << 20, watch: None, deliver: None }
    }
}

/// What a submitter is told: the indices of its records, all durable and in the views, or why there are none.
pub type Answer<R> = Result<Range<u64>, CommitError<R>>;

/// The writer thread of a journal and its ledger. Dropping it closes it.
pub struct GroupCommit<L: Ledger> {
    committer: Committer<L>,
    writer: Option<JoinHandle<Result<(L, Journal), Stopped>>>,
}

impl<L: Ledger> GroupCommit<L> {
    /// Starts the writer thread.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn start(journal: Journal, ledger: L, options: CommitOptions) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(options.queue.max(1));
        let stopped = Arc::new(OnceLock::new());
        let committer = Committer { sender, stopped: Arc::clone(&stopped) };
        let writer = Writer { journal, ledger, receiver, options };
        let run = move || {
            let ending = Ending(stopped);
            let ended = writer.run();
            ending.because(ended.as_ref().err().cloned().unwrap_or(Stopped::Closed));
            ended
        };
        let writer = std::thread::Builder::new().name("journal".to_owned()).spawn(run)?;
        Ok(Self { committer, writer: Some(writer) })
    }

    /// A handle for submitting changes, for any thread.
    #[must_use]
    pub fn committer(&self) -> Committer<L> {
        self.committer.clone()
    }

    /// Commits what is waiting, ends the writer and gives back what it owned. Later changes are refused.
    ///
    /// # Errors
    /// Why the writer had ended by itself.
    pub fn close(mut self) -> Result<(L, Journal), Stopped> {
        self.end().unwrap_or(Err(Stopped::Closed))
    }

    fn end(&mut self) -> Option<Result<(L, Journal), Stopped>> {
        let writer = self.writer.take()?;
        // Nobody receives any more where the writer has ended already.
        let _ = self.committer.sender.send(Message::Close);
        Some(writer.join().unwrap_or_else(|_| Err(Stopped::Ledger(PANICKED.into()))))
    }
}

impl<L: Ledger> Drop for GroupCommit<L> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Submits changes to the writer thread of a [`GroupCommit`].
pub struct Committer<L: Ledger> {
    sender: SyncSender<Message<L>>,
    stopped: Arc<OnceLock<Stopped>>,
}

impl<L: Ledger> Clone for Committer<L> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), stopped: Arc::clone(&self.stopped) }
    }
}

impl<L: Ledger> Committer<L> {
    /// Submits a change without waiting. `tell` is called exactly once, whatever happens: by this thread where the
    /// change can't be queued, otherwise by the writer thread, so that it must neither block nor panic.
    pub fn submit(&self, change: L::Change, tell: impl FnOnce(Answer<L::Refusal>) + Send + 'static) {
        match self.sender.try_send(Message::Change(change, Reply::new(tell))) {
            Ok(()) => {}
            Err(TrySendError::Full(Message::Change(_, reply))) => reply.tell(Err(CommitError::Busy)),
            // Dropping the reply tells that the writer is closed.
            Err(TrySendError::Full(Message::Close) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Submits a change and waits until it is durable, or refused. Waits for room in the queue, too. Not to be called
    /// by the writer thread itself.
    ///
    /// # Errors
    /// Why the change was not committed.
    pub fn commit(&self, change: L::Change) -> Answer<L::Refusal> {
        let (sender, receiver) = sync_channel(1);
        let reply = Reply::new(move |answer| {
            let _ = sender.send(answer);
        });
        // Dropping the reply tells that the writer is closed.
        let _ = self.sender.send(Message::Change(change, reply));
        receiver.recv().unwrap_or(Err(CommitError::Unavailable))
    }

    /// Why the writer ended, if it has.
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        self.stopped.get().cloned()
    }
}

enum Message<L: Ledger> {
    Change(L::Change, Reply<L::Refusal>),
    Close,
}

/// A submitter, who is told exactly once, also where the writer ends or panics.
struct Reply<R> {
    tell: Option<Box<dyn FnOnce(Answer<R>) + Send>>,
    /// Its records may be on disk.
    admitted: bool,
}

impl<R> Reply<R> {
    fn new(tell: impl FnOnce(Answer<R>) + Send + 'static) -> Self {
        Self { tell: Some(Box::new(tell)), admitted: false }
    }

    fn tell(mut self, answer: Answer<R>) {
        if let Some(tell) = self.tell.take() {
            tell(answer);
        }
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            tell(Err(if self.admitted { CommitError::Unavailable } else { CommitError::Closed }));
        }
    }
}

const PANICKED: &str = "the writer panicked";

/// Notes why the writer ended, a panic included.
struct Ending(Arc<OnceLock<Stopped>>);

impl Ending {
    fn because(&self, why: Stopped) {
        // The first reason stays.
        let _ = self.0.set(why);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.because(Stopped::Ledger(PANICKED.into()));
    }
}

struct Writer<L: Ledger> {
    journal: Journal,
    ledger: L,
    receiver: Receiver<Message<L>>,
    options: CommitOptions,
}

/// The submitters of one group, each with what it is told if the group is appended.
type Waiting<R> = Vec<(Reply<R>, Answer<R>)>;

impl<L: Ledger> Writer<L> {
    fn run(mut self) -> Result<(L, Journal), Stopped> {
        loop {
            // All handles are gone, or the one that closes has spoken: what was queued before is committed.
            let Ok(message) = self.receiver.recv() else { break };
            let (group, waiting, close) = self.gather(message);
            self.commit(&group, waiting)?;
            if close {
                break;
            }
            self.ledger.tend(&mut self.journal).map_err(|error| Stopped::Ledger(error.to_string().into()))?;
        }
        Ok((self.ledger, self.journal))
    }

    /// Judges what is in the queue, up to one group.
    fn gather(&mut self, first: Message<L>) -> (Group, Waiting<L::Refusal>, bool) {
        let mut group = Group { first: self.journal.next_index(), records: Vec::new(), bytes: 0 };
        let mut waiting = Vec::new();
        let mut close = false;
        let mut message = Ok(first);
        loop {
            match message {
                Ok(Message::Change(change, mut reply)) => {
                    let (records, start) = (group.records.len(), group.next_index());
                    let answer = match self.ledger.admit(change, &mut group) {
                        Ok(()) => Ok(start..group.next_index()),
                        Err(refusal) => {
                            group.shorten(records);
                            Err(CommitError::Refused(refusal))
                        }
                    };
                    reply.admitted = answer.is_ok();
                    waiting.push((reply, answer));
                }
                Ok(Message::Close) => {
                    close = true;
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
            if group.bytes >= self.options.group_bytes || waiting.len() >= self.options.queue.max(1) {
                break;
            }
            message = self.receiver.try_recv();
        }
        (group, waiting, close)
    }

    /// Appends a group and tells its submitters. A refusal may rest on a change earlier in the same group, so that it
    /// holds only if the group does.
    fn commit(&mut self, group: &Group, waiting: Waiting<L::Refusal>) -> Result<(), Stopped> {
        if group.records.is_empty() {
            self.tell(waiting);
            return Ok(());
        }
        let start = Instant::now();
        let appended = self.journal.append_group(&group.records);
        if let Some(watch) = &mut self.options.watch {
            let (changes, records, took) = (waiting.len(), group.records.len(), start.elapsed());
            watch(&Written { changes, records, took, error: appended.as_ref().err() });
        }
        match appended {
            Ok(_) => {
                // On an error or a panic the submitters are told by being dropped.
                let folded = self.ledger.recorded(group.first, &group.records);
                folded.map_err(|error| Stopped::Ledger(error.to_string().into()))?;
                self.tell(waiting);
                Ok(())
            }
            Err(AppendError::Unavailable(fault)) => Err(Stopped::Journal(AppendError::Unavailable(fault))),
            Err(error @ (AppendError::Full | AppendError::NoSegment(_) | AppendError::TooLarge { .. })) => {
                self.ledger.abandoned();
                let answers = waiting.into_iter().map(|(reply, _)| {
                    let full = matches!(error, AppendError::Full);
                    (
                        reply,
                        Err(if full { CommitError::Full } else { CommitError::NotAppended(error.clone()) }),
                    )
                });
                let answers = answers.collect();
                self.tell(answers);
                Ok(())
            }
        }
    }

    fn tell(&mut self, waiting: Waiting<L::Refusal>) {
        match &mut self.options.deliver {
            Some(_) if waiting.is_empty() => {}
            None => waiting.into_iter().for_each(|(reply, answer)| reply.tell(answer)),
            Some(deliver) => {
                let answers = waiting
                    .into_iter()
                    .map(|(reply, answer)| Box::new(move || reply.tell(answer)) as Box<dyn FnOnce() + Send>);
                deliver(answers.collect());
            }
        }
    }
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record of {} bytes is longer than the {} that fit", self.bytes, self.limit)
    }
}

impl<R: fmt::Display> fmt::Display for CommitError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Busy => f.write_str("too many changes are waiting"),
            Self::Full => f.write_str("the disk is full; nothing was recorded"),
            Self::NotAppended(error) => error.fmt(f),
            Self::Unavailable => f.write_str("whether the change was recorded is unknown"),
            Self::Closed => f.write_str("the journal is closed; nothing was recorded"),
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the journal's writer was shut down"),
            Self::Journal(error) => write!(f, "the journal failed: {error}"),
            Self::Ledger(why) => write!(f, "the journal's views failed: {why}"),
        }
    }
}

impl Error for TooLarge {}
impl<R: fmt::Debug + fmt::Display> Error for CommitError<R> {}
impl Error for Stopped {}
