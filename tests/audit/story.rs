//! One real service and what happened to it, recorded; and its log as files, signed by its own key.

use crate::support::{FLEET, POLICY, Service, approve, ask, delete, deploy, read, roster};
use countersign::audit::event::{Event, Minted, Outcome, Receipted, Record};
use countersign::client::{Outcome as Told, ReloadOutcome, Scope, Status};
use countersign::clock::{Clock as _, SystemClock};
use countersign::digest::base64url;
use countersign::escalation::vote::Choice;
use countersign::party::{ExecutorId, TokenId};
use countersign::serve::key_directory;
use countersign::signer::Authority;
use countersign::store::embedded::Look;
use countersign::tlog::{
    Checkpoint, Frontier, KeyName, NoteSignature, SignatureKind, SignedCheckpoint, Tile, TileKind,
    VerifierKey, leaf_hash, write_bundle, write_tile,
};
use countersign::token::{Algorithm, PublicKey};
use ed25519_dalek::{Signer as _, SigningKey};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const PEOPLE: [(&str, &str); 3] =
    [("ada", "oncall, platform-lead"), ("grace", "oncall, platform-lead"), ("linus", "engineer")];

/// What happened, once for all tests.
pub(crate) struct Story {
    service: Service,
    /// The record, leaf by leaf.
    pub(crate) leaves: Vec<Vec<u8>>,
    log: Authority,
    executor: Executor,
}

/// An executor that signs receipts.
struct Executor {
    key: SigningKey,
    public: PublicKey,
    chain: Vec<String>,
}

impl Executor {
    fn certified(service: &Service) -> Self {
        let key = SigningKey::from_bytes(&[5; 32]);
        let public = PublicKey::from_bytes(key.verifying_key().as_bytes(), Algorithm::EdDsa).unwrap();
        let (keys, now) = (key_directory(&service.config()).unwrap(), SystemClock::start().now());
        let chain = keys.certify_executor(&ExecutorId::new(FLEET).unwrap(), &public, now).unwrap();
        Self { key, public, chain }
    }

    /// A receipt of these claims, signed.
    fn sign(&self, claims: &serde_json::Value) -> String {
        let header = serde_json::json!({"alg": "EdDSA", "kid": self.public.id().to_string(), "typ": "countersign-receipt+jwt"});
        let part = |value: &serde_json::Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", base64url(&signature))
    }
}

/// The story, told once.
pub(crate) fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(tell())
    })
}

