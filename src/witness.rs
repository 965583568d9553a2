//! The witness: a promise to cosign a checkpoint of a log if it only continues those that were cosigned before.

pub mod book;
pub mod http;
pub mod service;

use crate::tlog::{AddCheckpoint, NoteSignature, VerifierKey};
use core::fmt;
use core::pin::Pin;

/// What comes of asking a witness.
pub type Cosigning<'a> = Pin<Box<dyn Future<Output = Result<NoteSignature, NotCosigned>> + Send + 'a>>;

/// Cosigns checkpoints.
pub trait Witness: Send + Sync {
    /// The key of its cosignatures.
    fn key(&self) -> &VerifierKey;

    /// Asks for a cosignature, which is checked before it is handed on.
    fn cosign<'a>(&'a self, request: &'a AddCheckpoint) -> Cosigning<'a>;
}

/// Why there is no cosignature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCosigned {
    /// The checkpoint that it cosigned last has another size than the request says: this one.
    Conflict(u64),
    /// It says that the checkpoint does not continue what it has cosigned.
    Inconsistent(String),
    /// It does not cosign for another reason, this one.
    Refused(String),
    /// It could not be reached, or did not answer in time.
    Unreachable(String),
    /// What it answered is no cosignature of its.
    Nonsense(String),
}

impl fmt::Display for NotCosigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(size) => write!(f, "the checkpoint that it cosigned last has size {size}"),
            Self::Inconsistent(why) => write!(f, "it has cosigned another history of this log: {why}"),
            Self::Refused(why) => write!(f, "it refuses: {why}"),
            Self::Unreachable(why) => write!(f, "it cannot be reached: {why}"),
            Self::Nonsense(why) => write!(f, "its answer is no cosignature: {why}"),
        }
    }
}

impl std::error::Error for NotCosigned {}
