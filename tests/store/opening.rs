//! How a store is opened: once, on what it was closed with, and never on a journal that has lost something.

use crate::{copy, open, some_history};
use countersign::audit::event::{Event, Record};
use countersign::journal::{self, Journal, Verify};
use countersign::moment::Moment;
use countersign::store::conformance::history::History;
use countersign::store::conformance::model::Model;
use countersign::store::conformance::tree::compare_tree;
use countersign::store::embedded::{EmbeddedStore, Notice, Opened, Options, Rebuilt, StoreOpenError, Tell};
use countersign::store::{Change, Store, StoreError};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

#[test]
fn a_store_is_opened_once() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let (store, _) = open(&dir);
    let error = EmbeddedStore::open(&dir, Options::default()).err().unwrap();
    assert_eq!(error, StoreOpenError::Locked { dir: dir.clone() });
    assert_eq!(error.to_string(), format!("the store in `{}` is open elsewhere", dir.display()));
    store.close().unwrap();
    drop(open(&dir));
    drop(open(&dir));
}

#[test]
fn a_closed_store_takes_nothing_and_closing_again_does_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let (store, _) = open(&parent.path().join("store"));
    store.close().unwrap();
    store.close().unwrap();
    let change = Change::of(Moment::default(), [Event::Stopped {}]);
    let runtime = crate::runtime();
    let refused = runtime.block_on(store.commit(change));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.open(), Err(StoreError::Unavailable(_))));
}

#[test]
fn views_that_were_closed_in_order_are_taken_up_as_they_are() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = some_history(&dir, 1, 300);
    let (store, opened) = open(&dir);
    assert_eq!((opened.records, opened.views), (model.records.len() as u64, model.records.len() as u64));
    assert_eq!((&opened.rebuilt, &opened.cut), (&None, &None));
    assert_eq!(opened.to_string(), format!("the store has {} records", model.records.len()));
    model.compare(&store);
}

/// What a kill leaves: the files as they are while the store is open.
#[test]
fn views_that_were_left_open_are_taken_up_and_completed() {
    let parent = tempfile::tempdir().unwrap();
    let (dir, left) = (parent.path().join("store"), parent.path().join("left"));
    let before = some_history(&dir, 2, 200).records.len() as u64;
    let (store, _) = open(&dir);
    let runtime = crate::runtime();
    let mut history = countersign::store::conformance::history::History::new(3);
    for _ in 0..200 {
        runtime.block_on(store.commit(history.next_change())).unwrap();
    }
    // sled writes its last pages by itself, half a second later.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    copy(&dir, &left);
    let model = countersign::store::conformance::model::Model::of(&store);
    let (store, opened) = open(&left);
    assert_eq!(opened.rebuilt, None);
    assert!(opened.views > before && opened.views <= opened.records, "{opened:?}");
    model.compare(&store);
}

#[test]
fn views_that_were_open_when_the_machine_stopped_are_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = some_history(&dir, 4, 200);
    let tag = dir.join("views.tag");
    for (text, why) in [
        ("countersign views\nrecords 9\nopen another-boot\n", Rebuilt::Restarted),
        ("countersign views\nrecords 9\nopening\n", Rebuilt::Unfinished),
        ("countersign views\nrecords 9\nclean", Rebuilt::Unfinished),
        ("", Rebuilt::Unfinished),
    ] {
        std::fs::write(&tag, text).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = Arc::clone(&told);
        let tell: countersign::store::embedded::Tell =
            Arc::new(move |notice: &Notice| telling.lock().unwrap().push(notice.clone()));
        let options = Options { tell: Some(tell), ..Options::default() };
        let (store, opened) = EmbeddedStore::open(&dir, options).unwrap();
        assert_eq!(opened.rebuilt, Some(why.clone()));
        model.compare(&store);
        let all = model.records.len() as u64;
        let last = Notice::Rebuilding { why, done: all, of: all };
        assert_eq!(told.lock().unwrap().last(), Some(&last), "progress is told");
        store.close().unwrap();
    }
}

/// Makes views look as if a killed process had left them open.
fn left_open(dir: &std::path::Path) {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    std::fs::write(dir.join("views.tag"), format!("countersign views\nrecords 9\nopen {boot}")).unwrap();
}

#[test]
fn views_of_another_journal_are_made_anew() {
    for (own, other) in [(100, 100), (100, 20), (20, 100)] {
        let parent = tempfile::tempdir().unwrap();
        let (one, two) = (parent.path().join("one"), parent.path().join("two"));
        let model = some_history(&one, 5, own);
        some_history(&two, 6, other);
        std::fs::remove_dir_all(one.join("views")).unwrap();
        copy(&two.join("views"), &one.join("views"));
        left_open(&one);
        let (store, opened) = open(&one);
        assert_eq!(opened.rebuilt, Some(Rebuilt::Foreign));
        model.compare(&store);
    }
}

