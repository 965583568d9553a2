//! Our own vectors as they are made: one good case in many ways, and then one thing wrong in each.

mod approvals;
mod claims;
mod form;
mod good;
mod keys;
mod log;
mod times;

use crate::kit::{self, Key};
use crate::vectors::{Case, ExecutorSpec, Statement};
use countersign::condition::ConditionKind;
use countersign::operation::json::{Object, Value};
use countersign::token::{Grant, TrustBundle};

/// All vectors, each with its own name.
pub fn all() -> Vec<Case> {
    let cases: Vec<Case> = [
        good::cases(),
        form::cases(),
        keys::cases(),
        keys::bundles(),
        claims::cases(),
        times::cases(),
        approvals::cases(),
        log::cases(),
    ]
    .concat();
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1], "two cases have one name");
    }
    cases
}

/// A case that would be accepted: the unconditional token of [`kit::grant`] with the chain of certificates.
fn case(expect: &str, slug: &str, why: &str) -> Case {
    let name = if expect == "accept" { format!("accept--{slug}") } else { format!("{expect}--{slug}") };
    let operation = Object::new()
        .with("action", kit::ACTION)
        .with("resource", kit::RESOURCE)
        .with("parameters", kit::PARAMETERS);
    Case {
        name,
        why: why.to_owned(),
        expect: expect.to_owned(),
        now: Some(kit::NOW),
        executor: ExecutorSpec {
            id: kit::EXECUTOR.to_owned(),
            plain: false,
            conditions: ConditionKind::ALL.iter().map(ToString::to_string).collect(),
            trust_domain: kit::DOMAIN.to_owned(),
            roots: vec![Value::from(kit::root().public.to_jwk())],
            bundle: None,
            bundle_required: false,
            revocations: None,
            revocations_max_age: None,
            min_approvals: 0,
            min_assurance: "channel".to_owned(),
            max_life: 3600,
            evidence_required: false,
            log_policy: None,
        },
        token: kit::mint(&kit::grant(), &kit::executor()),
        certificates: vec![kit::issuer_certificate(), kit::sidecar_certificate()],
        operation,
        facts: Object::new(),
        proof: None,
        evidence: Vec::new(),
        log_proof: None,
        consumed_before: false,
        store: None,
    }
}

/// The case with this token.
fn with_token(expect: &str, slug: &str, why: &str, token: String) -> Case {
    Case { token, ..case(expect, slug, why) }
}

/// The case whose token has the good claims with one text replaced by another, signed by the sidecar.
fn edited(expect: &str, slug: &str, why: &str, from: &str, to: &str) -> Case {
    with_token(expect, slug, why, kit::sidecar().token(&edit(&good_claims(), from, to)))
}

fn good_claims() -> String {
    kit::claims_of(&kit::mint(&kit::grant(), &kit::executor()))
}

fn edit(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

/// The case whose token is minted for a changed grant.
fn minted(expect: &str, slug: &str, why: &str, change: impl FnOnce(&mut Grant)) -> Case {
    let mut grant = kit::grant();
    change(&mut grant);
    with_token(expect, slug, why, kit::mint(&grant, &kit::executor()))
}

/// The case with a conditional token and these facts.
fn conditional(expect: &str, slug: &str, why: &str, conditions: &[&str], facts: Object) -> Case {
    let change =
        |grant: &mut Grant| grant.conditions = conditions.iter().map(|c| kit::condition(c)).collect();
    Case { facts, ..minted(expect, slug, why, change) }
}

fn statement(token: String, certificates: Vec<String>) -> Option<Statement> {
    Some(Statement { token, certificates, last_seq: None })
}

/// A bundle that the root signed, with these keys.
fn root_bundle(keys: Vec<countersign::token::CertifiedKey>) -> Option<Statement> {
    let root = kit::root();
    let input = kit::bundle_contents(keys).signing_input(&root.public).unwrap();
    statement(root.sign(input), Vec::new())
}

/// A bundle with exactly these claims.
fn raw_bundle(signer: &Key, claims: &str, certificates: Vec<String>) -> Option<Statement> {
    let header = signer.header("countersign-bundle+jwt");
    statement(signer.jws(&header, claims.as_bytes()), certificates)
}

/// That a bundle is good, so that what is made from it is wrong in one way only.
fn assert_good(statement: Option<&Statement>) {
    let statement = statement.unwrap();
    let anchor = countersign::token::Anchor::new(kit::domain(), [kit::root().public]).unwrap();
    let certificates: Vec<&str> = statement.certificates.iter().map(String::as_str).collect();
    TrustBundle::read(&statement.token, &certificates, &anchor, &Default::default(), kit::at(kit::NOW))
        .unwrap();
}
