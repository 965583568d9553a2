//! Client data: what the browser says about the page that asked, as JSON under the authenticator's signature.

use super::assertion::Challenge;
use super::error::PasskeyError;
use super::party::RelyingParty;
use crate::operation::json::{Limits, Value, read};

/// The largest client data in bytes; a real one is a few hundred.
pub const MAX_CLIENT_DATA: usize = 4096;

const LIMITS: Limits = Limits { bytes: MAX_CLIENT_DATA, depth: 4, members: 64 };

/// What a page asked the browser for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    /// A signature of a passkey that there is.
    Get,
    /// A new passkey.
    Create,
}

/// What counts of the client data. A browser may add members that nobody knows yet; a name that stands twice, which two
/// readers would take for two things, is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientData {
    ceremony: String,
    challenge: String,
    origin: String,
    embedded: bool,
}

impl ClientData {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PasskeyError> {
        Self::members(bytes).ok_or(PasskeyError::ClientDataForm)
    }

    fn members(bytes: &[u8]) -> Option<Self> {
        let value = read(bytes, &LIMITS).ok()?;
        let object = value.as_object()?;
        let text = |name| object.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        // Level 2 and older browsers leave `crossOrigin` out for a page of its own.
        let cross_origin = object.get("crossOrigin").map_or(Some(false), Value::as_bool)?;
        Some(Self {
            ceremony: text("type")?,
            challenge: text("challenge")?,
            origin: text("origin")?,
            embedded: cross_origin || object.get("topOrigin").is_some(),
        })
    }

    /// WebAuthn §7.2, the steps about `C`.
    pub(super) fn check(
        &self,
        asked: Ceremony,
        party: &RelyingParty,
        challenge: &Challenge,
    ) -> Result<(), PasskeyError> {
        let require = |holds: bool, error| if holds { Ok(()) } else { Err(error) };
        match asked {
            Ceremony::Get => require(self.ceremony == "webauthn.get", PasskeyError::ClientDataType)?,
            Ceremony::Create => require(self.ceremony == "webauthn.create", PasskeyError::NotCreated)?,
        }
        require(self.challenge == challenge.to_string(), PasskeyError::OtherChallenge)?;
        require(party.knows_origin(&self.origin), PasskeyError::OtherOrigin)?;
        // A frame in a stranger's page shows what the stranger lets it show.
        require(!self.embedded, PasskeyError::CrossOrigin)
    }
}
