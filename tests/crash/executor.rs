//! The executor's own process, killed around the moment at which a token is used up.

use crate::chance::Chance;
use crate::server::spawn;
use crate::support::{FLEET, Service, read};
use countersign::client::Grant;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TOKENS: usize = 20;
const KILLS_PER_TOKEN: usize = 5;

struct Executor {
    folder: PathBuf,
}

impl Executor {
    /// `countersign verify --consume`: it uses the token up, and then acts by printing that it is accepted.
    fn spawn(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command
            .args(["verify", "--json", "--executor", FLEET, "--trust-domain", "https://acme.example"])
            .args(["--enforce", "canary", "--enforce", "time_window", "--root"])
            .arg(self.folder.join("data/keys/root.public.jwk"))
            .arg("--grant")
            .arg(self.folder.join("grant.json"))
            .arg("--consume")
            .arg(self.used())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        spawn(&mut command)
    }

    fn used(&self) -> PathBuf {
        self.folder.join("used")
    }

    fn hand_over(&self, grant: &Grant) {
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
        let document = json!({
            "token": grant.token,
            "certificates": grant.certificates,
            "evidence": grant.evidence.iter().map(text).collect::<Vec<_>>(),
            "operation": text(&grant.op_bytes),
        });
        std::fs::write(self.folder.join("grant.json"), document.to_string()).unwrap();
    }

    /// Lets it run to its end and says what it says.
    fn run(&self) -> Said {
        let output = self.spawn().wait_with_output().unwrap();
        said(&output.stdout).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Accepted,
    Replayed,
}

fn said(stdout: &[u8]) -> Option<Said> {
    let document: Value = serde_json::from_slice(stdout).ok()?;
    match (document["verdict"].as_str()?, document["code"].as_str()) {
        ("accepted", _) => Some(Said::Accepted),
        ("denied", Some("replay")) => Some(Said::Replayed),
        other => panic!("{other:?}"),
    }
}

/// The bytes of the record of used tokens.
fn record(used: &Path) -> Vec<Vec<u8>> {
    let Ok(files) = std::fs::read_dir(used) else { return Vec::new() };
    let segments =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "seg"));
    segments.map(|path| std::fs::read(path).unwrap_or_default()).collect()
}

/// Kills it right after its record has changed: it has used the token up, and perhaps not yet acted.
fn kill_when_it_changes(child: &mut Child, used: &Path) {
    let before = record(used);
    while child.try_wait().unwrap().is_none() && record(used) == before {}
    child.kill().unwrap();
}

#[test]
fn an_executor_killed_between_using_a_token_up_and_acting_never_acts_on_it_again() {
    let chance = Chance::new(Chance::seed("kills of the executor"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (service, grants) = runtime.block_on(async {
        let mut service = Service::start().await;
        let agent = service.agent().await;
        let mut grants = Vec::new();
        for _ in 0..TOKENS {
            grants.push(agent.authorize(read()).await.unwrap().grant.unwrap());
        }
        drop(agent);
        service.stop().await;
        (service, grants)
    });
    let executor = Executor { folder: service.folder.path().to_owned() };
    let mut usual = Duration::from_millis(50);
    let (mut killed_in_between, mut acted) = (0, 0);
    for grant in &grants {
        executor.hand_over(grant);
        let mut accepted = 0;
        for _ in 0..KILLS_PER_TOKEN {
            let mut child = executor.spawn();
            if chance.one_in(2) {
                kill_when_it_changes(&mut child, &executor.used());
            } else {
                let range = u64::try_from(usual.as_micros()).unwrap();
                std::thread::sleep(Duration::from_micros(chance.below(range)));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            accepted += u32::from(said(&output.stdout) == Some(Said::Accepted));
        }
        let begin = Instant::now();
        let last = executor.run();
        usual = begin.elapsed();
        killed_in_between += u32::from(accepted == 0 && last == Said::Replayed);
        accepted += u32::from(last == Said::Accepted);
        assert!(accepted <= 1, "a token was accepted {accepted} times");
        assert_eq!(executor.run(), Said::Replayed, "a token that was settled is open again");
        acted += accepted;
    }
    println!(
        "{TOKENS} tokens: {acted} acted upon, {killed_in_between} used up by one that was killed before it acted"
    );
    assert_eq!(usize::try_from(acted + killed_in_between).unwrap(), TOKENS);
}
