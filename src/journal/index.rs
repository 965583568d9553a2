//! The index beside a segment that has ended: where its records begin, so that opening need not read them all.
//!
//! It is made from the segment and can be made again. It is taken for true only where it fits what the segment's header
//! and the header of the next segment say, so that one of another segment, of another journal or of an earlier time is
//! no use to anybody. All integers are little endian.
//!
//! ```text
//! "CSJIDX\r\n"  version u32  seed u32  first u64  end u64  chain u32  records u32  offset u32 …  crc u32
//! ```

use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::frame::HEADER;
use super::reader::Segment;

/// How the names of indexes end.
pub(super) const INDEX: &str = "idx";
const MAGIC: [u8; 8] = *b"CSJIDX\r\n";
const VERSION: u32 = 1;

/// What an index says of its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentIndex {
    /// The checksum of the segment's header.
    pub(super) seed: u32,
    /// The index of its first record.
    pub(super) first: u64,
    /// Where its last record's frame ends.
    pub(super) end: u64,
    /// The checksum over the checksums of all frames up to there.
    pub(super) chain: u32,
    /// Where each record's frame begins.
    pub(super) offsets: Vec<u32>,
}

impl SegmentIndex {
    /// The index of a segment whose frames end in this chain.
    pub(super) fn of(segment: &Segment, chain: u32) -> Self {
        let Segment { seed, first, end, offsets, .. } = segment;
        Self { seed: *seed, first: *first, end: *end, chain, offsets: offsets.clone() }
    }

    /// The index of the record that comes after the last one in the segment.
    pub(super) fn next(&self) -> u64 {
        self.first.saturating_add(self.offsets.len() as u64)
    }

    /// Its segment, unread.
    pub(super) fn segment(&self, path: PathBuf, chain: u32) -> Segment {
        let Self { seed, first, end, offsets, .. } = self;
        Segment { path, first: *first, chain, seed: *seed, file: None, offsets: offsets.clone(), end: *end }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(44 + 4 * self.offsets.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.seed.to_le_bytes());
        bytes.extend(self.first.to_le_bytes());
        bytes.extend(self.end.to_le_bytes());
        bytes.extend(self.chain.to_le_bytes());
        bytes.extend(u32::try_from(self.offsets.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.offsets.iter().for_each(|offset| bytes.extend(offset.to_le_bytes()));
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads an index; `None` where it is not one, or not as it was written.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let rest = body.strip_prefix(&MAGIC)?.strip_prefix(&VERSION.to_le_bytes())?;
        let (seed, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (end, rest) = rest.split_first_chunk()?;
        let (chain, rest) = rest.split_first_chunk()?;
        let (records, rest) = rest.split_first_chunk()?;
        let (offsets, left) = rest.as_chunks();
        let offsets: Vec<u32> = offsets.iter().map(|offset| u32::from_le_bytes(*offset)).collect();
        let index = Self {
            seed: u32::from_le_bytes(*seed),
            first: u64::from_le_bytes(*first),
            end: u64::from_le_bytes(*end),
            chain: u32::from_le_bytes(*chain),
            offsets,
        };
        let records = u64::from(u32::from_le_bytes(*records));
        (left.is_empty() && records == index.offsets.len() as u64 && index.is_sensible()).then_some(index)
    }

    /// Whether frames can lie like this.
    fn is_sensible(&self) -> bool {
        let places = || self.offsets.iter().map(|offset| u64::from(*offset)).chain([self.end]);
        places().next() == Some(HEADER as u64) && places().is_sorted_by(|one, next| one < next)
    }

    /// Writes it beside its segment. Nothing depends on it: it isn't synced, and doesn't matter when it can't be written.
    pub(super) fn write(&self, disk: &dyn Disk, segment: &Path) {
        let path = path(segment);
        let written = disk.create(&path).and_then(|file| file.write_at(&self.encode(), 0));
        if written.is_err() {
            let _ = disk.remove(&path);
        }
    }

    /// The index beside a segment; `None` where there is none that can be read.
    pub(super) fn read(disk: &dyn Disk, segment: &Path) -> Option<Self> {
        let file = disk.open(&path(segment)).ok()?;
        // No segment has more bytes, nor its index.
        let size = file.size().ok().filter(|size| *size <= MOST)?;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        let read = file.read_at(&mut bytes, 0).ok()?;
        bytes.truncate(read);
        Self::decode(&bytes)
    }
}

const MOST: u64 = 1 << 30;

/// Removes the index of a segment that is gone.
pub(super) fn remove(disk: &dyn Disk, segment: &Path) {
    // One without its segment is nobody's business.
    let _ = disk.remove(&path(segment));
}

fn path(segment: &Path) -> PathBuf {
    segment.with_extension(INDEX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_and_every_flipped_bit_is_seen() {
        let index =
            SegmentIndex { seed: 1, first: 7, end: 300, chain: 0xdead_beef, offsets: vec![32, 100, 200] };
        let bytes = index.encode();
        assert_eq!(SegmentIndex::decode(&bytes), Some(index));
        for bit in 0..bytes.len() * 8 {
            let mut hurt = bytes.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentIndex::decode(&hurt), None, "bit {bit}");
        }
        for short in 0..bytes.len() {
            assert_eq!(SegmentIndex::decode(&bytes[..short]), None);
        }
    }

    #[test]
    fn frames_that_cannot_lie_so_are_refused() {
        for (offsets, end) in
            [(vec![], 31), (vec![33], 90), (vec![32, 32], 90), (vec![32, 90], 90), (vec![40, 32], 90)]
        {
            let index = SegmentIndex { seed: 1, first: 7, end, chain: 1, offsets };
            assert_eq!(SegmentIndex::decode(&index.encode()), None, "{index:?}");
        }
    }
}
