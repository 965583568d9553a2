//! A scripted sidecar: real keys, a real log, and whatever the test wants it to say.

use crate::support::{FLEET, POLICY, Service};
use crate::wire::{
    EnrolRequest, EnrolResponse, FollowRequest, FollowResponse, OpenRequest, OpenResponse, ShipRequest,
    ShipResponse, ValueApart, call, follow,
};
use countersign::audit::event::{Decided, Event, Minted, Record};
use countersign::client::SidecarRole;
use countersign::clock::{Clock as _, SystemClock};
use countersign::condition::ConditionKind;
use countersign::decision::{Decision, Outcome};
use countersign::entropy::{Entropy as _, SystemEntropy};
use countersign::escalation::Escalation;
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::party::{
    AgentId, EscalationId, ExecutorId, KeyHolder, LogOrigin, TokenId, TrustDomain, TxnId,
};
use countersign::policy::Policy;
use countersign::risk::Level;
use countersign::signer::Signer as _;
use countersign::signer::file::FileSigner;
use countersign::store::conformance::events;
use countersign::tlog::{
    Checkpoint, Frontier, KeyName, NoteSignature, SignatureKind, SignedCheckpoint, VerifierKey, leaf_hash,
};
use countersign::token::{
    Algorithm, Approval, CALL_CERTIFICATES_HEADER, CALL_HEADER, Call, Draft, Executor, Grant, RiskScore,
    enrolment_message,
};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

pub(crate) const DOMAIN: &str = "https://acme.example";

pub(crate) fn now() -> Moment {
    SystemClock::start().now()
}

pub(crate) fn policy() -> Policy {
    Policy::parse(POLICY, "starter.yaml").unwrap()
}

