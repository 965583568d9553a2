//! The scripted desk: a real desk over a real record, behind a fleet's service that does what a test tells it.

use crate::fleet::Serving;
use crate::wire as proto;
use crate::wire::fleet_server::FleetServer;
use arc_swap::ArcSwap;
use countersign::audit::event::{Event, Record};
use countersign::clock::{Clock, SystemClock};
use countersign::condition::ConditionKind;
use countersign::desk::{Desk as _, LocalDesk};
use countersign::digest::KeyId;
use countersign::entropy::SystemEntropy;
use countersign::escalation::vote::{Choice, Conditions, Nonce, Reason, SignedVote, Statement};
use countersign::escalation::{Event as Step, Status};
use countersign::moment::Moment;
use countersign::party::{
    AgentId, EscalationId, ExecutorId, KeyHolder, LogOrigin, PersonId, SuspensionId, TrustDomain,
};
use countersign::policy::Policy;
use countersign::presence::ssh::{PrivateKey, VOTE_NAMESPACE};
use countersign::reviewer::Directory;
use countersign::sidecar::InForce;
use countersign::signer::directory::KeyDirectory;
use countersign::signer::file::FileSigner;
use countersign::signer::{Candidates, Keyring as _, Signer as _};
use countersign::store::Store as _;
use countersign::store::embedded::EmbeddedStore;
use countersign::suspension::Suspension;
use countersign::tlog::{
    CosignatureTime, KeyName, SignatureKind, SignedCheckpoint, VerifierKey, cosignature_line,
    cosigned_message,
};
use countersign::token::{Algorithm, Anchor, MAX_LIFE, Pattern, PublicKey, Scope};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio_stream::wrappers::TcpListenerStream;

pub(crate) const AGENT: &str = "ns/shop/sa/builder";
pub(crate) const FLEET: &str = "exec:fleet";

/// The policy of these tests: reads run by themselves, deploys need one person, and bulk counts.
pub(crate) const POLICY: &str = r"version: 1
name: fleet
defaults: {reviewers: [role:oncall], assurance: signed, timeout: 1h}
fleet: {stale_after: 1h}
resources:
- {resource: 'db/*', environment: test, sensitivity: ordinary}
limits:
- {name: many rows, match: {action: orders.purge}, window: 1h, rows: 1000, level: high}
rules:
- name: reads
  match: {action: orders.read}
  decision: allow
- name: witnessed
  match: {action: orders.witness}
  decision: allow
  witnesses: 1
- name: deploys
  match: {action: deploy.release}
  decision: escalate
  escalation: {reviewers: [role:oncall], approvals: 1, timeout: 1h}
- name: brief
  match: {action: deploy.brief}
  decision: escalate
  escalation: {reviewers: [role:oncall], approvals: 1, timeout: 1s}
- name: too much
  match: {action: orders.purge, level: [high, critical]}
  decision: escalate
- name: purges
  match: {action: orders.purge}
  decision: allow
levels: {low: deny, medium: deny, high: deny}
";

/// Changes the steps of a docket on their way.
#[derive(Clone, Copy)]
pub(crate) struct Lie(pub(crate) fn(&mut Vec<serde_json::Value>));

/// How the desk answers who would open something.
#[derive(Clone, Copy)]
pub(crate) enum Answering {
    Refuses(&'static str),
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) values: Vec<Vec<u8>>,
    pub(crate) lie: Option<Lie>,
    pub(crate) opening: Option<Answering>,
    pub(crate) revoked: BTreeSet<KeyId>,
    pub(crate) suspensions: Vec<Suspension>,
    pub(crate) neighbours: Vec<Record>,
    pub(crate) mute: bool,
    pub(crate) other_agent: bool,
    pub(crate) roles: Option<proto::FleetRoles>,
    policy: String,
    roster: String,
    changed: Vec<String>,
    lost: Option<&'static str>,
    version: u64,
    sidecars: u32,
}

pub(crate) struct Desk {
    folder: tempfile::TempDir,
    pub(crate) keys: KeyDirectory,
    pub(crate) store: Arc<EmbeddedStore>,
    pub(crate) desk: LocalDesk,
    clock: Arc<dyn Clock>,
    away: AtomicBool,
    state: Mutex<State>,
    cosigner: FileSigner,
    pub(crate) address: SocketAddr,
}

