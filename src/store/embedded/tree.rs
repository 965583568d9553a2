//! The log's tree over the records: its right edge in memory, and its hashes in files that the journal can bring back.
//!
//! Nothing in the files is believed: each tile that is read must hash to what the level above it says, up to the edge,
//! and the edge was made from the records themselves, or kept with a checksum and compared with them.

mod edge;
mod files;

use super::error::StoreOpenError;
use crate::journal::{ReadError, Reader};
use crate::store::{Head, Index, StoreError};
use crate::tlog::{Hash, leaf_hash};
use edge::{Edge, LEVELS, WIDTH, joined};
use files::{Files, Mark};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// So many records may come before the edge is kept again: what a killed process leaves to be hashed.
const KEPT_EVERY: u64 = 16_384;
/// How many records are hashed before their hashes are written.
const AT_ONCE: usize = 4096;

/// The tree of an open store.
pub(super) struct Tree {
    /// Nothing is hashed.
    asleep: bool,
    files: Files,
    state: RwLock<State>,
    /// How many leaves the edge had when it was kept last; the thread that writes the files is the only one to ask.
    kept: AtomicU64,
    /// Why nothing more may be recorded: the records are not what they were.
    unsound: watch::Sender<Option<StoreError>>,
}

/// What is in memory.
#[derive(Clone, Debug, Default)]
struct State {
    edge: Edge,
    /// The hashes of the first and the last record.
    ends: (Hash, Hash),
    /// How many hashes of each level are in its file.
    filed: [u64; LEVELS],
    /// Those that come after them.
    fresh: [Vec<Hash>; LEVELS],
}

impl State {
    fn push(&mut self, leaf: Hash) {
        if self.edge.size() == 0 {
            self.ends.0 = leaf;
        }
        self.ends.1 = leaf;
        let fresh = &mut self.fresh;
        self.edge.push(leaf, |level, hash| {
            if let Some(level) = fresh.get_mut(level) {
                level.push(hash);
            }
        });
    }

    fn mark(&self) -> Mark {
        Mark { ends: self.ends, edge: self.edge.clone() }
    }
}

/// What went wrong with the tree.
pub(super) enum TreeTrouble {
    /// The journal could not be read.
    Read(ReadError),
    /// This record, or one before it, is not the one that was hashed when it was recorded.
    Altered(Index),
}

impl Tree {
    /// Takes up the tree of the journal's records before `end` in a store's directory. `whole` has every record hashed
    /// again, so that one that was altered together with its checksum is found.
    pub(super) fn open(
        dir: &Path,
        reader: &Reader,
        end: Index,
        whole: bool,
    ) -> Result<(Self, Index), StoreOpenError> {
        let files = Files::of(dir);
        let known = files.mark().filter(|mark| mark.edge.size() <= end);
        let known = match known {
            Some(mark) if is_of(&mark, reader)? => Some(mark),
            Some(_) | None => None,
        };
        let had = known.as_ref().map_or(0, |mark| mark.edge.size());
        let mut state = State::default();
        if let Some(mark) = known.as_ref().filter(|mark| !whole && files.hold(&mark.edge)) {
            (state.edge, state.ends) = (mark.edge.clone(), mark.ends);
            state.filed = std::array::from_fn(|level| mark.edge.count(level));
        }
        files.make().map_err(|error| StoreOpenError::Io { dir: dir.to_owned(), kind: error.kind() })?;
        let tree = Self {
            asleep: false,
            files,
            kept: AtomicU64::new(state.edge.size()),
            state: RwLock::default(),
            unsound: watch::Sender::new(None),
        };
        match tree.hash(&mut state, reader, end, known.as_ref().map(|mark| &mark.edge)) {
            Ok(()) => {}
            Err(TreeTrouble::Read(error)) => return Err(StoreOpenError::Read(error)),
            Err(TreeTrouble::Altered(index)) => {
                return Err(StoreOpenError::Altered { dir: dir.to_owned(), index });
            }
        }
        *tree.state_mut() = state;
        Ok((tree, had))
    }

    /// No tree: nothing is hashed.
    pub(super) fn without(dir: &Path) -> Self {
        Self {
            asleep: true,
            files: Files::of(dir),
            state: RwLock::default(),
            kept: AtomicU64::new(0),
            unsound: watch::Sender::new(None),
        }
    }

