//! What a log asks of a witness, and when a witness may say yes (C2SP tlog-witness, `add-checkpoint`).

use super::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use super::hash::Hash;
use super::merkle::{MAX_PROOF, MerkleError, verify_consistency};
use super::note::NoteError;
use super::text::decimal;
use super::verifier_key::VerifierKey;
use core::fmt;

/// The most bytes of a request for a cosignature.
pub const MAX_ADD_CHECKPOINT: usize = super::note::MAX_NOTE + (MAX_PROOF + 2) * 64;

/// A request for a cosignature: the checkpoint, and the proof that it only continues the one that the witness has
/// seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the latest checkpoint that the witness has cosigned; 0 if there is none.
    pub old_size: u64,
    /// The proof from there to the checkpoint; empty if there is none.
    pub proof: Vec<Hash>,
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessRefusal {
    /// The request is malformed.
    Malformed,
    /// The checkpoint is malformed.
    Checkpoint(CheckpointError),
    /// The log is none that this witness knows.
    UnknownLog,
    /// No known key of the log has signed, or what stands under a known key is not its signature.
    Signature(CheckpointError),
    /// The request's old size is above the checkpoint's.
    OldSize,
    /// The witness has cosigned a checkpoint of this size last, and not one of the request's old size.
    Conflict(u64),
    /// The checkpoint does not continue the one that was cosigned last.
    Inconsistent(MerkleError),
}

impl WitnessRefusal {
    /// The status of the HTTP response.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed | Self::OldSize => 400,
            // The specification wants to have it told apart from what is merely malformed.
            Self::Checkpoint(CheckpointError::EmptyRoot) | Self::Inconsistent(_) => 422,
            Self::Checkpoint(_) => 400,
            Self::UnknownLog => 404,
            Self::Signature(_) => 403,
            Self::Conflict(_) => 409,
        }
    }
}

impl fmt::Display for WitnessRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => {
                f.write_str("this is not an old size, a proof, an empty line and a checkpoint")
            }
            Self::Checkpoint(error) | Self::Signature(error) => error.fmt(f),
            Self::UnknownLog => f.write_str("the log is not one that this witness knows"),
            Self::OldSize => f.write_str("the old size is above the checkpoint's"),
            Self::Conflict(size) => write!(f, "the checkpoint that was cosigned last has size {size}"),
            Self::Inconsistent(error) => {
                write!(f, "the checkpoint does not continue the one that was cosigned last: {error}")
            }
        }
    }
}

impl std::error::Error for WitnessRefusal {}

impl AddCheckpoint {
    /// Reads a request's body.
    ///
    /// # Errors
    /// [`WitnessRefusal`] for what is not written just as [`fmt::Display`] writes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, WitnessRefusal> {
        if bytes.len() > MAX_ADD_CHECKPOINT {
            return Err(WitnessRefusal::Malformed);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| WitnessRefusal::Malformed)?;
        let (first, mut rest) = text.split_once('\n').ok_or(WitnessRefusal::Malformed)?;
        let old_size = first.strip_prefix("old ").and_then(decimal).ok_or(WitnessRefusal::Malformed)?;
        let mut proof = Vec::new();
        loop {
            let (line, behind) = rest.split_once('\n').ok_or(WitnessRefusal::Malformed)?;
            rest = behind;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_PROOF {
                return Err(WitnessRefusal::Malformed);
            }
            proof.push(Hash::parse(line).ok_or(WitnessRefusal::Malformed)?);
        }
        let checkpoint = SignedCheckpoint::parse(rest.as_bytes()).map_err(WitnessRefusal::Checkpoint)?;
        Ok(Self { old_size, proof, checkpoint })
    }

    /// Judges a request in the order of the specification: `keys` are those of all logs that the witness knows,
    /// `latest` the checkpoint that it cosigned last for the log that the request names.
    ///
    /// # Errors
    /// [`WitnessRefusal`]; then nothing is cosigned.
    pub fn judge(&self, keys: &[VerifierKey], latest: Option<&Checkpoint>) -> Result<(), WitnessRefusal> {
        let new = self.checkpoint.checkpoint();
        if !keys.iter().any(|key| self.checkpoint.is_of(key)) {
            return Err(WitnessRefusal::UnknownLog);
        }
        // Only the log's own keys: what another known log says beneath this checkpoint is nobody's business.
        let own = keys.iter().filter(|key| self.checkpoint.is_of(key));
        self.checkpoint.check(own).map_err(WitnessRefusal::Signature)?;
        if self.old_size > new.size {
            return Err(WitnessRefusal::OldSize);
        }
        let latest_size = latest.map_or(0, |latest| latest.size);
        if latest_size != self.old_size {
            return Err(WitnessRefusal::Conflict(latest_size));
        }
        match latest.filter(|latest| latest.size > 0) {
            // Everything continues the empty tree, and needs no proof for that.
            None if self.proof.is_empty() => Ok(()),
            None => Err(WitnessRefusal::Inconsistent(MerkleError::TooLong)),
            Some(old) => verify_consistency(old.size, &old.root, new.size, &new.root, &self.proof)
                .map_err(WitnessRefusal::Inconsistent),
        }
    }
}

/// The request's body.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// The line of this witness among the lines of a response, whose cosignature of the checkpoint is good.
///
/// # Errors
/// [`NoteError`] if a line is malformed, the witness has none among them, or it is not its cosignature.
pub fn cosignature_in(
    response: &str,
    checkpoint: &SignedCheckpoint,
    witness: &VerifierKey,
) -> Result<super::note::NoteSignature, NoteError> {
    let note = super::note::Note::parse(format!("{}\n{response}", checkpoint.note().text()).as_bytes())?;
    note.check([witness])?;
    let mut lines = note.signatures().iter();
    lines.find(|line| line.is_under(witness)).cloned().ok_or(NoteError::Unsigned)
}
