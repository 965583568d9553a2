//! Reading a segment file from its first byte to its last, and judging where it ends.

use std::io;
use std::path::Path;

use super::disk::DiskFile;
use super::error::{Damage, Damaged, Doing, IoFault, JournalError, While};
use super::frame::{self, FRAME, Frame, HEADER, Header, HeaderFault};

/// What a segment holds.
pub(super) struct Scan {
    pub(super) header: Header,
    /// Where its frames' checksums start from.
    pub(super) seed: u32,
    /// Where each record's frame begins.
    pub(super) offsets: Vec<u32>,
    /// The checksum over the checksums of all frames up to its end.
    pub(super) chain: u32,
    /// Where the last group begins.
    pub(super) last_group: u64,
    /// Where the last group ends.
    pub(super) end: u64,
    /// The length of the file.
    pub(super) size: u64,
    /// A mark says that the last group had been synced, and only zeros follow it.
    pub(super) marked: bool,
    /// A torn group begins at `end`.
    pub(super) torn: bool,
}

impl Scan {
    /// The index of the record that comes after the last one in this segment.
    pub(super) fn next(&self) -> u64 {
        self.header.first + self.offsets.len() as u64
    }
}

/// What a segment says about itself, and where its frames' checksums start from.
pub(super) fn header(file: &dyn DiskFile, path: &Path) -> Result<(Header, u32), JournalError> {
    let mut head = [0; HEADER];
    let read = file.read_at(&mut head, 0).or_fault(Doing::Read, path)?;
    decode(head.get(..read).unwrap_or_default(), path)
}

fn decode(head: &[u8], path: &Path) -> Result<(Header, u32), JournalError> {
    Header::decode(head).map_err(|fault| match fault {
        HeaderFault::Invalid => {
            let (file, index) = (path.to_owned(), named_first(path));
            Damaged { file, offset: 0, index, what: Damage::Header }.into()
        }
        HeaderFault::Version(found) => JournalError::Version { file: path.to_owned(), found },
    })
}

/// Reads all of a segment, and shows each record that is where it should be. Only the `last` segment of a journal may
/// end in a torn group: one that never was synced, because nothing that was written later is there.
pub(super) fn scan(
    file: &dyn DiskFile,
    path: &Path,
    last: bool,
    see: &mut dyn FnMut(u64, &[u8]),
) -> Result<Scan, JournalError> {
    let size = file.size().or_fault(Doing::Read, path)?;
    let mut window = Window::new(file, size);
    let damaged = |offset, index, what| Damaged { file: path.to_owned(), offset, index, what };
    let head = window.peek(HEADER).or_fault(Doing::Read, path)?;
    let (header, seed) = decode(head, path)?;
    window.advance(HEADER);

    let mut offsets = Vec::new();
    // What is sure: the records, the chain and the places up to the end of the last whole group.
    let (mut sure, mut chain, mut last_group, mut end) = (0, header.chain, HEADER as u64, HEADER as u64);
    let mut running = header.chain;
    let mut group = (0, 0); // the records of the current group that were read, and that are to come
    let tail_mark = loop {
        let at = window.position();
        let next = header.first + offsets.len() as u64;
        let read = window.frame(seed).or_fault(Doing::Read, path)?;
        let Some(frame) = read.filter(|frame| frame.index == next) else { break false };
        if frame.is_mark() {
            break group == (0, 0);
        }
        let continues = frame.before == group.0 && (group.0 == 0 || frame.after + 1 == group.1);
        let (Some(whole), Ok(offset), true) = (frame.whole(), u32::try_from(at), continues) else {
            break false;
        };
        see(next, window.payload(whole).or_fault(Doing::Read, path)?);
        offsets.push(offset);
        running = frame::chain(running, frame.crc);
        window.advance(whole);
        group = (group.0 + 1, frame.after);
        if frame.after == 0 {
            last_group = offsets.get(sure).map_or(end, |first| u64::from(*first));
            (sure, chain, end) = (offsets.len(), running, window.position());
            group = (0, 0);
        }
    };

    let at = window.position();
    let next = header.first + offsets.len() as u64;
    if tail_mark || (group == (0, 0) && window.half_mark(seed, next).or_fault(Doing::Read, path)?) {
        window.advance(FRAME);
    }
    let zeros = window.only_zeros().or_fault(Doing::Read, path)?;
    let torn = !zeros || group != (0, 0);
    if torn && (!last || something_later(file, path, seed, (at, size), next)?) {
        return Err(damaged(at, next, Damage::Record).into());
    }
    if last && is_truncated(size, header.step, last_group, sure) {
        return Err(damaged(size, header.first + sure as u64, Damage::Truncated).into());
    }
    offsets.truncate(sure);
    Ok(Scan { header, seed, offsets, chain, last_group, end, size, marked: tail_mark && zeros, torn })
}