    /// The hash that a record's leaf will have.
    pub(super) fn leaf(&self, bytes: &[u8]) -> Hash {
        if self.asleep { Hash::default() } else { leaf_hash(bytes) }
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hashes the records up to `end` that are not in `state` yet, and files what is not in the files. `known` is an
    /// edge that the tree had at some size.
    fn hash(
        &self,
        state: &mut State,
        reader: &Reader,
        end: Index,
        known: Option<&Edge>,
    ) -> Result<(), TreeTrouble> {
        let mut records = reader.iter_from(state.edge.size());
        let mut differs = None;
        while state.edge.size() < end {
            for read in records.by_ref().take(AT_ONCE) {
                let (_, bytes) = read.map_err(TreeTrouble::Read)?;
                state.push(leaf_hash(&bytes));
                let here = known.filter(|known| known.size() == state.edge.size());
                if here.is_some_and(|known| *known != state.edge) {
                    let first = differs.or_else(|| self.files.first_difference(state));
                    return Err(TreeTrouble::Altered(first.unwrap_or(state.edge.size() - 1)));
                }
                if state.edge.size() == end {
                    break;
                }
            }
            differs = differs.or_else(|| self.files.first_difference(state));
            // What can't be written stays in memory, and is tried again.
            let _ = self.files.append(state);
        }
        Ok(())
    }

    /// Adds the leaves of records that are durable.
    pub(super) fn add(&self, leaves: &[Hash]) {
        if self.asleep {
            return;
        }
        let mut state = self.state_mut();
        for leaf in leaves {
            state.push(*leaf);
        }
    }

    /// How large the tree is, and its root.
    pub(super) fn head(&self) -> Result<Head, StoreError> {
        if self.asleep {
            return Err(StoreError::Unavailable("the store was opened without the log's tree".to_owned()));
        }
        let edge = self.state().edge.clone();
        Ok(Head { size: edge.size(), root: edge.root() })
    }

    /// Whether the records are what they were when they were recorded, as far as is known.
    pub(super) fn sound(&self) -> Result<(), StoreError> {
        self.unsound.borrow().as_ref().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Nothing more may be recorded, for this reason. The first of such reasons stays.
    pub(super) fn give_up(&self, why: StoreError) {
        self.unsound.send_if_modified(|reason| {
            let first = reason.is_none();
            reason.get_or_insert(why);
            first
        });
    }

    /// Why nothing more may be recorded, once that is so.
    pub(super) fn unsound(&self) -> watch::Receiver<Option<StoreError>> {
        self.unsound.subscribe()
    }

    /// This record has the right checksum, and is not the one whose leaf is in the tree.
    pub(super) fn altered(index: Index) -> StoreError {
        StoreError::Damaged(format!("record {index} is not the one that was hashed when it was recorded"))
    }

    /// Hashes of a level, each checked against the edge. `None` where the files are not what they should be.
    pub(super) fn hashes(&self, level: u8, range: Range<u64>) -> Result<Option<Vec<Hash>>, StoreError> {
        let edge = self.state().edge.clone();
        let level = usize::from(level);
        let there = edge.count(level);
        if range.end > there {
            let wanted = range.end;
            return Err(StoreError::Damaged(format!(
                "level {level} of the tree has {there} hashes, not {wanted}"
            )));
        }
        let width = WIDTH as u64;
        let mut checked = Checked { tree: self, edge, tiles: Default::default() };
        let mut hashes = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let tile = at / width;
            let upto = range.end.min((tile + 1) * width);
            let Some(found) = checked.tile(level, tile)? else { return Ok(None) };
            let place = |index: u64| usize::try_from(index - tile * width).unwrap_or(WIDTH);
            let Some(part) = found.get(place(at)..place(upto)) else { return Ok(None) };
            hashes.extend_from_slice(part);
            at = upto;
        }
        Ok(Some(hashes))
    }

    /// Hashes as they are in memory and in the files.
    fn unchecked(&self, level: usize, range: Range<u64>) -> std::io::Result<Vec<Hash>> {
        let (filed, fresh) = {
            let state = self.state();
            let filed = state.filed.get(level).copied().unwrap_or_default();
            let fresh = state.fresh.get(level).map_or(&[][..], Vec::as_slice);
            let place = |index: u64| usize::try_from(index.saturating_sub(filed)).unwrap_or(usize::MAX);
            let fresh = fresh.get(place(range.start)..place(range.end)).unwrap_or_default().to_vec();
            (filed, fresh)
        };
        let mut hashes = self.files.read(level, range.start..range.end.min(filed))?;
        hashes.extend(fresh);
        Ok(hashes)
    }

    /// Writes what is in memory to the files, and keeps the edge now and then, or because it is `asked`.
    pub(super) fn drain(&self, asked: bool) -> std::io::Result<()> {
        let mut snapshot = self.state().clone();
        let mark = snapshot.mark();
        let appended = self.files.append(&mut snapshot);
        let mut state = self.state_mut();
        let State { filed, fresh, .. } = &mut *state;
        for ((filed, fresh), now) in filed.iter_mut().zip(fresh).zip(snapshot.filed) {
            let more = usize::try_from(now.saturating_sub(*filed)).unwrap_or(usize::MAX);
            fresh.drain(..more.min(fresh.len()));
            *filed = now;
        }
        drop(state);
        appended?;
        let (size, kept) = (mark.edge.size(), self.kept.load(Ordering::Relaxed));
        if size >= kept.saturating_add(KEPT_EVERY) || (asked && size != kept) {
            self.files.keep(&mark)?;
            self.kept.store(size, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes the files anew where they are not what the records say.
    pub(super) fn mend(&self, reader: &Reader) -> Result<(), TreeTrouble> {
        let edge = self.state().edge.clone();
        let made = self.hash(&mut State::default(), reader, edge.size(), Some(&edge));
        if let Err(TreeTrouble::Altered(index)) = &made {
            self.give_up(Self::altered(*index));
        }
        made
    }
}

/// Whether a mark is of this journal: whether it has the same first and last record.
fn is_of(mark: &Mark, reader: &Reader) -> Result<bool, StoreOpenError> {
    let Some(last) = mark.edge.size().checked_sub(1) else { return Ok(true) };
    for (index, expected) in [(0, mark.ends.0), (last, mark.ends.1)] {
        match reader.read(index) {
            Ok(bytes) if leaf_hash(&bytes) == expected => {}
            // What was retired can't be compared any more.
            Err(ReadError::Retired { .. }) => {}
            Ok(_) | Err(ReadError::Beyond { .. }) => return Ok(false),
            Err(error @ (ReadError::Damaged(_) | ReadError::Io(_))) => {
                return Err(StoreOpenError::Read(error));
            }
        }
    }
    Ok(true)
}

/// Tiles that were checked against one edge.
struct Checked<'a> {
    tree: &'a Tree,
    edge: Edge,
    /// The last one of each level.
    tiles: [Option<(u64, Vec<Hash>)>; LEVELS],
}

impl Checked<'_> {
    /// A tile, as far as it goes at this edge; `None` where it is not what it should be.
    fn tile(&mut self, level: usize, number: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        let width = WIDTH as u64;
        if number == self.edge.count(level) / width {
            return Ok(Some(self.edge.tile(level).to_vec()));
        }
        if let Some(Some((_, tile))) =
            self.tiles.get(level).filter(|tile| tile.as_ref().is_some_and(|(n, _)| *n == number))
        {
            return Ok(Some(tile.clone()));
        }
        let Some(above) = self.tile(level + 1, number / width)? else { return Ok(None) };
        let place = usize::try_from(number % width).unwrap_or(WIDTH);
        let tile = match self.tree.unchecked(level, number * width..(number + 1) * width) {
            Ok(tile) => tile,
            Err(error) => {
                return Err(StoreError::Unavailable(format!("the tree could not be read: {error}")));
            }
        };
        if tile.len() != WIDTH || joined(&tile, None).as_ref() != above.get(place) {
            return Ok(None);
        }
        if let Some(last) = self.tiles.get_mut(level) {
            *last = Some((number, tile.clone()));
        }
        Ok(Some(tile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Journal, Options};
    use crate::tlog::EMPTY_ROOT;
    use tempfile::TempDir;

    /// A store's directory with a journal of so many records, and nothing else.
    fn journal(records: Range<u32>) -> (TempDir, Journal) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("journal"), Options::default()).unwrap().0;
        append(&mut journal, records);
        (dir, journal)
    }

    fn append(journal: &mut Journal, records: Range<u32>) {
        let records: Vec<_> = records.map(u32::to_be_bytes).collect();
        for group in records.chunks(10_000) {
            journal.append_group(group).unwrap();
        }
    }

    fn leaves(range: Range<u32>) -> Vec<Hash> {
        range.map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn open(dir: &TempDir, journal: &Journal, whole: bool) -> (Tree, Index) {
        Tree::open(dir.path(), &journal.reader(), journal.next_index(), whole).unwrap()
    }

    fn path(dir: &TempDir, file: &str) -> std::path::PathBuf {
        dir.path().join("tree").join(file)
    }

    const MANY: u32 = 70_000;

    #[test]
    fn it_is_taken_up_where_it_was_kept() {
        let (dir, mut journal) = journal(0..0);
        let (tree, had) = open(&dir, &journal, false);
        assert_eq!((tree.head().unwrap().root, had), (EMPTY_ROOT, 0));
        let mut known = 0;
        for end in [1, 255, 256, 700, 20_000, MANY] {
            append(&mut journal, known..end);
            tree.add(&leaves(known..end));
            tree.drain(false).unwrap();
            let kept = tree.kept.load(Ordering::Relaxed);
            known = end;
            for whole in [false, true] {
                let (again, had) = open(&dir, &journal, whole);
                assert_eq!((again.head(), had), (tree.head(), kept), "{end}");
                assert_eq!(again.hashes(0, 0..u64::from(end)).unwrap().unwrap(), leaves(0..end));
            }
        }
        tree.drain(true).unwrap();
        let (again, had) = open(&dir, &journal, false);
        assert_eq!((again.head(), had), (tree.head(), u64::from(MANY)));
        assert_eq!(again.hashes(1, 0..273).unwrap(), tree.hashes(1, 0..273).unwrap());
        assert_eq!(again.hashes(2, 0..1).unwrap(), tree.hashes(2, 0..1).unwrap());
        assert!(again.hashes(2, 0..2).is_err());
    }

    /// Whatever is done to the files, the head stays right, no wrong hash is given, and mending brings all back.
    #[test]
    fn wrong_files_give_no_wrong_hashes_and_are_mended() {
        let (dir, journal) = journal(0..MANY);
        let (tree, _) = open(&dir, &journal, false);
        tree.drain(true).unwrap();
        let (head, all) = (tree.head(), leaves(0..MANY));
        let flip = |file: &str, byte: usize| {
            let mut bytes = std::fs::read(path(&dir, file)).unwrap();
            bytes[byte] ^= 1;
            std::fs::write(path(&dir, file), bytes).unwrap();
        };
        let shorten = |file: &str, length: usize| {
            let bytes = std::fs::read(path(&dir, file)).unwrap();
            std::fs::write(path(&dir, file), &bytes[..length]).unwrap();
        };
        // Opening sees what is missing or has no right checksum, and makes it anew at once.
        let harms: [(&str, bool, &dyn Fn()); 8] = [
            ("a leaf's hash flipped", false, &|| flip("0", 32 * 1000)),
            ("the hash of a tile flipped", false, &|| flip("1", 32 * 200)),
            ("the leaves cut short", true, &|| shorten("0", 32 * 1000 + 7)),
            ("the tiles cut short", true, &|| shorten("1", 32)),
            ("the leaves gone", true, &|| std::fs::remove_file(path(&dir, "0")).unwrap()),
            ("the edge flipped", true, &|| flip("edge", 100)),
            ("the edge gone", true, &|| std::fs::remove_file(path(&dir, "edge")).unwrap()),
            ("everything gone", true, &|| std::fs::remove_dir_all(dir.path().join("tree")).unwrap()),
        ];
        for (what, seen, harm) in harms {
            harm();
            let (tree, _) = open(&dir, &journal, false);
            assert_eq!(tree.head(), head, "{what}");
            let mut refused = 0;
            for at in (0..MANY).step_by(256) {
                let upto = MANY.min(at + 256);
                match tree.hashes(0, u64::from(at)..u64::from(upto)).unwrap() {
                    Some(found) => assert_eq!(found, all[at as usize..upto as usize], "{what}"),
                    None => refused += 1,
                }
            }
            assert_eq!(refused == 0, seen, "{what}: {refused} tiles");
            assert!(tree.mend(&journal.reader()).is_ok());
            assert_eq!(tree.hashes(0, 0..u64::from(MANY)).unwrap().unwrap(), all, "{what}");
            tree.drain(true).unwrap();
        }
    }

    #[test]
    fn a_tree_of_another_journal_is_made_anew() {
        for (other, own) in [(100..200, 0..100), (0..100, 100..150), (100..150, 0..100), (0..0, 0..100)] {
            let (dir, strange) = journal(other.clone());
            open(&dir, &strange, false).0.drain(true).unwrap();
            drop(strange);
            std::fs::remove_dir_all(dir.path().join("journal")).unwrap();
            let mut journal = Journal::open(&dir.path().join("journal"), Options::default()).unwrap().0;
            append(&mut journal, own.clone());
            let (tree, had) = open(&dir, &journal, false);
            assert_eq!(had, 0, "{other:?}");
            assert_eq!(tree.hashes(0, 0..own.len() as u64).unwrap().unwrap(), leaves(own));
        }
    }

    /// Whoever can write the journal can make its checksums right. The tree is another then.
    #[test]
    fn an_altered_record_is_named() {
        let (dir, journal) = journal(0..1000);
        let (tree, _) = open(&dir, &journal, false);
        tree.drain(true).unwrap();
        drop(journal);
        std::fs::remove_dir_all(dir.path().join("journal")).unwrap();
        let mut journal = Journal::open(&dir.path().join("journal"), Options::default()).unwrap().0;
        append(&mut journal, 0..700);
        append(&mut journal, 7..8);
        append(&mut journal, 701..1000);
        let error = Tree::open(dir.path(), &journal.reader(), 1000, true).err().unwrap();
        assert_eq!(error, StoreOpenError::Altered { dir: dir.path().to_owned(), index: 700 });
        assert!(matches!(tree.mend(&journal.reader()), Err(TreeTrouble::Altered(700))));
        assert!(matches!(tree.sound(), Err(StoreError::Damaged(_))));
    }
}
