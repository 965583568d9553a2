//! Somebody who holds the files and no key: whatever they change is seen, with the file, and told from what is missing.

use crate::command::verify;
use crate::story::{put, story};
use std::fs;
use std::path::Path;

/// The log of the story, as files.
fn exported() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    story().write(folder.path(), &story().leaves);
    folder
}

/// Every file of the log, by its path below the folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(one) = folders.pop() {
        for entry in fs::read_dir(one).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_log_as_it_is_passes_without_a_finding() {
    let folder = exported();
    let ended = verify(folder.path(), &[&story().root()]);
    assert_eq!((ended.code, ended.faults(), ended.findings()), (0, vec![], vec![]), "{}", ended.words);
    assert_eq!(ended.document["verdict"], "sound");
    assert_eq!(ended.document["entries"], story().leaves.len());
    assert_eq!(ended.document["covered"], story().leaves.len());
    assert_eq!(ended.document["checkpoints"], 4);
    assert!(ended.document["record"]["signed_votes"].as_u64().unwrap() >= 8, "{}", ended.words);
    // By its own key, without the root, there is one thing less that is known.
    let key = folder.path().join("../log.vkey");
    let key = tempfile::NamedTempFile::new_in(key.parent().unwrap()).unwrap();
    fs::write(key.path(), format!("{}\n", story().verifier_key())).unwrap();
    let ended = verify(folder.path(), &[key.path()]);
    assert_eq!((ended.code, ended.findings()), (0, vec![]), "{}", ended.words);
    assert!(ended.words.contains("key.unpinned"), "{}", ended.words);
}

#[test]
fn one_bit_of_any_file_is_seen() {
    let folder = exported();
    for file in files(folder.path()) {
        let path = folder.path().join(&file);
        let sound = fs::read(&path).unwrap();
        let places = [0, sound.len() / 3, sound.len() / 2, sound.len() - 1];
        for place in places {
            let mut bytes = sound.clone();
            bytes[place] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let ended = verify(folder.path(), &[&story().root()]);
            // A certificate stands in the log as well, so that one that is broken takes nothing away but its own word.
            let expected = if file.starts_with("keys/") { 3 } else { 2 };
            assert_eq!(ended.code, expected, "byte {place} of {file}: {}", ended.words);
            let named = ended.faults().iter().any(|(_, named)| *named == file);
            assert!(named, "byte {place} of {file} is not located: {:?}", ended.faults());
        }
        fs::write(&path, &sound).unwrap();
    }
}

#[test]
fn a_file_that_is_gone_is_missed_and_is_no_proof() {
    let folder = exported();
    for file in files(folder.path()) {
        let path = folder.path().join(&file);
        let sound = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let ended = verify(folder.path(), &[&story().root()]);
        // Of an earlier checkpoint, and of a certificate that stands in the log as well, there is another copy.
        let spare = file.starts_with("checkpoints/") || file.starts_with("keys/");
        assert_eq!(ended.code, if spare { 0 } else { 3 }, "{file}: {}", ended.words);
        fs::write(&path, &sound).unwrap();
    }
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(verify(nothing.path(), &[&story().root()]).code, 3);
    assert_eq!(verify(folder.path(), &[&nothing.path().join("none")]).code, 3);
}

#[test]
fn a_file_that_is_cut_or_longer_is_seen() {
    let folder = exported();
    for file in files(folder.path()).into_iter().filter(|file| !file.starts_with("keys/")) {
        let path = folder.path().join(&file);
        let sound = fs::read(&path).unwrap();
        let longer = [&sound[..], b"x"].concat();
        let twice = [&sound[..], &sound[..]].concat();
        for bytes in [&sound[..sound.len() - 1], &sound[..sound.len() / 2], &[][..], &longer[..], &twice[..]]
        {
            fs::write(&path, bytes).unwrap();
            let ended = verify(folder.path(), &[&story().root()]);
            assert_eq!(ended.code, 2, "{} of {} bytes of {file}: {}", bytes.len(), sound.len(), ended.words);
            assert!(ended.faults().iter().any(|(_, named)| *named == file), "{file}: {:?}", ended.faults());
        }
        fs::write(&path, &sound).unwrap();
    }
}

