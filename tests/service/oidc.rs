//! Tokens of an identity provider: which are taken for a person's, and that no other ever is.

use crate::provider::{AUDIENCE, ISSUER, Provider, claims, header, with};
use crate::support::{POLICY, Service, code};
use countersign::client::{ClientError, Connect, Filter, Order, ReviewClient, Target};
use countersign::clock::{Clock as _, SystemClock};
use countersign::digest::base64url;
use countersign::moment::Moment;
use countersign::presence::oidc::{Issuer, KeySet, MAX_KEY_SET, MAX_TOKEN, OidcError, verify};
use countersign::presence::sign_in::Challenge;
use proptest::prelude::{any, prop_assert, proptest};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const NOW: u64 = 1_800_000_000;

fn judge(token: &str, claim: &str, keys: &KeySet) -> Result<String, OidcError> {
    let issuer = Issuer { issuer: ISSUER.into(), audience: AUDIENCE.into(), claim: claim.into() };
    let identity = verify(token, &issuer, keys, Moment::from_unix_seconds(NOW))?;
    Ok(identity.account().to_owned())
}

fn keys(provider: &Provider) -> KeySet {
    KeySet::read(provider.jwks().as_bytes()).unwrap()
}

#[test]
fn each_of_the_three_algorithms_signs_with_its_own_key_only() {
    let provider = Provider::new();
    let keys = keys(&provider);
    let claims = claims("ada@example.com", NOW);
    for key in ["rsa", "p256", "ed25519"] {
        let good = provider.sign(key, &header(key), &claims);
        assert_eq!(judge(&good, "email", &keys).as_deref(), Ok("ada@example.com"), "{key}");
        for other in ["rsa", "p256", "ed25519"].into_iter().filter(|other| *other != key) {
            let signed = provider.sign(other, &header(key), &claims);
            assert_eq!(judge(&signed, "email", &keys), Err(OidcError::Signature), "{other} for {key}");
            let confused = with(header(key), &json!({ "kid": other }));
            let signed = provider.sign(key, &confused, &claims);
            assert_eq!(judge(&signed, "email", &keys), Err(OidcError::Algorithm), "{key} as {other}");
        }
        // Each character of it counts.
        for (at, _) in good.match_indices(|c: char| c.is_ascii_alphanumeric()).step_by(17) {
            let mut forged = good.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(judge(&forged, "email", &keys).is_err(), "{key} at {at}");
        }
    }
}

#[test]
fn a_header_that_asks_for_anything_else_is_refused() {
    let provider = Provider::new();
    let keys = keys(&provider);
    let rows = [
        ("no algorithm", json!({ "alg": "none" }), OidcError::Algorithm),
        ("none in capitals", json!({ "alg": "NONE" }), OidcError::Algorithm),
        ("a shared secret", json!({ "alg": "HS256" }), OidcError::Algorithm),
        ("another padding", json!({ "alg": "PS256" }), OidcError::Algorithm),
        ("another hash", json!({ "alg": "RS512" }), OidcError::Algorithm),
        ("lower case", json!({ "alg": "rs256" }), OidcError::Algorithm),
        ("no text", json!({ "alg": 1 }), OidcError::Algorithm),
        ("nothing", json!({ "alg": null }), OidcError::Algorithm),
        ("no key", json!({ "kid": null }), OidcError::KeyId),
        ("a key that is no text", json!({ "kid": ["rsa"] }), OidcError::KeyId),
        ("an unknown key", json!({ "kid": "RSA" }), OidcError::UnknownKey),
        ("a path for a key", json!({ "kid": "../../../dev/null" }), OidcError::UnknownKey),
        ("an extension", json!({ "crit": ["b64"], "b64": false }), OidcError::Critical),
        ("an empty list of extensions", json!({ "crit": [] }), OidcError::Critical),
        ("a logout token", json!({ "typ": "logout+jwt" }), OidcError::Type),
        ("a proof of possession", json!({ "typ": "dpop+jwt" }), OidcError::Type),
        ("an authority token", json!({ "typ": "countersign-authority+jwt" }), OidcError::Type),
        ("a type that is no text", json!({ "typ": 1 }), OidcError::Type),
    ];
    for (name, changes, error) in rows {
        let token = provider.sign("rsa", &with(header("rsa"), &changes), &claims("ada@example.com", NOW));
        assert_eq!(judge(&token, "email", &keys), Err(error), "{name}");
    }
    // Keys that the token itself brings are not looked at.
    let brought =
        with(header("rsa"), &json!({ "kid": "mine", "jwk": provider.keys()[0], "jku": "https://evil" }));
    let token = provider.sign("rsa", &brought, &claims("ada@example.com", NOW));
    assert_eq!(judge(&token, "email", &keys), Err(OidcError::UnknownKey));
    for kind in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
        let token = provider.sign(
            "rsa",
            &with(header("rsa"), &json!({ "typ": kind })),
            &claims("ada@example.com", NOW),
        );
        assert!(judge(&token, "email", &keys).is_ok(), "{kind}");
    }
}

