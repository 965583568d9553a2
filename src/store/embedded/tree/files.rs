//! The files of the tree: the hashes of each level one after the other, and the edge that was kept last.
//!
//! ```text
//! 0, 1, 2 …   hashes of 32 bytes: of the leaves, of 256 leaves each, of 65 536 …
//! edge        "CSTREE\r\n"  version u32  first hash  last hash  levels u8, for each: how many u8, hashes …  crc u32
//! ```
//!
//! What the edge counts was synced before it was written. More may follow in the level files, of which nobody knows
//! whether it reached the disk; it is written again.

use super::State;
use super::edge::{Edge, LEVELS, count};
use crate::journal::{Disk, DiskFile, RealDisk};
use crate::store::Index;
use crate::store::embedded::tag;
use crate::tlog::Hash;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const FOLDER: &str = "tree";
const EDGE: &str = "edge";
const MAGIC: &[u8] = b"CSTREE\r\n\x01\0\0\0";
const BYTES: usize = Hash::BYTES;

/// An edge that is kept, with the hashes of the first and the last record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) ends: (Hash, Hash),
    pub(super) edge: Edge,
}

impl Mark {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.ends.0.as_bytes());
        bytes.extend(self.ends.1.as_bytes());
        // Eight levels of less than 256 hashes at most.
        let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        bytes.push(small(self.edge.levels().len()));
        for tile in self.edge.levels() {
            bytes.push(small(tile.len()));
            tile.iter().for_each(|hash| bytes.extend(hash.as_bytes()));
        }
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let mut hash = || {
            let (hash, more) = rest.split_first_chunk()?;
            rest = more;
            Some(Hash::from_bytes(*hash))
        };
        let ends = (hash()?, hash()?);
        let (levels, mut rest) = rest.split_first()?;
        let mut tiles = Vec::new();
        for _ in 0..*levels {
            let (length, more) = rest.split_first()?;
            let (hashes, more) = more.split_at_checked(usize::from(*length) * BYTES)?;
            tiles.push(hashes_in(hashes));
            rest = more;
        }
        let edge = Edge::of(tiles)?;
        rest.is_empty().then_some(Self { ends, edge })
    }
}

fn hashes_in(bytes: &[u8]) -> Vec<Hash> {
    let (hashes, _) = bytes.as_chunks::<BYTES>();
    hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect()
}

/// The folder of the tree.
pub(super) struct Files {
    folder: PathBuf,
    open: Mutex<[Option<Arc<dyn DiskFile>>; LEVELS]>,
}

impl Files {
    /// The tree's files in a store's directory.
    pub(super) fn of(dir: &Path) -> Self {
        Self { folder: dir.join(FOLDER), open: Mutex::default() }
    }

    /// Makes the folder if it is missing.
    pub(super) fn make(&self) -> io::Result<()> {
        RealDisk.create_dir(&self.folder)
    }

    /// The edge that was kept last; `None` where there is none that can be believed.
    pub(super) fn mark(&self) -> Option<Mark> {
        Mark::decode(&std::fs::read(self.folder.join(EDGE)).ok()?)
    }

    /// Keeps an edge whose hashes are in the files.
    pub(super) fn keep(&self, mark: &Mark) -> io::Result<()> {
        for level in 0..mark.edge.levels().len() {
            self.level(level, true)?.sync()?;
        }
        RealDisk.sync_dir(&self.folder)?;
        tag::put(&self.folder, EDGE, &mark.encode())
    }

    fn level(&self, level: usize, make: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = open.get_mut(level) else { return Err(io::ErrorKind::InvalidInput.into()) };
        if let Some(file) = place {
            return Ok(Arc::clone(file));
        }
        let path = self.folder.join(level.to_string());
        let file = match RealDisk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && make => RealDisk.create(&path)?,
            other => other?,
        };
        *place = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Whether the files are long enough for this edge.
    pub(super) fn hold(&self, edge: &Edge) -> bool {
        (0..edge.levels().len()).all(|level| {
            let wanted = edge.count(level) * BYTES as u64;
            wanted == 0
                || self.level(level, false).and_then(|file| file.size()).is_ok_and(|size| size >= wanted)
        })
    }

    /// Hashes as they are; fewer where there are not so many.
    pub(super) fn read(&self, level: usize, range: Range<u64>) -> io::Result<Vec<Hash>> {
        let many = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        if many == 0 {
            return Ok(Vec::new());
        }
        let file = match self.level(level, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut bytes = vec![0; many.saturating_mul(BYTES)];
        let read = file.read_at(&mut bytes, range.start * BYTES as u64)?;
        bytes.truncate(read);
        Ok(hashes_in(&bytes))
    }

    /// Writes the fresh hashes, where they are not there already, and counts them as filed.
    pub(super) fn append(&self, state: &mut State) -> io::Result<()> {
        for (level, (filed, fresh)) in state.filed.iter_mut().zip(&mut state.fresh).enumerate() {
            if fresh.is_empty() {
                continue;
            }
            let many = fresh.len() as u64;
            if self.read(level, *filed..*filed + many)? != *fresh {
                let bytes: Vec<u8> = fresh.iter().flat_map(|hash| *hash.as_bytes()).collect();
                self.level(level, true)?.write_at(&bytes, *filed * BYTES as u64)?;
            }
            *filed += many;
            fresh.clear();
        }
        Ok(())
    }

    /// The first record among the fresh ones whose hash is in the file, and is another.
    pub(super) fn first_difference(&self, state: &State) -> Option<Index> {
        let [filed, ..] = state.filed;
        let [fresh, ..] = &state.fresh;
        let there = self.read(0, filed..count(state.edge.size(), 0)).ok()?;
        let place = there.iter().zip(fresh).position(|(one, other)| one != other)?;
        Some(filed + place as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::leaf_hash;

    #[test]
    fn a_mark_is_read_back_and_every_flipped_bit_is_seen() {
        for size in [0, 1, 255, 256, 300, 65_536, 65_800_u32] {
            let mut edge = Edge::default();
            (0..size).for_each(|n| edge.push(leaf_hash(&n.to_be_bytes()), |_, _| {}));
            let mark = Mark { ends: (leaf_hash(b"first"), leaf_hash(b"last")), edge };
            let bytes = mark.encode();
            assert_eq!(Mark::decode(&bytes), Some(mark));
            for bit in (0..bytes.len() * 8).step_by(if size > 300 { 37 } else { 1 }) {
                let mut hurt = bytes.clone();
                hurt[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Mark::decode(&hurt), None, "bit {bit}");
            }
            for short in 0..bytes.len() {
                assert_eq!(Mark::decode(&bytes[..short]), None);
            }
        }
    }
}
