//! Why an SSH key or signature is refused.

use core::fmt;

/// Why an SSH key or signature is refused: a closed set of facts, each with a stable [`code`](Self::code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SshError {
    /// A public key line is not `type base64` or `type base64 comment`, or has a control character, or is too long.
    KeyLine,
    /// The key's type is none of the four that are known.
    KeyType,
    /// The key's base64 is not strict, padded base64.
    KeyBase64,
    /// The key's blob does not hold what its type asks for.
    KeyMalformed,
    /// The type that the line names is not the type inside the blob.
    KeyTypeMismatch,
    /// The key is not a point of its curve, or not in its one canonical encoding.
    KeyPoint,
    /// The key is a point of small order: signatures under it prove nothing.
    KeyWeak,
    /// A security key's application does not begin with `ssh:`.
    KeyApplication,
    /// The armoured signature is larger than any that is accepted.
    SignatureSize,
    /// Not between the `SSH SIGNATURE` marks, or not in even lines.
    SignatureArmor,
    /// The signature's base64 is not strict, padded base64.
    SignatureBase64,
    /// The blob does not begin with `SSHSIG`.
    SignatureMagic,
    /// The blob's version is not 1.
    SignatureVersion,
    /// The signature was made for another purpose than the one it is presented for.
    SignatureNamespace,
    /// The blob's reserved field is not empty.
    SignatureReserved,
    /// The message hash is neither `sha256` nor `sha512`.
    SignatureHash,
    /// The signature's type is not the type of the key inside the blob.
    SignatureTypeMismatch,
    /// The blob is cut short, has bytes left over, or a field that is not in its one encoding.
    SignatureMalformed,
    /// The key inside the blob is not the reviewer's key.
    SignatureOtherKey,
    /// A security key signed without anyone touching it.
    UserNotPresent,
    /// The signature is not over this message by this key.
    SignatureInvalid,
    /// Not an `OPENSSH PRIVATE KEY` file, or one that is damaged.
    PrivateKeyMalformed,
    /// The private key is protected by a passphrase.
    PrivateKeyEncrypted,
    /// The private key is not `ssh-ed25519`, or the file holds more than one key.
    PrivateKeyType,
    /// The public half in the file is not that of the private half.
    PrivateKeyMismatch,
}

impl SshError {
    /// Every error, for tests and documentation.
    pub const ALL: [Self; 25] = [
        Self::KeyLine,
        Self::KeyType,
        Self::KeyBase64,
        Self::KeyMalformed,
        Self::KeyTypeMismatch,
        Self::KeyPoint,
        Self::KeyWeak,
        Self::KeyApplication,
        Self::SignatureSize,
        Self::SignatureArmor,
        Self::SignatureBase64,
        Self::SignatureMagic,
        Self::SignatureVersion,
        Self::SignatureNamespace,
        Self::SignatureReserved,
        Self::SignatureHash,
        Self::SignatureTypeMismatch,
        Self::SignatureMalformed,
        Self::SignatureOtherKey,
        Self::UserNotPresent,
        Self::SignatureInvalid,
        Self::PrivateKeyMalformed,
        Self::PrivateKeyEncrypted,
        Self::PrivateKeyType,
        Self::PrivateKeyMismatch,
    ];

    /// The stable code: what programs and other languages compare.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::KeyLine => "ssh.key.line",
            Self::KeyType => "ssh.key.type",
            Self::KeyBase64 => "ssh.key.base64",
            Self::KeyMalformed => "ssh.key.malformed",
            Self::KeyTypeMismatch => "ssh.key.type_mismatch",
            Self::KeyPoint => "ssh.key.point",
            Self::KeyWeak => "ssh.key.weak",
            Self::KeyApplication => "ssh.key.application",
            Self::SignatureSize => "ssh.signature.size",
            Self::SignatureArmor => "ssh.signature.armor",
            Self::SignatureBase64 => "ssh.signature.base64",
            Self::SignatureMagic => "ssh.signature.magic",
            Self::SignatureVersion => "ssh.signature.version",
            Self::SignatureNamespace => "ssh.signature.namespace",
            Self::SignatureReserved => "ssh.signature.reserved",
            Self::SignatureHash => "ssh.signature.hash",
            Self::SignatureTypeMismatch => "ssh.signature.type_mismatch",
            Self::SignatureMalformed => "ssh.signature.malformed",
            Self::SignatureOtherKey => "ssh.signature.other_key",
            Self::UserNotPresent => "ssh.signature.user_not_present",
            Self::SignatureInvalid => "ssh.signature.invalid",
            Self::PrivateKeyMalformed => "ssh.private_key.malformed",
            Self::PrivateKeyEncrypted => "ssh.private_key.encrypted",
            Self::PrivateKeyType => "ssh.private_key.type",
            Self::PrivateKeyMismatch => "ssh.private_key.mismatch",
        }
    }
}

impl fmt::Display for SshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyLine => "not a public key line: expected `type base64 comment`",
            Self::KeyType => {
                "this key type is not accepted: use ssh-ed25519, ecdsa-sha2-nistp256 or their sk- forms"
            }
            Self::KeyBase64 => "the public key's base64 is damaged",
            Self::KeyMalformed => "the public key does not hold what its type asks for",
            Self::KeyTypeMismatch => "the public key line names another type than the key inside it",
            Self::KeyPoint => "the public key is not a point of its curve in canonical form",
            Self::KeyWeak => "the public key has small order and can prove nothing",
            Self::KeyApplication => "the security key's application does not begin with `ssh:`",
            Self::SignatureSize => "the signature is too large",
            Self::SignatureArmor => "not an armoured SSH signature as `ssh-keygen -Y sign` writes it",
            Self::SignatureBase64 => "the signature's base64 is damaged",
            Self::SignatureMagic => "the signature does not begin with SSHSIG",
            Self::SignatureVersion => "the signature's version is not 1",
            Self::SignatureNamespace => "the signature was made for another purpose (namespace)",
            Self::SignatureReserved => "the signature's reserved field is not empty",
            Self::SignatureHash => "the signature's hash is neither sha256 nor sha512",
            Self::SignatureTypeMismatch => "the signature's type is not that of the key it names",
            Self::SignatureMalformed => {
                "the signature is cut short, has bytes left over or is not in its one encoding"
            }
            Self::SignatureOtherKey => "the signature was made by another key",
            Self::UserNotPresent => "the security key signed without anyone touching it",
            Self::SignatureInvalid => "the signature is not over this message by this key",
            Self::PrivateKeyMalformed => "not an OpenSSH private key, or a damaged one",
            Self::PrivateKeyEncrypted => {
                "the private key is protected by a passphrase: sign with `ssh-keygen -Y sign`"
            }
            Self::PrivateKeyType => {
                "only a single ssh-ed25519 private key is read: sign with `ssh-keygen -Y sign`"
            }
            Self::PrivateKeyMismatch => "the private key file's public half belongs to another key",
        })
    }
}

impl std::error::Error for SshError {}

#[cfg(test)]
mod tests {
    use super::SshError;
    use std::collections::BTreeSet;

    #[test]
    fn every_error_has_its_own_code_and_sentence() {
        let codes: BTreeSet<_> = SshError::ALL.iter().map(|error| error.code()).collect();
        let texts: BTreeSet<_> = SshError::ALL.iter().map(ToString::to_string).collect();
        assert_eq!((codes.len(), texts.len()), (SshError::ALL.len(), SshError::ALL.len()));
    }
}
