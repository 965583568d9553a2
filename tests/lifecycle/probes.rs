//! Startup, live and ready: what each says, and when.

use crate::process::{run, run_with};
use crate::program::{Program, free, get, until};
use crate::support::{POLICY, Service};
use rustix::process::Signal;
use std::process::Command;

/// A service whose policy is a pipe: it starts when somebody writes into that.
fn held_up(flags: &[&str]) -> Program {
    let service = Service::prepare(POLICY, "", "");
    let pipe = service.path("pipe.yaml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let flags: Vec<&str> = ["--set", "policy=pipe.yaml"].iter().chain(flags).copied().collect();
    let program = Program::begin(service, &flags);
    until("it answers", || get(program.health, "/live").is_ok());
    program
}

#[test]
fn it_has_not_started_before_it_has_and_is_alive_meanwhile() {
    let program = held_up(&[]);
    until("it reads", || program.get("/startup").1.contains("policy"));
    for path in ["/startup", "/ready", "/readyz"] {
        assert_eq!(
            program.get(path),
            (503, "not yet: the policy and the roster are being read".to_owned()),
            "{path}"
        );
    }
    assert_eq!(program.get("/metrics"), (503, "not yet: there are no metrics yet".to_owned()));
    assert_eq!(program.get("/live"), (200, "alive".to_owned()));
    program.probe("startup").says(1, &["error: not yet: the policy and the roster are being read"]);
    program.probe("ready").says(1, &["not yet"]);
    assert_eq!(program.probe("live").code, Some(0));
    assert!(!program.service.path("agent.sock").exists(), "no agent is let in before");
    // Once the policy is there it starts, and from then on reads it as a file.
    let (pipe, whole) = (program.service.path("pipe.yaml"), program.service.path("policy.yaml"));
    std::fs::write(&pipe, POLICY).unwrap();
    std::fs::rename(&whole, &pipe).unwrap();
    program.says("ready");
    assert_eq!(program.get("/startup"), (200, "started".to_owned()));
    assert_eq!(program.get("/ready"), (200, "ready".to_owned()));
    for what in ["startup", "live", "ready"] {
        assert_eq!(program.probe(what).code, Some(0), "{what}");
    }
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}

#[test]
fn a_stop_during_a_slow_start_is_heard_and_is_no_failure() {
    let program = held_up(&[]);
    program.signal(Signal::TERM);
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("told to stop before it had started"), "{log}");
}

#[test]
fn ready_says_why_not() {
    let program = Program::start(Service::prepare(POLICY, "", ""), &[]);
    assert_eq!(program.get("/ready"), (200, "ready".to_owned()));
    // Where the keys are gone nothing is signed when the present one has ended; that is far away, so it is ready still.
    assert_eq!(program.get("/nonsense").0, 404);
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}

#[test]
fn a_probe_tells_silence_from_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let address = free().to_string();
    run(folder.path(), &["probe", "ready", "--address", &address]).says(1, &[&address, "does not answer"]);
    run(folder.path(), &["probe", "well"]).says(2, &["well", "startup, live, ready"]);
    run(folder.path(), &["probe", "live", "--timeout", "0"]).says(2, &["1..=60"]);
    // `0.0.0.0` is where it listens; this machine is where it is asked.
    let everywhere = address.replace("127.0.0.1", "0.0.0.0");
    run_with(folder.path(), &["probe", "live"], b"", &[("COUNTERSIGN_HEALTH", &everywhere)])
        .says(1, &[&address]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || drop(listener.accept()));
    run(folder.path(), &["probe", "live", "--address", &other]).says(1, &[&other]);
}
