//! Group commit: changes from many threads, judged in order, each told once, after it is durable.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use countersign::journal::{
    Answer, CommitError, CommitOptions, Disk, DiskFile, Group, GroupCommit, History, Journal, Ledger,
    Options, Stopped, Verify,
};

use crate::disk::{MemoryDisk, Op, Told};

const SMALL: Options =
    Options { segment_bytes: 1 << 20, step_bytes: 4096, history: History::Whole, verify: Verify::Whole };

/// Names that can be taken once each. `taken` is what others may see.
#[derive(Default)]
struct Names {
    taken: Arc<Mutex<BTreeMap<String, u64>>>,
    tentative: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct Taken;

impl Ledger for Names {
    type Change = String;
    type Refusal = Taken;

    fn admit(&mut self, name: String, group: &mut Group) -> Result<(), Taken> {
        assert_ne!(name, "panic while judging");
        let record = group.push(name.clone().into_bytes());
        if record.is_err() || self.tentative.contains(&name) || self.taken.lock().unwrap().contains_key(&name)
        {
            return Err(Taken);
        }
        self.tentative.push(name);
        Ok(())
    }

    fn recorded(&mut self, first: u64, records: &[Vec<u8>]) -> Result<(), Box<dyn Error + Send + Sync>> {
        for (index, record) in (first..).zip(records) {
            let name = String::from_utf8(record.clone())?;
            assert_ne!(name, "panic while folding");
            if name == "fail while folding" {
                return Err("the views are gone".into());
            }
            self.taken.lock().unwrap().insert(name, index);
        }
        self.tentative.clear();
        Ok(())
    }

    fn abandoned(&mut self) {
        self.tentative.clear();
    }
}

fn start(
    disk: &MemoryDisk,
    options: CommitOptions,
) -> (GroupCommit<Names>, Arc<Mutex<BTreeMap<String, u64>>>) {
    let (journal, _) = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL).unwrap();
    let taken = Arc::new(Mutex::new(BTreeMap::new()));
    let names = Names { taken: Arc::clone(&taken), tentative: Vec::new() };
    (GroupCommit::start(journal, names, options).unwrap(), taken)
}

#[test]
fn of_many_threads_that_take_one_name_one_gets_it() {
    let disk = MemoryDisk::default();
    let (commit, taken) = start(&disk, CommitOptions::default());
    let winners = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..64 {
            let committer = commit.committer();
            let winners = &winners;
            scope.spawn(move || {
                for name in 0..50 {
                    match committer.commit(format!("name {name}")) {
                        Ok(indices) => {
                            assert_eq!(indices.end, indices.start + 1);
                            winners.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(refused) => assert_eq!(refused, CommitError::Refused(Taken)),
                    }
                }
            });
        }
    });
    assert_eq!(winners.into_inner(), 50);
    let (_, journal) = commit.close().unwrap();
    let records: Vec<_> =
        journal.reader().iter_from(0).map(|r| String::from_utf8(r.unwrap().1).unwrap()).collect();
    let taken = taken.lock().unwrap();
    assert_eq!(records.len(), 50);
    assert!((0..).zip(&records).all(|(index, name)| taken[name] == index));
}

/// Each submitter is told after the sync of its group, and never before.
#[test]
fn nobody_is_told_before_the_sync() {
    let disk = MemoryDisk::default();
    let (commit, _) = start(&disk, CommitOptions::default());
    let committer = commit.committer();
    for name in 0..200 {
        let teller = disk.clone();
        committer.submit(name.to_string(), move |answer: Answer<Taken>| {
            answer.unwrap();
            teller.tell(Told::Acknowledged);
        });
    }
    commit.close().unwrap();
    let (mut unsynced, mut told) = (false, 0);
    for op in disk.take_ops() {
        match op {
            // Neither zeros nor a mark, which is shorter than any record here.
            Op::Write { bytes, .. } => unsynced |= bytes.len() > 24 && bytes.iter().any(|byte| *byte != 0),
            Op::Sync { .. } => unsynced = false,
            Op::Told(_) => {
                told += 1;
                assert!(!unsynced, "told before the sync");
            }
            Op::Create { .. }
            | Op::FailedSync { .. }
            | Op::SyncDir
            | Op::Rename { .. }
            | Op::Remove { .. } => {}
        }
    }
    assert_eq!(told, 200);
}

/// A disk whose first sync after arming waits for a word.
struct SlowDisk {
    inner: MemoryDisk,
    gate: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
}

struct SlowFile(Arc<dyn DiskFile>, Arc<Mutex<Option<mpsc::Receiver<()>>>>);

