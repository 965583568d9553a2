//! Power cuts: a real run is recorded, and cut at every kind of place; what was acknowledged must be there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use countersign::journal::{AppendError, History, Journal, Opened, Options, Verify};

use crate::chance::Chance;
use crate::disk::{Files, MemoryDisk, Op, Told};
use crate::platter::{CRUELTIES, Cruelty, Platter};

/// What the journal's user may count on.
#[derive(Clone, Default)]
struct Truth {
    /// The acknowledged records by index.
    records: BTreeMap<u64, Vec<u8>>,
    end: u64,
    /// The group that was handed over and not yet answered for: it may be there, whole.
    pending: Vec<Vec<u8>>,
    /// Records before this may be gone.
    retired: u64,
}

impl Truth {
    fn hear(&mut self, told: &Told) {
        match told {
            Told::Opened { first, records } => {
                self.records = (*first..).zip(records.iter().cloned()).collect();
                self.end = first + records.len() as u64;
                self.pending.clear();
            }
            Told::Submitted(group) => self.pending.clone_from(group),
            Told::Acknowledged => {
                for record in self.pending.drain(..) {
                    self.records.insert(self.end, record);
                    self.end += 1;
                }
            }
            Told::Refused => self.pending.clear(),
            Told::Unknown => {}
            Told::Retiring(before) => self.retired = self.retired.max(*before),
        }
    }

    /// What was found is all that was acknowledged, perhaps the pending group, and nothing else.
    fn must_allow(&self, first: u64, found: &[Vec<u8>]) {
        assert!(
            first <= self.retired,
            "the front is gone: {first} is the first, {} was retired",
            self.retired
        );
        let end = first + found.len() as u64;
        let whole = [self.end, self.end + self.pending.len() as u64];
        assert!(whole.contains(&end), "found up to {end}, acknowledged and pending are {whole:?}");
        for (index, record) in (first..).zip(found) {
            let expected =
                self.records.get(&index).or_else(|| self.pending.get(index.checked_sub(self.end)? as usize));
            assert_eq!(Some(record), expected, "record {index}");
        }
    }
}

fn open(disk: &MemoryDisk, options: Options) -> (Journal, Opened, Vec<Vec<u8>>) {
    let (journal, opened) = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), options).unwrap();
    let reader = journal.reader();
    let (mut at, mut verified) = (opened.unread.start, Vec::new());
    while at < opened.unread.end {
        let mut see = |index: u64, record: &[u8]| verified.push((index, record.to_vec()));
        at = reader.verify_segment(at, &mut see).unwrap().unwrap();
    }
    for (index, record) in verified {
        assert_eq!(reader.read(index).unwrap(), record);
    }
    let records: Vec<_> = reader.iter_from(opened.records.start).map(|record| record.unwrap().1).collect();
    assert_eq!(records.len() as u64, opened.records.end - opened.records.start);
    if let Some(cut) = &opened.cut {
        assert_eq!(cut.index, opened.records.end);
    }
    disk.tell(Told::Opened { first: opened.records.start, records: records.clone() });
    (journal, opened, records)
}

fn some_group(chance: &mut Chance) -> Vec<Vec<u8>> {
    let most = *chance.of(&[10, 100, 600, 3000]);
    (0..chance.between(1, *chance.clone().of(&[1, 2, 9])))
        .map(|_| {
            let length = chance.between(0, most);
            chance.bytes(length)
        })
        .collect()
}

/// Appends a group, and reopens where the journal closed itself.
fn append(disk: &MemoryDisk, journal: Journal, options: Options, chance: &mut Chance) -> Journal {
    let mut journal = journal;
    let group = some_group(chance);
    disk.tell(Told::Submitted(group.clone()));
    match journal.append_group(&group) {
        Ok(_) => disk.tell(Told::Acknowledged),
        Err(AppendError::Full | AppendError::NoSegment(_)) => {
            disk.tell(Told::Refused);
            disk.set_capacity(None);
            disk.fill_up_after(None);
        }
        Err(AppendError::Unavailable(_)) => {
            disk.tell(Told::Unknown);
            assert!(matches!(journal.append_group(&group), Err(AppendError::Unavailable(_))));
            drop(journal);
            no_more_faults(disk);
            return open(disk, options).0;
        }
        Err(AppendError::TooLarge { .. }) => unreachable!(),
    }
    journal
}

/// One life of a process: opens the journal and uses it in all its ways.
fn live(disk: &MemoryDisk, options: Options, chance: &mut Chance) {
    let (mut journal, _, _) = open(disk, options);
    for _ in 0..chance.between(5, 30) {
        if chance.one_in(12) {
            disk.set_capacity(Some(disk.used() + chance.between(0, 3000)));
        }
        if chance.one_in(15) {
            disk.fill_up_after(Some(chance.between(0, 3)));
        }
        if chance.one_in(15) {
            disk.fail_a_sync_after(Some(chance.between(0, 3)));
        }
        journal = append(disk, journal, options, chance);
        if options.history == History::Retiring && chance.one_in(4) {
            let starts = journal.segment_starts();
            let before = *chance.of(&starts);
            disk.tell(Told::Retiring(before));
            journal.retire_before(before).unwrap();
        }
        if chance.one_in(15) {
            no_more_faults(disk);
            drop(journal);
            journal = open(disk, options).0;
        }
    }
    no_more_faults(disk);
}