async fn tell() -> Story {
    let mut service = Service::prepare(POLICY, "", "policy_changes: approved\n");
    std::fs::write(service.path("roster.yaml"), roster(&PEOPLE)).unwrap();
    let executor = Executor::certified(&service);
    service.run().await;
    let agent = service.agent().await;
    // Allowed, carried out, told of; and denied.
    let allowed = agent.authorize(read()).await.unwrap();
    agent.report(&allowed.decision, Told::Succeeded, "", "ten rows").await.unwrap();
    let everything = ask("orders.delete", "db/production/orders", r#"{"where":"1=1"}"#);
    assert!(agent.authorize(everything).await.unwrap().grant.is_none());
    // One person, with a condition; then two people.
    let id = service.escalate(deploy("1")).await;
    service.vote(&id, "ada", approve(&["canary:max_percent=10"])).await.unwrap();
    assert!(service.end_of(&id).await.grant.is_some());
    let id = service.escalate(delete(1)).await;
    for who in ["ada", "grace"] {
        service.vote(&id, who, approve(&[])).await.unwrap();
    }
    assert!(service.end_of(&id).await.grant.is_some());
    // One agrees and one does not; somebody who may not votes all the same; one is withdrawn by its agent.
    let id = service.escalate(delete(2)).await;
    service.vote(&id, "ada", approve(&[])).await.unwrap();
    service.vote(&id, "linus", approve(&[])).await.unwrap_err();
    service.vote(&id, "grace", Choice::Deny).await.unwrap();
    let id = service.escalate(deploy("2")).await;
    service.agent().await.cancel(&id, "not needed any more").await.unwrap();
    // A suspension, under which nothing runs.
    let scope = Scope { agent: "agent:tester".to_owned(), action: String::new() };
    service.operator().await.suspend(scope, "it runs wild", None).await.unwrap();
    assert!(service.agent().await.authorize(read()).await.unwrap().grant.is_none());
    service.operator().await.resume_all().await.unwrap();
    // The policy is changed once two people have agreed.
    let rule = "rules:\n  - {name: never, match: {action: never.ever}, decision: deny, reason: no}\n";
    std::fs::write(service.path("policy.yaml"), POLICY.replacen("rules:\n", rule, 1)).unwrap();
    assert_eq!(service.operator().await.reload_policy().await.unwrap().0, ReloadOutcome::Waiting);
    let waiting = service.operator().await.policy_status().await.unwrap().waiting.remove(0);
    for who in ["ada", "grace"] {
        service.vote(&waiting, who, approve(&[])).await.unwrap();
    }
    let taken = service.operator().await.reload_policy().await.unwrap().0;
    assert!(matches!(taken, ReloadOutcome::Taken | ReloadOutcome::Unchanged));
    // A drill, caught; a restart; and one that waits.
    let drill = service.operator().await.start_drill("agent:tester", "", deploy("9")).await.unwrap();
    service.vote(&drill.escalation, "ada", Choice::Deny).await.unwrap();
    service.stop().await;
    service.run().await;
    let id = service.escalate(deploy("3")).await;
    assert_eq!(service.vote(&id, "ada", approve(&[])).await.unwrap(), Status::Approved);
    assert!(service.end_of(&id).await.grant.is_some());
    service.escalate(deploy("4")).await;
    // Enough for more than one tile.
    for _ in 0..110 {
        service.agent().await.authorize(read()).await.unwrap();
    }
    service.stop().await;
    let look = Look::into_store(&service.config().data).unwrap();
    let leaves = look.leaves(0).map(|leaf| leaf.unwrap().1).collect();
    let log = key_directory(&service.config()).unwrap().log_authority(SystemClock::start().now()).unwrap();
    Story { service, leaves, log, executor }
}

impl Story {
    /// The file in which the root's public key is.
    pub(crate) fn root(&self) -> PathBuf {
        self.service.path("data/keys/root.public.jwk")
    }

    /// The folder of the service's record.
    pub(crate) fn data(&self) -> PathBuf {
        self.service.config().data
    }

    /// The key under which the log signs.
    pub(crate) fn verifier_key(&self) -> VerifierKey {
        let name = KeyName::new("https://acme.example/sidecar").unwrap();
        VerifierKey::new(name, SignatureKind::Ed25519, self.log.signer().public_key().clone())
    }

    /// The certificates of that key.
    pub(crate) fn certificate(&self) -> String {
        self.log.chain().join("\n")
    }

    /// The record, event by event.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.leaves.iter().map(|leaf| Record::from_bytes(leaf).unwrap()).collect()
    }

    /// The checkpoint that the log signs of these leaves.
    pub(crate) fn checkpoint(&self, leaves: &[Vec<u8>]) -> SignedCheckpoint {
        let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let key = self.verifier_key();
        let checkpoint = Checkpoint {
            origin: key.name().clone(),
            size: leaves.len() as u64,
            root: Frontier::of(&hashes).root(),
        };
        let signature = self.log.signer().sign(checkpoint.to_string().as_bytes()).unwrap();
        SignedCheckpoint::new(checkpoint, NoteSignature::new(&key, &signature)).unwrap()
    }

    /// Writes a log of these leaves, with valid hashes and valid signatures of its own key.
    pub(crate) fn write(&self, folder: &Path, leaves: &[Vec<u8>]) {
        let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        for tile in Tile::all(leaves.len() as u64) {
            let places = tile.places();
            let bytes = match tile.kind() {
                TileKind::Entries => {
                    write_bundle(&leaves[places.start as usize..places.end as usize]).unwrap()
                }
                TileKind::Hashes(level) => {
                    let hashes = countersign::tlog::Hashes::hashes(&hashes[..], level, places).unwrap();
                    write_tile(&hashes)
                }
            };
            put(folder, &tile.to_string(), &bytes);
        }
        for size in [leaves.len() / 3, leaves.len() / 2] {
            let earlier = self.checkpoint(&leaves[..size]).to_string();
            put(folder, &format!("checkpoints/{size}"), earlier.as_bytes());
        }
        let latest = self.checkpoint(leaves).to_string();
        put(folder, &format!("checkpoints/{}", leaves.len()), latest.as_bytes());
        put(folder, "checkpoint", latest.as_bytes());
        put(folder, "keys/log.cert", self.certificate().as_bytes());
    }

    /// What the executor of this token signs when it has used it so long after it was issued, in seconds.
    pub(crate) fn receipt(
        &self,
        minted: &Minted,
        after: u64,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> Receipted {
        let token: serde_json::Value = serde_json::from_str(&minted.claims).unwrap();
        let began = token["iat"].as_u64().unwrap() + after;
        let mut claims = serde_json::json!({
            "cs_began": began, "cs_ended": began + 1, "cs_op": token["cs_op"], "cs_outcome": "succeeded", "cs_v": 1,
            "iat": began + 1, "iss": token["iss"], "jti": token["jti"], "sub": FLEET, "txn": token["txn"],
        });
        change(&mut claims);
        Receipted {
            txn: minted.txn,
            jti: TokenId::parse(claims["jti"].as_str().unwrap()).unwrap(),
            executor: ExecutorId::new(FLEET).unwrap(),
            outcome: Outcome::Succeeded,
            receipt: self.executor.sign(&claims),
            certificates: self.executor.chain.clone(),
        }
    }

    /// The place of the first event of which this holds.
    pub(crate) fn find(&self, holds: impl Fn(&Event) -> bool) -> usize {
        self.records().iter().position(|record| holds(&record.event)).expect("it happened")
    }
}

/// Writes a file below a folder.
pub(crate) fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
