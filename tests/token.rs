//! Authority tokens as an executor sees them: our own vectors, other people's, and what nobody wrote down.
#![cfg(feature = "verify")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    unreachable_pub,
    reason = "tests say what they expect"
)]

#[path = "token/cases/mod.rs"]
mod cases;
#[path = "token/kit.rs"]
mod kit;
#[path = "token/others.rs"]
mod others;
#[path = "token/properties.rs"]
mod properties;
#[path = "token/vectors.rs"]
mod vectors;

use countersign::token::Refusal;
use std::collections::BTreeMap;
use std::fs;

/// The vectors as they are in the tree, by file name.
fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(vectors::folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read(&path).unwrap());
        }
    }
    files
}

/// Run with `COUNTERSIGN_BLESS=1` to write the vectors; without, they must be what would be written.
#[test]
fn regenerate_vectors() {
    let made: BTreeMap<String, Vec<u8>> = cases::all()
        .iter()
        .map(|case| (format!("{}.json", case.name), case.to_json().into_bytes()))
        .collect();
    if std::env::var_os("COUNTERSIGN_BLESS").is_some() {
        for name in files().into_keys().filter(|name| !made.contains_key(name)) {
            fs::remove_file(vectors::folder().join(name)).unwrap();
        }
        for (name, bytes) in &made {
            fs::write(vectors::folder().join(name), bytes).unwrap();
        }
    }
    let there = files();
    assert_eq!(
        there.keys().collect::<Vec<_>>(),
        made.keys().collect::<Vec<_>>(),
        "run with COUNTERSIGN_BLESS=1 to write the vectors"
    );
    for (name, bytes) in made {
        assert!(there[&name] == bytes, "{name} is not what would be written");
    }
}

#[test]
fn every_vector_gives_its_code() {
    let mut wrong = Vec::new();
    for (name, bytes) in files() {
        let case = vectors::Case::from_json(&bytes);
        assert_eq!(format!("{}.json", case.name), name);
        let got = case.run();
        if got != case.expect {
            wrong.push(format!("{name}: {got}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_code_has_a_vector() {
    let cases = cases::all();
    for code in Refusal::CODES.into_iter().chain(["accept"]) {
        assert!(cases.iter().any(|case| case.expect == code), "no vector for {code}");
    }
}

/// What exactly is refused in each vector, and the words for it: the golden file says whether each is refused for the
/// one thing that is wrong with it.
#[test]
fn every_vector_is_refused_for_its_own_reason() {
    let mut reasons = String::new();
    for case in cases::all() {
        let said = case.refusal().map_or_else(|| "accepted".to_owned(), |refusal| refusal.to_string());
        reasons.push_str(&format!("{}: {said}\n", case.name));
        for refused in case.executor.refused_statements(case.now.unwrap_or(kit::NOW)) {
            reasons.push_str(&format!("    {refused}\n"));
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/token/reasons.txt");
    if std::env::var_os("COUNTERSIGN_BLESS").is_some() {
        fs::write(path, &reasons).unwrap();
    }
    let golden = fs::read_to_string(path).unwrap();
    let changed: Vec<_> =
        reasons.lines().filter(|line| !golden.lines().any(|known| known == *line)).collect();
    assert!(golden == reasons, "run with COUNTERSIGN_BLESS=1 if these are right: {changed:#?}");
}
