//! Values apart: what does not fit into a leaf or is secret stands outside the log, and can be erased.

use crate::world::{World, noon, world};
use countersign::audit::apart::{self, MAX_LEAF, SALT};
use countersign::audit::event::{Event, Record, RecordError, WhyApart};
use countersign::digest::{PolicyDigest, sha256};
use countersign::operation::Operation;
use countersign::party::TxnId;
use countersign::sidecar::{SidecarError, ToErase};
use countersign::store::conformance::events::{agent, allowed};
use countersign::store::embedded::{EmbeddedStore, Look, Options};
use countersign::store::{Change, Store as _, StoreError};
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

fn policy(text: &str) -> Event {
    Event::PolicyLoaded { digest: PolicyDigest::from_bytes([2; 32]), text: text.to_owned(), approved: None }
}

fn long(beginning: &str) -> String {
    format!("{beginning}{}", "x".repeat(100_000))
}

/// A decision about an operation with these parameters; the second is what may be shown of it.
fn decided(parameters: &str, shown: Option<&str>) -> Event {
    let op = |parameters: &str| {
        let operation = Operation::from_json("db.login", "db/prod", parameters.as_bytes()).unwrap();
        (String::from_utf8(operation.op_bytes().to_vec()).unwrap(), operation.digest())
    };
    let Event::Decided(mut decided) = allowed(TxnId::from_random([7; 16]), &agent(0), None) else { panic!() };
    (decided.op, decided.digest) = op(parameters);
    decided.shown = shown.map(|shown| op(shown).0);
    Event::Decided(decided)
}

fn split(event: Event) -> Result<apart::Split, RecordError> {
    let mut number = 0;
    apart::split(&Record::new(noon(), event), &mut || {
        number += 1;
        Ok([number; SALT])
    })
}

/// What comes of a leaf and all its values.
fn joined(split: &apart::Split) -> Record {
    let leaf = Record::from_bytes(&split.leaf).unwrap();
    let look = |value| split.kept.iter().find(|kept| kept.value == value).map(|kept| kept.bytes.clone());
    apart::join(leaf, &mut |apart| Ok(look(apart.value))).unwrap()
}

#[test]
fn most_records_are_their_leaf() {
    let record = Record::new(noon(), policy("version: 1"));
    let split = split(record.event.clone()).unwrap();
    assert_eq!((split.leaf, split.kept), (record.to_canonical().unwrap(), Vec::new()));
}

