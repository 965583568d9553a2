//! An SSH signature over a message for one purpose (`PROTOCOL.sshsig`), read strictly and verified.

use super::super::point::{Point, verify_ed25519, verify_p256};
use super::armor::{self, ArmorFault};
use super::error::SshError;
use super::key::{KeyType, PublicKey};
use super::wire::{Reader, put_string};
use crate::digest::sha256;
use sha2::{Digest as _, Sha512};

/// The largest armoured signature in bytes; a real one is under a kilobyte.
pub const MAX_ARMORED: usize = 4096;

const MAGIC: &[u8; 6] = b"SSHSIG";
const LABEL: &str = "SSH SIGNATURE";
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;

/// How the message was hashed before it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512, which `ssh-keygen` uses unless told otherwise.
    Sha512,
}

impl HashAlgorithm {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => sha256(&[message]).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// A signature that is well-formed. Whether it is *good* only [`verify`](Self::verify) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    key: PublicKey,
    namespace: Box<str>,
    hash: HashAlgorithm,
    value: Value,
}

/// The numbers of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Ed25519(Box<[u8; 64]>),
    P256(p256::ecdsa::Signature),
    SkEd25519(Box<[u8; 64]>, Device),
    SkP256(p256::ecdsa::Signature, Device),
}

/// What a security key adds to what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Device {
    flags: u8,
    counter: u32,
}

/// What a good signature says about the hand that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Touch {
    /// A key in software: it says nothing about a hand.
    Software,
    /// A security key, or a passkey, that somebody touched.
    SecurityKey {
        /// Whether the device also knew who touched it, by PIN or finger.
        user_verified: bool,
        /// The device's signature counter. One that stands still or falls tells of a copy; zero says nothing.
        counter: u32,
    },
}

impl Signature {
    /// Reads what `ssh-keygen -Y sign` writes.
    ///
    /// # Errors
    /// The `Signature…` facts of [`SshError`], and the `Key…` facts for the key inside.
    pub fn from_armored(text: &str) -> Result<Self, SshError> {
        if text.len() > MAX_ARMORED {
            return Err(SshError::SignatureSize);
        }
        let blob = armor::read(text, LABEL).map_err(|fault| match fault {
            ArmorFault::Frame => SshError::SignatureArmor,
            ArmorFault::Base64 => SshError::SignatureBase64,
        })?;
        Self::from_blob(&blob)
    }

    /// Reads the wire form, which must end where the signature ends.
    ///
    /// # Errors
    /// As [`from_armored`](Self::from_armored).
    pub fn from_blob(blob: &[u8]) -> Result<Self, SshError> {
        const MALFORMED: SshError = SshError::SignatureMalformed;
        if blob.len() > MAX_ARMORED {
            return Err(SshError::SignatureSize);
        }
        let mut reader = Reader::new(blob);
        if reader.bytes(MAGIC.len()) != Some(MAGIC) {
            return Err(SshError::SignatureMagic);
        }
        if reader.u32().ok_or(MALFORMED)? != 1 {
            return Err(SshError::SignatureVersion);
        }
        let key = PublicKey::from_blob(reader.string().ok_or(MALFORMED)?)?;
        let namespace = reader.string().ok_or(MALFORMED)?;
        let namespace = core::str::from_utf8(namespace).map_err(|_| SshError::SignatureNamespace)?;
        if namespace.is_empty() {
            return Err(SshError::SignatureNamespace);
        }
        if !reader.string().ok_or(MALFORMED)?.is_empty() {
            return Err(SshError::SignatureReserved);
        }
        let hash = match reader.string().ok_or(MALFORMED)? {
            b"sha256" => HashAlgorithm::Sha256,
            b"sha512" => HashAlgorithm::Sha512,
            _ => return Err(SshError::SignatureHash),
        };
        let value = reader.string().ok_or(MALFORMED)?;
        if !reader.is_empty() {
            return Err(MALFORMED);
        }
        let value = Value::read(value, key.key_type())?;
        Ok(Self { key, namespace: namespace.into(), hash, value })
    }

    pub(super) fn ed25519(key: PublicKey, namespace: &str, hash: HashAlgorithm, bytes: [u8; 64]) -> Self {
        Self { key, namespace: namespace.into(), hash, value: Value::Ed25519(Box::new(bytes)) }
    }

    /// The key that the signature names. It proves nothing before [`verify`](Self::verify).
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// What the signature says it was made for.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// How it hashed the message.
    #[must_use]
    pub const fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash
    }

    /// Checks that `key` made this signature over `message` for `namespace`, touched if it is a security key.
    ///
    /// # Errors
    /// [`SshError::SignatureOtherKey`], [`SshError::SignatureNamespace`], [`SshError::UserNotPresent`] or
    /// [`SshError::SignatureInvalid`].
    pub fn verify(&self, key: &PublicKey, namespace: &str, message: &[u8]) -> Result<Touch, SshError> {
        if self.key != *key {
            return Err(SshError::SignatureOtherKey);
        }
        if *self.namespace != *namespace {
            return Err(SshError::SignatureNamespace);
        }
        let signed = signed_data(namespace, self.hash, message);
        let (good, touch) = match (&self.value, key.point()) {
            (Value::Ed25519(bytes), Point::Ed25519(point)) => {
                (verify_ed25519(point, &signed, bytes), Ok(Touch::Software))
            }
            (Value::P256(signature), Point::P256(point)) => {
                (verify_p256(point, &signed, signature), Ok(Touch::Software))
            }
            (Value::SkEd25519(bytes, device), Point::Ed25519(point)) => {
                (verify_ed25519(point, &device.signed(key, &signed)?, bytes), device.touch())
            }
            (Value::SkP256(signature, device), Point::P256(point)) => {
                (verify_p256(point, &device.signed(key, &signed)?, signature), device.touch())
            }
            (Value::Ed25519(_) | Value::SkEd25519(..), Point::P256(_))
            | (Value::P256(_) | Value::SkP256(..), Point::Ed25519(_)) => {
                return Err(SshError::SignatureTypeMismatch);
            }
        };
        if good { touch } else { Err(SshError::SignatureInvalid) }
    }

    /// The wire form.
    #[must_use]
    pub fn to_blob(&self) -> Vec<u8> {
        let mut value = Vec::new();
        self.value.write(self.key.key_type(), &mut value);
        let mut blob = MAGIC.to_vec();
        blob.extend(1_u32.to_be_bytes());
        put_string(&mut blob, self.key.blob());
        put_string(&mut blob, self.namespace.as_bytes());
        put_string(&mut blob, b"");
        put_string(&mut blob, self.hash.as_str().as_bytes());
        put_string(&mut blob, &value);
        blob
    }

    /// The form that `ssh-keygen -Y verify` reads.
    #[must_use]
    pub fn to_armored(&self) -> String {
        armor::write(&self.to_blob(), LABEL).to_string()
    }
}

