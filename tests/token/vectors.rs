//! The form of our own vectors: written from a case, read back into one, and run. `README.md` beside them says what
//! each member means to a verifier in any language.

use crate::kit;
use countersign::condition::{Amount, ConditionKind, Currency, ExecutionFacts, Limit, Rate};
use countersign::digest::{base64url, from_base64url, sha256};
use countersign::operation::Operation;
use countersign::operation::json::{Limits, Object, Value, read};
use countersign::party::{ExecutorId, TrustDomain};
use countersign::replay::memory::MemoryGuard;
use countersign::tlog::LogPolicy;
use countersign::token::{
    Anchor, ApprovalFloor, Assurance, BundleError, Claims, ClockReading, EvidenceCheck, EvidenceError,
    Executor, Presented, PublicKey, Ratchet, Refusal, ReplayError, ReplayGuard, Revocations, StatementError,
    TokenUse, TrustBundle, VerifierConfig,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One vector: a file.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub why: String,
    /// `accept`, or the code of the refusal.
    pub expect: String,
    /// Absent where the clock is in doubt.
    pub now: Option<u64>,
    pub executor: ExecutorSpec,
    pub token: String,
    pub certificates: Vec<String>,
    /// `action`, `resource`, and `parameters` (text) or `payload_b64`.
    pub operation: Object,
    pub facts: Object,
    pub proof: Option<String>,
    pub evidence: Vec<String>,
    pub log_proof: Option<String>,
    pub consumed_before: bool,
    /// What is wrong with the record of used tokens: `unavailable` or `younger_than_token`.
    pub store: Option<String>,
}

/// What the executor is configured with.
#[derive(Clone)]
pub struct ExecutorSpec {
    pub id: String,
    pub plain: bool,
    pub conditions: Vec<String>,
    pub trust_domain: String,
    pub roots: Vec<Value>,
    pub bundle: Option<Statement>,
    pub bundle_required: bool,
    pub revocations: Option<Statement>,
    pub revocations_max_age: Option<u64>,
    pub min_approvals: u64,
    pub min_assurance: String,
    pub max_life: u64,
    pub evidence_required: bool,
    pub log_policy: Option<String>,
}

/// A signed statement with the certificates of its signer, and the highest number seen before under its root.
#[derive(Clone)]
pub struct Statement {
    pub token: String,
    pub certificates: Vec<String>,
    pub last_seq: Option<u64>,
}

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/token")
}

fn texts(items: &[String]) -> Vec<Value> {
    items.iter().map(|item| Value::from(item.as_str())).collect()
}

impl Statement {
    fn to_value(&self) -> Value {
        let object = Object::new()
            .with("token", self.token.as_str())
            .with("certificates", texts(&self.certificates))
            .with("last_seq", self.last_seq.map_or(Value::Null, Value::from));
        Value::from(object)
    }

    fn certificates(&self) -> Vec<&str> {
        self.certificates.iter().map(String::as_str).collect()
    }

    /// `last_seq` was seen under every root.
    fn ratchet(&self, anchor: &Anchor) -> Ratchet {
        anchor.roots().iter().filter_map(|root| Some((root.id(), self.last_seq?))).collect()
    }

    fn from_value(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        Some(Self {
            token: text(object, "token"),
            certificates: list(object, "certificates"),
            last_seq: object.get("last_seq").and_then(Value::as_u64),
        })
    }
}

fn text(object: &Object, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no text `{name}`")).to_owned()
}

fn list(object: &Object, name: &str) -> Vec<String> {
    let items = object.get(name).and_then(Value::as_array).unwrap_or_else(|| panic!("no list `{name}`"));
    items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn flag(object: &Object, name: &str) -> bool {
    object.get(name).and_then(Value::as_bool).unwrap_or_else(|| panic!("no flag `{name}`"))
}

fn number(object: &Object, name: &str) -> u64 {
    object.get(name).and_then(Value::as_u64).unwrap_or_else(|| panic!("no number `{name}`"))
}

fn inner<'a>(object: &'a Object, name: &str) -> &'a Object {
    object.get(name).and_then(Value::as_object).unwrap_or_else(|| panic!("no object `{name}`"))
}

