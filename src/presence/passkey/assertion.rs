//! An assertion: what a passkey signed for a page, with our canonical text to carry it, read strictly and verified.

use super::authenticator::{AuthenticatorData, Counter};
use super::browser::Said;
use super::client_data::{Ceremony, ClientData};
use super::error::PasskeyError;
use super::key::{CredentialId, Passkey};
use super::party::RelyingParty;
use crate::digest::{base64url, from_base64url, sha256};
use crate::operation::json::{Limits, Object, Value, read};
use core::fmt;

/// The largest text of an assertion in bytes; a real one is under a kilobyte.
pub const MAX_ASSERTION: usize = 8192;

const LIMITS: Limits = Limits { bytes: MAX_ASSERTION, depth: 1, members: 6 };
const TYPE: &str = "countersign-passkey-assertion";
const VERSION: u64 = 1;
const NAMES: [&str; 6] =
    ["authenticator_data", "client_data_json", "credential_id", "signature", "type", "v"];
/// The longest signature in bytes: two numbers of 33 bytes in DER.
const MAX_SIGNATURE: usize = 72;

/// What keeps the challenge of a vote apart from every other SHA-256.
const VOTE_LABEL: &[u8] = b"countersign/vote-passkey/v1\n";

/// What a passkey is asked to sign: 32 bytes that stand for something else.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// The challenge of a vote: SHA-256 of `countersign/vote-passkey/v1`, a line feed, and the canonical statement.
    #[must_use]
    pub fn of_vote(statement: &[u8]) -> Self {
        Self(sha256(&[VOTE_LABEL, statement]))
    }

    /// These 32 bytes, for a challenge that is no vote's.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes: what a page gives to `navigator.credentials.get`.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// As browsers write it into the client data.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url(&self.0))
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Challenge({self})")
    }
}

/// An assertion that is well-formed. Whether it is *good* only [`verify`](Self::verify) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    credential: CredentialId,
    authenticator: AuthenticatorData,
    client: ClientData,
    client_data_json: Box<[u8]>,
    signature: Box<[u8]>,
}

impl Assertion {
    /// Puts together what a browser's `navigator.credentials.get` resolves to.
    ///
    /// # Errors
    /// The `…Form` facts of [`PasskeyError`], and those about the flags of the authenticator data.
    pub fn new(
        credential: CredentialId,
        authenticator_data: &[u8],
        client_data_json: &[u8],
        signature: &[u8],
    ) -> Result<Self, PasskeyError> {
        if signature.is_empty() || signature.len() > MAX_SIGNATURE {
            return Err(PasskeyError::SignatureForm);
        }
        Ok(Self {
            credential,
            authenticator: AuthenticatorData::read(authenticator_data)?,
            client: ClientData::read(client_data_json)?,
            client_data_json: client_data_json.into(),
            signature: signature.into(),
        })
    }

    /// Reads what a page sends of it: the `toJSON()` of what `navigator.credentials.get` resolved to.
    ///
    /// # Errors
    /// [`PasskeyError::BrowserForm`], and as [`new`](Self::new).
    pub fn from_browser(json: &str) -> Result<Self, PasskeyError> {
        let said = Said::read(json)?;
        Self::new(
            said.credential()?,
            &said.bytes("authenticatorData")?,
            &said.bytes("clientDataJSON")?,
            &said.bytes("signature")?,
        )
    }

    /// Reads what [`to_text`](Self::to_text) writes, and nothing else.
    ///
    /// # Errors
    /// [`PasskeyError::AssertionSize`], [`PasskeyError::AssertionForm`], and as [`new`](Self::new).
    pub fn from_text(text: &str) -> Result<Self, PasskeyError> {
        const FORM: PasskeyError = PasskeyError::AssertionForm;
        if text.len() > MAX_ASSERTION {
            return Err(PasskeyError::AssertionSize);
        }
        let value = read(text.as_bytes(), &LIMITS).map_err(|_| FORM)?;
        let object = value.as_object().filter(|object| object.names().eq(NAMES)).ok_or(FORM)?;
        let member = |name| object.get(name).and_then(Value::as_str).ok_or(FORM);
        let bytes = |name| from_base64url(member(name)?).ok_or(FORM);
        if member("type")? != TYPE || object.get("v").and_then(Value::as_u64) != Some(VERSION) {
            return Err(FORM);
        }
        let assertion = Self::new(
            CredentialId::parse(member("credential_id")?)?,
            &bytes("authenticator_data")?,
            &bytes("client_data_json")?,
            &bytes("signature")?,
        )?;
        if assertion.to_text() == text { Ok(assertion) } else { Err(FORM) }
    }

    /// The one text of it: canonical JSON whose members are base64url.
    #[must_use]
    pub fn to_text(&self) -> String {
        let object = Object::new()
            .with("type", TYPE)
            .with("v", VERSION)
            .with("credential_id", self.credential.to_string())
            .with("authenticator_data", base64url(self.authenticator.as_bytes()))
            .with("client_data_json", base64url(&self.client_data_json))
            .with("signature", base64url(&self.signature));
        // Canonical JSON is ASCII here: every member is.
        String::from_utf8_lossy(&Value::Object(object).to_canonical()).into_owned()
    }

    /// The credential that the assertion names. It proves nothing before [`verify`](Self::verify).
    #[must_use]
    pub const fn credential(&self) -> &CredentialId {
        &self.credential
    }

    /// Checks that `passkey` signed `challenge` for a page of `party`, and that its owner was there and was recognised
    /// (WebAuthn §7.2). What it returns is for [`Counter::check_after`], by whoever remembers the last one.
    ///
    /// # Errors
    /// [`PasskeyError`]: the first thing that does not hold.
    pub fn verify(
        &self,
        passkey: &Passkey,
        party: &RelyingParty,
        challenge: &Challenge,
    ) -> Result<Counter, PasskeyError> {
        if self.credential != passkey.id {
            return Err(PasskeyError::OtherCredential);
        }
        self.client.check(Ceremony::Get, party, challenge)?;
        self.authenticator.check_party(party)?;
        let signed = [self.authenticator.as_bytes(), &sha256(&[&self.client_data_json])].concat();
        passkey.key.verify(&signed, &self.signature)?;
        // Last, so that what is said about the hand is what the authenticator said.
        self.authenticator.check_person()
    }
}
