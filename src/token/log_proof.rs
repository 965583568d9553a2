//! Step 20, the log: that the mint of a token is on record where others have seen it (TOKEN §7).

use super::claims::Claims;
use crate::operation::json::{Limits, Object, Value, read};
use crate::tlog::{LogPolicy, LogProof, MAX_ENTRY};
use core::fmt;

/// Why a log proof does not carry a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogProofFault {
    /// There is none beside the token.
    Missing,
    /// It is malformed, or does not bring the entry with it.
    Malformed,
    /// Its checkpoint is of another log than the token names, not signed by that log, or not cosigned by as many
    /// witnesses as this executor asks for.
    Checkpoint,
    /// The entry is not at the token's place in that log.
    Place,
    /// The entry is not the mint of this token.
    OtherEntry,
}

impl fmt::Display for LogProofFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no log proof beside the token, and this executor demands one",
            Self::Malformed => "the log proof beside the token is malformed",
            Self::Checkpoint => {
                "the log proof's checkpoint is not of the token's log, or too few witnesses have cosigned it"
            }
            Self::Place => "the log proof does not show its entry at the token's place in the log",
            Self::OtherEntry => "the entry that the log proof shows is not the mint of this token",
        })
    }
}

impl std::error::Error for LogProofFault {}

const LIMITS: Limits = Limits { bytes: MAX_ENTRY, depth: 16, members: 4096 };

/// Checks that the entry in which this token was minted is where the token says, in a log that the policy believes.
/// The proof brings the entry's bytes with it, as its extra data.
pub(super) fn check(
    policy: &LogPolicy,
    claims: &Claims,
    received: &[u8],
    proof: Option<&str>,
) -> Result<(), LogProofFault> {
    let proof = LogProof::parse(proof.ok_or(LogProofFault::Missing)?.as_bytes());
    let proof = proof.map_err(|_| LogProofFault::Malformed)?;
    let entry = proof.extra.as_deref().ok_or(LogProofFault::Malformed)?;
    if proof.checkpoint.checkpoint().origin.as_str() != claims.log.origin.as_str() {
        return Err(LogProofFault::Checkpoint);
    }
    if proof.index != claims.log.index {
        return Err(LogProofFault::Place);
    }
    proof.verify(entry, policy).map_err(|refusal| match refusal {
        crate::tlog::LogProofRefusal::Policy(_) => LogProofFault::Checkpoint,
        crate::tlog::LogProofRefusal::Inclusion(_) => LogProofFault::Place,
    })?;
    match (recorded_claims(entry), without_place(received)) {
        (Some(recorded), Some(token)) if recorded.as_bytes() == token => Ok(()),
        _ => Err(LogProofFault::OtherEntry),
    }
}

/// The claims that an entry records as minted.
fn recorded_claims(entry: &[u8]) -> Option<String> {
    let record = read(entry, &LIMITS).ok()?;
    let record = record.as_object()?;
    let is_mint = record.get("kind")?.as_str()? == "minted" && record.get("v")?.as_u64()? == 1;
    // A value that is kept apart from the log leaves no proof of itself to whoever has the entry alone.
    if !is_mint || record.get("apart").is_some() {
        return None;
    }
    record.get("claims")?.as_str().map(str::to_owned)
}

/// The claims but for their place in the log, as the log records them before the token can exist.
fn without_place(received: &[u8]) -> Option<Vec<u8>> {
    let claims = read(received, &LIMITS).ok()?;
    let claims = claims.as_object()?;
    let mut unplaced = Object::new();
    for name in claims.names().filter(|name| *name != "cs_log") {
        unplaced.set(name, claims.get(name)?.clone());
    }
    Some(Value::from(unplaced).to_canonical())
}
