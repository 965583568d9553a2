//! Authority tokens: what they say, how they are drafted for signing, how an executor verifies them (TOKEN.md).
//!
//! A token is a compact JWS that any JWT library verifies. What such libraries forget is checked here, in the order
//! and with the codes of TOKEN §7, and a [`ReplayGuard`] makes it single-use.

mod audience;
mod claims;
mod compact;
mod draft;
mod guard;
mod key;
mod members;

pub use audience::{AmbiguousName, Audience, Executor};
pub use claims::{Approval, Assurance, Claims, LogLeaf, RiskScore, Times, VERSION};
pub use compact::{FormError, MAX_MINTED, MAX_VERIFIED, SigningInput};
pub use draft::{DEFAULT_LIFE, Draft, DraftError, Grant, MAX_LIFE};
pub use guard::{KEPT_AFTER_EXPIRY, ReplayError, ReplayGuard, ReplayKey, TokenUse};
pub use key::{Algorithm, BadSignature, KeyError, PublicKey};
pub use members::ClaimFault;