fn no_more_faults(disk: &MemoryDisk) {
    disk.set_capacity(None);
    disk.fill_up_after(None);
    disk.fail_a_sync_after(None);
}

/// The places in a run at which the power is cut, with what is there and what was known then. `junk` says that there
/// may have been somebody else's bytes before.
fn cuts(
    base: &Files,
    truth: &Truth,
    ops: &[Op],
    many: usize,
    junk: bool,
    chance: &mut Chance,
) -> Vec<(Files, Truth, Cruelty)> {
    // Anywhere, but as often where most is at stake: just before a sync.
    let syncs = ops.iter().enumerate().filter(|(_, op)| matches!(op, Op::Sync { .. } | Op::SyncDir));
    let syncs: Vec<usize> = syncs.map(|(place, _)| place).collect();
    let mut places: Vec<usize> = (0..many)
        .map(|_| match chance.one_in(2) && !syncs.is_empty() {
            true => *chance.of(&syncs),
            false => chance.between(0, ops.len()),
        })
        .collect();
    places.sort_unstable();
    let (mut platter, mut truth) = (Platter::of(base), truth.clone());
    let mut cuts = Vec::new();
    let mut played = 0;
    for place in places {
        for op in &ops[played..place] {
            platter.play(op, chance);
            if let Op::Told(told) = op {
                truth.hear(told);
            }
        }
        played = place;
        let cruelty = *chance.of(&CRUELTIES);
        let files = platter.cut(cruelty, chance);
        // Junk stays until an opening that was not cut short has cleared it away.
        let cruelty = if junk || platter.left_junk { Cruelty::Junk } else { cruelty };
        cuts.push((files, truth.clone(), cruelty));
    }
    cuts
}

#[derive(Default, Debug)]
struct Count {
    cuts: usize,
    torn: usize,
    records: usize,
}

/// Indexes are made from the segments: nothing may depend on what became of them.
fn harm_indexes(files: &mut Files, chance: &mut Chance) {
    let names: Vec<String> = files.keys().filter(|name| name.ends_with(".idx")).cloned().collect();
    for name in &names {
        let other = files.get(chance.of(&names)).cloned().unwrap_or_default();
        let bytes = files.get_mut(name).unwrap();
        match chance.between(0, 9) {
            0 => drop(files.remove(name)),
            1 => bytes.truncate(chance.between(0, bytes.len())),
            2 => bytes.clear(),
            3 if !bytes.is_empty() => {
                let place = chance.between(0, bytes.len() - 1);
                bytes[place] ^= 1 << chance.between(0, 7);
            }
            4 => *bytes = other,
            _ => {}
        }
    }
}

/// The power comes back: everything acknowledged is there, and appending goes on. Also if it is cut once more.
fn survive(
    (files, truth, cruelty): &(Files, Truth, Cruelty),
    options: Options,
    depth: usize,
    count: &mut Count,
    chance: &mut Chance,
) {
    let mut files = files.clone();
    harm_indexes(&mut files, chance);
    let disk = MemoryDisk::of(files.clone());
    let (journal, opened, records) = open(&disk, options);
    truth.must_allow(opened.records.start, &records);
    if opened.cut.is_some() && *cruelty != Cruelty::Junk {
        assert!(!truth.pending.is_empty(), "nothing was being written, and yet a cut is reported");
    }
    count.cuts += 1;
    count.torn += usize::from(opened.cut.is_some());
    count.records += records.len();

    let mut journal = journal;
    for _ in 0..3 {
        journal = append(&disk, journal, options, chance);
    }
    drop(journal);
    let ops = disk.take_ops();
    let mut after = truth.clone();
    for op in &ops {
        if let Op::Told(told) = op {
            after.hear(told);
        }
    }
    let (_, again, records) = open(&disk, options);
    assert_eq!(again.cut, None, "nothing was torn since");
    after.must_allow(again.records.start, &records);
    assert_eq!(again.records.end, after.end);

    if depth > 0 {
        for cut in cuts(&files, truth, &ops, 3, *cruelty == Cruelty::Junk, chance) {
            survive(&cut, options, depth - 1, count, chance);
        }
    }
}

