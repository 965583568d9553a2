//! Other people's vectors, from `COUNTERSIGN_VECTORS` or beside the project: each a pattern that our profile refuses
//! with the right code, and signatures that are right.

use crate::cases;
use crate::kit::{self, Key};
use countersign::condition::ExecutionFacts;
use countersign::digest::{base64url, from_base64url};
use countersign::operation::json::{Limits, Object, Value, read};
use countersign::replay::memory::MemoryGuard;
use countersign::token::{
    Algorithm, Anchor, CertifiedKey, KeyError, Presented, PublicKey, Ratchet, Refusal, TrustBundle,
    VerifierConfig,
};
use std::path::PathBuf;
use std::sync::Arc;

/// A file of the vectors; `None`, said aloud, where there are none. In CI that is a failure.
fn vector(path: &str) -> Option<Vec<u8>> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors"));
    let folder = std::env::var_os("COUNTERSIGN_VECTORS").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        assert!(std::env::var_os("CI").is_none(), "no vectors at {}", folder.display());
        println!("did not run: no vectors at {}", folder.display());
        return None;
    }
    Some(std::fs::read(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}")))
}

fn json(bytes: &[u8]) -> Object {
    let limits = Limits { bytes: 8 << 20, depth: 32, members: 200_000 };
    read(bytes, &limits).unwrap().as_object().unwrap().clone()
}

fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no text `{name}`"))
}

fn objects<'a>(object: &'a Object, name: &str) -> impl Iterator<Item = &'a Object> {
    object.get(name).and_then(Value::as_array).unwrap().iter().map(|value| value.as_object().unwrap())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The code that a token gets from an executor that trusts exactly this key, in a bundle.
fn refusal(token: &str, trusted: &PublicKey, now: u64) -> String {
    let root = Key::named("root");
    let key = CertifiedKey {
        key: trusted.clone(),
        not_before: kit::at(now - 3600),
        expires_at: kit::at(now + 3600),
        ..kit::sidecar_key()
    };
    let mut contents = kit::bundle_contents(vec![key]);
    contents.issued_at = kit::at(now - 60);
    contents.expires_at = kit::at(now + 3600);
    let bundle = root.sign(contents.signing_input(&root.public).unwrap());
    let anchor = Anchor::new(kit::domain(), [root.public]).unwrap();
    let bundle = TrustBundle::read(&bundle, &[], &anchor, &Ratchet::default(), kit::at(now)).unwrap();
    let config = VerifierConfig::new(anchor, kit::executor()).bundle(Arc::new(bundle));
    let presented = Presented {
        token,
        certificates: &[],
        operation: kit::operation(),
        facts: &ExecutionFacts::default(),
        proof: None,
        evidence: &[],
        log_proof: None,
    };
    let guard = MemoryGuard::new(kit::at(0));
    let result = config.build().unwrap().verify(presented, kit::at(now), &guard);
    result.map_or_else(|refusal: Refusal| refusal.code().to_owned(), |_| "accept".to_owned())
}

fn rfc8037_key() -> PublicKey {
    let x = from_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap().try_into().unwrap();
    PublicKey::from_bytes(&x, Algorithm::EdDsa).unwrap()
}

/// Whether a compact JWS has this key's signature, whatever else it is.
fn is_signed_by(jws: &str, key: &PublicKey) -> bool {
    let (signed, signature) = jws.rsplit_once('.').unwrap();
    key.verify(signed.as_bytes(), &from_base64url(signature).unwrap()).is_ok()
}

#[test]
fn wycheproof_ed25519_151_of_151() {
    let Some(file) = vector("wycheproof/ed25519_test.json") else { return };
    let mut run = 0;
    for group in objects(&json(&file), "testGroups") {
        let key = hex(text(group.get("publicKey").unwrap().as_object().unwrap(), "pk"));
        let key = PublicKey::from_bytes(&key.try_into().unwrap(), Algorithm::EdDsa).unwrap();
        for test in objects(group, "tests") {
            let (message, signature) = (hex(text(test, "msg")), hex(text(test, "sig")));
            let valid = text(test, "result") == "valid";
            assert_eq!(key.verify(&message, &signature).is_ok(), valid, "{:?}", test.get("tcId"));
            run += 1;
        }
    }
    assert_eq!(run, 151);
}

