//! A running service with two reviewers, and what a person types at it.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");
/// Generous: debug builds, on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(240);
pub(crate) const DOMAIN: &str = "https://clients.example";
const BEARER: &str = "a bearer token of the test";

/// `countersign serve` in a temporary folder.
pub(crate) struct Service {
    folder: tempfile::TempDir,
    process: Child,
    pub(crate) tcp: String,
}

impl Service {
    /// Sets up a folder with these executors, which keep to canaries and dry runs, and starts the service.
    pub(crate) fn start(executors: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let mut init = Command::new(COUNTERSIGN);
        init.args(["init", "desk", "--trust-domain", DOMAIN]).current_dir(home);
        for person in ["ada", "grace"] {
            let key = home.join(person);
            succeed(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
            init.arg("--reviewer").arg(format!("{person}={}", key.with_extension("pub").display()));
        }
        succeed(&mut init);
        std::fs::write(home.join("bearer"), BEARER).unwrap();
        std::fs::write(home.join("desk/countersign.yaml"), configuration(home, executors)).unwrap();
        let (process, tcp) = serve(home);
        Self { folder, process, tcp }
    }

    /// Kills the service as a power cut would, and starts it again.
    pub(crate) fn kill_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        (self.process, self.tcp) = serve(self.folder.path());
    }

    pub(crate) fn home(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn agent_socket(&self) -> String {
        format!("unix:{}", self.home().join("desk/agent.sock").display())
    }

    pub(crate) fn bearer_file(&self) -> PathBuf {
        self.home().join("bearer")
    }

    /// The root's public key, which executors pin.
    pub(crate) fn root(&self) -> Value {
        let path = self.home().join("desk/data/keys/root.public.jwk");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// The command, as the agent on the socket and as a reviewer.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(COUNTERSIGN);
        command
            .args(args)
            .env("COUNTERSIGN_TARGET", self.agent_socket())
            .env("COUNTERSIGN_DESK", format!("unix:{}", self.home().join("desk/review.sock").display()))
            .env("COUNTERSIGN_REVIEWER", "ada")
            .env("COUNTERSIGN_SSH_KEY", self.home().join("ada"));
        command
    }

    /// Waits until exactly one escalation waits for people, and gives its id.
    pub(crate) fn escalation(&self) -> String {
        soon("an escalation", || {
            let listed = succeed(&mut self.command(&["review", "list", "--json"]));
            let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
            let pending = |escalation: &&Value| escalation["status"] == "pending";
            let found: Vec<_> = listed["escalations"].as_array().unwrap().iter().filter(pending).collect();
            assert!(found.len() <= 1, "{listed}");
            Some(found.first()?["escalation_id"].as_str().unwrap().to_owned())
        })
    }

    /// Approves it as Ada, under a condition.
    pub(crate) fn approve(&self, escalation: &str, condition: &str) {
        let args = ["review", "approve", escalation, "--yes", "-m", "a few first", "--condition", condition];
        succeed(&mut self.command(&args));
    }

    /// Denies it as Ada.
    pub(crate) fn deny(&self, escalation: &str) {
        succeed(&mut self.command(&["review", "deny", escalation, "--yes", "-m", "not today"]));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn configuration(home: &Path, executors: &[&str]) -> String {
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(home).unwrap());
    let digest = countersign::digest::sha256(&[BEARER.as_bytes()]);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let executors: String =
        executors.iter().map(|id| format!("  - {{id: \"{id}\", conditions: [canary, dry_run]}}\n")).collect();
    format!(
        "trust_domain: {DOMAIN}\ndata: data\npolicy: policy.yaml\nroster: roster.yaml\n\
         listen:\n  agents: {{socket: agent.sock, tcp: \"127.0.0.1:0\"}}\n  reviewers: {{socket: review.sock}}\n\
         agents:\n  - {{id: \"agent:socket\", by: {{uid: {uid}}}}}\n  - {{id: \"agent:tcp\", by: {{token_sha256: {digest}}}}}\n\
         reviewers:\n  - uid: {uid}\n\
         executors:\n{executors}"
    )
}

fn serve(home: &Path) -> (Child, String) {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(home.join("log")).unwrap();
    let mut process = Command::new(COUNTERSIGN)
        .args(["serve", "--json", "--config", "desk/countersign.yaml"])
        .current_dir(home)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    // The addresses are one JSON document, printed when everything is ready.
    let mut said = String::new();
    let mut lines = BufReader::new(process.stdout.take().unwrap());
    while serde_json::from_str::<Value>(&said).is_err() {
        let log = || std::fs::read_to_string(home.join("log")).unwrap_or_default();
        assert!(lines.read_line(&mut said).unwrap() > 0, "the service ended: {said}{}", log());
    }
    let addresses: Value = serde_json::from_str(&said).unwrap();
    (process, format!("http://{}", addresses["agents"]["tcp"].as_str().unwrap()))
}

/// Runs a command that must end with 0.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let done = finish(spawn(command));
    assert!(done.status.success(), "{command:?}: {}", words(&done));
    done
}

/// Starts a command whose output is kept.
pub(crate) fn spawn(command: &mut Command) -> Child {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Waits for a command's end; what it says is little enough for the pipes to hold.
pub(crate) fn finish(mut child: Child) -> Output {
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("a command did not end: {said}");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    Output { status, stdout, stderr }
}

/// Tries again until there is something.
pub(crate) fn soon<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What a command said, for messages.
pub(crate) fn words(done: &Output) -> String {
    let text = String::from_utf8_lossy;
    format!("{} {}{}", done.status, text(&done.stdout), text(&done.stderr))
}
