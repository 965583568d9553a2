//! The tag beside the views: a small synced file that says whether what sled left on the disk may be believed.
//!
//! sled doesn't sync its files. After the power was cut they may be a mixture of old and new pages, and nothing in
//! them would show it. So the tag notes, before sled is opened, during which boot of the machine that was.

use crate::journal::{Disk, RealDisk};
use crate::store::Index;
use std::io::{self, Read as _};
use std::path::Path;

const FILE: &str = "views.tag";
const HEAD: &str = "countersign views\n";

/// What the tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// How many records the journal had, at least: if it has fewer now, some were lost.
    pub(super) records: Index,
    /// How the views were left.
    pub(super) state: State,
}

/// How views were left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// They are being opened, or rebuilt.
    Opening,
    /// They are open, during this boot of the machine.
    Open(String),
    /// They were closed in order, and synced; their files were these.
    Clean(Checksum),
    /// They were closed in order, and synced; there are too many to be read before they are used.
    Synced,
}

impl Tag {
    fn encode(&self) -> String {
        let records = self.records;
        match &self.state {
            State::Opening => format!("{HEAD}records {records}\nopening\n"),
            State::Synced => format!("{HEAD}records {records}\nsynced\n"),
            State::Open(boot) => format!("{HEAD}records {records}\nopen {boot}\n"),
            State::Clean(Checksum { bytes, crc }) => {
                format!("{HEAD}records {records}\nclean {bytes} {crc:08x}\n")
            }
        }
    }

    fn decode(text: &str) -> Option<Self> {
        let (records, state) = text.strip_prefix(HEAD)?.strip_prefix("records ")?.split_once('\n')?;
        let state = match state.strip_suffix('\n')? {
            "opening" => State::Opening,
            "synced" => State::Synced,
            other => match other.split_once(' ')? {
                ("open", boot) => State::Open(boot.to_owned()),
                ("clean", files) => {
                    let (bytes, crc) = files.split_once(' ')?;
                    let crc = u32::from_str_radix(crc, 16).ok()?;
                    State::Clean(Checksum { bytes: bytes.parse().ok()?, crc })
                }
                _ => return None,
            },
        };
        let tag = Self { records: records.parse().ok()?, state };
        // Only what is written here is read here.
        (tag.encode() == text).then_some(tag)
    }

    /// The tag in a store's directory; `None` where there is none that makes sense.
    pub(super) fn read(dir: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(dir.join(FILE)) {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(Self::decode)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts the tag into a store's directory, synced.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        put(dir, FILE, self.encode().as_bytes())
    }
}

/// Puts a file into a directory, whole and synced, in the place of what was there.
pub(super) fn put(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (new, path) = (dir.join(format!("{name}.new")), dir.join(name));
    let file = RealDisk.create(&new)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    RealDisk.rename(&new, &path)?;
    RealDisk.sync_dir(dir)
}

/// What the files of a directory, and of those in it, were: their names and all their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checksum {
    bytes: u64,
    crc: u32,
}

impl Checksum {
    pub(super) fn of(dir: &Path) -> io::Result<Self> {
        let mut sum = Self::default();
        sum.add_directory(dir, 0)?;
        Ok(sum)
    }

    fn add_directory(&mut self, dir: &Path, depth: usize) -> io::Result<()> {
        if depth > 4 {
            return Err(io::Error::other("directories within directories"));
        }
        let mut paths: Vec<_> =
            std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        let mut buffer = vec![0; 256 << 10];
        for path in paths {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let there = std::fs::symlink_metadata(&path)?;
            self.add(name);
            self.add(&there.len().to_le_bytes());
            if there.is_dir() {
                self.add_directory(&path, depth + 1)?;
                continue;
            }
            let mut file = std::fs::File::open(&path)?;
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    read => self.add(buffer.get(..read).unwrap_or_default()),
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
        self.crc = crc32c::crc32c_append(self.crc, bytes);
    }
}

/// How many bytes the files of a directory, and of those in it, have.
pub(super) fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let there = entry.metadata()?;
        bytes += if there.is_dir() { size(&entry.path())? } else { there.len() };
    }
    Ok(bytes)
}

/// The name of this boot of the machine; `None` where the system doesn't tell.
pub(super) fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_anything_else_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Tag::read(dir.path()).unwrap(), None);
        let files = Checksum { bytes: 7, crc: 0xa0b };
        for state in [State::Opening, State::Synced, State::Open("some boot".to_owned()), State::Clean(files)]
        {
            let tag = Tag { records: 12, state };
            tag.write(dir.path()).unwrap();
            assert_eq!(Tag::read(dir.path()).unwrap(), Some(tag));
        }
        for wrong in [
            &b""[..],
            b"clean\n",
            b"countersign views\nrecords 1\nopening",
            b"countersign views\nrecords 01\nopening\n",
            b"countersign views\nrecords -1\nopening\n",
            b"countersign views\nrecords 1\nclean\n",
            b"countersign views\nrecords 1\nclean 7 A0B\n",
            b"countersign views\nrecords 1\nshut\n",
            b"countersign views\n\xff\n",
        ] {
            std::fs::write(dir.path().join(FILE), wrong).unwrap();
            assert_eq!(Tag::read(dir.path()).unwrap(), None);
        }
    }

    #[test]
    fn every_change_to_the_files_changes_their_checksum() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let sum = || Checksum::of(dir.path()).unwrap();
        let mut seen = vec![sum()];
        std::fs::write(path("a"), "12").unwrap();
        seen.push(sum());
        std::fs::write(path("b"), "3").unwrap();
        seen.push(sum());
        std::fs::write(path("a"), "1").unwrap();
        std::fs::write(path("b"), "23").unwrap();
        seen.push(sum());
        std::fs::create_dir(path("c")).unwrap();
        seen.push(sum());
        std::fs::rename(path("b"), path("c/b")).unwrap();
        seen.push(sum());
        let mut bytes = vec![0; 600_000];
        for place in [0, 262_143, 262_144, 599_999] {
            bytes[place] ^= 1;
            std::fs::write(path("a"), &bytes).unwrap();
            seen.push(sum());
        }
        let distinct = |(place, one): (usize, &Checksum)| !seen[..place].contains(one);
        assert!(seen.iter().enumerate().all(distinct), "{seen:?}");
        assert_eq!(sum(), sum());
    }
}