#[test]
fn the_public_key_is_no_secret_to_sign_with() {
    let provider = Provider::new();
    let keys = keys(&provider);
    let signed = {
        let header = json!({ "alg": "HS256", "kid": "rsa" });
        let encoded = |value: &Value| base64url(value.to_string().as_bytes());
        format!("{}.{}", encoded(&header), encoded(&claims("ada@example.com", NOW)))
    };
    for secret in [provider.jwks(), provider.keys()[0].to_string(), provider.keys()[0]["n"].to_string()] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let token = format!("{signed}.{}", base64url(ring::hmac::sign(&key, signed.as_bytes()).as_ref()));
        assert_eq!(judge(&token, "email", &keys), Err(OidcError::Algorithm));
    }
    let unsigned = provider.token("ada@example.com", NOW);
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    assert_eq!(judge(&format!("{unsigned}."), "email", &keys), Err(OidcError::Signature));
}

#[test]
fn claims_that_are_not_for_us_now_are_refused() {
    let provider = Provider::new();
    let keys = keys(&provider);
    let rows = [
        ("another issuer", json!({ "iss": "https://id.acme.example/" }), Err(OidcError::Issuer)),
        ("no issuer", json!({ "iss": null }), Err(OidcError::Issuer)),
        ("several issuers", json!({ "iss": [ISSUER] }), Err(OidcError::Issuer)),
        ("another audience", json!({ "aud": "wiki" }), Err(OidcError::Audience)),
        ("no audience", json!({ "aud": null }), Err(OidcError::Audience)),
        ("an empty audience", json!({ "aud": [] }), Err(OidcError::Audience)),
        ("a longer audience", json!({ "aud": "countersign2" }), Err(OidcError::Audience)),
        ("an audience with no text in it", json!({ "aud": ["countersign", 1] }), Err(OidcError::Audience)),
        ("a list of one", json!({ "aud": ["countersign"] }), Ok(())),
        (
            "several, asked for by nobody named",
            json!({ "aud": ["countersign", "wiki"] }),
            Err(OidcError::Audience),
        ),
        (
            "several, asked for by another",
            json!({ "aud": ["countersign", "wiki"], "azp": "wiki" }),
            Err(OidcError::Audience),
        ),
        ("asked for by another", json!({ "azp": "wiki" }), Err(OidcError::Audience)),
        ("several, asked for by us", json!({ "aud": ["countersign", "wiki"], "azp": "countersign" }), Ok(())),
        ("no beginning", json!({ "iat": null }), Err(OidcError::Times)),
        ("no end", json!({ "exp": null }), Err(OidcError::Times)),
        ("an end that is a text", json!({ "exp": (NOW + 60).to_string() }), Err(OidcError::Times)),
        ("an end that is no whole number", json!({ "exp": 1_800_000_060.5 }), Err(OidcError::Times)),
        ("an end before all time", json!({ "exp": -1 }), Err(OidcError::Times)),
        ("over for 30 s", json!({ "iat": NOW - 60, "exp": NOW - 30 }), Err(OidcError::Expired)),
        ("over for less than 30 s", json!({ "iat": NOW - 60, "exp": NOW - 29 }), Ok(())),
        ("from 31 s on", json!({ "iat": NOW + 31 }), Err(OidcError::NotYet)),
        ("from 30 s on", json!({ "iat": NOW + 30 }), Ok(())),
        ("valid from 31 s on", json!({ "nbf": NOW + 31 }), Err(OidcError::NotYet)),
        ("valid from a text on", json!({ "nbf": "" }), Err(OidcError::Times)),
        ("valid since long ago", json!({ "nbf": 0 }), Ok(())),
        ("a day long", json!({ "exp": NOW + 86_400 }), Ok(())),
        ("longer than a day", json!({ "exp": NOW + 86_401 }), Err(OidcError::Life)),
        ("for ever", json!({ "exp": 9_007_199_254_740_991_u64 }), Err(OidcError::Life)),
        ("ending before it begins", json!({ "iat": NOW + 10, "exp": NOW + 5 }), Err(OidcError::Life)),
        ("not verified", json!({ "email_verified": false }), Err(OidcError::EmailUnverified)),
        ("verified in words", json!({ "email_verified": "true" }), Err(OidcError::EmailUnverified)),
        ("not said to be verified", json!({ "email_verified": null }), Err(OidcError::EmailUnverified)),
        ("no address", json!({ "email": null }), Err(OidcError::Claim)),
        ("an empty address", json!({ "email": "" }), Err(OidcError::Claim)),
        ("several addresses", json!({ "email": ["ada@example.com"] }), Err(OidcError::Claim)),
        ("a very long address", json!({ "email": "a".repeat(257) }), Err(OidcError::Claim)),
    ];
    for (name, changes, expected) in rows {
        let claims = with(claims("ada@example.com", NOW), &changes);
        let token = provider.sign("rsa", &header("rsa"), &claims);
        assert_eq!(judge(&token, "email", &keys).map(drop), expected, "{name}");
    }
    // Another claim stands by itself; nobody says that it was verified.
    let token = provider.token("ada@example.com", NOW);
    assert_eq!(judge(&token, "sub", &keys).as_deref(), Ok("0815"));
    assert_eq!(judge(&token, "upn", &keys), Err(OidcError::Claim));
    // Whom an access token was asked for by is another program.
    let access = with(header("rsa"), &json!({ "typ": "at+jwt" }));
    let several =
        with(claims("ada@example.com", NOW), &json!({ "aud": ["wiki", "countersign"], "azp": "app" }));
    assert!(judge(&provider.sign("rsa", &access, &several), "email", &keys).is_ok());
}

