//! A proof that an entry is in a log, in one file that is checked offline (C2SP tlog-proof).

use super::checkpoint::{CheckpointError, SignedCheckpoint};
use super::hash::{Hash, leaf_hash};
use super::merkle::{MAX_PROOF, MerkleError, verify_inclusion};
use super::note::MAX_NOTE;
use super::policy::{Accepted, LogPolicy, PolicyRefusal};
use super::text::{base64, decimal, from_base64};
use super::tile::MAX_ENTRY;
use super::tree::{Hashes, TreeError, inclusion};
use core::fmt;

/// The most bytes of a proof's extra data: room for an entry.
pub const MAX_EXTRA: usize = MAX_ENTRY;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Everything before the checkpoint at its longest: the extra data in base64, the hashes, the other lines.
const MAX_BEFORE: usize = MAX_EXTRA.div_ceil(3) * 4 + (MAX_PROOF + 4) * 64;

/// Why a text is no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogProofError {
    /// It is longer than the longest proof.
    TooLong,
    /// It is not UTF-8.
    Characters,
    /// Its first line is not that of a proof of this version.
    Header,
    /// The line `extra` does not hold base64, or holds nothing or more than [`MAX_EXTRA`].
    Extra,
    /// The line `index` is missing or holds no decimal number.
    Index,
    /// A line between the index and the empty line is no hash, or there are more than [`MAX_PROOF`].
    Hashes,
    /// What follows the empty line is no signed checkpoint.
    Checkpoint(CheckpointError),
}

impl fmt::Display for LogProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the log proof is too long"),
            Self::Characters => f.write_str("the log proof is not UTF-8"),
            Self::Header => write!(f, "the log proof does not begin with the line `{HEADER}`"),
            Self::Extra => write!(f, "the log proof's extra data are not 1 to {MAX_EXTRA} bytes in base64"),
            Self::Index => f.write_str("the log proof's index is missing or not a number"),
            Self::Hashes => {
                write!(f, "the log proof has a line that is no hash, or more than {MAX_PROOF} hashes")
            }
            Self::Checkpoint(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LogProofError {}

/// Why a proof shows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogProofRefusal {
    /// The checkpoint is not believed.
    Policy(PolicyRefusal),
    /// The entry is not in that log at that place.
    Inclusion(MerkleError),
}

impl fmt::Display for LogProofRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::Inclusion(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LogProofRefusal {}

/// That some entry stands at an index of a log. Which entry, whoever checks must know; the proof has only its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof {
    /// Whatever its maker put beside it. Nobody has signed that.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The hashes from the leaf's sibling up to the root's child.
    pub hashes: Vec<Hash>,
    /// The log's checkpoint, with the signatures beneath it.
    pub checkpoint: SignedCheckpoint,
}

impl LogProof {
    /// The proof that the entry at this index is among those that a checkpoint covers, with the entry beside it.
    ///
    /// # Errors
    /// [`TreeError`] if the checkpoint does not cover it, or the hashes are not all there.
    pub fn of<H: Hashes + ?Sized>(
        entry: Vec<u8>,
        index: u64,
        checkpoint: SignedCheckpoint,
        hashes: &H,
    ) -> Result<Self, TreeError<H::Error>> {
        let hashes = inclusion(index, checkpoint.checkpoint().size, hashes)?;
        Ok(Self { extra: Some(entry), index, hashes, checkpoint })
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// [`LogProofError`] for what is not written just as [`fmt::Display`] writes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogProofError> {
        if bytes.len() > MAX_BEFORE + MAX_NOTE {
            return Err(LogProofError::TooLong);
        }
        let text = core::str::from_utf8(bytes).map_err(|_| LogProofError::Characters)?;
        let text = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let (mut line, mut rest) =
            text.ok_or(LogProofError::Header)?.split_once('\n').ok_or(LogProofError::Index)?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            let decoded = from_base64(encoded).filter(|bytes| (1..=MAX_EXTRA).contains(&bytes.len()));
            extra = Some(decoded.ok_or(LogProofError::Extra)?);
            (line, rest) = rest.split_once('\n').ok_or(LogProofError::Index)?;
        }
        let index = line.strip_prefix("index ").and_then(decimal).ok_or(LogProofError::Index)?;
        let mut hashes = Vec::new();
        loop {
            (line, rest) = rest.split_once('\n').ok_or(LogProofError::Hashes)?;
            if line.is_empty() {
                break;
            }
            if hashes.len() == MAX_PROOF {
                return Err(LogProofError::Hashes);
            }
            hashes.push(Hash::parse(line).ok_or(LogProofError::Hashes)?);
        }
        let checkpoint = SignedCheckpoint::parse(rest.as_bytes()).map_err(LogProofError::Checkpoint)?;
        Ok(Self { extra, index, hashes, checkpoint })
    }

    /// Checks that this entry stands at the proof's index of a log that the policy believes.
    ///
    /// # Errors
    /// [`LogProofRefusal`]: what does not hold.
    pub fn verify<'p>(&self, entry: &[u8], policy: &'p LogPolicy) -> Result<Accepted<'p>, LogProofRefusal> {
        let accepted = policy.check(&self.checkpoint).map_err(LogProofRefusal::Policy)?;
        let checkpoint = self.checkpoint.checkpoint();
        verify_inclusion(&leaf_hash(entry), self.index, checkpoint.size, &self.hashes, &checkpoint.root)
            .map_err(LogProofRefusal::Inclusion)?;
        Ok(accepted)
    }
}

/// The file.
impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
