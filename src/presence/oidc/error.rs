//! Why a bearer token, or a set of keys, is refused.

use core::fmt;

/// Why a bearer token, or a set of keys, is refused: a closed set of facts, each with a stable [`code`](Self::code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OidcError {
    /// The token is larger than any that is accepted.
    Size,
    /// Not three parts with dots between them.
    Form,
    /// A part is not strict, unpadded base64url.
    Base64,
    /// A part is not an object of strict JSON, bounded in depth and members.
    Json,
    /// The header's `typ` is another kind of token.
    Type,
    /// The header asks for an extension.
    Critical,
    /// The algorithm is none of RS256, ES256 and EdDSA, or not the one of the key.
    Algorithm,
    /// The header names no key.
    KeyId,
    /// The key is not in the set.
    UnknownKey,
    /// The signature is not over this token by this key.
    Signature,
    /// Another issuer's.
    Issuer,
    /// Made for somebody else.
    Audience,
    /// `iat` or `exp` is missing, or a time is not a whole number.
    Times,
    /// Issued, or valid, only later.
    NotYet,
    /// Over.
    Expired,
    /// It lives longer than a day, or not at all.
    Life,
    /// The claim that names the account is missing, empty or no text.
    Claim,
    /// The provider does not vouch for the address.
    EmailUnverified,
    /// It was asked for by another browser, or not by us.
    Nonce,
    /// The set of keys is larger, or has more keys, than any that is accepted.
    KeysSize,
    /// The set is not a JWK set.
    KeysJson,
    /// Two keys have the same `kid`.
    KeysDuplicate,
    /// There is a private key in the set.
    KeysPrivate,
    /// A key of a known type does not hold what its type asks for, or is too weak.
    KeysMalformed,
    /// No key in the set is of a known type and has a `kid`.
    KeysNone,
}

impl OidcError {
    /// Every error, for tests and documentation.
    pub const ALL: [Self; 25] = [
        Self::Size,
        Self::Form,
        Self::Base64,
        Self::Json,
        Self::Type,
        Self::Critical,
        Self::Algorithm,
        Self::KeyId,
        Self::UnknownKey,
        Self::Signature,
        Self::Issuer,
        Self::Audience,
        Self::Times,
        Self::NotYet,
        Self::Expired,
        Self::Life,
        Self::Claim,
        Self::EmailUnverified,
        Self::Nonce,
        Self::KeysSize,
        Self::KeysJson,
        Self::KeysDuplicate,
        Self::KeysPrivate,
        Self::KeysMalformed,
        Self::KeysNone,
    ];

    /// The stable code: what programs and other languages compare.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Size => "oidc.size",
            Self::Form => "oidc.form",
            Self::Base64 => "oidc.base64",
            Self::Json => "oidc.json",
            Self::Type => "oidc.type",
            Self::Critical => "oidc.critical",
            Self::Algorithm => "oidc.algorithm",
            Self::KeyId => "oidc.key_id",
            Self::UnknownKey => "oidc.unknown_key",
            Self::Signature => "oidc.signature",
            Self::Issuer => "oidc.issuer",
            Self::Audience => "oidc.audience",
            Self::Times => "oidc.times",
            Self::NotYet => "oidc.not_yet",
            Self::Expired => "oidc.expired",
            Self::Life => "oidc.life",
            Self::Claim => "oidc.claim",
            Self::EmailUnverified => "oidc.email_unverified",
            Self::Nonce => "oidc.nonce",
            Self::KeysSize => "oidc.keys.size",
            Self::KeysJson => "oidc.keys.json",
            Self::KeysDuplicate => "oidc.keys.duplicate",
            Self::KeysPrivate => "oidc.keys.private",
            Self::KeysMalformed => "oidc.keys.malformed",
            Self::KeysNone => "oidc.keys.none",
        }
    }
}

impl fmt::Display for OidcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "the token is too large",
            Self::Form => "not a token: expected three parts with dots between them",
            Self::Base64 => "a part of the token is not base64url",
            Self::Json => "a part of the token is not an object of strict JSON",
            Self::Type => "the token is of another kind: expected `JWT` or `at+jwt`",
            Self::Critical => "the token asks for an extension that is not known",
            Self::Algorithm => "the token's algorithm is not its key's: RS256, ES256 or EdDSA",
            Self::KeyId => "the token names no key",
            Self::UnknownKey => "the token's key is not one of the provider's",
            Self::Signature => "the token's signature is not the provider's",
            Self::Issuer => "the token is another issuer's",
            Self::Audience => "the token was made for somebody else",
            Self::Times => "the token does not say when it was issued and when it ends",
            Self::NotYet => "the token is not valid yet",
            Self::Expired => "the token has expired",
            Self::Life => "the token lives longer than a day",
            Self::Claim => "the token does not name an account",
            Self::EmailUnverified => "the provider has not verified the token's address",
            Self::Nonce => "the token was not asked for by this browser",
            Self::KeysSize => "the set of keys is too large",
            Self::KeysJson => "not a JWK set",
            Self::KeysDuplicate => "two keys of the set have the same `kid`",
            Self::KeysPrivate => "there is a private key in the set",
            Self::KeysMalformed => "a key of the set does not hold what its type asks for, or is too weak",
            Self::KeysNone => "no key of the set can be used: RSA, P-256 or Ed25519, each with a `kid`",
        })
    }
}

impl std::error::Error for OidcError {}
