//! What must be accepted.

use super::{case, conditional, minted, root_bundle, statement, with_token};
use crate::kit::{self, Key};
use crate::vectors::{Case, evidence};
use countersign::condition::target_digest;
use countersign::digest::base64url;
use countersign::operation::Operation;
use countersign::operation::json::{Object, Value};
use countersign::token::{Algorithm, CertifiedKey, Draft, Grant, Possession, UnverifiedToken};

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("accept", "unconditional", "policy and two people agreed; no conditions"),
        minted("accept", "no-approvals", "policy alone allowed", |grant| grant.approvals.clear()),
        minted("accept", "no-behalf", "the agent acts for nobody", |grant| grant.on_behalf_of = None),
        minted("accept", "life-3600", "the longest life there is", |grant| {
            grant.life = std::time::Duration::from_secs(3600);
        }),
        plain(),
        ed25519(),
        payload(),
        possession(),
        bundle_of_root(),
        bundle_of_issuer(),
        issuer_from_bundle(),
        Case {
            operation: Object::new().with("action", kit::ACTION).with("resource", kit::RESOURCE).with(
                "parameters",
                "{ \"replicas\": 6.0, \"name\": \"w\\u0065b\", \"namespace\": \"prod\" }",
            ),
            ..case(
                "accept",
                "operation-in-other-words",
                "order, white space, escapes and 6.0 for 6 are the same operation",
            )
        },
        Case { now: Some(kit::ISSUED + 299), ..case("accept", "last-second", "one second before exp") },
        Case {
            now: Some(kit::ISSUED - 30),
            ..case("accept", "clock-behind-30", "iat is 30 s ahead, the skew allowed")
        },
        Case {
            executor: {
                let mut executor = case("accept", "", "").executor;
                executor.min_approvals = 2;
                executor.min_assurance = "session".to_owned();
                executor
            },
            ..case("accept", "floor-of-two", "the executor asks for two people known by session or better")
        },
        Case {
            evidence: evidence(&[&kit::vote_of("bob"), &kit::vote_of("alice")]),
            executor: {
                let mut executor = case("accept", "", "").executor;
                executor.evidence_required = true;
                executor
            },
            ..case("accept", "evidence", "the votes are there: each approval's `vote` is the SHA-256 of one")
        },
        revocations(),
        two_roots(),
    ];
    cases.extend(conditions());
    cases.extend(jwt_patterns());
    cases
}

fn plain() -> Case {
    let mut plain = case("accept", "plain", "a gateway with a fixed audience takes unconditional tokens");
    plain.token = kit::mint(&kit::grant(), &kit::plain_executor());
    plain.executor.plain = true;
    plain.executor.conditions = Vec::new();
    plain
}

fn ed25519() -> Case {
    let key = Key::named_as("sidecar", Algorithm::Ed25519);
    let draft = Draft::new(&kit::grant(), &kit::executor()).unwrap();
    let token = key.sign(draft.with_log(&kit::leaf(), &key.public).unwrap());
    let certified = CertifiedKey { key: key.public, ..kit::sidecar_key() };
    let mut case =
        with_token("accept", "jwt-ed25519_ok", "alg Ed25519 (RFC 9864), for a key recorded so", token);
    case.certificates[1] = kit::certify("sidecar/7", certified, &kit::issuer());
    case
}

fn payload() -> Case {
    let bytes = b"apiVersion: apps/v1\nkind: Deployment\n\xff";
    let operation = Operation::from_payload("k8s.apply", "prod/web", bytes).unwrap();
    let mut case =
        minted("accept", "payload", "raw mode: the SHA-256 of the exact bytes", |grant: &mut Grant| {
            grant.operation = operation.digest();
        });
    case.operation = Object::new()
        .with("action", "k8s.apply")
        .with("resource", "prod/web")
        .with("payload_b64", base64url(bytes));
    case
}

fn possession() -> Case {
    let holder = kit::holder();
    let mut case =
        minted("accept", "holder", "cnf, with a proof of possession made now", |grant: &mut Grant| {
            grant.holder = Some(holder.public.clone());
        });
    case.proof = Some(proof(&case.token, &holder, kit::NOW));
    case
}

/// A proof of possession for a token, made by this key at that second.
pub fn proof(token: &str, key: &Key, second: u64) -> String {
    let claims = UnverifiedToken::inspect(token).unwrap().claims;
    let text = |name: &str| claims.as_object().unwrap().get(name).and_then(Value::as_str).unwrap();
    let executor = kit::executor();
    let operation = countersign::digest::OperationDigest::parse(text("cs_op")).unwrap();
    let conditional = claims.as_object().unwrap().get("cs_cond").is_some();
    let possession = Possession {
        audience: executor.audience(&operation, conditional).unwrap(),
        jti: countersign::party::TokenId::parse(text("jti")).unwrap(),
        operation,
        issued_at: kit::at(second),
    };
    key.sign(possession.signing_input(&key.public))
}

fn bundle_of_root() -> Case {
    let mut case =
        case("accept", "bundle", "the key is in a trust bundle that the root signed; no certificates");
    case.certificates = Vec::new();
    case.executor.bundle = root_bundle(vec![kit::sidecar_key()]);
    case.executor.bundle.as_mut().unwrap().last_seq = Some(12);
    case
}

fn bundle_of_issuer() -> Case {
    let mut case =
        case("accept", "bundle-of-issuer", "the bundle is signed by an issuer that the root certified");
    let issuer = kit::issuer();
    let input = kit::bundle_contents(vec![kit::sidecar_key()]).signing_input(&issuer.public).unwrap();
    case.certificates = Vec::new();
    case.executor.bundle = statement(issuer.sign(input), vec![kit::issuer_certificate()]);
    case
}

