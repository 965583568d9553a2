//! Time and policy under the sidecar's feet, with a clock that the test sets: deadlines, doubts, second thoughts.

use crate::support::{FLEET, POLICY, approve, key, roster};
use arc_swap::ArcSwap;
use countersign::audit::event::{Context, Event};
use countersign::clock::{Clock, ManualClock, Reading};
use countersign::condition::ConditionKind;
use countersign::desk::{Desk as _, LocalDesk};
use countersign::entropy::SystemEntropy;
use countersign::escalation::Status;
use countersign::escalation::vote::{Choice, Nonce, Reason, SignedVote, Statement};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::operation::render::render;
use countersign::party::{AgentId, EscalationId, ExecutorId, KeyHolder, LogOrigin, PersonId, TrustDomain};
use countersign::policy::Policy;
use countersign::presence::ssh::VOTE_NAMESPACE;
use countersign::reviewer::Directory;
use countersign::risk::Claims;
use countersign::sidecar::brake::{Brake, BrakeError, Order, Which};
use countersign::sidecar::issuance::Issuance;
use countersign::sidecar::memory::Memories;
use countersign::sidecar::{Ask, Caller, InForce, Progress, Sidecar, SidecarError};
use countersign::signer::directory::KeyDirectory;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::token::Executor;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) in_force: Arc<ArcSwap<InForce>>,
    pub(crate) desk: Arc<LocalDesk>,
    pub(crate) sidecar: Arc<Sidecar>,
    pub(crate) store: Arc<EmbeddedStore>,
}

fn noon() -> Moment {
    Moment::from_rfc3339("2026-11-21T12:00:00Z").unwrap()
}

pub(crate) fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(noon()));
    let store = Arc::new(EmbeddedStore::open(&folder.path().join("store"), Options::default()).unwrap().0);
    let domain = TrustDomain::new("https://acme.example").unwrap();
    let keys = KeyDirectory::new(
        folder.path().join("keys"),
        domain.clone(),
        KeyHolder::new("sidecar").unwrap(),
        KeyDirectory::any_scope(),
        Arc::new(SystemEntropy),
    );
    keys.init(noon()).unwrap();
    let people = [("ada", "oncall"), ("grace", "oncall, platform-lead")];
    let in_force = Arc::new(ArcSwap::from_pointee(InForce {
        policy: Arc::new(Policy::parse(POLICY, "policy.yaml").unwrap()),
        directory: Arc::new(Directory::parse(&roster(&people), "roster.yaml").unwrap()),
        roster: Directory::digest_of(&roster(&people)),
        since: noon(),
    }));
    let fleet = ExecutorId::new(FLEET).unwrap();
    let enforced = HashMap::from([(fleet.clone(), BTreeSet::from([ConditionKind::Canary]))]);
    let executor = Executor::new(fleet.clone(), [ConditionKind::Canary]).unwrap();
    let desk = Arc::new(LocalDesk::new(store.clone(), in_force.clone(), enforced, clock.clone()).unwrap());
    let issuance = Arc::new(Issuance::start(Box::new(keys), noon()).unwrap());
    let entropy = Arc::new(SystemEntropy);
    let brake = Brake::start(store.clone(), issuance.clone(), clock.clone(), entropy.clone()).unwrap();
    let sidecar = Arc::new(Sidecar {
        operators: HashMap::new(),
        domain,
        origin: LogOrigin::new("https://acme.example/sidecar").unwrap(),
        in_force: in_force.clone(),
        executors: HashMap::from([(fleet, executor)]),
        store: store.clone(),
        desk: desk.clone(),
        memories: Memories::default(),
        brake: Arc::new(brake),
        issuance,
        clock: clock.clone(),
        entropy,
    });
    World { _folder: folder, clock, in_force, desk, sidecar, store }
}

impl World {
    fn decide_under(&self, text: &str) {
        let policy = Arc::new(Policy::parse(text, "policy.yaml").unwrap());
        self.in_force.rcu(|before| InForce { policy: policy.clone(), ..InForce::clone(before) });
    }

    fn caller() -> Caller {
        Caller { agent: AgentId::new("agent:tester").unwrap(), on_behalf_of: None }
    }

    fn ask(action: &str, resource: &str, parameters: &str) -> Ask {
        Ask {
            caller: Self::caller(),
            request_id: None,
            operation: Operation::from_json(action, resource, parameters.as_bytes()).unwrap(),
            payload: None,
            executor: ExecutorId::new(FLEET).unwrap(),
            context: Context::default(),
            claims: Claims::default(),
            holder: None,
        }
    }

    fn deploy() -> Ask {
        Self::ask("deploy.release", "shop/production", r#"{"version":"2"}"#)
    }

    async fn escalate(&self) -> EscalationId {
        self.sidecar.authorize(Self::deploy()).await.unwrap().opened.unwrap().id
    }

    async fn vote(&self, id: EscalationId, who: &str, choice: Choice) -> Status {
        let docket = self.desk.docket(id).await.unwrap();
        let operation = Operation::from_op_bytes(docket.decided.op.as_bytes()).unwrap();
        let statement = Statement {
            escalation: id,
            operation: operation.digest(),
            shown: render(&operation, None).unwrap().digest,
            policy: docket.decided.decision.policy,
            choice,
            reason: Reason::new("looked at").unwrap(),
            reviewer: PersonId::new(who).unwrap(),
            time: self.clock.now(),
            nonce: Nonce::from_random([3; 16]),
        };
        let text = statement.to_text();
        let signature = key(who).sign(VOTE_NAMESPACE, text.as_bytes()).to_armored();
        let docket = self.desk.vote(id, SignedVote { statement: text, signature }).await.unwrap();
        docket.escalation.status(self.clock.now())
    }

    async fn progress(&self, id: EscalationId) -> Result<Progress, SidecarError> {
        let mut told = self.sidecar.clone().follow(Self::caller(), id, std::future::pending()).await.unwrap();
        told.recv().await.unwrap()
    }
}

#[tokio::test]
async fn nobody_decides_in_time_and_it_is_denied() {
    let world = world();
    let id = world.escalate().await;
    assert_eq!(world.progress(id).await.unwrap().status, Status::Pending);
    world.clock.advance(Duration::from_secs(30 * 60));
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, end.granted), (Status::Expired, None));
}

