//! What a page asks a browser's passkeys for: the options of WebAuthn §5.4 and §5.5, as JSON for `passkey.js`.
//!
//! A form with `data-passkey-get` or `data-passkey-create` has these options in that attribute and an empty hidden
//! field `credential`; the script fills it in with what `Assertion::from_browser` or `Registration::from_browser` reads.

use crate::digest::{base64url, sha256};
use crate::operation::json::{Object, Value};
use crate::party::TrustDomain;
use crate::presence::passkey::{Challenge, CredentialId, Passkey, RelyingParty};
use crate::reviewer::Person;

/// The script that such forms need.
pub(super) const SCRIPT: &str = "passkey.js";

/// What keeps the handle of a person apart from every other SHA-256.
const HANDLE: &str = "countersign/passkey-user/v1";
/// How long a person has, in milliseconds.
const TIMEOUT: u64 = 60_000;
/// ES256 and EdDSA (RFC 9053 §2): what `presence::passkey` knows.
const ALGORITHMS: [i64; 2] = [-7, -8];

/// `data-passkey-get`: a signature over `challenge`, by one of these passkeys, or by any where there are none.
pub(super) fn get_options<'a>(
    challenge: &Challenge,
    party: &RelyingParty,
    allowed: impl IntoIterator<Item = &'a CredentialId>,
) -> String {
    text(
        Object::new()
            .with("challenge", challenge.to_string())
            .with("rpId", party.id())
            .with("allowCredentials", named(allowed))
            .with("userVerification", "required")
            .with("timeout", TIMEOUT),
    )
}

/// `data-passkey-create`: a new passkey of `person`, in an authenticator that has none of theirs yet.
pub(super) fn create_options(
    challenge: &Challenge,
    party: &RelyingParty,
    domain: &TrustDomain,
    person: &Person,
) -> String {
    let handle = sha256(&[format!("{HANDLE}\n{domain}\n{}", person.id).as_bytes()]);
    let user = Object::new()
        .with("id", base64url(&handle))
        .with("name", person.id.as_str())
        .with("displayName", &*person.name);
    let kinds = ALGORITHMS.map(|number| Object::new().with("type", "public-key").with("alg", number).into());
    let authenticator = Object::new()
        .with("residentKey", "required")
        .with("requireResidentKey", true)
        .with("userVerification", "required");
    let ours = Object::new().with("id", party.id()).with("name", "Countersign");
    text(
        Object::new()
            .with("challenge", challenge.to_string())
            .with("rp", ours)
            .with("user", user)
            .with("pubKeyCredParams", kinds.to_vec())
            .with("excludeCredentials", named(person.passkeys.iter().map(|Passkey { id, .. }| id)))
            .with("authenticatorSelection", authenticator)
            .with("attestation", "none")
            .with("timeout", 2 * TIMEOUT),
    )
}

fn named<'a>(credentials: impl IntoIterator<Item = &'a CredentialId>) -> Vec<Value> {
    let each = |id: &CredentialId| Object::new().with("type", "public-key").with("id", id.to_string()).into();
    credentials.into_iter().map(each).collect()
}

fn text(object: Object) -> String {
    String::from_utf8_lossy(&Value::Object(object).to_canonical()).into_owned()
}
