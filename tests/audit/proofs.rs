//! Proofs for people who have nothing but the log's key, and the log as a folder for other people's tools.

use crate::command::{audit, verify};
use crate::story::{put, story};
use countersign::audit::event::Event;
use std::fs;
use std::path::PathBuf;

/// A folder with an exported log, the log's key and a way to name files.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        story().write(&folder.path().join("log"), &story().leaves);
        put(folder.path(), "log.vkey", format!("{}\n", story().verifier_key()).as_bytes());
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn minted() -> (usize, String) {
    let place = story().find(|event| matches!(event, Event::Minted(minted) if minted.escalation.is_some()));
    match &story().records()[place].event {
        Event::Minted(minted) => (place, minted.txn.to_string()),
        _ => panic!("it was found as such"),
    }
}

#[test]
fn a_token_is_proved_to_anybody_who_has_the_key() {
    let room = Room::new();
    let (place, txn) = minted();
    let made = audit(&["prove", &txn, "--log", &room.name("log"), "-o", &room.name("proof"), "--json"]);
    assert_eq!((made.code, made.document["index"].as_u64()), (0, Some(place as u64)), "{}", made.words);
    let check = |extra: &[&str]| {
        let proof = room.name("proof");
        let key = room.name("log.vkey");
        audit(&[&["check-proof", &proof, "--trust", &key, "--json"], extra].concat())
    };
    let checked = check(&[]);
    assert_eq!(
        (checked.code, checked.document["verdict"].as_str()),
        (0, Some("in_log")),
        "{}",
        checked.words
    );
    assert_eq!(checked.document["entry"].as_str().unwrap().as_bytes(), story().leaves[place]);
    // Another entry is not the one that is proved, whatever stands in the proof.
    put(room.folder.path(), "entry", &story().leaves[place]);
    assert_eq!(check(&["--entry", &room.name("entry")]).code, 0);
    put(room.folder.path(), "entry", &story().leaves[place - 1]);
    assert_eq!(check(&["--entry", &room.name("entry")]).code, 2);
    // The decision of the same.
    let made = audit(&[
        "prove",
        &txn,
        "--log",
        &room.name("log"),
        "--decision",
        "-o",
        &room.name("proof"),
        "--json",
    ]);
    let of = made.document["index"].as_u64().unwrap() as usize;
    assert!(
        matches!(&story().records()[of].event, Event::Decided(decided) if decided.txn.to_string() == txn)
    );
    assert_eq!(check(&[]).code, 0);
    assert_eq!(audit(&["prove", "txn_AAAAAAAAAAAAAAAAAAAAAA", "--log", &room.name("log")]).code, 1);
}

#[test]
fn no_byte_of_a_proof_can_be_changed() {
    let room = Room::new();
    let (_, txn) = minted();
    audit(&["prove", &txn, "--log", &room.name("log"), "-o", &room.name("proof")]);
    let sound = fs::read(room.path("proof")).unwrap();
    for place in (0..sound.len()).step_by(sound.len() / 40) {
        let mut bytes = sound.clone();
        bytes[place] ^= 1;
        fs::write(room.path("proof"), &bytes).unwrap();
        let checked = audit(&["check-proof", &room.name("proof"), "--trust", &room.name("log.vkey")]);
        assert!([2, 3].contains(&checked.code), "byte {place}: {}", checked.words);
    }
}

#[test]
fn an_export_is_what_was_recorded_and_grows() {
    let story = story();
    let room = Room::new();
    let data = room.path("data");
    let status = std::process::Command::new("cp").arg("-r").arg(story.data()).arg(&data).status().unwrap();
    assert!(status.success());
    let _ = fs::remove_dir_all(data.join("log"));
    let export =
        || audit(&["export", "--format", "tiles", "--data", &room.name("data"), "-o", &room.name("out")]);
    let none = export();
    assert!(none.code == 1 && none.words.contains("no checkpoint"), "{}", none.words);
    let part = story.leaves.len() - 30;
    put(&data, "log/checkpoint", story.checkpoint(&story.leaves[..part]).to_string().as_bytes());
    assert_eq!(export().code, 0);
    let ended = verify(&room.path("out"), &[&story.root()]);
    assert_eq!((ended.code, ended.document["entries"].as_u64()), (0, Some(part as u64)), "{}", ended.words);
    // Once more, when the log has grown.
    let full = room.path("out/tile/0/000");
    let written = fs::metadata(&full).unwrap().modified().unwrap();
    put(&data, "log/checkpoint", story.checkpoint(&story.leaves).to_string().as_bytes());
    assert_eq!(export().code, 0);
    assert_eq!(
        fs::metadata(&full).unwrap().modified().unwrap(),
        written,
        "what is full is not written again"
    );
    let ended = verify(&room.path("out"), &[&story.root()]);
    assert_eq!((ended.code, ended.document["checkpoints"].as_u64()), (0, Some(3)), "{}", ended.words);
    assert_eq!(ended.document["entries"], story.leaves.len());
    // The log's key is there for other people's tools.
    let keys: Vec<_> =
        fs::read_dir(room.path("out/keys")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let key = keys.iter().find(|path| path.extension().is_some_and(|end| end == "vkey")).unwrap();
    assert_eq!(fs::read_to_string(key).unwrap().trim_end(), story.verifier_key().to_string());
    // A record that is not what was signed is not exported as if it were.
    let mut other = story.leaves.clone();
    other.swap(2, 3);
    put(&data, "log/checkpoint", story.checkpoint(&other).to_string().as_bytes());
    let refused = export();
    assert!(refused.code == 1 && refused.words.contains("not what its log signed"), "{}", refused.words);
}
