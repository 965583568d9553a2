//! Keys from names, and an issuing side for tests: what the sidecar, the issuer and the root would sign.

use countersign::condition::{Condition, ConditionKind};
use countersign::digest::{PolicyDigest, VoteDigest, base64url, from_base64url, sha256};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::party::{
    AgentId, ExecutorId, KeyHolder, LogOrigin, PersonId, SeatName, TokenId, TrustDomain, TxnId,
};
use countersign::token::{
    Algorithm, Approval, Assurance, BundleContents, CertifiedKey, Draft, Executor, Grant, KeyCertificate,
    KeyUse, LogLeaf, Pattern, PublicKey, RevocationContents, RiskScore, Scope, SigningInput,
};
use ed25519_dalek::{Signer as _, SigningKey};
use std::collections::BTreeSet;
use std::time::Duration;

/// 2026-11-21T11:02:01Z: when the test tokens are presented. They were issued ten seconds before.
pub const NOW: u64 = 1_795_258_921;
pub const ISSUED: u64 = NOW - 10;
pub const DOMAIN: &str = "https://acme.example";
pub const AGENT: &str = "spiffe://acme.example/agent/billing";
pub const EXECUTOR: &str = "https://exec.acme.example/k8s";
pub const HOUR: u64 = 3600;

/// A key that anybody can make again from its name.
pub struct Key {
    signing: SigningKey,
    pub public: PublicKey,
}

impl Key {
    pub fn named(name: &str) -> Self {
        Self::named_as(name, Algorithm::EdDsa)
    }

    pub fn named_as(name: &str, algorithm: Algorithm) -> Self {
        let seed = sha256(&[b"countersign test key: ", name.as_bytes()]);
        let signing = SigningKey::from_bytes(&seed);
        let public = PublicKey::from_bytes(signing.verifying_key().as_bytes(), algorithm).unwrap();
        Self { signing, public }
    }

    pub fn sign(&self, input: SigningInput) -> String {
        let signature = self.signing.sign(input.bytes()).to_bytes();
        input.assemble(&signature)
    }

    /// The signature of these bytes.
    pub fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.signing.sign(bytes).to_bytes()
    }

    /// A JWS with exactly this header and these claims, whatever they are.
    pub fn jws(&self, header: &str, claims: &[u8]) -> String {
        let input = format!("{}.{}", base64url(header.as_bytes()), base64url(claims));
        let signature = self.signing.sign(input.as_bytes()).to_bytes();
        format!("{input}.{}", base64url(&signature))
    }

    /// The header that this key's signatures have on that kind of object.
    pub fn header(&self, typ: &str) -> String {
        format!(r#"{{"alg":"{}","kid":"{}","typ":"{typ}"}}"#, self.public.algorithm(), self.public.id())
    }

    /// An authority token with these claims, whatever they are.
    pub fn token(&self, claims: &str) -> String {
        self.jws(&self.header("countersign-authority+jwt"), claims.as_bytes())
    }
}

pub fn root() -> Key {
    Key::named("root")
}

pub fn issuer() -> Key {
    Key::named("issuer")
}

pub fn sidecar() -> Key {
    Key::named("sidecar")
}

pub fn holder() -> Key {
    Key::named("holder")
}

pub fn at(second: u64) -> Moment {
    Moment::from_unix_seconds(second)
}

pub fn domain() -> TrustDomain {
    TrustDomain::new(DOMAIN).unwrap()
}

pub fn executor() -> Executor {
    Executor::new(ExecutorId::new(EXECUTOR).unwrap(), ConditionKind::ALL).unwrap()
}

pub fn plain_executor() -> Executor {
    Executor::plain(ExecutorId::new(EXECUTOR).unwrap()).unwrap()
}

pub const ACTION: &str = "k8s.deployment.scale";
pub const RESOURCE: &str = "prod/web";
pub const PARAMETERS: &str = r#"{"namespace":"prod","name":"web","replicas":6}"#;

pub fn operation() -> Operation {
    Operation::from_json(ACTION, RESOURCE, PARAMETERS.as_bytes()).unwrap()
}

