//! Opening a journal: every byte is read and judged, a torn group at the end is cut away, damage is refused.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::error::{Damage, Damaged, Doing, IoFault, JournalError, While};
use super::frame::Header;
use super::reader::{Segment, Shared};
use super::scan::{Scan, scan};
use super::{Active, Cut, History, Journal, Opened, Options, PASSING, SEGMENT, create_segment, write_zeros};

/// Held while the journal is open. It has something in it once the journal has had a segment.
const LOCK: &str = "LOCK";

impl Journal {
    /// Opens the journal in `dir` of a disk, or begins one where there is none; see [`Journal::open`].
    ///
    /// # Errors
    /// Where it is open elsewhere, damaged, open to other users, or the disk says no.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: Options,
    ) -> Result<(Self, Opened), JournalError> {
        disk.create_dir(dir).or_fault(Doing::Create, dir)?;
        refuse_exposed(&*disk, dir)?;
        let lock_path = dir.join(LOCK);
        let Some(lock) = disk.lock(&lock_path).or_fault(Doing::Lock, &lock_path)? else {
            return Err(JournalError::Locked { dir: dir.to_owned() });
        };
        refuse_exposed(&*disk, &lock_path)?;
        let begun = disk.open(&lock_path).or_fault(Doing::Open, &lock_path)?;
        let begun_before = begun.size().or_fault(Doing::Read, &lock_path)? > 0;

        let files = list_segments(&*disk, dir)?;
        let (segments, active, cut) = if files.is_empty() {
            if begun_before {
                return Err(damaged(dir, 0, 0, Damage::NoSegments).into());
            }
            let header = Header { first: 0, chain: 0, step: options.step() };
            let (active, fault) = create_segment(&*disk, dir, header)?;
            if let Some(fault) = fault {
                return Err(fault.into());
            }
            (VecDeque::from([active.segment(Vec::new())]), active, None)
        } else {
            open_segments(&*disk, dir, files, options.history)?
        };
        if !begun_before {
            let noted = begun.write_at(b"a journal is kept here\n", 0).and_then(|()| begun.sync());
            noted.or_fault(Doing::Write, &lock_path)?;
        }

        let first = segments.front().map_or(active.next, |segment| segment.first);
        let opened = Opened { records: first..active.next, cut };
        let shared = Arc::new(Shared::new(Arc::clone(&disk), segments));
        let journal = Self {
            disk,
            dir: dir.to_owned(),
            options,
            active,
            shared,
            failed: None,
            buffer: Vec::new(),
            _lock: lock,
        };
        Ok((journal, opened))
    }
}

type Found = (VecDeque<Segment>, Active, Option<Cut>);

/// Reads all segments, in order of their names, and checks that each continues the one before it.
fn open_segments(
    disk: &dyn Disk,
    dir: &Path,
    files: Vec<(u64, PathBuf)>,
    history: History,
) -> Result<Found, JournalError> {
    let mut segments: VecDeque<Segment> = VecDeque::with_capacity(files.len() + 1);
    let mut files = files.into_iter().peekable();
    // Where the next segment must begin and what it must name as its chain; a retired front can't be checked.
    let mut due = (history == History::Whole).then_some((0, 0));
    while let Some((named, path)) = files.next() {
        refuse_exposed(disk, &path)?;
        let file = disk.open(&path).or_fault(Doing::Open, &path)?;
        let last = files.peek().is_none();
        let found = scan(&*file, &path, last)?;
        let Header { first, chain, .. } = found.header;
        if first != named {
            return Err(damaged(&path, 0, named.min(first), Damage::Name).into());
        }
        match due {
            Some((index, _)) if first > index => {
                let (place, offset) = segments.back().map_or((dir, 0), |before| (&*before.path, before.end));
                return Err(damaged(place, offset, index, Damage::Missing { until: first }).into());
            }
            Some(due) if due != (first, chain) => return Err(damaged(&path, 0, first, Damage::Chain).into()),
            Some(_) | None => due = Some((found.next(), found.chain)),
        }
        if last {
            let cut = found.torn.then(|| Cut { file: path.clone(), offset: found.end, index: found.next() });
            let (active, offsets) = resume(file, path, found)?;
            segments.push_back(active.segment(offsets));
            return Ok((segments, active, cut));
        }
        segments.push_back(sealed(path, found));
    }
    Err(damaged(dir, 0, 0, Damage::NoSegments).into())
}

pub(super) fn sealed(path: PathBuf, found: Scan) -> Segment {
    Segment {
        path,
        first: found.header.first,
        seed: found.seed,
        file: None,
        offsets: found.offsets,
        end: found.end,
    }
}

/// Makes sure that what was read of the last segment is what is on disk, and takes up writing where it ends.
///
/// Where no mark says that the last group had been synced, it may be in the system's memory only: the process was
/// killed before its sync, or the sync failed, after which the system takes the pages for written. So it is written
/// once more, with zeros after it, and synced, before anybody is told that it is there.
fn resume(file: Arc<dyn DiskFile>, path: PathBuf, found: Scan) -> Result<(Active, Vec<u32>), IoFault> {
    let next = found.next();
    let Scan { header, seed, offsets, chain, last_group, end, size, marked, .. } = found;
    let active = Active { file, path, header, seed, chain, next, end, allocated: size };
    if !marked {
        let mut group = vec![0; usize::try_from(end - last_group).unwrap_or(usize::MAX)];
        let read = active.file.read_at(&mut group, last_group).or_fault(Doing::Read, &active.path)?;
        group.truncate(read);
        let written = active.file.write_at(&group, last_group);
        let written = written.and_then(|()| write_zeros(&*active.file, end, size));
        written.or_fault(Doing::Write, &active.path)?;
        active.file.sync().or_fault(Doing::Sync, &active.path)?;
        active.leave_mark();
    }
    Ok((active, offsets))
}

/// The segments in `dir` by the index in their names. Sweeps away what is left of segments that were being made.
fn list_segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let mut files = Vec::new();
    for name in disk.list(dir).or_fault(Doing::List, dir)? {
        let path = dir.join(&name);
        match name.rsplit_once('.') {
            Some((stem, SEGMENT)) => match segment_number(stem) {
                Some(first) => files.push((first, path)),
                None => return Err(damaged(&path, 0, 0, Damage::Name).into()),
            },
            Some((stem, PASSING)) if segment_number(stem).is_some() => {
                disk.remove(&path).or_fault(Doing::Remove, &path)?;
            }
            Some(_) | None => {}
        }
    }
    // Also what the process before this one had renamed and not lived to sync.
    disk.sync_dir(dir).or_fault(Doing::Sync, dir)?;
    files.sort_unstable();
    Ok(files)
}

pub(super) fn segment_number(stem: &str) -> Option<u64> {
    (stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit())).then(|| stem.parse().ok())?
}

/// Nobody else may read or change a journal. The group's bits are let pass, because Kubernetes sets them on every
/// file of a volume whose pod has an `fsGroup`.
pub(super) fn refuse_exposed(disk: &dyn Disk, path: &Path) -> Result<(), JournalError> {
    let mode = disk.mode(path).or_fault(Doing::Open, path)?;
    if mode & 0o007 == 0 { Ok(()) } else { Err(JournalError::Exposed { path: path.to_owned(), mode }) }
}

pub(super) fn damaged(file: &Path, offset: u64, index: u64, what: Damage) -> Damaged {
    Damaged { file: file.to_owned(), offset, index, what }
}