/// A service that has sidecars.
pub(crate) async fn desk(config_lines: &str) -> Service {
    let mut service = Service::prepare(POLICY, "", config_lines);
    let path = service.path("countersign.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    let listens = "  reviewers: {socket: review.sock}\n";
    let config = config.replace(listens, &format!("{listens}  sidecars: {{tcp: \"127.0.0.1:0\"}}\n"));
    std::fs::write(&path, config).unwrap();
    service.run().await;
    service
}

pub(crate) async fn channel(desk: &Service) -> Channel {
    let address = desk.running.as_ref().unwrap().addresses().sidecars.unwrap();
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// A join token for a sidecar of this agent.
pub(crate) async fn invite(desk: &Service, agent: &str) -> String {
    let role = SidecarRole { agent: agent.to_owned(), ..SidecarRole::default() };
    desk.operator().await.invite_sidecar(role, None).await.unwrap().token
}

pub(crate) struct Sidecar {
    pub(crate) channel: Channel,
    pub(crate) authority: FileSigner,
    pub(crate) log: FileSigner,
    /// What the desk said when it enrolled this.
    pub(crate) enrolled: EnrolResponse,
    pub(crate) leaves: Vec<Vec<u8>>,
}

fn signer() -> FileSigner {
    FileSigner::generate(&SystemEntropy, Algorithm::EdDsa).unwrap()
}

pub(crate) fn bits() -> [u8; 16] {
    SystemEntropy.bits128().unwrap()
}

impl Sidecar {
    /// One that has not enrolled.
    pub(crate) async fn new(desk: &Service) -> Self {
        Self {
            channel: channel(desk).await,
            authority: signer(),
            log: signer(),
            enrolled: EnrolResponse::default(),
            leaves: Vec::new(),
        }
    }

    /// One that has enrolled for this agent, by a join token.
    pub(crate) async fn of(desk: &Service, agent: &str) -> Self {
        let mut sidecar = Self::new(desk).await;
        let token = invite(desk, agent).await;
        sidecar.enrol(&token).await.unwrap();
        sidecar
    }

    pub(crate) fn wanted(&self) -> EnrolRequest {
        let domain = TrustDomain::new(DOMAIN).unwrap();
        let (authority, log) = (self.authority.public_key(), self.log.public_key());
        let message = enrolment_message(&domain, authority.as_bytes(), log.as_bytes());
        EnrolRequest {
            authority_key: authority.as_bytes().to_vec(),
            authority_proof: self.authority.sign(&message).unwrap().to_vec(),
            log_key: log.as_bytes().to_vec(),
            log_proof: self.log.sign(&message).unwrap().to_vec(),
            trust_domain: DOMAIN.to_owned(),
            version: "0.1.0".to_owned(),
        }
    }

    pub(crate) async fn enrol(&mut self, token: &str) -> Result<(), Status> {
        let mut request = Request::new(self.wanted());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        self.enrolled = call(&self.channel, "Enrol", request).await?;
        Ok(())
    }

    /// Has another key certified instead of the present one.
    pub(crate) async fn renew(&mut self) -> Result<(), Status> {
        let (before, metadata) = (signer(), self.proven("Enrol", ()).metadata().clone());
        let before = std::mem::replace(&mut self.authority, before);
        let mut request = Request::new(self.wanted());
        *request.metadata_mut() = metadata;
        let answer = call(&self.channel, "Enrol", request).await;
        match answer {
            Ok(enrolled) => self.enrolled = enrolled,
            Err(status) => {
                self.authority = before;
                return Err(status);
            }
        }
        Ok(())
    }

    pub(crate) fn agent(&self) -> AgentId {
        AgentId::new(&self.enrolled.agent.as_ref().unwrap().id).unwrap()
    }

    pub(crate) fn origin(&self) -> LogOrigin {
        LogOrigin::new(&self.enrolled.origin).unwrap()
    }

    /// What it says with a call of this method.
    pub(crate) fn statement(&self, method: &str) -> Call {
        let issued_at = Moment::from_unix_seconds(now().unix_seconds());
        Call {
            domain: TrustDomain::new(DOMAIN).unwrap(),
            sidecar: KeyHolder::new(&self.enrolled.sidecar).unwrap(),
            agent: self.agent(),
            method: method.into(),
            issued_at,
            expires_at: issued_at.plus(Duration::from_secs(60)),
            id: TokenId::from_random(bits()),
        }
    }

    pub(crate) fn proven<T>(&self, method: &str, message: T) -> Request<T> {
        self.saying(&self.statement(method), message)
    }

    pub(crate) fn saying<T>(&self, call: &Call, message: T) -> Request<T> {
        signed(&self.authority, &self.enrolled.authority_chain, call, message)
    }

    /// Writes an event into its log, and says where.
    pub(crate) fn record(&mut self, event: Event) -> u64 {
        let leaf = Record::new(now(), event).to_canonical().unwrap();
        self.leaves.push(leaf);
        self.leaves.len() as u64 - 1
    }

    /// Its checkpoint over so many leaves.
    pub(crate) fn checkpoint(&self, size: usize) -> String {
        checkpoint(&self.log, self.origin().as_str(), &self.leaves[..size])
    }

    pub(crate) fn batch(&self, first: usize, end: usize) -> ShipRequest {
        ShipRequest {
            first: first as u64,
            leaves: self.leaves[first..end].to_vec(),
            values: Vec::<ValueApart>::new(),
            checkpoint: self.checkpoint(end),
        }
    }

    pub(crate) async fn ship(&self, batch: ShipRequest) -> Result<ShipResponse, Status> {
        call(&self.channel, "Ship", self.proven("Ship", batch)).await
    }

    /// Hands over everything from this leaf on.
    pub(crate) async fn ship_from(&self, first: usize) -> Result<ShipResponse, Status> {
        self.ship(self.batch(first, self.leaves.len())).await
    }

    pub(crate) async fn open(&self, decided: &Decided) -> Result<OpenResponse, Status> {
        let request = OpenRequest { txn: decided.txn.to_string(), changed_in: String::new() };
        call(&self.channel, "Open", self.proven("Open", request)).await
    }

    pub(crate) async fn follow(&self) -> Result<Streaming<FollowResponse>, Status> {
        follow(&self.channel, self.proven("Follow", FollowRequest::default())).await
    }

    /// A decision about this operation that is not on any log yet: allowed, or people are asked as this level has it.
    pub(crate) fn decided(&self, action: &str, parameters: &str, asks: Option<Level>) -> Decided {
        let operation = Operation::from_json(action, "db/staging/orders", parameters.as_bytes()).unwrap();
        let policy = policy();
        let txn = TxnId::from_random(bits());
        let Event::Decided(like) = events::allowed(txn, &self.agent(), Some("the same id as anybody's"))
        else {
            panic!("not a decision");
        };
        let outcome =
            asks.map_or(Outcome::Allow { conditions: Vec::new() }, |level| policy.outcome_of(level).clone());
        let escalation = asks.map(|_| EscalationId::from_random(bits()));
        Decided {
            digest: operation.digest(),
            op: String::from_utf8(operation.op_bytes().to_vec()).unwrap(),
            executor: ExecutorId::new(FLEET).unwrap(),
            escalation,
            decision: Decision { outcome, rule: None, policy: policy.digest(), ..like.decision.clone() },
            ..*like
        }
    }

    /// The mint of what was decided, once people approved where they were asked.
    pub(crate) fn mint(&self, decided: &Decided, approved: Option<&Escalation>) -> Minted {
        let grant = Grant {
            issuer: TrustDomain::new(DOMAIN).unwrap(),
            subject: decided.agent.clone(),
            on_behalf_of: None,
            issued_at: now(),
            life: Duration::from_secs(60),
            jti: TokenId::from_random(bits()),
            txn: decided.txn,
            holder: None,
            operation: decided.digest,
            policy: decided.decision.policy,
            risk: RiskScore::from_thousandths(0).unwrap(),
            conditions: Vec::new(),
            approvals: approved.map_or_else(Vec::<Approval>::new, Escalation::approvals),
        };
        let executor = Executor::new(
            ExecutorId::new(FLEET).unwrap(),
            [ConditionKind::Canary, ConditionKind::TimeWindow],
        );
        let draft = Draft::new(&grant, &executor.unwrap()).unwrap();
        Minted {
            txn: decided.txn,
            jti: grant.jti,
            kid: self.authority.public_key().id(),
            escalation: decided.escalation,
            claims: String::from_utf8(draft.claims_without_log()).unwrap(),
        }
    }

    /// Decides something harmless and mints for it, in its own log.
    pub(crate) fn allow(&mut self, parameters: &str) -> Decided {
        let decided = self.decided("orders.read", parameters, None);
        let minted = self.mint(&decided, None);
        self.record(Event::Decided(Box::new(decided.clone())));
        self.record(Event::Minted(Box::new(minted)));
        decided
    }
}

/// A request that is proven by this statement.
pub(crate) fn signed<T>(key: &FileSigner, chain: &[String], call: &Call, message: T) -> Request<T> {
    let input = call.signing_input(key.public_key());
    let signature = key.sign(input.bytes()).unwrap();
    let mut request = Request::new(message);
    request.metadata_mut().insert(CALL_HEADER, input.assemble(&signature).parse().unwrap());
    request.metadata_mut().insert(CALL_CERTIFICATES_HEADER, chain.join(" ").parse().unwrap());
    request
}

/// A checkpoint over these leaves, of the log of this name, signed by this key.
pub(crate) fn checkpoint(key: &FileSigner, origin: &str, leaves: &[Vec<u8>]) -> String {
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let tree = Frontier::of(&hashes);
    let name = KeyName::new(origin).unwrap();
    let checkpoint = Checkpoint { origin: name.clone(), size: tree.size(), root: tree.root() };
    let verifier = VerifierKey::new(name, SignatureKind::Ed25519, key.public_key().clone());
    let signature = key.sign(checkpoint.to_string().as_bytes()).unwrap();
    SignedCheckpoint::new(checkpoint, NoteSignature::new(&verifier, &signature)).unwrap().to_string()
}

/// The record of a desk that was stopped, or runs.
pub(crate) fn record_of(desk: &Service) -> Vec<Record> {
    let look = countersign::store::embedded::Look::into_store(&desk.config().data).unwrap();
    look.from(0).map(|read| read.unwrap().1).collect()
}

/// The events of a desk's record of this kind.
pub(crate) fn events_of(desk: &Service, kind: &str) -> Vec<Record> {
    record_of(desk).into_iter().filter(|record| record.event.kind() == kind).collect()
}
