//! A disk in memory that notes every write and sync, can be full, can fail, and can be started from what a power cut left.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use countersign::journal::{Disk, DiskFile};

pub type Inode = usize;

/// What happened to the disk, and what its user was told meanwhile, in order.
#[derive(Clone, Debug)]
pub enum Op {
    Create {
        name: String,
        inode: Inode,
    },
    Write {
        inode: Inode,
        offset: u64,
        bytes: Vec<u8>,
    },
    Sync {
        inode: Inode,
    },
    /// The sync said that it failed. Like Linux, the disk takes the pages for written from then on.
    FailedSync {
        inode: Inode,
    },
    SyncDir,
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
    /// The journal's user said or was told something.
    Told(Told),
}

/// What the journal's user knows.
#[derive(Clone, Debug)]
pub enum Told {
    /// The journal was opened and these records were there, from this index on.
    Opened { first: u64, records: Vec<Vec<u8>> },
    /// A group was handed to the journal.
    Submitted(Vec<Vec<u8>>),
    /// The group handed over last is durable.
    Acknowledged,
    /// The group handed over last was not recorded.
    Refused,
    /// Whether the group handed over last was recorded is unknown.
    Unknown,
    /// Records before this index may be dropped.
    Retiring(u64),
}

#[derive(Default)]
struct State {
    names: BTreeMap<String, Inode>,
    inodes: Vec<Vec<u8>>,
    ops: Vec<Op>,
    locked: bool,
    /// The most bytes that all files together may have.
    capacity: Option<usize>,
    /// The next this many writes succeed, and then one finds the disk full halfway.
    writes_until_full: Option<usize>,
    /// The next this many syncs succeed, and then one fails.
    syncs_until_failure: Option<usize>,
}

/// All paths are in one directory, so that a file's name says which it is.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

/// The files of a disk at rest.
pub type Files = BTreeMap<String, Vec<u8>>;

impl MemoryDisk {
    pub fn of(files: Files) -> Self {
        let disk = Self::default();
        {
            let mut state = disk.state();
            for (name, bytes) in files {
                let inode = state.inodes.len();
                state.inodes.push(bytes);
                state.names.insert(name, inode);
            }
        }
        disk
    }

    /// A disk on which this happened before: what a new process finds where the one before it was killed.
    pub fn after(files: Files, ops: &[Op]) -> Self {
        let disk = Self::of(files);
        let mut state = disk.state();
        for op in ops {
            match op {
                Op::Create { name, inode } => {
                    assert_eq!(*inode, state.inodes.len());
                    state.inodes.push(Vec::new());
                    state.names.insert(name.clone(), *inode);
                }
                Op::Write { inode, offset, bytes } => {
                    let (from, to) = (*offset as usize, *offset as usize + bytes.len());
                    let content = &mut state.inodes[*inode];
                    content.resize(content.len().max(to), 0);
                    content[from..to].copy_from_slice(bytes);
                }
                Op::Rename { from, to } => {
                    let inode = state.names.remove(from).unwrap();
                    state.names.insert(to.clone(), inode);
                }
                Op::Remove { name } => drop(state.names.remove(name)),
                Op::Sync { .. } | Op::FailedSync { .. } | Op::SyncDir | Op::Told(_) => {}
            }
        }
        state.ops = ops.to_vec();
        drop(state);
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn files(&self) -> Files {
        let state = self.state();
        state.names.iter().map(|(name, inode)| (name.clone(), state.inodes[*inode].clone())).collect()
    }

    pub fn tell(&self, told: Told) {
        self.state().ops.push(Op::Told(told));
    }

    pub fn take_ops(&self) -> Vec<Op> {
        std::mem::take(&mut self.state().ops)
    }

    pub fn used(&self) -> usize {
        let state = self.state();
        state.names.values().map(|inode| state.inodes[*inode].len()).sum()
    }

    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes;
    }

    /// As on file systems that write elsewhere what is written over.
    pub fn fill_up_after(&self, writes: Option<usize>) {
        self.state().writes_until_full = writes;
    }

    pub fn fail_a_sync_after(&self, syncs: Option<usize>) {
        self.state().syncs_until_failure = syncs;
    }

    fn file(&self, inode: Inode) -> Arc<dyn DiskFile> {
        Arc::new(MemoryFile { disk: self.clone(), inode })
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Disk for MemoryDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn mode(&self, _path: &Path) -> io::Result<u32> {
        Ok(0o600)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let name = name_of(path);
        let mut state = self.state();
        let inode = state.inodes.len();
        state.inodes.push(Vec::new());
        state.names.insert(name.clone(), inode);
        state.ops.push(Op::Create { name, inode });
        Ok(self.file(inode))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.state().names.get(&name_of(path)).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(inode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (name_of(from), name_of(to));
        let mut state = self.state();
        let inode = state.names.remove(&from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.clone(), inode);
        state.ops.push(Op::Rename { from, to });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let name = name_of(path);
        let mut state = self.state();
        state.names.remove(&name).ok_or(io::ErrorKind::NotFound)?;
        state.ops.push(Op::Remove { name });
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        self.state().ops.push(Op::SyncDir);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        if !self.state().names.contains_key(&name_of(path)) {
            self.create(path)?;
        }
        let mut state = self.state();
        if state.locked {
            return Ok(None);
        }
        state.locked = true;
        Ok(Some(Box::new(Unlock(self.clone()))))
    }
}

struct Unlock(MemoryDisk);

impl Drop for Unlock {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    inode: Inode,
}

impl DiskFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let rest = state.inodes[self.inode].get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = offset as usize;
        let used = self.disk.used();
        let mut state = self.disk.state();
        let length = state.inodes[self.inode].len();
        let room = state.capacity.map_or(usize::MAX, |capacity| (length + capacity).saturating_sub(used));
        let mut fits = bytes.len().min(room.saturating_sub(offset));
        state.writes_until_full = match state.writes_until_full {
            Some(0) => {
                fits = fits.min(bytes.len() * 2 / 3);
                None
            }
            more => more.map(|writes| writes - 1),
        };
        if fits > 0 {
            let content = &mut state.inodes[self.inode];
            content.resize(length.max(offset + fits), 0);
            content[offset..offset + fits].copy_from_slice(&bytes[..fits]);
            let written = Op::Write { inode: self.inode, offset: offset as u64, bytes: bytes[..fits].into() };
            state.ops.push(written);
        }
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        match state.syncs_until_failure {
            Some(0) => {
                state.syncs_until_failure = None;
                state.ops.push(Op::FailedSync { inode: self.inode });
                Err(io::Error::from_raw_os_error(5))
            }
            more => {
                state.syncs_until_failure = more.map(|syncs| syncs - 1);
                state.ops.push(Op::Sync { inode: self.inode });
                Ok(())
            }
        }
    }
}
