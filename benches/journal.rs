//! Appending to the journal beside a bare write and `fdatasync` of as many bytes, and opening it again.
//!
//! `cargo bench --no-default-features --features journal --bench journal [-- FOLDER]`, FOLDER being on the disk in
//! question. Closed loop: each of the submitters has one record of 1 KiB on its way at any time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark says what it expects"
)]

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use countersign::journal::{Answer, CommitOptions, Group, GroupCommit, Journal, Ledger, Options};

const RECORD: usize = 1024;
const IN_FLIGHT: [usize; 4] = [1, 8, 64, 256];

/// A ledger that takes everything.
struct Yes;

impl Ledger for Yes {
    type Change = Vec<u8>;
    type Refusal = countersign::journal::TooLarge;

    fn admit(&mut self, record: Vec<u8>, group: &mut Group) -> Result<(), Self::Refusal> {
        group.push(record)
    }
    fn recorded(&mut self, _first: u64, _records: &[Vec<u8>]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
    fn abandoned(&mut self) {}
}

/// What was done how often, and how long each took.
struct Measured {
    elapsed: Duration,
    took: Vec<Duration>,
}

impl Measured {
    fn row(mut self, what: &str, each: usize) {
        self.took.sort_unstable();
        let at = |part: usize| self.took[(self.took.len() - 1) * part / 1000].as_secs_f64() * 1e3;
        let rate = (self.took.len() * each) as f64 / self.elapsed.as_secs_f64();
        println!(
            "{what:<44} {rate:>9.0}/s   p50 {:>7.3} ms   p99 {:>7.3} ms   p99.9 {:>7.3} ms",
            at(500),
            at(990),
            at(999)
        );
    }
}

/// The floor: `many` records in one write, one `fdatasync`, over and over, in a file whose space is written already
/// (`ahead`) or that grows.
fn bare(folder: &Path, many: usize, ahead: bool, lasting: Duration) -> Measured {
    let path = folder.join("bare");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path).unwrap();
    let length = 64_u64 << 20;
    if ahead {
        let zeros = vec![0; 1 << 20];
        (0..64).for_each(|step| file.write_all_at(&zeros, step << 20).unwrap());
        file.sync_all().unwrap();
    }
    let bytes = vec![b'x'; RECORD * many];
    let (mut took, mut offset, begin) = (Vec::new(), 0, Instant::now());
    while begin.elapsed() < lasting {
        let start = Instant::now();
        if offset + bytes.len() as u64 > length {
            offset = 0;
            if !ahead {
                file.set_len(0).unwrap();
            }
        }
        file.write_all_at(&bytes, offset).unwrap();
        File::sync_data(&file).unwrap();
        offset += bytes.len() as u64;
        took.push(start.elapsed());
    }
    let elapsed = begin.elapsed();
    std::fs::remove_file(path).unwrap();
    Measured { elapsed, took }
}

/// `in_flight` records on their way at any time; answers come back to the submitting thread a group at a time.
fn committed(folder: &Path, in_flight: usize, lasting: Duration) -> Measured {
    let dir = folder.join(format!("journal-{in_flight}"));
    let (journal, _) = Journal::open(&dir, Options::default()).unwrap();
    let (deliver, batches) = mpsc::channel::<Vec<Box<dyn FnOnce() + Send>>>();
    let deliver = Box::new(move |batch| {
        let _ = deliver.send(batch);
    });
    let options = CommitOptions { deliver: Some(deliver), ..CommitOptions::default() };
    let commit = GroupCommit::start(journal, Yes, options).unwrap();
    let committer = commit.committer();
    let (done, finished) = mpsc::channel::<(Instant, Answer<countersign::journal::TooLarge>)>();
    let submit = |record: Vec<u8>| {
        let (done, start) = (done.clone(), Instant::now());
        committer.submit(record, move |answer| done.send((start, answer)).unwrap());
    };
    let (mut took, begin) = (Vec::new(), Instant::now());
    (0..in_flight).for_each(|_| submit(vec![b'x'; RECORD]));
    let mut on_their_way = in_flight;
    while on_their_way > 0 {
        for answer in batches.recv().unwrap() {
            answer();
            let (start, answer) = finished.recv().unwrap();
            answer.unwrap();
            took.push(start.elapsed());
            on_their_way -= 1;
            if begin.elapsed() < lasting {
                submit(vec![b'x'; RECORD]);
                on_their_way += 1;
            }
        }
    }
    let elapsed = begin.elapsed();
    commit.close().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
    Measured { elapsed, took }
}

/// How long it takes to open a journal of so many records.
fn opened(folder: &Path, records: u64) -> Duration {
    let dir = folder.join("journal-open");
    let (mut journal, _) = Journal::open(&dir, Options::default()).unwrap();
    let group = vec![vec![b'x'; RECORD]; 1000];
    while journal.next_index() < records {
        journal.append_group(&group).unwrap();
    }
    drop(journal);
    let begin = Instant::now();
    let (_, opened) = Journal::open(&dir, Options::default()).unwrap();
    let took = begin.elapsed();
    assert_eq!(opened.records, 0..records);
    std::fs::remove_dir_all(dir).unwrap();
    took
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let measuring = arguments.iter().any(|argument| argument == "--bench");
    let place = arguments.iter().find(|argument| !argument.starts_with('-'));
    let folder = place.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    let (lasting, rounds) =
        if measuring { (Duration::from_secs(1), 3) } else { (Duration::from_millis(20), 1) };
    for round in 1..=rounds {
        println!("round {round} of {rounds}; records of {RECORD} bytes");
        for many in IN_FLIGHT {
            bare(folder.path(), many, false, lasting)
                .row(&format!("bare, file grows, {many} in one write"), many);
            bare(folder.path(), many, true, lasting)
                .row(&format!("bare, written ahead, {many} in one write"), many);
            committed(folder.path(), many, lasting)
                .row(&format!("journal, group commit, {many} in flight"), 1);
        }
    }
    for records in if measuring { vec![100_000, 1_000_000] } else { vec![1000] } {
        let took = opened(folder.path(), records);
        println!("opening {records} records: {:.0} ms", took.as_secs_f64() * 1e3);
    }
}
