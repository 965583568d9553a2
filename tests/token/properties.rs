//! What holds for every token, not only for those that somebody thought of.

use crate::kit;
use countersign::condition::{ConditionKind, ExecutionFacts, Limit, Rate};
use countersign::operation::Operation;
use countersign::operation::json::{Limits, read};
use countersign::party::TokenId;
use countersign::replay::memory::MemoryGuard;
use countersign::token::{
    Anchor, Claims, Draft, Presented, Ratchet, Refusal, ReplayError, ReplayGuard, Revocations, TrustBundle,
    UnverifiedToken, VerifiedOperation, Verifier, VerifierConfig,
};
use ed25519_dalek::Verifier as _;
use proptest::prelude::*;
use sha2::Digest as _;
use std::sync::{Arc, Barrier, OnceLock};
use std::time::Duration;

fn anchor() -> Anchor {
    Anchor::new(kit::domain(), [kit::root().public]).unwrap()
}

/// One verifier for all: what it remembers of certificates must not change what it says.
fn verifier() -> &'static Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    VERIFIER.get_or_init(|| VerifierConfig::new(anchor(), kit::executor()).build().unwrap())
}

fn chain() -> &'static [String; 2] {
    static CHAIN: OnceLock<[String; 2]> = OnceLock::new();
    CHAIN.get_or_init(|| [kit::issuer_certificate(), kit::sidecar_certificate()])
}

fn good() -> &'static str {
    static GOOD: OnceLock<String> = OnceLock::new();
    GOOD.get_or_init(|| kit::mint(&kit::grant(), &kit::executor()))
}

fn present(
    token: &str,
    certificates: &[&str],
    operation: Operation,
    guard: &dyn ReplayGuard,
) -> Result<VerifiedOperation, Refusal> {
    let facts = ExecutionFacts::default();
    let presented = Presented {
        token,
        certificates,
        operation,
        facts: &facts,
        proof: None,
        evidence: &[],
        log_proof: None,
    };
    verifier().verify(presented, kit::at(kit::NOW), guard)
}

fn verify(token: &str, certificates: &[&str]) -> Result<VerifiedOperation, Refusal> {
    present(token, certificates, kit::operation(), &MemoryGuard::new(kit::at(0)))
}

fn certificates() -> [&'static str; 2] {
    [&chain()[0], &chain()[1]]
}

