//! Damage to what was synced: found, located and named, and nothing is changed by looking.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::journal::{
    Damage, Damaged, History, Journal, JournalError, Opened, Options, ReadError, Reader, Verify,
};

use crate::chance::Chance;
use crate::disk::{Files, MemoryDisk};

const SMALL: Options =
    Options { segment_bytes: 4096, step_bytes: 1024, history: History::Whole, verify: Verify::Whole };
const HEADER: usize = 32;
const FRAME: usize = 24;

fn open(files: &Files) -> Result<(Journal, Opened), JournalError> {
    Journal::open_on(Arc::new(MemoryDisk::of(files.clone())), Path::new("/j"), SMALL)
}

fn damage_in(files: &Files) -> Damaged {
    let disk = MemoryDisk::of(files.clone());
    match Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL) {
        Err(JournalError::Damaged(damaged)) => {
            assert_eq!(&disk.files(), files, "a damaged journal is left as it is");
            damaged
        }
        Err(other) => panic!("{other}"),
        Ok((_, opened)) => panic!("opened with {opened:?}"),
    }
}

/// Where a record is: its segment, where its frame begins and how long it is, and the first record of its group.
#[derive(Clone, Debug)]
struct Place {
    file: String,
    offset: usize,
    length: usize,
}

/// A journal of three segments, the records in it, and where each is.
fn three_segments() -> (Files, Vec<Vec<u8>>, Vec<Place>) {
    let disk = MemoryDisk::default();
    let (mut journal, _) = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL).unwrap();
    let mut chance = Chance::new(7);
    let (mut records, mut places): (Vec<Vec<u8>>, Vec<Place>) = (Vec::new(), Vec::new());
    while journal.segment_starts().len() < 3 || journal.next_index() - journal.segment_starts()[2] < 8 {
        let group: Vec<_> = [40, 0, 150].map(|length| chance.bytes(length)).into();
        let indices = journal.append_group(&group).unwrap();
        let starts = journal.segment_starts();
        let file = format!("{:020}.seg", starts.last().unwrap());
        let mut offset = match places.last() {
            Some(before) if before.file == file => before.offset + before.length,
            _ => HEADER,
        };
        for record in &group {
            places.push(Place { file: file.clone(), offset, length: FRAME + record.len() });
            offset += FRAME + record.len();
        }
        records.extend(group);
        assert_eq!(indices.end as usize, records.len());
    }
    drop(journal);
    (disk.files(), records, places)
}

fn path(file: &str) -> PathBuf {
    Path::new("/j").join(file)
}

#[test]
fn a_flipped_bit_anywhere_is_located() {
    let (files, records, places) = three_segments();
    let names: Vec<&String> = files.keys().filter(|name| name.ends_with(".seg")).collect();
    let mut chance = Chance::new(11);
    for name in &names {
        let last = *name == *names.last().unwrap();
        let own: Vec<(usize, &Place)> = places.iter().enumerate().filter(|(_, p)| p.file == **name).collect();
        let end = own.last().map(|(_, place)| place.offset + place.length).unwrap();
        for byte in 0..files[*name].len() {
            let mut hurt = files.clone();
            hurt.get_mut(*name).unwrap()[byte] ^= 1 << chance.between(0, 7);
            if byte < HEADER {
                let index = own[0].0 as u64;
                let expected = Damaged { file: path(name), offset: 0, index, what: Damage::Header };
                assert_eq!(damage_in(&hurt), expected, "{name} byte {byte}");
            } else if byte < end {
                let (index, place) = own.iter().rfind(|(_, place)| place.offset <= byte).unwrap();
                let offset = place.offset as u64;
                let expected =
                    Damaged { file: path(name), offset, index: *index as u64, what: Damage::Record };
                assert_eq!(damage_in(&hurt), expected, "{name} byte {byte}");
            } else if last {
                // The mark, or space that was never used: nothing is lost.
                let (journal, opened) = open(&hurt).unwrap();
                assert_eq!(opened.records, 0..records.len() as u64, "{name} byte {byte}");
                let found: Vec<_> = journal.reader().iter_from(0).map(|found| found.unwrap().1).collect();
                assert_eq!(found, records);
            } else {
                let found = damage_in(&hurt);
                assert_eq!((found.file, found.what), (path(name), Damage::Record), "{name} byte {byte}");
                assert!(found.offset as usize >= end && found.offset as usize <= byte);
            }
        }
    }
}

