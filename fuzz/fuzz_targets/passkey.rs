//! Any bytes as a passkey assertion, client data, authenticator data, signature or public key: whatever is accepted is
//! written back byte for byte, and no assertion that was not made is good.
#![no_main]

use countersign::digest::base64url;
use countersign::presence::passkey::{
    Asked, Assertion, Challenge, CredentialId, CredentialKey, Passkey, Registration, RelyingParty,
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// The published key and credential of the vector `tpm.ES256` (Web Authentication Level 3, "Test Vectors").
static PASSKEY: LazyLock<Passkey> = LazyLock::new(|| Passkey {
    id: CredentialId::parse("7Ce-x1IciUu7ghEF6jckyQ53DPH6NUFX7xjQ8Y94vqk").expect("an id"),
    key: CredentialKey::parse(
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQSAmmMnZdT-0uz8nzQn-a4r9t2Q47irlTX\
         ydreENhkvYc1EVzbMwpj6h1uQ9UAD0vVb5m86D7h1zMB_CcBFtBw",
    )
    .expect("a key"),
    name: None,
});

/// Client data and authenticator data whose only fault is that nobody signed them.
const CLIENT_DATA: &[u8] = br#"{"type":"webauthn.get","challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","origin":"https://example.org","crossOrigin":false}"#;

const CLIENT_DATA_CREATE: &[u8] = br#"{"type":"webauthn.create","challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","origin":"https://example.org","crossOrigin":false}"#;

fuzz_target!(|bytes: &[u8]| {
    let party = RelyingParty::new("example.org", &["https://example.org"]).expect("a relying party");
    let challenge = Challenge::from_bytes([0; 32]);
    let check = |assertion: &Assertion| {
        assert_eq!(Assertion::from_text(&assertion.to_text()).as_ref(), Ok(assertion));
        let verdict = assertion.verify(&PASSKEY, &party, &challenge);
        assert!(verdict.is_err(), "a forged assertion is good");
    };
    let data = [&party.id_hash()[..], &[0x05, 0, 0, 0, 0]].concat();
    let id = || PASSKEY.id.clone();
    for (data, client_data, signature) in
        [(&data[..], CLIENT_DATA, bytes), (&data[..], bytes, &[1][..]), (bytes, CLIENT_DATA, &[1][..])]
    {
        if let Ok(assertion) = Assertion::new(id(), data, client_data, signature) {
            check(&assertion);
        }
    }
    if let Ok(key) = CredentialKey::from_spki(bytes) {
        assert_eq!(key.to_spki(), bytes, "a second encoding of a key");
        assert_eq!(CredentialKey::parse(&key.to_string()), Ok(key));
    }
    // A browser's word on a new passkey, with only the authenticator data at an attacker's choice.
    let created = CLIENT_DATA_CREATE;
    let (bytes_text, id_text) = (base64url(bytes), PASSKEY.id.to_string());
    let said = format!(
        r#"{{"id":"{id_text}","rawId":"{id_text}","type":"public-key","response":{{"clientDataJSON":"{}","authenticatorData":"{bytes_text}","publicKey":"{}"}}}}"#,
        base64url(created),
        PASSKEY.key,
    );
    if let Ok(registration) = Registration::from_browser(&said, &challenge, &party) {
        assert_eq!(registration.passkey(None), *PASSKEY, "another passkey than the browser named");
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Ok(assertion) = Assertion::from_text(text) {
        assert_eq!(assertion.to_text(), text, "a second text of an assertion");
        check(&assertion);
    }
    if let Ok(assertion) = Assertion::from_browser(text) {
        check(&assertion);
    }
    let _ = Registration::from_browser(text, &challenge, &party);
    if let Some(asked) = Asked::parse(text) {
        assert_eq!(asked.to_text(), text, "a second text of a question");
    }
    let _ = RelyingParty::new(text, &[text]);
    let _ = CredentialKey::parse(text);
});
