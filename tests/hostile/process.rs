//! The built command: `serve` as a child process, and any other command run to its end.

use crate::support::Service;
use countersign::audit::event::Event;
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_countersign");

/// `countersign serve`, running on a prepared folder.
pub(crate) struct Served {
    pub(crate) service: Service,
    child: Child,
}

impl Served {
    /// Starts it, and returns when it says that it is ready.
    pub(crate) fn start(service: Service) -> Self {
        let log = File::options().create(true).append(true).open(service.path("log")).unwrap();
        let mut child = command(service.folder.path())
            .args(["serve", "--config", "countersign.yaml"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.next().and_then(Result::ok);
        let served = Self { service, child };
        assert_eq!(ready.as_deref(), Some("ready"), "{}", served.log());
        // Nobody reads what follows; it is little.
        std::thread::spawn(move || lines.for_each(drop));
        served
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.service.path("log")).unwrap()).into_owned()
    }

    /// Hangs up, as an operator does who wants it to look at its files.
    pub(crate) fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// Asks it to stop, as a supervisor does; it must end with 0 and must never have panicked.
    pub(crate) fn stop(mut self) -> Stopped {
        assert!(self.child.try_wait().unwrap().is_none(), "it ended by itself: {}", self.log());
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        let log = self.log();
        assert!(status.success(), "{status}: {log}");
        assert!(!log.contains("panicked"), "{log}");
        Stopped(self)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A service that has stopped, whose record can be read.
pub(crate) struct Stopped(Served);

impl Stopped {
    pub(crate) fn again(mut self) -> Served {
        let service = Service { folder: tempfile::tempdir().unwrap(), running: None };
        Served::start(std::mem::replace(&mut self.0.service, service))
    }

    pub(crate) fn service(&self) -> &Service {
        &self.0.service
    }

    /// Everything that was recorded, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        let (store, _) = EmbeddedStore::open(&self.0.service.config().data, Options::default()).unwrap();
        let events = (0..store.len()).map(|index| store.record(index).unwrap().event).collect();
        store.close().unwrap();
        events
    }

    /// How many tokens were minted.
    pub(crate) fn minted(&self) -> usize {
        self.events().iter().filter(|event| matches!(event, Event::Minted(_))).count()
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Must have ended so, having said all of this on standard error.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in {self:#?}");
        }
        self
    }

    /// Must have ended so, having said all of this on standard output.
    #[track_caller]
    pub(crate) fn prints(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.out.contains(word), "`{word}` is not in {self:#?}");
        }
        self
    }

    /// Its output as the one JSON document that it must be.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// The program, in this folder, without the variables that would change what it does.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).stdin(Stdio::null()).env("XDG_STATE_HOME", folder.join("state"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN"))
    {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end. It must not panic, whatever it is told.
#[track_caller]
pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[A]) -> Ended {
    run_with(folder, arguments, b"", &[])
}

/// … with this on its standard input, and these variables.
#[track_caller]
pub(crate) fn run_with<A: AsRef<std::ffi::OsStr>>(
    folder: &Path,
    arguments: &[A],
    input: &[u8],
    variables: &[(&str, &str)],
) -> Ended {
    let mut command = command(folder);
    command.args(arguments).envs(variables.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read it is no fault.
    drop(child.stdin.take().unwrap().write_all(input));
    let output = child.wait_with_output().unwrap();
    let ended = Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert!(!ended.err.contains("panicked"), "{ended:#?}");
    ended
}

/// A file in a folder, with this in it.
pub(crate) fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
