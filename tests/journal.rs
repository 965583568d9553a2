//! The journal as its users see it: what was acknowledged is there, whatever happened to the process or the machine.
#![cfg(feature = "journal")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests say what they expect")]

use countersign::journal::{Cut, Journal, JournalError, Opened, Options, ReadError};

#[test]
fn what_was_appended_is_there_after_reopening() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let small = Options { segment_bytes: 4096, step_bytes: 1024, ..Options::default() };
    let mut model: Vec<Vec<u8>> = Vec::new();
    for generation in 0..5_usize {
        let (mut journal, opened) = Journal::open(&dir, small).unwrap();
        assert_eq!(opened, Opened { records: 0..model.len() as u64, cut: None::<Cut> });
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
        assert_eq!(
            Journal::open(&dir, small).err(),
            Some(JournalError::Locked { dir: dir.clone() }),
            "one opener at a time"
        );
    }
}
