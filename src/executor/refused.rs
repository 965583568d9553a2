//! Why a request was not let through, and the response that says so.

use super::SCHEME;
use super::operation_of::NoOperation;
use super::receipts::NoReceipt;
use super::run::NotRun;
use crate::token::{Refusal, Verdict};
use bytes::Bytes;
use core::fmt;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::Full;

/// Why a request was not let through. Nothing of the request is in it, so that it can be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The headers that carry the token and what comes with it are missing or malformed.
    Headers(HeaderFault),
    /// The body could not be had.
    Body(BodyFault),
    /// The request is for nothing that this executor does.
    Operation(NoOperation),
    /// The token is refused.
    Token(Refusal),
    /// The verification was not run to its end.
    NotRun(NotRun),
    /// The token was good and is used up, but no receipt could be signed or kept.
    NoReceipt(NoReceipt),
}

/// What is wrong with the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// There is no `authorization`.
    AuthorizationMissing,
    /// There is more than one.
    AuthorizationRepeated,
    /// It is not `Countersign` and a token.
    AuthorizationMalformed,
    /// There are more key certificates than a chain has.
    CertificateTooMany,
    /// A key certificate is empty, or not of visible ASCII characters.
    CertificateMalformed,
    /// There is more than one proof of possession.
    ProofRepeated,
    /// The proof of possession is empty, or not of visible ASCII characters.
    ProofMalformed,
    /// There are too many pieces of evidence, or too many bytes of it.
    EvidenceTooMuch,
    /// A piece of evidence is empty or no unpadded base64url.
    EvidenceMalformed,
    /// There is more than one log proof.
    LogProofRepeated,
    /// The log proof is too long, or no text in unpadded base64url.
    LogProofMalformed,
}

/// What is wrong with the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It is larger than this executor takes.
    TooLarge,
    /// It broke off.
    Unreadable,
}

impl Refused {
    /// The stable code: for a refused token that of TOKEN §7.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Headers(HeaderFault::AuthorizationMissing) => "authorization.missing",
            Self::Headers(HeaderFault::AuthorizationRepeated) => "authorization.repeated",
            Self::Headers(HeaderFault::AuthorizationMalformed) => "authorization.malformed",
            Self::Headers(HeaderFault::CertificateTooMany) => "certificate.too_many",
            Self::Headers(HeaderFault::CertificateMalformed) => "certificate.malformed",
            Self::Headers(HeaderFault::ProofRepeated) => "pop.repeated",
            Self::Headers(HeaderFault::ProofMalformed) => "pop.malformed",
            Self::Headers(HeaderFault::EvidenceTooMuch) => "evidence.too_much",
            Self::Headers(HeaderFault::EvidenceMalformed) => "evidence.malformed",
            Self::Headers(HeaderFault::LogProofRepeated) => "log.repeated",
            Self::Headers(HeaderFault::LogProofMalformed) => "log.malformed",
            Self::Body(BodyFault::TooLarge) => "body.too_large",
            Self::Body(BodyFault::Unreadable) => "body.unreadable",
            Self::Operation(fault) => fault.code(),
            Self::Token(refusal) => refusal.code(),
            Self::NotRun(NotRun) => "undetermined.not_run",
            Self::NoReceipt(NoReceipt) => "undetermined.receipt",
        }
    }

    /// Whether the answer is no, or nobody could say. Both mean that nothing was done.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Headers(_) | Self::Body(_) | Self::Operation(_) => Verdict::Denied,
            Self::Token(refusal) => refusal.verdict(),
            Self::NotRun(NotRun) | Self::NoReceipt(NoReceipt) => Verdict::Undetermined,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Headers(_) => StatusCode::UNAUTHORIZED,
            Self::Body(BodyFault::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyFault::Unreadable) => StatusCode::BAD_REQUEST,
            Self::Operation(_) | Self::Token(_) | Self::NotRun(_) | Self::NoReceipt(_) => {
                match self.verdict() {
                    Verdict::Denied => StatusCode::FORBIDDEN,
                    Verdict::Undetermined => StatusCode::SERVICE_UNAVAILABLE,
                }
            }
        }
    }

    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        // Codes and verdicts are made of letters, dots and underscores.
        let body = format!(r#"{{"error":"{}","verdict":"{}"}}"#, self.code(), self.verdict());
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::Headers(_)) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(SCHEME));
        }
        response
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(fault) => fault.fmt(f),
            Self::Body(fault) => fault.fmt(f),
            Self::Operation(fault) => fault.fmt(f),
            Self::Token(refusal) => refusal.fmt(f),
            Self::NotRun(error) => error.fmt(f),
            Self::NoReceipt(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthorizationMissing => "there is no `authorization` header",
            Self::AuthorizationRepeated => "there is more than one `authorization` header",
            Self::AuthorizationMalformed => "the `authorization` header is not `Countersign` and a token",
            Self::CertificateTooMany => "there are more key certificates than a chain has",
            Self::CertificateMalformed => "a `countersign-certificate` header is malformed",
            Self::ProofRepeated => "there is more than one `countersign-proof` header",
            Self::ProofMalformed => "the `countersign-proof` header is malformed",
            Self::EvidenceTooMuch => "there is more evidence than this executor takes",
            Self::EvidenceMalformed => "a `countersign-evidence` header is not unpadded base64url",
            Self::LogProofRepeated => "there is more than one `countersign-log-proof` header",
            Self::LogProofMalformed => {
                "the `countersign-log-proof` header is too long or no text in unpadded base64url"
            }
        })
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the body is larger than this executor takes",
            Self::Unreadable => "the body broke off",
        })
    }
}
