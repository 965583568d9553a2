//! What a browser says of a credential: the JSON of WebAuthn §5.1's `toJSON()`, read strictly where it counts.

use super::error::PasskeyError;
use super::key::CredentialId;
use crate::digest::from_base64url;
use crate::operation::json::{Limits, Object, Value, read};

/// The largest text in bytes; a real one has one or two kilobytes.
pub const MAX_BROWSER_JSON: usize = 16 * 1024;

const LIMITS: Limits = Limits { bytes: MAX_BROWSER_JSON, depth: 8, members: 256 };
const FORM: PasskeyError = PasskeyError::BrowserForm;

/// A credential as the browser tells of it. Members that nobody asked for are passed over, as WebAuthn wants it.
pub(super) struct Said(Object);

impl Said {
    pub(super) fn read(json: &str) -> Result<Self, PasskeyError> {
        match read(json.as_bytes(), &LIMITS) {
            Ok(Value::Object(object)) if text(&object, "type") == Some("public-key") => Ok(Self(object)),
            Ok(_) | Err(_) => Err(FORM),
        }
    }

    /// Its id, which stands there twice.
    pub(super) fn credential(&self) -> Result<CredentialId, PasskeyError> {
        let id = text(&self.0, "rawId").ok_or(FORM)?;
        if text(&self.0, "id") != Some(id) {
            return Err(FORM);
        }
        CredentialId::parse(id)
    }

    /// The bytes of a member of the response.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, PasskeyError> {
        let response = self.0.get("response").and_then(Value::as_object).ok_or(FORM)?;
        text(response, name).and_then(from_base64url).ok_or(FORM)
    }
}

fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}
