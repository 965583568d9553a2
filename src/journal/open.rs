//! Opening a journal: what is read is judged, a torn group at the end is cut away, damage is refused.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile};
use super::error::{Damage, Damaged, Doing, IoFault, JournalError, While};
use super::frame::Header;
use super::index::{self, INDEX, SegmentIndex};
use super::reader::{Segment, Shared};
use super::scan::{Scan, header, scan};
use super::{
    Active, Cut, History, Journal, Opened, Options, PASSING, SEGMENT, Verify, WHOLE_UP_TO, create_segment,
    write_zeros,
};

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

        let (files, indexes) = list_segments(&*disk, dir)?;
        let orphan = |(first, _): &&(u64, PathBuf)| files.iter().all(|(other, _)| other != first);
        let orphans: Vec<PathBuf> = indexes.iter().filter(orphan).map(|(_, path)| path.clone()).collect();
        let (segments, active, cut, unread) = if files.is_empty() {
            if begun_before {
                return Err(damaged(dir, 0, 0, Damage::NoSegments).into());
            }
            let header = Header { first: 0, chain: 0, step: options.step() };
            let (active, fault) = create_segment(&*disk, dir, header)?;
            if let Some(fault) = fault {
                return Err(fault.into());
            }
            (VecDeque::from([active.segment(Vec::new())]), active, None, 0..0)
        } else {
            open_segments(&*disk, dir, files, options)?
        };
        for orphan in orphans {
            index::remove(&*disk, &orphan);
        }
        if !begun_before {
            let noted = begun.write_at(b"a journal is kept here\n", 0).and_then(|()| begun.sync());
            noted.or_fault(Doing::Write, &lock_path)?;
        }

        let first = segments.front().map_or(active.next, |segment| segment.first);
        let opened = Opened { records: first..active.next, cut, unread };
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

type Found = (VecDeque<Segment>, Active, Option<Cut>, Range<u64>);

/// Reads all segments, in order of their names, and checks that each continues the one before it.
fn open_segments(
    disk: &dyn Disk,
    dir: &Path,
    files: Vec<(u64, PathBuf)>,
    options: Options,
) -> Result<Found, JournalError> {
    let mut segments: VecDeque<Segment> = VecDeque::with_capacity(files.len() + 1);
    let whole = reads_whole(disk, &files, options.verify);
    let mut files = files.into_iter().peekable();
    let (mut unread, mut without_index) = (0..0, Vec::new());
    // Where the next segment must begin and what it must name as its chain; a retired front can't be checked.
    let mut due = (options.history == History::Whole).then_some((0, 0));
    while let Some((named, path)) = files.next() {
        refuse_exposed(disk, &path)?;
        let file = disk.open(&path).or_fault(Doing::Open, &path)?;
        let next = files.peek().map(|(_, path)| path.as_path());
        let known = SegmentIndex::read(disk, &path).filter(|_| next.is_some());
        let fitting = known.as_ref().filter(|index| !whole && fits(disk, &*file, &path, index, next));
        if let Some(index) = fitting {
            let (header, _) = header(&*file, &path)?;
            check_place(dir, &segments, &path, named, header, due)?;
            due = Some((index.next(), index.chain));
            unread = if unread.is_empty() { index.first } else { unread.start }..index.next();
            segments.push_back(index.segment(path, header.chain));
            continue;
        }
        let found = scan(&*file, &path, next.is_none(), &mut |_, _| {})?;
        check_place(dir, &segments, &path, named, found.header, due)?;
        due = Some((found.next(), found.chain));
        if next.is_none() {
            // Only now is it known that all of it may be believed.
            without_index.iter().for_each(|(path, index): &(PathBuf, SegmentIndex)| index.write(disk, path));
            let cut = found.torn.then(|| Cut { file: path.clone(), offset: found.end, index: found.next() });
            let (active, offsets) = resume(file, path, found)?;
            segments.push_back(active.segment(offsets));
            return Ok((segments, active, cut, unread));
        }
        let chain = found.chain;
        let segment = sealed(path, found);
        let index = SegmentIndex::of(&segment, chain);
        if known.as_ref() != Some(&index) {
            without_index.push((segment.path.clone(), index));
        }
        segments.push_back(segment);
    }
    Err(damaged(dir, 0, 0, Damage::NoSegments).into())
}

/// Whether every byte is to be read.
pub(super) fn reads_whole(disk: &dyn Disk, files: &[(u64, PathBuf)], verify: Verify) -> bool {
    let size = |path: &Path| disk.open(path).and_then(|file| file.size()).unwrap_or(0);
    match verify {
        Verify::Whole => true,
        Verify::Tail => false,
        Verify::BySize => {
            files.iter().map(|(_, path)| size(path)).fold(0, u64::saturating_add) <= WHOLE_UP_TO
        }
    }
}

/// Whether an index is that of this segment as it stands before the next one. Where it isn't, whatever the reason, the
/// segment is read.
pub(super) fn fits(
    disk: &dyn Disk,
    file: &dyn DiskFile,
    path: &Path,
    index: &SegmentIndex,
    next: Option<&Path>,
) -> bool {
    let own = header(file, path).is_ok_and(|(own, seed)| (own.first, seed) == (index.first, index.seed));
    let long_enough = file.size().is_ok_and(|size| size >= index.end);
    let following = next.and_then(|next| header(&*disk.open(next).ok()?, next).ok());
    let continued =
        following.is_some_and(|(next, _)| (next.first, next.chain) == (index.next(), index.chain));
    own && long_enough && continued
}

/// Refuses a segment that is not the one that must come after `before`.
fn check_place(
    dir: &Path,
    before: &VecDeque<Segment>,
    path: &Path,
    named: u64,
    Header { first, chain, .. }: Header,
    due: Option<(u64, u32)>,
) -> Result<(), JournalError> {
    if first != named {
        return Err(damaged(path, 0, named.min(first), Damage::Name).into());
    }
    match due {
        Some((index, _)) if first > index => {
            let (place, offset) = before.back().map_or((dir, 0), |before| (&*before.path, before.end));
            Err(damaged(place, offset, index, Damage::Missing { until: first }).into())
        }
        Some(due) if due != (first, chain) => Err(damaged(path, 0, first, Damage::Chain).into()),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn sealed(path: PathBuf, found: Scan) -> Segment {
    Segment {
        path,
        first: found.header.first,
        chain: found.header.chain,
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

/// Files by the index in their names.
type Numbered = Vec<(u64, PathBuf)>;

/// The segments in `dir`, in order, and the indexes. Sweeps away what is left of segments that were being made.
fn list_segments(disk: &dyn Disk, dir: &Path) -> Result<(Numbered, Numbered), JournalError> {
    let (mut files, mut indexes) = (Vec::new(), Vec::new());
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
            Some((stem, INDEX)) => indexes.extend(segment_number(stem).map(|first| (first, path))),
            Some(_) | None => {}
        }
    }
    // Also what the process before this one had renamed and not lived to sync.
    disk.sync_dir(dir).or_fault(Doing::Sync, dir)?;
    files.sort_unstable();
    Ok((files, indexes))
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