#[test]
fn what_is_secret_or_too_long_is_taken_out_and_comes_back() {
    let (secret, shown) =
        (r#"{"password":"hunter2","user":"ada"}"#, r#"{"password":"⟨secret, 7 characters⟩","user":"ada"}"#);
    let pieces: Vec<String> =
        (0..4000).map(|n| format!("\"member-{n}\":\"a value of some length\"")).collect();
    for (event, why) in [
        (policy(&long("version: 1\n")), WhyApart::Large),
        (decided(secret, Some(shown)), WhyApart::Secret),
        (decided(&format!("{{\"sql\":\"{}\"}}", long("select ")), None), WhyApart::Large),
        (decided(&format!("{{{}}}", pieces.join(",")), None), WhyApart::Large),
        (
            decided(&format!("{{\"all\":[{{{}}}],\"password\":\"hunter2\"}}", pieces.join(",")), Some(shown)),
            WhyApart::Secret,
        ),
    ] {
        let split = split(event.clone()).unwrap();
        assert!(split.leaf.len() <= MAX_LEAF);
        assert_eq!(joined(&split), Record::new(noon(), event));
        let leaf = Record::from_bytes(&split.leaf).unwrap();
        assert_eq!(leaf.apart.values().map(|apart| apart.why).collect::<Vec<_>>(), [why]);
        assert!(!String::from_utf8_lossy(&split.leaf).contains("hunter2"));
        // Who did what to what can be told without the value.
        if let Event::Decided(decided) = leaf.event {
            let operation = Operation::from_op_bytes(decided.op.as_bytes()).unwrap();
            assert_eq!((operation.action(), operation.resource()), ("db.login", "db/prod"));
            assert!(decided.is_erased(), "nobody takes it for what was decided");
        }
    }
}

#[test]
fn a_shown_operation_that_is_itself_too_long_is_shortened() {
    let shown = format!("{{\"password\":\"⟨secret, 7 characters⟩\",\"sql\":\"{}\"}}", long("select "));
    let event = decided(&shown.replace("⟨secret, 7 characters⟩", "hunter2"), Some(&shown));
    let split = split(event.clone()).unwrap();
    assert!(split.leaf.len() <= MAX_LEAF);
    assert_eq!(split.kept.len(), 1);
    let Event::Decided(whole) = joined(&split).event else { panic!() };
    let Event::Decided(before) = event else { panic!() };
    assert_eq!(whole.op, before.op);
    assert!(whole.shown().contains("secret, 7 characters"));
}

#[test]
fn a_guess_cannot_be_confirmed_and_equal_values_have_unequal_names() {
    let event = || decided(r#"{"password":"1234"}"#, Some(r#"{"password":"⟨secret, 4 characters⟩"}"#));
    let (one, other) = (split(event()).unwrap(), {
        apart::split(&Record::new(noon(), event()), &mut || Ok([9; SALT])).unwrap()
    });
    assert_ne!(one.kept[0].value, other.kept[0].value);
    let value = &one.kept[0].bytes[SALT..];
    assert_ne!(*one.kept[0].value.as_bytes(), sha256(&[value]), "the digest is not of the value alone");
    assert_eq!(*one.kept[0].value.as_bytes(), sha256(&[&[1; SALT], value]));
}

#[test]
fn what_looks_like_a_value_apart_is_a_text_like_any_other() {
    let texts = [
        r#"{"apart":{"/text":{"value":"AAAA","bytes":4,"why":"secret"}}}"#,
        "⟨secret, 4 characters⟩",
        "⟨… 100 bytes⟩",
        "/op",
    ];
    for text in texts {
        let small = policy(text);
        assert_eq!(joined(&split(small.clone()).unwrap()), Record::new(noon(), small));
        let large = policy(&long(text));
        assert_eq!(joined(&split(large.clone()).unwrap()), Record::new(noon(), large));
    }
    let named = decided(r#"{"apart":{"/op":{"bytes":1,"value":"x","why":"large"}}}"#, None);
    assert_eq!(joined(&split(named.clone()).unwrap()), Record::new(noon(), named));
    // A value that is not the one that the leaf names is none.
    let split = split(policy(&long("a"))).unwrap();
    let leaf = Record::from_bytes(&split.leaf).unwrap();
    for other in [b"".to_vec(), b"another".to_vec(), [&split.kept[0].bytes[..], b"x"].concat()] {
        assert!(apart::join(leaf.clone(), &mut |_| Ok(Some(other.clone()))).is_err());
    }
    // Without it, the leaf says what it says.
    assert_eq!(apart::join(leaf.clone(), &mut |_| Ok(None)), Ok(leaf));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn any_record_fits_and_comes_back(texts in prop::collection::vec((any::<char>(), 0usize..60_000), 1..4)) {
        let members: Vec<String> = texts.iter().enumerate()
            .filter(|(_, (c, _))| !matches!(*c, '"' | '\\' | '\u{0}'..='\u{1f}'))
            .map(|(n, (c, count))| format!("\"m{n}\":\"{}\"", c.to_string().repeat(count / c.len_utf8())))
            .collect();
        let text = format!("{{{}}}", members.join(","));
        // Noncharacters are in no operation.
        prop_assume!(Operation::from_json("a.b", "c", text.as_bytes()).is_ok());
        let event = decided(&text, None);
        let split = split(event.clone()).unwrap();
        prop_assert!(split.leaf.len() <= MAX_LEAF);
        prop_assert_eq!(joined(&split), Record::new(noon(), event));
    }
}

fn files(store: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(store.join("values")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open(folder, Options::default()).unwrap().0
}

#[tokio::test]
async fn a_store_gives_back_what_it_keeps_apart_and_names_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store = open(&at);
    let event = policy(&long("version: 1\n"));
    store.commit(Change::of(noon(), [event.clone()])).await.unwrap();
    assert_eq!(store.record(0), Ok(Record::new(noon(), event.clone())));
    assert!(store.leaf(0).unwrap().len() <= MAX_LEAF);
    let kept = files(&at);
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].to_string_lossy().ends_with(".new"));
    assert_eq!(std::fs::metadata(&kept[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let looked = Look::into_store(&at).unwrap().from(0).next().unwrap().unwrap().1;
    assert_eq!(looked.event, event, "what is long is read from beside the log");

    let name = kept[0].file_name().unwrap().to_str().unwrap().to_owned();
    let good = std::fs::read(&kept[0]).unwrap();
    let mut flipped = good.clone();
    flipped[40] ^= 1;
    std::fs::write(&kept[0], &flipped).unwrap();
    let damaged = |store: &EmbeddedStore| match store.record(0) {
        Err(StoreError::Damaged(what)) => what,
        other => panic!("{other:?}"),
    };
    assert!(damaged(&store).contains(&name));
    std::fs::remove_file(&kept[0]).unwrap();
    assert!(damaged(&store).contains("missing"));
    std::fs::write(&kept[0], &good).unwrap();
    assert_eq!(store.record(0), Ok(Record::new(noon(), event)));
    store.close().unwrap();
}

#[tokio::test]
async fn what_is_erased_is_gone_and_the_log_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store = open(&at);
    let event = decided(r#"{"password":"hunter2"}"#, Some(r#"{"password":"⟨secret, 7 characters⟩"}"#));
    store.commit(Change::of(noon(), [event.clone()])).await.unwrap();
    assert_eq!(store.record(0).unwrap().event, event);
    let looked = Look::into_store(&at).unwrap().from(0).next().unwrap().unwrap().1;
    assert!(!format!("{looked:?}").contains("hunter2"), "who reads the folder is not shown what is secret");
    let (leaf, head) = (store.leaf(0).unwrap(), store.head().unwrap());
    let value = Record::from_bytes(&leaf).unwrap().apart["/op"].value;
    assert_eq!(store.keeps(value), Ok(true));
    for _ in 0..2 {
        store.erase(value).unwrap();
        let record = store.record(0).unwrap();
        let Event::Decided(decided) = record.event else { panic!() };
        assert!(decided.op.contains("secret, 7 characters") && decided.is_erased());
        assert_eq!(record.apart["/op"].value, value);
        assert_eq!((store.leaf(0).unwrap(), store.head().unwrap()), (leaf.clone(), head));
    }
    assert!(files(&at).iter().all(|file| std::fs::read(file).unwrap().is_empty()));
    store.close().unwrap();
    let store = open(&at);
    assert!(matches!(store.record(0).unwrap().event, Event::Decided(decided) if decided.is_erased()));
    let nothing = countersign::digest::ValueDigest::from_bytes([5; 32]);
    assert_eq!(store.keeps(nothing), Ok(false));
}

/// A process that ends between the record and the erasing has not erased; the next one does.
#[tokio::test]
async fn what_is_on_record_as_erased_is_erased_after_a_crash_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store = open(&at);
    let secret = |txn: u8| {
        let shown = Some(r#"{"password":"⟨secret, 7 characters⟩"}"#);
        let Event::Decided(mut event) = decided(r#"{"password":"hunter2"}"#, shown) else { panic!() };
        event.txn = TxnId::from_random([txn; 16]);
        Event::Decided(event)
    };
    store.commit(Change::of(noon(), [secret(1), secret(2)])).await.unwrap();
    let value = |index| Record::from_bytes(&store.leaf(index).unwrap()).unwrap().apart["/op"].value;
    let (recorded, unrecorded) = (value(0), value(1));
    store.will_erase(recorded).unwrap();
    store.will_erase(unrecorded).unwrap();
    let (by, why) = ("olga".to_owned(), "asked to be forgotten".to_owned());
    store.commit(Change::of(noon(), [Event::Erased { value: recorded, by, why }])).await.unwrap();
    store.close().unwrap();
    let store = open(&at);
    let erased = |index| {
        let Event::Decided(decided) = store.record(index).unwrap().event else { panic!() };
        decided.is_erased()
    };
    assert_eq!((erased(0), erased(1)), (true, false));
    let notes = files(&at).into_iter().filter(|file| file.extension().is_some_and(|end| end == "erasing"));
    assert_eq!(notes.count(), 0);
}

#[tokio::test]
async fn a_value_whose_record_never_came_is_swept_and_one_whose_record_did_stays() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("store");
    let store = open(&at);
    let event = policy(&long("version: 1\n"));
    store.commit(Change::of(noon(), [event.clone()])).await.unwrap();
    // As if the process had ended before the file got its name, and another before its record was written.
    let settled = files(&at).pop().unwrap();
    let unsettled = PathBuf::from(format!("{}.new", settled.display()));
    std::fs::rename(&settled, &unsettled).unwrap();
    assert_eq!(store.record(0), Ok(Record::new(noon(), event.clone())));
    store.close().unwrap();
    let orphan =
        at.join("values").join(format!("{}.new", countersign::digest::ValueDigest::from_bytes([5; 32])));
    std::fs::write(&orphan, "salt and value").unwrap();
    std::fs::write(at.join("values/half.new.new-77"), "x").unwrap();
    let store = open(&at);
    assert_eq!(files(&at), [settled]);
    assert_eq!(store.record(0), Ok(Record::new(noon(), event)));
}

#[tokio::test]
async fn a_decision_whose_operation_is_erased_is_not_minted_again() {
    let world = world();
    let mut ask = World::ask("orders.read", "db/staging/orders", &format!("{{\"note\":\"{}\"}}", long("a")));
    ask.request_id = Some("r1".to_owned());
    let answer = world.sidecar.authorize(ask.clone()).await.unwrap();
    let granted = answer.granted.unwrap_or_else(|| panic!("{:?}", answer.decision.reasons));
    assert_eq!(world.sidecar.authorize(ask.clone()).await.unwrap().granted.unwrap().token, granted.token);
    let decided = (0..world.store.len()).find_map(|index| {
        let event = world.store.record(index).unwrap().event;
        if let Event::Decided(decided) = event { Some(decided.txn) } else { None }
    });
    let txn = decided.unwrap();
    let erase = |which| world.sidecar.erase(which, "olga".to_owned(), "asked to be forgotten".to_owned());
    let erased = erase(ToErase::Decision(txn)).await.unwrap();
    assert_eq!(erased.len(), 1);
    let last = world.store.record(world.store.len() - 1).unwrap().event;
    assert_eq!(
        last,
        Event::Erased { value: erased[0], by: "olga".to_owned(), why: "asked to be forgotten".to_owned() }
    );
    assert_eq!(world.sidecar.authorize(ask).await.unwrap_err(), SidecarError::Erased(txn));
    assert_eq!(erase(ToErase::Value(erased[0])).await, Ok(erased), "again, with no harm");
    let other = TxnId::from_random([1; 16]);
    assert_eq!(erase(ToErase::Decision(other)).await, Err(SidecarError::UnknownDecision(other)));
    let no_value = countersign::digest::ValueDigest::from_bytes([5; 32]);
    assert_eq!(erase(ToErase::Value(no_value)).await, Err(SidecarError::NothingApart));
}
