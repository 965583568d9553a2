//! Cosignatures: a witness says that by a certain time it has seen this checkpoint and no inconsistent one
//! (C2SP tlog-cosignature, its Ed25519 form).

use super::note::NoteSignature;
use super::verifier_key::VerifierKey;
use crate::moment::Moment;
use crate::token::PublicKey;
use core::fmt;

/// When a cosignature was made: seconds since the Unix epoch, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CosignatureTime(u64);

impl CosignatureTime {
    /// The whole seconds of a moment; `None` for the very first second, which means that there is no time.
    #[must_use]
    pub const fn new(at: Moment) -> Option<Self> {
        Self::from_seconds(at.unix_seconds())
    }

    const fn from_seconds(seconds: u64) -> Option<Self> {
        if seconds == 0 || seconds > i64::MAX.cast_unsigned() { None } else { Some(Self(seconds)) }
    }

    /// The moment; a time beyond the year 9999 becomes its end.
    #[must_use]
    pub const fn moment(self) -> Moment {
        Moment::from_unix_seconds(self.0)
    }
}

/// Seconds since the Unix epoch in decimal.
impl fmt::Display for CosignatureTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a witness signs: the checkpoint's text, and when.
#[must_use]
pub fn cosigned_message(text: &str, at: CosignatureTime) -> Vec<u8> {
    format!("cosignature/v1\ntime {at}\n{text}").into_bytes()
}

/// The line of a signature that this key made over [`cosigned_message`].
#[must_use]
pub fn cosignature_line(key: &VerifierKey, at: CosignatureTime, signature: &[u8; 64]) -> NoteSignature {
    NoteSignature::of(key, [&at.0.to_be_bytes()[..], signature].concat())
}

/// When this key cosigned this text; `None` if these bytes are no cosignature of it.
pub(super) fn verify(key: &PublicKey, text: &str, bytes: &[u8]) -> Option<CosignatureTime> {
    let (seconds, signature) = bytes.split_first_chunk::<8>()?;
    let at = CosignatureTime::from_seconds(u64::from_be_bytes(*seconds))?;
    key.verify(&cosigned_message(text, at), signature).is_ok().then_some(at)
}
