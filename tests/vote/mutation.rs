//! Parse, write, compare: whatever a parser accepts it writes back byte for byte, and nothing makes it panic.

use crate::authenticator::{ALGORITHMS, Authenticator, Ceremony, assertion_text, signed_by_passkey};
use crate::people::{approve, signed_by, statement};
use crate::security_key::DEVICES;
use countersign::escalation::evidence::{from_bytes, to_bytes};
use countersign::escalation::vote::Statement;
use countersign::presence::passkey::{Assertion, CredentialId, CredentialKey};
use countersign::presence::ssh::{PrivateKey, PublicKey, Signature, VOTE_NAMESPACE};
use proptest::prelude::*;
use std::sync::LazyLock;

static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(samples);

/// Good inputs of every parser, to be damaged.
fn samples() -> Vec<Vec<u8>> {
    let key = PrivateKey::from_seed(&[1; 32], "ada@example");
    let signature = key.sign(VOTE_NAMESPACE, b"agreed");
    let vote = statement("ada", approve(&["canary:max_percent=10", "mask:fields=email+ssn"]));
    let mut samples = vec![
        signature.to_blob(),
        signature.to_armored().into_bytes(),
        key.public_key().blob().to_vec(),
        key.public_key().to_line().into_bytes(),
        key.to_openssh(7).as_bytes().to_vec(),
        vote.to_bytes(),
        to_bytes(&signed_by("ada", &vote)),
    ];
    for device in DEVICES {
        samples.push(device.sign(1, 7));
        samples.push(device.line().into_bytes());
    }
    for algorithm in ALGORITHMS {
        let signed = signed_by_passkey(algorithm, &vote);
        samples.push(to_bytes(&signed));
        samples.push(signed.signature.into_bytes());
        samples.push(Authenticator::of("ada", algorithm).spki());
    }
    samples
}

/// Gives the bytes to every parser.
fn parse_all(bytes: &[u8]) -> Result<usize, TestCaseError> {
    let mut accepted = 0;
    if let Ok(signature) = Signature::from_blob(bytes) {
        prop_assert_eq!(signature.to_blob(), bytes);
        let armored = signature.to_armored();
        prop_assert_eq!(Signature::from_armored(&armored), Ok(signature));
        accepted += 1;
    }
    if let Ok(key) = PublicKey::from_blob(bytes) {
        prop_assert_eq!(key.blob(), bytes);
        let line = key.to_line();
        prop_assert_eq!(PublicKey::from_line(&line), Ok(key));
        accepted += 1;
    }
    if let Ok(statement) = Statement::from_bytes(bytes) {
        prop_assert_eq!(statement.to_bytes(), bytes);
        accepted += 1;
    }
    if let Some(vote) = from_bytes(bytes) {
        prop_assert_eq!(to_bytes(&vote), bytes);
        accepted += 1;
    }
    if let Ok(key) = CredentialKey::from_spki(bytes) {
        prop_assert_eq!(key.to_spki(), bytes);
        let text = key.to_string();
        prop_assert_eq!(CredentialKey::parse(&text), Ok(key));
        accepted += 1;
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return Ok(accepted) };
    if let Ok(assertion) = Assertion::from_text(text) {
        prop_assert_eq!(assertion.to_text(), text);
        accepted += 1;
    }
    if let Ok(signature) = Signature::from_armored(text) {
        prop_assert_eq!(Signature::from_blob(&signature.to_blob()), Ok(signature));
        accepted += 1;
    }
    if let Ok(key) = PublicKey::from_line(text) {
        prop_assert!(text.starts_with(&key.to_line()));
        accepted += 1;
    }
    if let Ok(key) = PrivateKey::from_openssh(text) {
        let again = PrivateKey::from_openssh(&key.to_openssh(1)).map(|again| again.public_key().clone());
        prop_assert_eq!(again.as_ref(), Ok(key.public_key()));
        accepted += 1;
    }
    Ok(accepted)
}

#[test]
fn every_sample_is_accepted_by_one_parser() {
    for sample in SAMPLES.iter() {
        assert_eq!(parse_all(sample).unwrap(), 1, "{}", String::from_utf8_lossy(sample));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn damaged_samples_are_refused_or_mean_what_they_say(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let mut bytes = which.get(&SAMPLES).clone();
        for (place, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                // Lengths are what parsers trip over.
                _ => bytes[at] = [0x00, 0x7f, 0x80, 0xff][usize::from(byte % 4)],
            }
        }
        parse_all(&bytes)?;
    }

    /// What a browser hands over is either refused, or written and read back as it was.
    #[test]
    fn what_is_put_together_is_read_back(
        id in prop::collection::vec(any::<u8>(), 0..80),
        tail in prop::collection::vec(any::<u8>(), 0..3),
        flags in prop_oneof![Just(0x05), Just(0x1d), any::<u8>()],
        counter in any::<u32>(),
        more in ".{0,40}",
        signature in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let more = format!(",\"x\":{}", serde_json::Value::from(more));
        let ceremony = Ceremony { flags, counter, tail, more, ..Ceremony::of("x") };
        let (data, client) = (ceremony.authenticator_data(), ceremony.client_data());
        let text = assertion_text(&id, &data, &client, &signature);
        let made = CredentialId::new(&id).and_then(|id| Assertion::new(id, &data, &client, &signature));
        prop_assert_eq!(made.as_ref().map(Assertion::to_text), made.as_ref().map(|_| text.clone()));
        prop_assert_eq!(Assertion::from_text(&text), made);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse_all(&bytes)?;
        parse_all(&[b"SSHSIG\0\0\0\x01", &bytes[..]].concat())?;
    }
}
