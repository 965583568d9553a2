//! The journal: an append-only sequence of records in segment files, each group synced before anybody hears of it.
//!
//! It is the truth of the embedded store and of the durable replay guard; everything else is folded from it.
//!
//! **What it promises.** A record that was acknowledged is there, byte for byte, after the process was killed and
//! after the power was cut. A group of records is there whole or not at all. Nothing is there that was not appended.
//!
//! **Opening.** Every byte is read and checked, or, of a long journal, every byte of the last segment and the headers
//! of the others ([`Verify`]). A last group that never was synced (its write was torn) is cut away and reported;
//! nobody had been told of it. Anything else that is not what was written is refused, with the file, the byte and the
//! record, and nothing is changed: what can't be trusted must be looked at by a person. The two can be told apart
//! because each group, and the mark that is left after it, proves that everything before it had been synced. What
//! can't be noticed is that the *last* group vanished together with its mark, as if it had never been written; signed
//! checkpoints kept elsewhere are there for that.
//!
//! Where a segment is not read, its index says where its records begin. An index is made when its segment ends, and
//! again when it is missing or in doubt; it is believed where it fits the headers of its segment and of the next. A
//! record that is read is checked against its checksum all the same, and everything that opening did not read can be
//! checked while the journal is in use ([`Reader::verify_segment`]).
//!
//! **Appending.** One write and one sync per group. Space is written ahead, so that a sync need not change the
//! file's size. A full disk refuses the group and leaves the journal as it was. A failed sync closes it for good:
//! what is on disk is unknown then, and only opening it again can tell.
//!
//! ```no_run
//! use std::path::Path;
//! use countersign::journal::{Journal, Options};
//!
//! let (mut journal, opened) = Journal::open(Path::new("/var/lib/countersign/journal"), Options::default())?;
//! assert_eq!(opened.cut, None);
//! let indices = journal.append_group(&["first", "second"])?; // durable from here on
//! assert_eq!(journal.reader().read(indices.start)?, b"first");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod commit;
mod disk;
mod error;
mod frame;
mod index;
mod look;
mod open;
mod reader;
mod scan;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use commit::{
    Answer, CommitError, CommitOptions, Committer, Deliver, Group, GroupCommit, Ledger, Stopped, TooLarge,
    Watch, Written,
};
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{AppendError, Damage, Damaged, Doing, IoFault, JournalError, ReadError};
pub use frame::MAX_RECORD;
pub use reader::{Reader, Records};

use error::While;
use frame::{FRAME, HEADER, Header};
use index::SegmentIndex;
use reader::{Segment, Shared};
use scan::ZEROS;

/// The most bytes that one group may take on disk: 64 MiB.
pub const MAX_GROUP: usize = 64 << 20;

/// How a journal is laid out on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment that would get longer than this is followed by a new one. At least one step, at most 1 GiB.
    pub segment_bytes: u32,
    /// Space is written ahead in pieces of this many bytes; from 512 bytes to 64 MiB. A segment keeps the step that
    /// it was made with.
    pub step_bytes: u32,
    /// Whether the beginning must be there.
    pub history: History,
    /// How much of it is read when it is opened.
    pub verify: Verify,
}

/// How much of a journal is read and checked when it is opened. What is not can be checked later, segment by segment,
/// with [`Reader::verify_segment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Every byte.
    Whole,
    /// The last segment; of those before it the header and the index, where that fits both neighbours.
    Tail,
    /// Every byte of a journal of at most [`WHOLE_UP_TO`] bytes, which takes a fraction of a second; of a longer one
    /// as [`Verify::Tail`] says.
    BySize,
}

/// The longest journal that is read whole where [`Verify::BySize`] is asked for: 256 MiB.
pub const WHOLE_UP_TO: u64 = 256 << 20;

/// Whether the beginning of a journal must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// From record zero: a journal that begins later has lost something.
    Whole,
    /// Segments may have been dropped from the front, with [`Journal::retire_before`].
    Retiring,
}

