//! Any bytes as everything that an executor reads, unsigned, and signed by the very keys that it trusts: there is
//! always a verdict, only what was minted is accepted, and a condition says the same in all its forms.
#![no_main]

#[allow(dead_code, unreachable_pub)]
#[path = "../../tests/token/kit.rs"]
mod kit;

use countersign::condition::{Condition, ExecutionFacts, tightest};
use countersign::digest::from_base64url;
use countersign::operation::json::{Limits, Value, read};
use countersign::replay::memory::MemoryGuard;
use countersign::token::{
    Anchor, Presented, PublicKey, Ratchet, Refusal, Revocations, TrustBundle, UnverifiedToken, Verifier,
    VerifierConfig,
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

struct World {
    anchor: Anchor,
    verifier: Verifier,
    chain: [String; 2],
    token: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let anchor = Anchor::new(kit::domain(), [kit::root().public]).unwrap();
    World {
        verifier: VerifierConfig::new(anchor.clone(), kit::executor()).build().unwrap(),
        anchor,
        chain: [kit::issuer_certificate(), kit::sidecar_certificate()],
        token: kit::mint(&kit::grant(), &kit::executor()),
    }
});

fn accepts(token: &str, certificates: &[&str], proof: Option<&str>) -> bool {
    let facts = ExecutionFacts::default();
    let operation = kit::operation();
    let presented = Presented { token, certificates, operation, facts: &facts, proof, evidence: &[], log_proof: None };
    let guard = MemoryGuard::new(kit::at(0));
    match WORLD.verifier.verify(presented, kit::at(kit::NOW), &guard) {
        Ok(verified) => {
            assert_eq!(verified.operation(), &kit::operation());
            assert_eq!(verified.claims().operation, kit::operation().digest());
            assert_eq!(verified.claims().issuer, kit::domain());
            true
        }
        Err(refusal) => {
            assert!(Refusal::CODES.contains(&refusal.code()));
            false
        }
    }
}

/// Whether a compact JWS has this key's signature, in the one way to write it.
fn is_signed_by(jws: &str, key: &kit::Key) -> bool {
    let (signed, signature) = jws.rsplit_once('.').unwrap();
    key.public.verify(signed.as_bytes(), &from_base64url(signature).unwrap()).is_ok()
}

fuzz_target!(|input: &[u8]| {
    let world = &*WORLD;
    let chain = [world.chain[0].as_str(), world.chain[1].as_str()];
    let Some((kind, bytes)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    let (root, issuer, sidecar) = (kit::root(), kit::issuer(), kit::sidecar());
    let signed = |key: &kit::Key, typ: &str| key.jws(&key.header(typ), bytes);
    let now = kit::at(kit::NOW);
    match kind % 8 {
        0 if accepts(&text, &chain, None) => assert!(is_signed_by(&text, &sidecar)),
        1 if accepts(&world.token, &[chain[0], &text], None) => assert!(is_signed_by(&text, &issuer)),
        0 | 1 => {}
        // Whatever the sidecar signs may be good; then it is for this operation.
        2 => {
            let _ = accepts(&signed(&sidecar, "countersign-authority+jwt"), &chain, None);
        }
        3 => {
            assert!(!accepts(&sidecar.jws(&text, kit::claims_of(&world.token).as_bytes()), &chain[..1], None))
        }
        4 => {
            let certificate = signed(&issuer, "countersign-keycert+jwt");
            let _ = accepts(&world.token, &[chain[0], &certificate], None);
        }
        5 => {
            let bundle = signed(&root, "countersign-bundle+jwt");
            if let Ok(bundle) = TrustBundle::read(&bundle, &[], &world.anchor, &Ratchet::default(), now) {
                for key in &bundle.contents().keys {
                    assert_eq!(PublicKey::from_jwk(&Value::from(key.key.to_jwk())).as_ref(), Ok(&key.key));
                }
                let _ = bundle.to_jwks(now);
            }
        }
        6 => {
            let revocations = signed(&root, "countersign-revocations+jwt");
            let _ = Revocations::read(&revocations, &[], &world.anchor, None, &Ratchet::default(), now);
            let _ = UnverifiedToken::inspect(&text);
        }
        _ => {
            if let Ok(condition) = Condition::parse_short(&text) {
                assert_eq!(Condition::parse_short(&condition.to_short()).as_ref(), Ok(&condition));
            }
            let Ok(value) = read(bytes, &Limits::OPERATION) else { return };
            let Ok(condition) = Condition::from_value(&value) else { return };
            assert_eq!(Condition::from_value(&condition.to_value()).as_ref(), Ok(&condition));
            assert_eq!(Condition::parse_short(&condition.to_short()).as_ref(), Ok(&condition));
            assert_eq!(tightest(&[condition.clone(), condition.clone()]), Ok(vec![condition]));
        }
    }
});
