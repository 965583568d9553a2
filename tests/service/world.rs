//! A sidecar, its desk and its store with a clock that the test sets, and the people who vote there.

use crate::support::{FLEET, POLICY, audit, key, roster};
use arc_swap::ArcSwap;
use countersign::audit::event::{Changes, Context, Event, Record};
use countersign::clock::{Clock as _, ManualClock};
use countersign::condition::{ConditionKind, ExecutionFacts};
use countersign::desk::sessions::{Reviewer, Sessions};
use countersign::desk::{Desk as _, Docket, LocalDesk, VoteRefused};
use countersign::entropy::SystemEntropy;
use countersign::escalation::evidence::{PinnedKeys, RosterEvidence};
use countersign::escalation::vote::{Choice, Nonce, Reason, SignedVote, Statement};
use countersign::escalation::{Event as Step, Status, VoteRefusal};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::operation::render::render;
use countersign::party::{AgentId, EscalationId, ExecutorId, KeyHolder, LogOrigin, PersonId, TrustDomain};
use countersign::policy::Policy;
use countersign::presence::sign_in::SIGN_IN_NAMESPACE;
use countersign::presence::ssh::VOTE_NAMESPACE;
use countersign::replay::journal::JournalGuard;
use countersign::reviewer::Directory;
use countersign::risk::Claims;
use countersign::sidecar::brake::Brake;
use countersign::sidecar::checkpoints::{Checkpoints, Keeping};
use countersign::sidecar::issuance::Issuance;
use countersign::sidecar::memory::Memories;
use countersign::sidecar::{Ask, Caller, Granted, InForce, Progress, Roles, Sidecar, SidecarError};
use countersign::signer::Authority;
use countersign::signer::directory::KeyDirectory;
use countersign::store::Store as _;
use countersign::store::embedded::{EmbeddedStore, Options};
use countersign::token::{Anchor, Executor, Presented, Refusal, VerifiedOperation, VerifierConfig};
use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The conditions that the executor of this world enforces.
const ENFORCED: [ConditionKind; 4] =
    [ConditionKind::Canary, ConditionKind::TimeWindow, ConditionKind::Mask, ConditionKind::RowLimit];

pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) in_force: Arc<ArcSwap<InForce>>,
    pub(crate) desk: Arc<LocalDesk>,
    pub(crate) sidecar: Arc<Sidecar>,
    pub(crate) store: Arc<EmbeddedStore>,
    anchor: Anchor,
    statements: AtomicU8,
    /// What a service would have recorded before the record of this place.
    beside: Mutex<Vec<(u64, Record)>>,
    /// The test writes events that nothing made happen.
    makes_up: AtomicBool,
}

/// Whatever a test makes of a world, what is on its record can have happened.
impl Drop for World {
    fn drop(&mut self) {
        if self.makes_up.load(Ordering::Relaxed) {
            return;
        }
        let beside = std::mem::take(&mut *self.beside.lock().unwrap());
        let mut records = Vec::new();
        for index in 0..=self.store.len() {
            let here = beside.iter().filter(|(place, _)| *place == index);
            records.extend(here.map(|(_, record)| record.clone()));
            records.extend(self.store.record(index));
        }
        audit(self.anchor.roots().to_vec(), records.into_iter());
    }
}

pub(crate) fn noon() -> Moment {
    Moment::from_rfc3339("2026-11-21T12:00:00Z").unwrap()
}

