//! `serve`: one at a time, on sound files, at its own socket.

use crate::process::{file, run};
use crate::support::{POLICY, Service};
use crate::world::World;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

fn segment(service: &Service) -> PathBuf {
    let entries = std::fs::read_dir(service.path("data/journal")).unwrap();
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap()
}

fn every_file(folder: &Path, each: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { every_file(&path, each) } else { each(&path) }
    }
}

#[test]
fn a_second_one_on_the_same_folder_is_told_so_and_the_first_goes_on() {
    let world = World::start();
    run(world.folder(), &["serve"]).says(1, &["data", "open elsewhere"]);
    world.authorize("orders.read", "db/staging/orders", &[]).prints(0, &["allowed"]);
    world.served.stop();
}

#[test]
fn a_socket_is_only_taken_from_the_dead() {
    let service = Service::prepare(POLICY, "", "");
    file(service.folder.path(), "agent.sock", "precious");
    run(service.folder.path(), &["serve"]).says(1, &["agent.sock", "no socket"]);
    assert_eq!(std::fs::read(service.path("agent.sock")).unwrap(), b"precious");
    std::fs::remove_file(service.path("agent.sock")).unwrap();
    // A socket that nobody serves any more is replaced …
    drop(std::os::unix::net::UnixListener::bind(service.path("agent.sock")).unwrap());
    let stopped = crate::process::Served::start(service).stop();
    // … and one that somebody serves is not.
    let _listener = std::os::unix::net::UnixListener::bind(stopped.service().path("agent.sock")).unwrap();
    run(stopped.service().folder.path(), &["serve"]).says(1, &["agent.sock", "another process"]);
}

#[test]
fn a_damaged_record_is_located_and_nothing_starts_on_it() {
    let world = World::start();
    for _ in 0..10 {
        world.authorize("orders.read", "db/staging/orders", &[]).prints(0, &[]);
    }
    let stopped = world.served.stop();
    let segment = segment(stopped.service());
    let sound = std::fs::read(&segment).unwrap();
    let end = sound.iter().rposition(|byte| *byte != 0).unwrap();
    let mut damaged = sound.clone();
    damaged[end / 2] ^= 1;
    std::fs::write(&segment, &damaged).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    run(stopped.service().folder.path(), &["serve"]).says(1, &["damaged", name, "byte", "record"]);
    assert_eq!(std::fs::read(&segment).unwrap(), damaged, "and nothing was changed");
    let aside = stopped.service().path("aside");
    std::fs::rename(&segment, &aside).unwrap();
    run(stopped.service().folder.path(), &["serve"]).says(1, &["journal"]);
    std::fs::rename(&aside, &segment).unwrap();
    std::fs::write(&segment, sound).unwrap();
    let mode = |mode| std::fs::set_permissions(&segment, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    run(stopped.service().folder.path(), &["serve"]).says(1, &[name, "0644", "chmod go="]);
    mode(0o600);
    stopped.again().stop();
}

#[test]
fn damaged_views_are_made_anew() {
    let world = World::start();
    let id =
        world.authorize("deploy.release", "shop/production", &["--json"]).json()["pending"]["escalation_id"]
            .as_str()
            .unwrap()
            .to_owned();
    let stopped = world.served.stop();
    every_file(&stopped.service().path("data/views"), &mut |path| {
        std::fs::write(path, vec![0xa5; 100_000]).unwrap();
    });
    let world = World { served: stopped.again() };
    assert!(world.served.log().contains("its views were rebuilt"), "{}", world.served.log());
    assert_eq!(world.waiting(), id);
    let stopped = world.served.stop();
    std::fs::remove_dir_all(stopped.service().path("data/views")).unwrap();
    let world = World { served: stopped.again() };
    assert_eq!(world.waiting(), id);
    world.served.stop();
}
