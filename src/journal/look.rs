//! Looking into a journal that somebody else may hold and extend, without the lock and without changing anything.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, RealDisk};
use super::error::{Damage, Doing, JournalError, While};
use super::index::SegmentIndex;
use super::open::{damaged, fits, reads_whole, refuse_exposed, sealed, segment_number};
use super::reader::{Reader, Segment, Shared};
use super::scan::{header, scan};
use super::{Journal, SEGMENT, Verify};

/// How often the last segment is read again that seems damaged: it may be one that was being written.
const TRIES: usize = 5;

impl Journal {
    /// A reader of what the journal in `dir` holds now. What is appended later is not seen, and a last group that
    /// was never synced, or is just being written, is left out.
    ///
    /// Nothing is changed and no lock is taken, so that it works beside a running service. As much is read as
    /// [`Verify::BySize`] says; what is not as it was written is refused, as by [`Journal::open`].
    ///
    /// # Errors
    /// Where there is no journal, it is damaged or open to other users, or the file system says no.
    pub fn look(dir: &Path) -> Result<Reader, JournalError> {
        Self::look_on(Arc::new(RealDisk), dir)
    }

    /// Looks into the journal in `dir` of a disk; see [`Journal::look`].
    ///
    /// # Errors
    /// As [`Journal::look`].
    pub fn look_on(disk: Arc<dyn Disk>, dir: &Path) -> Result<Reader, JournalError> {
        let mut tries = 1;
        loop {
            match segments(&*disk, dir) {
                Err(JournalError::Damaged(_)) if tries < TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(segments) => return Ok(Reader::new(Arc::new(Shared::new(disk, segments)))),
            }
        }
    }
}

fn segments(disk: &dyn Disk, dir: &Path) -> Result<VecDeque<Segment>, JournalError> {
    refuse_exposed(disk, dir)?;
    let names = disk.list(dir).or_fault(Doing::List, dir)?;
    let number = |name: &String| {
        let (stem, ending) = name.rsplit_once('.')?;
        (ending == SEGMENT).then(|| segment_number(stem))?
    };
    let mut files: Vec<(u64, PathBuf)> =
        names.iter().filter_map(|name| Some((number(name)?, dir.join(name)))).collect();
    files.sort_unstable();
    if files.is_empty() {
        return Err(damaged(dir, 0, 0, Damage::NoSegments).into());
    }
    let mut segments: VecDeque<Segment> = VecDeque::with_capacity(files.len());
    let whole = reads_whole(disk, &files, Verify::BySize);
    let mut files = files.into_iter().peekable();
    while let Some((named, path)) = files.next() {
        refuse_exposed(disk, &path)?;
        let file = disk.open(&path).or_fault(Doing::Open, &path)?;
        let next = files.peek().map(|(_, path)| path.as_path());
        let index = SegmentIndex::read(disk, &path).filter(|_| !whole && next.is_some());
        let segment = match index.filter(|index| fits(disk, &*file, &path, index, next)) {
            Some(index) => {
                let chain = header(&*file, &path)?.0.chain;
                index.segment(path, chain)
            }
            None => {
                let found = scan(&*file, &path, next.is_none(), &mut |_, _| {})?;
                sealed(path, found)
            }
        };
        if segment.first != named {
            return Err(damaged(&segment.path, 0, named.min(segment.first), Damage::Name).into());
        }
        match segments.back() {
            Some(before) if before.next() != named => {
                let (place, offset) = (before.path.clone(), before.end);
                let what = Damage::Missing { until: named };
                return Err(damaged(&place, offset, before.next(), what).into());
            }
            Some(_) | None => segments.push_back(segment),
        }
    }
    Ok(segments)
}
