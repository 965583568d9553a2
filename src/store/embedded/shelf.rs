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
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

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

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::WouldBlock => Self::Locked,
            // sled says this where its files are not what they should be.
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Io(error.to_string()),
        }
    }
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => {
                // sled hides the kind of some errors in its own words.
                let text = error.to_string();
                if text.contains("could not acquire lock") { Self::Locked } else { error.into() }
            }
            error @ (sled::Error::Corruption { .. }
            | sled::Error::ReportableBug(_)
            | sled::Error::Unsupported(_)
            | sled::Error::CollectionNotFound(_)) => Self::Damaged(error.to_string()),
        }
    }
}

/// How far the views have come, and in which journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The first record that is not in them.
    pub(super) until: Index,
    /// A hash of the journal's first record.
    pub(super) first: [u8; 16],
    /// A hash of the last record that is in them.
    pub(super) last: [u8; 16],
}

/// Changes whenever the entries do, so that older views are rebuilt.
const FORMAT: u8 = 1;
const MARK: &[u8] = b"h";

impl Mark {
    pub(super) fn hash(record: &[u8]) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(sha256(&[record]).split_at(16).0);
        short
    }

    fn encode(&self) -> Vec<u8> {
        [&[FORMAT][..], &self.until.to_be_bytes(), &self.first, &self.last].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first()?;
        let (until, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let mark = Self { until: Index::from_be_bytes(*until), first: *first, last: rest.try_into().ok()? };
        (*format == FORMAT).then_some(mark)
    }
}

/// The views in sled.
pub(super) struct Shelf {
    /// There until it is dropped.
    db: Option<sled::Db>,
}

impl Shelf {
    /// Opens the views in `dir`, or empty ones where there are none.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, Trouble> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(500));
        caught(|| config.open()).map(|db| Self { db: Some(db) })
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

    /// Writes entries and the new mark: all of it or nothing.
    pub(super) fn apply<'a>(
        &self,
        entries: impl IntoIterator<Item = &'a Entry>,
        mark: &Mark,
    ) -> Result<(), Trouble> {
        let db = self.db()?;
        let mut batch = sled::Batch::default();
        for (key, value) in entries {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        batch.insert(MARK, mark.encode());
        caught(|| db.apply_batch(batch))
    }

    /// How far the views have come; `None` where that is not known, or where another version wrote them.
    pub(super) fn mark(&self) -> Result<Option<Mark>, Trouble> {
        let db = self.db()?;
        Ok(caught(|| db.get(MARK))?.and_then(|bytes| Mark::decode(&bytes)))
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

    #[test]
    fn a_mark_is_read_back_and_another_format_is_not() {
        let mark = Mark { until: 7, first: [1; 16], last: [2; 16] };
        let mut bytes = mark.encode();
        assert_eq!(Mark::decode(&bytes), Some(mark));
        assert_eq!(Mark::decode(&bytes[..40]), None);
        bytes[0] = FORMAT + 1;
        assert_eq!(Mark::decode(&bytes), None);
    }

    #[test]
    fn a_panic_in_sled_is_trouble() {
        let caught = caught::<()>(|| panic!("at the disk"));
        assert_eq!(caught, Err(Trouble::Damaged("sled panicked: at the disk".to_owned())));
    }
}
