//! Passkeys' public keys: the SPKI form, and nothing that looks like it.

use crate::authenticator::{ALGORITHMS, Authenticator, spki_ed25519, spki_p256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::digest::base64url;
use countersign::presence::passkey::{CredentialId, CredentialKey, PasskeyError};

#[test]
fn both_forms_that_browsers_give_are_read() {
    for algorithm in ALGORITHMS {
        let spki = Authenticator::of("ada", algorithm).spki();
        let key = CredentialKey::from_spki(&spki).unwrap();
        assert_eq!(key.to_spki(), spki);
        assert_eq!(CredentialKey::parse(&base64url(&spki)).as_ref(), Ok(&key));
        assert_eq!(CredentialKey::parse(&STANDARD.encode(&spki)).as_ref(), Ok(&key));
        assert_eq!(CredentialKey::parse(&key.to_string()), Ok(key));
        for bad in [
            base64url(&spki) + "=",
            STANDARD.encode(&spki).trim_end_matches('=').replace('/', "_") + "+/",
            format!(" {}", base64url(&spki)),
            "!".into(),
        ] {
            assert_eq!(CredentialKey::parse(&bad), Err(PasskeyError::KeyBase64), "{bad}");
        }
    }
    for bad in ["", "AAAA", &"A".repeat(100_000)] {
        assert_eq!(CredentialKey::parse(bad), Err(PasskeyError::KeyType), "{bad:.80}");
    }
}

#[test]
fn another_kind_of_key_is_refused() {
    for algorithm in ALGORITHMS {
        let spki = Authenticator::of("ada", algorithm).spki();
        let prefix = if spki.len() == 44 { 12 } else { 26 };
        for at in 0..prefix {
            let mut other = spki.clone();
            other[at] ^= 1;
            assert_eq!(CredentialKey::from_spki(&other), Err(PasskeyError::KeyType), "byte {at}");
        }
        for length in 0..spki.len() {
            assert_eq!(
                CredentialKey::from_spki(&spki[..length]),
                Err(PasskeyError::KeyType),
                "{length} bytes"
            );
        }
        assert_eq!(CredentialKey::from_spki(&[&spki[..], &[0]].concat()), Err(PasskeyError::KeyType));
    }
}

#[test]
fn points_that_are_none_or_prove_nothing_are_refused() {
    let x_and_y: [[u8; 32]; 2] = [[1; 32], [2; 32]];
    let off_curve = [&[4][..], &x_and_y.concat()].concat();
    assert_eq!(CredentialKey::from_spki(&spki_p256(&off_curve)), Err(PasskeyError::KeyPoint));
    let zero = [&[4][..], &[0; 64]].concat();
    assert_eq!(CredentialKey::from_spki(&spki_p256(&zero)), Err(PasskeyError::KeyPoint));
    let beyond_the_field = [&[4][..], &[0xff; 64]].concat();
    assert_eq!(CredentialKey::from_spki(&spki_p256(&beyond_the_field)), Err(PasskeyError::KeyPoint));
    let mut hybrid = Authenticator::of("ada", ALGORITHMS[0]).spki();
    hybrid[26] = 6;
    assert_eq!(CredentialKey::from_spki(&hybrid), Err(PasskeyError::KeyType));
    // The identity, and the point of order two.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    for weak in [identity, order_two, [0; 32]] {
        assert_eq!(CredentialKey::from_spki(&spki_ed25519(&weak)), Err(PasskeyError::KeyWeak));
    }
    let mut unreduced = [0xff; 32];
    (unreduced[0], unreduced[31]) = (0xf0, 0x7f);
    assert_eq!(CredentialKey::from_spki(&spki_ed25519(&unreduced)), Err(PasskeyError::KeyPoint));
}

#[test]
fn a_credential_id_has_one_text() {
    let id = CredentialId::new(&[0xfb; 17]).unwrap();
    assert_eq!(CredentialId::parse(&id.to_string()), Ok(id.clone()));
    let text = id.to_string();
    let unused_bits_set = format!("{}_", &text[..text.len() - 1]);
    for bad in ["", "AAAA", &format!("{text}="), &STANDARD.encode(id.as_bytes()), &unused_bits_set] {
        assert_eq!(CredentialId::parse(bad), Err(PasskeyError::CredentialId), "{bad}");
    }
}
