//! Why a receipt is refused, each reason with a stable code.

use crate::token::certificate::CertificateError;
use crate::token::compact::FormError;
use crate::token::members::ClaimFault;
use core::fmt;

/// Why a receipt is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptError {
    /// It is not a compact JWS of this kind.
    Form(FormError),
    /// It is not signed by a key that is certified for receipts.
    KeyUnknown(Option<CertificateError>),
    /// A key that it is signed under is revoked.
    KeyRevoked,
    /// `alg` is not the name of the key's algorithm.
    AlgMismatch,
    /// The signature is not the key's.
    SignatureInvalid,
    /// The claims are malformed.
    Claims(ClaimFault),
    /// It is of another version of the profile.
    VersionUnsupported,
    /// It belongs to another trust domain.
    IssuerMismatch,
    /// The key signs for another executor than the one that the receipt names.
    KeyScope,
    /// A key that it is signed under was not valid when it was signed.
    KeyExpired,
    /// It was signed in the future.
    TimeFuture,
    /// It says that the operation ended before it began, or after the receipt was signed.
    TimeOrder,
    /// No token was minted for the decision that it names.
    NotMinted,
    /// It is of another token, operation or executor than the decision that it names.
    OtherToken,
    /// There are as many receipts of this token as are kept.
    TooMany,
}

impl ReceiptError {
    /// The code, which stays the same from one version to the next.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(FormError::Size) => "malformed.size",
            Self::Form(FormError::Compact) => "malformed.compact",
            Self::Form(FormError::Base64) => "malformed.base64",
            Self::Form(FormError::Header) => "malformed.header",
            Self::Form(FormError::HeaderMember) => "header.unexpected",
            Self::Form(FormError::Type) => "type.mismatch",
            Self::KeyUnknown(_) => "key.unknown",
            Self::KeyRevoked => "key.revoked",
            Self::AlgMismatch => "alg.mismatch",
            Self::SignatureInvalid => "signature.invalid",
            Self::Claims(ClaimFault::Unexpected) => "claim.unexpected",
            Self::Claims(_) => "malformed.claims",
            Self::VersionUnsupported => "version.unsupported",
            Self::IssuerMismatch => "issuer.mismatch",
            Self::KeyScope => "key.scope",
            Self::KeyExpired => "key.expired",
            Self::TimeFuture => "time.future",
            Self::TimeOrder => "time.order",
            Self::NotMinted => "receipt.not_minted",
            Self::OtherToken => "receipt.other_token",
            Self::TooMany => "receipt.too_many",
        }
    }

    /// All codes, in the order of the steps.
    pub const CODES: [&str; 21] = [
        "malformed.size",
        "malformed.compact",
        "malformed.base64",
        "malformed.header",
        "header.unexpected",
        "type.mismatch",
        "key.unknown",
        "key.revoked",
        "alg.mismatch",
        "signature.invalid",
        "malformed.claims",
        "claim.unexpected",
        "version.unsupported",
        "issuer.mismatch",
        "key.scope",
        "key.expired",
        "time.future",
        "time.order",
        "receipt.not_minted",
        "receipt.other_token",
        "receipt.too_many",
    ];
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => write!(f, "the receipt is {error}"),
            Self::KeyUnknown(None) => f.write_str("no key that is certified for receipts signed this one"),
            Self::KeyUnknown(Some(error)) => {
                write!(f, "no key that is certified for receipts signed this one: {error}")
            }
            Self::KeyRevoked => f.write_str("a key that the receipt is signed under is revoked"),
            Self::AlgMismatch => f.write_str("the receipt's `alg` is not that of its key"),
            Self::SignatureInvalid => f.write_str("the receipt's signature is not its key's"),
            Self::Claims(fault) => write!(f, "in the receipt {fault}"),
            Self::VersionUnsupported => f.write_str("the receipt is of another version of the profile"),
            Self::IssuerMismatch => f.write_str("the receipt belongs to another trust domain"),
            Self::KeyScope => f.write_str("the receipt's key signs for another executor"),
            Self::KeyExpired => {
                f.write_str("a key that the receipt is signed under was not valid when it was signed")
            }
            Self::TimeFuture => f.write_str("the receipt was signed in the future"),
            Self::TimeOrder => f.write_str("the receipt's times contradict each other"),
            Self::NotMinted => f.write_str("no token was minted for the decision that the receipt names"),
            Self::OtherToken => f.write_str(
                "the receipt is of another token, operation or executor than the decision it names",
            ),
            Self::TooMany => f.write_str("there are as many receipts of this token as are kept"),
        }
    }
}

impl std::error::Error for ReceiptError {}
