//! The bytes of a segment file: its header, and the frame around each record.
//!
//! All integers are little endian.
//!
//! ```text
//! header  "CSJRNL\r\n"  version u32  step u32  first u64  chain u32  crc u32
//! frame   crc u32  length u32  index u64  before u32  after u32  payload
//! ```
//!
//! A frame's checksum covers everything after it and starts from the header's, so that neither a frame of another
//! segment nor bytes inside a payload pass for one. `before` and `after` count the other records of the group it was
//! written with: a group is there whole or not at all, and because each group was synced before the next was
//! written, a frame proves that everything before its group had been synced.

/// Bytes of a segment's header.
pub(super) const HEADER: usize = 32;
/// Bytes of a frame without its payload.
pub(super) const FRAME: usize = 24;
/// The longest payload of one record: 4 MiB.
pub const MAX_RECORD: usize = 4 << 20;

const MAGIC: [u8; 8] = *b"CSJRNL\r\n";
const VERSION: u32 = 1;
/// `before` and `after` of a mark, which is no record.
const MARK: u32 = u32::MAX;

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The index of its first record.
    pub(super) first: u64,
    /// The checksum over the checksums of all frames before it.
    pub(super) chain: u32,
    /// Space is written ahead in multiples of this.
    pub(super) step: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderFault {
    Invalid,
    Version(u32),
}

impl Header {
    /// Its bytes, and the seed of the checksums of its frames.
    pub(super) fn encode(self) -> ([u8; HEADER], u32) {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.step.to_le_bytes());
        bytes.extend(self.first.to_le_bytes());
        bytes.extend(self.chain.to_le_bytes());
        let seed = crc32c::crc32c(&bytes);
        bytes.extend(seed.to_le_bytes());
        let mut header = [0; HEADER];
        header.copy_from_slice(&bytes);
        (header, seed)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, u32), HeaderFault> {
        let mut fields = Fields(bytes);
        let read = (|| {
            let magic = fields.bytes::<8>()?;
            Some((magic, fields.u32()?, fields.u32()?, fields.u64()?, fields.u32()?, fields.u32()?))
        })();
        let Some((MAGIC, version, step, first, chain, seed)) = read else {
            return Err(HeaderFault::Invalid);
        };
        if bytes.get(..HEADER - 4).map(crc32c::crc32c) != Some(seed) {
            return Err(HeaderFault::Invalid);
        }
        if version != VERSION {
            return Err(HeaderFault::Version(version));
        }
        if step == 0 {
            return Err(HeaderFault::Invalid);
        }
        Ok((Self { first, chain, step }, seed))
    }
}

/// The head of a frame whose checksum was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) crc: u32,
    pub(super) length: u32,
    pub(super) index: u64,
    pub(super) before: u32,
    pub(super) after: u32,
}

impl Frame {
    /// Reads the head without judging it; the payload's length comes from it.
    pub(super) fn peek(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        Some(Self {
            crc: fields.u32()?,
            length: fields.u32()?,
            index: fields.u64()?,
            before: fields.u32()?,
            after: fields.u32()?,
        })
    }

    /// All bytes of the frame, or `None` where the length can't be right.
    pub(super) fn whole(self) -> Option<usize> {
        let length = usize::try_from(self.length).ok()?;
        (length <= MAX_RECORD).then_some(FRAME + length)
    }

    /// Reads a frame from bytes that hold at least all of it, and checks it.
    pub(super) fn read(bytes: &[u8], seed: u32) -> Option<(Self, &[u8])> {
        let frame = Self::peek(bytes)?;
        let covered = bytes.get(4..frame.whole()?)?;
        let payload = covered.get(FRAME - 4..)?;
        (crc32c::crc32c_append(seed, covered) == frame.crc).then_some((frame, payload))
    }

    /// A mark is no record: it says that all records before its index have been synced.
    pub(super) const fn is_mark(self) -> bool {
        self.before == MARK && self.after == MARK && self.length == 0
    }

    /// Every record before this index had been synced when the frame was written.
    pub(super) const fn proves(self) -> u64 {
        if self.is_mark() { self.index } else { self.index.saturating_sub(self.before as u64) }
    }
}

/// Appends a record's frame to `out` and says its checksum. `payload` is at most [`MAX_RECORD`] long.
pub(super) fn put_record(out: &mut Vec<u8>, seed: u32, index: u64, group: (u32, u32), payload: &[u8]) -> u32 {
    let start = out.len();
    out.extend([0; 4]);
    // `MAX_RECORD` is far below 4 GiB, so nothing is ever saturated.
    out.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(index.to_le_bytes());
    out.extend(group.0.to_le_bytes());
    out.extend(group.1.to_le_bytes());
    out.extend_from_slice(payload);
    let crc = out.get(start + 4..).map_or(seed, |covered| crc32c::crc32c_append(seed, covered));
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
    crc
}

/// The mark that says that everything before `index` has been synced.
pub(super) fn mark(seed: u32, index: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME);
    put_record(&mut out, seed, index, (MARK, MARK), &[]);
    out
}

/// The checksum over the checksums of all frames so far.
pub(super) fn chain(so_far: u32, crc: u32) -> u32 {
    crc32c::crc32c_append(so_far, &crc.to_le_bytes())
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Header = Header { first: 7, chain: 0xdead_beef, step: 4096 };

    #[test]
    fn a_header_reads_back_and_every_flipped_bit_is_seen() {
        let (bytes, seed) = HEAD.encode();
        assert_eq!(Header::decode(&bytes), Ok((HEAD, seed)));
        for bit in 0..HEADER * 8 {
            let mut hurt = bytes;
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&hurt), Err(HeaderFault::Invalid), "bit {bit}");
        }
        for short in 0..HEADER {
            assert_eq!(Header::decode(&bytes[..short]), Err(HeaderFault::Invalid));
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let (mut bytes, _) = HEAD.encode();
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(HeaderFault::Version(2)));
    }

    #[test]
    fn a_frame_reads_back_and_every_flipped_bit_is_seen() {
        let mut bytes = Vec::new();
        let crc = put_record(&mut bytes, 99, 12, (2, 3), b"what was decided");
        let (frame, payload) = Frame::read(&bytes, 99).unwrap();
        assert_eq!((payload, frame.crc), (&b"what was decided"[..], crc));
        assert_eq!((frame.index, frame.before, frame.after, frame.proves()), (12, 2, 3, 10));
        assert_eq!(Frame::read(&bytes, 98), None, "another segment's seed");
        for bit in 0..bytes.len() * 8 {
            let mut hurt = bytes.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::read(&hurt, 99), None, "bit {bit}");
        }
        for short in 0..bytes.len() {
            assert_eq!(Frame::read(&bytes[..short], 99), None);
        }
    }

    #[test]
    fn a_mark_is_no_record_and_zeros_are_neither() {
        let bytes = mark(5, 40);
        let (frame, _) = Frame::read(&bytes, 5).unwrap();
        assert!(frame.is_mark());
        assert_eq!(frame.proves(), 40);
        let (_, seed) = HEAD.encode();
        assert_eq!(Frame::read(&[0; FRAME], seed), None);
    }

    #[test]
    fn the_checksum_is_crc_32c() {
        // RFC 3720 B.4: 32 bytes of zeros, and of ones.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62a8_ab43);
    }
}
