//! The journal beside the simplest thing that behaves like it: a list.

use std::path::Path;
use std::sync::Arc;

use countersign::journal::{History, Journal, Options, Reader, Verify};
use proptest::prelude::*;

use crate::disk::MemoryDisk;

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Vec<u8>>),
    Reopen,
    Read(prop::sample::Index),
    ReadFrom(prop::sample::Index),
    Retire(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..200),
        1 => prop::collection::vec(any::<u8>(), 1000..5000),
    ];
    let step = prop_oneof![
        6 => prop::collection::vec(record, 0..5).prop_map(Step::Append),
        1 => Just(Step::Reopen),
        2 => any::<prop::sample::Index>().prop_map(Step::Read),
        1 => any::<prop::sample::Index>().prop_map(Step::ReadFrom),
        1 => any::<prop::sample::Index>().prop_map(Step::Retire),
    ];
    prop::collection::vec(step, 1..60)
}

fn all_from(reader: &Reader, index: u64) -> Vec<Vec<u8>> {
    reader.iter_from(index).map(|record| record.unwrap().1).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_journal_is_a_list_that_may_lose_its_front(
        steps in steps(),
        segment_bytes in 0_u32..20_000,
        step_bytes in 0_u32..5000,
        retiring in any::<bool>(),
        tail in any::<bool>(),
    ) {
        let history = if retiring { History::Retiring } else { History::Whole };
        let verify = if tail { Verify::Tail } else { Verify::Whole };
        let options = Options { segment_bytes, step_bytes, history, verify };
        let disk = MemoryDisk::default();
        let open = || Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), options).unwrap();
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut first = 0_u64;
        let mut journal = open().0;
        for step in steps {
            let end = model.len() as u64;
            match step {
                Step::Append(group) => {
                    let indices = journal.append_group(&group).unwrap();
                    model.extend(group);
                    prop_assert_eq!(indices, end..model.len() as u64);
                }
                Step::Reopen => {
                    drop(journal);
                    let (reopened, opened) = open();
                    prop_assert_eq!(opened.records, first..end);
                    prop_assert_eq!(opened.cut, None);
                    let sealed = reopened.segment_starts().last().map_or(0..0, |last| first..*last);
                    let unread = if tail && !sealed.is_empty() { sealed } else { 0..0 };
                    prop_assert_eq!(opened.unread, unread);
                    journal = reopened;
                }
                Step::Read(place) => {
                    let index = place.index(model.len() + 1) as u64;
                    let read = journal.reader().read(index).ok();
                    let expected = model.get(index as usize).filter(|_| index >= first);
                    prop_assert_eq!(read.as_ref(), expected);
                }
                Step::ReadFrom(place) => {
                    let index = first.max(place.index(model.len() + 1) as u64);
                    prop_assert_eq!(&all_from(&journal.reader(), index), &model[index as usize..]);
                }
                Step::Retire(place) => {
                    let before = place.index(model.len() + 1) as u64;
                    let starts = journal.segment_starts();
                    first = journal.retire_before(before).unwrap();
                    if retiring {
                        prop_assert!(starts.contains(&first) && (first <= before || first == starts[0]));
                        let left = journal.segment_starts();
                        prop_assert!(left.len() == 1 || left[1] > before);
                    } else {
                        prop_assert_eq!(first, 0);
                    }
                }
            }
            prop_assert_eq!(journal.next_index(), model.len() as u64);
            prop_assert_eq!(journal.reader().first(), first);
        }
    }
}

/// Readers in other threads see whole records, in order, and never one that is not durable yet.
#[test]
fn readers_follow_a_growing_journal() {
    let disk = MemoryDisk::default();
    let options =
        Options { segment_bytes: 4096, step_bytes: 512, history: History::Whole, ..Options::default() };
    let (mut journal, _) = Journal::open_on(Arc::new(disk), Path::new("/j"), options).unwrap();
    let reader = journal.reader();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0_u64;
                while seen < 2000 {
                    for record in reader.iter_from(seen) {
                        let (index, record) = record.unwrap();
                        assert_eq!((index, record), (seen, format!("record {seen}").into_bytes()));
                        seen += 1;
                    }
                }
            });
        }
        for pair in 0..1000 {
            let group = [format!("record {}", 2 * pair), format!("record {}", 2 * pair + 1)];
            journal.append_group(&group).unwrap();
        }
    });
}
