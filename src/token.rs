//! Authority tokens: what they say, how they are drafted for signing, how an executor verifies them (TOKEN.md).
//!
//! A token is a compact JWS that any JWT library verifies. What such libraries forget is checked here, in the order
//! and with the codes of TOKEN §7, and a [`ReplayGuard`] makes it single-use. Nothing here signs, reads a clock or
//! stores anything: what is to be signed comes out as a [`SigningInput`], time goes in as an argument.

mod audience;
mod bundle;
mod call;
mod canonical;
mod certificate;
mod claims;
mod compact;
mod config;
mod draft;
mod evidence;
mod guard;
mod key;
mod log_proof;
mod members;
mod possession;
mod receipt;
mod refusal;
mod revocations;
mod scope;
mod seen;
mod statement;
mod trust;
mod unverified;
mod verify;

pub use audience::{AmbiguousName, Audience, Executor};
pub use bundle::{BundleContents, BundleError, TrustBundle};
pub use call::{
    CALL_CERTIFICATES_HEADER, CALL_HEADER, CALL_SKEW, Call, CallError, MAX_CALL_LIFE, enrolment_message,
};
pub use certificate::{
    CertificateError, CertifiedKey, KeyCertificate, KeyUse, MAX_AUTHORITY_KEY_LIFE, MAX_ISSUER_KEY_LIFE,
    MAX_LOG_KEY_LIFE, MAX_RECEIPT_KEY_LIFE,
};
pub use claims::{Approval, Assurance, Claims, LogLeaf, RiskScore, Times, VERSION};
pub use compact::{FormError, MAX_MINTED, MAX_VERIFIED, SigningInput};
pub use config::{ApprovalFloor, ClockReading, ConfigError, DEFAULT_SKEW, MAX_SKEW, VerifierConfig};
pub use draft::{DEFAULT_LIFE, Draft, DraftError, Grant, MAX_LIFE};
pub use evidence::{EvidenceCheck, EvidenceError};
pub use guard::{KEPT_AFTER_EXPIRY, ReplayError, ReplayGuard, ReplayKey, TokenUse};
pub use key::{Algorithm, BadSignature, KeyError, PublicKey};
pub use log_proof::LogProofFault;
pub use members::ClaimFault;
pub use possession::{MAX_PROOF_AGE, Possession, PossessionError};
pub use receipt::{MAX_RECEIPT, PresentedFacts, Receipt, ReceiptClaims, ReceiptError, UseOutcome};
pub use refusal::{BundleState, OtherAudience, Refusal, Verdict};
pub use revocations::{RevocationContents, Revocations, Revoked};
pub use scope::{BeyondScope, Pattern, Scope};
pub use statement::{MAX_STATEMENT, MAX_STATEMENT_LIFE, Ratchet, StatementError};
pub use trust::{Anchor, AnchorError, MAX_CHAIN};
pub use unverified::{InspectError, UnverifiedToken};
pub use verify::{CheckedOperation, Presented, VerifiedOperation, Verifier};