impl Default for Options {
    /// Segments of 64 MiB, 1 MiB ahead, the whole history, and all of it read while it is short.
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, step_bytes: 1 << 20, history: History::Whole, verify: Verify::BySize }
    }
}

impl Options {
    fn step(&self) -> u32 {
        self.step_bytes.clamp(512, 64 << 20)
    }

    fn segment_limit(&self) -> u64 {
        u64::from(self.segment_bytes.clamp(self.step(), 1 << 30))
    }
}

/// What opening a journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The indices of the records that are there.
    pub records: Range<u64>,
    /// The torn group at the end that was cut away, if there was one.
    pub cut: Option<Cut>,
    /// The records of segments whose bytes were not read, perhaps with others between them; see [`Verify`].
    pub unread: Range<u64>,
}

/// A torn group that was cut away: it had been written and never synced, so nobody had been told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub file: PathBuf,
    /// Where the group began.
    pub offset: u64,
    /// The index that its first record would have had, and the next record will have.
    pub index: u64,
}

/// An open journal, held by the one who appends. Readers are made with [`Journal::reader`].
pub struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: Options,
    active: Active,
    shared: Arc<Shared>,
    /// The fault that closed the journal.
    failed: Option<IoFault>,
    /// Reused for the bytes of each group.
    buffer: Vec<u8>,
    _lock: Box<dyn Send + Sync>,
}

/// The segment that is growing.
struct Active {
    file: Arc<dyn disk::DiskFile>,
    path: PathBuf,
    header: Header,
    seed: u32,
    chain: u32,
    /// The index of the next record.
    next: u64,
    /// Where its frame will begin.
    end: u64,
    /// Up to here the file is known to be long enough.
    allocated: u64,
}

