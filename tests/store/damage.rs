//! Whatever happens to the files of the views, the answers are the same: they are made anew from the journal.

use crate::{copy, files, open, some_history};
use countersign::audit::event::{Event, Record, RequestKey};
use countersign::audit::filter::Filter;
use countersign::digest::{InvitationDigest, ValueDigest};
use countersign::moment::Moment;
use countersign::party::{AgentId, EscalationId, KeyHolder, LogOrigin, TxnId};
use countersign::store::conformance::events::Dice;
use countersign::store::embedded::EmbeddedStore;
use countersign::store::{
    Basis, Change, Committing, Course, Document, Habit, Head, Index, Invitation, Page, Store, StoreError,
};
use countersign::tlog::Hash;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, watch};

/// Asks again while the views are being mended: a refusal is no wrong answer.
struct Patient(EmbeddedStore);

fn patiently<T>(ask: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let since = Instant::now();
    loop {
        match ask() {
            Err(StoreError::Unavailable(_)) if since.elapsed() < Duration::from_secs(60) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

impl Store for Patient {
    fn commit(&self, change: Change) -> Committing {
        self.0.commit(change)
    }
    fn len(&self) -> Index {
        self.0.len()
    }
    fn record(&self, index: Index) -> Result<Record, StoreError> {
        self.0.record(index)
    }
    fn leaf(&self, index: Index) -> Result<Vec<u8>, StoreError> {
        self.0.leaf(index)
    }
    fn head(&self) -> Result<Head, StoreError> {
        self.0.head()
    }
    fn hashes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        patiently(|| self.0.hashes(level, range.clone()))
    }
    fn answered(&self, request: RequestKey) -> Result<Option<Index>, StoreError> {
        patiently(|| self.0.answered(request))
    }
    fn decided(&self, txn: TxnId) -> Result<Option<Index>, StoreError> {
        patiently(|| self.0.decided(txn))
    }
    fn chain(&self, txn: TxnId) -> Result<Vec<Index>, StoreError> {
        patiently(|| self.0.chain(txn))
    }
    fn find(&self, filter: &Filter, before: Option<Index>, limit: usize) -> Result<Page, StoreError> {
        patiently(|| self.0.find(filter, before, limit))
    }
    fn minted(&self, txn: TxnId) -> Result<Option<Index>, StoreError> {
        patiently(|| self.0.minted(txn))
    }
    fn receipts(&self, txn: TxnId) -> Result<Vec<Index>, StoreError> {
        patiently(|| self.0.receipts(txn))
    }
    fn keeps(&self, value: ValueDigest) -> Result<bool, StoreError> {
        self.0.keeps(value)
    }
    fn will_erase(&self, value: ValueDigest) -> Result<(), StoreError> {
        self.0.will_erase(value)
    }

    fn erase(&self, value: ValueDigest) -> Result<(), StoreError> {
        self.0.erase(value)
    }
    fn course(&self, id: EscalationId) -> Result<Course, StoreError> {
        patiently(|| self.0.course(id))
    }
    fn open(&self) -> Result<Vec<EscalationId>, StoreError> {
        patiently(|| self.0.open())
    }
    fn latest(&self, limit: usize) -> Result<Vec<EscalationId>, StoreError> {
        patiently(|| self.0.latest(limit))
    }
    fn decisions_of(&self, agent: &AgentId, limit: usize) -> Result<Vec<Index>, StoreError> {
        patiently(|| self.0.decisions_of(agent, limit))
    }
    fn anomalies(&self, agent: &AgentId, since: Moment) -> Result<Vec<Moment>, StoreError> {
        patiently(|| self.0.anomalies(agent, since))
    }

    fn did_before(&self, agent: &AgentId, habit: Habit<'_>) -> Result<bool, StoreError> {
        patiently(|| self.0.did_before(agent, habit))
    }
    fn suspensions(&self) -> Result<Vec<Index>, StoreError> {
        patiently(|| self.0.suspensions())
    }
    fn profiles(&self) -> Result<Vec<Index>, StoreError> {
        patiently(|| self.0.profiles())
    }
    fn shipped(&self, origin: &LogOrigin) -> Result<Option<Index>, StoreError> {
        patiently(|| self.0.shipped(origin))
    }
    fn enrolled(&self, sidecar: &KeyHolder) -> Result<Option<Index>, StoreError> {
        patiently(|| self.0.enrolled(sidecar))
    }
    fn enrolments(&self, before: Option<Index>, limit: usize) -> Result<Vec<Index>, StoreError> {
        patiently(|| self.0.enrolments(before, limit))
    }
    fn invitation(&self, invitation: InvitationDigest) -> Result<Option<Invitation>, StoreError> {
        patiently(|| self.0.invitation(invitation))
    }
    fn in_force(&self, document: Document) -> Result<Option<Index>, StoreError> {
        patiently(|| self.0.in_force(document))
    }
    fn stands(&self, what: &Basis) -> Result<Option<Index>, StoreError> {
        patiently(|| self.0.stands(what))
    }
    fn unsound(&self) -> watch::Receiver<Option<StoreError>> {
        self.0.unsound()
    }
    fn stopped(&self) -> Option<String> {
        self.0.stopped()
    }
    fn close(&self) -> Result<(), StoreError> {
        self.0.close()
    }
    fn watch(&self, id: EscalationId) -> watch::Receiver<u64> {
        self.0.watch(id)
    }
    fn watch_all(&self) -> broadcast::Receiver<EscalationId> {
        self.0.watch_all()
    }
}

/// Does something bad to the views; says what.
fn harm(views: &Path, dice: &mut Dice) -> String {
    let all = files(views);
    let path = &all[dice.below(all.len())];
    let mut bytes = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let place = dice.below(bytes.len());
    let what = match dice.below(8) {
        0 => {
            bytes.truncate(place);
            format!("cut off at {place}")
        }
        1 => {
            for _ in 0..=dice.below(20) {
                let place = dice.below(bytes.len());
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            "some bits flipped".to_owned()
        }
        2 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = byte.wrapping_add(1);
            }
            format!("byte {place} changed")
        }
        3 => {
            bytes.iter_mut().for_each(|byte| *byte = dice.roll().to_le_bytes()[0]);
            "replaced by garbage".to_owned()
        }
        4 => {
            let end = bytes.len().min(place + 4096);
            bytes[place..end].fill(0);
            format!("a page of zeros from {place}")
        }
        5 => {
            let end = bytes.len().min(place + 1 + dice.below(8192));
            bytes[place..end].iter_mut().for_each(|byte| *byte = dice.roll().to_le_bytes()[0]);
            format!("garbage from {place} to {end}")
        }
        6 => {
            bytes.extend((0..dice.below(100_000)).map(|n| n.to_le_bytes()[0]));
            "something appended".to_owned()
        }
        _ => {
            std::fs::remove_file(path).unwrap();
            return format!("{name}: removed");
        }
    };
    std::fs::write(path, bytes).unwrap();
    format!("{name}: {what}")
}

/// Closed in order, the files are known, and sled never sees a damaged one.
#[test]
fn damaged_views_give_the_same_answers() {
    damage(100, |_| {});
}

/// Left open by a killed process, they are for sled to judge, and then for the sum of the entries.
#[test]
fn damaged_views_that_were_left_open_give_the_same_answers() {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    damage(200, |dir| {
        std::fs::write(dir.join("views.tag"), format!("countersign views\nrecords 9\nopen {boot}")).unwrap();
    });
}

fn damage(rounds: u64, leave: impl Fn(&Path)) {
    let asked = std::env::var("COUNTERSIGN_ROUNDS").ok().and_then(|text| text.parse().ok());
    let rounds = asked.unwrap_or(rounds);
    let parent = tempfile::tempdir().unwrap();
    let sound = parent.path().join("sound");
    let model = some_history(&sound, 31, 1500);
    let answers = model.answers();
    let mut rebuilt = 0;
    for round in 0..rounds {
        let dir = parent.path().join("harmed");
        copy(&sound, &dir);
        leave(&dir);
        let mut dice = Dice::new(round);
        let mut done = Vec::new();
        for _ in 0..=dice.below(2) {
            if dir.join("views").exists() && !files(&dir.join("views")).is_empty() {
                done.push(harm(&dir.join("views"), &mut dice));
            }
        }
        println!("round {round}: {}", done.join(", "));
        let (store, opened) = open(&dir);
        println!("  {opened}");
        rebuilt += u64::from(opened.rebuilt.is_some());
        let store = Patient(store);
        answers.compare_views(&store);
        // It goes on, and is whole the next time, too.
        let runtime = crate::runtime();
        runtime.block_on(store.commit(Change::of(Moment::default(), [Event::Stopped {}]))).unwrap();
        drop(store);
        let (store, opened) = open(&dir);
        println!("  {opened}");
        answers.compare_views(&Patient(store));
        std::fs::remove_dir_all(&dir).unwrap();
    }
    assert!(rebuilt > rounds / 4, "{rebuilt} of {rounds}: the harm did not reach the views");
}

#[test]
fn views_that_are_gone_are_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = some_history(&dir, 32, 300);
    for gone in ["views", "views.tag"] {
        let path = dir.join(gone);
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        let (store, opened) = open(&dir);
        assert!(opened.rebuilt.is_some(), "{gone}");
        model.compare(&store);
    }
}

/// A file where the directory of the views should be, and other things that no store leaves there.
#[test]
fn something_else_in_the_place_of_the_views_is_no_obstacle() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("store");
    let model = some_history(&dir, 33, 50);
    std::fs::remove_dir_all(dir.join("views")).unwrap();
    std::fs::write(dir.join("views"), "not a directory").unwrap();
    let (store, opened) = open(&dir);
    assert!(opened.rebuilt.is_some());
    model.compare(&store);
    drop(store);
    std::fs::remove_dir_all(dir.join("views")).unwrap();
    std::fs::create_dir_all(dir.join("views/db/deeper")).unwrap();
    let (store, opened) = open(&dir);
    assert!(opened.rebuilt.is_some());
    model.compare(&store);
}