#[tokio::test]
async fn a_token_not_collected_in_time_lapses() {
    let world = world();
    let id = world.escalate().await;
    assert_eq!(world.vote(id, "ada", approve(&[])).await, Status::Approved);
    world.clock.advance(Duration::from_secs(10 * 60));
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, end.granted), (Status::Lapsed, None));
}

#[tokio::test]
async fn what_was_approved_is_decided_again_before_it_is_minted() {
    let world = world();
    let id = world.escalate().await;
    assert_eq!(world.vote(id, "ada", approve(&[])).await, Status::Approved);
    let stricter = POLICY.replace(
        "rules:\n",
        "rules:\n  - name: freeze\n    match: {action: \"deploy.*\"}\n    decision: deny\n    reason: a freeze is on\n",
    );
    world.decide_under(&stricter);
    let end = world.progress(id).await.unwrap();
    assert_eq!((end.status, end.granted), (Status::Blocked, None));
    assert!(end.reasons.iter().any(|reason| reason.contains("freeze")), "{:?}", end.reasons);
    // It stays so when the policy is lenient again.
    world.decide_under(POLICY);
    assert_eq!(world.progress(id).await.unwrap().status, Status::Blocked);
}

#[tokio::test]
async fn a_suspension_ends_when_it_was_to_end_and_that_is_recorded_with_the_next_one() {
    let world = world();
    let read = || World::ask("orders.read", "db/staging/orders", "{}");
    let order = |lasts| Order {
        agent: None,
        action: None,
        reason: Reason::new("a pause").unwrap(),
        by: "olga".to_owned(),
        lasts,
    };
    let two_hours = Duration::from_secs(2 * 3600);
    let brake = &world.sidecar.brake;
    let brief = brake.suspend(order(Some(two_hours))).await.unwrap().suspension;
    world.clock.advance(two_hours - Duration::from_millis(1));
    assert!(world.sidecar.authorize(read()).await.unwrap().decision.denies());
    world.clock.advance(Duration::from_millis(1));
    assert!(world.sidecar.authorize(read()).await.unwrap().granted.is_some());
    assert_eq!(brake.list().await, []);
    let over = brake.resume(Which::One(brief.id), "olga".to_owned()).await;
    assert_eq!(over, Err(BrakeError::Unknown(brief.id)));
    let lasting = brake.suspend(order(None)).await.unwrap().suspension;
    let store = &world.sidecar.store;
    let found: Vec<_> =
        store.suspensions().unwrap().into_iter().map(|index| store.record(index).unwrap()).collect();
    let expected = Event::Suspended { suspension: Box::new(lasting.clone()) };
    assert_eq!(found.into_iter().map(|record| record.event).collect::<Vec<_>>(), [expected]);
    world.clock.advance(Duration::from_secs(365 * 24 * 3600));
    assert_eq!(brake.list().await, [lasting]);
}

#[tokio::test]
async fn while_the_clock_is_in_doubt_nothing_is_decided_or_minted() {
    let world = world();
    let id = world.escalate().await;
    world.vote(id, "ada", approve(&[])).await;
    let latest = world.clock.now();
    world.clock.set(Reading::InDoubt { wall: latest.minus(Duration::from_secs(3600)), latest });
    let read = World::ask("orders.read", "db/staging/orders", "{}");
    assert_eq!(world.sidecar.authorize(read.clone()).await.unwrap_err(), SidecarError::ClockInDoubt);
    assert_eq!(world.progress(id).await.unwrap_err(), SidecarError::ClockInDoubt);
    world.clock.set(Reading::Sure(latest));
    assert!(world.sidecar.authorize(read).await.unwrap().granted.is_some());
    assert_eq!(world.progress(id).await.unwrap().status, Status::Claimed);
}

#[tokio::test]
async fn keys_that_have_expired_sign_nothing() {
    let world = world();
    world.clock.advance(Duration::from_secs(24 * 3600));
    let read = World::ask("orders.read", "db/staging/orders", "{}");
    assert!(matches!(world.sidecar.authorize(read.clone()).await.unwrap_err(), SidecarError::NoKey(_)));
    let renewed = world.sidecar.issuance.refresh(world.clock.now()).unwrap();
    assert!(renewed.is_some());
    assert!(world.sidecar.authorize(read).await.unwrap().granted.is_some());
}

#[tokio::test]
async fn keys_are_renewed_at_half_life_and_the_old_one_stays_published() {
    let world = world();
    let old = world.sidecar.issuance.current(noon()).unwrap().key_id();
    assert!(world.sidecar.issuance.refresh(noon().plus(Duration::from_secs(11 * 3600))).unwrap().is_none());
    let later = noon().plus(Duration::from_secs(12 * 3600));
    let new = world.sidecar.issuance.refresh(later).unwrap().unwrap().key_id();
    assert_ne!(old, new);
    assert_eq!(world.sidecar.issuance.current(later).unwrap().key_id(), new);
    let published = world.sidecar.issuance.published();
    for id in [old, new] {
        assert!(published.jwks.contains(&id.to_string()));
    }
}
