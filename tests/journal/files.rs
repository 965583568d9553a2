//! The journal on the machine's own file system: modes, the lock, what a second opener hears.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use countersign::journal::{Cut, Doing, Journal, JournalError, Opened, Options, ReadError};

const SMALL: Options = Options {
    segment_bytes: 4096,
    step_bytes: 1024,
    history: countersign::journal::History::Whole,
    verify: countersign::journal::Verify::Whole,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let mut model: Vec<Vec<u8>> = Vec::new();
    for generation in 0..5_usize {
        let (mut journal, opened) = Journal::open(&dir, SMALL).unwrap();
        assert_eq!(opened, Opened { records: 0..model.len() as u64, cut: None::<Cut>, unread: 0..0 });
        let reader = journal.reader();
        for group in 0..20_usize {
            let records: Vec<Vec<u8>> =
                (0..group % 4).map(|n| vec![b'a' + (n + generation) as u8; group * 37]).collect();
            let indices = journal.append_group(&records).unwrap();
            assert_eq!(indices, model.len() as u64..(model.len() + records.len()) as u64);
            model.extend(records);
        }
        let read: Vec<_> = reader.iter_from(0).map(|record| record.unwrap().1).collect();
        assert_eq!(read, model);
        for (index, record) in model.iter().enumerate() {
            assert_eq!(&reader.read(index as u64).unwrap(), record);
        }
        let end = model.len() as u64;
        assert_eq!(reader.read(end), Err(ReadError::Beyond { index: end, end }));
    }
}

#[test]
fn one_opener_at_a_time() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let (journal, _) = Journal::open(&dir, SMALL).unwrap();
    let refused = Journal::open(&dir, SMALL).err();
    assert_eq!(refused, Some(JournalError::Locked { dir: dir.clone() }));
    assert_eq!(refused.unwrap().to_string(), format!("the journal in `{}` is open elsewhere", dir.display()));
    drop(journal);
    assert!(Journal::open(&dir, SMALL).is_ok());
}

#[test]
fn a_journal_is_its_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    drop(Journal::open(&dir, SMALL).unwrap());
    let segment = dir.join("00000000000000000000.seg");
    let lock = dir.join("LOCK");
    assert_eq!((mode(&dir), mode(&segment), mode(&lock)), (0o700, 0o600, 0o600));

    for path in [&dir, &segment, &lock] {
        let good = mode(path);
        for loose in [good | 0o004, good | 0o002, good | 0o001, 0o777] {
            fs::set_permissions(path, fs::Permissions::from_mode(loose)).unwrap();
            let refused = Journal::open(&dir, SMALL).err();
            assert_eq!(refused, Some(JournalError::Exposed { path: path.clone(), mode: loose }));
        }
        // What Kubernetes does to the files of a pod with an fsGroup.
        fs::set_permissions(path, fs::Permissions::from_mode(good | (good >> 3 & 0o070) | 0o060)).unwrap();
        assert!(Journal::open(&dir, SMALL).is_ok());
        fs::set_permissions(path, fs::Permissions::from_mode(good)).unwrap();
    }
}

#[test]
fn a_place_that_is_no_directory_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("journal");
    fs::write(&file, "here already").unwrap();
    let refused = Journal::open(&file, SMALL).err();
    assert!(
        matches!(&refused, Some(JournalError::Io(fault)) if fault.path == file && fault.doing == Doing::Create),
        "{refused:?}"
    );
    let nowhere = parent.path().join("no/such/parent");
    assert!(matches!(Journal::open(&nowhere, SMALL).err(), Some(JournalError::Io(_))));
}

#[test]
fn what_is_left_of_a_segment_in_the_making_is_swept_away() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    drop(Journal::open(&dir, SMALL).unwrap());
    let left = dir.join("00000000000000000009.new");
    fs::write(&left, "CSJRNL").unwrap();
    let (_, opened) = Journal::open(&dir, SMALL).unwrap();
    assert_eq!(opened, Opened { records: 0..0, cut: None, unread: 0..0 });
    assert!(!left.exists());
}
