//! Why nobody is taken for a reviewer.

use crate::presence::oidc::OidcError;
use crate::presence::passkey::PasskeyError;
use crate::presence::ssh::SshError;
use core::fmt;

/// Why a caller is not taken for a person of the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInRefused {
    /// Not a challenge.
    Challenge,
    /// A challenge that this desk did not make, or made before it was started again.
    Foreign,
    /// The challenge's time is over.
    ChallengeOver,
    /// The challenge was answered before.
    Answered,
    /// The signature is none, or not over this challenge.
    Signature(SshError),
    /// The key that signed is not one of this person's.
    UnknownKey,
    /// The passkey's answer is not good.
    Passkey(PasskeyError),
    /// The passkey is nobody's.
    UnknownPasskey,
    /// They sign in too often.
    TooMany,
    /// There is no randomness.
    NoEntropy,
    /// Who is signed in can't be found out just now.
    Unavailable,
    /// There is no such session, or it was ended.
    UnknownSession,
    /// The session's time is over.
    SessionOver,
    /// The person, or what they signed in with, has left the roster.
    SessionRevoked,
    /// The identity provider's token is not good.
    Token(OidcError),
    /// The token is good, and its account is nobody's in the roster.
    UnknownAccount,
    /// Neither a session nor, where there is a provider, a token of it.
    UnknownBearer,
}

impl SignInRefused {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Challenge => "sign_in.challenge",
            Self::Foreign => "sign_in.foreign",
            Self::ChallengeOver => "sign_in.expired",
            Self::Answered => "sign_in.answered",
            Self::Signature(error) => error.code(),
            Self::UnknownKey => "sign_in.unknown_key",
            Self::Passkey(error) => error.code(),
            Self::UnknownPasskey => "sign_in.unknown_passkey",
            Self::TooMany => "sign_in.too_many",
            Self::NoEntropy => "sign_in.no_entropy",
            Self::Unavailable => "sign_in.unavailable",
            Self::UnknownSession => "session.unknown",
            Self::SessionOver => "session.expired",
            Self::SessionRevoked => "session.revoked",
            Self::Token(error) => error.code(),
            Self::UnknownAccount => "oidc.unknown_account",
            Self::UnknownBearer => "bearer.unknown",
        }
    }
}

impl fmt::Display for SignInRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Challenge => "that is no challenge",
            Self::Foreign => "this desk did not make the challenge; ask for a new one",
            Self::ChallengeOver => "the challenge has expired; ask for a new one",
            Self::Answered => "the challenge was answered before; ask for a new one",
            Self::Signature(error) => return error.fmt(f),
            Self::UnknownKey => "the key that signed is not one of this person's in the roster",
            Self::Passkey(error) => return error.fmt(f),
            Self::UnknownPasskey => "the passkey is not known here: it was never enrolled, or it was removed",
            Self::TooMany => "this person signs in too often; wait a minute",
            Self::NoEntropy => "the system's source of randomness failed",
            Self::Unavailable => "who is signed in can't be found out just now; try again",
            Self::UnknownSession => "the session is not known or was ended; sign in again",
            Self::SessionOver => "the session has expired; sign in again",
            Self::SessionRevoked => {
                "the person, or what they signed in with, has left the roster, so the session has ended"
            }
            Self::Token(error) => return error.fmt(f),
            Self::UnknownAccount => "the token's account is nobody's in the roster",
            Self::UnknownBearer => "the bearer token is not known",
        })
    }
}

impl std::error::Error for SignInRefused {}
