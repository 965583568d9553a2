//! The one form of an assertion: of its signature, and of the text that carries it.

use crate::authenticator::{
    Algorithm, Authenticator, Ceremony, Owners, assertion_text, der, integer, signed_by_passkey,
};
use crate::people::{approve, statement};
use countersign::escalation::vote::{SignedVote, VoteError, verify};
use countersign::presence::passkey::{Assertion, CredentialId, PasskeyError};

/// What ada agrees to, what her authenticator signs for it, and the page's client data.
fn agreed() -> (String, Vec<u8>, Vec<u8>) {
    let text = statement("ada", approve(&[])).to_text();
    let ceremony = Ceremony::of(&text);
    (text, ceremony.authenticator_data(), ceremony.client_data())
}

fn right_signature(device: &Authenticator) -> Vec<u8> {
    let (_, data, client) = agreed();
    device.sign(&data, &client)
}

/// What becomes of ada's vote with this signature.
fn judge(device: &Authenticator, signature: &[u8]) -> Result<(), PasskeyError> {
    let (text, data, client) = agreed();
    let signature = assertion_text(device.credential().as_bytes(), &data, &client, signature);
    match verify(&SignedVote { statement: text, signature }, &Owners::of(&["ada"])) {
        Ok(_) => Ok(()),
        Err(VoteError::Passkey(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn an_ecdsa_signature_has_one_der_form() {
    let device = Authenticator::of("ada", Algorithm::Es256);
    let good = right_signature(&device);
    let judge = |signature: &[u8]| judge(&device, signature);
    assert_eq!(judge(&good), Ok(()));
    let r_length = usize::from(good[3]);
    let (r, s) = (good[4..4 + r_length].to_vec(), good[6 + r_length..].to_vec());
    assert_eq!(der(&[&r, &s]), good);
    // The other of the two values of `s`: WebAuthn leaves it to the authenticator.
    let signature = p256::ecdsa::Signature::from_der(&good).unwrap();
    let negated = p256::ecdsa::Signature::from_scalars(signature.r(), -*signature.s()).unwrap();
    let (_, other_s) = negated.split_bytes();
    assert_eq!(judge(&der(&[&r, &integer(&other_s)])), Ok(()));
    let padded = |number: &[u8]| [&[0][..], number].concat();
    let length = u8::try_from(good.len() - 2).unwrap();
    let [mut set, mut octets] = [good.clone(), good.clone()];
    (set[0], octets[2]) = (0x31, 0x04);
    for (what, signature) in [
        ("a zero too many before r", der(&[&padded(&r), &s])),
        ("a zero too many before s", der(&[&r, &padded(&s)])),
        ("a negative number", der(&[&r, &[0x80]])),
        ("r is zero", der(&[&[0], &s])),
        ("s is zero", der(&[&r, &[0]])),
        ("s is the order", der(&[&r, &padded(&ORDER)])),
        ("an empty number", der(&[&r, &[]])),
        ("a third number", der(&[&[1], &[1], &[1]])),
        ("a zero too many before a small number", der(&[&[0, 1], &[1]])),
        ("one number", der(&[&r])),
        ("a long form of the length", [&[0x30, 0x81, length][..], &good[2..]].concat()),
        ("an indefinite length", [&[0x30, 0x80][..], &good[2..], &[0, 0]].concat()),
        ("a byte behind it", [&good[..], &[0]].concat()),
        ("cut short", good[..good.len() - 1].to_vec()),
        ("a set", set),
        ("an octet string for r", octets),
        ("the bare numbers", signature.to_bytes().to_vec()),
        ("nothing", vec![]),
        ("huge", vec![0x30; 3000]),
    ] {
        assert_eq!(judge(&signature), Err(PasskeyError::SignatureForm), "{what}");
    }
}

#[test]
fn an_ed25519_signature_has_one_form() {
    let device = Authenticator::of("ada", Algorithm::EdDsa);
    let good = right_signature(&device);
    let judge = |signature: &[u8]| judge(&device, signature);
    assert_eq!(judge(&good), Ok(()));
    for signature in [&good[..63], &[&good[..], &[0]].concat(), &[]] {
        assert_eq!(judge(signature), Err(PasskeyError::SignatureForm), "{} bytes", signature.len());
    }
    // `s` and the order of the group: the same number to whoever reduces it.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut unreduced = good;
    let mut carry = 0;
    for (byte, addend) in unreduced[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert_eq!(judge(&unreduced), Err(PasskeyError::SignatureInvalid));
}

#[test]
fn an_assertion_has_one_text() {
    let good = signed_by_passkey(Algorithm::Es256, &statement("ada", approve(&[]))).signature;
    assert_eq!(Assertion::from_text(&good).unwrap().to_text(), good);
    let client = Ceremony::of("x").client_data();
    let text = |data: &[u8]| assertion_text(&[1; 32], data, &client, &[1]);
    let data = Ceremony::of("x").authenticator_data();
    assert!(Assertion::from_text(&text(&data)).is_ok());
    for (what, bad) in [
        ("a space", good.replacen('{', "{ ", 1)),
        ("a line behind it", format!("{good}\n")),
        ("another version", good.replace("\"v\":1", "\"v\":2")),
        ("the version as text", good.replace("\"v\":1", "\"v\":\"1\"")),
        ("another type", good.replace("countersign-passkey-assertion", "countersign-evidence")),
        ("another member", good.replace("\"v\":1", "\"v\":1,\"x\":1")),
        ("a member twice", good.replace("\"v\":1", "\"v\":1,\"v\":1")),
        ("a member less", good.replace(",\"v\":1", "")),
        ("an escape", good.replace("countersign-passkey", "countersign\\u002dpasskey")),
        ("padding", good.replace("\",\"type\"", "=\",\"type\"")),
        ("another alphabet", good.replacen('_', "/", 1).replacen('-', "+", 1)),
        ("nothing", "{}".into()),
        ("an open brace", "{".into()),
        ("deep", "{\"a\":".repeat(1000)),
    ] {
        assert_ne!(bad, good, "{what}");
        assert_eq!(Assertion::from_text(&bad).err(), Some(PasskeyError::AssertionForm), "{what}");
    }
    // 37 bytes are 50 characters, whose last has four bits that stand for nothing.
    let unused = text(&data).replacen("AAAAA\"", "AAAAB\"", 1);
    assert_ne!(unused, text(&data));
    assert_eq!(Assertion::from_text(&unused).err(), Some(PasskeyError::AssertionForm));
    for length in [0, 15, 1024] {
        let bad = assertion_text(&vec![1; length], &data, &client, &[1]);
        assert_eq!(Assertion::from_text(&bad).err(), Some(PasskeyError::CredentialId), "{length}");
    }
    for length in [16, 1023] {
        assert!(CredentialId::new(&vec![1; length]).is_ok());
    }
}