/// What is signed: never the message itself, always the message for a purpose.
pub(super) fn signed_data(namespace: &str, hash: HashAlgorithm, message: &[u8]) -> Vec<u8> {
    let mut signed = MAGIC.to_vec();
    put_string(&mut signed, namespace.as_bytes());
    put_string(&mut signed, b"");
    put_string(&mut signed, hash.as_str().as_bytes());
    put_string(&mut signed, &hash.of(message));
    signed
}

impl Value {
    /// Reads the signature of a key of type `kind`; only the algorithm of that very type is accepted.
    fn read(blob: &[u8], kind: KeyType) -> Result<Self, SshError> {
        const MALFORMED: SshError = SshError::SignatureMalformed;
        let mut reader = Reader::new(blob);
        if reader.string().ok_or(MALFORMED)? != kind.as_str().as_bytes() {
            return Err(SshError::SignatureTypeMismatch);
        }
        let numbers = reader.string().ok_or(MALFORMED)?;
        let mut device = || -> Result<Device, SshError> {
            let flags = reader.byte().ok_or(MALFORMED)?;
            Ok(Device { flags, counter: reader.u32().ok_or(MALFORMED)? })
        };
        let value = match kind {
            KeyType::Ed25519 => Self::Ed25519(ed25519_numbers(numbers)?),
            KeyType::EcdsaP256 => Self::P256(p256_numbers(numbers)?),
            KeyType::SkEd25519 => Self::SkEd25519(ed25519_numbers(numbers)?, device()?),
            KeyType::SkEcdsaP256 => Self::SkP256(p256_numbers(numbers)?, device()?),
        };
        if reader.is_empty() { Ok(value) } else { Err(MALFORMED) }
    }

    fn write(&self, kind: KeyType, out: &mut Vec<u8>) {
        put_string(out, kind.as_str().as_bytes());
        let device = match self {
            Self::Ed25519(bytes) => {
                put_string(out, &bytes[..]);
                None
            }
            Self::SkEd25519(bytes, device) => {
                put_string(out, &bytes[..]);
                Some(device)
            }
            Self::P256(signature) => {
                put_p256(out, signature);
                None
            }
            Self::SkP256(signature, device) => {
                put_p256(out, signature);
                Some(device)
            }
        };
        if let Some(device) = device {
            out.push(device.flags);
            out.extend(device.counter.to_be_bytes());
        }
    }
}

impl Device {
    /// What the device itself signed (`PROTOCOL.u2f`).
    fn signed(self, key: &PublicKey, message: &[u8]) -> Result<Vec<u8>, SshError> {
        let application = key.application().ok_or(SshError::SignatureTypeMismatch)?;
        let mut signed = sha256(&[application.as_bytes()]).to_vec();
        signed.push(self.flags);
        signed.extend(self.counter.to_be_bytes());
        signed.extend(sha256(&[message]));
        Ok(signed)
    }

    const fn touch(self) -> Result<Touch, SshError> {
        if self.flags & USER_PRESENT == 0 {
            return Err(SshError::UserNotPresent);
        }
        Ok(Touch::SecurityKey { user_verified: self.flags & USER_VERIFIED != 0, counter: self.counter })
    }
}

fn ed25519_numbers(bytes: &[u8]) -> Result<Box<[u8; 64]>, SshError> {
    bytes.try_into().map(Box::new).map_err(|_| SshError::SignatureMalformed)
}

fn p256_numbers(bytes: &[u8]) -> Result<p256::ecdsa::Signature, SshError> {
    let mut reader = Reader::new(bytes);
    let (Some(r), Some(s), true) = (reader.scalar(), reader.scalar(), reader.is_empty()) else {
        return Err(SshError::SignatureMalformed);
    };
    p256::ecdsa::Signature::from_scalars(r, s).map_err(|_| SshError::SignatureMalformed)
}

fn put_p256(out: &mut Vec<u8>, signature: &p256::ecdsa::Signature) {
    let (r, s) = signature.split_bytes();
    let mut numbers = Vec::new();
    for number in [r, s] {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut digits: Vec<u8> = number.iter().skip(zeros).copied().collect();
        if digits.first().is_some_and(|first| first & 0x80 != 0) {
            digits.insert(0, 0);
        }
        put_string(&mut numbers, &digits);
    }
    put_string(out, &numbers);
}
