//! A full disk refuses a change and leaves the journal as it was; a failing disk closes it.

use std::path::Path;
use std::sync::Arc;

use countersign::journal::{AppendError, Doing, History, Journal, MAX_RECORD, Options, Verify};

use crate::chance::Chance;
use crate::disk::MemoryDisk;

const SMALL: Options =
    Options { segment_bytes: 8192, step_bytes: 1024, history: History::Whole, verify: Verify::Whole };

fn open(disk: &MemoryDisk) -> Journal {
    Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL).unwrap().0
}

fn records(journal: &Journal) -> Vec<Vec<u8>> {
    journal.reader().iter_from(0).map(|record| record.unwrap().1).collect()
}

#[test]
fn a_full_disk_refuses_and_appending_goes_on_when_there_is_room() {
    let mut refused = 0;
    for seed in 0..300 {
        let mut chance = Chance::new(seed);
        let disk = MemoryDisk::default();
        let mut journal = open(&disk);
        let mut model = Vec::new();
        for round in 0..40 {
            if chance.one_in(3) {
                disk.set_capacity(Some(disk.used() + chance.between(0, 2500)));
            }
            let group: Vec<_> = (0..chance.between(1, 4))
                .map(|_| {
                    let length = chance.between(0, 900);
                    chance.bytes(length)
                })
                .collect();
            match journal.append_group(&group) {
                Ok(_) => model.extend(group),
                Err(AppendError::Full) => {
                    refused += 1;
                    assert_eq!(records(&journal), model, "seed {seed} round {round}");
                    // It can be read, and opened, while the disk is still full.
                    drop(journal);
                    journal = open(&disk);
                    assert_eq!(records(&journal), model, "seed {seed} round {round}");
                    disk.set_capacity(None);
                    journal.append_group(&group).unwrap();
                    model.extend(group);
                }
                Err(other) => panic!("seed {seed}: {other}"),
            }
        }
        drop(journal);
        assert_eq!(records(&open(&disk)), model, "seed {seed}");
    }
    assert!(refused > 300, "only {refused} were refused");
}

#[test]
fn a_disk_without_room_for_a_journal_is_said_to_be_full() {
    let disk = MemoryDisk::default();
    disk.set_capacity(Some(600));
    let refused = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL).err().unwrap();
    let countersign::journal::JournalError::Io(fault) = refused else { panic!("{refused}") };
    assert!(fault.is_full());
    disk.set_capacity(None);
    let journal = open(&disk);
    assert_eq!(journal.next_index(), 0);
}

#[test]
fn a_failed_sync_closes_the_journal_until_it_is_opened_again() {
    let disk = MemoryDisk::default();
    let mut journal = open(&disk);
    journal.append_group(&["before"]).unwrap();
    disk.fail_a_sync_after(Some(0));
    let Err(AppendError::Unavailable(fault)) = journal.append_group(&["during"]) else { panic!() };
    assert_eq!((fault.doing, fault.os), (Doing::Sync, Some(5)));
    // The next sync would say that all is well, which on Linux means nothing.
    assert_eq!(journal.append_group(&["after"]), Err(AppendError::Unavailable(fault)));
    assert_eq!(records(&journal), [b"before"]);
    drop(journal);
    let mut journal = open(&disk);
    assert_eq!(records(&journal)[0], b"before");
    assert!(!records(&journal).contains(&b"after".to_vec()));
    journal.append_group(&["again"]).unwrap();
}

#[test]
fn what_is_too_large_is_refused_and_nothing_else() {
    let disk = MemoryDisk::default();
    let mut journal = open(&disk);
    let (most, more) = (vec![b'm'; MAX_RECORD], vec![b'm'; MAX_RECORD + 1]);
    let refused = AppendError::TooLarge { bytes: MAX_RECORD + 1, limit: MAX_RECORD };
    assert_eq!(journal.append_group(&[&most, &more]), Err(refused));
    assert_eq!(journal.append_group(&[&most]), Ok(0..1), "longer than a segment, and yet whole");
    assert_eq!(journal.append_group(&["small"]), Ok(1..2));
    let many: Vec<&[u8]> = (0..17).map(|_| most.as_slice()).collect();
    assert!(matches!(journal.append_group(&many), Err(AppendError::TooLarge { .. })));
    assert_eq!(journal.append_group::<&str>(&[]), Ok(2..2), "no records are no group");
    drop(journal);
    assert_eq!(records(&open(&disk)), [most, b"small".to_vec()]);
}