fn issuer_from_bundle() -> Case {
    let mut case = case(
        "accept",
        "issuer-from-bundle",
        "the bundle lists the issuer, so the sidecar's certificate is enough",
    );
    case.certificates = vec![kit::sidecar_certificate()];
    case.executor.bundle = root_bundle(vec![kit::issuer_key()]);
    case
}

fn revocations() -> Case {
    let mut case = case("accept", "revocations", "a fresh snapshot of revocations that names other things");
    let mut contents = kit::revocation_contents();
    contents.tokens.insert(countersign::party::TokenId::from_random([8; 16]));
    contents.decisions.insert(countersign::party::TxnId::from_random([8; 16]));
    contents.agents.insert(countersign::party::AgentId::new("spiffe://acme.example/agent/other").unwrap());
    contents.keys.insert(Key::named("other").public.id());
    contents.not_before = Some(kit::at(kit::ISSUED));
    let issuer = kit::issuer();
    let token = issuer.sign(contents.signing_input(&issuer.public).unwrap());
    case.executor.revocations = statement(token, vec![kit::issuer_certificate()]);
    case.executor.revocations_max_age = Some(300);
    case
}

fn two_roots() -> Case {
    let mut case = case("accept", "two-roots", "several roots are pinned while they are rotated");
    case.executor.roots.insert(0, Value::from(Key::named("next root").public.to_jwk()));
    case
}

fn conditions() -> Vec<Case> {
    let euro = Object::new().with("currency", "EUR").with("minor", 5000_u64);
    let rate = Object::new().with("max", 10_u64).with("per_s", 60_u64);
    let names = |names: &[&str]| names.iter().map(|name| Value::from(*name)).collect::<Vec<_>>();
    let subset = format!("target_subset:sha256={}", target_digest(["web-1", "web-2"]).unwrap());
    let none = Object::new;
    let good = |slug: &str, why: &str, condition: &str, facts: Object| {
        conditional("accept", &format!("condition-{slug}"), why, &[condition], facts)
    };
    let mut all = vec![
        good(
            "canary-percent",
            "2 of 20 targets are 10 percent",
            "canary:max_percent=10",
            none().with("targets", 2_u64).with("all_targets", 20_u64),
        ),
        good(
            "canary-targets",
            "three targets, by their names",
            "canary:max_targets=3",
            none().with("target_names", names(&["a", "b", "c"])),
        ),
        good(
            "time-window",
            "now is inside",
            "time_window:from=2026-11-21T11:00:00Z,until=2026-11-21T11:30:00Z",
            none(),
        ),
        good(
            "mask",
            "the executor masks more than is asked",
            "mask:fields=email+ssn",
            none().with("masked", names(&["ssn", "name", "email"])),
        ),
        good("row-limit", "exactly the limit", "row_limit:max=100", none().with("rows", 100_u64)),
        good(
            "max-amount",
            "exactly the amount",
            "max_amount:currency=EUR,minor=5000",
            none().with("amount", euro.clone()),
        ),
        good(
            "target-subset",
            "the same set in another order",
            &subset,
            none().with("target_names", names(&["web-2", "web-1"])),
        ),
        good("dry-run", "the executor changes nothing", "dry_run", none().with("dry_run", true)),
        good(
            "rate",
            "the executor holds to the same rate",
            "rate:max=10,per_s=60",
            none().with("rate", rate.clone()),
        ),
        good(
            "rollback-within",
            "the executor can undo it in time",
            "rollback_within:s=300",
            none().with("rollback_s", 300_u64),
        ),
        good(
            "online-consume",
            "consumed online for this execution",
            "online_consume",
            none().with("consumed_online", true),
        ),
    ];
    all.push(conditional(
        "accept",
        "all-conditions",
        "all ten at once, and both canaries",
        &[
            "canary:max_percent=10",
            "canary:max_targets=3",
            "time_window:from=2026-11-21T11:00:00Z,until=2026-11-21T11:30:00Z",
            "mask:fields=email",
            "row_limit:max=100",
            "max_amount:currency=EUR,minor=5000",
            &subset,
            "dry_run",
            "rate:max=10,per_s=60",
            "rollback_within:s=300",
            "online_consume",
        ],
        none()
            .with("target_names", names(&["web-1", "web-2"]))
            .with("all_targets", 20_u64)
            .with("masked", names(&["email"]))
            .with("rows", 1_u64)
            .with("amount", euro)
            .with("dry_run", true)
            .with("rate", rate)
            .with("rollback_s", 0_u64)
            .with("consumed_online", true),
    ));
    let mut holder = conditional(
        "accept",
        "condition-and-holder",
        "a condition and a holder",
        &["dry_run"],
        none().with("dry_run", true),
    );
    let key = kit::holder();
    let mut grant = kit::grant();
    grant.holder = Some(key.public.clone());
    grant.conditions = vec![kit::condition("dry_run")];
    holder.token = kit::mint(&grant, &kit::executor());
    holder.proof = Some(proof(&holder.token, &key, kit::NOW - 60));
    all.push(holder);
    all
}

/// The three of the attack corpus that are no attacks.
fn jwt_patterns() -> Vec<Case> {
    let reordered = |header: &str| {
        let key = kit::sidecar();
        let claims = super::good_claims();
        let header = header.replace("KID", &key.public.id().to_string());
        key.jws(&header, claims.as_bytes())
    };
    let header = r#"{"alg":"EdDSA","typ":"countersign-authority+jwt","kid":"KID"}"#;
    vec![
        with_token("accept", "jwt-eddsa_ok", "alg EdDSA (RFC 8037)", reordered(header)),
        with_token(
            "accept",
            "jwt-typ_profile",
            "the header's members in any order, with white space",
            reordered(&header.replace(',', " ,\n\t")),
        ),
    ]
}
