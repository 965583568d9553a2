//! A durable replay guard: each use is a synced record of a journal, so that no crash lets a token be used again.

use crate::journal::{
    AppendError, CommitError, CommitOptions, Disk, Group, GroupCommit, History, Journal, JournalError,
    Ledger, Options, ReadError, RealDisk, Verify,
};
use crate::moment::Moment;
use crate::operation::json::{self, Limits, Object, Value};
use crate::party::{TokenId, TrustDomain};
use crate::token::{KEPT_AFTER_EXPIRY, MAX_LIFE, ReplayError, ReplayGuard, ReplayKey, TokenUse};
use core::fmt;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

const LIMITS: Limits = Limits { bytes: 4096, depth: 1, members: 8 };

/// How a [`JournalGuard`] is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardOptions {
    /// How many unexpired uses it holds at most.
    pub capacity: usize,
    /// Now, if a guard that is new shall refuse tokens issued before, because they may have been used where nobody
    /// remembers. Without it a new guard takes it that no token was used.
    pub begin: Option<Moment>,
    /// The length of a segment of its journal; whole ones are taken away once all they hold has expired.
    pub segment_bytes: u32,
}

impl Default for GuardOptions {
    /// A million uses, no beginning, segments of 1 MiB.
    fn default() -> Self {
        Self { capacity: 1_000_000, begin: None, segment_bytes: 1 << 20 }
    }
}

/// Remembers used tokens in a folder, for one process at a time.
///
/// A use is synced before [`consume`](ReplayGuard::consume) returns. Entries stay until they need not be kept any more,
/// and are never evicted for room: a guard that is full refuses.
pub struct JournalGuard {
    commits: GroupCommit<Uses>,
}

/// Why a guard could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardError {
    /// The journal can't be opened.
    Journal(JournalError),
    /// A record can't be read back.
    Unreadable(ReadError),
    /// A record is none of a replay guard.
    Foreign {
        /// Which record.
        index: u64,
    },
    /// A new guard could not note when it began.
    NotBegun(AppendError),
    /// The writer could not be started.
    NoWriter(String),
}

impl GuardError {
    /// Whether another process has it open now, so that it is worth trying again.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Journal(JournalError::Locked { .. }))
    }
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the replay guard can't be opened: ")?;
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::Unreadable(error) => error.fmt(f),
            Self::Foreign { index } => write!(f, "record {index} is not a token's use"),
            Self::NotBegun(error) => error.fmt(f),
            Self::NoWriter(why) => f.write_str(why),
        }
    }
}

impl Error for GuardError {}

impl JournalGuard {
    /// Opens the guard in this folder, or makes it there.
    ///
    /// A guard made by this takes it that no token was used before: right where the folder is new because the executor
    /// is, wrong where it is new because the old one was lost. [`JournalGuard::open_from`] is right for both.
    ///
    /// # Errors
    /// [`GuardError`]; if the folder's record is damaged, nobody can say which tokens were used.
    pub fn open(folder: &Path) -> Result<Self, GuardError> {
        Self::open_on(Arc::new(RealDisk), folder, GuardOptions::default())
    }

    /// Opens the guard in this folder, or makes it there: a new one refuses tokens issued before `now`, because they
    /// may have been used where nobody remembers. For executors that run before their tokens are issued.
    ///
    /// # Errors
    /// As [`JournalGuard::open`].
    pub fn open_from(folder: &Path, now: Moment) -> Result<Self, GuardError> {
        let options = GuardOptions { begin: Some(now), ..GuardOptions::default() };
        Self::open_on(Arc::new(RealDisk), folder, options)
    }

    /// Opens the guard in a folder of another disk, or makes it there.
    ///
    /// # Errors
    /// As [`JournalGuard::open`].
    pub fn open_on(disk: Arc<dyn Disk>, folder: &Path, options: GuardOptions) -> Result<Self, GuardError> {
        let GuardOptions { capacity, begin, segment_bytes } = options;
        let layout = Options {
            segment_bytes,
            step_bytes: segment_bytes.min(64 << 10),
            history: History::Retiring,
            // All of it is read below anyway.
            verify: Verify::Whole,
        };
        let (mut journal, _) = Journal::open_on(disk, folder, layout).map_err(GuardError::Journal)?;
        let mut uses = Uses { capacity, ..Uses::default() };
        let reader = journal.reader();
        for record in reader.iter_from(reader.first()) {
            let (index, record) = record.map_err(GuardError::Unreadable)?;
            match Entry::from_bytes(&record).ok_or(GuardError::Foreign { index })? {
                Entry::Began(at) => uses.begin(index, at),
                Entry::Used(used) => {
                    uses.forgotten_until = uses.forgotten_until.max(used.forgotten_until);
                    uses.insert(index, used.key, used.keep_until);
                }
            }
        }
        if let Some(at) = begin.filter(|_| journal.next_index() == 0) {
            let began = journal.append_group(&[Entry::Began(at).to_bytes()]).map_err(GuardError::NotBegun)?;
            uses.begin(began.start, at);
        }
        let commits = GroupCommit::start(journal, uses, CommitOptions::default());
        commits.map(|commits| Self { commits }).map_err(|error| GuardError::NoWriter(error.to_string()))
    }
}

impl ReplayGuard for JournalGuard {
    fn consume(&self, token: &TokenUse, now: Moment) -> Result<(), ReplayError> {
        match self.commits.committer().commit((token.clone(), now)) {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(refusal)) => Err(refusal),
            Err(CommitError::Full) => Err(ReplayError::Full),
            Err(
                CommitError::Busy
                | CommitError::NotAppended(_)
                | CommitError::Unavailable
                | CommitError::Closed,
            ) => Err(ReplayError::Unavailable),
        }
    }
}

