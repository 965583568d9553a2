//! Looking into a journal: beside its writer, without its lock, and without changing a byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use countersign::journal::{Journal, JournalError, Options};

const SMALL: Options = Options {
    segment_bytes: 4096,
    step_bytes: 1024,
    history: countersign::journal::History::Whole,
    verify: countersign::journal::Verify::Whole,
};

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

#[test]
fn what_is_there_is_seen_and_nothing_is_touched() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let (mut journal, _) = Journal::open(&dir, SMALL).unwrap();
    let mut model: Vec<Vec<u8>> = Vec::new();
    for n in 0..60_u8 {
        let records = vec![vec![n; usize::from(n) * 9]; usize::from(n % 3)];
        journal.append_group(&records).unwrap();
        model.extend(records);
        let looked = Journal::look(&dir).unwrap();
        assert_eq!((looked.first(), looked.end()), (0, model.len() as u64));
        let read: Vec<_> = looked.iter_from(0).map(|record| record.unwrap().1).collect();
        assert_eq!(read, model);
    }
    // What is left of a segment that was being made is the writer's to sweep away.
    fs::write(dir.join("00000000000000099999.new"), b"x").unwrap();
    let before = contents(&dir);
    assert!(before.keys().filter(|name| name.ends_with(".seg")).count() > 3);
    let looked = Journal::look(&dir).unwrap();
    assert_eq!(looked.iter_from(0).filter(Result::is_ok).count(), model.len());
    assert_eq!(contents(&dir), before);
    journal.append_group(&[b"later"]).unwrap();
    assert_eq!(looked.end(), model.len() as u64);
    assert_eq!(Journal::look(&dir).unwrap().end(), model.len() as u64 + 1);
}

#[test]
fn a_group_that_was_not_finished_is_left_out_and_left_there() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let (mut journal, _) = Journal::open(&dir, SMALL).unwrap();
    journal.append_group(&[b"first"]).unwrap();
    let segment = dir.join("00000000000000000000.seg");
    let ends = fs::read(&segment).unwrap();
    journal.append_group(&[&b"second"[..], b"third"]).unwrap();
    drop(journal);
    let mut torn = fs::read(&segment).unwrap();
    let last = torn.windows(5).rposition(|bytes| bytes == b"third").unwrap();
    torn[last..].fill(0);
    assert_ne!(torn, ends);
    fs::write(&segment, &torn).unwrap();
    assert_eq!(Journal::look(&dir).unwrap().end(), 1);
    assert_eq!(fs::read(&segment).unwrap(), torn);
}

#[test]
fn what_is_not_as_it_was_written_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    assert!(matches!(Journal::look(&dir), Err(JournalError::Io(_))));
    let (mut journal, _) = Journal::open(&dir, SMALL).unwrap();
    for n in 0..60_u8 {
        journal.append_group(&[vec![n; 200]]).unwrap();
    }
    let segment = dir.join("00000000000000000000.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.windows(200).position(|bytes| bytes == [7; 200]).unwrap();
    bytes[middle] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    assert!(matches!(Journal::look(&dir), Err(JournalError::Damaged(_))));
    bytes[middle] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let second = contents(&dir).into_keys().filter(|name| name.ends_with(".seg")).nth(1).unwrap();
    fs::remove_file(dir.join(second)).unwrap();
    assert!(matches!(Journal::look(&dir), Err(JournalError::Damaged(_))));
}