/// The one thing that can't be told from a torn write: the mark after the last group never reached the disk (it isn't
/// synced), and then that group was damaged. It is cut, and said to be.
#[test]
fn damage_to_the_last_group_without_its_mark_is_reported_as_a_cut() {
    let (mut files, records, places) = three_segments();
    let last_group = &places[places.len() - 3];
    let end = places.last().map(|place| place.offset + place.length).unwrap();
    let bytes = files.get_mut(&last_group.file).unwrap();
    bytes[end..end + FRAME].fill(0);
    bytes[end - 1] ^= 1;
    let (_, opened) = open(&files).unwrap();
    let cut = opened.cut.unwrap();
    assert_eq!((cut.file, cut.offset), (path(&last_group.file), last_group.offset as u64));
    assert_eq!(cut.index, records.len() as u64 - 3);
    assert_eq!(opened.records, 0..cut.index);
}

#[test]
fn a_shortened_segment_is_refused() {
    let (files, records, places) = three_segments();
    let names: Vec<&String> = files.keys().filter(|name| name.ends_with(".seg")).collect();
    for name in &names {
        let last = *name == *names.last().unwrap();
        let own: Vec<&Place> = places.iter().filter(|place| place.file == **name).collect();
        let end = own.last().map(|place| place.offset + place.length).unwrap();
        for length in 0..files[*name].len() {
            let mut hurt = files.clone();
            hurt.get_mut(*name).unwrap().truncate(length);
            // A length that a growing file can have after a power cut, and the group then being written is torn.
            let whole_groups = own.chunks(3).take_while(|group| group[2].offset + group[2].length <= length);
            let begun = whole_groups.count().checked_sub(1).map_or(0, |group| own[group * 3].offset);
            let possible = length >= 1024 && begun <= length - length % 1024;
            if if last { !possible } else { length < end } {
                let found = damage_in(&hurt);
                assert_eq!(found.file, path(name), "{name} cut to {length}");
                assert!(found.offset as usize <= length);
            } else {
                // What opens is a beginning of what was.
                let (journal, _) =
                    open(&hurt).unwrap_or_else(|error| panic!("{name} cut to {length}: {error}"));
                let found: Vec<_> = journal.reader().iter_from(0).map(|found| found.unwrap().1).collect();
                assert_eq!(found, records[..found.len()]);
                assert!(last || found.len() == records.len());
            }
        }
    }
}

#[test]
fn missing_swapped_and_foreign_segments_are_refused() {
    let (files, _, places) = three_segments();
    let names: Vec<String> = files.keys().filter(|name| name.ends_with(".seg")).cloned().collect();
    let first_of = |name: &str| places.iter().position(|place| place.file == *name).unwrap() as u64;
    let (second, third) = (first_of(&names[1]), first_of(&names[2]));
    let end_of = |name: &str| {
        let place = places.iter().rfind(|place| place.file == *name).unwrap();
        (place.offset + place.length) as u64
    };

    let without = |gone: &[&String]| {
        let mut left = files.clone();
        left.retain(|name, _| !gone.contains(&name));
        damage_in(&left)
    };
    let missing = |file: PathBuf, offset, index, until| {
        let what = Damage::Missing { until };
        Damaged { file, offset, index, what }
    };
    assert_eq!(without(&[&names[0]]), missing("/j".into(), 0, 0, second));
    assert_eq!(without(&[&names[1]]), missing(path(&names[0]), end_of(&names[0]), second, third));
    assert_eq!(without(&[&names[0], &names[1]]), missing("/j".into(), 0, 0, third));
    let all: Vec<&String> = names.iter().collect();
    assert_eq!(
        without(&all),
        Damaged { file: "/j".into(), offset: 0, index: 0, what: Damage::NoSegments },
        "an empty directory in which a journal was is not a new journal"
    );

    let mut swapped = files.clone();
    swapped.insert(names[0].clone(), files[&names[1]].clone());
    swapped.insert(names[1].clone(), files[&names[0]].clone());
    let expected = Damaged { file: path(&names[0]), offset: 0, index: 0, what: Damage::Name };
    assert_eq!(damage_in(&swapped), expected);

    for (content, what) in [
        (&b""[..], Damage::Header),
        (b"#!/bin/sh\necho this is not a segment of a journal at all\n", Damage::Header),
        (&[0; 4096], Damage::Header),
    ] {
        for (name, index) in names.iter().zip([0, second, third]) {
            let mut foreign = files.clone();
            foreign.insert(name.clone(), content.to_vec());
            assert_eq!(damage_in(&foreign), Damaged { file: path(name), offset: 0, index, what });
        }
    }
    for name in ["notes.seg", "7.seg", "00000000000000000000x.seg", "-0000000000000000001.seg", ".seg"] {
        let mut foreign = files.clone();
        foreign.insert(name.to_owned(), b"?".to_vec());
        assert_eq!(
            damage_in(&foreign),
            Damaged { file: path(name), offset: 0, index: 0, what: Damage::Name }
        );
    }
    let mut beside = files.clone();
    beside.insert("notes.txt".to_owned(), b"files that are no segments are nobody's business".to_vec());
    assert_eq!(open(&beside).unwrap().1.cut, None);
}

