//! Security keys, made in software because no device is at hand, and checked by `ssh-keygen` as well as by us.

use crate::openssh::Openssh;
use countersign::presence::ssh::{KeyType, PublicKey, Signature, SshError, Touch, VOTE_NAMESPACE};
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use sha2::{Digest as _, Sha256, Sha512};

const MESSAGE: &[u8] = b"agreed";

/// A security key as a program would imitate it: it does what the device does, with flags and counter of choice.
pub(crate) struct Device {
    kind: KeyType,
    application: &'static str,
}

fn is_ed25519(kind: KeyType) -> bool {
    matches!(kind, KeyType::SkEd25519)
}

impl Device {
    fn ed25519() -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[11; 32])
    }

    fn p256() -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&[12; 32]).unwrap()
    }

    fn key_blob(&self) -> Vec<u8> {
        let application = self.application.as_bytes();
        match is_ed25519(self.kind) {
            true => strings(&[
                self.kind.as_str().as_bytes(),
                Self::ed25519().verifying_key().as_bytes(),
                application,
            ]),
            false => {
                let point = Self::p256().verifying_key().to_sec1_point(false);
                strings(&[self.kind.as_str().as_bytes(), b"nistp256", point.as_bytes(), application])
            }
        }
    }

    pub(crate) fn line(&self) -> String {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(self.key_blob());
        format!("{} {encoded} ada@example", self.kind.as_str())
    }

    pub(crate) fn sign(&self, flags: u8, counter: u32) -> Vec<u8> {
        let signed = [
            &b"SSHSIG"[..],
            &strings(&[VOTE_NAMESPACE.as_bytes(), b"", b"sha512", &Sha512::digest(MESSAGE)]),
        ]
        .concat();
        let device = [&[flags][..], &counter.to_be_bytes()].concat();
        let assertion =
            [&Sha256::digest(self.application)[..], &device, &Sha256::digest(&signed)[..]].concat();
        let numbers = match is_ed25519(self.kind) {
            true => Self::ed25519().sign(&assertion).to_bytes().to_vec(),
            false => {
                let signature: p256::ecdsa::Signature =
                    Self::p256().sign_prehash(&Sha256::digest(&assertion)).unwrap();
                let (r, s) = signature.split_bytes();
                strings(&[&mpint(&r), &mpint(&s)])
            }
        };
        let value = [strings(&[self.kind.as_str().as_bytes(), &numbers]), device].concat();
        let fields = strings(&[&self.key_blob(), VOTE_NAMESPACE.as_bytes(), b"", b"sha512", &value]);
        [&b"SSHSIG\0\0\0\x01"[..], &fields].concat()
    }
}

pub(crate) fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        out.extend(*part);
    }
    out
}

fn mpint(number: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    if digits[0] & 0x80 == 0 { digits } else { [&[0][..], &digits].concat() }
}

pub(crate) const DEVICES: [Device; 2] = [
    Device { kind: KeyType::SkEd25519, application: "ssh:" },
    Device { kind: KeyType::SkEcdsaP256, application: "ssh:countersign" },
];

#[test]
fn a_touched_key_is_accepted_and_says_how_it_was_touched() {
    let openssh = Openssh::find();
    for device in DEVICES {
        let key = PublicKey::from_line(&device.line()).unwrap();
        assert_eq!((key.key_type(), key.application()), (device.kind, Some(device.application)));
        for (flags, user_verified) in [(0x01, false), (0x05, true)] {
            let signature = Signature::from_blob(&device.sign(flags, 7)).unwrap();
            let touch = signature.verify(&key, VOTE_NAMESPACE, MESSAGE);
            assert_eq!(touch, Ok(Touch::SecurityKey { user_verified, counter: 7 }));
            if let Some(openssh) = &openssh {
                let accepted =
                    openssh.accepts(&key.to_line(), VOTE_NAMESPACE, &signature.to_armored(), MESSAGE);
                assert!(accepted, "ssh-keygen agrees on what a {} signature is", device.kind.as_str());
            }
        }
    }
}

#[test]
fn an_untouched_key_is_refused() {
    for device in DEVICES {
        let key = PublicKey::from_line(&device.line()).unwrap();
        for flags in [0x00, 0x04] {
            let signature = Signature::from_blob(&device.sign(flags, 7)).unwrap();
            assert_eq!(signature.verify(&key, VOTE_NAMESPACE, MESSAGE), Err(SshError::UserNotPresent));
        }
    }
}

#[test]
fn flags_and_counter_are_under_the_signature() {
    for device in DEVICES {
        let key = PublicKey::from_line(&device.line()).unwrap();
        let mut blob = device.sign(0x00, 7);
        let flags = blob.len() - 5;
        blob[flags] = 0x01;
        let signature = Signature::from_blob(&blob).unwrap();
        assert_eq!(signature.verify(&key, VOTE_NAMESPACE, MESSAGE), Err(SshError::SignatureInvalid));
        let mut blob = device.sign(0x01, 7);
        *blob.last_mut().unwrap() = 8;
        let signature = Signature::from_blob(&blob).unwrap();
        assert_eq!(signature.verify(&key, VOTE_NAMESPACE, MESSAGE), Err(SshError::SignatureInvalid));
    }
}

#[test]
fn a_key_for_another_application_is_refused() {
    for kind in [KeyType::SkEd25519, KeyType::SkEcdsaP256] {
        for application in ["", "https://accounts.example", "SSH:", "ssh:\n"] {
            let device = Device { kind, application };
            assert_eq!(
                PublicKey::from_line(&device.line()),
                Err(SshError::KeyApplication),
                "{application:?}"
            );
        }
    }
}
