//! The promise that a token is used once: an atomic insert of its issuer and id, made last, before the operation
//! runs (TOKEN §7, step 21).

use crate::moment::Moment;
use crate::party::{TokenId, TrustDomain};
use core::fmt;
use core::time::Duration;

/// How long after a token has expired its entry is kept.
pub const KEPT_AFTER_EXPIRY: Duration = Duration::from_secs(60);

/// What identifies a token for single use: never its text, which has more than one spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayKey {
    /// The token's `iss`.
    pub issuer: TrustDomain,
    /// The token's `jti`.
    pub jti: TokenId,
}

/// One use of a token, as a guard records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// Which token.
    pub key: ReplayKey,
    /// When it was issued: a guard that has not seen all uses since then must refuse.
    pub issued_at: Moment,
    /// Until when the entry must be kept, [`KEPT_AFTER_EXPIRY`] after the token's `exp`.
    pub keep_until: Moment,
}

/// Remembers used tokens.
///
/// Implementations never evict for room: a guard that is full refuses. What they return `Ok` for is recorded for good
/// before they return; a durable guard has synced it.
pub trait ReplayGuard: Send + Sync {
    /// Records the use of a token, atomically, unless it is recorded already.
    ///
    /// # Errors
    /// [`ReplayError::Replayed`] if it was used before; the others if nobody can say.
    fn consume(&self, token: &TokenUse, now: Moment) -> Result<(), ReplayError>;
}

/// Why the use of a token was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// The token was used before.
    Replayed,
    /// The token was issued before the guard began to remember, so it may have been used.
    BeforeMemory,
    /// The guard holds as many entries as it may.
    Full,
    /// The guard's store can't be read or written.
    Unavailable,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replayed => "the token was used before",
            Self::BeforeMemory => "the token is older than this executor's record of used tokens",
            Self::Full => "the record of used tokens is full",
            Self::Unavailable => "the record of used tokens can't be read or written",
        })
    }
}

impl std::error::Error for ReplayError {}