#[test]
fn a_segment_of_another_journal_is_refused() {
    let (files, _, places) = three_segments();
    // The same lengths, other content: all indices and names fit.
    let other = MemoryDisk::default();
    let (mut journal, _) = Journal::open_on(Arc::new(other.clone()), Path::new("/j"), SMALL).unwrap();
    for group in places.chunks(3) {
        let records: Vec<_> = group.iter().map(|place| vec![b'x'; place.length - FRAME]).collect();
        journal.append_group(&records).unwrap();
    }
    drop(journal);
    let other = other.files();
    assert_eq!(other.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    let names: Vec<&String> = files.keys().filter(|name| name.ends_with(".seg")).collect();
    for (strange, named) in [(0, 1), (1, 1), (2, 2)] {
        let mut mixed = files.clone();
        mixed.insert(names[strange].clone(), other[names[strange]].clone());
        let index = places.iter().position(|place| place.file == *names[named]).unwrap() as u64;
        let expected = Damaged { file: path(names[named]), offset: 0, index, what: Damage::Chain };
        assert_eq!(damage_in(&mixed), expected);
    }
}

#[test]
fn a_later_version_is_named() {
    let (mut files, _, _) = three_segments();
    let name = files.keys().find(|name| name.ends_with(".seg")).unwrap().clone();
    let bytes = files.get_mut(&name).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..HEADER].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(open(&files).err(), Some(JournalError::Version { file: path(&name), found: 2 }));
}

/// A payload that contains frames of the journal itself, as an attacker would send it, proves nothing.
#[test]
fn frames_inside_a_payload_are_not_taken_for_frames() {
    let (files, records, places) = three_segments();
    let stolen: Vec<u8> =
        files.values().flat_map(|bytes| bytes.get(HEADER..).unwrap_or_default()).copied().collect();
    let disk = MemoryDisk::of(files);
    let (mut journal, _) = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL).unwrap();
    journal.append_group(&[&stolen]).unwrap();
    drop(journal);
    let mut files = disk.files();
    let name = files.keys().rfind(|name| name.ends_with(".seg")).unwrap().clone();
    // Torn: its first sector never arrived, and neither did the mark.
    let at = if name == places.last().unwrap().file { 0 } else { HEADER };
    let bytes = files.get_mut(&name).unwrap();
    let begin = bytes.windows(stolen.len()).position(|window| window == stolen).unwrap() - FRAME;
    assert!(begin >= at);
    bytes[begin..begin + FRAME].fill(0);
    bytes[begin + FRAME + stolen.len()..].fill(0);
    let (_, opened) = open(&files).unwrap();
    assert_eq!(opened.records.end, records.len() as u64);
    assert_eq!(opened.cut.map(|cut| cut.offset), Some(begin as u64));
}

#[test]
fn damage_after_opening_is_found_by_reading() {
    let disk = MemoryDisk::default();
    let (mut journal, _) = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL).unwrap();
    journal.append_group(&["one", "two", "three"]).unwrap();
    let name = disk.files().into_keys().find(|name| name.ends_with(".seg")).unwrap();
    let file = countersign::journal::Disk::open(&disk, &path(&name)).unwrap();
    let second = HEADER + FRAME + 3;
    file.write_at(b"!", (second + FRAME) as u64).unwrap();
    let reader = journal.reader();
    let expected = Damaged { file: path(&name), offset: second as u64, index: 1, what: Damage::Record };
    assert_eq!(reader.read(0).unwrap(), b"one");
    assert_eq!(reader.read(1), Err(ReadError::Damaged(expected.clone())));
    assert_eq!(reader.read(2).unwrap(), b"three");
    let all: Vec<_> = reader.iter_from(0).collect();
    assert_eq!(all, [Ok((0, b"one".to_vec())), Err(ReadError::Damaged(expected))]);
}