/// A journal that was put back to an older state begins as the views expect, and goes on differently.
#[test]
fn views_of_a_journal_that_went_another_way_are_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let (one, two) = (parent.path().join("one"), parent.path().join("two"));
    some_history(&one, 7, 50);
    copy(&one, &two);
    some_history(&one, 8, 50);
    let model = some_history(&two, 9, 80);
    std::fs::remove_dir_all(two.join("views")).unwrap();
    copy(&one.join("views"), &two.join("views"));
    left_open(&two);
    let (store, opened) = open(&two);
    assert_eq!(opened.rebuilt, Some(Rebuilt::Foreign));
    model.compare(&store);
}

#[test]
fn a_journal_with_fewer_records_than_the_views_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let (dir, older) = (parent.path().join("store"), parent.path().join("older"));
    let before = some_history(&dir, 10, 50);
    copy(&dir.join("journal"), &older);
    let after = some_history(&dir, 11, 50);
    std::fs::remove_dir_all(dir.join("journal")).unwrap();
    std::fs::rename(&older, dir.join("journal")).unwrap();

    let (known, journal) = (after.records.len() as u64, before.records.len() as u64);
    for _ in 0..2 {
        let error = EmbeddedStore::open(&dir, Options::default()).err().unwrap();
        assert_eq!(error, StoreOpenError::Lost { dir: dir.clone(), known, journal }, "each time");
    }
    let error = EmbeddedStore::open(&dir, Options::default()).err().unwrap().to_string();
    assert!(error.contains(&format!("the last {} are lost", known - journal)), "{error}");

    std::fs::remove_dir_all(dir.join("views")).unwrap();
    let error = EmbeddedStore::open(&dir, Options::default()).err().unwrap();
    assert_eq!(error, StoreOpenError::Lost { dir: dir.clone(), known, journal }, "without views, too");

    // An operator who accepts the loss removes the tag, as the message says.
    std::fs::remove_file(dir.join("views.tag")).unwrap();
    let (store, opened) = open(&dir);
    assert_eq!(opened.rebuilt, Some(Rebuilt::Missing));
    before.compare(&store);
}

/// The views know of more records than the tag, which is written when they are opened and closed.
#[test]
fn a_journal_with_fewer_records_than_views_that_were_left_open_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let (dir, older) = (parent.path().join("store"), parent.path().join("older"));
    let before = some_history(&dir, 14, 50);
    copy(&dir.join("journal"), &older);
    let after = some_history(&dir, 15, 50);
    std::fs::remove_dir_all(dir.join("journal")).unwrap();
    std::fs::rename(&older, dir.join("journal")).unwrap();
    left_open(&dir);
    let (known, journal) = (after.records.len() as u64, before.records.len() as u64);
    for _ in 0..3 {
        let error = EmbeddedStore::open(&dir, Options::default()).err().unwrap();
        assert_eq!(error, StoreOpenError::Lost { dir: dir.clone(), known, journal }, "each time");
    }
}

#[test]
fn an_empty_journal_beside_views_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = some_history(&dir, 12, 20);
    std::fs::remove_dir_all(dir.join("journal")).unwrap();
    let error = EmbeddedStore::open(&dir, Options::default()).err().unwrap();
    let known = model.records.len() as u64;
    assert_eq!(error, StoreOpenError::Lost { dir, known, journal: 0 });
}

#[test]
fn a_record_of_another_version_is_refused_by_its_place() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let places = some_history(&dir, 13, 20).records.len() as u64;
    let (mut journal, _) =
        countersign::journal::Journal::open(&dir.join("journal"), Default::default()).unwrap();
    journal.append_group(&[r#"{"at":0,"kind":"stopped","v":2}"#]).unwrap();
    drop(journal);
    let error = EmbeddedStore::open(&dir, Options::default()).err().unwrap();
    assert!(matches!(error, StoreOpenError::Unreadable { index, .. } if index == places), "{error:?}");
}

/// Segments of a few records each, of which opening reads the last.
fn small_tail() -> Options {
    let journal = journal::Options {
        segment_bytes: 16 << 10,
        step_bytes: 4 << 10,
        verify: Verify::Tail,
        ..journal::Options::default()
    };
    Options { journal, ..Options::default() }
}

/// Opens it so, with what is told of it.
fn open_small_tail(dir: &Path) -> (EmbeddedStore, Opened, mpsc::Receiver<Notice>) {
    let (sender, told) = mpsc::channel();
    let tell: Tell = Arc::new(move |notice: &Notice| drop(sender.send(notice.clone())));
    let (store, opened) = EmbeddedStore::open(dir, Options { tell: Some(tell), ..small_tail() }).unwrap();
    (store, opened, told)
}

/// A store of several segments, closed in order.
fn several_segments(dir: &Path, seed: u64) -> Model {
    let (store, _) = EmbeddedStore::open(dir, small_tail()).unwrap();
    let mut history = History::new(seed);
    let runtime = crate::runtime();
    for _ in 0..400 {
        runtime.block_on(store.commit(history.next_change())).unwrap();
    }
    let model = Model::of(&store);
    store.close().unwrap();
    model
}

fn last_notice(told: &mpsc::Receiver<Notice>) -> Notice {
    told.recv_timeout(Duration::from_secs(60)).unwrap()
}

#[test]
fn what_opening_does_not_read_is_verified_afterwards() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = several_segments(&dir, 16);
    let (store, opened, told) = open_small_tail(&dir);
    let all = model.records.len() as u64;
    assert_eq!((opened.records, opened.views, opened.hashed), (all, all, all));
    assert!(opened.unread > all / 2 && opened.unread < all, "{opened:?}");
    model.compare(&store);
    compare_tree(&store, &model);
    assert_eq!(last_notice(&told), Notice::Verified { records: opened.unread });
    assert_eq!(*store.unsound().borrow(), None);
}