#[test]
fn wycheproof_json_web_signatures_are_all_refused() {
    let Some(file) = vector("wycheproof/json_web_signature_test.json") else { return };
    let trusted = kit::sidecar().public;
    let mut base64 = 0;
    for group in objects(&json(&file), "testGroups") {
        for test in objects(group, "tests") {
            let Some(jws) = test.get("jws").and_then(Value::as_str) else { continue };
            let code = refusal(jws, &trusted, kit::NOW);
            let id = test.get("tcId").and_then(Value::as_u64).unwrap();
            // 367 and 370 are, byte for byte, the valid 357: nothing about their form can be refused.
            let misformed = [360..=366, 368..=369, 371..=375].iter().any(|range| range.contains(&id));
            if misformed {
                assert!(["malformed.compact", "malformed.base64"].contains(&code.as_str()), "{id}: {code}");
            } else if (357..=377).contains(&id) {
                // Well-formed, with another header than ours.
                assert_eq!(code, "malformed.header", "{id}");
            }
            assert_ne!(code, "accept", "{id}");
            base64 += u64::from((357..=377).contains(&id));
        }
    }
    assert_eq!(base64, 21);
}

#[test]
fn wycheproof_json_web_crypto_is_all_refused() {
    let Some(file) = vector("wycheproof/json_web_crypto_test.json") else { return };
    let trusted = kit::sidecar().public;
    let mut run = 0;
    for group in objects(&json(&file), "testGroups") {
        for test in objects(group, "tests") {
            let token = test.get("jws").or_else(|| test.get("jwe")).unwrap();
            // JSON serialization stands there as an object.
            let token = token
                .as_str()
                .map_or_else(|| String::from_utf8(token.to_canonical()).unwrap(), ToOwned::to_owned);
            let code = refusal(&token, &trusted, kit::NOW);
            let expected = match text(test, "comment") {
                comment if comment.contains("EmbeddedJwk") => "header.unexpected",
                comment if comment.contains("JsonSerialization") => "malformed.compact",
                _ if token.matches('.').count() != 2 => "malformed.compact",
                _ => "malformed.header",
            };
            assert_eq!(code, expected, "{:?}", test.get("tcId"));
            run += 1;
        }
    }
    assert_eq!(run, 83);
}

#[test]
fn wycheproof_json_web_keys_are_no_keys_of_a_bundle() {
    let Some(file) = vector("wycheproof/json_web_key_test.json") else { return };
    let root = Key::named("root");
    let anchor = Anchor::new(kit::domain(), [root.public.clone()]).unwrap();
    let empty = root.sign(kit::bundle_contents(Vec::new()).signing_input(&root.public).unwrap());
    let claims = kit::claims_of(&empty);
    let mut run = 0;
    for group in objects(&json(&file), "testGroups") {
        let keys = group.get("private").unwrap().as_object().unwrap().get("keys").unwrap();
        let keys = String::from_utf8(keys.to_canonical()).unwrap();
        let claims = claims.replace("\"keys\":[]", &format!("\"keys\":{keys}"));
        let bundle = root.jws(&root.header("countersign-bundle+jwt"), claims.as_bytes());
        let read = TrustBundle::read(&bundle, &[], &anchor, &Ratchet::default(), kit::at(kit::NOW));
        assert!(read.is_err(), "{:?}", group.get("comment"));
        for key in objects(group.get("private").unwrap().as_object().unwrap(), "keys") {
            let error = PublicKey::from_jwk(&Value::from(key.clone())).unwrap_err();
            assert!(
                [KeyError::Private, KeyError::UnexpectedMember, KeyError::KeyType].contains(&error),
                "{error:?}"
            );
        }
        run += 1;
    }
    assert!(run >= 20, "{run}");
}

#[test]
fn rfc_8037_appendix_a() {
    let Some(file) = vector("jose-eddsa/rfc8037-appendix-a.json") else { return };
    let file = json(&file);
    let private = file.get("jwk").unwrap();
    assert_eq!(PublicKey::from_jwk(private), Err(KeyError::Private));
    let public = Object::new()
        .with("kty", "OKP")
        .with("crv", "Ed25519")
        .with("x", text(private.as_object().unwrap(), "x"));
    let key = PublicKey::from_jwk(&Value::from(public)).unwrap();
    assert_eq!(key.id().to_string(), text(&file, "thumbprint_sha256"));
    assert!(is_signed_by(text(&file, "jws"), &key));
    assert_eq!(refusal(text(&file, "jws"), &key, kit::NOW), "malformed.header");
}

