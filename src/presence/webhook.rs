//! Webhooks from other programs: Standard Webhooks, signed over the raw bytes, and only then read.
//!
//! Source: standard-webhooks, `spec/standard-webhooks.md` 1.0.0. The signature says that the holder of the secret sent it
//! and when, not that it is new: whoever acts on it remembers [`Delivery::id`].

use super::point::{Point, PointFault, verify_ed25519};
use crate::moment::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;
use core::time::Duration;
use ring::hmac;

/// The largest body in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// How far the time of a delivery may be off, in either direction.
pub const WINDOW: Duration = Duration::from_secs(300);
/// The longest id of a delivery.
const MAX_ID: usize = 256;
/// The most signatures that are looked at: a secret that is exchanged has two for a while.
const MAX_SIGNATURES: usize = 8;
/// The shortest secret that the specification allows, and the longest.
const SECRET_BYTES: core::ops::RangeInclusive<usize> = 24..=64;

/// What a sender signs with.
pub enum Sender {
    /// `v1`: a secret that both know, `whsec_…`.
    Secret(hmac::Key),
    /// `v1a`: a key that only the sender has; this is its public half, `whpk_…`.
    Key(Box<SenderKey>),
}

/// An Ed25519 key that signs webhooks.
pub struct SenderKey(ed25519_dalek::VerifyingKey);

/// Says which kind it is, never what it is.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::Key(_) => "Key",
        })
    }
}

/// Why a delivery is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookError {
    /// The configured secret is neither `whsec_` with 24 to 64 bytes of base64 nor `whpk_` with an Ed25519 key.
    Secret,
    /// The body is larger than [`MAX_BODY`].
    Size,
    /// The id is missing, too long, or has a character that none has.
    Id,
    /// The timestamp is no number.
    Timestamp,
    /// It was signed longer ago than [`WINDOW`], or so far in the future.
    Stale,
    /// No signature is the sender's over these bytes.
    Signature,
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret => {
                "it is neither `whsec_` with 24 to 64 bytes of base64 nor `whpk_` with an Ed25519 key"
            }
            Self::Size => "the request is too large",
            Self::Id => "`webhook-id` is missing or malformed",
            Self::Timestamp => "`webhook-timestamp` is not a number of seconds",
            Self::Stale => "`webhook-timestamp` is more than five minutes off",
            Self::Signature => "no signature matches",
        })
    }
}

impl std::error::Error for WebhookError {}

/// The headers of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`
    pub signature: &'a str,
}

/// A delivery that its sender signed. Only the check makes one: holding it is the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    id: &'a str,
    body: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// What is the same only for the same delivery.
    #[must_use]
    pub const fn id(&self) -> &'a str {
        self.id
    }

    /// What was sent.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

impl Sender {
    /// Reads `whsec_…` or `whpk_…`.
    ///
    /// # Errors
    /// [`WebhookError::Secret`].
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        let decoded = |text: &str| STANDARD.decode(text).map_err(|_| WebhookError::Secret);
        if let Some(secret) = text.strip_prefix("whsec_") {
            let secret = decoded(secret)?;
            return match SECRET_BYTES.contains(&secret.len()) {
                true => Ok(Self::Secret(hmac::Key::new(hmac::HMAC_SHA256, &secret))),
                false => Err(WebhookError::Secret),
            };
        }
        let key = decoded(text.strip_prefix("whpk_").ok_or(WebhookError::Secret)?)?;
        match Point::ed25519(&key) {
            Ok(Point::Ed25519(key)) => Ok(Self::Key(Box::new(SenderKey(key)))),
            Ok(Point::P256(_)) | Err(PointFault::Encoding | PointFault::NotOnCurve | PointFault::Weak) => {
                Err(WebhookError::Secret)
            }
        }
    }

    /// Checks a delivery.
    ///
    /// # Errors
    /// [`WebhookError`]: the first thing that is wrong.
    pub fn verify<'a>(
        &self,
        headers: Headers<'a>,
        body: &'a [u8],
        now: Moment,
    ) -> Result<Delivery<'a>, WebhookError> {
        let Headers { id, timestamp, signature } = headers;
        if body.len() > MAX_BODY {
            return Err(WebhookError::Size);
        }
        // A dot in it would let one delivery pass for another: it parts the id from the timestamp.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(plain) {
            return Err(WebhookError::Id);
        }
        let digits = timestamp.bytes().all(|b| b.is_ascii_digit());
        let at: u64 = timestamp.parse().ok().filter(|_| digits).ok_or(WebhookError::Timestamp)?;
        if at.abs_diff(now.unix_seconds()) > WINDOW.as_secs() {
            return Err(WebhookError::Stale);
        }
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        match signature.split(' ').take(MAX_SIGNATURES).any(|one| self.signed(&signed, one)) {
            true => Ok(Delivery { id, body }),
            false => Err(WebhookError::Signature),
        }
    }

    fn signed(&self, signed: &[u8], signature: &str) -> bool {
        let Some((version, signature)) = signature.split_once(',') else { return false };
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        match (self, version) {
            (Self::Secret(key), "v1") => hmac::verify(key, signed, &signature).is_ok(),
            (Self::Key(key), "v1a") => {
                signature.try_into().is_ok_and(|signature| verify_ed25519(&key.0, signed, &signature))
            }
            (Self::Secret(_) | Self::Key(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests;