/// Opens without reading the segments that have ended.
fn open_tail(files: &Files) -> Result<(Journal, Opened), JournalError> {
    let options = Options { verify: Verify::Tail, ..SMALL };
    Journal::open_on(Arc::new(MemoryDisk::of(files.clone())), Path::new("/j"), options)
}

/// Reads everything that opening did not.
fn verify(reader: &Reader) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
    let (mut at, mut seen) = (0, Vec::new());
    while let Some(next) =
        reader.verify_segment(at, &mut |index, record| seen.push((index, record.to_vec())))?
    {
        at = next;
    }
    Ok(seen)
}

#[test]
fn a_journal_that_is_not_read_whole_is_the_same() {
    let (files, records, places) = three_segments();
    assert_eq!(files.keys().filter(|name| name.ends_with(".idx")).count(), 2);
    let (journal, opened) = open_tail(&files).unwrap();
    let last = *journal.segment_starts().last().unwrap();
    assert_eq!(opened, Opened { records: 0..records.len() as u64, cut: None, unread: 0..last });
    let reader = journal.reader();
    let found: Vec<_> = reader.iter_from(0).map(|found| found.unwrap().1).collect();
    assert_eq!(found, records);
    let verified = verify(&reader).unwrap();
    assert_eq!(verified, (0..last).zip(records).collect::<Vec<_>>());
    assert_eq!(reader.verify_segment(last, &mut |_, _| panic!()), Ok(None), "the last one was read");
    assert!(places.len() as u64 > last);
}

/// Whatever becomes of the indexes: the same journal is opened, and they are as they were afterwards.
#[test]
fn indexes_that_are_gone_torn_flipped_swapped_or_stale_are_made_anew() {
    let (files, records, _) = three_segments();
    let indexes: Vec<String> = files.keys().filter(|name| name.ends_with(".idx")).cloned().collect();
    let [first, second] = [&files[&indexes[0]], &files[&indexes[1]]];
    let stale = {
        // As one was, when its segment had fewer records.
        let disk = MemoryDisk::default();
        let options = Options { segment_bytes: 1024, ..SMALL };
        let (mut journal, _) = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), options).unwrap();
        for group in records.chunks(3) {
            journal.append_group(group).unwrap();
        }
        disk.files()[&indexes[0]].clone()
    };
    assert_ne!(&stale, first);
    let mut wrong: Vec<(String, Vec<u8>)> = vec![
        ("empty".into(), Vec::new()),
        ("of the other segment".into(), second.clone()),
        ("stale".into(), stale),
        ("no index".into(), b"#!/bin/sh\necho what is this\n".to_vec()),
    ];
    wrong.extend((0..first.len()).map(|length| (format!("cut to {length}"), first[..length].to_vec())));
    wrong.extend((0..first.len()).map(|place| {
        let mut flipped = first.clone();
        flipped[place] ^= 1 << (place % 8);
        (format!("flipped at {place}"), flipped)
    }));
    // With a checksum that is right, as somebody would write it who wants a record to be passed over.
    let mut shorter = first[..first.len() - 8].to_vec();
    let many = u32::from_le_bytes(shorter[36..40].try_into().unwrap());
    shorter[36..40].copy_from_slice(&(many - 1).to_le_bytes());
    shorter.extend(crc32c::crc32c(&shorter).to_le_bytes());
    wrong.push(("a record left out".into(), shorter));
    for (what, bytes) in wrong {
        let mut hurt = files.clone();
        hurt.insert(indexes[0].clone(), bytes);
        let disk = MemoryDisk::of(hurt);
        let options = Options { verify: Verify::Tail, ..SMALL };
        let (journal, opened) = Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), options).unwrap();
        let starts = journal.segment_starts();
        assert_eq!(opened.unread, starts[1]..starts[2], "{what}: the first segment was read");
        let found: Vec<_> = journal.reader().iter_from(0).map(|found| found.unwrap().1).collect();
        assert_eq!(found, records, "{what}");
        assert_eq!(disk.files(), files, "{what}");
    }
}

