//! Votes: what a reviewer states, the signature over it, and the proof that it is theirs (DESIGN §5.3).

mod statement;

pub use statement::{
    Choice, Conditions, ConditionsError, MAX_CONDITIONS, MAX_REASON, MAX_STATEMENT, Nonce, Reason,
    ReasonError, Statement, StatementError,
};

use crate::digest::VoteDigest;
use crate::party::PersonId;
use crate::presence::passkey::{
    Assertion, Challenge, Counter, CredentialId, MAX_ASSERTION, Passkey, PasskeyError, RelyingParty,
};
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
    /// The signature over it: an SSH signature, armoured, for the namespace [`VOTE_NAMESPACE`]; or the text of a
    /// passkey's [`Assertion`] whose challenge is [`Challenge::of_vote`].
    pub signature: String,
}

impl SignedVote {
    /// Whether the signature is a passkey's assertion and not an SSH signature.
    #[must_use]
    pub fn is_by_passkey(&self) -> bool {
        self.signature.starts_with('{')
    }
}

/// Knows whose keys are whose.
pub trait Keys {
    /// Whether `key` is one of this person's own.
    ///
    /// No key may belong to two people: whoever implements this has refused such a roster.
    fn holds(&self, person: &PersonId, key: &PublicKey) -> bool;

    /// This person's passkey of that credential, and the relying party for which they use it.
    ///
    /// No credential may belong to two people, and no key.
    fn passkey(&self, person: &PersonId, credential: &CredentialId) -> Option<(&Passkey, &RelyingParty)> {
        let _ = (person, credential);
        None
    }
}

/// What a vote was signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// An SSH key, and how it was touched.
    Key(Box<PublicKey>, Touch),
    /// A passkey, by its credential, and what its counter stood at.
    ///
    /// Whoever sees more than one vote of a passkey compares the counters: [`Counter::check_after`].
    Passkey(CredentialId, Counter),
}

/// A vote whose signature was made by the reviewer's own key. Only [`verify`] makes one: holding it is the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedVote {
    statement: Statement,
    digest: VoteDigest,
    signer: Signer,
    signed: SignedVote,
}

/// Why a vote is not taken for its reviewer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteError {
    /// The statement is not one.
    Statement(StatementError),
    /// The signature is none, or not over this statement.
    Signature(SshError),
    /// The passkey's assertion is none, or not over this statement.
    Passkey(PasskeyError),
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
            Self::Passkey(error) => error.code(),
            Self::UnknownKey => "vote.unknown_key",
        }
    }
}

impl fmt::Display for VoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(error) => error.fmt(f),
            Self::Signature(error) => error.fmt(f),
            Self::Passkey(error) => error.fmt(f),
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

impl From<PasskeyError> for VoteError {
    fn from(error: PasskeyError) -> Self {
        Self::Passkey(error)
    }
}

/// Checks that the reviewer whom the statement names signed it with a key or a passkey of their own.
///
/// Whether the vote *counts*, for this escalation and now, is another question.
///
/// # Errors
/// [`VoteError`]: what is wrong with it.
pub fn verify(signed: &SignedVote, keys: &dyn Keys) -> Result<VerifiedVote, VoteError> {
    // An assertion is a JSON object, and armour begins with dashes.
    let passkey = signed.is_by_passkey();
    // Bounded before anything is parsed: a stranger may send this.
    if passkey && signed.signature.len() > MAX_ASSERTION {
        return Err(PasskeyError::AssertionSize.into());
    }
    if !passkey && signed.signature.len() > MAX_ARMORED {
        return Err(SshError::SignatureSize.into());
    }
    let statement = Statement::from_bytes(signed.statement.as_bytes())?;
    let signer = if passkey { by_passkey } else { by_key };
    Ok(VerifiedVote {
        digest: statement.digest(),
        signer: signer(signed, &statement.reviewer, keys)?,
        statement,
        signed: signed.clone(),
    })
}

fn by_key(signed: &SignedVote, reviewer: &PersonId, keys: &dyn Keys) -> Result<Signer, VoteError> {
    let signature = Signature::from_armored(&signed.signature)?;
    let key = signature.public_key();
    if !keys.holds(reviewer, key) {
        return Err(VoteError::UnknownKey);
    }
    let touch = signature.verify(key, VOTE_NAMESPACE, signed.statement.as_bytes())?;
    Ok(Signer::Key(Box::new(key.clone()), touch))
}

fn by_passkey(signed: &SignedVote, reviewer: &PersonId, keys: &dyn Keys) -> Result<Signer, VoteError> {
    let assertion = Assertion::from_text(&signed.signature)?;
    let credential = assertion.credential();
    let (passkey, party) = keys.passkey(reviewer, credential).ok_or(VoteError::UnknownKey)?;
    let counter = assertion.verify(passkey, party, &Challenge::of_vote(signed.statement.as_bytes()))?;
    Ok(Signer::Passkey(credential.clone(), counter))
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

    /// What it was signed with.
    #[must_use]
    pub const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The reviewer's SSH key, if that signed it.
    #[must_use]
    pub fn key(&self) -> Option<&PublicKey> {
        match &self.signer {
            Signer::Key(key, _) => Some(key),
            Signer::Passkey(..) => None,
        }
    }

    /// The reviewer's passkey, if that signed it, and what its counter stood at.
    #[must_use]
    pub const fn credential(&self) -> Option<(&CredentialId, Counter)> {
        match &self.signer {
            Signer::Passkey(credential, counter) => Some((credential, *counter)),
            Signer::Key(..) => None,
        }
    }

    /// What the signature says about the hand that made it. A passkey signs for nobody whom it has not recognised.
    #[must_use]
    pub const fn touch(&self) -> Touch {
        match &self.signer {
            Signer::Key(_, touch) => *touch,
            Signer::Passkey(_, counter) => {
                Touch::SecurityKey { user_verified: true, counter: counter.number() }
            }
        }
    }

    /// The vote as it travels.
    #[must_use]
    pub const fn signed(&self) -> &SignedVote {
        &self.signed
    }
}
