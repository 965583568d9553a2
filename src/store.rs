//! The store: a promise to keep every change, whole and durable, and to find what depends on it again.

pub mod conformance;
pub mod embedded;
mod facts;
pub mod follow;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod shared;
mod watch;

use crate::audit::event::{Event, Record, RecordError, RequestKey};
use crate::audit::filter::Filter;
use crate::digest::{InvitationDigest, ValueDigest};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, KeyHolder, LogOrigin, PersonId, TxnId};
use crate::risk::Environment;
use crate::tlog::{Hash, Hashes};
use core::fmt;
use core::ops::Range;
use core::pin::Pin;

/// A record's place in the log, counted from 0.
pub type Index = u64;

/// One change: events that are recorded together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The events, in order.
    pub records: Vec<Record>,
    /// The request that the first of them answers: refused if it was answered before.
    pub request: Option<RequestKey>,
    /// The escalations that were read to make this change, with the number of events each had then: refused
    /// if one has moved on.
    pub read: Vec<(EscalationId, usize)>,
    /// The log of a sidecar that this continues, and where what it handed over last is recorded, if anything is:
    /// refused if that is somewhere else meanwhile.
    pub follows: Option<(LogOrigin, Option<Index>)>,
    /// What else it rests on, with the place where each was recorded last: refused if one was recorded anew.
    pub rests: Vec<(Basis, Option<Index>)>,
}

impl Change {
    /// A change of these events, at one moment.
    #[must_use]
    pub fn of(at: Moment, events: impl IntoIterator<Item = Event>) -> Self {
        let records = events.into_iter().map(|event| Record::new(at, event)).collect();
        Self { records, ..Self::default() }
    }

    /// … that answers this request for the first time.
    #[must_use]
    pub const fn answering(mut self, request: Option<RequestKey>) -> Self {
        self.request = request;
        self
    }

    /// … that is right only while the escalation has this many events.
    #[must_use]
    pub fn after(mut self, id: EscalationId, length: usize) -> Self {
        self.read.push((id, length));
        self
    }

    /// … that is right only while this is where the log's latest leaves were handed over.
    #[must_use]
    pub fn following(mut self, origin: LogOrigin, shipped: Option<Index>) -> Self {
        self.follows = Some((origin, shipped));
        self
    }

    /// … that is right only while this was recorded last at this place ([`Store::stands`]).
    #[must_use]
    pub fn resting_on(mut self, what: Basis, place: Option<Index>) -> Self {
        self.rests.push((what, place));
        self
    }
}

/// A document that comes into force whole, with its text in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// The policy.
    Policy,
    /// The roster.
    Roster,
    /// Who is away.
    Absences,
}

/// Something that stands in the record until it is recorded anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// A document: it comes into force.
    Document(Document),
    /// What a person set up: their profile is recorded.
    Profile(PersonId),
    /// What is suspended: something is suspended, or lifted.
    Suspensions,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(Document::Policy) => f.write_str("the policy in force"),
            Self::Document(Document::Roster) => f.write_str("the roster in force"),
            Self::Document(Document::Absences) => f.write_str("who is away"),
            Self::Profile(person) => write!(f, "what `{person}` set up"),
            Self::Suspensions => f.write_str("what is suspended"),
        }
    }
}

