//! A full disk refuses changes, loses nothing, and is no trouble any more once there is room.

use crate::runtime;
use countersign::audit::event::Event;
use countersign::audit::event::RequestKey;
use countersign::journal::{Disk, DiskFile, RealDisk};
use countersign::moment::Moment;
use countersign::party::AgentId;
use countersign::store::conformance::history::History;
use countersign::store::conformance::model::Model;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::store::{Change, Store, StoreError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// What a disk does with what would need more room, or anything at all.
const SOUND: u8 = 0;
const FULL: u8 = 1;
const BROKEN: u8 = 2;

struct Failing(Arc<AtomicU8>);

struct FailingFile(Arc<dyn DiskFile>, Arc<AtomicU8>);

impl FailingFile {
    fn fails(&self, end: u64) -> io::Result<()> {
        match self.1.load(Ordering::SeqCst) {
            FULL if end > self.0.size()? => Err(io::ErrorKind::StorageFull.into()),
            BROKEN => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(()),
        }
    }
}

impl DiskFile for FailingFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.fails(offset + bytes.len() as u64)?;
        self.0.write_at(bytes, offset)
    }
    fn sync(&self) -> io::Result<()> {
        self.fails(0)?;
        self.0.sync()
    }
}

impl Disk for Failing {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn mode(&self, path: &Path) -> io::Result<u32> {
        RealDisk.mode(path)
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(FailingFile(RealDisk.create(path)?, Arc::clone(&self.0))))
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(FailingFile(RealDisk.open(path)?, Arc::clone(&self.0))))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        RealDisk.lock(path)
    }
}

fn failing(dir: &Path) -> (EmbeddedStore, Arc<AtomicU8>) {
    let state = Arc::new(AtomicU8::new(SOUND));
    let journal = countersign::journal::Options { step_bytes: 4096, ..Default::default() };
    let options = Options { journal, ..Options::default() };
    let (store, _) = EmbeddedStore::open_on(Arc::new(Failing(Arc::clone(&state))), dir, options).unwrap();
    (store, state)
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let (store, state) = failing(&dir);
    let (runtime, mut history, mut model) = (runtime(), History::new(51), Model::default());
    let mut refused = 0;
    for round in 0..300 {
        state.store(if (round / 30) % 2 == 1 { FULL } else { SOUND }, Ordering::SeqCst);
        let mut change = history.next_change();
        match runtime.block_on(store.commit(change.clone())) {
            Ok(_) => model.records.append(&mut change.records),
            Err(StoreError::Full) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((10..200).contains(&refused), "{refused} were refused");
    model.compare(&store);
    state.store(SOUND, Ordering::SeqCst);
    store.close().unwrap();
    let (store, _) = crate::open(&dir);
    model.compare(&store);
}

#[test]
fn a_broken_disk_ends_the_store_and_loses_nothing_acknowledged() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let (store, state) = failing(&dir);
    let (runtime, mut history, mut model) = (runtime(), History::new(52), Model::default());
    for _ in 0..50 {
        let change = history.next_change();
        model.records.extend(change.records.iter().cloned());
        runtime.block_on(store.commit(change)).unwrap();
    }
    state.store(BROKEN, Ordering::SeqCst);
    let stop = || Change::of(Moment::default(), [Event::Stopped {}]);
    let refused = runtime.block_on(store.commit(stop()));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    state.store(SOUND, Ordering::SeqCst);
    let refused = runtime.block_on(store.commit(stop()));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "not before it is opened again: {refused:?}");
    model.compare(&store);
    assert!(store.close().is_err(), "it says that it had failed");
    drop(store);
    let (store, opened) = crate::open(&dir);
    assert_eq!(opened.rebuilt, None);
    let found = Model::of(&store);
    assert_eq!(found.records[..model.records.len()], model.records[..]);
    assert!(found.records.len() <= model.records.len() + 1, "what was unknown may be there");
    found.compare(&store);
}

/// A small file system in memory, which only root may mount.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"]).arg(dir.path());
        mount.output().ok()?.status.success().then(|| Self(dir))
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).output());
    }
}

/// Here sled runs out of room, too.
#[test]
fn a_full_file_system_refuses_and_goes_on_when_there_is_room() {
    let Some(disk) = Tmpfs::mount("12m") else {
        println!("did not run: mounting a small file system was refused");
        return;
    };
    let dir = disk.path().join("store");
    let journal = countersign::journal::Options { step_bytes: 64 << 10, ..Default::default() };
    let options = Options { journal, ..Options::default() };
    let (store, _) = EmbeddedStore::open(&dir, options.clone()).unwrap();
    let (runtime, mut history, mut model) = (runtime(), History::new(53), Model::default());
    let filler = disk.path().join("filler");
    for round in 0..3 {
        // Everything but some pages is taken by somebody else.
        let mut taken = vec![0; 4 << 20];
        while std::fs::write(&filler, &taken).is_err() {
            taken.truncate(taken.len() - (64 << 10));
        }
        let mut full = 0;
        let since = Instant::now();
        while full < 20 && since.elapsed() < Duration::from_secs(60) {
            let mut change = history.next_change();
            match runtime.block_on(store.commit(change.clone())) {
                Ok(_) => model.records.append(&mut change.records),
                // sled may find the disk full before the journal does.
                Err(StoreError::Full | StoreError::Unavailable(_)) => {
                    full += 1;
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(full, 20, "round {round}: the disk did not fill up with {} records", model.records.len());
        std::fs::remove_file(&filler).unwrap();
        let since = Instant::now();
        loop {
            let mut change = history.next_change();
            match runtime.block_on(store.commit(change.clone())) {
                Ok(_) => {
                    model.records.append(&mut change.records);
                    break;
                }
                Err(StoreError::Full | StoreError::Unavailable(_)) if since.elapsed().as_secs() < 30 => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        println!("round {round}: {} records", model.records.len());
    }
    // The views open again by themselves, a little after there is room.
    let probe = RequestKey::new(&AgentId::new("agent:probe").unwrap(), "probe");
    let since = Instant::now();
    while store.answered(probe).is_err() && since.elapsed().as_secs() < 30 {
        std::thread::sleep(Duration::from_millis(50));
    }
    model.compare(&store);
    store.close().unwrap();
    let (store, opened) = EmbeddedStore::open(&dir, options).unwrap();
    println!("{opened}");
    model.compare(&store);
}
