//! Reviewers and their keys, as an executor pins them.

use super::super::vote::Keys;
use crate::party::PersonId;
use crate::presence::ssh::{PublicKey, SshError};
use core::fmt;
use std::collections::{BTreeSet, HashMap};

/// The largest file of pinned keys in bytes.
const MAX_TEXT: usize = 1024 * 1024;

/// Reviewers and their SSH keys; each key belongs to one person.
#[derive(Clone, Debug, Default)]
pub struct PinnedKeys {
    owners: HashMap<PublicKey, PersonId>,
}

/// Why keys can't be pinned so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinError {
    /// The file is too large.
    Size,
    /// The line of this number is not `person type base64`.
    Line(usize),
    /// The key on the line of this number is refused.
    Key(usize, SshError),
    /// One key belongs to two people: they could be one, and one signature would be two votes.
    SharedKey,
    /// Fewer people are pinned than must agree.
    TooFewPeople,
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => f.write_str("the file of reviewers' keys is too large"),
            Self::Line(line) => write!(f, "line {line}: expected `person key-type base64`"),
            Self::Key(line, error) => write!(f, "line {line}: {error}"),
            Self::SharedKey => f.write_str("one key belongs to two people"),
            Self::TooFewPeople => f.write_str("fewer reviewers are pinned than must agree"),
        }
    }
}

impl std::error::Error for PinError {}

impl PinnedKeys {
    /// Pins these keys.
    ///
    /// # Errors
    /// [`PinError::SharedKey`] if two people have the same key.
    pub fn new(pins: impl IntoIterator<Item = (PersonId, PublicKey)>) -> Result<Self, PinError> {
        let mut owners: HashMap<PublicKey, PersonId> = HashMap::new();
        for (person, key) in pins {
            if owners.get(&key).is_some_and(|owner| *owner != person) {
                return Err(PinError::SharedKey);
            }
            owners.insert(key, person);
        }
        Ok(Self { owners })
    }

    /// Reads one `person key-type base64` a line, as in OpenSSH's `allowed_signers`; empty lines and lines that begin
    /// with `#` are skipped. A person with several keys has several lines.
    ///
    /// # Errors
    /// [`PinError`], with the number of the line.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        if text.len() > MAX_TEXT {
            return Err(PinError::Size);
        }
        let mut pins = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (person, key) = line.split_once(' ').ok_or(PinError::Line(number))?;
            let person = PersonId::new(person).map_err(|_| PinError::Line(number))?;
            let key = PublicKey::from_line(key).map_err(|error| PinError::Key(number, error))?;
            pins.push((person, key));
        }
        Self::new(pins)
    }

    /// How many people are pinned.
    #[must_use]
    pub fn people(&self) -> usize {
        self.owners.values().collect::<BTreeSet<_>>().len()
    }
}

impl Keys for PinnedKeys {
    fn holds(&self, person: &PersonId, key: &PublicKey) -> bool {
        self.owners.get(key) == Some(person)
    }
}