impl Journal {
    /// Opens the journal in `dir` on this machine's file system, or begins one where there is none. The directory is
    /// made if it is missing; its parent must be there.
    ///
    /// # Errors
    /// Where it is open elsewhere, damaged, open to other users, or the file system says no.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Opened), JournalError> {
        Self::open_on(Arc::new(RealDisk), dir, options)
    }

    /// Appends records as one group, with one write and one sync; says their indices. On return they are durable and
    /// can be read.
    ///
    /// # Errors
    /// None of the records was appended, except that after [`AppendError::Unavailable`] it is unknown.
    pub fn append_group<R: AsRef<[u8]>>(&mut self, records: &[R]) -> Result<Range<u64>, AppendError> {
        if let Some(fault) = &self.failed {
            return Err(AppendError::Unavailable(fault.clone()));
        }
        let first = self.active.next;
        let Some(others) = records.len().checked_sub(1) else { return Ok(first..first) };
        let length = group_length(records)?;
        if self.active.end + length > self.options.segment_limit()
            && self.active.next > self.active.header.first
        {
            self.begin_segment()?;
        }
        self.make_room(self.active.end + length)?;

        let Active { seed, mut chain, end, .. } = self.active;
        let mut offsets = Vec::with_capacity(records.len());
        self.buffer.clear();
        for (place, (record, index)) in records.iter().zip(first..).enumerate() {
            offsets.push(small(end + self.buffer.len() as u64));
            let group = (small(place as u64), small((others - place) as u64));
            chain =
                frame::chain(chain, frame::put_record(&mut self.buffer, seed, index, group, record.as_ref()));
        }
        if let Err(error) = self.active.file.write_at(&self.buffer, end) {
            return Err(self.undo(IoFault::new(Doing::Write, &self.active.path, &error), length));
        }
        if let Err(error) = self.active.file.sync() {
            return Err(self.fail(IoFault::new(Doing::Sync, &self.active.path, &error)));
        }

        let indices = first..first + records.len() as u64;
        self.active.chain = chain;
        self.active.next = indices.end;
        self.active.end = end + length;
        if let Some(segment) = self.shared.segments_mut().back_mut() {
            segment.offsets.append(&mut offsets);
            segment.end = self.active.end;
        }
        self.buffer.clear();
        self.buffer.shrink_to(1 << 20);
        self.active.leave_mark();
        Ok(indices)
    }

    /// A reader of this journal, for any thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// The index that the next record will get.
    #[must_use]
    pub const fn next_index(&self) -> u64 {
        self.active.next
    }

    /// The index of the first record of each segment, oldest first: what [`Journal::retire_before`] can drop up to.
    #[must_use]
    pub fn segment_starts(&self) -> Vec<u64> {
        self.shared.segments().iter().map(|segment| segment.first).collect()
    }

    /// Drops whole segments that hold only records before `index`, oldest first, and says the index of the first
    /// record that is left. The last segment always stays, and a journal whose [`History`] is whole drops nothing.
    ///
    /// # Errors
    /// Where the file system says no; some segments may have been dropped by then.
    pub fn retire_before(&mut self, index: u64) -> Result<u64, IoFault> {
        loop {
            let (first, oldest) = {
                let segments = self.shared.segments();
                let first = segments.front().map_or(0, |segment| segment.first);
                let droppable = segments.get(1).is_some_and(|second| second.first <= index);
                let whole = self.options.history == History::Whole;
                (first, segments.front().filter(|_| droppable && !whole).map(|segment| segment.path.clone()))
            };
            let Some(path) = oldest else { return Ok(first) };
            // One at a time, each synced: a gap in the middle would be damage.
            self.disk.remove(&path).or_fault(Doing::Remove, &path)?;
            index::remove(&*self.disk, &path);
            self.shared.segments_mut().pop_front();
            self.disk.sync_dir(&self.dir).or_fault(Doing::Sync, &self.dir)?;
        }
    }

    /// Makes sure that the active segment is `upto` bytes long, by writing zeros ahead.
    fn make_room(&mut self, upto: u64) -> Result<(), AppendError> {
        let step = u64::from(self.active.header.step);
        let whole_steps = self.active.allocated.is_multiple_of(step);
        if upto <= self.active.allocated && whole_steps {
            return Ok(());
        }
        let upto = upto.max(self.active.allocated).next_multiple_of(step);
        if let Err(error) = write_zeros(&*self.active.file, self.active.allocated, upto) {
            let fault = IoFault::new(Doing::Write, &self.active.path, &error);
            // Zeros past the end are what is there anyway, however many were written.
            return Err(if fault.is_full() { AppendError::Full } else { self.fail(fault) });
        }
        if !whole_steps {
            // The power was cut while the file was made longer. A group that begins in the new space must not be
            // there before the new length is, or the file would look truncated.
            if let Err(error) = self.active.file.sync() {
                return Err(self.fail(IoFault::new(Doing::Sync, &self.active.path, &error)));
            }
        }
        self.active.allocated = upto;
        Ok(())
    }

    /// Begins a new segment after the active one. The old one stays as it is: nothing in it changes any more.
    fn begin_segment(&mut self) -> Result<(), AppendError> {
        // The mark at its end too: half of one there would be damage.
        if let Err(error) = self.active.file.sync() {
            return Err(self.fail(IoFault::new(Doing::Sync, &self.active.path, &error)));
        }
        let header = Header { first: self.active.next, chain: self.active.chain, step: self.options.step() };
        let (active, fault) = match create_segment(&*self.disk, &self.dir, header) {
            Ok(made) => made,
            Err(fault) if fault.is_full() => return Err(AppendError::Full),
            Err(fault) => return Err(AppendError::NoSegment(fault)),
        };
        if let Some(fault) = fault {
            return Err(self.fail(fault));
        }
        let mut segments = self.shared.segments_mut();
        let index = segments.back_mut().map(|sealed| {
            sealed.file = None;
            sealed.offsets.shrink_to_fit();
            SegmentIndex::of(sealed, header.chain)
        });
        segments.push_back(active.segment(Vec::new()));
        drop(segments);
        if let Some(index) = index {
            index.write(&*self.disk, &self.active.path);
        }
        self.active = active;
        Ok(())
    }

    /// After a failed write: takes back whatever part of the group reached the file.
    fn undo(&mut self, fault: IoFault, length: u64) -> AppendError {
        if !fault.is_full() {
            return self.fail(fault);
        }
        let Active { file, end, .. } = &self.active;
        // Whole frames of a refused group, left beyond a shorter group written later, must never be read as records.
        match write_zeros(&**file, *end, *end + length).and_then(|()| file.sync()) {
            Ok(()) => {
                self.active.leave_mark();
                AppendError::Full
            }
            Err(_) => self.fail(fault),
        }
    }

    fn fail(&mut self, fault: IoFault) -> AppendError {
        self.failed = Some(fault.clone());
        AppendError::Unavailable(fault)
    }
}