/// The course of one escalation as recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// Its records with their places, oldest first; its length is what [`Change::after`] takes.
    pub records: Vec<(Index, Record)>,
}

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The request was answered before, at this place; or what may be recorded once for a decision was, or a join
    /// token was used.
    Answered(Index),
    /// The escalation has moved on since it was read; read it again.
    Moved(EscalationId),
    /// Another change has handed over leaves of this log meanwhile; look how far it is.
    Overtaken(LogOrigin),
    /// What it rests on was recorded anew since it was read; read it again.
    Changed(Basis),
    /// The change, or a single record of it, is larger than the store takes.
    TooLarge,
    /// A record holds something that the log has no form for, a noncharacter of Unicode for example.
    Unrecordable(RecordError),
    /// The disk is full; nothing was recorded, and it will go on when there is room.
    Full,
    /// It can't be told now: the store is closed or mending itself, or what is on the disk is unknown until it is
    /// opened again. The text is for the operator.
    Unavailable(String),
    /// Something that was durable is not as it was written.
    Damaged(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(index) => write!(f, "the request was answered before, in record {index}"),
            Self::Moved(id) => write!(f, "escalation `{id}` has changed meanwhile"),
            Self::Overtaken(origin) => write!(f, "more of the log `{origin}` was handed over meanwhile"),
            Self::Changed(what) => write!(f, "{what} has changed meanwhile"),
            Self::TooLarge => f.write_str("the record is too large"),
            Self::Unrecordable(error) => error.fmt(f),
            Self::Full => f.write_str("the disk is full"),
            Self::Unavailable(what) => write!(f, "the store is unavailable: {what}"),
            Self::Damaged(what) => write!(f, "the store is damaged: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// The log's tree at one moment (RFC 6962).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many leaves it has: the records before this one.
    pub size: Index,
    /// Its root.
    pub root: Hash,
}

/// A page of decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Where they are recorded, the latest first.
    pub indices: Vec<Index>,
    /// What is to be asked for next, as `before`; nothing where there are no earlier ones.
    pub next: Option<Index>,
}

/// What is on record of a join token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Where it was made.
    pub made: Index,
    /// Where it was used.
    pub used: Option<Index>,
}

