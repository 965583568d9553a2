//! Why a token is refused: one stable code for each step of TOKEN §7, and whether it is bad or could not be judged.

use super::certificate::CertificateError;
use super::compact::FormError;
use super::evidence::EvidenceError;
use super::guard::ReplayError;
use super::log_proof::LogProofFault;
use super::members::ClaimFault;
use super::possession::PossessionError;
use super::revocations::Revoked;
use super::scope::BeyondScope;
use crate::condition::{ConditionError, ConditionKind, Unmet};
use core::fmt;

/// What a refusal means. Both mean: do not act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The token is known to be bad.
    Denied,
    /// The token could not be judged: something that is needed for that is missing, stale or broken.
    Undetermined,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "denied",
            Self::Undetermined => "undetermined",
        })
    }
}

/// Why a token is refused, in the order of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Steps 1 to 4: it is not a compact JWS of our kind with our header.
    Form(FormError),
    /// Step 5: there is no trust bundle where one is required, or it has expired.
    Bundle(BundleState),
    /// Step 6: no trusted key has this `kid`; a certificate that should say otherwise is refused.
    KeyUnknown(Option<CertificateError>),
    /// Step 6: a key that the token is signed under is revoked.
    KeyRevoked,
    /// Step 6: the window of a key that the token is signed under does not cover `iat` and now.
    KeyExpired,
    /// Step 7: `alg` is not the name of that key's algorithm.
    AlgMismatch,
    /// Step 8: the signature is not that key's.
    SignatureInvalid,
    /// Step 9: the claims are malformed, or there is one that does not belong there.
    Claims(ClaimFault),
    /// Step 10: another version of the profile.
    VersionUnsupported,
    /// Step 11: another trust domain.
    IssuerMismatch,
    /// Step 11: the key may not sign this.
    KeyScope(BeyondScope),
    /// Step 12: it is for another executor, operation or way of enforcing conditions.
    AudienceMismatch(OtherAudience),
    /// Step 13: this executor's clock can't be trusted.
    ClockDoubtful,
    /// Step 13: issued in the future.
    TimeFuture,
    /// Step 13: not valid yet.
    TimeNotYet,
    /// Step 13: no longer valid.
    TimeExpired,
    /// Step 13: valid for longer than this executor accepts, or never.
    TimeTtl,
    /// Step 14: the digest is not that of the operation.
    OperationMismatch,
    /// Step 15: fewer people agreed, or were less surely known, than this executor asks for.
    ApprovalInsufficient,
    /// Step 15: the same person twice.
    ApprovalDuplicate,
    /// Step 15: the requester is among those who agreed.
    ApprovalSelf,
    /// Step 16: a condition that the registry does not have, or that this executor does not enforce.
    ConditionUnknown,
    /// Step 16: a condition that is malformed.
    ConditionMalformed(ConditionError),
    /// Step 17: a condition does not hold, or a fact to check it against is absent.
    Condition(Unmet),
    /// Step 18: there is no proof of possession, and the token asks for one.
    PossessionMissing,
    /// Step 18: the proof of possession is refused.
    PossessionInvalid(PossessionError),
    /// Step 19: revoked.
    Revoked(Revoked),
    /// Step 19: there is no snapshot of revocations where one is required, or it is too old.
    RevocationsStale,
    /// Step 20: the evidence does not carry the approvals.
    Evidence(EvidenceError),
    /// Step 20: nothing shows that the mint is in the log.
    LogProof(LogProofFault),
    /// Step 21: used before, or nobody can say.
    Replay(ReplayError),
}

/// Why there is no usable trust bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleState {
    /// None was loaded, or what was to be loaded was refused.
    Missing,
    /// It has expired.
    Expired,
}

