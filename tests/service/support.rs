//! A service in a temporary folder, and those who talk to it.

use countersign::audit::event::Record;
use countersign::audit::verify::{Auditor, Severity, Trust};
use countersign::client::{
    AdminClient, AgentClient, Ask, ClientError, Connect, Escalation, Grant, Progress, ReviewClient, Target,
};
use countersign::clock::{Clock as _, SystemClock};
use countersign::condition::{Condition, ConditionKind, ExecutionFacts};
use countersign::config::Config;
use countersign::digest::{OperationDigest, PolicyDigest};
use countersign::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement};
use countersign::operation::Operation;
use countersign::operation::render::{render, render_masked};
use countersign::party::{EscalationId, ExecutorId, PersonId};
use countersign::presence::ssh::{PrivateKey, VOTE_NAMESPACE};
use countersign::serve::{Running, key_directory, start};
use countersign::store::embedded::Look;
use countersign::token::{
    Anchor, Executor, Presented, PublicKey, Refusal, VerifiedOperation, Verifier, VerifierConfig,
};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

pub(crate) const POLICY: &str = include_str!("../../examples/policies/starter.yaml");
pub(crate) const FLEET: &str = "exec:fleet";
pub(crate) const PLAIN: &str = "exec:plain";

pub(crate) struct Service {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) running: Option<Running>,
}

/// Whatever a test makes of a service, what is on its record can have happened.
impl Drop for Service {
    fn drop(&mut self) {
        let Ok(config) = Config::load(&self.path("countersign.yaml")) else { return };
        let Ok(look) = Look::into_store(&config.data) else { return };
        // A long record takes longer to judge than all the rest of a test; `tests/audit` judges one of each kind.
        if !self.path("data/keys/root.public.jwk").exists() || look.len() > 5000 {
            return;
        }
        let roots = self.anchor().roots().to_vec();
        audit(roots, look.from(0).map(|read| read.unwrap().1));
    }
}

/// Fails if an auditor finds fault with these records.
pub(crate) fn audit(roots: Vec<PublicKey>, records: impl Iterator<Item = Record>) {
    if std::thread::panicking() {
        return;
    }
    let mut auditor = Auditor::new(Trust { roots, policy: None });
    let mut findings: Vec<_> =
        (0..).zip(records).flat_map(|(index, record)| auditor.take(index, record)).collect();
    findings.extend(auditor.end().0);
    findings.retain(|finding| finding.severity == Severity::Finding);
    let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(words, [""; 0], "an auditor finds fault with the record");
}

/// A reviewer's private key; the same name has the same key in every test.
pub(crate) fn key(name: &str) -> PrivateKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    PrivateKey::from_seed(&seed, name)
}

pub(crate) fn roster(people: &[(&str, &str)]) -> String {
    let mut text =
        "version: 1\nroles: [engineer, oncall, platform-lead, security-lead]\npeople:\n".to_owned();
    for (name, roles) in people {
        let line = key(name).public_key().to_line();
        text.push_str(&format!(
            "  - id: {name}\n    roles: [{roles}]\n    accounts: [{name}@example.com]\n    keys:\n      - {line}\n"
        ));
    }
    text
}

impl Service {
    /// The starter policy, three people, one agent by the tests' own uid.
    pub(crate) async fn start() -> Self {
        Self::start_with(POLICY, "", "").await
    }

    pub(crate) async fn start_with(policy: &str, agent_lines: &str, config_lines: &str) -> Self {
        let mut service = Self::prepare(policy, agent_lines, config_lines);
        service.run().await;
        service
    }

    pub(crate) fn prepare(policy: &str, agent_lines: &str, config_lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let uid = std::fs::metadata(at).unwrap().uid();
        std::fs::write(at.join("policy.yaml"), policy).unwrap();
        let people = [("ada", "oncall"), ("grace", "oncall, platform-lead"), ("linus", "engineer")];
        std::fs::write(at.join("roster.yaml"), roster(&people)).unwrap();
        let config = format!(
            "trust_domain: https://acme.example\ndata: data\npolicy: policy.yaml\nroster: roster.yaml\n\
             listen:\n  agents: {{socket: agent.sock, tcp: \"127.0.0.1:0\"}}\n  reviewers: {{socket: review.sock}}\n\
             agents:\n  - id: agent:tester\n    by: {{uid: {uid}}}\n{agent_lines}\
             reviewers:\n  - uid: {uid}\noperators:\n  - uid: {uid}\n    name: olga\n\
             executors:\n  - id: {FLEET}\n    conditions: [canary, time_window]\n  - id: {PLAIN}\n    plain: true\n{config_lines}"
        );
        std::fs::write(at.join("countersign.yaml"), config).unwrap();
        let service = Self { folder, running: None };
        let config = service.config();
        std::fs::create_dir(&config.data).unwrap();
        key_directory(&config).unwrap().init(SystemClock::start().now()).unwrap();
        service
    }

    pub(crate) fn config(&self) -> Config {
        Config::load(&self.folder.path().join("countersign.yaml")).unwrap()
    }

