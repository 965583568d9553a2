//! OIDC bearer tokens: what an identity provider signed about a person, checked offline against its published keys.
//!
//! A token is a JWS in compact form whose header names one key of the set by its `kid`. What is accepted is narrower
//! than RFC 7519: RS256, ES256 and EdDSA only, each key for its own algorithm only; `iss`, `aud`, `iat` and `exp` must
//! be there and right; a life of a day at most; strict I-JSON without a name twice. Sources: RFC 7515, RFC 7517,
//! RFC 7518 §3, RFC 8037, RFC 8725, RFC 9068 §2.1, OpenID Connect Core §3.1.3.7.

mod error;
mod keys;

pub use error::OidcError;
pub use keys::{KeySet, MAX_KEY_SET, MAX_KEYS};

use crate::digest::from_base64url;
use crate::moment::Moment;
use crate::operation::json::{self, Limits, Object, Value};
use core::time::Duration;

/// The longest token in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;
/// The longest that a token may live: what lives longer is a password.
pub const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How far the provider's clock may be off.
pub const SKEW: Duration = Duration::from_secs(30);

const LIMITS: Limits = Limits { bytes: MAX_TOKEN, depth: 8, members: 256 };
/// The claim that counts only beside `email_verified`.
const EMAIL: &str = "email";
/// The longest account.
const MAX_ACCOUNT: usize = 256;

/// Whose tokens are accepted, for whom they must be made, and which claim says who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The provider: the token's `iss`, exactly.
    pub issuer: Box<str>,
    /// This desk: a member of the token's `aud`.
    pub audience: Box<str>,
    /// The claim that holds the person's account.
    pub claim: Box<str>,
}

/// Whom a token is about. Only [`verify`] makes one: holding it is the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    account: Box<str>,
    until: Moment,
}

impl Identity {
    /// The account that the provider vouches for.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// From this moment on it is worth nothing.
    #[must_use]
    pub const fn until(&self) -> Moment {
        self.until
    }
}

/// Checks a token.
///
/// # Errors
/// [`OidcError`]: the first thing that is wrong with it.
pub fn verify(text: &str, issuer: &Issuer, keys: &KeySet, now: Moment) -> Result<Identity, OidcError> {
    let (claims, until) = claims(text, issuer, keys, now)?;
    Ok(Identity { account: account(&claims, &issuer.claim)?.into(), until })
}

/// Checks an identity token that was asked for with this nonce (OpenID Connect Core §3.1.3.7, step 11).
///
/// # Errors
/// [`OidcError`]: the first thing that is wrong with it.
pub fn verify_for(
    text: &str,
    nonce: &str,
    issuer: &Issuer,
    keys: &KeySet,
    now: Moment,
) -> Result<Identity, OidcError> {
    let (claims, until) = claims(text, issuer, keys, now)?;
    if string(&claims, "nonce") != Some(nonce) {
        return Err(OidcError::Nonce);
    }
    Ok(Identity { account: account(&claims, &issuer.claim)?.into(), until })
}

/// What a good token says, and when it ends.
pub(super) fn claims(
    text: &str,
    issuer: &Issuer,
    keys: &KeySet,
    now: Moment,
) -> Result<(Object, Moment), OidcError> {
    if text.len() > MAX_TOKEN {
        return Err(OidcError::Size);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(OidcError::Form)?;
    let (header, payload) = signed.split_once('.').ok_or(OidcError::Form)?;
    if payload.contains('.') {
        return Err(OidcError::Form);
    }
    let header = object(header)?;
    if header.get("crit").is_some() {
        return Err(OidcError::Critical);
    }
    let access = is_access_token(&header)?;
    let algorithm = keys::Algorithm::parse(string(&header, "alg").unwrap_or_default());
    let algorithm = algorithm.ok_or(OidcError::Algorithm)?;
    let key = keys.key(string(&header, "kid").ok_or(OidcError::KeyId)?).ok_or(OidcError::UnknownKey)?;
    // The key knows its algorithm; what the token says may only agree (RFC 8725 §3.1).
    if key.algorithm() != algorithm {
        return Err(OidcError::Algorithm);
    }
    let signature = from_base64url(signature).ok_or(OidcError::Base64)?;
    if !key.verifies(signed.as_bytes(), &signature) {
        return Err(OidcError::Signature);
    }
    let claims = object(payload)?;
    if string(&claims, "iss") != Some(&issuer.issuer) {
        return Err(OidcError::Issuer);
    }
    audience(&claims, &issuer.audience, access)?;
    let until = times(&claims, now)?;
    Ok((claims, until))
}

fn object(part: &str) -> Result<Object, OidcError> {
    let bytes = from_base64url(part).ok_or(OidcError::Base64)?;
    match json::read(&bytes, &LIMITS) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(OidcError::Json),
    }
}

