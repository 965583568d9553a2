//! Signed notes: a text, and beneath it the lines of those who signed it (C2SP signed-note).

use super::cosignature::{self, CosignatureTime};
use super::text::{base64, from_base64};
use super::verifier_key::{KeyName, NoteKeyId, SignatureKind, VerifierKey};
use core::fmt;

/// The most bytes of a note: room for its text and [`MAX_SIGNATURES`] signatures, some of them of kinds that are
/// unknown here and far longer.
pub const MAX_NOTE: usize = 256 * 1024;
/// The most signatures of a note.
pub const MAX_SIGNATURES: usize = 64;

/// What a signature's line begins with: a dash and a space.
const MARK: &str = "\u{2014} ";

/// Why a note is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// It is longer than [`MAX_NOTE`].
    TooLong,
    /// It is not UTF-8, or has a control character other than a newline.
    Characters,
    /// It is not a text that ends its last line, an empty line, and at least one line of signature.
    Form,
    /// There are more than [`MAX_SIGNATURES`].
    TooManySignatures,
    /// A line beneath the text is not a dash, a name and base64 of more than four bytes.
    SignatureLine,
    /// None of the keys that are known has signed it.
    Unsigned,
    /// The signature that stands under a known key's name and id is not that key's.
    Signature(KeyName),
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the note is longer than {MAX_NOTE} bytes"),
            Self::Characters => {
                f.write_str("the note is not UTF-8 or has a control character other than a newline")
            }
            Self::Form => f.write_str("the note is not a text, an empty line and lines of signature"),
            Self::TooManySignatures => write!(f, "the note has more than {MAX_SIGNATURES} signatures"),
            Self::SignatureLine => f.write_str("a line of the note's signatures is malformed"),
            Self::Unsigned => f.write_str("no known key has signed the note"),
            Self::Signature(name) => write!(f, "the note's signature of `{name}` is not of that key"),
        }
    }
}

impl std::error::Error for NoteError {}

/// One line beneath a note. Whether it is worth anything, only [`Note::check`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    id: NoteKeyId,
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// The line of an Ed25519 signature that this key made over a note's text. For a cosignature see
    /// [`cosignature_line`](super::cosignature_line).
    #[must_use]
    pub fn new(key: &VerifierKey, signature: &[u8; 64]) -> Self {
        Self::of(key, signature.to_vec())
    }

    pub(super) fn of(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self { name: key.name().clone(), id: key.id(), bytes }
    }

    /// Reads one line without its newline.
    ///
    /// # Errors
    /// [`NoteError::SignatureLine`] for anything else.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let (name, encoded) =
            line.strip_prefix(MARK).and_then(|rest| rest.split_once(' ')).ok_or(NoteError::SignatureLine)?;
        let name = KeyName::new(name).map_err(|_| NoteError::SignatureLine)?;
        let decoded = from_base64(encoded).ok_or(NoteError::SignatureLine)?;
        let (id, bytes) = decoded.split_first_chunk::<4>().ok_or(NoteError::SignatureLine)?;
        if bytes.is_empty() {
            return Err(NoteError::SignatureLine);
        }
        Ok(Self { name, id: NoteKeyId::from_bytes(*id), bytes: bytes.to_vec() })
    }

    /// The name of the key that is said to have signed.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of that key.
    #[must_use]
    pub const fn id(&self) -> NoteKeyId {
        self.id
    }

    /// What stands behind the id: a signature, for some kinds with a time before it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_under(&self, key: &VerifierKey) -> bool {
        self.name == *key.name() && self.id == key.id()
    }
}

/// The line without its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.as_bytes()[..], &self.bytes].concat();
        write!(f, "{MARK}{} {}", self.name, base64(&bytes))
    }
}

/// A text with the lines of signature beneath it. Nothing of it is to be believed before [`Note::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A known key whose signature of a note is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'k> {
    /// The key.
    pub key: &'k VerifierKey,
    /// When it signed, where it is a cosigner's; of several good cosignatures the last in time.
    pub at: Option<CosignatureTime>,
}

impl Note {
    /// A note of this text, unsigned as yet.
    ///
    /// # Errors
    /// [`NoteError`] for a text that does not end in a newline, has other control characters or is too long.
    pub fn new(text: &str) -> Result<Self, NoteError> {
        check_characters(text)?;
        if text.ends_with('\n') {
            Ok(Self { text: text.to_owned(), signatures: Vec::new() })
        } else {
            Err(NoteError::Form)
        }
    }

    /// Reads a note with at least one signature.
    ///
    /// # Errors
    /// [`NoteError`] for what is not written just as [`fmt::Display`] writes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::TooLong);
        }
        let note = core::str::from_utf8(bytes).map_err(|_| NoteError::Characters)?;
        check_characters(note)?;
        let (before, beneath) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let lines = beneath.strip_suffix('\n').ok_or(NoteError::Form)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(NoteSignature::parse(line)?);
        }
        Ok(Self { text: format!("{before}\n"), signatures })
    }

    /// The text, with the newline that ends it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines beneath it.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a line beneath it, instead of one of the same key, if there is one.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`]
    pub fn sign(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        let same = |other: &NoteSignature| other.name == signature.name && other.id == signature.id;
        self.signatures.retain(|other| !same(other));
        if self.signatures.len() == MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Those of the known keys that have signed, each once, in the order of `keys`. Lines of other keys say nothing.
    ///
    /// # Errors
    /// [`NoteError::Signature`] if one line under a known key's name and id is not its signature: such a note was
    /// tampered with. [`NoteError::Unsigned`] if no known key has signed.
    pub fn check<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k VerifierKey>,
    ) -> Result<Vec<Signed<'k>>, NoteError> {
        let mut signed = Vec::new();
        for key in keys {
            let mut of_key = self.signatures.iter().filter(|signature| signature.is_under(key)).peekable();
            if of_key.peek().is_none() {
                continue;
            }
            let mut at = None;
            for signature in of_key {
                at = at.max(self.time_signed(key, signature)?);
            }
            signed.push(Signed { key, at });
        }
        if signed.is_empty() { Err(NoteError::Unsigned) } else { Ok(signed) }
    }

    /// When this key made this signature, if its kind has a time.
    fn time_signed(
        &self,
        key: &VerifierKey,
        signature: &NoteSignature,
    ) -> Result<Option<CosignatureTime>, NoteError> {
        let bad = || NoteError::Signature(key.name().clone());
        match key.kind() {
            SignatureKind::Ed25519 => {
                key.key().verify(self.text.as_bytes(), &signature.bytes).map_err(|_| bad())?;
                Ok(None)
            }
            SignatureKind::Cosignature => {
                cosignature::verify(key.key(), &self.text, &signature.bytes).map(Some).ok_or_else(bad)
            }
        }
    }
}

/// The text, an empty line, and a line for each signature.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE {
        Err(NoteError::TooLong)
    } else if text.bytes().any(|b| b < b' ' && b != b'\n') {
        Err(NoteError::Characters)
    } else {
        Ok(())
    }
}
