//! Verifier keys: the name, id and public key under which somebody signs notes, and the one line that says it.

use super::text::{base64, from_base64};
use crate::digest::sha256;
use crate::token::{Algorithm, KeyError, PublicKey};
use core::fmt;

/// The longest name of a key in bytes.
pub const MAX_KEY_NAME: usize = 256;

/// Why a text is no key's name: empty, longer than [`MAX_KEY_NAME`], or with a space of any script, a `+` or a control
/// character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAKeyName;

impl fmt::Display for NotAKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a key has 1 to {MAX_KEY_NAME} bytes and no space, `+` or control character")
    }
}

impl std::error::Error for NotAKeyName {}

/// The name of a key that signs notes. A log's is also its origin: the first line of its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Box<str>);

impl KeyName {
    /// Takes a text that is such a name.
    ///
    /// # Errors
    /// [`NotAKeyName`] if it is empty, too long, or has a character that such names may not have.
    pub fn new(text: &str) -> Result<Self, NotAKeyName> {
        let fits = (1..=MAX_KEY_NAME).contains(&text.len());
        let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
        (fits && plain).then(|| Self(text.into())).ok_or(NotAKeyName)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first four bytes of a digest over name, kind and key: enough to tell keys of one name apart, and no proof of
/// anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteKeyId([u8; 4]);

impl NoteKeyId {
    /// Wraps four bytes that are such an id.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

/// Eight lowercase hexadecimal digits.
impl fmt::Display for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteKeyId({self})")
    }
}

/// What a key's signatures are made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureKind {
    /// 0x01, Ed25519 over the note's text: how a log signs its checkpoints.
    Ed25519,
    /// 0x04, Ed25519 over a time and a checkpoint's text: how a witness says what it saw, and when.
    Cosignature,
}

impl SignatureKind {
    /// The byte that stands for it in key ids and verifier keys.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }
}

/// Why a line is no verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifierKeyError {
    /// It is not a name, eight lowercase hexadecimal digits and base64, with `+` between them.
    Form,
    /// The name is none.
    Name(NotAKeyName),
    /// The key is of a kind that is not read here: neither 0x01 nor 0x04.
    Kind,
    /// The key itself is refused.
    Key(KeyError),
    /// The id is not that of this name, kind and key.
    Id,
}

impl fmt::Display for VerifierKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => {
                f.write_str("a verifier key has the form name+id+key, the id in 8 hexadecimal digits")
            }
            Self::Name(error) => error.fmt(f),
            Self::Kind => f.write_str("the verifier key is neither an Ed25519 key nor one for cosignatures"),
            Self::Key(error) => error.fmt(f),
            Self::Id => f.write_str("the verifier key's id is not that of its name and key"),
        }
    }
}

impl std::error::Error for VerifierKeyError {}

/// A key that signs notes, as whoever checks them knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    kind: SignatureKind,
    key: PublicKey,
    id: NoteKeyId,
}

impl VerifierKey {
    /// The verifier key of this name, kind and public key.
    #[must_use]
    pub fn new(name: KeyName, kind: SignatureKind, key: PublicKey) -> Self {
        let digest = sha256(&[name.as_str().as_bytes(), b"\n", &[kind.byte()], key.as_bytes()]);
        let id = digest.first_chunk().map_or(NoteKeyId([0; 4]), |bytes| NoteKeyId(*bytes));
        Self { name, kind, key, id }
    }

    /// Reads the line that [`fmt::Display`] writes.
    ///
    /// # Errors
    /// [`VerifierKeyError`] for anything else.
    pub fn parse(line: &str) -> Result<Self, VerifierKeyError> {
        // Base64 may hold a `+` of its own.
        let mut parts = line.splitn(3, '+');
        let mut part = || parts.next().ok_or(VerifierKeyError::Form);
        let (name, id, key) = (part()?, part()?, part()?);
        let name = KeyName::new(name).map_err(VerifierKeyError::Name)?;
        // No key of a kind that is known is longer than this.
        let material = (key.len() <= 44).then(|| from_base64(key)).flatten();
        let material = match material.as_deref() {
            None if key.len() > 44 => return Err(VerifierKeyError::Kind),
            None => return Err(VerifierKeyError::Form),
            Some(material) => material.split_first().ok_or(VerifierKeyError::Form)?,
        };
        let kinds = [SignatureKind::Ed25519, SignatureKind::Cosignature];
        let kind = kinds.into_iter().find(|kind| kind.byte() == *material.0).ok_or(VerifierKeyError::Kind)?;
        let bytes = <&[u8; 32]>::try_from(material.1).map_err(|_| VerifierKeyError::Form)?;
        let key = PublicKey::from_bytes(bytes, Algorithm::default()).map_err(VerifierKeyError::Key)?;
        let key = Self::new(name, kind, key);
        if key.id.to_string() == id { Ok(key) } else { Err(VerifierKeyError::Id) }
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// What its signatures are made over.
    #[must_use]
    pub const fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> NoteKeyId {
        self.id
    }
}

/// `name+id+key`: the id in hexadecimal, the kind and the key in base64.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.kind.byte()][..], self.key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, base64(&material))
    }
}
