//! `exec`: exactly the command that was asked for, or none.

use crate::process::{Ended, run};
use crate::world::World;
use std::path::PathBuf;

impl World {
    fn exec_in(&self, folder: &str, more: &[&str], command: &[&str]) -> Ended {
        let at: PathBuf = self.path(folder);
        drop(std::fs::create_dir(&at));
        let mut arguments = vec!["exec".to_owned()];
        arguments.extend(self.target());
        arguments.extend(self.trust());
        let replay = self.path("used").display().to_string();
        arguments.extend(["--replay".to_owned(), replay]);
        arguments.extend(more.iter().map(|text| (*text).to_owned()));
        arguments.push("--".to_owned());
        arguments.extend(command.iter().map(|text| (*text).to_owned()));
        run(&at, &arguments)
    }
}

#[test]
fn exactly_the_arguments_reach_the_program() {
    let world = World::start();
    let strange =
        ["a b", "'", "\"", "$(touch ran)", "`touch ran`", "a\nb", "", "*", "--reason", ";", "\\", "Ω"];
    let mut command = vec!["printf", "%s\u{1}"];
    command.extend(strange);
    let ended = world.exec_in("free", &[], &command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out.split_terminator('\u{1}').collect::<Vec<_>>(), strange);
    assert!(!world.path("free/ran").exists());
    world.served.stop();
}

#[test]
fn it_ends_as_the_command_ends() {
    let world = World::start();
    assert_eq!(world.exec_in("free", &[], &["sh", "-c", "exit 7"]).code, Some(7));
    assert_eq!(world.exec_in("free", &[], &["sh", "-c", "kill -TERM $$"]).code, Some(128 + 15));
    assert_eq!(world.exec_in("free", &[], &["true"]).code, Some(0));
    world.exec_in("free", &[], &["no-such-program"]).says(2, &["no program `no-such-program`"]);
    let script = crate::process::file(world.folder(), "unrunnable", "x").display().to_string();
    world.exec_in("free", &[], &[&script]).says(1, &["unrunnable"]);
    let events = world.served.stop().events();
    let reported =
        events.iter().filter(|event| matches!(event, countersign::audit::event::Event::Reported(_)));
    assert_eq!(reported.count(), 4, "each end was reported");
}

#[test]
fn what_may_not_run_does_not_run() {
    let world = World::start();
    let touch = |name: &str| ["touch".to_owned(), world.path(name).display().to_string()];
    let [program, marker] = touch("marker");
    let command = [program.as_str(), marker.as_str()];
    world.exec_in("never", &[], &command).says(120, &["denied", "not here"]);
    world.exec_in("hurried", &[], &command).says(121, &["expired"]);
    world.exec_in("asked", &["--no-wait"], &command).says(123, &["esc_"]);
    let id = world.waiting();
    world.vote("deny", &id, "ada", &[]).prints(0, &[]);
    let denied = std::thread::scope(|scope| {
        let asked = scope.spawn(|| world.exec_in("asked", &[], &command));
        let id = world.waiting();
        world.vote("deny", &id, "grace", &[]).prints(0, &[]);
        asked.join().unwrap()
    });
    denied.says(120, &["denied"]);
    // What somebody denied goes back to them from wherever it is asked, so another file from here on.
    let [program, other] = touch("other");
    let command = [program.as_str(), other.as_str()];
    world.exec_in("free", &["--target", "unix:/nowhere"], &command).says(2, &["--target"]);
    // Nobody to ask, nobody to trust, nowhere to remember: none of them is a yes.
    let at = world.path("free");
    std::fs::create_dir_all(&at).unwrap();
    let mut nobody = vec!["exec".to_owned(), "--target".to_owned(), "unix:/nowhere".to_owned()];
    nobody.extend(world.trust());
    nobody.extend(["--".to_owned(), program.clone(), other.clone()]);
    run(&at, &nobody).says(122, &["does not answer"]);
    crate::process::file(world.folder(), "blocked", "");
    let mut blocked = vec!["exec".to_owned()];
    blocked.extend(world.target());
    blocked.extend(world.trust());
    blocked.extend(["--replay".to_owned(), world.path("blocked").display().to_string(), "--".to_owned()]);
    blocked.extend([program.clone(), other.clone()]);
    run(&at, &blocked).says(122, &["blocked"]);
    let mut elsewhere = vec!["exec".to_owned()];
    elsewhere.extend(world.target());
    let domain = world.trust().into_iter().map(|text| text.replace("acme.example", "evil.example"));
    elsewhere.extend(domain);
    elsewhere.extend(["--replay".to_owned(), world.path("used").display().to_string(), "--".to_owned()]);
    elsewhere.extend([program.clone(), other.clone()]);
    run(&at, &elsewhere).says(120, &["the token is refused", "key.unknown"]);
    assert!(!world.path("marker").exists() && !world.path("other").exists(), "none of them ran");

    let approved = std::thread::scope(|scope| {
        let asked = scope.spawn(|| world.exec_in("asked", &[], &command));
        let id = world.waiting();
        world.vote("approve", &id, "ada", &[]).prints(0, &[]);
        asked.join().unwrap()
    });
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert!(world.path("other").exists() && !world.path("marker").exists());
    world.served.stop();
}

#[test]
fn what_ran_leaves_a_receipt_that_is_on_record_once() {
    let world = World::start();
    let (key, kept) = (world.path("receipts.jwk"), world.path("receipts"));
    let (key, kept) = (key.to_str().unwrap(), kept.to_str().unwrap());
    let with = ["--receipt-key", key, "--receipts", kept];
    world.exec_in("free", &with, &["touch", "ran"]).says(2, &["receipts.jwk"]);
    assert!(!world.path("free/ran").exists(), "nothing is asked for without the key");
    let certify = ["keys", "certify-executor", "--executor", crate::support::FLEET, "--out", key];
    run(world.folder(), &certify).prints(0, &[FLEET_KEY_FOR]);
    assert_eq!(world.exec_in("free", &with, &["sh", "-c", "exit 3"]).code, Some(3));
    let files: Vec<PathBuf> = std::fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let file = files[0].to_str().unwrap();
    let socket = format!("unix:{}", world.path("review.sock").display());
    let add = |files: &[&str]| {
        run(world.folder(), &[&["audit", "receipts", "add", "--desk", &socket], files].concat())
    };
    // It came with the report; bringing it again is no harm.
    add(&[file]).prints(0, &["known", "failed", crate::support::FLEET]);
    let nonsense = crate::process::file(world.folder(), "nonsense.json", "{}").display().to_string();
    add(&[&nonsense, file]).prints(1, &["refused", "nonsense.json", "known"]);
    let text = std::fs::read_to_string(file).unwrap();
    let edited = crate::process::file(world.folder(), "edited.json", text.replacen(".", ".A", 1));
    add(&[edited.to_str().unwrap()]).prints(1, &["refused", "malformed.base64"]);
    // What can't be kept is not begun.
    std::fs::remove_dir_all(kept).unwrap();
    std::fs::write(kept, "in the way").unwrap();
    world.exec_in("free", &with, &["touch", "ran"]).says(2, &["receipts"]);
    assert!(!world.path("free/ran").exists());
    world.served.stop();
}

/// What the command says of a key for receipts.
const FLEET_KEY_FOR: &str = "signs receipts with";
