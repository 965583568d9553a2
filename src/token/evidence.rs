//! The promise that the evidence beside a token is checked: the reviewers' own signed votes.

use super::claims::Claims;
use core::fmt;

/// Checks that the votes which travel beside a token really are what its approvals claim (TOKEN §3).
///
/// An executor that demands evidence trusts neither sidecar nor desk with the quorum.
pub trait EvidenceCheck: Send + Sync {
    /// Checks the evidence, one vote in each element, against the claims. A token that names
    /// no approvals does not get here: where evidence is demanded it is refused for lack of it.
    ///
    /// # Errors
    /// [`EvidenceError`] if the evidence does not carry the approvals.
    fn check(&self, claims: &Claims, evidence: &[&[u8]]) -> Result<(), EvidenceError>;
}

/// Why evidence does not carry a token's approvals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceError {
    /// An approval has no vote among the evidence.
    Missing,
    /// A vote is malformed, not signed by its voter, or says something else than the token.
    Invalid,
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "an approval has no signed vote beside the token",
            Self::Invalid => "a vote beside the token does not carry the approval it is for",
        })
    }
}

impl std::error::Error for EvidenceError {}
