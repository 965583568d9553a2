//! Reading records back, from any thread, while the journal goes on growing.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::disk::{Disk, DiskFile};
use super::error::{Damage, Damaged, Doing, IoFault, JournalError, ReadError};
use super::frame::Frame;
use super::scan::scan;

/// Reads a journal's synced records. Clones are cheap and share what they know.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// What the journal and its readers both see: records that have been synced, and nothing else.
pub(super) struct Shared {
    disk: Arc<dyn Disk>,
    state: RwLock<VecDeque<Segment>>,
}

pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first: u64,
    /// The checksum over the checksums of all frames before it.
    pub(super) chain: u32,
    pub(super) seed: u32,
    /// The open file of the segment that is still growing; others are opened when they are read.
    pub(super) file: Option<Arc<dyn DiskFile>>,
    /// Where each record's frame begins.
    pub(super) offsets: Vec<u32>,
    /// Where the last record's frame ends.
    pub(super) end: u64,
}

impl Segment {
    pub(super) fn next(&self) -> u64 {
        self.first + self.offsets.len() as u64
    }

    /// Where the frame of the record with this index begins, or where the last one ends.
    fn boundary(&self, index: u64) -> Option<u64> {
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        if place == self.offsets.len() {
            return Some(self.end);
        }
        self.offsets.get(place).map(|offset| u64::from(*offset))
    }

    /// The last boundary between frames that is not past `limit`; zero where there is none.
    fn boundary_up_to(&self, limit: u64) -> u64 {
        if self.end <= limit {
            return self.end;
        }
        let past = self.offsets.partition_point(|offset| u64::from(*offset) <= limit);
        past.checked_sub(1).and_then(|place| self.offsets.get(place)).map_or(0, |offset| u64::from(*offset))
    }
}

impl Shared {
    pub(super) fn new(disk: Arc<dyn Disk>, segments: VecDeque<Segment>) -> Self {
        Self { disk, state: RwLock::new(segments) }
    }

    /// A panic elsewhere can't leave the list half changed, so a poisoned lock is as good as any.
    pub(super) fn segments(&self) -> RwLockReadGuard<'_, VecDeque<Segment>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn segments_mut(&self) -> RwLockWriteGuard<'_, VecDeque<Segment>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some neighbouring frames of one segment, as read from disk and not yet checked.
struct Frames {
    path: PathBuf,
    seed: u32,
    bytes: Vec<u8>,
    /// Where `bytes` begins in the file.
    base: u64,
    /// The index of the frame at `used`.
    index: u64,
    /// How many bytes have been taken.
    used: usize,
}

impl Reader {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The index of the first record there is: zero unless the front of the journal was dropped.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.shared.segments().front().map_or(0, |segment| segment.first)
    }

