//! Signatures and keys that somebody tampered with.

use crate::security_key::strings;
use countersign::presence::ssh::{PrivateKey, PublicKey, Signature, SshError, Touch, VOTE_NAMESPACE};
use ed25519_dalek::Verifier as _;
use sha2::{Digest as _, Sha512};

const MESSAGE: &[u8] = b"agreed";

fn ada() -> PrivateKey {
    PrivateKey::from_seed(&[1; 32], "ada@example")
}

/// A signature blob put together field by field.
fn blob(magic: &[u8], version: u32, fields: &[&[u8]]) -> Vec<u8> {
    [magic, &version.to_be_bytes(), &strings(fields)].concat()
}

fn verdict(blob: &[u8]) -> Result<Touch, SshError> {
    Signature::from_blob(blob)?.verify(ada().public_key(), VOTE_NAMESPACE, MESSAGE)
}

#[test]
fn each_field_is_checked() {
    let ada = ada();
    let good = ada.sign(VOTE_NAMESPACE, MESSAGE).to_blob();
    let key = ada.public_key().blob();
    let space = VOTE_NAMESPACE.as_bytes();
    let value = good[good.len() - 83..].to_vec();
    assert_eq!(blob(b"SSHSIG", 1, &[key, space, b"", b"sha512", &value]), good);
    assert_eq!(verdict(&good), Ok(Touch::Software));
    let numbers = &value[value.len() - 64..];
    let mallory = PrivateKey::from_seed(&[2; 32], "");
    let short = &value[..82];
    for (what, blob, expected) in [
        ("magic", blob(b"SSHSIH", 1, &[key, space, b"", b"sha512", &value]), SshError::SignatureMagic),
        ("version 0", blob(b"SSHSIG", 0, &[key, space, b"", b"sha512", &value]), SshError::SignatureVersion),
        ("version 2", blob(b"SSHSIG", 2, &[key, space, b"", b"sha512", &value]), SshError::SignatureVersion),
        (
            "no namespace",
            blob(b"SSHSIG", 1, &[key, b"", b"", b"sha512", &value]),
            SshError::SignatureNamespace,
        ),
        (
            "namespace",
            blob(b"SSHSIG", 1, &[key, b"git", b"", b"sha512", &value]),
            SshError::SignatureNamespace,
        ),
        (
            "not text",
            blob(b"SSHSIG", 1, &[key, b"\xff", b"", b"sha512", &value]),
            SshError::SignatureNamespace,
        ),
        ("reserved", blob(b"SSHSIG", 1, &[key, space, b"x", b"sha512", &value]), SshError::SignatureReserved),
        ("weak hash", blob(b"SSHSIG", 1, &[key, space, b"", b"sha1", &value]), SshError::SignatureHash),
        ("other hash", blob(b"SSHSIG", 1, &[key, space, b"", b"sha256", &value]), SshError::SignatureInvalid),
        ("left over", [&good[..], b"\0"].concat(), SshError::SignatureMalformed),
        (
            "short numbers",
            blob(b"SSHSIG", 1, &[key, space, b"", b"sha512", short]),
            SshError::SignatureMalformed,
        ),
        (
            "left over inside",
            blob(b"SSHSIG", 1, &[key, space, b"", b"sha512", &[&value[..], b"\0"].concat()]),
            SshError::SignatureMalformed,
        ),
        (
            "algorithm of another type",
            blob(b"SSHSIG", 1, &[key, space, b"", b"sha512", &strings(&[b"ecdsa-sha2-nistp256", numbers])]),
            SshError::SignatureTypeMismatch,
        ),
        (
            "algorithm that forgot its type",
            blob(b"SSHSIG", 1, &[key, space, b"", b"sha512", &strings(&[b"none", numbers])]),
            SshError::SignatureTypeMismatch,
        ),
        (
            "another key's",
            blob(b"SSHSIG", 1, &[mallory.public_key().blob(), space, b"", b"sha512", &value]),
            SshError::SignatureOtherKey,
        ),
        ("another's", mallory.sign(VOTE_NAMESPACE, MESSAGE).to_blob(), SshError::SignatureOtherKey),
    ] {
        assert_eq!(verdict(&blob), Err(expected), "{what}");
    }
}

#[test]
fn a_bit_flipped_anywhere_is_noticed() {
    let good = ada().sign(VOTE_NAMESPACE, MESSAGE).to_blob();
    for at in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[at / 8] ^= 1 << (at % 8);
        assert!(verdict(&bad).is_err(), "bit {at}");
    }
    for length in 0..good.len() {
        assert!(verdict(&good[..length]).is_err(), "{length} bytes");
    }
    let armored = ada().sign(VOTE_NAMESPACE, MESSAGE).to_armored();
    for at in 0..armored.len() {
        let mut bad = armored.clone().into_bytes();
        bad[at] ^= 1;
        let Ok(bad) = String::from_utf8(bad) else { continue };
        let verdict = Signature::from_armored(&bad)
            .and_then(|signature| signature.verify(ada().public_key(), VOTE_NAMESPACE, MESSAGE));
        assert!(verdict.is_err(), "character {at}");
    }
}