/// What in the audience is not as this executor builds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherAudience {
    /// The executor.
    Executor,
    /// The operation's digest, or whether it is there.
    Operation,
    /// The mark of a conditional token: it lacks it, has it without conditions, or this executor takes none.
    Conditions,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(FormError::Size) => "malformed.size",
            Self::Form(FormError::Compact) => "malformed.compact",
            Self::Form(FormError::Base64) => "malformed.base64",
            Self::Form(FormError::Header) => "malformed.header",
            Self::Form(FormError::HeaderMember) => "header.unexpected",
            Self::Form(FormError::Type) => "type.mismatch",
            Self::Bundle(_) => "undetermined.bundle",
            Self::KeyUnknown(_) => "key.unknown",
            Self::KeyRevoked => "key.revoked",
            Self::KeyExpired => "key.expired",
            Self::AlgMismatch => "alg.mismatch",
            Self::SignatureInvalid => "signature.invalid",
            Self::Claims(ClaimFault::Unexpected) => "claim.unexpected",
            Self::Claims(_) => "malformed.claims",
            Self::VersionUnsupported => "version.unsupported",
            Self::IssuerMismatch => "issuer.mismatch",
            Self::KeyScope(_) => "key.scope",
            Self::AudienceMismatch(_) => "audience.mismatch",
            Self::ClockDoubtful => "undetermined.clock",
            Self::TimeFuture => "time.future",
            Self::TimeNotYet => "time.not_yet",
            Self::TimeExpired => "time.expired",
            Self::TimeTtl => "time.ttl",
            Self::OperationMismatch => "operation.mismatch",
            Self::ApprovalInsufficient => "approval.insufficient",
            Self::ApprovalDuplicate => "approval.duplicate",
            Self::ApprovalSelf => "approval.self",
            Self::ConditionUnknown => "condition.unknown",
            Self::ConditionMalformed(_) => "condition.malformed",
            Self::Condition(Unmet::NotMet(_)) => "condition.unmet",
            Self::Condition(Unmet::MissingFact(_)) => "undetermined.condition",
            Self::PossessionMissing => "pop.missing",
            Self::PossessionInvalid(_) => "pop.invalid",
            Self::Revoked(_) => "revoked",
            Self::RevocationsStale => "undetermined.revocation",
            Self::Evidence(EvidenceError::Missing) => "evidence.missing",
            Self::Evidence(EvidenceError::Invalid) => "evidence.invalid",
            Self::LogProof(_) => "log.proof",
            Self::Replay(ReplayError::Replayed) => "replay",
            Self::Replay(ReplayError::BeforeMemory | ReplayError::Full | ReplayError::Unavailable) => {
                "undetermined.replay_store"
            }
        }
    }

    /// All codes, in the order of the steps.
    pub const CODES: [&str; 40] = [
        "malformed.size",
        "malformed.compact",
        "malformed.base64",
        "malformed.header",
        "header.unexpected",
        "type.mismatch",
        "undetermined.bundle",
        "key.unknown",
        "key.revoked",
        "key.expired",
        "alg.mismatch",
        "signature.invalid",
        "malformed.claims",
        "claim.unexpected",
        "version.unsupported",
        "issuer.mismatch",
        "key.scope",
        "audience.mismatch",
        "undetermined.clock",
        "time.future",
        "time.not_yet",
        "time.expired",
        "time.ttl",
        "operation.mismatch",
        "approval.insufficient",
        "approval.duplicate",
        "approval.self",
        "condition.unknown",
        "condition.malformed",
        "condition.unmet",
        "undetermined.condition",
        "pop.missing",
        "pop.invalid",
        "revoked",
        "undetermined.revocation",
        "evidence.missing",
        "evidence.invalid",
        "log.proof",
        "replay",
        "undetermined.replay_store",
    ];

    /// Whether the token is bad, or could not be judged.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.code().starts_with("undetermined.") { Verdict::Undetermined } else { Verdict::Denied }
    }

    /// The condition that the refusal is about, if it is about one that is known.
    #[must_use]
    pub const fn condition(&self) -> Option<ConditionKind> {
        if let Self::Condition(unmet) = self { Some(unmet.kind()) } else { None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => write!(f, "the token is {error}"),
            Self::Bundle(BundleState::Missing) => {
                f.write_str("there is no trust bundle, and one is required")
            }
            Self::Bundle(BundleState::Expired) => f.write_str("the trust bundle has expired"),
            Self::KeyUnknown(None) => f.write_str("no trusted key has the token's `kid`"),
            Self::KeyUnknown(Some(error)) => write!(f, "no trusted key has the token's `kid`: {error}"),
            Self::KeyRevoked => f.write_str("a key that the token is signed under is revoked"),
            Self::KeyExpired => f.write_str(
                "a key that the token is signed under was not valid when it was issued, or is not now",
            ),
            Self::AlgMismatch => f.write_str("the token's `alg` is not that of its key"),
            Self::SignatureInvalid => f.write_str("the token's signature is not its key's"),
            Self::Claims(fault) => fault.fmt(f),
            Self::VersionUnsupported => f.write_str("the token is of another version of the profile"),
            Self::IssuerMismatch => f.write_str("the token is of another trust domain"),
            Self::KeyScope(beyond) => beyond.fmt(f),
            Self::AudienceMismatch(OtherAudience::Executor) => {
                f.write_str("the token is for another executor")
            }
            Self::AudienceMismatch(OtherAudience::Operation) => {
                f.write_str("the token is for this executor but not for this operation")
            }
            Self::AudienceMismatch(OtherAudience::Conditions) => f.write_str(
                "the token's audience and its conditions do not agree, or this executor takes none",
            ),
            Self::ClockDoubtful => f.write_str("this executor's clock can't be trusted"),
            Self::TimeFuture => f.write_str("the token was issued in the future"),
            Self::TimeNotYet => f.write_str("the token is not valid yet"),
            Self::TimeExpired => f.write_str("the token has expired"),
            Self::TimeTtl => {
                f.write_str("the token is valid for longer than this executor accepts, or never")
            }
            Self::OperationMismatch => f.write_str("the token is for another operation"),
            Self::ApprovalInsufficient => f.write_str("fewer people agreed than this executor asks for"),
            Self::ApprovalDuplicate => f.write_str("the same person is named twice among the approvers"),
            Self::ApprovalSelf => f.write_str("the requester is named among the approvers"),
            Self::ConditionUnknown => {
                f.write_str("the token has a condition that this executor does not know")
            }
            Self::ConditionMalformed(error) => error.fmt(f),
            Self::Condition(unmet) => unmet.fmt(f),
            Self::PossessionMissing => f.write_str("the token needs a proof of possession and came without"),
            Self::PossessionInvalid(error) => error.fmt(f),
            Self::Revoked(revoked) => revoked.fmt(f),
            Self::RevocationsStale => f.write_str("there is no snapshot of revocations that is fresh enough"),
            Self::Evidence(error) => error.fmt(f),
            Self::LogProof(fault) => fault.fmt(f),
            Self::Replay(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}