#[test]
fn what_is_no_token_is_refused_whatever_its_size() {
    let keys = keys(&Provider::new());
    let deep = format!("{}.e30.", base64url(format!("{}1{}", "[".repeat(2000), "]".repeat(2000)).as_bytes()));
    let twice = format!("{}.e30.", base64url(br#"{"alg":"none","alg":"RS256"}"#));
    let long = "a".repeat(1_000_000);
    let rows = [
        ("", OidcError::Form),
        ("a", OidcError::Form),
        ("a.b", OidcError::Form),
        ("..", OidcError::Json),
        ("....", OidcError::Form),
        ("e30=.e30.", OidcError::Base64),
        ("e3 0.e30.", OidcError::Base64),
        ("bnVsbA.e30.", OidcError::Json),
        ("e30.e30.", OidcError::Algorithm),
        (&deep, OidcError::Json),
        (&twice, OidcError::Json),
        (&long, OidcError::Size),
    ];
    for (token, error) in rows {
        assert_eq!(
            judge(token, "email", &keys),
            Err(error),
            "{}",
            token.chars().take(40).collect::<String>()
        );
    }
    let padded = with(claims("ada@example.com", NOW), &json!({ "more": "a".repeat(MAX_TOKEN) }));
    let token = Provider::new().sign("rsa", &header("rsa"), &padded);
    assert_eq!(judge(&token, "email", &keys), Err(OidcError::Size), "a good signature is no reason");
}

#[test]
fn a_set_of_keys_is_whole_and_sound_or_refused() {
    let provider = Provider::new();
    let good = provider.keys();
    let read = |keys: Vec<Value>| KeySet::read(json!({ "keys": keys }).to_string().as_bytes());
    let size = |keys: Vec<Value>| read(keys).map(|keys| keys.len());
    let changed = |at: usize, changes: Value| vec![good[0].clone(), with(good[at].clone(), &changes)];
    assert_eq!(size(good.clone()), Ok(3));
    let rows = [
        ("the same name twice", changed(1, json!({ "kid": "rsa" })), Err(OidcError::KeysDuplicate)),
        (
            "the same name twice, one of them not for us",
            changed(1, json!({ "kid": "rsa", "use": "enc" })),
            Err(OidcError::KeysDuplicate),
        ),
        ("a private key", changed(1, json!({ "d": "AAAA" })), Err(OidcError::KeysPrivate)),
        ("for encryption", changed(1, json!({ "use": "enc" })), Ok(1)),
        ("for making signatures", changed(1, json!({ "key_ops": ["sign"] })), Ok(1)),
        ("for checking them", changed(1, json!({ "key_ops": ["verify"] })), Ok(2)),
        ("without a name", changed(1, json!({ "kid": null })), Ok(1)),
        ("of another curve", changed(1, json!({ "crv": "P-521" })), Ok(1)),
        ("for another algorithm", changed(1, json!({ "alg": "ES512" })), Ok(1)),
        ("a shared secret", vec![good[0].clone(), json!({ "kid": "s", "kty": "oct", "k": "AAAA" })], Ok(1)),
        ("off the curve", changed(1, json!({ "y": good[1]["x"] })), Err(OidcError::KeysMalformed)),
        ("half a point", changed(1, json!({ "y": null })), Err(OidcError::KeysMalformed)),
        ("a small point", changed(2, json!({ "x": base64url(&[0; 32]) })), Err(OidcError::KeysMalformed)),
        (
            "a short modulus",
            changed(0, json!({ "kid": "2", "n": base64url(&[0xff; 255]) })),
            Err(OidcError::KeysMalformed),
        ),
        (
            "a padded modulus",
            changed(0, json!({ "kid": "2", "n": base64url(&[0; 300]) })),
            Err(OidcError::KeysMalformed),
        ),
        (
            "a long modulus",
            changed(0, json!({ "kid": "2", "n": base64url(&[0xff; 1025]) })),
            Err(OidcError::KeysMalformed),
        ),
        ("the exponent 3", changed(0, json!({ "kid": "2", "e": "Aw" })), Err(OidcError::KeysMalformed)),
        ("the exponent 1", changed(0, json!({ "kid": "2", "e": "AQ" })), Err(OidcError::KeysMalformed)),
        ("none", vec![], Err(OidcError::KeysNone)),
        ("none for us", vec![json!({ "kid": "s", "kty": "oct", "k": "AAAA" })], Err(OidcError::KeysNone)),
        ("no object", vec![json!("key")], Err(OidcError::KeysJson)),
        ("too many", vec![json!({}); 65], Err(OidcError::KeysSize)),
    ];
    for (name, keys, expected) in rows {
        assert_eq!(size(keys), expected, "{name}");
    }
    for (bytes, error) in [
        (&b""[..], OidcError::KeysJson),
        (b"[]", OidcError::KeysJson),
        (br#"{"keys":{}}"#, OidcError::KeysJson),
        (br#"{"keys":[],"keys":[]}"#, OidcError::KeysJson),
        (&vec![b' '; MAX_KEY_SET + 1], OidcError::KeysSize),
    ] {
        assert_eq!(KeySet::read(bytes).map(drop), Err(error));
    }
}

proptest! {
    #[test]
    fn nothing_that_a_stranger_writes_makes_it_stumble_or_is_good(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        header in "\\{\"alg\":\"(RS256|ES256|EdDSA|none)\",\"kid\":\"(rsa|p256|ed25519)\"\\}",
        signature in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let keys = keys(&Provider::new());
        let text = String::from_utf8_lossy(&bytes);
        let parts = [header.as_bytes(), &bytes[..], &signature[..]].map(base64url);
        for token in [text.to_string(), parts.join("."), format!("{}.{text}", parts[0])] {
            prop_assert!(judge(&token, "email", &keys).is_err());
        }
        prop_assert!(KeySet::read(&bytes).is_err());
        prop_assert!(Challenge::parse(&text).is_none());
    }
}

/// Signatures that others found hard to get right: those that are valid get as far as their payload, which is no
/// claims; nothing else does.
#[test]
fn wycheproofs_signatures_are_judged_as_they_should_be() {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = std::env::var_os("COUNTERSIGN_VECTORS").map_or_else(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("wycheproof/json_web_signature_test.json")) else {
        assert!(std::env::var_os("CI").is_none(), "the vectors are missing");
        eprintln!("wycheproof: not run, the vectors are missing");
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let Ok(keys) = KeySet::read(json!({ "keys": [group["public"]] }).to_string().as_bytes()) else {
            continue;
        };
        for test in group["tests"].as_array().unwrap() {
            let judged = judge(test["jws"].as_str().unwrap_or_default(), "email", &keys).unwrap_err();
            let passed = matches!(judged, OidcError::Json | OidcError::Issuer);
            match test["result"].as_str().unwrap() {
                "valid" if passed => valid += 1,
                // What we accept is narrower: a header without `kid` or with padding, for example.
                "valid" => assert!(
                    matches!(
                        judged,
                        OidcError::KeyId | OidcError::Base64 | OidcError::Type | OidcError::Algorithm
                    ),
                    "{}: {judged:?}",
                    test["tcId"]
                ),
                _ => {
                    assert!(!passed || judged == OidcError::Json, "{}: {judged:?}", test["tcId"]);
                    invalid += 1;
                }
            }
        }
    }
    assert!(valid >= 10 && invalid > 100, "{valid} {invalid}");
}

/// A service that knows the provider, on a socket and on TCP.
async fn served(provider: &Provider) -> Service {
    let lines = "oidc: {issuer: \"https://id.acme.example\", audience: countersign, jwks: jwks.json}\n";
    let mut service = Service::prepare(POLICY, "", lines);
    std::fs::write(service.path("jwks.json"), provider.jwks()).unwrap();
    let config = std::fs::read_to_string(service.path("countersign.yaml")).unwrap();
    let config = config.replace("{socket: review.sock}", "{socket: review.sock, tcp: \"127.0.0.1:0\"}");
    std::fs::write(service.path("countersign.yaml"), config).unwrap();
    service.run().await;
    service
}

async fn with_bearer(service: &Service, token: &str) -> Result<ReviewClient, ClientError> {
    let address = service.running.as_ref().unwrap().addresses().reviewer_tcp.unwrap();
    ReviewClient::connect(Connect::to(Target::Tcp(format!("http://{address}"))).with_bearer(token)?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_the_reviewers_service_for_the_person_whose_account_it_names() {
    let provider = Provider::new();
    let service = served(&provider).await;
    let now = SystemClock::start().now().unix_seconds();
    let ada = with_bearer(&service, &provider.token("Ada@example.com", now)).await.unwrap();
    let myself = ada.who_am_i().await.unwrap();
    assert_eq!((&*myself.person, &*myself.by, &*myself.credential), ("ada", "oidc", "Ada@example.com"));
    assert_eq!(myself.roles, ["oncall"]);
    assert!(ada.list(Filter::default(), Order::Newest, 10, None).await.is_ok(), "she may read");
    assert_eq!(code(ada.sign_out().await.unwrap_err()), "FailedPrecondition");

    let refused = [
        ("of somebody else", provider.token("eve@example.com", now)),
        ("of an id", provider.token("ada", now)),
        ("of yesterday", provider.token("ada@example.com", now - 80_000)),
        ("of nobody", "a.b.c".to_owned()),
        ("that is none", "secret".to_owned()),
        ("of a session that is none", "ses_AAAA".to_owned()),
        ("that is long", "a".repeat(1_000_000)),
    ];
    for (name, token) in refused {
        let stranger = with_bearer(&service, &token).await.unwrap();
        assert!(
            matches!(
                stranger.list(Filter::default(), Order::Newest, 10, None).await,
                Err(ClientError::Refused { .. } | ClientError::Unreachable(_))
            ),
            "{name}"
        );
        assert!(stranger.who_am_i().await.is_err(), "{name}");
        // On the socket, whose user may read, it is not passed over either.
        let socket = Connect::to(Target::Unix(service.path("review.sock"))).with_bearer(&token).unwrap();
        assert!(
            ReviewClient::connect(socket)
                .await
                .unwrap()
                .list(Filter::default(), Order::Newest, 10, None)
                .await
                .is_err(),
            "{name}"
        );
    }
    assert!(service.reviewer().await.list(Filter::default(), Order::Newest, 10, None).await.is_ok());

    // The key is taken back, and the person leaves.
    let keys = json!({ "keys": provider.keys()[1..] }).to_string();
    std::fs::write(service.path("jwks.json"), keys).unwrap();
    service.running.as_ref().unwrap().reload().await;
    assert_eq!(
        code(ada.list(Filter::default(), Order::Newest, 10, None).await.unwrap_err()),
        "Unauthenticated"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_does_not_start_without_the_providers_keys() {
    let lines = "oidc: {issuer: \"https://id.acme.example\", audience: countersign, jwks: jwks.json}\n";
    let service = Service::prepare(POLICY, "", lines);
    let start = async || {
        assert!(countersign::serve::check(&service.config()).is_err());
        countersign::serve::start(&service.config()).await.map(|_| ()).unwrap_err().to_string()
    };
    assert!(start().await.contains("jwks.json"));
    std::fs::write(service.path("jwks.json"), r#"{"keys":[]}"#).unwrap();
    assert!(start().await.contains("oidc.keys.none"));
    std::fs::write(service.path("jwks.json"), Provider::new().jwks()).unwrap();
    let check = |claim: &str| {
        let text = std::fs::read_to_string(service.path("countersign.yaml")).unwrap();
        let text = text.replace("jwks: jwks.json}", &format!("jwks: jwks.json, claim: {claim}}}"));
        let path = service.path("other.yaml");
        std::fs::write(&path, text).unwrap();
        let found = countersign::serve::check(&countersign::config::Config::load(&path).unwrap()).unwrap();
        found.iter().any(|finding| finding.contains("oidc.claim"))
    };
    assert!(check("preferred_username") && !check("email") && !check("sub"));
}
