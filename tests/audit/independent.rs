//! The log and the proofs read by other people's code: trees by pymerkle, signatures by Python's cryptography.

use crate::command::audit;
use crate::story::{put, story};
use countersign::audit::event::Event;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A Python that has what `independent.py` needs; `None`, and a word about it, where there is none. In CI that is a
/// failure.
fn python() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/.venv/bin/python");
    let python = std::env::var_os("COUNTERSIGN_PYTHON").map_or_else(beside, PathBuf::from);
    let imports = ["-c", "import cryptography, pymerkle"];
    let found = Command::new(&python).args(imports).output().is_ok_and(|done| done.status.success());
    assert!(found || std::env::var_os("CI").is_none(), "missing: tests/audit/requirements.txt in {python:?}");
    if !found {
        eprintln!("not run, because there is no Python with tests/audit/requirements.txt");
    }
    found.then_some(python)
}

fn read(python: &Path, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/independent.py");
    let files = ["log", "log.vkey", "proof"].map(|name| folder.join(name));
    Command::new(python).arg(script).args(files).output().unwrap()
}

#[test]
fn other_peoples_code_finds_the_same_roots_and_takes_our_proofs() {
    let Some(python) = python() else { return };
    let (story, folder) = (story(), tempfile::tempdir().unwrap());
    let (log, proof) = (folder.path().join("log"), folder.path().join("proof"));
    story.write(&log, &story.leaves);
    put(folder.path(), "log.vkey", format!("{}\n", story.verifier_key()).as_bytes());
    let mints = story.records().into_iter().enumerate().filter_map(|(place, record)| match record.event {
        Event::Minted(minted) => Some((place, minted.txn.to_string())),
        _ => None,
    });
    let mints: Vec<_> = mints.collect();
    for (place, txn) in [mints.first(), mints.get(mints.len() / 2), mints.last()].into_iter().flatten() {
        let named = [log.to_str().unwrap(), proof.to_str().unwrap()];
        assert_eq!(audit(&["prove", txn, "--log", named[0], "-o", named[1]]).code, 0);
        let done = read(&python, folder.path());
        let told = String::from_utf8_lossy(&done.stdout).trim_end().to_owned();
        let expected = format!("{} entries, 3 checkpoints, entry {place}", story.leaves.len());
        assert_eq!(told, expected, "{}", String::from_utf8_lossy(&done.stderr));
    }
    // It would have said otherwise.
    let bundle = log.join("tile/entries/000");
    let mut bytes = std::fs::read(&bundle).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&bundle, &bytes).unwrap();
    assert!(!read(&python, folder.path()).status.success());
}
