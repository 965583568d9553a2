//! A durable replay guard: each use is a synced record of a journal, so that no crash lets a token be used again.

use crate::journal::{
    CommitError, CommitOptions, Group, GroupCommit, History, Journal, JournalError, Ledger, Options,
    ReadError,
};
use crate::moment::Moment;
use crate::operation::json::{self, Limits, Object, Value};
use crate::party::{TokenId, TrustDomain};
use crate::token::{ReplayError, ReplayGuard, ReplayKey, TokenUse};
use core::fmt;
use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::path::Path;

const LIMITS: Limits = Limits { bytes: 4096, depth: 1, members: 8 };

/// Small segments, because whole ones are taken away once all they hold has expired.
const OPTIONS: Options = Options { segment_bytes: 1 << 20, step_bytes: 64 << 10, history: History::Retiring };

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
            Self::NoWriter(why) => f.write_str(why),
        }
    }
}

impl Error for GuardError {}

impl JournalGuard {
    /// How many unexpired uses a guard holds at most.
    pub const DEFAULT_CAPACITY: usize = 1_000_000;

    /// Opens the guard in this folder, or makes it there.
    ///
    /// # Errors
    /// [`GuardError`]; if the folder's record is damaged, nobody can say which tokens were used.
    pub fn open(folder: &Path) -> Result<Self, GuardError> {
        Self::with_capacity(folder, Self::DEFAULT_CAPACITY)
    }

    /// Opens the guard with room for this many unexpired uses.
    ///
    /// # Errors
    /// As [`JournalGuard::open`].
    pub fn with_capacity(folder: &Path, capacity: usize) -> Result<Self, GuardError> {
        let (journal, _) = Journal::open(folder, OPTIONS).map_err(GuardError::Journal)?;
        let mut uses = Uses { capacity, ..Uses::default() };
        let reader = journal.reader();
        let mut index = reader.first();
        for record in reader.iter_from(index) {
            let (at, record) = record.map_err(GuardError::Unreadable)?;
            index = at;
            let used = Used::from_bytes(&record).ok_or(GuardError::Foreign { index })?;
            uses.forgotten_until = uses.forgotten_until.max(used.forgotten_until);
            uses.insert(index, used.key, used.keep_until);
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

/// One use as it is recorded.
struct Used {
    key: ReplayKey,
    keep_until: Moment,
    /// Up to where entries had been forgotten when it was recorded.
    forgotten_until: Moment,
}

impl Used {
    fn to_bytes(&self) -> Vec<u8> {
        let object = Object::new()
            .with("forgotten_until", self.forgotten_until.unix_millis())
            .with("iss", self.key.issuer.as_str())
            .with("jti", self.key.jti.to_string())
            .with("keep_until", self.keep_until.unix_millis());
        Value::from(object).to_canonical()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let value = json::read(bytes, &LIMITS).ok()?;
        let object = value.as_object().filter(|object| object.len() == 4)?;
        let moment = |name| object.get(name).and_then(Value::as_u64).map(Moment::from_unix_millis);
        let text = |name| object.get(name).and_then(Value::as_str);
        let issuer = TrustDomain::new(text("iss")?).ok()?;
        let key = ReplayKey { issuer, jti: TokenId::parse(text("jti")?)? };
        Some(Self { key, keep_until: moment("keep_until")?, forgotten_until: moment("forgotten_until")? })
    }
}

/// The uses that are remembered; the writer's own.
#[derive(Default)]
struct Uses {
    capacity: usize,
    /// Where each is recorded.
    recorded: HashMap<ReplayKey, u64>,
    by_end: BTreeSet<(Moment, ReplayKey)>,
    by_index: BTreeSet<u64>,
    /// What need not be kept after this moment is gone: if the clock was ahead once, more than should be.
    forgotten_until: Moment,
    /// The uses of the group that is being made, to be taken back if it fails.
    tentative: Vec<(ReplayKey, Moment)>,
    /// Records before this one have expired, and the record that says so is about to be, or is, durable.
    retirable: u64,
}

impl Uses {
    fn insert(&mut self, index: u64, key: ReplayKey, keep_until: Moment) {
        self.by_end.insert((keep_until, key.clone()));
        self.by_index.insert(index);
        self.recorded.insert(key, index);
    }

    fn remove(&mut self, key: &ReplayKey, keep_until: Moment) {
        self.by_end.remove(&(keep_until, key.clone()));
        if let Some(index) = self.recorded.remove(key) {
            self.by_index.remove(&index);
        }
    }

    fn forget_until(&mut self, now: Moment) {
        while let Some((end, key)) = self.by_end.first().filter(|(end, _)| *end <= now).cloned() {
            self.forgotten_until = self.forgotten_until.max(end);
            self.remove(&key, end);
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
        if token.keep_until <= self.forgotten_until {
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
        group.push(used.to_bytes()).map_err(|_| ReplayError::Unavailable)?;
        self.insert(index, token.key.clone(), token.keep_until);
        self.retirable = self.by_index.first().copied().unwrap_or(index);
        self.tentative.push((token.key, token.keep_until));
        Ok(())
    }

    fn recorded(&mut self, _first: u64, _records: &[Vec<u8>]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.tentative.clear();
        Ok(())
    }

    fn abandoned(&mut self) {
        for (key, keep_until) in std::mem::take(&mut self.tentative) {
            self.remove(&key, keep_until);
        }
        // Nothing durable says what was forgotten meanwhile.
        self.retirable = 0;
    }

    fn tend(&mut self, journal: &mut Journal) -> Result<(), Box<dyn Error + Send + Sync>> {
        journal.retire_before(self.retirable)?;
        Ok(())
    }
}