    /// The index that the next record will get.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.shared.segments().back().map_or(0, Segment::next)
    }

    /// The record with this index, checked against its checksum.
    ///
    /// # Errors
    /// Where there is no such record, or it can't be read, or it is not what was written.
    pub fn read(&self, index: u64) -> Result<Vec<u8>, ReadError> {
        self.fetch(index, 0)?.take()
    }

    /// The records from `index` on, in order, with their indices, up to the end of the journal as it is when the
    /// iterator gets there. After an error it ends.
    #[must_use]
    pub fn iter_from(&self, index: u64) -> Records {
        Records { reader: self.clone(), next: Some(index), frames: None }
    }

    /// Reads the segment that holds `index` from its first byte to its last and checks all of it, as opening does where
    /// it reads everything; shows each record. Says where the next segment begins; `None` where this is the last one,
    /// which opening has read and which is growing.
    ///
    /// # Errors
    /// Where it can't be read, or is not what was written.
    pub fn verify_segment(
        &self,
        index: u64,
        see: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<Option<u64>, ReadError> {
        let (path, expected, following) = {
            let segments = self.shared.segments();
            let place = segments.partition_point(|segment| segment.first <= index);
            let Some(segment) = place.checked_sub(1).and_then(|place| segments.get(place)) else {
                return Err(ReadError::Retired { index, first: segments.front().map_or(0, |s| s.first) });
            };
            let Some(next) = segments.get(place) else { return Ok(None) };
            (segment.path.clone(), (segment.first, segment.chain), (next.first, next.chain))
        };
        let file = self.open_sealed(&path, index)?;
        let found = scan(&*file, &path, false, see).map_err(|error| match error {
            JournalError::Damaged(damaged) => ReadError::Damaged(damaged),
            JournalError::Io(fault) => ReadError::Io(fault),
            JournalError::Version { file, .. }
            | JournalError::Locked { dir: file }
            | JournalError::Exposed { path: file, .. } => {
                ReadError::Damaged(Damaged { file, offset: 0, index: expected.0, what: Damage::Header })
            }
        })?;
        let what = match (found.header.first, found.header.chain) == expected {
            true if (found.next(), found.chain) == following => return Ok(Some(following.0)),
            true => Damaged { file: path, offset: found.end, index: found.next(), what: Damage::Chain },
            false => Damaged { file: path, offset: 0, index: expected.0, what: Damage::Chain },
        };
        Err(ReadError::Damaged(what))
    }

    /// Reads the frame of `index` and as many more of its segment as fit into `about` bytes.
    fn fetch(&self, index: u64, about: u64) -> Result<Frames, ReadError> {
        let (path, seed, file, from, to) = {
            let segments = self.shared.segments();
            let place = segments.partition_point(|segment| segment.first <= index);
            let Some(segment) = place.checked_sub(1).and_then(|place| segments.get(place)) else {
                return Err(ReadError::Retired { index, first: segments.front().map_or(0, |s| s.first) });
            };
            let after = index.checked_add(1).and_then(|next| segment.boundary(next));
            let (Some(from), Some(to)) = (segment.boundary(index), after) else {
                return Err(ReadError::Beyond { index, end: segment.next() });
            };
            let to = to.max(segment.boundary_up_to(from + about));
            (segment.path.clone(), segment.seed, segment.file.clone(), from, to)
        };
        let file = match file {
            Some(file) => file,
            None => self.open_sealed(&path, index)?,
        };
        let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
        let read =
            file.read_at(&mut bytes, from).map_err(|error| IoFault::new(Doing::Read, &path, &error))?;
        bytes.truncate(read);
        Ok(Frames { path, seed, bytes, base: from, index, used: 0 })
    }

    fn open_sealed(&self, path: &Path, index: u64) -> Result<Arc<dyn DiskFile>, ReadError> {
        self.shared.disk.open(path).map_err(|error| {
            let first = self.first();
            if error.kind() == io::ErrorKind::NotFound && first > index {
                return ReadError::Retired { index, first };
            }
            ReadError::Io(IoFault::new(Doing::Open, path, &error))
        })
    }
}

impl Frames {
    /// Checks and takes the next frame.
    fn take(&mut self) -> Result<Vec<u8>, ReadError> {
        let rest = self.bytes.get(self.used..).unwrap_or_default();
        match Frame::read(rest, self.seed) {
            Some((frame, payload)) if frame.index == self.index && !frame.is_mark() => {
                let payload = payload.to_vec();
                self.index += 1;
                self.used += frame.whole().unwrap_or(0);
                Ok(payload)
            }
            Some(_) | None => Err(ReadError::Damaged(Damaged {
                file: self.path.clone(),
                offset: self.base + self.used as u64,
                index: self.index,
                what: Damage::Record,
            })),
        }
    }

    fn is_used_up(&self) -> bool {
        self.used >= self.bytes.len()
    }
}

/// The records of a journal in order; see [`Reader::iter_from`].
pub struct Records {
    reader: Reader,
    next: Option<u64>,
    frames: Option<Frames>,
}

/// How much an iterator reads at once.
const AT_ONCE: u64 = 256 << 10;

impl Iterator for Records {
    type Item = Result<(u64, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next?;
        if self.frames.as_ref().is_none_or(Frames::is_used_up) {
            self.frames = None;
            if index >= self.reader.end() {
                return None;
            }
            match self.reader.fetch(index, AT_ONCE) {
                Ok(frames) => self.frames = Some(frames),
                Err(error) => {
                    self.next = None;
                    return Some(Err(error));
                }
            }
        }
        let taken = self.frames.as_mut()?.take();
        self.next = taken.is_ok().then_some(index + 1);
        Some(taken.map(|record| (index, record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_found() {
        let segment = Segment {
            path: PathBuf::new(),
            first: 10,
            chain: 0,
            seed: 0,
            file: None,
            offsets: vec![32, 100, 200],
            end: 300,
        };
        let found: Vec<_> = (9..15).map(|index| segment.boundary(index)).collect();
        assert_eq!(found, [None, Some(32), Some(100), Some(200), Some(300), None]);
        let found: Vec<_> = [31, 32, 150, 299, 300, 999].map(|limit| segment.boundary_up_to(limit)).into();
        assert_eq!(found, [0, 32, 100, 200, 300, 300]);
    }
}
