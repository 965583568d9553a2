//! Checkpoints: what a log says of itself, its name, its size and its root, in a signed note (C2SP tlog-checkpoint).

use super::hash::{EMPTY_ROOT, Hash};
use super::merkle::MAX_SIZE;
use super::note::{Note, NoteError, NoteSignature, Signed};
use super::text::decimal;
use super::verifier_key::{KeyName, SignatureKind, VerifierKey};
use core::fmt;

/// Why a text is no checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// The note itself is refused.
    Note(NoteError),
    /// It has fewer than three lines, or an empty one.
    Form,
    /// The first line is not the name of a log that could sign under it.
    Origin,
    /// The second line is not a decimal number without leading zeros, or is larger than [`MAX_SIZE`].
    Size,
    /// The third line is not a hash in base64.
    Root,
    /// An empty log has another root than that of the empty tree.
    EmptyRoot,
    /// It is signed, but not by a key of the log that it names.
    OtherLog,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(error) => error.fmt(f),
            Self::Form => f.write_str("a checkpoint has three lines or more, none of them empty"),
            Self::Origin => f.write_str("the checkpoint's first line is not the name of a log"),
            Self::Size => {
                f.write_str("the checkpoint's size is not a number, or larger than any tree can be")
            }
            Self::Root => f.write_str("the checkpoint's root is not a hash in base64"),
            Self::EmptyRoot => {
                f.write_str("the checkpoint of an empty log has not the root of the empty tree")
            }
            Self::OtherLog => f.write_str("the checkpoint is not signed by the log that it names"),
        }
    }
}

impl std::error::Error for CheckpointError {}

impl From<NoteError> for CheckpointError {
    fn from(error: NoteError) -> Self {
        Self::Note(error)
    }
}

/// The state of a log: how many entries it has, and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: KeyName,
    /// How many entries it has.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads a checkpoint's text. Lines after the third are passed over: their meaning is their log's alone.
    ///
    /// # Errors
    /// [`CheckpointError`] for what is no checkpoint, or could be none of any log.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Form)?.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError::Form);
        let (origin, size, root) = (line()?, line()?, line()?);
        if lines.any(str::is_empty) {
            return Err(CheckpointError::Form);
        }
        let origin = KeyName::new(origin).map_err(|_| CheckpointError::Origin)?;
        let size = decimal(size).filter(|size| *size <= MAX_SIZE).ok_or(CheckpointError::Size)?;
        let root = Hash::parse(root).ok_or(CheckpointError::Root)?;
        if size == 0 && root != EMPTY_ROOT {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self { origin, size, root })
    }
}

/// The three lines, each with its newline: the text that a log signs.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

/// A checkpoint with signatures beneath it. It is to be believed as far as [`SignedCheckpoint::check`] or a
/// [policy](super::LogPolicy) goes, and no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// A checkpoint with the log's own signature, which is made over [`Checkpoint`]'s text.
    ///
    /// # Errors
    /// [`CheckpointError::OtherLog`] if the signature stands under another name than the checkpoint's.
    pub fn new(checkpoint: Checkpoint, signature: NoteSignature) -> Result<Self, CheckpointError> {
        if *signature.name() != checkpoint.origin {
            return Err(CheckpointError::OtherLog);
        }
        let mut note = Note::new(&checkpoint.to_string())?;
        note.sign(signature)?;
        Ok(Self { checkpoint, note })
    }

    /// Reads a note whose text is a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError`] for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// What it says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note that says it.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Adds a witness's line beneath it.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] if there are too many.
    pub fn cosign(&mut self, cosignature: NoteSignature) -> Result<(), CheckpointError> {
        Ok(self.note.sign(cosignature)?)
    }

    /// Those of the known keys that have signed it, among them at least one of the log that it names.
    ///
    /// # Errors
    /// [`CheckpointError`] if no key of that log has signed, or a known key's signature is bad.
    pub fn check<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k VerifierKey>,
    ) -> Result<Vec<Signed<'k>>, CheckpointError> {
        let signed = self.note.check(keys)?;
        if signed.iter().any(|signed| self.is_of(signed.key)) {
            Ok(signed)
        } else {
            Err(CheckpointError::OtherLog)
        }
    }

    /// Whether this is a key of the log that the checkpoint names.
    pub(super) fn is_of(&self, key: &VerifierKey) -> bool {
        key.kind() == SignatureKind::Ed25519 && *key.name() == self.checkpoint.origin
    }
}

/// The note.
impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}