#[test]
fn files_that_changed_places_are_seen() {
    let folder = exported();
    let names: Vec<String> =
        files(folder.path()).into_iter().filter(|file| !file.starts_with("keys/")).collect();
    for (one, other) in names.iter().zip(names.iter().skip(1)) {
        let (first, second) = (folder.path().join(one), folder.path().join(other));
        let (a, b) = (fs::read(&first).unwrap(), fs::read(&second).unwrap());
        if a == b {
            continue;
        }
        fs::write(&first, &b).unwrap();
        fs::write(&second, &a).unwrap();
        let ended = verify(folder.path(), &[&story().root()]);
        assert_eq!(ended.code, 2, "{one} and {other}: {}", ended.words);
        fs::write(&first, &a).unwrap();
        fs::write(&second, &b).unwrap();
    }
}

/// What is done to the entries by whoever can write the files but sign nothing, the tiles made to fit.
#[test]
fn entries_changed_with_their_tiles_do_not_fit_what_was_signed() {
    let story = story();
    let sound = &story.leaves;
    let middle = sound.len() / 2 + 3;
    type Attack = (&'static str, i32, &'static str, Box<dyn Fn(&mut Vec<Vec<u8>>)>);
    // What is missing at the end may be had elsewhere; everything else is proven.
    let attacks: Vec<Attack> = vec![
        ("deleted", 3, "log.missing_entry", Box::new(move |leaves| drop(leaves.remove(middle)))),
        ("duplicated", 2, "log.fork", Box::new(move |leaves| leaves.insert(middle, leaves[middle].clone()))),
        ("swapped", 2, "log.fork", Box::new(move |leaves| leaves.swap(middle, middle + 1))),
        ("rewritten", 2, "log.fork", Box::new(move |leaves| leaves[middle] = leaves[3].clone())),
        ("cut", 3, "log.missing_entry", Box::new(move |leaves| leaves.truncate(middle))),
        ("swapped early", 2, "log.root", Box::new(move |leaves| leaves.swap(2, 3))),
        ("deleted early", 2, "log.root", Box::new(move |leaves| drop(leaves.remove(2)))),
    ];
    for (name, code, expected, attack) in attacks {
        let folder = exported();
        let mut leaves = sound.clone();
        attack(&mut leaves);
        let made = tempfile::tempdir().unwrap();
        story.write(made.path(), &leaves);
        // Only what the log signed of the true entries stays.
        fs::remove_dir_all(folder.path().join("tile")).unwrap();
        fs::rename(made.path().join("tile"), folder.path().join("tile")).unwrap();
        let ended = verify(folder.path(), &[&story.root()]);
        assert_eq!(ended.code, code, "{name}: {}", ended.words);
        let codes: Vec<String> = ended.faults().into_iter().map(|(code, _)| code).collect();
        assert!(codes.iter().any(|code| code == expected), "{name}: {codes:?}");
    }
}

#[test]
fn an_altered_entry_is_named_by_its_place() {
    let folder = exported();
    let bundle = folder.path().join("tile/entries/000");
    let mut bytes = fs::read(&bundle).unwrap();
    let index = story().leaves.len().min(200) - 100;
    let before: usize = story().leaves[..index].iter().map(|leaf| leaf.len() + 2).sum();
    let place = before + 2 + story().leaves[index].len() / 2;
    bytes[place] ^= 1;
    fs::write(&bundle, &bytes).unwrap();
    let ended = verify(folder.path(), &[&story().root()]);
    let fault = &ended.document["faults"][0];
    assert_eq!((ended.code, fault["code"].as_str()), (2, Some("log.entry")), "{}", ended.words);
    assert_eq!((fault["index"].as_u64(), fault["byte"].as_u64()), (Some(index as u64), Some(before as u64)));
    assert_eq!(fault["file"], "tile/entries/000");
}