/// The index in a segment's name, for telling what is lost where its header can't be read.
fn named_first(path: &Path) -> u64 {
    path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok()).unwrap_or(0)
}

/// A segment is at least one step long before it gets its name. Its length is another than a multiple of steps only
/// where the power was cut while it was made longer, and that was for a group that began before the new space.
fn is_truncated(size: u64, step: u32, last_group: u64, records: usize) -> bool {
    let step = u64::from(step);
    size < step || (!size.is_multiple_of(step) && records > 0 && last_group > size - size % step)
}

/// Whether, anywhere in a range of bytes, there is something that was written after record `index` had been synced.
///
/// With one frame destroyed it isn't known where the next begins, so every byte is tried.
fn something_later(
    file: &dyn DiskFile,
    path: &Path,
    seed: u32,
    (from, to): (u64, u64),
    index: u64,
) -> Result<bool, IoFault> {
    let mut rest = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut rest, from).or_fault(Doing::Read, path)?;
    rest.truncate(read);
    // A record made of beginnings of frames must not cost hours: past this many bytes, call it damaged.
    let mut budget = rest.len().saturating_mul(16).saturating_add(1 << 20);
    let most = index.saturating_add((rest.len() / FRAME) as u64 + 1);
    let mut bytes = rest.as_slice();
    while let Some(frame) = Frame::peek(bytes) {
        if frame.index >= index && frame.index <= most && frame.proves() > index {
            if Frame::read(bytes, seed).is_some() {
                return Ok(true);
            }
            let Some(left) = budget.checked_sub(frame.whole().unwrap_or(0).min(bytes.len())) else {
                return Ok(true);
            };
            budget = left;
        }
        bytes = bytes.get(1..).unwrap_or_default();
    }
    Ok(false)
}

/// What files are read through: a buffer that always holds the next bytes in one piece.
struct Window<'a> {
    file: &'a dyn DiskFile,
    size: u64,
    /// Where in the file `buffer` begins.
    base: u64,
    buffer: Vec<u8>,
    /// How much of `buffer` has been used.
    used: usize,
}

const CHUNK: usize = 256 << 10;

impl<'a> Window<'a> {
    fn new(file: &'a dyn DiskFile, size: u64) -> Self {
        Self { file, size, base: 0, buffer: Vec::new(), used: 0 }
    }

    fn position(&self) -> u64 {
        self.base + self.used as u64
    }

    /// The next `wanted` bytes, fewer at the end of the file.
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.used < wanted {
            self.buffer.drain(..self.used);
            self.base += self.used as u64;
            self.used = 0;
            let kept = self.buffer.len();
            let ahead = self.size.saturating_sub(self.base + kept as u64);
            let more = usize::try_from(ahead).unwrap_or(usize::MAX).min(wanted.max(CHUNK));
            self.buffer.resize(kept + more, 0);
            let read = match self.buffer.get_mut(kept..) {
                Some(room) => self.file.read_at(room, self.base + kept as u64)?,
                None => 0,
            };
            self.buffer.truncate(kept + read);
        }
        let rest = self.buffer.get(self.used..).unwrap_or_default();
        Ok(rest.get(..wanted).unwrap_or(rest))
    }

    fn advance(&mut self, by: usize) {
        self.used = self.used.saturating_add(by).min(self.buffer.len());
    }

    /// The frame that begins here, if its checksum is right.
    fn frame(&mut self, seed: u32) -> io::Result<Option<Frame>> {
        let Some(whole) = Frame::peek(self.peek(FRAME)?).and_then(Frame::whole) else { return Ok(None) };
        Ok(Frame::read(self.peek(whole)?, seed).map(|(frame, _)| frame))
    }

    /// What the frame of this length that begins here holds.
    fn payload(&mut self, whole: usize) -> io::Result<&[u8]> {
        Ok(self.peek(whole)?.get(FRAME..).unwrap_or_default())
    }

    /// Whether a mark begins here of which some part never reached the disk: it was never synced, and nobody needs it.
    fn half_mark(&mut self, seed: u32, index: u64) -> io::Result<bool> {
        let bytes = self.peek(FRAME)?;
        let mark = frame::mark(seed, index);
        Ok(bytes.iter().zip(&mark).all(|(is, should)| *is == 0 || is == should))
    }

    /// Whether the rest of the file is zeros; leaves the window wherever that became clear.
    fn only_zeros(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.peek(ZEROS.len())?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if ZEROS.get(..bytes.len()) != Some(bytes) {
                return Ok(false);
            }
            let length = bytes.len();
            self.advance(length);
        }
    }
}

/// Zeros to compare with and to write ahead.
pub(super) static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