#[test]
fn an_index_without_its_segment_is_swept_away() {
    let (files, _, _) = three_segments();
    let mut more = files.clone();
    more.insert("00000000000000000001.idx".to_owned(), b"of a segment that was retired".to_vec());
    let disk = MemoryDisk::of(more);
    Journal::open_on(Arc::new(disk.clone()), Path::new("/j"), SMALL).unwrap();
    assert_eq!(disk.files(), files);
}

/// What opening does not see is found by reading the record, and by verifying, and named alike.
#[test]
fn damage_in_an_unread_segment_is_found_where_it_is() {
    let (files, _, places) = three_segments();
    let names: Vec<&String> = files.keys().filter(|name| name.ends_with(".seg")).collect();
    let mut chance = Chance::new(12);
    for name in &names[..2] {
        let own: Vec<(usize, &Place)> = places.iter().enumerate().filter(|(_, p)| p.file == **name).collect();
        let end = own.last().map(|(_, place)| place.offset + place.length).unwrap();
        for byte in HEADER..files[*name].len() {
            let mut hurt = files.clone();
            hurt.get_mut(*name).unwrap()[byte] ^= 1 << chance.between(0, 7);
            let whole = damage_in(&hurt);
            let (journal, _) = open_tail(&hurt).unwrap();
            let reader = journal.reader();
            assert_eq!(verify(&reader), Err(ReadError::Damaged(whole.clone())), "{name} byte {byte}");
            if byte < end {
                assert_eq!(reader.read(whole.index), Err(ReadError::Damaged(whole)), "{name} byte {byte}");
            }
        }
        // The header is always read.
        for byte in 0..HEADER {
            let mut hurt = files.clone();
            hurt.get_mut(*name).unwrap()[byte] ^= 1;
            let expected = damage_in(&hurt);
            assert_eq!(open_tail(&hurt).err(), Some(JournalError::Damaged(expected)), "{name} byte {byte}");
        }
    }
}

/// A segment whose every frame is right by itself, and which is not the one that was there.
#[test]
fn an_unread_segment_that_was_replaced_is_found_by_verifying() {
    let (files, _, places) = three_segments();
    let names: Vec<String> = files.keys().filter(|name| name.ends_with(".seg")).cloned().collect();
    let other = MemoryDisk::default();
    let (mut journal, _) = Journal::open_on(Arc::new(other.clone()), Path::new("/j"), SMALL).unwrap();
    for group in places.chunks(3) {
        let records: Vec<_> = group.iter().map(|place| vec![b'x'; place.length - FRAME]).collect();
        journal.append_group(&records).unwrap();
    }
    drop(journal);
    let mut mixed = files;
    // The first header says the same in every journal.
    mixed.insert(names[0].clone(), other.files()[&names[0]].clone());
    let expected = damage_in(&mixed);
    let (journal, _) = open_tail(&mixed).unwrap();
    let Err(ReadError::Damaged(found)) = verify(&journal.reader()) else { panic!("it was not noticed") };
    assert_eq!((found.index, found.what), (expected.index, expected.what));
}

#[test]
fn missing_swapped_and_shortened_segments_are_refused_without_reading_them() {
    let (files, _, _) = three_segments();
    let names: Vec<&String> = files.keys().filter(|name| name.ends_with(".seg")).collect();
    for gone in &names {
        let mut left = files.clone();
        left.remove(*gone);
        match open(&left).err() {
            Some(expected) => assert_eq!(open_tail(&left).err(), Some(expected), "{gone} is gone"),
            None => assert!(open_tail(&left).is_ok(), "the last one vanished with all its records"),
        }
    }
    let mut swapped = files.clone();
    swapped.insert(names[0].clone(), files[names[1]].clone());
    swapped.insert(names[1].clone(), files[names[0]].clone());
    assert_eq!(open_tail(&swapped).err(), open(&swapped).err());
    for name in &names[..2] {
        for length in (0..files[*name].len()).step_by(7) {
            let mut hurt = files.clone();
            hurt.get_mut(*name).unwrap().truncate(length);
            match open(&hurt).err() {
                Some(expected) => {
                    assert_eq!(open_tail(&hurt).err(), Some(expected), "{name} cut to {length}")
                }
                None => assert!(open_tail(&hurt).is_ok()),
            }
        }
    }
}
