//! What is wrong with a log: proven, or only not disproven.

use core::fmt;

/// What a fault proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Something that is needed is not there or not known: it cannot be told whether the log is sound.
    Undecided,
    /// What is kept is not what was logged.
    Tampered,
}

impl Proof {
    /// `tampered` or `undecided`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Tampered => "tampered",
        }
    }
}

/// What is wrong with a log, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it proves.
    pub proof: Proof,
    /// What it is: a stable code.
    pub code: &'static str,
    /// The file.
    pub place: String,
    /// The byte of the file, where it is known.
    pub byte: Option<u64>,
    /// The entry, where it is about one.
    pub index: Option<u64>,
    /// What is wrong, in words.
    pub words: String,
}

impl Fault {
    /// What is kept is not what was logged.
    #[must_use]
    pub fn tampered(code: &'static str, place: String, words: impl Into<String>) -> Self {
        Self { proof: Proof::Tampered, code, place, byte: None, index: None, words: words.into() }
    }

    /// It cannot be told.
    #[must_use]
    pub fn undecided(code: &'static str, place: String, words: impl Into<String>) -> Self {
        Self { proof: Proof::Undecided, ..Self::tampered(code, place, words) }
    }

    /// … about this entry.
    #[must_use]
    pub const fn at(mut self, index: u64) -> Self {
        self.index = Some(index);
        self
    }

    /// … at this byte.
    #[must_use]
    pub const fn byte(mut self, byte: Option<u64>) -> Self {
        self.byte = byte;
        self
    }
}

/// `tile/0/000, byte 64: tampered log.tile: …`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(index) = self.index {
            write!(f, ", entry {index}")?;
        }
        if let Some(byte) = self.byte {
            write!(f, ", byte {byte}")?;
        }
        write!(f, ": {} {}: {}", self.proof.as_str(), self.code, self.words)
    }
}