#[test]
fn an_armour_too_large_is_not_even_read() {
    let text = format!("-----BEGIN SSH SIGNATURE-----\n{}", "QUFB\n".repeat(10_000));
    assert_eq!(Signature::from_armored(&text), Err(SshError::SignatureSize));
    assert_eq!(Signature::from_blob(&[0; 5000]), Err(SshError::SignatureSize));
}

#[test]
fn an_answer_outside_its_range_is_refused() {
    // s + L: the same equation, a second encoding (RFC 8032 §5.1.7 forbids it).
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10_u8,
    ];
    let mut blob = ada().sign(VOTE_NAMESPACE, MESSAGE).to_blob();
    let start = blob.len() - 32;
    let mut carry = 0;
    for (at, add) in order.into_iter().enumerate() {
        let sum = u16::from(blob[start + at]) + u16::from(add) + carry;
        blob[start + at] = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(verdict(&blob), Err(SshError::SignatureInvalid));
}

/// The number that these little-endian bytes are, in the ring that `one` is of.
fn reduced<S: Copy + From<u8> + core::ops::Add<Output = S> + core::ops::Mul<Output = S>>(
    _: S,
    bytes: &[u8],
) -> S {
    let base = S::from(u8::MAX) + S::from(1);
    bytes.iter().rev().fold(S::from(0), |number, byte| number * base + S::from(*byte))
}

#[test]
fn a_signature_with_a_commitment_of_small_order_is_refused() {
    // With R the neutral point and s = H(R, A, M)·a the equation holds; only strict verification refuses it.
    let secret = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let signed =
        [&b"SSHSIG"[..], &strings(&[VOTE_NAMESPACE.as_bytes(), b"", b"sha512", &Sha512::digest(MESSAGE)])]
            .concat();
    let mut commitment = [0; 32];
    commitment[0] = 1;
    let challenge = Sha512::digest([&commitment, secret.verifying_key().as_bytes(), &signed[..]].concat());
    let scalar = secret.to_scalar();
    let answer = (reduced(scalar, &challenge) * scalar).to_bytes();
    let forged = ed25519_dalek::Signature::from_components(commitment, answer);
    assert!(secret.verifying_key().verify(&signed, &forged).is_ok(), "lenient verification accepts it");
    let mut blob = ada().sign(VOTE_NAMESPACE, MESSAGE).to_blob();
    let start = blob.len() - 64;
    blob[start..].copy_from_slice(&forged.to_bytes());
    assert_eq!(verdict(&blob), Err(SshError::SignatureInvalid));
}

#[test]
fn key_lines_are_read_strictly() {
    let line = ada().public_key().to_line();
    let encoded = line.split(' ').nth(1).unwrap().to_owned();
    for good in
        [line.clone(), format!("{line}\n"), format!("{line} ada"), format!("{line} ada of the north\n")]
    {
        assert_eq!(PublicKey::from_line(&good).as_ref(), Ok(ada().public_key()), "{good:?}");
    }
    for (bad, expected) in [
        (String::new(), SshError::KeyLine),
        ("ssh-ed25519".into(), SshError::KeyLine),
        ("ssh-ed25519 ".into(), SshError::KeyLine),
        (format!(" {line}"), SshError::KeyLine),
        (format!("{line}\n\n"), SshError::KeyLine),
        (format!("{line}\n{line}"), SshError::KeyLine),
        (format!("ssh-ed25519\t{encoded}"), SshError::KeyLine),
        (format!("ssh-ed25519  {encoded}"), SshError::KeyLine),
        (format!("{line} {}", "c".repeat(1024)), SshError::KeyLine),
        (format!("cert-authority {line}"), SshError::KeyType),
        (format!("command=\"sh\" {line}"), SshError::KeyType),
        (format!("SSH-ED25519 {encoded}"), SshError::KeyType),
        (format!("ssh-rsa {encoded}"), SshError::KeyType),
        (format!("ecdsa-sha2-nistp256 {encoded}"), SshError::KeyTypeMismatch),
        (format!("{line}="), SshError::KeyBase64),
        (format!("ssh-ed25519 {}", &encoded[..64]), SshError::KeyMalformed),
        (format!("{line}AAAA"), SshError::KeyMalformed),
        (format!("ssh-ed25519 {}", encoded.replacen('A', "-", 1)), SshError::KeyBase64),
    ] {
        assert_eq!(PublicKey::from_line(&bad), Err(expected), "{bad:?}");
    }
}

#[test]
fn damaged_private_keys_are_refused() {
    let text = ada().to_openssh(7);
    assert!(PrivateKey::from_openssh(&text).is_ok());
    assert!(!format!("{:?}", ada()).contains("1, 1"), "secrets are not printed");
    let mut accepted = 0;
    for at in 0..text.len() {
        let mut bad = text.as_bytes().to_vec();
        bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
        if let Ok(key) = PrivateKey::from_openssh(std::str::from_utf8(&bad).unwrap()) {
            // Only the comment is free.
            assert_eq!(key.public_key(), ada().public_key(), "character {at}");
            assert_ne!(key.comment(), ada().comment(), "character {at}");
            accepted += 1;
        }
    }
    assert!(accepted < 20, "{accepted} changes went unnoticed");
    for wrong in ["", "-----BEGIN OPENSSH PRIVATE KEY-----\n", &"x".repeat(20_000)] {
        assert_eq!(PrivateKey::from_openssh(wrong).err(), Some(SshError::PrivateKeyMalformed));
    }
}