#[test]
fn jose_cookbook() {
    let Some(file) = vector("jose-eddsa/cookbook-curve25519-jws.json") else { return };
    let file = json(&file);
    let output = file.get("output").unwrap().as_object().unwrap();
    assert!(is_signed_by(text(output, "compact"), &rfc8037_key()));
    assert_eq!(refusal(text(output, "compact"), &rfc8037_key(), kit::NOW), "malformed.header");
    for form in ["json", "json_flat"] {
        let serialized = String::from_utf8(output.get(form).unwrap().to_canonical()).unwrap();
        assert_eq!(refusal(&serialized, &rfc8037_key(), kit::NOW), "malformed.compact");
    }
    // An unencoded payload has no compact form here; put together by hand it is refused all the same.
    let file = json(&vector("jose-eddsa/rfc7797-4.2.json").unwrap());
    let signing = file.get("signing").unwrap().as_object().unwrap();
    let header = base64url(&signing.get("protected").unwrap().to_canonical());
    let unencoded = format!("{header}.$.02.{}", text(signing, "sig"));
    assert_eq!(refusal(&unencoded, &rfc8037_key(), kit::NOW), "malformed.compact");
    let encoded = format!("{header}.{}.{}", base64url(b"$.02"), text(signing, "sig"));
    assert_eq!(refusal(&encoded, &rfc8037_key(), kit::NOW), "header.unexpected");
}

#[test]
fn another_profiles_tokens_are_not_ours() {
    let Some(keys) = vector("jose-eddsa/opena2a-aap/test-keys.json") else { return };
    let keys = json(&keys);
    for (file, kid) in [
        ("ait-v1", "registry-key-1"),
        ("bac-v1", "registry-key-1"),
        ("cgt-v1", "broker-key-1"),
        ("da-v1", "broker-key-1"),
    ] {
        let token = vector(&format!("jose-eddsa/opena2a-aap/{file}.jwt")).unwrap();
        let token = String::from_utf8(token).unwrap();
        let token = token.trim_end();
        let jwk = objects(&keys, "keys").find(|key| text(key, "kid") == kid).unwrap();
        let jwk = jwk.get("publicJwk").unwrap().as_object().unwrap();
        // Their `kid` is a name, ours must be the thumbprint.
        assert_eq!(PublicKey::from_jwk(&Value::from(jwk.clone())), Err(KeyError::Thumbprint));
        let x = from_base64url(text(jwk, "x")).unwrap().try_into().unwrap();
        let key = PublicKey::from_bytes(&x, Algorithm::EdDsa).unwrap();
        assert!(is_signed_by(token, &key), "{file}");
        assert_eq!(refusal(token, &key, 1_780_315_300), "type.mismatch", "{file}");
    }
}

#[test]
fn every_attack_on_jwt_libraries_is_made_again_under_our_profile() {
    let Some(file) = vector("jwt-attacks/corpus.json") else { return };
    let corpus = json(&file);
    let ours = cases::all();
    let mut run = 0;
    for test in objects(&corpus, "tests") {
        let (name, expect) = (text(test, "name"), text(test, "expect"));
        // The corpus's own tokens, whose signer is trusted here, are of another profile or worse.
        assert_ne!(refusal(text(test, "token"), &rfc8037_key(), kit::NOW), "accept", "{name}");
        let again = ours.iter().find(|case| case.name.ends_with(&format!("--jwt-{name}")));
        let again = again.unwrap_or_else(|| panic!("no vector of ours for {name}"));
        match expect {
            "accept" => assert_eq!(again.expect, "accept", "{name}"),
            // What the corpus leaves to the profile, ours refuses.
            "reject" | "either" => assert_ne!(again.expect, "accept", "{name}"),
            other => panic!("{other}"),
        }
        run += 1;
    }
    assert_eq!(run, 61);
}
