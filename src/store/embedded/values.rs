//! The side store: values that are kept apart from the log, one file each, until somebody has them erased.
//!
//! A file is named by the digest of what is in it, salt and value. It is written, and on the disk, before the record
//! that names it; until then its name ends in `.new`, so that one whose record never came is found and swept. Of an
//! erased value the empty file stays: it tells erasing from losing.

use crate::audit::apart::{Kept, digest};
use crate::digest::ValueDigest;
use crate::files;
use crate::store::{Index, StoreError};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The folder of the values within a store's.
const VALUES: &str = "values";
const NEW: &str = ".new";
/// Beside a value that is about to be erased: how many records there were before the one that says so.
const ERASING: &str = ".erasing";

/// Keeps values.
#[derive(Clone, Debug)]
pub(super) struct Values {
    folder: PathBuf,
}

impl Values {
    /// The values of the store in `dir`.
    pub(super) fn of(dir: &Path) -> Self {
        Self { folder: dir.join(VALUES) }
    }

    /// Writes values, each durably.
    pub(super) fn keep(&self, kept: &[Kept]) -> Result<(), StoreError> {
        let written = (|| {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            for one in kept {
                files::write_private(&self.unsettled(&one.value), &one.bytes)?;
            }
            File::open(&self.folder)?.sync_all()
        })();
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        written.map_err(|error| match full.contains(&error.kind()) {
            true => StoreError::Full,
            false => trouble("keep a value in", &self.folder, &error),
        })
    }

    /// Gives values their names, now that they are recorded.
    pub(super) fn settle(&self, values: &[ValueDigest]) {
        for value in values {
            // Under its first name it is found as well.
            drop(fs::rename(self.unsettled(value), self.path(value)));
        }
    }

    /// Salt and value; nothing if it was erased.
    pub(super) fn read(&self, value: &ValueDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(value);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::read(self.unsettled(value)),
            read => read,
        };
        match bytes {
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) if digest(&bytes) == *value => Ok(Some(bytes)),
            Ok(_) => Err(StoreError::Damaged(format!("`{}` is not as it was written", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Damaged(format!("`{}` is missing, and nobody erased it", path.display())))
            }
            Err(error) => Err(trouble("read", &path, &error)),
        }
    }

    /// Whether there is such a value, or was before it was erased.
    pub(super) fn has(&self, value: &ValueDigest) -> Result<bool, StoreError> {
        let there = |path: PathBuf| path.try_exists().map_err(|error| trouble("look for", &path, &error));
        Ok(there(self.path(value))? || there(self.unsettled(value))?)
    }

    /// Notes, durably, that a value is about to be erased, by a record that comes after so many.
    pub(super) fn will_erase(&self, value: &ValueDigest, records: Index) -> Result<(), StoreError> {
        let path = self.erasing(value);
        let noted = (|| {
            files::write_private(&path, records.to_string().as_bytes())?;
            File::open(&self.folder)?.sync_all()
        })();
        noted.map_err(|error| trouble("note what is to be erased in", &path, &error))
    }

    /// Erases what was about to be erased when the process ended, if a record from that place on says that it is.
    pub(super) fn finish(
        &self,
        erased: impl Fn(Index) -> Result<BTreeSet<ValueDigest>, StoreError>,
    ) -> Result<(), StoreError> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Ok(()) };
        let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        for name in entries.filter_map(name) {
            let Some(value) = name.strip_suffix(ERASING).and_then(ValueDigest::parse) else { continue };
            let noted = fs::read_to_string(self.erasing(&value));
            // A note that is not whole was never followed by a record; from the first on is right in any case.
            let from = noted.ok().and_then(|text| text.parse().ok()).unwrap_or(0);
            match erased(from)?.contains(&value) {
                true => self.erase(&value)?,
                false => drop(fs::remove_file(self.erasing(&value))),
            }
        }
        Ok(())
    }

    /// Erases a value, durably; erasing again does nothing.
    pub(super) fn erase(&self, value: &ValueDigest) -> Result<(), StoreError> {
        let path = self.path(value);
        let erased = (|| {
            drop(fs::rename(self.unsettled(value), &path));
            let file = fs::OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
            drop(fs::remove_file(self.erasing(value)));
            Ok(())
        })();
        erased.map_err(|error| trouble("erase", &path, &error))
    }

    /// Takes away what was written for a record that never came: all that `named` does not know. It is asked only if
    /// there is something in doubt.
    pub(super) fn sweep(
        &self,
        named: impl FnOnce() -> Result<BTreeSet<ValueDigest>, StoreError>,
    ) -> Result<(), StoreError> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Ok(()) };
        let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let doubtful: Vec<String> = entries.filter_map(name).filter(|name| name.contains(NEW)).collect();
        if doubtful.is_empty() {
            return Ok(());
        }
        let named = named()?;
        for name in doubtful {
            match name.strip_suffix(NEW).and_then(ValueDigest::parse) {
                Some(value) if named.contains(&value) => self.settle(&[value]),
                Some(_) | None => drop(fs::remove_file(self.folder.join(&name))),
            }
        }
        Ok(())
    }

    fn path(&self, value: &ValueDigest) -> PathBuf {
        self.folder.join(value.to_string())
    }

    fn erasing(&self, value: &ValueDigest) -> PathBuf {
        self.folder.join(format!("{value}{ERASING}"))
    }

    fn unsettled(&self, value: &ValueDigest) -> PathBuf {
        self.folder.join(format!("{value}{NEW}"))
    }
}

fn trouble(doing: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("cannot {doing} `{}`: {error}", path.display()))
}
