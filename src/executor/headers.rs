//! The headers that carry a token and what comes with it, and those that a service may see.

use super::refused::{HeaderFault, Refused};
use crate::digest::from_base64url;
use crate::token::{FormError, MAX_CHAIN, MAX_VERIFIED, Refusal};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The scheme of the `authorization` header, which a token follows.
pub const SCHEME: &str = "Countersign";
/// `countersign-certificate`: a key certificate.
pub const CERTIFICATE: HeaderName = HeaderName::from_static("countersign-certificate");
/// `countersign-proof`: the proof of possession.
pub const PROOF: HeaderName = HeaderName::from_static("countersign-proof");
/// `countersign-evidence`: a signed vote in unpadded base64url.
pub const EVIDENCE: HeaderName = HeaderName::from_static("countersign-evidence");
/// `countersign-log-proof`: the proof that the mint is in the log, in unpadded base64url.
pub const LOG_PROOF: HeaderName = HeaderName::from_static("countersign-log-proof");

/// The most pieces of evidence of a request.
pub const MAX_EVIDENCE_PIECES: usize = 16;
/// The most bytes of base64url of all the evidence of a request.
pub const MAX_EVIDENCE_TEXT: usize = 128 * 1024;
/// The most bytes of base64url of a log proof.
pub const MAX_LOG_PROOF_TEXT: usize = 64 * 1024;

/// What a service may see besides, unless it is told of more: nothing that says what to do.
pub(super) const PASSED: [HeaderName; 6] = [
    ACCEPT,
    CONTENT_TYPE,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    USER_AGENT,
    HeaderName::from_static("x-request-id"),
];

/// What the headers of a request carry. Nothing in it is verified.
pub(super) struct Carried {
    pub(super) token: String,
    pub(super) certificates: Vec<String>,
    pub(super) proof: Option<String>,
    pub(super) evidence: Vec<Vec<u8>>,
    pub(super) log_proof: Option<String>,
}

impl Carried {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Refused> {
        let token = token(headers)?;
        let certificates = list(headers, &CERTIFICATE, MAX_CHAIN).map_err(|fault| {
            Refused::Headers(match fault {
                ListFault::TooMany => HeaderFault::CertificateTooMany,
                ListFault::Malformed => HeaderFault::CertificateMalformed,
            })
        })?;
        let proof = list(headers, &PROOF, 1).map_err(|fault| {
            Refused::Headers(match fault {
                ListFault::TooMany => HeaderFault::ProofRepeated,
                ListFault::Malformed => HeaderFault::ProofMalformed,
            })
        })?;
        Ok(Self {
            token: token.to_owned(),
            certificates: certificates.into_iter().map(str::to_owned).collect(),
            proof: proof.first().map(|text| (*text).to_owned()),
            evidence: evidence(headers).map_err(Refused::Headers)?,
            log_proof: log_proof(headers).map_err(Refused::Headers)?,
        })
    }
}

fn token(headers: &HeaderMap) -> Result<&str, Refused> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refused::Headers(HeaderFault::AuthorizationMissing))?;
    if values.next().is_some() {
        return Err(Refused::Headers(HeaderFault::AuthorizationRepeated));
    }
    let malformed = Refused::Headers(HeaderFault::AuthorizationMalformed);
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(malformed)?;
    // A comma would be a second header that a proxy joined to the first.
    if !scheme.eq_ignore_ascii_case(SCHEME) || token.is_empty() || token.contains([' ', '\t', ',']) {
        return Err(malformed);
    }
    // The verifier would say the same, after the body was read.
    if token.len() > MAX_VERIFIED {
        return Err(Refused::Token(Refusal::Form(FormError::Size)));
    }
    Ok(token)
}

fn evidence(headers: &HeaderMap) -> Result<Vec<Vec<u8>>, HeaderFault> {
    let pieces = list(headers, &EVIDENCE, MAX_EVIDENCE_PIECES).map_err(|fault| match fault {
        ListFault::TooMany => HeaderFault::EvidenceTooMuch,
        ListFault::Malformed => HeaderFault::EvidenceMalformed,
    })?;
    if pieces.iter().map(|piece| piece.len()).sum::<usize>() > MAX_EVIDENCE_TEXT {
        return Err(HeaderFault::EvidenceTooMuch);
    }
    pieces.into_iter().map(|piece| from_base64url(piece).ok_or(HeaderFault::EvidenceMalformed)).collect()
}

fn log_proof(headers: &HeaderMap) -> Result<Option<String>, HeaderFault> {
    let values = list(headers, &LOG_PROOF, 1).map_err(|fault| match fault {
        ListFault::TooMany => HeaderFault::LogProofRepeated,
        ListFault::Malformed => HeaderFault::LogProofMalformed,
    })?;
    let Some(text) = values.first() else { return Ok(None) };
    if text.len() > MAX_LOG_PROOF_TEXT {
        return Err(HeaderFault::LogProofMalformed);
    }
    let proof = from_base64url(text).and_then(|bytes| String::from_utf8(bytes).ok());
    proof.map(Some).ok_or(HeaderFault::LogProofMalformed)
}

enum ListFault {
    TooMany,
    Malformed,
}

/// The values of a header that may be repeated: proxies may join them with commas (RFC 9110 §5.3).
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName, most: usize) -> Result<Vec<&'a str>, ListFault> {
    let mut found = Vec::new();
    for value in headers.get_all(name) {
        for part in value.to_str().map_err(|_| ListFault::Malformed)?.split(',') {
            if found.len() == most {
                return Err(ListFault::TooMany);
            }
            let part = part.trim_matches([' ', '\t']);
            if part.is_empty() || part.contains([' ', '\t']) {
                return Err(ListFault::Malformed);
            }
            found.push(part);
        }
    }
    Ok(found)
}

/// Leaves only the headers that a service may see, and the true length of its body.
pub(super) fn retain(headers: &mut HeaderMap, passed: &[HeaderName], body: usize) {
    let own = [&AUTHORIZATION, &CERTIFICATE, &PROOF, &EVIDENCE, &LOG_PROOF, &CONTENT_LENGTH];
    let kept = passed.iter().filter(|name| !own.contains(name));
    let mut left = HeaderMap::new();
    for name in kept {
        // A header that is named twice among those passed is found only once.
        if !left.contains_key(name) {
            for value in headers.get_all(name) {
                left.append(name, value.clone());
            }
        }
    }
    if body > 0 {
        left.insert(CONTENT_LENGTH, HeaderValue::from(body));
    }
    *headers = left;
}