impl Case {
    pub fn to_json(&self) -> String {
        let spec = &self.executor;
        let option = |value: Option<Value>| value.unwrap_or(Value::Null);
        let mut executor = Object::new()
            .with("id", spec.id.as_str())
            .with("plain", spec.plain)
            .with("conditions", texts(&spec.conditions))
            .with("trust_domain", spec.trust_domain.as_str())
            .with("roots", spec.roots.clone())
            .with("bundle", option(spec.bundle.as_ref().map(Statement::to_value)))
            .with("bundle_required", spec.bundle_required)
            .with("revocations", option(spec.revocations.as_ref().map(Statement::to_value)))
            .with("revocations_max_age", option(spec.revocations_max_age.map(Value::from)))
            .with("min_approvals", spec.min_approvals)
            .with("min_assurance", spec.min_assurance.as_str())
            .with("max_life", spec.max_life)
            .with("evidence_required", spec.evidence_required);
        // Only where they are given: most verifiers check no log proofs, and skip such a case.
        if let Some(policy) = &spec.log_policy {
            executor.set("log_policy", policy.as_str());
        }
        let mut presented = Object::new()
            .with("token", self.token.as_str())
            .with("certificates", texts(&self.certificates))
            .with("operation", self.operation.clone())
            .with("facts", self.facts.clone())
            .with("proof", option(self.proof.as_deref().map(Value::from)))
            .with("evidence_b64", texts(&self.evidence));
        if let Some(proof) = &self.log_proof {
            presented.set("log_proof", proof.as_str());
        }
        let case = Object::new()
            .with("name", self.name.as_str())
            .with("why", self.why.as_str())
            .with("expect", self.expect.as_str())
            .with("now", option(self.now.map(Value::from)))
            .with("executor", executor)
            .with("presented", presented)
            .with("consumed_before", self.consumed_before)
            .with("store", option(self.store.as_deref().map(Value::from)));
        let mut out = String::new();
        pretty(&Value::from(case), 0, &mut out);
        out.push('\n');
        out
    }