    pub(crate) async fn run(&mut self) {
        self.running = Some(start(&self.config()).await.unwrap());
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn agent(&self) -> AgentClient {
        AgentClient::connect(Connect::to(Target::Unix(self.path("agent.sock")))).await.unwrap()
    }

    pub(crate) fn tcp(&self) -> Target {
        let address = self.running.as_ref().unwrap().addresses().agent_tcp.unwrap();
        Target::Tcp(format!("http://{address}"))
    }

    pub(crate) async fn reviewer(&self) -> ReviewClient {
        ReviewClient::connect(Connect::to(Target::Unix(self.path("review.sock")))).await.unwrap()
    }

    pub(crate) async fn operator(&self) -> AdminClient {
        AdminClient::connect(Connect::to(Target::Unix(self.path("review.sock")))).await.unwrap()
    }

    /// Opens an escalation and gives its id.
    pub(crate) async fn escalate(&self, ask: Ask) -> String {
        let answer = self.agent().await.authorize(ask).await.unwrap();
        answer.pending.unwrap_or_else(|| panic!("not escalated: {:?}", answer.reasons)).escalation
    }

    pub(crate) async fn vote(
        &self,
        id: &str,
        who: &str,
        choice: Choice,
    ) -> Result<countersign::client::Status, ClientError> {
        let reviewer = self.reviewer().await;
        let shown = reviewer.show(id).await?;
        let statement = statement(&shown, who, choice);
        cast(&reviewer, id, &key(who), &statement).await
    }

    pub(crate) async fn end_of(&self, id: &str) -> Progress {
        let mut following = self.agent().await.follow(id).await.unwrap();
        loop {
            let progress = following.next().await.unwrap().expect("it ended without an end");
            use countersign::client::Status::{Approved, Pending};
            if !matches!(progress.status, Pending | Approved) {
                return progress;
            }
        }
    }

    pub(crate) fn verifier(&self, executor: &str) -> Verifier {
        let executor = match executor {
            PLAIN => Executor::plain(ExecutorId::new(PLAIN).unwrap()),
            other => {
                let kinds = [ConditionKind::Canary, ConditionKind::TimeWindow];
                Executor::new(ExecutorId::new(other).unwrap(), kinds)
            }
        };
        VerifierConfig::new(self.anchor(), executor.unwrap()).build().unwrap()
    }

    pub(crate) fn anchor(&self) -> Anchor {
        let config = self.config();
        let root = key_directory(&config).unwrap().root().unwrap();
        Anchor::new(config.trust_domain, [root]).unwrap()
    }
}

pub(crate) async fn cast(
    reviewer: &ReviewClient,
    id: &str,
    key: &PrivateKey,
    statement: &Statement,
) -> Result<countersign::client::Status, ClientError> {
    let bytes = statement.to_bytes();
    let signature = key.sign(VOTE_NAMESPACE, &bytes).to_armored();
    reviewer.vote(id, bytes, signature).await.map(|(status, ..)| status)
}

pub(crate) fn statement(shown: &Escalation, who: &str, choice: Choice) -> Statement {
    let operation = Operation::from_op_bytes(&shown.op_bytes).unwrap();
    let payload = operation.payload_digest().map(|_| shown.payload.as_slice());
    let (digest, rendering) = match shown.masked {
        true => {
            let digest = OperationDigest::parse(&shown.operation_digest).unwrap();
            (digest, render_masked(&operation, digest).unwrap())
        }
        false => (operation.digest(), render(&operation, payload).unwrap()),
    };
    Statement {
        escalation: EscalationId::parse(&shown.summary.id).unwrap(),
        operation: digest,
        shown: rendering.digest,
        policy: PolicyDigest::parse(&shown.policy_digest).unwrap(),
        choice,
        reason: Reason::new("it was looked at").unwrap(),
        reviewer: PersonId::new(who).unwrap(),
        time: SystemClock::start().now(),
        nonce: Nonce::from_random([7; 16]),
    }
}

pub(crate) fn approve(conditions: &[&str]) -> Choice {
    let conditions: Vec<Condition> =
        conditions.iter().map(|text| Condition::parse_short(text).unwrap()).collect();
    Choice::Approve(Conditions::new(&conditions).unwrap())
}

pub(crate) fn ask(action: &str, resource: &str, parameters: &str) -> Ask {
    Ask {
        action: action.to_owned(),
        resource: resource.to_owned(),
        parameters: Some(parameters.as_bytes().to_vec()),
        executor: FLEET.to_owned(),
        ..Ask::default()
    }
}

/// Runs by itself under the starter policy.
pub(crate) fn read() -> Ask {
    ask("orders.read", "db/staging/orders", r#"{"limit":10}"#)
}

/// Needs one person under the starter policy.
pub(crate) fn deploy(version: &str) -> Ask {
    ask("deploy.release", "shop/production", &format!(r#"{{"version":"{version}"}}"#))
}

/// Needs two people under the starter policy.
pub(crate) fn delete(id: u32) -> Ask {
    ask("orders.delete", "db/production/orders", &format!(r#"{{"id":{id}}}"#))
}

pub(crate) fn presented<'a>(
    grant: &'a Grant,
    certificates: &'a [&'a str],
    evidence: &'a [&'a [u8]],
    facts: &'a ExecutionFacts,
) -> Presented<'a> {
    let operation = Operation::from_op_bytes(&grant.op_bytes).unwrap();
    Presented {
        token: &grant.token,
        certificates,
        operation,
        facts,
        proof: None,
        evidence,
        log_proof: grant.log_proof.as_deref(),
    }
}

pub(crate) fn verify(
    verifier: &Verifier,
    grant: &Grant,
    facts: &ExecutionFacts,
    guard: &Path,
) -> Result<VerifiedOperation, Refusal> {
    let certificates: Vec<&str> = grant.certificates.iter().map(String::as_str).collect();
    let evidence: Vec<&[u8]> = grant.evidence.iter().map(Vec::as_slice).collect();
    let guard = countersign::replay::journal::JournalGuard::open(guard).unwrap();
    verifier.verify(presented(grant, &certificates, &evidence, facts), SystemClock::start().now(), &guard)
}

pub(crate) fn code(error: ClientError) -> String {
    let words = error.to_string();
    if let ClientError::Refused { code, .. } = error { code } else { panic!("{words}") }
}