pub fn approval(person: &str, assurance: Assurance) -> Approval {
    Approval {
        person: PersonId::new(person).unwrap(),
        seats: vec![SeatName::new("oncall").unwrap()],
        at: at(ISSUED - 60),
        assurance,
        vote: VoteDigest::from_bytes(sha256(&[vote_of(person).as_bytes()])),
    }
}

/// What stands for the statement of a person's vote.
pub fn vote_of(person: &str) -> String {
    format!("the vote of {person}")
}

pub fn condition(short: &str) -> Condition {
    Condition::parse_short(short).unwrap()
}

/// An unconditional token for [`operation`], agreed by two people.
pub fn grant() -> Grant {
    Grant {
        issuer: domain(),
        subject: AgentId::new(AGENT).unwrap(),
        on_behalf_of: Some(PersonId::new("carol").unwrap()),
        issued_at: at(ISSUED),
        life: Duration::from_secs(300),
        jti: TokenId::from_random([7; 16]),
        txn: TxnId::from_random([9; 16]),
        holder: None,
        operation: operation().digest(),
        policy: PolicyDigest::from_bytes(sha256(&[b"policy"])),
        risk: RiskScore::from_thousandths(455).unwrap(),
        conditions: Vec::new(),
        approvals: vec![approval("alice", Assurance::Signed), approval("bob", Assurance::Session)],
    }
}

pub fn leaf() -> LogLeaf {
    LogLeaf { origin: LogOrigin::new("acme.example/sidecar/7").unwrap(), index: 41 }
}

/// The token of a grant, minted by [`sidecar`].
pub fn mint(grant: &Grant, executor: &Executor) -> String {
    let key = sidecar();
    key.sign(Draft::new(grant, executor).unwrap().with_log(&leaf(), &key.public).unwrap())
}

/// The claims of a token as text.
pub fn claims_of(token: &str) -> String {
    String::from_utf8(from_base64url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

pub fn scope() -> Scope {
    Scope {
        agents: vec![Pattern::parse(AGENT).unwrap()],
        audiences: vec![Pattern::parse("https://exec.acme.example/*").unwrap()],
        max_life: Duration::from_secs(3600),
    }
}

pub fn wide_scope() -> Scope {
    Scope {
        agents: vec![Pattern::parse("spiffe://acme.example/*").unwrap()],
        audiences: vec![Pattern::any()],
        max_life: Duration::from_secs(3600),
    }
}

/// What [`issuer_certificate`] certifies.
pub fn issuer_key() -> CertifiedKey {
    CertifiedKey {
        key: issuer().public,
        usage: KeyUse::Issuer,
        not_before: at(NOW - 100 * 24 * HOUR),
        expires_at: at(NOW + 200 * 24 * HOUR),
        scope: wide_scope(),
    }
}

/// What [`sidecar_certificate`] certifies.
pub fn sidecar_key() -> CertifiedKey {
    CertifiedKey {
        key: sidecar().public,
        usage: KeyUse::Authority,
        not_before: at(NOW - HOUR),
        expires_at: at(NOW + 11 * HOUR),
        scope: scope(),
    }
}

pub fn certify(holder: &str, certified: CertifiedKey, signer: &Key) -> String {
    let certificate = KeyCertificate {
        domain: domain(),
        holder: KeyHolder::new(holder).unwrap(),
        issued_at: certified.not_before,
        certified,
    };
    signer.sign(certificate.signing_input(&signer.public).unwrap())
}

pub fn issuer_certificate() -> String {
    certify("desk", issuer_key(), &root())
}

pub fn sidecar_certificate() -> String {
    certify("sidecar/7", sidecar_key(), &issuer())
}

pub fn bundle_contents(keys: Vec<CertifiedKey>) -> BundleContents {
    BundleContents {
        domain: domain(),
        sequence: 12,
        issued_at: at(NOW - HOUR),
        expires_at: at(NOW + 24 * HOUR),
        keys,
        revoked: Vec::new(),
    }
}

pub fn revocation_contents() -> RevocationContents {
    RevocationContents {
        domain: domain(),
        sequence: 5,
        issued_at: at(NOW - 60),
        expires_at: at(NOW + HOUR),
        tokens: BTreeSet::new(),
        decisions: BTreeSet::new(),
        agents: BTreeSet::new(),
        keys: BTreeSet::new(),
        not_before: None,
    }
}
