//! The program as a supervisor has it: started, asked how it is, told to stop, and read to its end.

use crate::process::{Ended, command, run_with};
use crate::support::Service;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long something may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that was started, ready or not.
pub(crate) struct Program {
    pub(crate) service: Service,
    pub(crate) health: SocketAddr,
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

/// An address that nobody listens on.
pub(crate) fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Program {
    /// Starts `serve` on a prepared folder, with these flags besides; does not wait for anything.
    pub(crate) fn begin(service: Service, flags: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(service.path("log")).unwrap();
        let health = free();
        let mut child = command(service.folder.path())
            .args(["serve", "--config", "countersign.yaml", "--set", &format!("listen.metrics={health}")])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let (said, lines) = std::sync::mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        Self { service, health, child, lines }
    }

    /// … and waits until it says that it is ready.
    pub(crate) fn start(service: Service, flags: &[&str]) -> Self {
        let program = Self::begin(service, flags);
        program.says("ready");
        program
    }

    /// Waits until it says a line that begins so, and gives what follows.
    pub(crate) fn says(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{}", self.log()));
            if let Some(rest) = line.trim().strip_prefix(start) {
                return rest.trim().to_owned();
            }
        }
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.service.path("log")).unwrap()).into_owned()
    }

    /// What the endpoint answers: the status and the body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        get(self.health, path).unwrap_or_else(|error| panic!("{path}: {error}: {}", self.log()))
    }

    /// `countersign probe`.
    pub(crate) fn probe(&self, what: &str) -> Ended {
        let address = self.health.to_string();
        run_with(self.service.folder.path(), &["probe", what], b"", &[("COUNTERSIGN_HEALTH", &address)])
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end: the code, and all that it logged. What it recorded is judged afterwards.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut code = None;
        until("it ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        (code.unwrap().code(), log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// What an endpoint answers: the status and the body.
pub(crate) fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.unwrap_or(0), body.trim().to_owned()))
}

/// Waits until this holds, which it does within half a minute or never.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
