//! The shelf: the views in sled, which is trusted with nothing that the journal could not bring back.
//!
//! sled 0.34 can panic on files that were damaged, so that every call into it is caught.

use super::fold::Entry;
use super::key::{Key, Span, Value};
use crate::digest::sha256;
use crate::store::Index;
use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is wrong with the views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No room on the disk; sled wants to be opened again when there is.
    Full,
    /// Another process has them open.
    Locked,
    /// The system said no.
    Io(String),
    /// They are not as they were written; only a rebuild helps.
    Damaged(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the disk is full"),
            Self::Locked => f.write_str("the views are open elsewhere"),
            Self::Io(what) => write!(f, "the views could not be read or written: {what}"),
            Self::Damaged(what) => write!(f, "the views are damaged: {what}"),
        }
    }
}

pub(super) fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether sled means that its files are not what they should be.
fn is_damage(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput)
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        let (kind, text) = (error.kind(), error.to_string());
        if is_full(kind) {
            Self::Full
        } else if text.contains("could not acquire lock") {
            // sled says it in its own words only.
            Self::Locked
        } else if is_damage(kind) {
            Self::Damaged(text)
        } else {
            Self::Io(text)
        }
    }
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            error @ (sled::Error::Corruption { .. }
            | sled::Error::ReportableBug(_)
            | sled::Error::Unsupported(_)
            | sled::Error::CollectionNotFound(_)) => Self::Damaged(error.to_string()),
        }
    }
}

/// How far the views have come, in which journal, and what they add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The first record that is not in them.
    pub(super) until: Index,
    /// A hash of the journal's first record.
    pub(super) first: Hash,
    /// A hash of the last record that is in them.
    pub(super) last: Hash,
    /// The sum of the hashes of all entries, so that a lost one is noticed.
    sum: u128,
}

/// Half of a SHA-256.
pub(super) type Hash = [u8; 16];

/// Changes whenever the entries do, so that older views are rebuilt.
const FORMAT: u8 = 5;
const MARK: &[u8] = b"h";