pub(crate) fn person(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

/// The starter policy and two people.
pub(crate) fn world() -> World {
    World::of(POLICY, &roster(&[("ada", "oncall"), ("grace", "oncall, platform-lead")]))
}

/// A roster of these roles, lowest first, and of these people: each with a key, and with what else is said of them.
pub(crate) fn people(roles: &str, people: &[(&str, &str)]) -> String {
    let mut text = format!("version: 1\nroles: [{roles}]\npeople:\n");
    for (name, more) in people {
        let line = key(name).public_key().to_line();
        text.push_str(&format!("  - {{id: {name}, keys: [\"{line}\"], {more}}}\n"));
    }
    text
}

/// The policy for what hostile people try.
pub(crate) const HOSTILE: &str = include_str!("hostile.yaml");

/// Who is there in that policy. Ada goes by four names, has two roles, and reports to Max.
pub(crate) fn everybody() -> String {
    everybody_but("ada", "")
}

/// … where more is said of this person.
pub(crate) fn everybody_but(changed: &str, more: &str) -> String {
    let staff = [
        (
            "ada",
            "roles: [oncall, lead], teams: [platform], manager: max, \
             accounts: [ada@work.example, 'slack:U1', 'uid:4242']",
        ),
        ("bob", "roles: [oncall], teams: [platform]"),
        ("cyd", "roles: [lead], teams: [data]"),
        ("dan", "roles: [oncall], teams: [data]"),
        ("eve", "roles: [engineer]"),
        ("max", "roles: [oncall, security]"),
        ("sal", "roles: [security]"),
    ];
    let staff = staff.map(|(name, said)| match name == changed && !more.is_empty() {
        true => (name, format!("{said}, {more}")),
        false => (name, said.to_owned()),
    });
    let staff: Vec<(&str, &str)> = staff.iter().map(|(name, said)| (*name, said.as_str())).collect();
    people("engineer, oncall, lead, security", &staff)
}

fn keys_in(folder: &std::path::Path) -> KeyDirectory {
    KeyDirectory::new(
        folder.join("keys"),
        TrustDomain::new("https://acme.example").unwrap(),
        KeyHolder::new("sidecar").unwrap(),
        KeyDirectory::any_scope(),
        Arc::new(SystemEntropy),
    )
}

/// The refusal by its name.
pub(crate) fn refusal(refused: Result<Status, VoteRefused>) -> VoteRefusal {
    match refused {
        Err(VoteRefused::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

impl World {
    pub(crate) fn of(policy: &str, roster: &str) -> Self {
        Self::operated_by(policy, roster, &[])
    }

    /// A world in which these people, by any of their names, run the agent that asks.
    pub(crate) fn operated_by(policy: &str, roster: &str, operators: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(noon()));
        let store =
            Arc::new(EmbeddedStore::open(&folder.path().join("store"), Options::default()).unwrap().0);
        let domain = TrustDomain::new("https://acme.example").unwrap();
        let keys = keys_in(folder.path());
        keys.init(noon()).unwrap();
        let anchor = Anchor::new(domain.clone(), [keys.root().unwrap()]).unwrap();
        let in_force = Arc::new(ArcSwap::from_pointee(InForce::new(
            policy_of(policy),
            directory_of(roster),
            Directory::digest_of(roster),
            noon(),
            Arc::default(),
        )));
        let fleet = ExecutorId::new(FLEET).unwrap();
        let enforced = HashMap::from([(fleet.clone(), BTreeSet::from(ENFORCED))]);
        let executor = Executor::new(fleet.clone(), ENFORCED).unwrap();
        let desk =
            Arc::new(LocalDesk::new(store.clone(), in_force.clone(), enforced, clock.clone()).unwrap());
        let issuance = Arc::new(Issuance::start(Box::new(keys), noon()).unwrap());
        let signing = issuance.current(noon()).unwrap();
        let beside = [
            Event::Started {
                version: "of a test".to_owned(),
                domain: Some(domain.clone()),
                origin: None,
                changes: Changes::Free,
            },
            Event::PolicyLoaded {
                digest: Policy::digest_of(policy),
                text: policy.to_owned(),
                approved: None,
            },
            Event::RosterLoaded { text: roster.to_owned(), approved: None },
            Event::KeyCertified { kid: signing.key_id(), certificate: signing.chain().join("\n") },
        ];
        let beside = beside.into_iter().map(|event| (0, Record::new(noon(), event))).collect();
        let entropy = Arc::new(SystemEntropy);
        let brake = Brake::start(store.clone(), issuance.clone(), clock.clone(), entropy.clone()).unwrap();
        let operators = operators.iter().map(|name| person(name)).collect();
        let origin = LogOrigin::new("https://acme.example/sidecar").unwrap();
        let keeping = Keeping {
            origin: origin.clone(),
            store: store.clone(),
            issuance: issuance.clone(),
            log_keys: Vec::new(),
            folder: folder.path().join("log"),
            witnesses: Vec::new(),
        };
        let sidecar = Arc::new(Sidecar {
            roles: Arc::new(ArcSwap::from_pointee(Roles {
                operators: HashMap::from([(Self::caller().agent, operators)]),
                executors: HashMap::from([(fleet, executor)]),
            })),
            tether: None,
            domain,
            origin,
            in_force: in_force.clone(),
            store: store.clone(),
            desk: desk.clone(),
            memories: Memories::default(),
            brake: Arc::new(brake),
            checkpoints: Arc::new(Checkpoints::open(keeping).unwrap()),
            issuance,
            clock: clock.clone(),
            entropy,
            metrics: Arc::default(),
        });
        Self {
            folder,
            clock,
            in_force,
            desk,
            sidecar,
            store,
            anchor,
            statements: AtomicU8::new(0),
            beside: Mutex::new(beside),
            makes_up: AtomicBool::new(false),
        }
    }

    /// Where everything of it is.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The folder of its keys, as the command line opens it.
    pub(crate) fn keys(&self) -> KeyDirectory {
        keys_in(self.folder.path())
    }

    pub(crate) fn decide_under(&self, text: &str) {
        let policy = policy_of(text);
        let loaded = Event::PolicyLoaded { digest: policy.digest(), text: text.to_owned(), approved: None };
        self.beside.lock().unwrap().push((self.store.len(), Record::new(self.now(), loaded)));
        self.in_force.rcu(|before| InForce { policy: policy.clone(), ..InForce::clone(before) });
    }

    pub(crate) fn people_are(&self, roster: &str) {
        let directory = directory_of(roster);
        let loaded = Event::RosterLoaded { text: roster.to_owned(), approved: None };
        self.beside.lock().unwrap().push((self.store.len(), Record::new(self.now(), loaded)));
        self.in_force.rcu(|before| {
            let (policy, profiles) = (before.policy.clone(), before.profiles.clone());
            InForce::new(policy, directory.clone(), before.roster, before.since, profiles)
        });
    }

    /// From here on its record holds what nothing made happen, so that no auditor is asked about it.
    pub(crate) fn make_up_events(&self) {
        self.makes_up.store(true, Ordering::Relaxed);
    }

    /// A key that was renewed may sign from here on.
    pub(crate) fn certified(&self, key: &Authority) {
        let event = Event::KeyCertified { kid: key.key_id(), certificate: key.chain().join("\n") };
        self.beside.lock().unwrap().push((self.store.len(), Record::new(self.now(), event)));
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn pass(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    pub(crate) fn caller() -> Caller {
        Caller { agent: AgentId::new("agent:tester").unwrap(), on_behalf_of: None }
    }

    pub(crate) fn ask(action: &str, resource: &str, parameters: &str) -> Ask {
        Ask {
            caller: Self::caller(),
            request_id: None,
            operation: Operation::from_json(action, resource, parameters.as_bytes()).unwrap(),
            payload: None,
            executor: ExecutorId::new(FLEET).unwrap(),
            context: Context::default(),
            claims: Claims::default(),
            holder: None,
            trace: None,
        }
    }

    pub(crate) async fn escalate(&self, ask: Ask) -> EscalationId {
        let answer = self.sidecar.authorize(ask).await.unwrap();
        answer.opened.unwrap_or_else(|| panic!("not escalated: {:?}", answer.decision.reasons)).id
    }

    pub(crate) async fn docket(&self, id: EscalationId) -> Docket {
        self.desk.docket(id).await.unwrap()
    }

    pub(crate) async fn status(&self, id: EscalationId) -> Status {
        self.docket(id).await.escalation.status(self.clock.now())
    }

    /// What this person would sign of the escalation as it is shown to them now.
    pub(crate) async fn statement(&self, id: EscalationId, who: &str, choice: Choice) -> Statement {
        let docket = self.docket(id).await;
        let operation = Operation::from_op_bytes(docket.decided.op.as_bytes()).unwrap();
        let nonce = self.statements.fetch_add(1, Ordering::Relaxed);
        Statement {
            escalation: id,
            operation: operation.digest(),
            shown: render(&operation, None).unwrap().digest,
            policy: docket.decided.decision.policy,
            choice,
            reason: Reason::new("looked at").unwrap(),
            reviewer: person(who),
            time: self.clock.now(),
            nonce: Nonce::from_random([nonce; 16]),
        }
    }

    /// Brings a statement, signed by the key of whom it names.
    pub(crate) async fn cast(&self, id: EscalationId, statement: &Statement) -> Result<Status, VoteRefused> {
        let docket = self.desk.vote(id, signed(statement)).await?;
        Ok(docket.escalation.status(self.clock.now()))
    }

    pub(crate) async fn vote(
        &self,
        id: EscalationId,
        who: &str,
        choice: Choice,
    ) -> Result<Status, VoteRefused> {
        self.cast(id, &self.statement(id, who, choice).await).await
    }

    pub(crate) async fn progress(&self, id: EscalationId) -> Result<Progress, SidecarError> {
        let mut told = self.sidecar.clone().follow(Self::caller(), id, std::future::pending()).await?;
        told.recv().await.unwrap()
    }

    /// The token of what was approved.
    pub(crate) async fn granted(&self, id: EscalationId) -> Granted {
        let progress = self.progress(id).await.unwrap();
        progress.granted.unwrap_or_else(|| panic!("{}: {:?}", progress.status, progress.reasons))
    }

    /// What happened to it, in order.
    pub(crate) fn course(&self, id: EscalationId) -> Vec<Step> {
        let records = self.store.course(id).unwrap().records.into_iter();
        let step = |event| if let Event::Escalation { step, .. } = event { Some(step) } else { None };
        records.filter_map(|(_, record)| step(record.event)).collect()
    }

    /// What happened to it, by the minutes since noon.
    pub(crate) fn timeline(&self, id: EscalationId) -> Vec<(u64, String)> {
        let said = |step: &Step| {
            let names = |people: &[PersonId]| people.iter().map(|one| format!(" {one}")).collect::<String>();
            let more = if let Step::Asked { people, .. } = step { names(people) } else { String::new() };
            let more = if let Step::Reminded { tenths, .. } = step { format!(" {tenths}") } else { more };
            format!("{}{more}", step.name())
        };
        let records = self.store.course(id).unwrap().records;
        let step = |record: &Record| {
            let Event::Escalation { step, .. } = &record.event else { return None };
            Some((record.at.since(noon()).as_secs() / 60, said(step)))
        };
        records.iter().filter_map(|(_, record)| step(record)).collect()
    }

    /// How many times this happened to it.
    pub(crate) fn count(&self, id: EscalationId, name: &str) -> usize {
        self.course(id).iter().filter(|step| step.name() == name).count()
    }

    /// What the log has as not done with.
    pub(crate) fn open(&self) -> Vec<EscalationId> {
        self.store.open().unwrap()
    }

    /// Whether a token was ever recorded as minted for it.
    pub(crate) fn minted(&self, id: EscalationId) -> bool {
        let records = self.store.course(id).unwrap().records;
        records.iter().any(|(_, record)| matches!(record.event, Event::Minted(_)))
    }

    /// Somebody who is signed in with their key.
    pub(crate) fn signed_in(&self, who: &str) -> Reviewer {
        let domain = self.sidecar.domain.clone();
        let (clock, entropy) = (self.clock.clone(), Arc::new(SystemEntropy));
        let sessions = Sessions::new(domain, self.in_force.clone(), None, clock, entropy).unwrap();
        let challenge = sessions.challenge(person(who)).unwrap().to_text();
        let signature = key(who).sign(SIGN_IN_NAMESPACE, challenge.as_bytes()).to_armored();
        sessions.reviewer(&sessions.sign_in(&challenge, &signature).unwrap().token).unwrap()
    }

    /// Checks a token as an executor does, offline, that trusts nobody but these people and asks for all of them.
    pub(crate) fn verify(
        &self,
        granted: &Granted,
        facts: &ExecutionFacts,
        signers: &[&str],
    ) -> Result<VerifiedOperation, Refusal> {
        let executor = Executor::new(ExecutorId::new(FLEET).unwrap(), ENFORCED).unwrap();
        let pinned = Arc::new(pinned(signers));
        let config = VerifierConfig::new(self.anchor.clone(), executor).demands_evidence(pinned);
        let certificates: Vec<&str> = granted.certificates.iter().map(String::as_str).collect();
        let evidence: Vec<&[u8]> = granted.evidence.iter().map(Vec::as_slice).collect();
        let presented = Presented {
            token: &granted.token,
            certificates: &certificates,
            operation: Operation::from_op_bytes(&granted.op_bytes).unwrap(),
            facts,
            proof: None,
            evidence: &evidence,
            log_proof: granted.log_proof.as_deref(),
        };
        let guard = JournalGuard::open(&self.folder.path().join("used")).unwrap();
        config.build().unwrap().verify(presented, self.clock.now(), &guard)
    }
}

pub(crate) fn signed(statement: &Statement) -> SignedVote {
    let text = statement.to_text();
    let signature = key(statement.reviewer.as_str()).sign(VOTE_NAMESPACE, text.as_bytes()).to_armored();
    SignedVote { statement: text, signature }
}

/// An executor's own judgement of who agreed: all of these people.
pub(crate) fn pinned(signers: &[&str]) -> RosterEvidence {
    let pins = signers.iter().map(|name| (person(name), key(name).public_key().clone()));
    let least = NonZeroUsize::new(signers.len()).unwrap();
    RosterEvidence::new(PinnedKeys::new(pins).unwrap(), least).unwrap()
}

fn policy_of(text: &str) -> Arc<Policy> {
    Arc::new(Policy::parse(text, "policy.yaml").unwrap_or_else(|error| panic!("{error}")))
}

fn directory_of(text: &str) -> Arc<Directory> {
    Arc::new(Directory::parse(text, "roster.yaml").unwrap_or_else(|error| panic!("{error}")))
}
