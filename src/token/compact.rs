//! The outer form of everything Countersign signs: a compact JWS with a closed header (TOKEN §2, §7 steps 1 to 4).

use super::canonical;
use super::key::{Algorithm, BadSignature, PublicKey};
use crate::digest::{KeyId, base64url, from_base64url};
use crate::operation::json::{Limits, Value, read};
use core::fmt;

/// The most bytes of a token that is verified.
pub const MAX_VERIFIED: usize = 8 * 1024;
/// The most bytes of a token that is made.
pub const MAX_MINTED: usize = 4 * 1024;

/// What kind of object a JWS is: its header's `typ`. Every kind has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An authority token.
    Authority,
    /// A key certificate.
    KeyCertificate,
    /// A trust bundle.
    Bundle,
    /// A snapshot of revocations.
    Revocations,
    /// A proof of possession of the key that a token's `cnf` names.
    Possession,
    /// An executor's receipt of the use of a token.
    Receipt,
    /// What a sidecar says with a call to its desk.
    Call,
}

impl Kind {
    /// The `typ`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "countersign-authority+jwt",
            Self::KeyCertificate => "countersign-keycert+jwt",
            Self::Bundle => "countersign-bundle+jwt",
            Self::Revocations => "countersign-revocations+jwt",
            Self::Possession => "countersign-pop+jwt",
            Self::Receipt => "countersign-receipt+jwt",
            Self::Call => "countersign-call+jwt",
        }
    }
}

/// Why a text is not a JWS of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormError {
    /// It is longer than may be read.
    Size,
    /// It has a character outside the base64url alphabet, or not exactly two dots.
    Compact,
    /// A part is not unpadded base64url with its unused bits zero.
    Base64,
    /// The header is not an object of strict JSON with the strings `alg`, `typ` and `kid`.
    Header,
    /// The header has a member beside `alg`, `typ` and `kid`.
    HeaderMember,
    /// `typ` is that of another kind.
    Type,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => write!(f, "longer than may be read"),
            Self::Compact => f.write_str("not three parts of base64url with two dots between them"),
            Self::Base64 => f.write_str("not strict unpadded base64url"),
            Self::Header => {
                f.write_str("the header is not strict JSON with the strings `alg`, `typ` and `kid`")
            }
            Self::HeaderMember => f.write_str("the header has a member beside `alg`, `typ` and `kid`"),
            Self::Type => f.write_str("the header's `typ` is that of another kind of object"),
        }
    }
}

impl std::error::Error for FormError {}

/// A JWS whose form was checked and nothing else.
#[derive(Debug)]
pub(super) struct Compact<'a> {
    /// What the signature is over: header, dot and claims as they were received.
    signed: &'a str,
    header: Header,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

/// The three members of a header, as they were received.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) typ: String,
    pub(super) kid: String,
}

impl<'a> Compact<'a> {
    /// Reads a JWS of that kind.
    pub(super) fn read(text: &'a str, kind: Kind, most: usize) -> Result<Self, FormError> {
        let jws = Self::read_any(text, most)?;
        if jws.header.typ == kind.as_str() { Ok(jws) } else { Err(FormError::Type) }
    }

    /// Reads a JWS of any `typ`.
    pub(super) fn read_any(text: &'a str, most: usize) -> Result<Self, FormError> {
        if text.len() > most {
            return Err(FormError::Size);
        }
        // Counted before anything is split: a million dots cost one pass (CVE-2025-30204).
        if text.bytes().filter(|b| *b == b'.').count() != 2 {
            return Err(FormError::Compact);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(FormError::Compact)?;
        let (header, claims) = signed.split_once('.').ok_or(FormError::Compact)?;
        // The decoder refuses every other character as well; only then does it matter which it was.
        let refused = || if text.bytes().all(is_compact) { FormError::Base64 } else { FormError::Compact };
        let decode = |part| from_base64url(part).ok_or_else(refused);
        let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
        Ok(Self { signed, header: Header::read(&header)?, claims, signature })
    }

    pub(super) const fn header(&self) -> &Header {
        &self.header
    }

    /// The id of the key that made the signature; `None` where `kid` is no thumbprint, so no key has it.
    pub(super) fn key_id(&self) -> Option<KeyId> {
        KeyId::parse(&self.header.kid)
    }

    /// Whether `alg` is the one name of this key's algorithm.
    pub(super) fn names_algorithm_of(&self, key: &PublicKey) -> bool {
        self.header.alg == key.algorithm().as_str()
    }

    /// The claims' bytes as they were received.
    pub(super) fn claims(&self) -> &[u8] {
        &self.claims
    }

    /// Checks the signature over the received bytes.
    pub(super) fn verify(&self, key: &PublicKey) -> Result<(), BadSignature> {
        key.verify(self.signed.as_bytes(), &self.signature)
    }
}

const fn is_compact(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

impl Header {
    const LIMITS: Limits = Limits { bytes: 1024, depth: 4, members: 16 };

    fn read(bytes: &[u8]) -> Result<Self, FormError> {
        canonical::header(bytes).map_or_else(|| Self::read_generally(bytes), Ok)
    }

    /// As [`Header::read`], whatever form the header has.
    pub(super) fn read_generally(bytes: &[u8]) -> Result<Self, FormError> {
        let value = read(bytes, &Self::LIMITS).map_err(|_| FormError::Header)?;
        let object = value.as_object().ok_or(FormError::Header)?;
        if object.names().any(|name| !["alg", "typ", "kid"].contains(&name)) {
            return Err(FormError::HeaderMember);
        }
        let text =
            |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(FormError::Header);
        Ok(Self { alg: text("alg")?, typ: text("typ")?, kid: text("kid")? })
    }
}

/// The bytes that a key signs, and what becomes of them with the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningInput {
    text: String,
}

impl SigningInput {
    /// The header for this kind of object and key, and the claims.
    pub(super) fn new(kind: Kind, key: &PublicKey, claims: &[u8]) -> Self {
        let (alg, kid, typ): (Algorithm, KeyId, Kind) = (key.algorithm(), key.id(), kind);
        // The three values need no escaping: two closed sets and base64url.
        let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{}"}}"#, typ.as_str());
        Self { text: format!("{}.{}", base64url(header.as_bytes()), base64url(claims)) }
    }

    /// What is to be signed with Ed25519.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The length of the whole once it is signed, in bytes.
    #[must_use]
    pub fn signed_len(&self) -> usize {
        // A dot and 64 bytes of signature in base64url.
        self.text.len() + 1 + 86
    }

    /// The compact JWS. The signature is not checked here; whoever reads the JWS does.
    #[must_use]
    pub fn assemble(mut self, signature: &[u8; 64]) -> String {
        self.text.push('.');
        self.text.push_str(&base64url(signature));
        self.text
    }
}