impl Mark {
    fn encode(&self) -> Vec<u8> {
        let parts =
            [&[FORMAT][..], &self.until.to_be_bytes(), &self.first, &self.last, &self.sum.to_be_bytes()];
        parts.concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first()?;
        let (until, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (last, rest) = rest.split_first_chunk()?;
        let (until, sum) = (Index::from_be_bytes(*until), u128::from_be_bytes(rest.try_into().ok()?));
        (*format == FORMAT).then_some(Self { until, first: *first, last: *last, sum })
    }
}

/// Half of the SHA-256 of `parts`, one after the other.
pub(super) fn hash(parts: &[&[u8]]) -> Hash {
    let mut half = [0; 16];
    half.copy_from_slice(sha256(parts).split_at(16).0);
    half
}

/// What an entry adds to the sum.
fn weight(key: &[u8], value: &[u8]) -> u128 {
    // Keys have at most 33 bytes.
    let length = u8::try_from(key.len()).unwrap_or(u8::MAX);
    u128::from_be_bytes(hash(&[&[length], key, value]))
}

/// The views in sled.
pub(super) struct Shelf {
    /// There until it is dropped.
    db: Option<sled::Db>,
    known: Mutex<Known>,
}

/// What is known of the entries.
#[derive(Default)]
struct Known {
    /// `None` where it is not known how far they have come.
    mark: Option<Mark>,
    /// The check that is under way.
    check: Option<Counted>,
}

/// A check of the entries that has come this far.
#[derive(Clone, Copy, Default)]
struct Counted {
    /// The last key that was counted.
    upto: Key,
    /// What the entries up to there add up to.
    sum: u128,
}

/// How many entries are counted at once: nothing is written meanwhile.
const AT_ONCE: usize = 4096;

impl Shelf {
    /// Opens the views in `dir`, or empty ones where there are none.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, Trouble> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(500));
        let shelf = Self { db: Some(caught(|| config.open())?), known: Mutex::default() };
        let db = shelf.db()?;
        // New ones begin with nothing.
        let mark = match caught(|| db.get(MARK))? {
            Some(bytes) => Mark::decode(&bytes),
            None => caught(|| Ok(db.is_empty()))?.then(Mark::default),
        };
        shelf.known().mark = mark;
        Ok(shelf)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn db(&self) -> Result<&sled::Db, Trouble> {
        self.db.as_ref().ok_or_else(|| Trouble::Io("closed".to_owned()))
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Value>, Trouble> {
        let db = self.db()?;
        let found = caught(|| db.get(key.as_slice()))?;
        found.map(|bytes| Value::read(&bytes).ok_or_else(super::fold::nonsense)).transpose()
    }

    /// Shows the entries in a span until `see` has seen enough.
    pub(super) fn range(
        &self,
        span: Span,
        latest_first: bool,
        mut see: impl FnMut(Key, Value) -> bool,
    ) -> Result<(), Trouble> {
        let db = self.db()?;
        let mut entries = caught(|| Ok(db.range(span.from.as_slice()..=span.to.as_slice())))?;
        loop {
            let next =
                caught(|| if latest_first { entries.next_back() } else { entries.next() }.transpose())?;
            let Some((key, value)) = next else { return Ok(()) };
            let (Some(key), Some(value)) = (Key::read(&key), Value::read(&value)) else {
                return Err(super::fold::nonsense());
            };
            if !see(key, value) {
                return Ok(());
            }
        }
    }

    /// Writes the entries of all records before `until`: all of them or none. `first` and `last` are the hashes of the
    /// journal's first record and of the one before `until`.
    pub(super) fn apply<'a>(
        &self,
        entries: impl IntoIterator<Item = &'a Entry>,
        until: Index,
        (first, last): (Hash, Hash),
    ) -> Result<(), Trouble> {
        let db = self.db()?;
        let mut known = self.known();
        let mut sum = known.mark.ok_or_else(super::fold::nonsense)?.sum;
        let mut check = known.check;
        let mut batch = sled::Batch::default();
        for Entry { key, before, after } in entries {
            let weight = |value: &Value| weight(key.as_slice(), value.as_slice());
            let less = before.as_ref().map_or(0, weight);
            let more = after.as_ref().map_or(0, weight);
            sum = sum.wrapping_sub(less).wrapping_add(more);
            // What was counted already is another entry now.
            if let Some(counted) = check.as_mut().filter(|counted| *key <= counted.upto) {
                counted.sum = counted.sum.wrapping_sub(less).wrapping_add(more);
            }
            match after {
                Some(after) => batch.insert(key.as_slice(), after.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        let mark = Mark { until, first, last, sum };
        batch.insert(MARK, mark.encode());
        caught(|| db.apply_batch(batch))?;
        *known = Known { mark: Some(mark), check };
        Ok(())
    }

    /// How far the views have come; `None` where that is not known, or where another version wrote them.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.known().mark
    }

    /// Reads all entries and compares them with what they must add up to.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        while !self.check_some()? {}
        Ok(())
    }

    /// Reads some entries more, and compares them with what they must add up to once it has come to the last one; says
    /// whether it has. Entries may be written between two such steps.
    pub(super) fn check_some(&self) -> Result<bool, Trouble> {
        let db = self.db()?;
        let mut known = self.known();
        let mut counted = known.check.unwrap_or_default();
        let after = (Bound::Excluded(counted.upto.as_slice().to_vec()), Bound::Unbounded);
        let mut entries = caught(|| Ok(db.range::<Vec<u8>, _>(after)))?;
        for _ in 0..AT_ONCE {
            let Some((key, value)) = caught(|| entries.next().transpose())? else {
                known.check = None;
                let adds_up = known.mark.is_some_and(|mark| mark.sum == counted.sum);
                let wrong = || Trouble::Damaged("they do not add up".to_owned());
                return adds_up.then_some(true).ok_or_else(wrong);
            };
            counted.upto = Key::read(&key).ok_or_else(super::fold::nonsense)?;
            if *key != *MARK {
                counted.sum = counted.sum.wrapping_add(weight(&key, &value));
            }
        }
        known.check = Some(counted);
        Ok(false)
    }

    /// Closes the views so that they are on the disk, whole: sled itself never syncs its files.
    pub(super) fn close(self, dir: &Path) -> Result<(), Trouble> {
        let db = self.db()?;
        caught(|| db.flush())?;
        drop(self);
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_file() {
                File::open(path)?.sync_all()?;
            }
        }
        Ok(File::open(dir)?.sync_all()?)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let db = self.db.take();
        // It writes what is left, and what went wrong then is found at the next opening.
        let _ = caught(|| {
            drop(db);
            Ok(())
        });
    }
}

/// Calls into sled, and takes a panic for damage.
fn caught<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Trouble::from),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(Trouble::Damaged(format!("sled panicked: {}", text.lines().next().unwrap_or_default())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::key;

    #[test]
    fn a_mark_is_read_back_and_another_format_is_not() {
        let mark = Mark { until: 7, first: [1; 16], last: [2; 16], sum: 3 };
        let mut bytes = mark.encode();
        assert_eq!(Mark::decode(&bytes), Some(mark));
        assert_eq!(Mark::decode(&bytes[..40]), None);
        bytes[0] = FORMAT + 1;
        assert_eq!(Mark::decode(&bytes), None);
    }

    #[test]
    fn a_lost_or_changed_or_added_entry_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&dir.path().join("views"), 1 << 20).unwrap();
        let entry = |index, before: Option<Value>, after| Entry { key: key::open(index), before, after };
        let (one, two) = (key::place(1), key::place(2));
        let ends = ([0; 16], [0; 16]);
        shelf.apply(&[entry(1, None, Some(one)), entry(2, None, Some(one))], 2, ends).unwrap();
        shelf.apply(&[entry(1, Some(one), Some(two)), entry(2, Some(one), None)], 4, ends).unwrap();
        shelf.apply(&[entry(3, None, Some(one))], 5, ends).unwrap();
        assert_eq!(shelf.check(), Ok(()));
        let wrong = Err(Trouble::Damaged("they do not add up".to_owned()));
        let db = shelf.db().unwrap();
        for (key, value) in [(key::open(3), None), (key::open(3), Some(two)), (key::open(4), Some(one))] {
            let before = db.get(key.as_slice()).unwrap();
            match value {
                Some(value) => db.insert(key.as_slice(), value.as_slice()).unwrap(),
                None => db.remove(key.as_slice()).unwrap(),
            };
            assert_eq!(shelf.check(), wrong);
            match before {
                Some(before) => db.insert(key.as_slice(), before).unwrap(),
                None => db.remove(key.as_slice()).unwrap(),
            };
            assert_eq!(shelf.check(), Ok(()));
        }
    }

    /// A check that takes many steps sees the entries as they are at its end, whatever is written between them.
    #[test]
    fn a_check_goes_on_while_entries_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&dir.path().join("views"), 1 << 20).unwrap();
        let entry = |index, before: Option<u64>, after: Option<u64>| Entry {
            key: key::open(index),
            before: before.map(key::place),
            after: after.map(key::place),
        };
        let many = 3 * AT_ONCE as u64;
        let all: Vec<_> = (0..many).map(|index| entry(index * 2, None, Some(1))).collect();
        shelf.apply(&all, 1, Default::default()).unwrap();
        for lost in [false, true] {
            let mut steps = 0;
            let checked = loop {
                match shelf.check_some() {
                    Ok(false) => steps += 1,
                    ended => break ended,
                }
                // Of all kinds, before and behind what was counted; never the same twice.
                let shift = steps * 200 + if lost { 20 } else { 0 };
                let changes: Vec<_> = [shift, many * 2 - 2000 + shift]
                    .into_iter()
                    .flat_map(|at| {
                        [
                            entry(at, Some(1), Some(2)),
                            entry(at + 2, Some(1), None),
                            entry(at + 1, None, Some(3)),
                        ]
                    })
                    .collect();
                shelf.apply(&changes, 2 + steps, Default::default()).unwrap();
                if lost && steps == 2 {
                    shelf.db().unwrap().remove(key::open(1000).as_slice()).unwrap().unwrap();
                    shelf.db().unwrap().remove(key::open(many * 2 - 2).as_slice()).unwrap().unwrap();
                }
            };
            assert!(steps >= 3, "{steps}");
            let wrong = Err(Trouble::Damaged("they do not add up".to_owned()));
            assert_eq!(checked, if lost { wrong } else { Ok(true) });
        }
    }

    #[test]
    fn a_panic_in_sled_is_trouble() {
        let caught = caught::<()>(|| panic!("at the disk"));
        assert_eq!(caught, Err(Trouble::Damaged("sled panicked: at the disk".to_owned())));
    }
}