#[test]
fn what_was_acknowledged_survives_every_power_cut() {
    let seed = std::env::var("POWER_CUT_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut count = Count::default();
    for seed in seed.map_or(1..=100, |seed| seed..=seed) {
        println!("POWER_CUT_SEED={seed}");
        let mut chance = Chance::new(seed);
        let options = Options {
            segment_bytes: *chance.of(&[4096, 10_000, 40_000, 1 << 20]),
            step_bytes: *chance.of(&[512, 1000, 4096, 16_384]),
            history: *chance.of(&[History::Whole, History::Whole, History::Retiring]),
            verify: *chance.of(&[Verify::Whole, Verify::Tail]),
        };
        let (mut files, mut truth, mut junk) = (Files::new(), Truth::default(), false);
        for _generation in 0..4 {
            let disk = MemoryDisk::of(files.clone());
            live(&disk, options, &mut chance);
            let mut ops = disk.take_ops();
            if chance.one_in(2) {
                // The process is killed, and another one goes on with what is in the system's memory.
                let renamed =
                    |(place, op): (usize, &Op)| matches!(op, Op::Rename { .. }).then_some(place + 1);
                let renames: Vec<usize> = ops.iter().enumerate().filter_map(renamed).collect();
                let anywhere = chance.between(0, ops.len());
                ops.truncate(match chance.one_in(2) && !renames.is_empty() {
                    true => *chance.of(&renames),
                    false => anywhere,
                });
                let disk = MemoryDisk::after(files.clone(), &ops);
                live(&disk, options, &mut chance);
                ops = disk.take_ops();
            }
            let cuts = cuts(&files, &truth, &ops, 15, junk, &mut chance);
            for (place, cut) in cuts.iter().enumerate() {
                let context = Context(format!("seed {seed}, cut {place}, {:?}", cut.2));
                let depth = usize::from(chance.one_in(6));
                survive(cut, options, depth, &mut count, &mut chance);
                drop(context);
            }
            let next = chance.between(0, cuts.len() - 1);
            (files, truth) = (cuts[next].0.clone(), cuts[next].1.clone());
            junk = cuts[next].2 == Cruelty::Junk;
        }
    }
    println!("{count:?}");
    assert!(count.cuts >= 5000 || seed.is_some(), "{count:?}");
    assert!(count.torn >= 300 || seed.is_some(), "cuts that tear nothing show nothing: {count:?}");
}

/// A segment is full to its last byte, or torn while it was made longer: the next group begins in new space.
#[test]
fn the_edge_of_the_space_written_ahead_survives_every_power_cut() {
    let options =
        Options { segment_bytes: 1 << 20, step_bytes: 1024, history: History::Whole, ..Options::default() };
    let (mut count, mut chance) = (Count::default(), Chance::new(5));
    for begin in [900, 967, 968, 969, 1000] {
        for round in 0..15 {
            let context = Context(format!("a record of {begin}, round {round}"));
            let disk = MemoryDisk::default();
            let (mut journal, _, _) = open(&disk, options);
            for length in [begin, 80, 700] {
                let group = vec![chance.bytes(length)];
                disk.tell(Told::Submitted(group.clone()));
                journal.append_group(&group).unwrap();
                disk.tell(Told::Acknowledged);
            }
            for cut in cuts(&Files::new(), &Truth::default(), &disk.take_ops(), 10, false, &mut chance) {
                survive(&cut, options, 2, &mut count, &mut chance);
            }
            drop(context);
        }
    }
    println!("{count:?}");
}

/// The cut left a whole group at the end of a file of odd length. What is appended next must not look as if the file
/// had been shortened.
#[test]
fn a_file_left_at_an_odd_length_survives_the_next_power_cut() {
    let options =
        Options { segment_bytes: 1 << 20, step_bytes: 4096, history: History::Whole, ..Options::default() };
    let disk = MemoryDisk::default();
    let (mut journal, _, _) = open(&disk, options);
    journal.append_group(&[vec![b'a'; 4000]]).unwrap();
    journal.append_group(&[vec![b'b'; 100]]).unwrap();
    drop(journal);
    let mut files = disk.files();
    let end = 32 + (24 + 4000) + (24 + 100);
    files.values_mut().filter(|bytes| bytes.len() > end).for_each(|bytes| bytes.truncate(end + 7));

    let (mut count, mut chance) = (Count::default(), Chance::new(3));
    let disk = MemoryDisk::of(files.clone());
    let (mut journal, opened, _) = open(&disk, options);
    assert_eq!(opened, Opened { records: 0..2, cut: None, unread: 0..0 });
    disk.tell(Told::Submitted(vec![vec![b'c'; 50]]));
    journal.append_group(&[vec![b'c'; 50]]).unwrap();
    disk.tell(Told::Acknowledged);
    let truth =
        Truth { records: [(0, vec![b'a'; 4000]), (1, vec![b'b'; 100])].into(), end: 2, ..Truth::default() };
    for cut in cuts(&files, &truth, &disk.take_ops(), 500, false, &mut chance) {
        survive(&cut, options, 0, &mut count, &mut chance);
    }
}

/// Says where a test was when it panicked.
struct Context(String);

impl Drop for Context {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("power cut: {}", self.0);
        }
    }
}
