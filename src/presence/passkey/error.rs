//! Why a passkey or its assertion is refused.

use core::fmt;

/// Why a passkey or its assertion is refused: a closed set of facts, each with a stable [`code`](Self::code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasskeyError {
    /// The public key is neither base64url without padding nor base64 with it.
    KeyBase64,
    /// The public key is not the SPKI form of a P-256 or an Ed25519 key.
    KeyType,
    /// The public key is not a point of its curve, or not in its one encoding.
    KeyPoint,
    /// The public key is a point of small order: signatures under it prove nothing.
    KeyWeak,
    /// The credential id is not unpadded base64url of 16 to 1023 bytes.
    CredentialId,
    /// The relying party's id is not a domain.
    RpId,
    /// An origin is not one of a page of the relying party, as a browser writes it.
    Origin,
    /// The relying party has no origin, or too many.
    Origins,
    /// The assertion's text is larger than any that is accepted.
    AssertionSize,
    /// The assertion's text is not in its one form.
    AssertionForm,
    /// The assertion is by another credential.
    OtherCredential,
    /// The client data is too large, not strict JSON, or lacks a member that every browser writes.
    ClientDataForm,
    /// The client data is of another ceremony than `webauthn.get`.
    ClientDataType,
    /// The challenge is not that of this statement.
    OtherChallenge,
    /// The page that asked is none of the relying party's.
    OtherOrigin,
    /// The page that asked was inside another site's page.
    CrossOrigin,
    /// The authenticator data is not as long as it has to be.
    AuthenticatorDataForm,
    /// The authenticator data has a flag whose meaning is not settled.
    ReservedFlag,
    /// The authenticator data says that it holds an attested credential or extensions, which nobody asked for.
    Extensions,
    /// The authenticator says that a credential is backed up that can't be.
    BackupState,
    /// The authenticator signed for another relying party.
    OtherRelyingParty,
    /// The authenticator signed without anyone touching it.
    UserNotPresent,
    /// The authenticator did not ask for the finger or the PIN of its owner.
    UserNotVerified,
    /// The signature is not in the one form of its algorithm.
    SignatureForm,
    /// The signature is not over this data by this key.
    SignatureInvalid,
    /// The counter did not rise: there may be a copy of the authenticator.
    ClonedCounter,
    /// What the page sends is not what a browser says of a credential.
    BrowserForm,
    /// The client data is of another ceremony than `webauthn.create`.
    NotCreated,
    /// The authenticator data of a registration has no credential, another's, or something behind it.
    AttestedForm,
    /// The key that the browser names is not the one that the authenticator made.
    OtherKey,
}

impl PasskeyError {
    /// Every error, for tests and documentation.
    pub const ALL: [Self; 30] = [
        Self::KeyBase64,
        Self::KeyType,
        Self::KeyPoint,
        Self::KeyWeak,
        Self::CredentialId,
        Self::RpId,
        Self::Origin,
        Self::Origins,
        Self::AssertionSize,
        Self::AssertionForm,
        Self::OtherCredential,
        Self::ClientDataForm,
        Self::ClientDataType,
        Self::OtherChallenge,
        Self::OtherOrigin,
        Self::CrossOrigin,
        Self::AuthenticatorDataForm,
        Self::ReservedFlag,
        Self::Extensions,
        Self::BackupState,
        Self::OtherRelyingParty,
        Self::UserNotPresent,
        Self::UserNotVerified,
        Self::SignatureForm,
        Self::SignatureInvalid,
        Self::ClonedCounter,
        Self::BrowserForm,
        Self::NotCreated,
        Self::AttestedForm,
        Self::OtherKey,
    ];