#[test]
fn an_older_log_put_back_is_seen_from_what_was_signed_since() {
    let (folder, older) = (exported(), tempfile::tempdir().unwrap());
    let story = story();
    story.write(older.path(), &story.leaves[..story.leaves.len() - 5]);
    fs::remove_dir_all(folder.path().join("tile")).unwrap();
    fs::rename(older.path().join("tile"), folder.path().join("tile")).unwrap();
    fs::copy(older.path().join("checkpoint"), folder.path().join("checkpoint")).unwrap();
    let ended = verify(folder.path(), &[&story.root()]);
    assert_eq!(ended.code, 2, "{}", ended.words);
    assert!(
        ended.faults().contains(&("log.rolled_back".to_owned(), "checkpoint".to_owned())),
        "{}",
        ended.words
    );
}

#[test]
fn two_histories_that_one_key_signed_are_a_fork() {
    let story = story();
    let folder = exported();
    let mut other = story.leaves.clone();
    other.swap(4, 5);
    let size = story.leaves.len() / 4;
    put(
        folder.path(),
        &format!("checkpoints/{size}"),
        story.checkpoint(&other[..size]).to_string().as_bytes(),
    );
    let ended = verify(folder.path(), &[&story.root()]);
    assert_eq!(ended.code, 2, "{}", ended.words);
    assert_eq!(ended.faults(), [("log.fork".to_owned(), format!("checkpoints/{size}"))]);
}

#[test]
fn a_log_of_a_key_that_nobody_certified_is_not_believed() {
    let folder = exported();
    let stranger = tempfile::NamedTempFile::new().unwrap();
    let other = crate::support::Service::prepare(crate::support::POLICY, "", "");
    let ended = verify(folder.path(), &[&other.path("data/keys/root.public.jwk")]);
    assert_eq!(ended.code, 3, "{}", ended.words);
    assert!(ended.words.contains("log.unknown_key"), "{}", ended.words);
    fs::write(stranger.path(), "log nonsense\n").unwrap();
    assert_eq!(verify(folder.path(), &[stranger.path()]).code, 3);
}

#[test]
fn the_record_of_the_service_itself_is_verified_and_what_was_taken_from_it_is_proven() {
    let story = story();
    let data = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        let status = std::process::Command::new("cp").args(["-r"]).arg(from).arg(to).status().unwrap();
        assert!(status.success());
    };
    // As it left it, with the checkpoints that it signed itself.
    let ended = verify(&story.data(), &[&story.root()]);
    assert_eq!((ended.code, ended.faults(), ended.findings()), (0, vec![], vec![]), "{}", ended.words);
    assert!(ended.document["covered"].as_u64().unwrap() > 100, "{}", ended.words);
    copy(&story.data(), &data.path().join("data"));
    let data = data.path().join("data");
    put(&data, "log/checkpoint", story.checkpoint(&story.leaves).to_string().as_bytes());
    let _ = fs::remove_dir_all(data.join("log/checkpoints"));
    let ended = verify(&data, &[&story.root()]);
    assert_eq!((ended.code, ended.findings()), (0, vec![]), "{}", ended.words);
    // A checkpoint of more than there is: the record was cut.
    let more = [&story.leaves[..], &story.leaves[..1]].concat();
    put(&data, "log/checkpoint", story.checkpoint(&more).to_string().as_bytes());
    let ended = verify(&data, &[&story.root()]);
    assert_eq!((ended.code, ended.faults()[0].0.as_str()), (2, "log.rolled_back"), "{}", ended.words);
    // No checkpoint: nobody vouches for it.
    fs::remove_dir_all(data.join("log")).unwrap();
    let ended = verify(&data, &[&story.root()]);
    assert_eq!((ended.code, ended.faults()[0].0.as_str()), (3, "log.no_checkpoint"), "{}", ended.words);
}