    pub fn from_json(bytes: &[u8]) -> Self {
        let limits = Limits { bytes: 4 * 1024 * 1024, depth: 32, members: 100_000 };
        let value = read(bytes, &limits).unwrap();
        let object = value.as_object().unwrap();
        let (spec, presented) = (inner(object, "executor"), inner(object, "presented"));
        let executor = ExecutorSpec {
            id: text(spec, "id"),
            plain: flag(spec, "plain"),
            conditions: list(spec, "conditions"),
            trust_domain: text(spec, "trust_domain"),
            roots: spec.get("roots").and_then(Value::as_array).unwrap().to_vec(),
            bundle: spec.get("bundle").and_then(Statement::from_value),
            bundle_required: flag(spec, "bundle_required"),
            revocations: spec.get("revocations").and_then(Statement::from_value),
            revocations_max_age: spec.get("revocations_max_age").and_then(Value::as_u64),
            min_approvals: number(spec, "min_approvals"),
            min_assurance: text(spec, "min_assurance"),
            max_life: number(spec, "max_life"),
            evidence_required: flag(spec, "evidence_required"),
            log_policy: spec.get("log_policy").and_then(Value::as_str).map(str::to_owned),
        };
        Self {
            name: text(object, "name"),
            why: text(object, "why"),
            expect: text(object, "expect"),
            now: object.get("now").and_then(Value::as_u64),
            executor,
            token: text(presented, "token"),
            certificates: list(presented, "certificates"),
            operation: inner(presented, "operation").clone(),
            facts: inner(presented, "facts").clone(),
            proof: presented.get("proof").and_then(Value::as_str).map(str::to_owned),
            evidence: list(presented, "evidence_b64"),
            log_proof: presented.get("log_proof").and_then(Value::as_str).map(str::to_owned),
            consumed_before: flag(object, "consumed_before"),
            store: object.get("store").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// Presents the case to a verifier made as it says; `accept`, or the code.
    pub fn run(&self) -> String {
        self.refusal().map_or_else(|| "accept".to_owned(), |refusal| refusal.code().to_owned())
    }

    /// As [`Case::run`], and what exactly was refused.
    pub fn refusal(&self) -> Option<Refusal> {
        let config = self.executor.config(self.now.unwrap_or(kit::NOW));
        let verifier = config.build().expect("the vectors' configurations make sense");
        let clock = self.now.map_or(ClockReading::Doubtful, |now| ClockReading::Known(kit::at(now)));
        let present = |guard: &dyn ReplayGuard| {
            let certificates: Vec<&str> = self.certificates.iter().map(String::as_str).collect();
            let evidence: Vec<Vec<u8>> = self.evidence.iter().map(|e| from_base64url(e).unwrap()).collect();
            let evidence: Vec<&[u8]> = evidence.iter().map(Vec::as_slice).collect();
            let presented = Presented {
                token: &self.token,
                certificates: &certificates,
                operation: self.operation(),
                facts: &facts(&self.facts),
                proof: self.proof.as_deref(),
                evidence: &evidence,
                log_proof: self.log_proof.as_deref(),
            };
            let refusal = verifier.verify(presented, clock, guard).err()?;
            assert!(Refusal::CODES.contains(&refusal.code()));
            assert!(!refusal.to_string().is_empty());
            Some(refusal)
        };
        match self.store.as_deref() {
            Some("unavailable") => present(&Unavailable),
            Some("younger_than_token") => present(&MemoryGuard::new(kit::at(self.now.unwrap()))),
            Some(other) => panic!("unknown store `{other}`"),
            None => {
                let guard = MemoryGuard::new(kit::at(0));
                let first = present(&guard);
                if first.is_none() {
                    let second = present(&guard);
                    let replay = Some(Refusal::Replay(ReplayError::Replayed));
                    assert_eq!(second, replay, "{} was accepted twice", self.name);
                    if self.consumed_before {
                        return second;
                    }
                }
                first
            }
        }
    }

    fn operation(&self) -> Operation {
        let (action, resource) = (text(&self.operation, "action"), text(&self.operation, "resource"));
        match self.operation.get("payload_b64").and_then(Value::as_str) {
            Some(payload) => Operation::from_payload(&action, &resource, &from_base64url(payload).unwrap()),
            None => Operation::from_json(&action, &resource, text(&self.operation, "parameters").as_bytes()),
        }
        .unwrap()
    }
}

impl ExecutorSpec {
    fn anchor(&self) -> Anchor {
        let roots = self.roots.iter().map(|jwk| PublicKey::from_jwk(jwk).unwrap());
        Anchor::new(TrustDomain::new(&self.trust_domain).unwrap(), roots).unwrap()
    }

    fn read_bundle(&self, anchor: &Anchor, now: u64) -> Option<Result<TrustBundle, BundleError>> {
        let statement = self.bundle.as_ref()?;
        let ratchet = statement.ratchet(anchor);
        Some(TrustBundle::read(&statement.token, &statement.certificates(), anchor, &ratchet, kit::at(now)))
    }

    fn read_revocations(
        &self,
        anchor: &Anchor,
        bundle: Option<&TrustBundle>,
        now: u64,
    ) -> Option<Result<Revocations, StatementError>> {
        let statement = self.revocations.as_ref()?;
        let (certificates, ratchet) = (statement.certificates(), statement.ratchet(anchor));
        Some(Revocations::read(&statement.token, &certificates, anchor, bundle, &ratchet, kit::at(now)))
    }

    /// Why a bundle or revocations are not loaded.
    pub fn refused_statements(&self, now: u64) -> Vec<String> {
        let anchor = self.anchor();
        let bundle = self.read_bundle(&anchor, now);
        let loaded = bundle.as_ref().and_then(|bundle| bundle.as_ref().ok());
        let revocations = self.read_revocations(&anchor, loaded, now).and_then(Result::err);
        let revocations = revocations.map(|error| format!("the revocations are refused: {error}"));
        bundle.and_then(Result::err).map(|error| error.to_string()).into_iter().chain(revocations).collect()
    }

    pub fn config(&self, now: u64) -> VerifierConfig {
        let id = ExecutorId::new(&self.id).unwrap();
        let kinds = self.conditions.iter().map(|name| ConditionKind::parse(name).unwrap());
        let executor = if self.plain { Executor::plain(id) } else { Executor::new(id, kinds) }.unwrap();
        let anchor = self.anchor();
        let floor = ApprovalFloor {
            approvals: usize::try_from(self.min_approvals).unwrap(),
            assurance: Assurance::parse(&self.min_assurance).unwrap(),
        };
        let mut config = VerifierConfig::new(anchor.clone(), executor)
            .approval_floor(floor)
            .max_life(Duration::from_secs(self.max_life));
        if self.bundle_required || self.bundle.is_some() {
            config = config.requires_bundle();
        }
        if let Some(age) = self.revocations_max_age {
            config = config.requires_revocations(Duration::from_secs(age));
        }
        // A statement that is refused is as good as none.
        let bundle = self.read_bundle(&anchor, now).and_then(Result::ok);
        if let Some(Ok(revocations)) = self.read_revocations(&anchor, bundle.as_ref(), now) {
            config = config.revocations(Arc::new(revocations));
        }
        if let Some(bundle) = bundle {
            config = config.bundle(Arc::new(bundle));
        }
        if let Some(policy) = &self.log_policy {
            config = config.demands_log_proof(Arc::new(LogPolicy::parse(policy).unwrap()));
        }
        if self.evidence_required { config.demands_evidence(Arc::new(VotesByDigest)) } else { config }
    }
}

/// Evidence as far as the vectors go: for each approval a statement with the digest that the token names.
struct VotesByDigest;

impl EvidenceCheck for VotesByDigest {
    fn check(&self, claims: &Claims, evidence: &[&[u8]]) -> Result<(), EvidenceError> {
        if evidence.len() < claims.approvals.len() {
            return Err(EvidenceError::Missing);
        }
        let digests: Vec<[u8; 32]> = evidence.iter().map(|statement| sha256(&[statement])).collect();
        let carried = claims.approvals.iter().all(|approval| digests.contains(approval.vote.as_bytes()));
        if carried { Ok(()) } else { Err(EvidenceError::Invalid) }
    }
}

struct Unavailable;

impl ReplayGuard for Unavailable {
    fn consume(&self, _: &TokenUse, _: countersign::moment::Moment) -> Result<(), ReplayError> {
        Err(ReplayError::Unavailable)
    }
}

fn facts(object: &Object) -> ExecutionFacts {
    let number = |name: &str| object.get(name).and_then(Value::as_u64);
    let flag = |name: &str| object.get(name).and_then(Value::as_bool);
    let names = |name: &str| object.get(name).map(|_| list(object, name));
    let pair = |name: &str| object.get(name).and_then(Value::as_object);
    ExecutionFacts {
        targets: number("targets"),
        all_targets: number("all_targets"),
        target_names: names("target_names"),
        masked: names("masked"),
        rows: number("rows"),
        amount: pair("amount").map(|amount| {
            Amount::new(Currency::parse(&text(amount, "currency")).unwrap(), self::number(amount, "minor"))
                .unwrap()
        }),
        dry_run: flag("dry_run"),
        rate: pair("rate").map(|rate| {
            let limit = |name| Limit::new(self::number(rate, name)).unwrap();
            Rate::new(limit("max"), limit("per_s"))
        }),
        rollback_s: number("rollback_s"),
        consumed_online: flag("consumed_online"),
    }
}

/// Evidence as a vector holds it.
pub fn evidence(statements: &[&str]) -> Vec<String> {
    statements.iter().map(|statement| base64url(statement.as_bytes())).collect()
}

/// JSON with two spaces to each level; names in canonical order.
fn pretty(value: &Value, level: usize, out: &mut String) {
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(level));
    };
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (position, (name, member)) in object.iter().enumerate() {
                out.push_str(if position == 0 { "{" } else { "," });
                line(out, level + 1);
                out.push_str(std::str::from_utf8(&Value::from(name).to_canonical()).unwrap());
                out.push_str(": ");
                pretty(member, level + 1, out);
            }
            line(out, level);
            out.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                out.push_str(if position == 0 { "[" } else { "," });
                line(out, level + 1);
                pretty(item, level + 1, out);
            }
            line(out, level);
            out.push(']');
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => out.push_str(std::str::from_utf8(&value.to_canonical()).unwrap()),
    }
}
