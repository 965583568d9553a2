//! An unencrypted Ed25519 private key in OpenSSH's own file format (`PROTOCOL.key`), and signing with it.

use super::armor;
use super::error::SshError;
use super::key::{KeyType, PublicKey};
use super::signature::{HashAlgorithm, Signature, signed_data};
use super::wire::{Reader, put_string};
use core::fmt;
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

/// The largest private key file in bytes; a real one is under a kilobyte.
pub const MAX_PRIVATE_KEY: usize = 16 * 1024;

const MAGIC: &[u8; 15] = b"openssh-key-v1\0";
const LABEL: &str = "OPENSSH PRIVATE KEY";
const BLOCK: usize = 8;

/// A reviewer's private key. It is wiped from memory when dropped, and never printed.
///
/// Keys with a passphrase, in an agent or in a security key are none of these: `ssh-keygen -Y sign` signs with them.
pub struct PrivateKey {
    secret: SigningKey,
    public: PublicKey,
    comment: String,
}

impl PrivateKey {
    /// The key of 32 bytes that came from a source of randomness. Control characters are left out of `comment`.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32], comment: &str) -> Self {
        let secret = SigningKey::from_bytes(seed);
        let public = PublicKey::from_ed25519(secret.verifying_key());
        Self { secret, public, comment: comment.chars().filter(|c| !c.is_control()).collect() }
    }

    /// Reads the file that `ssh-keygen -t ed25519 -N ''` writes.
    ///
    /// # Errors
    /// The `PrivateKey…` facts of [`SshError`], and the `Key…` facts for the public half.
    pub fn from_openssh(text: &str) -> Result<Self, SshError> {
        const MALFORMED: SshError = SshError::PrivateKeyMalformed;
        if text.len() > MAX_PRIVATE_KEY {
            return Err(MALFORMED);
        }
        let blob = armor::read(text, LABEL).map_err(|_| MALFORMED)?;
        let mut reader = Reader::new(&blob);
        if reader.bytes(MAGIC.len()) != Some(MAGIC) {
            return Err(MALFORMED);
        }
        let (cipher, derivation) = (reader.string().ok_or(MALFORMED)?, reader.string().ok_or(MALFORMED)?);
        let options = reader.string().ok_or(MALFORMED)?;
        if cipher != b"none" || derivation != b"none" {
            return Err(SshError::PrivateKeyEncrypted);
        }
        if !options.is_empty() {
            return Err(MALFORMED);
        }
        if reader.u32().ok_or(MALFORMED)? != 1 {
            return Err(SshError::PrivateKeyType);
        }
        let public = reader.string().ok_or(MALFORMED)?;
        let private = reader.string().ok_or(MALFORMED)?;
        if Reader::new(public).string() != Some(KeyType::Ed25519.as_str().as_bytes()) {
            return Err(SshError::PrivateKeyType);
        }
        let public = PublicKey::from_blob(public)?;
        if !reader.is_empty() || private.len() % BLOCK != 0 {
            return Err(MALFORMED);
        }
        Self::from_section(private, &public)
    }

    /// Reads the part of the file that a passphrase would have encrypted.
    fn from_section(section: &[u8], public: &PublicKey) -> Result<Self, SshError> {
        const MALFORMED: SshError = SshError::PrivateKeyMalformed;
        let mut reader = Reader::new(section);
        let (check, again) = (reader.u32().ok_or(MALFORMED)?, reader.u32().ok_or(MALFORMED)?);
        if check != again {
            return Err(MALFORMED);
        }
        if reader.string().ok_or(MALFORMED)? != KeyType::Ed25519.as_str().as_bytes() {
            return Err(SshError::PrivateKeyType);
        }
        let written = reader.string().ok_or(MALFORMED)?;
        let pair = reader.string().ok_or(MALFORMED)?;
        let comment = reader.string().and_then(|bytes| core::str::from_utf8(bytes).ok()).ok_or(MALFORMED)?;
        let padding = reader.rest();
        if padding.len() >= BLOCK || padding.iter().zip(1_u8..).any(|(byte, expected)| *byte != expected) {
            return Err(MALFORMED);
        }
        let (seed, half) = pair.split_at_checked(32).ok_or(MALFORMED)?;
        let seed: &[u8; 32] = seed.try_into().map_err(|_| MALFORMED)?;
        let key = Self::from_seed(seed, comment);
        let point = key.secret.verifying_key();
        // A public half that is not the secret's own would make the signer leak its secret.
        if half != point.as_bytes() || written != point.as_bytes() || key.public != *public {
            return Err(SshError::PrivateKeyMismatch);
        }
        Ok(key)
    }

    /// The file that OpenSSH reads, without a passphrase; `check` is any number, by custom a random one.
    ///
    /// Whoever stores it gives the file mode 0600, or OpenSSH will not touch it.
    #[must_use]
    pub fn to_openssh(&self, check: u32) -> Zeroizing<String> {
        let point = self.secret.verifying_key();
        let mut section = Zeroizing::new(Vec::with_capacity(256 + self.comment.len()));
        section.extend(check.to_be_bytes());
        section.extend(check.to_be_bytes());
        put_string(&mut section, KeyType::Ed25519.as_str().as_bytes());
        put_string(&mut section, point.as_bytes());
        put_string(&mut section, Zeroizing::new(self.secret.to_keypair_bytes()).as_slice());
        put_string(&mut section, self.comment.as_bytes());
        for byte in 1_u8.. {
            if section.len() % BLOCK == 0 {
                break;
            }
            section.push(byte);
        }
        let mut blob = Zeroizing::new(Vec::with_capacity(256 + section.len()));
        blob.extend(MAGIC);
        put_string(&mut blob, b"none");
        put_string(&mut blob, b"none");
        put_string(&mut blob, b"");
        blob.extend(1_u32.to_be_bytes());
        put_string(&mut blob, self.public.blob());
        put_string(&mut blob, &section);
        armor::write(&blob, LABEL)
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The comment of the key, by custom `user@host`.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Signs `message` for the purpose `namespace`, hashed with SHA-512 as `ssh-keygen -Y sign` does.
    #[must_use]
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Signature {
        let hash = HashAlgorithm::Sha512;
        let bytes = self.secret.sign(&signed_data(namespace, hash, message)).to_bytes();
        Signature::ed25519(self.public.clone(), namespace, hash, bytes)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public.fingerprint())
    }
}