pub(crate) fn key(name: &str) -> PrivateKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    PrivateKey::from_seed(&seed, name)
}

pub(crate) fn roster() -> String {
    let mut text = "version: 1\nroles: [engineer, oncall]\npeople:\n".to_owned();
    for (name, role) in [("ada", "oncall"), ("linus", "engineer")] {
        let line = key(name).public_key().to_line();
        text.push_str(&format!("- {{id: {name}, roles: [{role}], keys: [\"{line}\"]}}\n"));
    }
    text
}

pub(crate) fn domain() -> TrustDomain {
    TrustDomain::new("https://acme.example").unwrap()
}

impl Desk {
    pub(crate) async fn start() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let keys = KeyDirectory::new(
            folder.path().join("keys"),
            domain(),
            KeyHolder::new("desk").unwrap(),
            KeyDirectory::any_scope(),
            Arc::new(SystemEntropy),
        );
        keys.init(clock.now()).unwrap();
        let (store, _) = EmbeddedStore::open(&folder.path().join("data"), Default::default()).unwrap();
        let store = Arc::new(store);
        let (policy, roster) = (POLICY.to_owned(), roster());
        let in_force = Arc::new(ArcSwap::from_pointee(InForce::new(
            Arc::new(Policy::parse(&policy, "policy").unwrap()),
            Arc::new(Directory::parse(&roster, "roster").unwrap()),
            Directory::digest_of(&roster),
            clock.now(),
            Arc::default(),
        )));
        let enforced =
            HashMap::from([(ExecutorId::new(FLEET).unwrap(), BTreeSet::from([ConditionKind::Canary]))]);
        let desk = LocalDesk::new(store.clone(), in_force, enforced, clock.clone()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Mutex::new(State { policy, roster, ..State::default() });
        let cosigner = FileSigner::generate(&SystemEntropy, Algorithm::EdDsa).unwrap();
        let away = AtomicBool::new(false);
        let desk = Arc::new(Self { folder, keys, store, desk, clock, away, state, cosigner, address });
        let service = FleetServer::new(Serving(desk.clone())).max_decoding_message_size(16 << 20);
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        desk
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn agent(&self) -> AgentId {
        AgentId::new(AGENT).unwrap()
    }

    pub(crate) fn anchor(&self) -> Anchor {
        Anchor::new(domain(), [self.keys.root().unwrap()]).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    /// The desk is away from now on, or back.
    pub(crate) fn be_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// What it answers to this method the next time is lost, although it was done.
    pub(crate) fn lose(&self, method: &'static str) {
        self.state().lost = Some(method);
    }

    pub(crate) fn loses(&self, method: &'static str) -> bool {
        let mut state = self.state();
        let lost = state.lost == Some(method);
        if lost {
            state.lost = None;
        }
        lost
    }

    /// Something is to be told.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.version += 1;
    }

    pub(crate) fn new_policy(&self, text: &str) {
        let text = text.to_owned();
        self.tell(|state| state.policy = text);
    }

    pub(crate) fn changed(&self, id: EscalationId) {
        self.tell(|state| state.changed.push(id.to_string()));
    }

    #[allow(clippy::type_complexity, reason = "all that a follower is told")]
    pub(crate) fn news(
        &self,
        since: usize,
    ) -> (
        u64,
        (String, String, proto::Rules),
        proto::SuspensionsInForce,
        proto::TrustNews,
        Vec<Record>,
        Vec<String>,
        Option<proto::FleetRoles>,
    ) {
        let published = self.keys.publish(self.now()).unwrap();
        let state = self.state();
        let rules = proto::Rules {
            policy: state.policy.clone().into_bytes(),
            roster: state.roster.clone().into_bytes(),
            profiles: Some(proto::FleetProfiles::default()),
            ..Default::default()
        };
        let digests =
            (Policy::digest_of(&state.policy).to_string(), Directory::digest_of(&state.roster).to_string());
        let suspensions = state.suspensions.iter().map(|one| serde_json::to_vec(one).unwrap()).collect();
        let trust = proto::TrustNews {
            bundle: published.bundle,
            certificates: published.certificates,
            jwks: published.jwks,
            revocations: published.revocations,
            revoked: state.revoked.iter().map(ToString::to_string).collect(),
        };
        (
            state.version,
            (digests.0, digests.1, rules),
            proto::SuspensionsInForce { suspensions },
            trust,
            state.neighbours.get(since..).unwrap_or_default().to_vec(),
            state.changed.clone(),
            state.roles.clone(),
        )
    }

    pub(crate) fn certify(&self, authority: &PublicKey, log: &PublicKey) -> proto::EnrolResponse {
        let other = self.state().other_agent;
        let agent = if other { "ns/shop/sa/other" } else { AGENT };
        let name = format!("shop/{}", log.id().to_string().get(..8).unwrap());
        let (sidecar, origin) =
            (KeyHolder::new(&name).unwrap(), LogOrigin::new(&format!("acme.example/{name}")).unwrap());
        let scope = Scope {
            agents: vec![Pattern::exactly(agent).unwrap()],
            audiences: vec![Pattern::exactly(FLEET).unwrap()],
            max_life: MAX_LIFE,
        };
        let candidates = Candidates {
            sidecar: &sidecar,
            authority,
            scope,
            log,
            origin: &origin,
            life: Duration::from_secs(24 * 3600),
        };
        let chains = self.keys.certify(&candidates, self.now()).unwrap();
        self.state().sidecars += 1;
        proto::EnrolResponse {
            authority_chain: chains.authority,
            log_chain: chains.log,
            sidecar: name,
            origin: origin.to_string(),
            agent: Some(proto::FleetAgent { id: AGENT.to_owned(), ..Default::default() }),
            executors: vec![proto::FleetExecutor {
                id: FLEET.to_owned(),
                conditions: vec!["canary".to_owned()],
                plain: false,
            }],
            cosigner: self.cosigner_key().to_string(),
        }
    }

    /// How often keys were certified.
    pub(crate) fn enrolments(&self) -> u32 {
        self.state().sidecars
    }

    fn cosigner_key(&self) -> VerifierKey {
        let name = KeyName::new("acme.example/desk").unwrap();
        VerifierKey::new(name, SignatureKind::Cosignature, self.cosigner.public_key().clone())
    }

    pub(crate) fn cosign(&self, checkpoint: &SignedCheckpoint) -> String {
        let at = CosignatureTime::new(self.now()).unwrap();
        let message = cosigned_message(checkpoint.note().text(), at);
        cosignature_line(&self.cosigner_key(), at, &self.cosigner.sign(&message).unwrap()).to_string()
    }

    pub(crate) fn steps(&self, id: EscalationId) -> Vec<Step> {
        let records = self.store.course(id).unwrap().records.into_iter();
        records
            .filter_map(
                |(_, record)| {
                    if let Event::Escalation { step, .. } = record.event { Some(step) } else { None }
                },
            )
            .collect()
    }

    /// Somebody votes.
    pub(crate) async fn vote(&self, id: &str, who: &str, approve: bool) -> Status {
        let id = EscalationId::parse(id).unwrap();
        let docket = self.desk.docket(id).await.unwrap();
        let opening = docket.escalation.case().opening();
        let statement = Statement {
            escalation: id,
            operation: opening.operation,
            shown: opening.shown,
            policy: opening.policy,
            choice: if approve { Choice::Approve(Conditions::default()) } else { Choice::Deny },
            reason: Reason::new("it was looked at").unwrap(),
            reviewer: PersonId::new(who).unwrap(),
            time: self.now(),
            nonce: Nonce::from_random([7; 16]),
        };
        let bytes = statement.to_bytes();
        let signature = key(who).sign(VOTE_NAMESPACE, &bytes).to_armored();
        let signed = SignedVote { statement: String::from_utf8(bytes).unwrap(), signature };
        let docket = self.desk.vote(id, signed).await.unwrap();
        self.changed(id);
        docket.escalation.status(self.now())
    }

    pub(crate) fn suspend(&self, number: u8) {
        let suspension = Suspension {
            id: SuspensionId::from_random([number; 16]),
            agent: None,
            action: None,
            reason: "it runs wild".into(),
            by: "olga".into(),
            at: self.now(),
            until: None,
        };
        self.tell(|state| state.suspensions.push(suspension));
    }
}
