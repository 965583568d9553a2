//! `audit verify` on a log of a million: how long it takes, and how much memory.
//!
//! `cargo bench --bench audit [-- DIRECTORY [RECORDS]]`: decisions that a policy made, each with its token, and after
//! each hundred of them an escalation that one person approved by their signature.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark stops at what it did not expect"
)]

use countersign::audit::event::{Changes, Context, Decided, Event, Minted, Record};
use countersign::decision::{Outcome, Request, decide};
use countersign::entropy::SystemEntropy;
use countersign::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement, verify};
use countersign::escalation::{Ballot, Escalation, Event as Step, Opening};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::operation::render::render;
use countersign::party::{
    AgentId, EscalationId, ExecutorId, KeyHolder, LogOrigin, PersonId, TokenId, TrustDomain, TxnId,
};
use countersign::policy::Policy;
use countersign::presence::ssh::{PrivateKey, VOTE_NAMESPACE};
use countersign::reviewer::{Absences, Attendance, Directory};
use countersign::risk::{Claims, History};
use countersign::signer::directory::KeyDirectory;
use countersign::signer::{Authority, Keyring as _};
use countersign::tlog::{
    Checkpoint, Frontier, KeyName, NoteSignature, SignatureKind, SignedCheckpoint, Tile, TileKind,
    VerifierKey, leaf_hash, write_bundle, write_tile,
};
use countersign::token::{Draft, Executor, Grant, RiskScore};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const POLICY: &str = include_str!("../examples/policies/starter.yaml");
const DOMAIN: &str = "https://acme.example";

