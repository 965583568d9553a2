//! A pod: a sidecar in a folder, and the agent that asks it.

use crate::desk::{Desk, FLEET, domain};
use countersign::audit::event::{Event, Record};
use countersign::client::{
    AgentClient, Answer, Ask, ClientError, Connect, Grant, Progress, Status, Target, Verdict,
};
use countersign::condition::{ConditionKind, ExecutionFacts};
use countersign::config::{Sidecar as Config, SidecarProof};
use countersign::operation::Operation;
use countersign::party::ExecutorId;
use countersign::replay::memory::MemoryGuard;
use countersign::serve::sidecar::Beside;
use countersign::store::embedded::Look;
use countersign::token::{Executor, Presented, PublicKey, VerifierConfig};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Pod {
    _folder: tempfile::TempDir,
    pub(crate) desk: Arc<Desk>,
    pub(crate) config: Config,
    pub(crate) running: Option<Beside>,
}

/// Looks again and again until it is so; a test that waits for what never comes fails by its own limit.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to that: {what}");
}

impl Pod {
    pub(crate) fn new(desk: &Arc<Desk>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::write(at.join("token"), "let-me-in\n").unwrap();
        let config = Config {
            desk: vec![format!("http://{}", desk.address)],
            desk_ca: None,
            trust_domain: domain(),
            roots: vec![desk.keys.root().unwrap()],
            proof: SidecarProof::TokenFile(at.join("token")),
            data: at.join("data"),
            socket: at.join("agent.sock"),
            socket_mode: 0o600,
            agent_uids: Vec::new(),
            health: None,
        };
        Self { _folder: folder, desk: desk.clone(), config, running: None }
    }

    /// A pod that runs, and whose desk is there.
    pub(crate) async fn start(desk: &Arc<Desk>) -> Self {
        let mut pod = Self::new(desk);
        pod.run().await;
        pod.connected(true).await;
        pod
    }

    pub(crate) async fn run(&mut self) {
        self.running = Some(Beside::start(&self.config).await.unwrap());
    }

    pub(crate) fn running(&self) -> &Beside {
        self.running.as_ref().unwrap()
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    pub(crate) async fn connected(&self, connected: bool) {
        until("the desk is there, or not", async || self.running().tether().connected() == connected).await;
    }

    /// The desk is away from now on, and the sidecar knows.
    pub(crate) async fn lose_the_desk(&self) {
        self.desk.be_away(true);
        self.connected(false).await;
    }

    pub(crate) async fn find_the_desk(&self) {
        self.desk.be_away(false);
        self.connected(true).await;
    }

    /// What the desk has told so far is in force here.
    pub(crate) async fn in_step(&self) {
        let heard = self.running().tether().heard();
        until("the desk is heard twice more", async || self.running().tether().heard() > heard).await;
        let heard = self.running().tether().heard();
        until("the desk is heard once more", async || self.running().tether().heard() > heard).await;
    }

    pub(crate) async fn agent(&self) -> AgentClient {
        AgentClient::connect(Connect::to(Target::Unix(self.config.socket.clone()))).await.unwrap()
    }

    pub(crate) async fn asks(&self, ask: Ask) -> Result<Answer, ClientError> {
        self.agent().await.authorize(ask).await
    }

    pub(crate) async fn verdict(&self, ask: Ask) -> Verdict {
        self.asks(ask).await.unwrap().verdict
    }

    /// Opens an escalation: its id, and whether it waits for the desk.
    pub(crate) async fn escalates(&self, ask: Ask) -> (String, bool) {
        let answer = self.asks(ask).await.unwrap();
        let pending = answer.pending.unwrap_or_else(|| panic!("not escalated: {:?}", answer.reasons));
        (pending.escalation, pending.queued)
    }

    /// How it stands now.
    pub(crate) async fn stands(&self, id: &str) -> Result<Progress, ClientError> {
        let mut following = self.agent().await.follow(id).await?;
        Ok(following.next().await?.unwrap())
    }

    /// How it ended; an agent asks again where the desk was away.
    pub(crate) async fn end_of(&self, id: &str) -> Progress {
        for _ in 0..3000 {
            if let Ok(mut following) = self.agent().await.follow(id).await {
                while let Ok(Some(progress)) = following.next().await {
                    if !matches!(progress.status, Status::Pending | Status::Approved) {
                        return progress;
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never ended");
    }

    /// What the record of the sidecar that is stopped says.
    pub(crate) fn record(&self) -> Vec<Record> {
        let look = Look::into_store(&self.config.data).unwrap();
        look.from(0).map(|read| read.unwrap().1).collect()
    }

    /// The decisions of a sidecar that runs.
    pub(crate) fn records_of_decisions(&self) -> Vec<Record> {
        let decided = |record: &Record| matches!(record.event, Event::Decided(_));
        self.record().into_iter().filter(decided).collect()
    }

    pub(crate) fn mints(&self) -> usize {
        self.record().iter().filter(|record| matches!(record.event, Event::Minted(_))).count()
    }

    pub(crate) fn verifies(&self, grant: &Grant) {
        self.verifies_from(grant, vec![self.desk.keys.root().unwrap()]);
    }

    pub(crate) fn verifies_from(&self, grant: &Grant, roots: Vec<PublicKey>) {
        let anchor = countersign::token::Anchor::new(domain(), roots).unwrap();
        let executor = Executor::new(ExecutorId::new(FLEET).unwrap(), [ConditionKind::Canary]).unwrap();
        let verifier = VerifierConfig::new(anchor, executor).build().unwrap();
        let certificates: Vec<&str> = grant.certificates.iter().map(String::as_str).collect();
        let presented = Presented {
            token: &grant.token,
            certificates: &certificates,
            operation: Operation::from_op_bytes(&grant.op_bytes).unwrap(),
            facts: &ExecutionFacts::default(),
            proof: None,
            evidence: &[],
            log_proof: None,
        };
        let now = self.desk.now();
        verifier.verify(presented, now, &MemoryGuard::new(now.minus(Duration::from_secs(60)))).unwrap();
    }
}

fn ask(action: &str, resource: &str, parameters: &str) -> Ask {
    Ask {
        action: action.to_owned(),
        resource: resource.to_owned(),
        parameters: Some(parameters.as_bytes().to_vec()),
        executor: FLEET.to_owned(),
        ..Ask::default()
    }
}

/// Runs by itself.
pub(crate) fn read() -> Ask {
    ask("orders.read", "db/orders", r#"{"limit":10}"#)
}

/// Needs one person.
pub(crate) fn deploy(version: u32) -> Ask {
    ask("deploy.release", "shop", &format!(r#"{{"version":{version}}}"#))
}

/// Needs one person, within a second.
pub(crate) fn brief() -> Ask {
    ask("deploy.brief", "shop", "{}")
}

/// Deletes so many rows: what adds up to more than a thousand within an hour goes to people.
pub(crate) fn purge(table: u32, rows: u64) -> Ask {
    ask("orders.purge", &format!("db/orders/{table}"), &format!(r#"{{"affected_rows_estimate":{rows}}}"#))
}

/// Runs by itself once a witness has seen it.
pub(crate) fn witnessed() -> Ask {
    ask("orders.witness", "db/orders", r#"{"limit":10}"#)
}

/// What no rule knows.
pub(crate) fn brief_denied() -> Ask {
    ask("orders.other", "db/orders", "{}")
}