fn string<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// Whether it is an access token (RFC 9068) and no identity token. Any other kind of JWT, a logout token or a proof
/// of possession, is signed by the same keys and is no statement that somebody signed in.
fn is_access_token(header: &Object) -> Result<bool, OidcError> {
    let kind = match header.get("typ") {
        None => return Ok(false),
        Some(kind) => kind.as_str().ok_or(OidcError::Type)?.to_ascii_lowercase(),
    };
    match kind.strip_prefix("application/").unwrap_or(&kind) {
        "jwt" => Ok(false),
        "at+jwt" => Ok(true),
        _ => Err(OidcError::Type),
    }
}

fn audience(claims: &Object, ours: &str, access: bool) -> Result<(), OidcError> {
    let named = claims.get("aud").ok_or(OidcError::Audience)?;
    let (ours_named, others) = match named {
        Value::String(one) => (one == ours, 0),
        Value::Array(several) if several.iter().all(|one| one.as_str().is_some()) => {
            let ours_named = several.iter().any(|one| one.as_str() == Some(ours));
            (ours_named, several.iter().filter(|one| one.as_str() != Some(ours)).count())
        }
        Value::Array(_) | Value::Object(_) | Value::Number(_) | Value::Bool(_) | Value::Null => (false, 0),
    };
    // An identity token for several was asked for by one of them, which its `azp` names; somebody else's sign-in is
    // none here. An access token's `azp` is the program that asked, whoever that is.
    let authorised = match claims.get("azp") {
        None => others == 0 || access,
        Some(party) => access || party.as_str() == Some(ours),
    };
    if ours_named && authorised { Ok(()) } else { Err(OidcError::Audience) }
}

/// Checks that the token is for now; says when it ends.
fn times(claims: &Object, now: Moment) -> Result<Moment, OidcError> {
    let time = |name: &str| claims.get(name).map(|value| value.as_u64().ok_or(OidcError::Times)).transpose();
    let moment = |name: &str| Ok::<_, OidcError>(time(name)?.map(Moment::from_unix_seconds));
    let issued = moment("iat")?.ok_or(OidcError::Times)?;
    let until = moment("exp")?.ok_or(OidcError::Times)?;
    if issued > now.plus(SKEW) || moment("nbf")?.is_some_and(|from| from > now.plus(SKEW)) {
        return Err(OidcError::NotYet);
    }
    if until <= issued || until.since(issued) > MAX_LIFE {
        return Err(OidcError::Life);
    }
    if now >= until.plus(SKEW) {
        return Err(OidcError::Expired);
    }
    Ok(until)
}

fn account<'a>(claims: &'a Object, claim: &str) -> Result<&'a str, OidcError> {
    let account = string(claims, claim).filter(|account| (1..=MAX_ACCOUNT).contains(&account.len()));
    let account = account.ok_or(OidcError::Claim)?;
    // Whoever can register any address with the provider must not become its owner here.
    if claim == EMAIL && claims.get("email_verified").and_then(Value::as_bool) != Some(true) {
        return Err(OidcError::EmailUnverified);
    }
    Ok(account)
}