#[test]
fn of_64_threads_with_one_token_one_is_let_through() {
    for round in 0..8_u8 {
        let mut grant = kit::grant();
        grant.jti = TokenId::from_random([round; 16]);
        let token = kit::mint(&grant, &kit::executor());
        let guard = MemoryGuard::new(kit::at(0));
        let start = Barrier::new(64);
        let results: Vec<Result<(), Refusal>> = std::thread::scope(|scope| {
            let present = || {
                start.wait();
                present(&token, &certificates(), kit::operation(), &guard).map(|_| ())
            };
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(present)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let replays = results.iter().filter(|result| **result == Err(Refusal::Replay(ReplayError::Replayed)));
        assert_eq!(replays.count(), 63);
    }
}

#[test]
fn a_guard_that_was_started_again_refuses_what_it_can_not_remember() {
    let before = MemoryGuard::new(kit::at(kit::ISSUED - 100));
    assert!(present(good(), &certificates(), kit::operation(), &before).is_ok());
    let after = MemoryGuard::new(kit::at(kit::ISSUED + 1));
    let refused = present(good(), &certificates(), kit::operation(), &after).unwrap_err();
    assert_eq!(refused, Refusal::Replay(ReplayError::BeforeMemory));
    assert_eq!(refused.code(), "undetermined.replay_store");
}

#[test]
fn what_was_checked_and_has_expired_since_is_not_consumed() {
    let facts = ExecutionFacts::default();
    let presented = Presented {
        token: good(),
        certificates: &certificates(),
        operation: kit::operation(),
        facts: &facts,
        proof: None,
        evidence: &[],
        log_proof: None,
    };
    let again = Presented { operation: kit::operation(), ..presented };
    let refused = verifier().check(again, kit::at(kit::ISSUED + 300)).unwrap_err();
    assert_eq!(refused, Refusal::TimeExpired);
    let presented = Presented {
        token: good(),
        certificates: &certificates(),
        operation: kit::operation(),
        facts: &facts,
        proof: None,
        evidence: &[],
        log_proof: None,
    };
    let checked = verifier().check(presented, kit::at(kit::NOW)).unwrap();
    assert_eq!(checked.claims().jti, kit::grant().jti);
    let guard = MemoryGuard::new(kit::at(0));
    let refused = checked.consume(kit::at(kit::ISSUED + 300), &guard).unwrap_err();
    assert_eq!(refused, Refusal::TimeExpired);
    assert!(guard.is_empty());
}

#[test]
fn what_is_verified_says_what_was_granted() {
    let mut grant = kit::grant();
    grant.conditions = vec![kit::condition("rollback_within:s=60"), kit::condition("rate:max=1,per_s=1")];
    let token = kit::mint(&grant, &kit::executor());
    let facts = ExecutionFacts {
        rollback_s: Some(1),
        rate: Some(Rate::new(Limit::new(1).unwrap(), Limit::new(1).unwrap())),
        ..ExecutionFacts::default()
    };
    let presented = Presented {
        token: &token,
        certificates: &certificates(),
        operation: kit::operation(),
        facts: &facts,
        proof: None,
        evidence: &[],
        log_proof: None,
    };
    let verified = verifier().verify(presented, kit::at(kit::NOW), &MemoryGuard::new(kit::at(0))).unwrap();
    assert_eq!(verified.operation(), &kit::operation());
    assert_eq!(verified.key(), kit::sidecar().public.id());
    assert_eq!(verified.conditions().len(), 2);
    assert_eq!(verified.obligations().count(), 2);
    let claims: &Claims = verified.claims();
    assert_eq!((claims.subject.clone(), claims.jti, claims.txn), (grant.subject, grant.jti, grant.txn));
    assert_eq!((claims.approvals.clone(), claims.risk), (grant.approvals, grant.risk));
    assert_eq!((claims.log.clone(), claims.policy), (kit::leaf(), grant.policy));
    assert_eq!(claims.on_behalf_of, grant.on_behalf_of);
    assert_eq!(claims.times.not_before, kit::at(kit::ISSUED - 5));
}

#[test]
fn the_same_grant_is_the_same_bytes_in_canonical_form() {
    let mut grant = kit::grant();
    grant.holder = Some(kit::holder().public);
    grant.conditions = vec![kit::condition("dry_run"), kit::condition("canary:max_percent=5")];
    let key = kit::sidecar();
    let draft = Draft::new(&grant, &kit::executor()).unwrap();
    let input = draft.with_log(&kit::leaf(), &key.public).unwrap();
    assert_eq!(
        input,
        Draft::new(&grant, &kit::executor()).unwrap().with_log(&kit::leaf(), &key.public).unwrap()
    );
    grant.conditions.reverse();
    assert_eq!(
        input,
        Draft::new(&grant, &kit::executor()).unwrap().with_log(&kit::leaf(), &key.public).unwrap()
    );
    let claims = kit::claims_of(&key.sign(input));
    let value = read(claims.as_bytes(), &Limits::OPERATION).unwrap();
    assert_eq!(value.to_canonical(), claims.as_bytes());
    let without_log = read(&draft.claims_without_log(), &Limits::OPERATION).unwrap();
    let log = value.as_object().unwrap().get("cs_log").unwrap().clone();
    let with_log = without_log.as_object().unwrap().clone().with("cs_log", log);
    assert_eq!(countersign::operation::json::Value::from(with_log), value);
}

#[test]
fn what_was_recorded_is_signed_again_as_it_was() {
    let mut grant = kit::grant();
    grant.conditions = vec![kit::condition("dry_run")];
    let draft = Draft::new(&grant, &kit::executor()).unwrap();
    let again = Draft::from_recorded(&draft.claims_without_log()).unwrap();
    assert_eq!(again, draft);
    assert_eq!(again.conditions(), Some(grant.conditions));
    assert_eq!(again.expires_at(), Some(kit::at(kit::ISSUED + 300)));
    let whole = kit::claims_of(good());
    for other in [whole.as_bytes(), b"", b"[]", b"{}", br#"{"exp":1,"cs_cond":[{"type":"x"}]}"#] {
        assert_eq!(Draft::from_recorded(other), None);
    }
}

#[test]
fn a_chain_says_what_its_last_key_is_certified_for() {
    let anchor = anchor();
    assert_eq!(anchor.certified(&certificates()), Ok(kit::sidecar_key()));
    assert_eq!(anchor.certified(&certificates()[..1]), Ok(kit::issuer_key()));
    assert!(anchor.certified(&certificates()[1..]).is_err());
    assert!(anchor.certified(&[]).is_err());
}

#[test]
fn a_key_of_one_use_is_none_of_another() {
    use countersign::token::{CertificateError, CertifiedKey, KeyUse, Scope};
    let anchor = anchor();
    let of_one =
        |usage| CertifiedKey { usage, scope: Scope::of_one("acme.example/x").unwrap(), ..kit::sidecar_key() };
    for usage in KeyUse::ALL {
        let certified = match usage {
            KeyUse::Issuer => continue,
            KeyUse::Authority => kit::sidecar_key(),
            KeyUse::Log | KeyUse::Receipt => of_one(usage),
        };
        let certificate = kit::certify("x", certified, &kit::issuer());
        let chain = [chain()[0].as_str(), certificate.as_str()];
        for asked in KeyUse::ALL {
            let answer = anchor.certified_for(&chain, asked, "acme.example/x", kit::at(kit::NOW));
            let expected = match (asked == usage, usage) {
                (false, _) => Some(CertificateError::Use),
                // What mints is scoped to other names here.
                (true, KeyUse::Authority) => Some(CertificateError::Name),
                (true, _) => None,
            };
            assert_eq!(answer.err(), expected, "{usage:?} asked for as {asked:?}");
        }
    }
    let issuer_only = anchor.certified_for(&[&chain()[0]], KeyUse::Log, "acme.example/x", kit::at(kit::NOW));
    assert_eq!(issuer_only, Err(CertificateError::Use));
    assert_eq!(anchor.certified_for(&[], KeyUse::Log, "x", kit::at(kit::NOW)), Err(CertificateError::Signer));
}

#[test]
fn a_key_that_speaks_for_one_name_is_certified_for_no_more() {
    use countersign::token::{CertificateError, CertifiedKey, KeyUse, Pattern, Scope};
    let (issuer, one) = (kit::issuer(), Scope::of_one("acme.example/x").unwrap());
    let scoped = |agents: &str, audiences: &[&str]| Scope {
        agents: vec![Pattern::parse(agents).unwrap()],
        audiences: audiences.iter().map(|name| Pattern::parse(name).unwrap()).collect(),
        ..one.clone()
    };
    let unsound = Some(CertificateError::Claims(countersign::token::ClaimFault::Wrong("cs_scope")));
    for (scope, days, refused) in [
        (one.clone(), 400, None),
        (one.clone(), 401, Some(CertificateError::Life)),
        (scoped("*", &["*"]), 1, unsound),
        (scoped("*", &["acme.example/*"]), 1, unsound),
        (scoped("*", &["x", "y"]), 1, unsound),
        (scoped(kit::AGENT, &["x"]), 1, unsound),
    ] {
        for usage in [KeyUse::Log, KeyUse::Receipt] {
            let certificate = countersign::token::KeyCertificate {
                domain: kit::domain(),
                holder: countersign::party::KeyHolder::new("x").unwrap(),
                issued_at: kit::at(kit::NOW),
                certified: CertifiedKey {
                    key: kit::sidecar().public,
                    usage,
                    not_before: kit::at(kit::NOW),
                    expires_at: kit::at(kit::NOW + days * 24 * kit::HOUR),
                    scope: scope.clone(),
                },
            };
            assert_eq!(certificate.signing_input(&issuer.public).err(), refused, "{usage:?} {scope:?}");
        }
    }
}

#[test]
fn nothing_is_minted_that_would_be_refused() {
    use countersign::token::{Assurance, DraftError, Executor};
    let executor = kit::executor();
    let refused = |change: &dyn Fn(&mut countersign::token::Grant)| {
        let mut grant = kit::grant();
        change(&mut grant);
        Draft::new(&grant, &executor).unwrap_err()
    };
    assert_eq!(refused(&|grant| grant.life = Duration::ZERO), DraftError::Life);
    assert_eq!(refused(&|grant| grant.life = Duration::from_secs(3601)), DraftError::Life);
    assert_eq!(refused(&|grant| grant.life = Duration::from_millis(1500)), DraftError::Life);
    let again = kit::approval("alice", Assurance::Channel);
    assert_eq!(refused(&|grant| grant.approvals.push(again.clone())), DraftError::DuplicateApproval);
    let own = kit::approval("carol", Assurance::Signed);
    assert_eq!(refused(&|grant| grant.approvals.push(own.clone())), DraftError::SelfApproval);
    let agent = kit::approval(kit::AGENT, Assurance::Signed);
    assert_eq!(refused(&|grant| grant.approvals.push(agent.clone())), DraftError::SelfApproval);
    assert_eq!(refused(&|grant| grant.approvals[0].seats.clear()), DraftError::NoSeat);
    let contrary = ["max_amount:currency=EUR,minor=1", "max_amount:currency=USD,minor=1"].map(kit::condition);
    let contradiction = refused(&|grant| grant.conditions = contrary.to_vec());
    assert!(matches!(contradiction, DraftError::Contradiction(_)));
    let mut grant = kit::grant();
    grant.conditions = vec![kit::condition("dry_run")];
    let not_enforced = DraftError::NotEnforced(ConditionKind::DryRun);
    assert_eq!(Draft::new(&grant, &kit::plain_executor()), Err(not_enforced));
    let canary_only = Executor::new(executor.id().clone(), [ConditionKind::Canary]).unwrap();
    assert_eq!(Draft::new(&grant, &canary_only), Err(not_enforced));
    let fields: Vec<String> = (0..400).map(|n| format!("field_{n}_of_many")).collect();
    let fields = countersign::condition::Fields::new(fields.iter().map(String::as_str)).unwrap();
    grant.conditions = vec![countersign::condition::Condition::Mask(fields)];
    let draft = Draft::new(&grant, &executor).unwrap();
    assert_eq!(draft.with_log(&kit::leaf(), &kit::sidecar().public), Err(DraftError::TooLarge));
}

#[test]
fn remembered_certificates_are_judged_anew() {
    // Warm: the chain's signatures are remembered. Later the sidecar's certificate has expired.
    assert!(verify(good(), &certificates()).is_ok());
    let mut grant = kit::grant();
    let late = kit::NOW + 11 * kit::HOUR;
    grant.issued_at = kit::at(late - 10);
    let token = kit::mint(&grant, &kit::executor());
    let facts = ExecutionFacts::default();
    let presented = Presented {
        token: &token,
        certificates: &certificates(),
        operation: kit::operation(),
        facts: &facts,
        proof: None,
        evidence: &[],
        log_proof: None,
    };
    let refused = verifier().verify(presented, kit::at(late), &MemoryGuard::new(kit::at(0))).unwrap_err();
    assert_eq!(refused, Refusal::KeyExpired);
    // A certificate with one more character is another text.
    let longer = format!("{}A", chain()[1]);
    assert!(verify(good(), &[&chain()[0], &longer]).is_err());
}

/// The number that these little-endian bytes are, in the ring that `one` is of.
fn reduced<S: Copy + From<u8> + core::ops::Add<Output = S> + core::ops::Mul<Output = S>>(
    _: S,
    bytes: &[u8],
) -> S {
    let base = S::from(u8::MAX) + S::from(1);
    bytes.iter().rev().fold(S::from(0), |number, byte| number * base + S::from(*byte))
}

/// Stock libraries accept such a signature, so it is no vector; only the key's holder can make one.
#[test]
fn a_signature_that_only_lenient_verification_accepts_is_refused() {
    let seed = countersign::digest::sha256(&[b"countersign test key: sidecar"]);
    let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
    let signed = good().rsplit_once('.').unwrap().0;
    // With R the neutral point and s = H(R, A, M)·a the equation holds.
    let mut commitment = [0; 32];
    commitment[0] = 1;
    let parts = [&commitment, secret.verifying_key().as_bytes(), signed.as_bytes()].concat();
    let scalar = secret.to_scalar();
    let answer = (reduced(scalar, &sha2::Sha512::digest(parts)) * scalar).to_bytes();
    let forged = ed25519_dalek::Signature::from_components(commitment, answer);
    assert!(
        secret.verifying_key().verify(signed.as_bytes(), &forged).is_ok(),
        "lenient verification accepts it"
    );
    let token = format!("{signed}.{}", countersign::digest::base64url(&forged.to_bytes()));
    assert_eq!(verify(&token, &certificates()).unwrap_err(), Refusal::SignatureInvalid);
}

#[test]
fn a_ratchet_only_rises() {
    let (one, two) = (kit::root().public.id(), kit::issuer().public.id());
    let mut ratchet: Ratchet = [(one, 5), (one, 3)].into_iter().collect();
    assert_eq!((ratchet.highest(&one), ratchet.highest(&two)), (Some(5), None));
    ratchet.advance(one, 4);
    ratchet.advance(two, 0);
    assert_eq!(ratchet.iter().collect::<Ratchet>(), ratchet);
    assert_eq!((ratchet.highest(&one), ratchet.highest(&two)), (Some(5), Some(0)));
}

#[test]
fn the_exported_key_set_has_current_authority_keys_only() {
    let other = |name: &str| kit::Key::named(name).public;
    let keys = vec![
        kit::sidecar_key(),
        kit::issuer_key(),
        countersign::token::CertifiedKey {
            key: other("soon"),
            not_before: kit::at(kit::NOW + 60),
            ..kit::sidecar_key()
        },
        countersign::token::CertifiedKey {
            key: other("past"),
            expires_at: kit::at(kit::NOW),
            ..kit::sidecar_key()
        },
        countersign::token::CertifiedKey { key: other("revoked"), ..kit::sidecar_key() },
    ];
    let mut contents = kit::bundle_contents(keys);
    contents.revoked.push(other("revoked").id());
    let root = kit::root();
    let token = root.sign(contents.signing_input(&root.public).unwrap());
    let bundle = TrustBundle::read(&token, &[], &anchor(), &Ratchet::default(), kit::at(kit::NOW)).unwrap();
    assert_eq!((bundle.sequence(), bundle.root()), (12, root.public.id()));
    let jwks = bundle.to_jwks(kit::at(kit::NOW));
    let keys = jwks.as_object().unwrap().get("keys").unwrap().as_array().unwrap();
    let ids: Vec<&str> =
        keys.iter().map(|key| key.as_object().unwrap().get("kid").unwrap().as_str().unwrap()).collect();
    assert_eq!(ids, [kit::sidecar().public.id().to_string(), other("soon").id().to_string()]);
    for key in keys {
        let members: Vec<&str> = key.as_object().unwrap().names().collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    }
}

#[test]
fn settings_without_sense_are_refused() {
    use countersign::token::{AnchorError, ApprovalFloor, Assurance, ConfigError};
    let config = || VerifierConfig::new(anchor(), kit::executor());
    let error = |config: VerifierConfig| config.build().err();
    assert_eq!(error(config()), None);
    assert_eq!(error(config().max_life(Duration::ZERO)), Some(ConfigError::MaxLife));
    assert_eq!(error(config().max_life(Duration::from_secs(3601))), Some(ConfigError::MaxLife));
    assert_eq!(error(config().skew(Duration::from_secs(61))), Some(ConfigError::Skew));
    let floor = ApprovalFloor { approvals: 17, assurance: Assurance::Signed };
    assert_eq!(error(config().approval_floor(floor)), Some(ConfigError::Floor));
    assert_eq!(error(config().requires_revocations(Duration::ZERO)), Some(ConfigError::RevocationsMaxAge));
    assert_eq!(Anchor::new(kit::domain(), []), Err(AnchorError::NoRoot));
    let twice = [kit::root().public, kit::root().public];
    assert_eq!(Anchor::new(kit::domain(), twice), Err(AnchorError::DuplicateRoot));
    // A bundle under a root that is pinned elsewhere.
    let root = kit::root();
    let token = root.sign(kit::bundle_contents(Vec::new()).signing_input(&root.public).unwrap());
    let bundle = TrustBundle::read(&token, &[], &anchor(), &Ratchet::default(), kit::at(kit::NOW)).unwrap();
    let other = Anchor::new(kit::domain(), [kit::Key::named("other root").public]).unwrap();
    let elsewhere = VerifierConfig::new(other, kit::executor()).bundle(Arc::new(bundle));
    assert_eq!(error(elsewhere), Some(ConfigError::BundleElsewhere));
}

/// A byte of a text changed, put in, or taken out.
fn mutated(text: &str) -> impl Strategy<Value = String> + use<> {
    let bytes = text.as_bytes().to_vec();
    (0..bytes.len(), any::<u8>(), 0..4_u8).prop_map(move |(at, byte, how)| {
        let mut bytes = bytes.clone();
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => {
                bytes.remove(at);
            }
            _ => bytes.truncate(at),
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #[test]
    fn only_the_exact_token_is_accepted(token in mutated(good())) {
        prop_assert_eq!(verify(&token, &certificates()).is_ok(), token == good());
    }

    #[test]
    fn only_the_exact_certificates_are_accepted(sidecar in mutated(&chain()[1]), issuer in mutated(&chain()[0])) {
        prop_assert_eq!(verify(good(), &[&chain()[0], &sidecar]).is_ok(), sidecar == chain()[1]);
        prop_assert_eq!(verify(good(), &[&issuer, &chain()[1]]).is_ok(), issuer == chain()[0]);
    }

    #[test]
    fn any_text_is_refused_without_panic(text in "\\PC*") {
        prop_assert!(verify(&text, &[&text, &text]).is_err());
        prop_assert!(verify(good(), &[&text]).is_err());
        let _ = UnverifiedToken::inspect(&text);
        let now = kit::at(kit::NOW);
        prop_assert!(TrustBundle::read(&text, &[&text], &anchor(), &Ratchet::default(), now).is_err());
        prop_assert!(Revocations::read(&text, &[&text], &anchor(), None, &Ratchet::default(), now).is_err());
    }

    /// Whatever a trusted key signs: there is a verdict, and it is not yes.
    #[test]
    fn signed_nonsense_is_refused_without_panic(claims in prop::collection::vec(any::<u8>(), 0..300)) {
        let key = kit::sidecar();
        let token = key.jws(&key.header("countersign-authority+jwt"), &claims);
        prop_assert!(verify(&token, &certificates()).is_err());
    }

    /// A claim of a good token with its value replaced: refused unless the value is one that the claim may have.
    #[test]
    fn signed_claims_with_a_strange_value_never_panic(
        claim in 0..13_usize,
        value in prop_oneof![
            Just("null".to_owned()), Just("[]".to_owned()), Just("{}".to_owned()), Just("-1".to_owned()),
            Just("\"\"".to_owned()), any::<u64>().prop_map(|n| n.to_string()), any::<f64>().prop_map(|n| n.to_string()),
            "[a-z_]{0,8}".prop_map(|text| format!("\"{text}\"")),
        ],
    ) {
        let claims = read(kit::claims_of(good()).as_bytes(), &Limits::OPERATION).unwrap();
        let mut text = String::from("{");
        for (position, (name, old)) in claims.as_object().unwrap().iter().enumerate() {
            let old = String::from_utf8(old.to_canonical()).unwrap();
            text.push_str(if position == 0 { "" } else { "," });
            text.push_str(&format!("\"{name}\":{}", if position == claim { &value } else { &old }));
        }
        text.push('}');
        let result = verify(&kit::sidecar().token(&text), &certificates());
        // Only a lower or equal risk, or a later `nbf`, can be said otherwise and still be accepted.
        if let Ok(verified) = result {
            let original = kit::grant();
            prop_assert_eq!(verified.claims().jti, original.jti);
            prop_assert_eq!(verified.claims().operation, original.operation);
        }
    }

    #[test]
    fn another_operation_is_never_accepted(parameters in "\\{\"namespace\":\"[a-z]{1,6}\",\"replicas\":[0-9]{1,3}\\}") {
        let operation = Operation::from_json(kit::ACTION, kit::RESOURCE, parameters.as_bytes());
        if let Ok(operation) = operation {
            let refused = present(good(), &certificates(), operation, &MemoryGuard::new(kit::at(0)));
            prop_assert_eq!(refused.unwrap_err().code(), "audience.mismatch");
        }
    }
}