    /// The stable code: what programs and other languages compare.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::KeyBase64 => "passkey.key.base64",
            Self::KeyType => "passkey.key.type",
            Self::KeyPoint => "passkey.key.point",
            Self::KeyWeak => "passkey.key.weak",
            Self::CredentialId => "passkey.credential_id",
            Self::RpId => "passkey.rp_id",
            Self::Origin => "passkey.origin",
            Self::Origins => "passkey.origins",
            Self::AssertionSize => "passkey.assertion.size",
            Self::AssertionForm => "passkey.assertion.form",
            Self::OtherCredential => "passkey.other_credential",
            Self::ClientDataForm => "passkey.client_data.form",
            Self::ClientDataType => "passkey.client_data.type",
            Self::OtherChallenge => "passkey.other_challenge",
            Self::OtherOrigin => "passkey.other_origin",
            Self::CrossOrigin => "passkey.cross_origin",
            Self::AuthenticatorDataForm => "passkey.authenticator_data.form",
            Self::ReservedFlag => "passkey.authenticator_data.reserved_flag",
            Self::Extensions => "passkey.authenticator_data.extensions",
            Self::BackupState => "passkey.authenticator_data.backup_state",
            Self::OtherRelyingParty => "passkey.other_relying_party",
            Self::UserNotPresent => "passkey.user_not_present",
            Self::UserNotVerified => "passkey.user_not_verified",
            Self::SignatureForm => "passkey.signature.form",
            Self::SignatureInvalid => "passkey.signature.invalid",
            Self::ClonedCounter => "passkey.cloned_counter",
            Self::BrowserForm => "passkey.browser_form",
            Self::NotCreated => "passkey.registration.type",
            Self::AttestedForm => "passkey.registration.form",
            Self::OtherKey => "passkey.registration.other_key",
        }
    }
}

impl fmt::Display for PasskeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyBase64 => "the passkey's public key is not base64url or base64",
            Self::KeyType => {
                "a passkey's key has to be SPKI of P-256 or Ed25519, as a browser's `getPublicKey()` gives it"
            }
            Self::KeyPoint => "the passkey's public key is not a point of its curve in canonical form",
            Self::KeyWeak => "the passkey's public key has small order and can prove nothing",
            Self::CredentialId => {
                "not a credential id: expected 16 to 1023 bytes as base64url without padding"
            }
            Self::RpId => "not a relying party's id: expected a domain in lowercase, without scheme and port",
            Self::Origin => {
                "not an origin of the relying party: expected `https://`, its domain or one below it, \
                 and a port if it is not the usual one"
            }
            Self::Origins => "a relying party needs 1 to 16 origins",
            Self::AssertionSize => "the passkey assertion is too large",
            Self::AssertionForm => "the passkey assertion is not in its one form",
            Self::OtherCredential => "the assertion was made by another passkey",
            Self::ClientDataForm => "the assertion's client data is too large or not what a browser writes",
            Self::ClientDataType => {
                "the passkey was used for something else than signing in (`webauthn.get`)"
            }
            Self::OtherChallenge => "the assertion is not over this statement (challenge)",
            Self::OtherOrigin => {
                "the page that asked for the assertion is not of this relying party (origin)"
            }
            Self::CrossOrigin => "the page that asked for the assertion was inside another site's page",
            Self::AuthenticatorDataForm => "the authenticator data is cut short or has bytes left over",
            Self::ReservedFlag => "the authenticator data has a flag that means nothing yet",
            Self::Extensions => "the authenticator data has extensions or a credential that nobody asked for",
            Self::BackupState => "the authenticator data says that a passkey is backed up that can't be",
            Self::OtherRelyingParty => "the assertion was made for another relying party (`rp_id`)",
            Self::UserNotPresent => "the passkey signed without anyone touching it",
            Self::UserNotVerified => "the passkey signed without asking for a finger, a face or a PIN",
            Self::SignatureForm => "the assertion's signature is not in the form of its key's algorithm",
            Self::SignatureInvalid => "the assertion's signature is not over this data by this passkey",
            Self::ClonedCounter => "the passkey's counter did not rise: there may be a copy of it",
            Self::BrowserForm => "what the page sent is not what a browser says of a passkey",
            Self::NotCreated => "the passkey was used, where a new one was asked for (`webauthn.create`)",
            Self::AttestedForm => "the new passkey is not in the form of ES256 or EdDSA that was asked for",
            Self::OtherKey => "the browser and the authenticator name different keys of the new passkey",
        })
    }
}

impl std::error::Error for PasskeyError {}

#[cfg(test)]
mod tests {
    use super::PasskeyError;
    use std::collections::BTreeSet;

    #[test]
    fn every_error_has_its_own_code_and_sentence() {
        let codes: BTreeSet<_> = PasskeyError::ALL.iter().map(|error| error.code()).collect();
        let texts: BTreeSet<_> = PasskeyError::ALL.iter().map(ToString::to_string).collect();
        assert_eq!((codes.len(), texts.len()), (PasskeyError::ALL.len(), PasskeyError::ALL.len()));
        assert!(codes.iter().all(|code| code.starts_with("passkey.")));
    }
}
