//! Reviewers, their keys and their passkeys, as an executor pins them.

use super::super::vote::Keys;
use crate::party::PersonId;
use crate::presence::passkey::{CredentialId, CredentialKey, Passkey, PasskeyError, RelyingParty};
use crate::presence::ssh::{PublicKey, SshError};
use core::fmt;
use std::collections::{BTreeSet, HashMap};

/// The largest file of pinned keys in bytes.
const MAX_TEXT: usize = 1024 * 1024;

/// The word in the place of an SSH key's type that says that a line pins a passkey.
const PASSKEY: &str = "passkey";

/// Reviewers, their SSH keys and their passkeys; each of them belongs to one person.
#[derive(Clone, Debug, Default)]
pub struct PinnedKeys {
    owners: HashMap<PublicKey, PersonId>,
    passkeys: HashMap<CredentialId, PinnedPasskey>,
    /// Whose each key is, in whatever form it comes: the point of its curve.
    points: HashMap<Vec<u8>, PersonId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PinnedPasskey {
    owner: PersonId,
    passkey: Passkey,
    party: RelyingParty,
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
    /// The passkey on the line of this number is refused.
    Passkey(usize, PasskeyError),
    /// One key or passkey belongs to two people: they could be one, and one signature would be two votes.
    SharedKey,
    /// Fewer people are pinned than must agree.
    TooFewPeople,
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => f.write_str("the file of reviewers' keys is too large"),
            Self::Line(line) => write!(
                f,
                "line {line}: expected `person key-type base64`, \
                 or `person passkey rp-id origin,origin credential-id public-key`"
            ),
            Self::Key(line, error) => write!(f, "line {line}: {error}"),
            Self::Passkey(line, error) => write!(f, "line {line}: {error}"),
            Self::SharedKey => f.write_str("one key or passkey belongs to two people"),
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
        pins.into_iter().try_fold(Self::default(), |pinned, (person, key)| pinned.with_key(person, key))
    }

    fn with_key(mut self, owner: PersonId, key: PublicKey) -> Result<Self, PinError> {
        self.own(key.point_bytes(), &owner)?;
        self.owners.insert(key, owner);
        Ok(self)
    }

    /// Pins this passkey of a person as well, to be used for `party`.
    ///
    /// # Errors
    /// [`PinError::SharedKey`] if its key belongs to somebody else, or its credential is pinned otherwise.
    pub fn with_passkey(
        mut self,
        owner: PersonId,
        passkey: Passkey,
        party: RelyingParty,
    ) -> Result<Self, PinError> {
        self.own(passkey.key.point_bytes(), &owner)?;
        let credential = passkey.id.clone();
        let pinned = PinnedPasskey { owner, passkey, party };
        if self.passkeys.get(&credential).is_some_and(|other| *other != pinned) {
            return Err(PinError::SharedKey);
        }
        self.passkeys.insert(credential, pinned);
        Ok(self)
    }

    fn own(&mut self, point: Vec<u8>, person: &PersonId) -> Result<(), PinError> {
        let owner = self.points.entry(point).or_insert_with(|| person.clone());
        if owner == person { Ok(()) } else { Err(PinError::SharedKey) }
    }

    /// Reads one key a line; empty lines and lines that begin with `#` are skipped, and a person with several keys has
    /// several lines. An SSH key is pinned as in OpenSSH's `allowed_signers`, a passkey with the relying party for which
    /// it is used, its origins joined with commas:
    ///
    /// ```text
    /// ada ssh-ed25519 AAAAC3Nz… laptop
    /// ada passkey console.example.com https://console.example.com 3q2-7w… MFkwEwYH… phone
    /// ```
    ///
    /// # Errors
    /// [`PinError`], with the number of the line.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        if text.len() > MAX_TEXT {
            return Err(PinError::Size);
        }
        let mut pinned = Self::default();
        for (at, line) in text.lines().enumerate() {
            let number = at + 1;
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (person, key) = line.split_once(' ').ok_or(PinError::Line(number))?;
            let person = PersonId::new(person).map_err(|_| PinError::Line(number))?;
            match key.split_once(' ') {
                Some((PASSKEY, rest)) => {
                    let (passkey, party) = read_passkey(rest, number)?;
                    pinned = pinned.with_passkey(person, passkey, party)?;
                }
                _ => {
                    let key = PublicKey::from_line(key).map_err(|error| PinError::Key(number, error))?;
                    pinned = pinned.with_key(person, key)?;
                }
            }
        }
        Ok(pinned)
    }

    /// How many people are pinned.
    #[must_use]
    pub fn people(&self) -> usize {
        self.points.values().collect::<BTreeSet<_>>().len()
    }
}

/// Reads `rp-id origin,origin credential-id public-key`, and a name behind it if there is one.
fn read_passkey(text: &str, line: usize) -> Result<(Passkey, RelyingParty), PinError> {
    let mut words = text.splitn(5, ' ');
    let (Some(id), Some(origins), Some(credential), Some(key)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(PinError::Line(line));
    };
    let refused = |error| PinError::Passkey(line, error);
    let origins: Vec<&str> = origins.split(',').collect();
    let party = RelyingParty::new(id, &origins).map_err(refused)?;
    let id = CredentialId::parse(credential).map_err(refused)?;
    let key = CredentialKey::parse(key).map_err(refused)?;
    Ok((Passkey { id, key, name: words.next().map(Into::into) }, party))
}

impl Keys for PinnedKeys {
    fn holds(&self, person: &PersonId, key: &PublicKey) -> bool {
        self.owners.get(key) == Some(person)
    }
    fn passkey(&self, person: &PersonId, credential: &CredentialId) -> Option<(&Passkey, &RelyingParty)> {
        let pinned = self.passkeys.get(credential).filter(|pinned| pinned.owner == *person)?;
        Some((&pinned.passkey, &pinned.party))
    }
}