/// A record of the guard's journal.
enum Entry {
    /// The guard was made at this moment, and knows of no use before it.
    Began(Moment),
    Used(Used),
}

/// One use as it is recorded.
struct Used {
    key: ReplayKey,
    keep_until: Moment,
    /// Up to where entries had been forgotten when it was recorded.
    forgotten_until: Moment,
}

impl Entry {
    fn to_bytes(&self) -> Vec<u8> {
        let object = match self {
            Self::Began(at) => Object::new().with("began", at.unix_millis()),
            Self::Used(used) => Object::new()
                .with("forgotten_until", used.forgotten_until.unix_millis())
                .with("iss", used.key.issuer.as_str())
                .with("jti", used.key.jti.to_string())
                .with("keep_until", used.keep_until.unix_millis()),
        };
        Value::from(object).to_canonical()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let value = json::read(bytes, &LIMITS).ok()?;
        let object = value.as_object()?;
        let moment = |name| object.get(name).and_then(Value::as_u64).map(Moment::from_unix_millis);
        let text = |name| object.get(name).and_then(Value::as_str);
        match object.len() {
            1 => moment("began").map(Self::Began),
            4 => {
                let issuer = TrustDomain::new(text("iss")?).ok()?;
                let key = ReplayKey { issuer, jti: TokenId::parse(text("jti")?)? };
                let (keep_until, forgotten_until) = (moment("keep_until")?, moment("forgotten_until")?);
                Some(Self::Used(Used { key, keep_until, forgotten_until }))
            }
            _ => None,
        }
    }
}

/// The uses that are remembered; the writer's own.
///
/// Nothing is ever copied forward: a token lives an hour at most, so that no record stays on disk much longer than an
/// hour in use, even behind one that must stay.
#[derive(Default)]
struct Uses {
    capacity: usize,
    /// Where each is recorded, and until when it is kept.
    recorded: HashMap<ReplayKey, (u64, Moment)>,
    by_end: BTreeSet<(Moment, u64)>,
    /// What must stay on disk; the note of when the guard began has no key.
    by_index: BTreeMap<u64, Option<ReplayKey>>,
    /// No use before this moment is known.
    began: Moment,
    /// What need not be kept after this moment is gone: if the clock was ahead once, more than should be.
    forgotten_until: Moment,
    /// The uses of the group that is being made, to be taken back if it fails.
    tentative: Vec<u64>,
    /// Records before this one have expired, and the record that says so is about to be, or is, durable.
    retirable: u64,
}

impl Uses {
    fn begin(&mut self, index: u64, at: Moment) {
        self.began = at;
        // Until everything issued before has expired.
        self.by_end.insert((at.plus(MAX_LIFE).plus(KEPT_AFTER_EXPIRY), index));
        self.by_index.insert(index, None);
    }

    fn insert(&mut self, index: u64, key: ReplayKey, keep_until: Moment) {
        // An issuer that gives one id to two tokens: the later use takes the place of one forgotten, and stays.
        let before = self.recorded.get(&key).copied();
        let keep_until = before.map_or(keep_until, |(_, kept)| keep_until.max(kept));
        if let Some((index, _)) = before {
            self.remove(index);
        }
        self.by_end.insert((keep_until, index));
        self.by_index.insert(index, Some(key.clone()));
        self.recorded.insert(key, (index, keep_until));
    }

    fn remove(&mut self, index: u64) {
        let Some(Some(key)) = self.by_index.remove(&index) else { return };
        if let Some((_, end)) = self.recorded.remove(&key) {
            self.by_end.remove(&(end, index));
        }
    }

    fn forget_until(&mut self, now: Moment) {
        while let Some((end, index)) = self.by_end.first().copied().filter(|(end, _)| *end <= now) {
            self.by_end.pop_first();
            self.forgotten_until = self.forgotten_until.max(end);
            self.remove(index);
        }
    }
}

impl Ledger for Uses {
    type Change = (TokenUse, Moment);
    type Refusal = ReplayError;

    fn admit(&mut self, (token, now): Self::Change, group: &mut Group) -> Result<(), ReplayError> {
        if self.recorded.contains_key(&token.key) {
            return Err(ReplayError::Replayed);
        }
        self.forget_until(now);
        if token.keep_until <= self.forgotten_until || token.issued_at < self.began {
            return Err(ReplayError::BeforeMemory);
        }
        if self.recorded.len() >= self.capacity {
            return Err(ReplayError::Full);
        }
        let index = group.next_index();
        let used = Used {
            key: token.key.clone(),
            keep_until: token.keep_until,
            forgotten_until: self.forgotten_until,
        };
        group.push(Entry::Used(used).to_bytes()).map_err(|_| ReplayError::Unavailable)?;
        self.insert(index, token.key, token.keep_until);
        self.tentative.push(index);
        self.retirable = self.by_index.first_key_value().map_or(index, |(first, _)| *first);
        Ok(())
    }

    fn recorded(&mut self, _first: u64, _records: &[Vec<u8>]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.tentative.clear();
        Ok(())
    }

    fn abandoned(&mut self) {
        for index in std::mem::take(&mut self.tentative) {
            self.remove(index);
        }
        // Nothing durable says what was forgotten meanwhile.
        self.retirable = 0;
    }

    fn tend(&mut self, journal: &mut Journal) -> Result<(), Box<dyn Error + Send + Sync>> {
        journal.retire_before(self.retirable)?;
        Ok(())
    }
}