impl Active {
    /// Leaves a note after the last group that it was synced, so that damage to it is told from a torn write.
    ///
    /// It isn't synced itself, and nothing depends on it, so that it doesn't matter when it can't be written.
    fn leave_mark(&self) {
        if self.end + FRAME as u64 <= self.allocated {
            let _ = self.file.write_at(&frame::mark(self.seed, self.next), self.end);
        }
    }

    fn segment(&self, offsets: Vec<u32>) -> Segment {
        Segment {
            path: self.path.clone(),
            first: self.header.first,
            chain: self.header.chain,
            seed: self.seed,
            file: Some(Arc::clone(&self.file)),
            offsets,
            end: self.end,
        }
    }
}

/// Makes a segment under a passing name and gives it its real one when it is whole and synced, so that a segment
/// always has its header. The second part of the answer is a fault after which it may be there or not.
fn create_segment(disk: &dyn Disk, dir: &Path, header: Header) -> Result<(Active, Option<IoFault>), IoFault> {
    let passing = dir.join(format!("{:020}.{PASSING}", header.first));
    let path = dir.join(format!("{:020}.{SEGMENT}", header.first));
    let (bytes, seed) = header.encode();
    let made = (|| {
        let file = disk.create(&passing).or_fault(Doing::Create, &passing)?;
        let written = file
            .write_at(&bytes, 0)
            .and_then(|()| write_zeros(&*file, HEADER as u64, u64::from(header.step)));
        written.or_fault(Doing::Write, &passing)?;
        file.sync().or_fault(Doing::Sync, &passing)?;
        Ok(file)
    })();
    let file = made.inspect_err(|_| {
        // Opening sweeps away what is left of it.
        let _ = disk.remove(&passing);
    })?;
    let renamed = disk
        .rename(&passing, &path)
        .or_fault(Doing::Rename, &passing)
        .and_then(|()| disk.sync_dir(dir).or_fault(Doing::Sync, dir));
    let active = Active {
        file,
        path,
        header,
        seed,
        chain: header.chain,
        next: header.first,
        end: HEADER as u64,
        allocated: u64::from(header.step),
    };
    Ok((active, renamed.err()))
}

/// How the names of segments end, and of those not yet whole.
const SEGMENT: &str = "seg";
const PASSING: &str = "new";

fn write_zeros(file: &dyn DiskFile, from: u64, to: u64) -> std::io::Result<()> {
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
        file.write_at(ZEROS.get(..length).unwrap_or(&ZEROS), at)?;
        at += length as u64;
    }
    Ok(())
}

/// The bytes that a group takes on disk.
fn group_length<R: AsRef<[u8]>>(records: &[R]) -> Result<u64, AppendError> {
    let mut length = 0_usize;
    for record in records {
        let bytes = record.as_ref().len();
        if bytes > MAX_RECORD {
            return Err(AppendError::TooLarge { bytes, limit: MAX_RECORD });
        }
        length = length.saturating_add(FRAME + bytes);
    }
    if length > MAX_GROUP {
        return Err(AppendError::TooLarge { bytes: length, limit: MAX_GROUP });
    }
    Ok(length as u64)
}

/// A number that the limits on segments, groups and records keep far below 2³².
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
