//! A running service with real SSH keys, and the options that lead a command to it.

use crate::process::{Ended, Served, run};
use crate::support::{FLEET, POLICY, Service};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Commands run by themselves in folders named `free`, never in those named `never`; elsewhere people decide.
const RULES: &str = "rules:
  - name: free
    match: {action: process.exec, resource: \"*/free\"}
    decision: allow
  - name: never
    match: {action: process.exec, resource: \"*/never\"}
    decision: deny
    reason: not here
  - name: hurried
    match: {action: process.exec, resource: \"*/hurried\"}
    decision: escalate
    escalation: {approvals: 1, timeout: 1s}
  - name: ask
    match: {action: process.exec}
    decision: escalate
    escalation: {approvals: 1}
  - name: hurry
    match: {action: hurry.up}
    decision: escalate
    escalation: {approvals: 1, timeout: 1s}
";

pub(crate) struct World {
    pub(crate) served: Served,
}

impl World {
    pub(crate) fn start() -> Self {
        Self { served: Served::start(prepare()) }
    }

    pub(crate) fn start_with(rules: &str, people: &[(&str, &str)]) -> Self {
        Self { served: Served::start(prepare_with(rules, people)) }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.served.service.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.served.service.path(name)
    }

    fn unix(&self, name: &str) -> String {
        format!("unix:{}", self.path(name).display())
    }

    pub(crate) fn target(&self) -> Vec<String> {
        vec!["--target".to_owned(), self.unix("agent.sock")]
    }

    pub(crate) fn trust(&self) -> Vec<String> {
        let root = self.path("data/keys/root.public.jwk").display().to_string();
        ["--executor", FLEET, "--trust-domain", "https://acme.example", "--root", &root]
            .map(str::to_owned)
            .into()
    }

    pub(crate) fn run(&self, arguments: &[String]) -> Ended {
        run(self.folder(), arguments)
    }

    /// `authorize`, of this action on this resource.
    pub(crate) fn authorize(&self, action: &str, resource: &str, more: &[&str]) -> Ended {
        let mut arguments = vec!["authorize".to_owned()];
        arguments.extend(self.target());
        let fixed = ["--action", action, "--resource", resource, "--executor", FLEET];
        arguments.extend(fixed.iter().chain(more).map(|text| (*text).to_owned()));
        if !more.iter().any(|option| matches!(*option, "--parameters" | "--payload")) {
            arguments.extend(["--parameters".to_owned(), "{}".to_owned()]);
        }
        self.run(&arguments)
    }

    /// A grant of a harmless read, in a file.
    pub(crate) fn grant(&self, name: &str) -> String {
        let path = self.path(name).display().to_string();
        let ended = self.authorize("orders.read", "db/staging/orders", &["--grant", &path]);
        ended.prints(0, &["allowed"]);
        path
    }

    /// `review`, with this.
    pub(crate) fn review(&self, arguments: &[&str]) -> Ended {
        let mut all: Vec<String> =
            std::iter::once("review").chain(arguments.iter().copied()).map(str::to_owned).collect();
        all.extend(["--desk".to_owned(), self.unix("review.sock")]);
        self.run(&all)
    }

    /// Votes as this person with their key.
    pub(crate) fn vote(&self, what: &str, id: &str, who: &str, more: &[&str]) -> Ended {
        let key = self.path(who).display().to_string();
        let fixed = [what, id, "--as", who, "--key", &key, "--reason", "it was looked at", "--yes"];
        self.review(&fixed.iter().chain(more).copied().collect::<Vec<_>>())
    }

    /// The newest escalation that waits, once there is one.
    pub(crate) fn waiting(&self) -> String {
        for _ in 0..400 {
            let listed = self.review(&["list", "--json"]).json();
            if let Some(id) = listed["escalations"][0]["escalation_id"].as_str() {
                return id.to_owned();
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("nothing waits");
    }

    /// `verify`, with this.
    pub(crate) fn verify(&self, arguments: &[&str]) -> Ended {
        let mut all = vec!["verify".to_owned()];
        all.extend(self.trust());
        all.extend(arguments.iter().map(|text| (*text).to_owned()));
        self.run(&all)
    }
}

/// A folder with everything, and two people whose keys OpenSSH made.
pub(crate) fn prepare() -> Service {
    prepare_with(RULES, &[("ada", "ed25519"), ("grace", "ecdsa")])
}

/// … with these rules before the starter policy's, and these people, each with a kind of key.
pub(crate) fn prepare_with(rules: &str, people: &[(&str, &str)]) -> Service {
    let service = Service::prepare(&POLICY.replacen("rules:\n", rules, 1), "", "");
    let mut roster =
        "version: 1\nroles: [engineer, oncall, platform-lead, security-lead]\npeople:\n".to_owned();
    for (who, kind) in people {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", who, "-t", kind, "-f"])
            .arg(service.path(who))
            .status();
        assert!(made.unwrap().success());
        let line = std::fs::read_to_string(service.path(&format!("{who}.pub"))).unwrap();
        roster.push_str(&format!(
            "  - id: {who}\n    roles: [oncall, platform-lead]\n    keys:\n      - {}\n",
            line.trim()
        ));
    }
    std::fs::write(service.path("roster.yaml"), roster).unwrap();
    service
}
