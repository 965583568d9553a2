//! Votes: what a reviewer states, the signature over it, and the proof that it is theirs (DESIGN §5.3).

mod statement;

pub use statement::{
    Choice, Conditions, ConditionsError, MAX_CONDITIONS, MAX_REASON, MAX_STATEMENT, Nonce, Reason,
    ReasonError, Statement, StatementError,
};

use crate::digest::VoteDigest;
use crate::party::PersonId;
use crate::presence::ssh::{MAX_ARMORED, PublicKey, Signature, SshError, Touch, VOTE_NAMESPACE};
use core::fmt;

/// How far a reviewer's clock may be off: the skew that TOKEN §7 allows for tokens.
pub const CLOCK_SKEW: core::time::Duration = core::time::Duration::from_secs(30);

/// A vote as it travels: the exact text that was signed, and the signature. It proves nothing before [`verify`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "engine", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "engine", serde(deny_unknown_fields))]
pub struct SignedVote {
    /// The canonical statement, byte for byte as it was signed.
    pub statement: String,
    /// The SSH signature over it, armoured, for the namespace [`VOTE_NAMESPACE`].
    pub signature: String,
}

/// Knows whose keys are whose.
pub trait Keys {
    /// Whether `key` is one of this person's own.
    ///
    /// No key may belong to two people: whoever implements this has refused such a roster.
    fn holds(&self, person: &PersonId, key: &PublicKey) -> bool;
}

/// A vote whose signature was made by the reviewer's own key. Only [`verify`] makes one: holding it is the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedVote {
    statement: Statement,
    digest: VoteDigest,
    key: PublicKey,
    touch: Touch,
    signed: SignedVote,
}

/// Why a vote is not taken for its reviewer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteError {
    /// The statement is not one.
    Statement(StatementError),
    /// The signature is none, or not over this statement.
    Signature(SshError),
    /// The key that signed is not one of the reviewer's.
    UnknownKey,
}

impl VoteError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Statement(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::UnknownKey => "vote.unknown_key",
        }
    }
}

impl fmt::Display for VoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(error) => error.fmt(f),
            Self::Signature(error) => error.fmt(f),
            Self::UnknownKey => f.write_str("the key that signed is not one of the reviewer's"),
        }
    }
}

impl std::error::Error for VoteError {}

impl From<StatementError> for VoteError {
    fn from(error: StatementError) -> Self {
        Self::Statement(error)
    }
}

impl From<SshError> for VoteError {
    fn from(error: SshError) -> Self {
        Self::Signature(error)
    }
}

/// Checks that the reviewer whom the statement names signed it with a key of their own.
///
/// Whether the vote *counts*, for this escalation and now, is another question.
///
/// # Errors
/// [`VoteError`]: what is wrong with it.
pub fn verify(signed: &SignedVote, keys: &dyn Keys) -> Result<VerifiedVote, VoteError> {
    // Bounded before anything is parsed: a stranger may send this.
    if signed.signature.len() > MAX_ARMORED {
        return Err(SshError::SignatureSize.into());
    }
    let statement = Statement::from_bytes(signed.statement.as_bytes())?;
    let signature = Signature::from_armored(&signed.signature)?;
    let key = signature.public_key();
    if !keys.holds(&statement.reviewer, key) {
        return Err(VoteError::UnknownKey);
    }
    let touch = signature.verify(key, VOTE_NAMESPACE, signed.statement.as_bytes())?;
    Ok(VerifiedVote {
        digest: statement.digest(),
        key: key.clone(),
        statement,
        touch,
        signed: signed.clone(),
    })
}

impl VerifiedVote {
    /// What the reviewer stated.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The digest of the statement, as `cs_appr` names it.
    #[must_use]
    pub const fn digest(&self) -> VoteDigest {
        self.digest
    }

    /// The reviewer's key that signed it.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What the signature says about the hand that made it.
    #[must_use]
    pub const fn touch(&self) -> Touch {
        self.touch
    }

    /// The vote as it travels.
    #[must_use]
    pub const fn signed(&self) -> &SignedVote {
        &self.signed
    }
}