/// As a disk that has failed: it is named, and nothing more is recorded.
#[test]
fn damage_that_opening_did_not_read_ends_the_store() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    several_segments(&dir, 17);
    let segment = dir.join("journal/00000000000000000000.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    // The first record is read by every opening.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (store, opened, told) = open_small_tail(&dir);
    assert!(opened.unread > 0);
    let Notice::Unsound(why) = last_notice(&told) else { panic!("it was not found") };
    let named = format!("`{}` at byte ", segment.display());
    assert!(why.contains(&named) && why.contains(": the record is not what was written"), "{why}");
    ends(&store, &why);
}

fn ends(store: &EmbeddedStore, why: &str) {
    let runtime = crate::runtime();
    let reason =
        runtime.block_on(async { store.unsound().wait_for(Option::is_some).await.unwrap().clone().unwrap() });
    assert_eq!(reason.to_string(), why);
    let refused = runtime.block_on(store.commit(Change::of(Moment::default(), [Event::Stopped {}])));
    assert_eq!(refused, Err(reason.clone()));
    assert_eq!(store.head(), Err(reason));
}

/// Whoever rewrites the journal with right checksums does not have the tree on his side.
#[test]
fn an_altered_record_is_found_at_opening_or_soon_after_it() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = several_segments(&dir, 18);
    let place = 100;
    std::fs::remove_dir_all(dir.join("journal")).unwrap();
    let (mut journal, _) = Journal::open(&dir.join("journal"), small_tail().journal).unwrap();
    for (index, record) in model.records.iter().enumerate() {
        let record = if index == place { &Record::new(Moment::default(), Event::Stopped {}) } else { record };
        journal.append_group(&[record.to_canonical().unwrap()]).unwrap();
    }
    drop(journal);
    let index = place as u64;
    let error = EmbeddedStore::open(&dir, Options::default()).err().unwrap();
    assert_eq!(error, StoreOpenError::Altered { dir: dir.clone(), index });
    let (store, _, told) = open_small_tail(&dir);
    let Notice::Unsound(why) = last_notice(&told) else { panic!("it was not found") };
    assert!(why.contains(&format!("record {index} is not the one that was hashed")), "{why}");
    ends(&store, &why);
}

/// The tree's files are not the journal: they are made anew while the store goes on.
#[test]
fn files_of_the_tree_that_are_wrong_are_mended_while_it_is_open() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = several_segments(&dir, 19);
    let leaves = dir.join("tree/0");
    let mut bytes = std::fs::read(&leaves).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&leaves, bytes).unwrap();
    let (store, _, told) = open_small_tail(&dir);
    let mut heard = [last_notice(&told), last_notice(&told)].map(|notice| notice.to_string());
    heard.sort();
    assert!(heard[1].contains("tree were damaged"), "{heard:?}");
    compare_tree(&store, &model);
}

/// Large views are not read before they are used; that does not make them true.
#[test]
fn large_views_are_checked_while_they_are_in_use() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = some_history(&dir, 20, 300);
    let open = |check_bytes| {
        let (sender, told) = mpsc::channel();
        let tell: Tell = Arc::new(move |notice: &Notice| drop(sender.send(notice.clone())));
        let options = Options { tell: Some(tell), check_bytes: Some(check_bytes), ..Options::default() };
        let (store, opened) = EmbeddedStore::open(&dir, options).unwrap();
        (store, opened, told)
    };
    {
        let views = sled::open(dir.join("views")).unwrap();
        let (key, _) = views.iter().next_back().unwrap().unwrap();
        views.remove(key).unwrap().unwrap();
        views.flush().unwrap();
    }
    left_open(&dir);
    let (store, opened, told) = open(0);
    assert_eq!(opened.rebuilt, None);
    let Notice::ViewsDown(why) = last_notice(&told) else { panic!("it was not found") };
    assert!(why.contains("do not add up"), "{why}");
    while last_notice(&told) != (Notice::ViewsUp { rebuilt: true }) {}
    model.compare(&store);
    store.close().unwrap();
    // Closed in order, and as a killed process leaves them.
    assert!(std::fs::read_to_string(dir.join("views.tag")).unwrap().ends_with("synced\n"));
    for killed in [false, true] {
        if killed {
            left_open(&dir);
        }
        let (store, opened, told) = open(0);
        assert_eq!(opened.rebuilt, None);
        model.compare(&store);
        store.close().unwrap();
        assert_eq!(told.try_iter().count(), 0, "nothing is wrong with them");
    }
}