/// Something that an agent may have done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit<'a> {
    /// This action.
    Action(&'a str),
    /// Something to this family of resources ([`family`](crate::risk::history::family)).
    Family(&'a str),
    /// Something in this environment.
    Environment(Environment),
}

/// What comes of a commit: the places of the change's records.
pub type Committing = Pin<Box<dyn Future<Output = Result<Range<Index>, StoreError>> + Send>>;

/// Keeps changes.
pub trait Store: Send + Sync {
    /// Records a change; once the future has said `Ok` no crash and no power cut takes it away.
    fn commit(&self, change: Change) -> Committing;

    /// How many records there are.
    fn len(&self) -> Index;

    /// Whether nothing was ever recorded.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record at this place.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not as it was written, or if there is none.
    fn record(&self, index: Index) -> Result<Record, StoreError>;

    /// The leaf of the log at this place: the exact bytes that were hashed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not as it was written, or if there is none.
    fn leaf(&self, index: Index) -> Result<Vec<u8>, StoreError>;

    /// The tree over everything that is durable now. A record whose [`commit`](Self::commit) was answered is in it.
    ///
    /// # Errors
    /// [`StoreError`] if the records are known to be others than those that were hashed.
    fn head(&self) -> Result<Head, StoreError>;

    /// Stored hashes of the tree, as tiles hold them: on level 0 the hashes of the leaves, on level 1 the roots over
    /// each 256 of them, and so on. Each of them belongs to the tree whose [`head`](Self::head) is known.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if there are not so many; otherwise if they could not be read.
    fn hashes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError>;

    /// Where this request was answered.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn answered(&self, request: RequestKey) -> Result<Option<Index>, StoreError>;

    /// Where this decision was recorded.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn decided(&self, txn: TxnId) -> Result<Option<Index>, StoreError>;

    /// Where everything is recorded that belongs to a decision, in order: the decision first, then the course of its
    /// escalation, the mint, reports, receipts, incidents, and the document that came into force by it. Nothing if there
    /// is no such decision.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn chain(&self, txn: TxnId) -> Result<Vec<Index>, StoreError>;

    /// Decisions that a filter wants and that were recorded before a place, the latest first, at most `limit`. Looking
    /// for what is rare among a great many stops after a while: then there are fewer, and [`Page::next`] goes on.
    ///
    /// Bounds of time rely on what every clock here promises: that in one log the moments never fall.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn find(&self, filter: &Filter, before: Option<Index>, limit: usize) -> Result<Page, StoreError>;

    /// Where the token of this decision was minted.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn minted(&self, txn: TxnId) -> Result<Option<Index>, StoreError>;

    /// Where the receipts of the token of this decision were recorded, oldest first. The same receipt is recorded
    /// once: a second time it is [`StoreError::Answered`].
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn receipts(&self, txn: TxnId) -> Result<Vec<Index>, StoreError>;

    /// Whether this value is kept apart from the log, or was and is erased.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn keeps(&self, value: ValueDigest) -> Result<bool, StoreError>;

    /// Notes, durably, that a value is about to be erased, before the log says so. If the process ends after that, the
    /// next one erases it where the log says so, and keeps it where it doesn't.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be noted.
    fn will_erase(&self, value: ValueDigest) -> Result<(), StoreError>;

    /// Erases a value that is kept apart from the log, durably; what the log says about it stays.
    ///
    /// # Errors
    /// [`StoreError`] if it may still be there.
    fn erase(&self, value: ValueDigest) -> Result<(), StoreError>;

    /// The course of an escalation; empty if there is none of this id.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be read.
    fn course(&self, id: EscalationId) -> Result<Course, StoreError>;

    /// The escalations that are not over, earliest opened first.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn open(&self) -> Result<Vec<EscalationId>, StoreError>;

    /// The escalations that were ever opened, latest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn latest(&self, limit: usize) -> Result<Vec<EscalationId>, StoreError>;

    /// Where the latest decisions about this agent were recorded, latest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn decisions_of(&self, agent: &AgentId, limit: usize) -> Result<Vec<Index>, StoreError>;

    /// When anomalies of this agent were recorded at or after `since`, latest first, at most 1000.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn anomalies(&self, agent: &AgentId, since: Moment) -> Result<Vec<Moment>, StoreError>;

    /// Whether this agent was ever allowed this, or people were asked about it.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn did_before(&self, agent: &AgentId, habit: Habit<'_>) -> Result<bool, StoreError>;

    /// Where the suspensions were recorded that were not lifted, oldest first. Those whose end has come are among
    /// them until that is recorded.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn suspensions(&self) -> Result<Vec<Index>, StoreError>;

    /// Where this document last came into force.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn in_force(&self, document: Document) -> Result<Option<Index>, StoreError>;

    /// Where this was recorded last: what [`Change::resting_on`] takes.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn stands(&self, what: &Basis) -> Result<Option<Index>, StoreError>;

    /// Where the latest profile of each person was recorded who has one, in the order in which they were.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn profiles(&self) -> Result<Vec<Index>, StoreError>;

    /// Where the leaves of this log that were handed over last are recorded.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn shipped(&self, origin: &LogOrigin) -> Result<Option<Index>, StoreError>;

    /// Where a sidecar last enrolled, or was withdrawn.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn enrolled(&self, sidecar: &KeyHolder) -> Result<Option<Index>, StoreError>;

    /// Where the sidecars that are not withdrawn last enrolled, if that was recorded before a place: the latest first, at
    /// most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if they could not be found out.
    fn enrolments(&self, before: Option<Index>, limit: usize) -> Result<Vec<Index>, StoreError>;

    /// What is on record of a join token. It is used once: a second sidecar's enrolment with it is
    /// [`StoreError::Answered`].
    ///
    /// # Errors
    /// [`StoreError`] if that could not be found out.
    fn invitation(&self, invitation: InvitationDigest) -> Result<Option<Invitation>, StoreError>;

    /// Whether what was recorded is still what it was: says why, once, when it is found not to be. Nothing more may rest on
    /// such a store.
    fn unsound(&self) -> tokio::sync::watch::Receiver<Option<StoreError>>;

    /// Why nothing is recorded now, as last known; it asks nobody and waits for nothing.
    fn stopped(&self) -> Option<String>;

    /// Writes out what may be written out later, and takes no change any more. It waits for the disk.
    ///
    /// # Errors
    /// [`StoreError`] if that went wrong; nothing that was acknowledged is lost then either.
    fn close(&self) -> Result<(), StoreError>;

    /// A counter that changes whenever this escalation does.
    fn watch(&self, id: EscalationId) -> tokio::sync::watch::Receiver<u64>;

    /// Tells which escalation changed, for each change from now on, once it can be read and before its
    /// [`commit`](Self::commit) is answered. It waits for nobody: a receiver that falls far behind is told that it
    /// missed some, and looks at everything anew.
    fn watch_all(&self) -> tokio::sync::broadcast::Receiver<EscalationId>;
}

/// Proofs are made from what a store keeps.
impl Hashes for dyn Store + '_ {
    type Error = StoreError;

    fn hashes(&self, level: u8, places: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        Store::hashes(self, level, places)
    }
}