impl DiskFile for SlowFile {
    fn size(&self) -> std::io::Result<u64> {
        self.0.size()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn sync(&self) -> std::io::Result<()> {
        let gate = self.1.lock().unwrap().take();
        if let Some(gate) = gate {
            let _ = gate.recv();
        }
        self.0.sync()
    }
}

impl Disk for SlowDisk {
    fn create_dir(&self, dir: &Path) -> std::io::Result<()> {
        self.inner.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> std::io::Result<Vec<String>> {
        self.inner.list(dir)
    }
    fn mode(&self, path: &Path) -> std::io::Result<u32> {
        self.inner.mode(path)
    }
    fn create(&self, path: &Path) -> std::io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SlowFile(self.inner.create(path)?, Arc::clone(&self.gate))))
    }
    fn open(&self, path: &Path) -> std::io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SlowFile(self.inner.open(path)?, Arc::clone(&self.gate))))
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &Path) -> std::io::Result<()> {
        self.inner.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> std::io::Result<()> {
        self.inner.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> std::io::Result<Option<Box<dyn Send + Sync>>> {
        self.inner.lock(path)
    }
}

/// While one sync is under way, changes gather; the next group takes them all, the queue is bounded, and closing
/// still commits what had been queued.
#[test]
fn changes_gather_behind_a_sync_and_closing_drains_them() {
    let disk = SlowDisk { inner: MemoryDisk::default(), gate: Arc::default() };
    let (inner, gate) = (disk.inner.clone(), Arc::clone(&disk.gate));
    let (journal, _) = Journal::open_on(Arc::new(disk), Path::new("/j"), SMALL).unwrap();
    let batches = Arc::new(Mutex::new(Vec::new()));
    let sizes = Arc::clone(&batches);
    let deliver = move |answers: Vec<Box<dyn FnOnce() + Send>>| {
        sizes.lock().unwrap().push(answers.len());
        answers.into_iter().for_each(|answer| answer());
    };
    let options = CommitOptions { queue: 10, deliver: Some(Box::new(deliver)), ..CommitOptions::default() };
    let commit = GroupCommit::start(journal, Names::default(), options).unwrap();
    let committer = commit.committer();
    let (open_gate, wait) = mpsc::channel();
    *gate.lock().unwrap() = Some(wait);
    let (sender, answers) = mpsc::channel();
    let submit = |name: &str| {
        let sender = sender.clone();
        committer.submit(name.to_owned(), move |answer| sender.send(answer).unwrap());
    };
    submit("first");
    while gate.lock().unwrap().is_some() {
        thread::sleep(Duration::from_millis(1));
    }
    for name in 0..10 {
        submit(&format!("name {name}"));
    }
    assert!(answers.try_recv().is_err(), "nothing is durable yet");
    submit("one too many");
    assert_eq!(answers.try_recv().unwrap(), Err(CommitError::Busy));
    open_gate.send(()).unwrap();
    let (_, journal) = commit.close().unwrap();
    drop(sender);
    let answers: Vec<_> = answers.iter().collect();
    assert_eq!(answers, (0..11).map(|index| Ok(index..index + 1)).collect::<Vec<_>>());
    assert_eq!(*batches.lock().unwrap(), [1, 10]);
    assert_eq!(journal.next_index(), 11);
    drop(journal);
    assert_eq!(committer.commit("late".to_owned()), Err(CommitError::Closed));
    assert!(matches!(committer.stopped(), Some(Stopped::Closed)));
    assert!(inner.take_ops().iter().any(|op| matches!(op, Op::Sync { .. })));
}

#[test]
fn a_full_disk_abandons_the_group_and_the_writer_goes_on() {
    let disk = MemoryDisk::default();
    let (commit, taken) = start(&disk, CommitOptions::default());
    let committer = commit.committer();
    let long = "long ".repeat(2000);
    disk.set_capacity(Some(disk.used() + 100));
    assert_eq!(committer.commit(long.clone()), Err(CommitError::Full));
    assert!(taken.lock().unwrap().is_empty());
    disk.set_capacity(None);
    assert_eq!(committer.commit(long), Ok(0..1), "the name was not taken by the group that failed");
    assert_eq!(committer.commit("x".repeat(5 << 20)), Err(CommitError::Refused(Taken)), "too long a record");
    assert_eq!(committer.commit("after".to_owned()), Ok(1..2));
}

#[test]
fn every_way_of_failing_ends_the_writer_and_tells_everybody() {
    for (fatal, recorded) in [
        ("fail while folding", true),
        ("panic while folding", true),
        ("panic while judging", false),
        ("sync", true),
    ] {
        let disk = MemoryDisk::default();
        let (commit, taken) = start(&disk, CommitOptions::default());
        let committer = commit.committer();
        assert_eq!(committer.commit("before".to_owned()), Ok(0..1));
        if fatal == "sync" {
            disk.fail_a_sync_after(Some(0));
        }
        let answer = committer.commit(fatal.to_owned());
        let expected = if recorded { CommitError::Unavailable } else { CommitError::Closed };
        assert_eq!(answer, Err(expected), "{fatal}");
        assert_eq!(committer.commit("after".to_owned()), Err(CommitError::Closed), "{fatal}");
        let stopped = commit.close().err().unwrap();
        match fatal {
            "sync" => assert!(matches!(stopped, Stopped::Journal(_)), "{stopped}"),
            _ => assert!(matches!(&stopped, Stopped::Ledger(_)), "{stopped}"),
        }
        assert!(committer.stopped().is_some_and(|noted| noted.to_string() == stopped.to_string()), "{fatal}");
        assert_eq!(taken.lock().unwrap().len(), 1);
        // The journal is free again, and whole.
        let (journal, _) = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL).unwrap();
        assert_eq!(journal.reader().read(0).unwrap(), b"before");
    }
}

#[test]
fn dropping_the_writer_commits_what_was_queued() {
    let disk = MemoryDisk::default();
    let (commit, _) = start(&disk, CommitOptions::default());
    let committer = commit.committer();
    for name in 0..500 {
        committer.submit(name.to_string(), |_| {});
    }
    drop(commit);
    let (journal, _) = Journal::open_on(Arc::new(disk), Path::new("/j"), SMALL).unwrap();
    assert_eq!(journal.next_index(), 500);
}
