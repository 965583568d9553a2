//! The server as its own process, which can be killed as a crash would.

use countersign::client::Target;
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Held while a process is being spawned: until it has become its program, it holds copies of all our locked files.
static SPAWNING: Mutex<()> = Mutex::new(());

pub(crate) fn spawn(command: &mut Command) -> Child {
    let _alone = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}

/// After a journal was closed in this process: waits until no process that is just being spawned still holds its lock.
pub(crate) fn let_go_of_locks() {
    drop(SPAWNING.lock().unwrap_or_else(PoisonError::into_inner));
}

pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts the built binary on this folder; what it logs is added to `server.log` there.
    pub(crate) fn spawn(folder: &Path) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("server.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["serve", "--json", "--config"]).arg(folder.join("countersign.yaml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        Self { child: spawn(&mut command) }
    }

    /// Waits until it serves, and says where agents reach it over TCP.
    pub(crate) fn ready(&mut self, folder: &Path) -> Target {
        let stdout = self.child.stdout.take().unwrap();
        let document = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>().next();
        let Some(Ok(document)) = document else {
            let log = std::fs::read_to_string(folder.join("server.log")).unwrap();
            panic!("the server did not start; it said:\n{log}");
        };
        Target::Tcp(format!("http://{}", document["agents"]["tcp"].as_str().unwrap()))
    }

    /// Kills it with SIGKILL, and waits until the system has taken it away.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.code().is_none(), "it ended by itself before it was killed: {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the server on this folder, waits until it serves, and says how long that took.
pub(crate) fn start(folder: &Path) -> (Server, Target, Duration) {
    let begin = Instant::now();
    let mut server = Server::spawn(folder);
    let tcp = server.ready(folder);
    (server, tcp, begin.elapsed())
}