fn main() {
    // What cargo adds begins with a dash.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let parent = given.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let records: u64 = given.get(1).map_or(1_000_000, |text| text.parse().unwrap());
    let parent = tempfile::tempdir_in(parent).unwrap();
    let log = parent.path().join("log");
    let (size, votes) = World::new(&parent.path().join("keys")).write(&log, records);
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["audit", "verify"])
        .arg(&log)
        .arg("--trust")
        .arg(parent.path().join("keys/root.public.jwk"))
        .spawn()
        .unwrap();
    let mut most = 0;
    let status = loop {
        most = most.max(resident(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = begun.elapsed().as_secs_f64();
    assert!(status.success(), "{status}");
    println!("{size} records, {votes} signed votes: {took:.1} s, {most} MiB at most");
}

/// The most memory that a process had, in MiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap_or_default();
    kib / 1024
}

/// Who asks, who decides and who signs.
struct World {
    policy: Policy,
    directory: Directory,
    roster: String,
    ada: PrivateKey,
    minting: Authority,
    log: Authority,
    at: Moment,
    number: u64,
}

impl World {
    fn new(folder: &Path) -> Self {
        let at = Moment::from_unix_seconds(1_795_521_600);
        let keys = KeyDirectory::new(
            folder.to_owned(),
            TrustDomain::new(DOMAIN).unwrap(),
            KeyHolder::new("sidecar").unwrap(),
            KeyDirectory::any_scope(),
            Arc::new(SystemEntropy),
        );
        keys.init(at).unwrap();
        let ada = PrivateKey::from_seed(&[7; 32], "ada");
        let roster = format!(
            "version: 1\nroles: [engineer, oncall, platform-lead, security-lead]\npeople:\n  - id: ada\n    roles: [oncall]\n    keys: [\"{}\"]\n",
            ada.public_key().to_line()
        );
        Self {
            policy: Policy::parse(POLICY, "starter.yaml").unwrap(),
            directory: Directory::parse(&roster, "roster.yaml").unwrap(),
            roster,
            ada,
            minting: keys.renew(at).unwrap(),
            log: keys.log_authority(at).unwrap(),
            at,
            number: 0,
        }
    }

    fn bits(&mut self) -> [u8; 16] {
        self.number += 1;
        let mut bits = [0; 16];
        for (place, byte) in bits.iter_mut().zip(self.number.to_be_bytes()) {
            *place = byte;
        }
        bits
    }

    fn certified(key: &Authority) -> Event {
        Event::KeyCertified { kid: key.key_id(), certificate: key.chain().join("\n") }
    }

    fn opening(&self) -> Vec<Event> {
        let started = Event::Started {
            version: "of a benchmark".to_owned(),
            domain: Some(TrustDomain::new(DOMAIN).unwrap()),
            origin: Some(LogOrigin::new(&format!("{DOMAIN}/sidecar")).unwrap()),
            changes: Changes::Free,
        };
        let (digest, text) = (self.policy.digest(), POLICY.to_owned());
        let loaded = Event::PolicyLoaded { digest, text, approved: None };
        let roster = Event::RosterLoaded { text: self.roster.clone(), approved: None };
        vec![started, loaded, roster, Self::certified(&self.minting), Self::certified(&self.log)]
    }

    fn decided(&mut self, action: &str, resource: &str) -> Decided {
        let parameters = format!(r#"{{"limit":10,"page":{}}}"#, self.number);
        let operation = Operation::from_json(action, resource, parameters.as_bytes()).unwrap();
        let (agent, executor) =
            (AgentId::new("agent:builder").unwrap(), ExecutorId::new("exec:fleet").unwrap());
        let request = Request {
            operation: &operation,
            claims: &Claims::default(),
            agent: &agent,
            on_behalf_of: None,
            context: &Context::default(),
            executor: Some(&executor),
        };
        let decision = decide(&request, &self.policy, &History::default(), self.at);
        let asks = matches!(decision.outcome, Outcome::Escalate(_));
        Decided {
            txn: TxnId::from_random(self.bits()),
            agent: agent.clone(),
            on_behalf_of: None,
            request_id: Some(format!("request {}", self.number)),
            executor: executor.clone(),
            digest: operation.digest(),
            op: String::from_utf8(operation.op_bytes().to_vec()).unwrap(),
            payload: None,
            context: Context { reason: "somebody wants to know".to_owned(), ..Context::default() },
            claims: Claims::default(),
            holder_key: None,
            decision,
            escalation: asks.then(|| EscalationId::from_random(self.bits())),
            suspension: None,
            trace: None,
            shown: None,
        }
    }

    fn minted(&mut self, decided: &Decided, escalation: Option<&Escalation>) -> Event {
        let jti = TokenId::from_random(self.bits());
        let life = escalation.map_or(Duration::from_secs(300), Escalation::execute_within);
        let score = u64::from(decided.decision.assessment.score.thousandths());
        let grant = Grant {
            issuer: TrustDomain::new(DOMAIN).unwrap(),
            subject: decided.agent.clone(),
            on_behalf_of: None,
            issued_at: self.at,
            life,
            jti,
            txn: decided.txn,
            holder: None,
            operation: decided.digest,
            policy: decided.decision.policy,
            risk: RiskScore::from_thousandths(score).unwrap(),
            conditions: decided.decision.outcome.conditions().to_vec(),
            approvals: escalation.map(Escalation::approvals).unwrap_or_default(),
        };
        let draft = Draft::new(&grant, &Executor::new(decided.executor.clone(), []).unwrap()).unwrap();
        let claims = String::from_utf8(draft.claims_without_log()).unwrap();
        let kid = self.minting.key_id();
        Event::Minted(Box::new(Minted { txn: decided.txn, jti, kid, escalation: decided.escalation, claims }))
    }

    /// A decision that the policy allows, and its token.
    fn allowed(&mut self) -> Vec<Event> {
        let decided = self.decided("orders.read", "db/staging/orders");
        assert!(decided.decision.allows());
        let minted = self.minted(&decided, None);
        vec![Event::Decided(Box::new(decided)), minted]
    }

    /// One that somebody approves.
    fn approved(&mut self) -> Vec<Event> {
        let decided = self.decided("deploy.release", "shop/production");
        let Outcome::Escalate(terms) = &decided.decision.outcome else { panic!("it asks nobody") };
        let id = decided.escalation.unwrap();
        let shown = render(&Operation::from_op_bytes(decided.op.as_bytes()).unwrap(), None).unwrap().digest;
        let opening = Opening {
            id,
            txn: decided.txn,
            agent: decided.agent.clone(),
            on_behalf_of: None,
            operators: BTreeSet::new(),
            operation: decided.digest,
            shown,
            policy: decided.decision.policy,
            terms: terms.clone(),
            enforceable: BTreeSet::new(),
            opened_at: self.at,
            amends: None,
            drill: false,
        };
        let statement = Statement {
            escalation: id,
            operation: decided.digest,
            shown,
            policy: decided.decision.policy,
            choice: Choice::Approve(Conditions::default()),
            reason: Reason::new("it was looked at").unwrap(),
            reviewer: PersonId::new("ada").unwrap(),
            time: self.at,
            nonce: Nonce::from_random(self.bits()),
        };
        let signature = self.ada.sign(VOTE_NAMESPACE, &statement.to_bytes()).to_armored();
        let signed = countersign::escalation::vote::SignedVote { statement: statement.to_text(), signature };
        let ballot = Ballot::Signed(Box::new(verify(&signed, &self.directory).unwrap()));
        let absences = Absences::default();
        let people = Attendance::new(&self.directory, &absences, self.at);
        let mut steps = Escalation::open(opening, &people);
        let mut state = Escalation::replay(&steps).unwrap();
        for step in [
            state.ask(&[PersonId::new("ada").unwrap()], self.at).into_iter().collect(),
            state.vote(&ballot, &[], &people, self.at).events,
        ] {
            let step: Vec<Step> = step;
            state = state.after(&step).unwrap();
            steps.extend(step);
        }
        let claimed = state.claim(self.at).events;
        state = state.after(&claimed).unwrap();
        steps.extend(claimed);
        let minted = self.minted(&decided, Some(&state));
        let steps = steps.into_iter().map(|step| Event::Escalation { id, step });
        core::iter::once(Event::Decided(Box::new(decided))).chain(steps).chain([minted]).collect()
    }

    /// Writes a log of so many records; gives how many there are, and how many votes.
    fn write(mut self, folder: &Path, records: u64) -> (u64, u64) {
        let (mut leaves, mut hashes, mut votes) = (Vec::new(), Vec::new(), 0);
        let mut events = self.opening();
        while hashes.len() < usize::try_from(records).unwrap() {
            if self.number.is_multiple_of(200) {
                events.extend(self.approved());
                votes += 1;
            } else {
                events.extend(self.allowed());
            }
            self.at = self.at.plus(Duration::from_millis(30));
            for event in events.drain(..) {
                let leaf = Record::new(self.at, event).to_canonical().unwrap();
                hashes.push(leaf_hash(&leaf));
                leaves.push(leaf);
                if leaves.len() == 256 {
                    let tile = Tile::new(TileKind::Entries, hashes.len() as u64 / 256 - 1, 256).unwrap();
                    put(folder, &tile.to_string(), &write_bundle(&leaves).unwrap());
                    leaves.clear();
                }
            }
        }
        let size = hashes.len() as u64;
        for tile in Tile::all(size) {
            let bytes = match tile.kind() {
                TileKind::Entries if tile.is_partial() => write_bundle(&leaves).unwrap(),
                TileKind::Entries => continue,
                TileKind::Hashes(level) => {
                    let hashes = countersign::tlog::Hashes::hashes(&hashes[..], level, tile.places());
                    write_tile(&hashes.unwrap())
                }
            };
            put(folder, &tile.to_string(), &bytes);
        }
        let name = KeyName::new(&format!("{DOMAIN}/sidecar")).unwrap();
        let key =
            VerifierKey::new(name.clone(), SignatureKind::Ed25519, self.log.signer().public_key().clone());
        let checkpoint = Checkpoint { origin: name, size, root: Frontier::of(&hashes).root() };
        let signature = self.log.signer().sign(checkpoint.to_string().as_bytes()).unwrap();
        let signed = SignedCheckpoint::new(checkpoint, NoteSignature::new(&key, &signature)).unwrap();
        put(folder, "checkpoint", signed.to_string().as_bytes());
        (size, votes)
    }
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
