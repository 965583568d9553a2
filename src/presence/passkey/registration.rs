//! A registration: the passkey that an authenticator made for a page, read strictly.
//!
//! No attestation is asked for and none is looked at: who vouches for a new passkey is whoever let its owner make it.
//! Of COSE only the two keys that are asked for are known, in the one form that CTAP2 canonical CBOR has for each
//! (RFC 9053 §7.1, §7.2; WebAuthn §6.5.1.1), so that they are compared whole.

use super::assertion::Challenge;
use super::authenticator::{ATTESTED_CREDENTIAL, AuthenticatorData, Counter, EXTENSIONS};
use super::browser::Said;
use super::client_data::{Ceremony, ClientData};
use super::error::PasskeyError;
use super::key::{CredentialId, CredentialKey, Passkey};
use super::party::RelyingParty;

const FORM: PasskeyError = PasskeyError::AttestedForm;

/// `{1: 2, 3: -7, -1: 1, -2: x, …`: EC2, ES256, P-256, and the head of 32 bytes.
const ES256: [u8; 10] = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
/// `-3: y`.
const ES256_Y: [u8; 3] = [0x22, 0x58, 0x20];
/// `{1: 1, 3: -8, -1: 6, -2: x}`: OKP, EdDSA, Ed25519.
const EDDSA: [u8; 10] = [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
/// How deep what an authenticator says of extensions may be.
const MAX_DEPTH: usize = 4;

/// A passkey that was made for a page of ours. Only the check makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    credential: CredentialId,
    key: CredentialKey,
    counter: Counter,
}

impl Registration {
    /// Reads the `toJSON()` of what `navigator.credentials.create` resolved to, and checks that it answers `challenge`
    /// for a page of `party`, by somebody who was there and was recognised (WebAuthn §7.1).
    ///
    /// # Errors
    /// [`PasskeyError`]: the first thing that does not hold.
    pub fn from_browser(
        json: &str,
        challenge: &Challenge,
        party: &RelyingParty,
    ) -> Result<Self, PasskeyError> {
        let said = Said::read(json)?;
        let credential = said.credential()?;
        ClientData::read(&said.bytes("clientDataJSON")?)?.check(Ceremony::Create, party, challenge)?;
        let data = said.bytes("authenticatorData")?;
        let (data, behind, rest) = AuthenticatorData::of_registration(&data)?;
        data.check_party(party)?;
        let counter = data.check_person()?;
        if behind & ATTESTED_CREDENTIAL == 0 {
            return Err(FORM);
        }
        let (named, point, rest) = attested(rest).ok_or(FORM)?;
        // Browsers ask for protections of their own accord, and the authenticator answers behind the key.
        let rest = if behind & EXTENSIONS == 0 { rest } else { extensions(rest).ok_or(FORM)? };
        if !rest.is_empty() || named != credential.as_bytes() {
            return Err(FORM);
        }
        let key = CredentialKey::from_spki(&said.bytes("publicKey")?)?;
        if key.point_bytes() == point {
            Ok(Self { credential, key, counter })
        } else {
            Err(PasskeyError::OtherKey)
        }
    }

    /// The credential's id.
    #[must_use]
    pub const fn credential(&self) -> &CredentialId {
        &self.credential
    }

    /// How often the authenticator has counted.
    #[must_use]
    pub const fn counter(&self) -> Counter {
        self.counter
    }

    /// The passkey, as a roster would pin it.
    #[must_use]
    pub fn passkey(self, name: Option<Box<str>>) -> Passkey {
        Passkey { id: self.credential, key: self.key, name }
    }
}

/// The credential's id, its point in the form that SPKI has, and what follows.
fn attested(bytes: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let (_model, rest) = bytes.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    if let Some(rest) = rest.strip_prefix(&EDDSA) {
        let (x, rest) = rest.split_first_chunk::<32>()?;
        return Some((id, x.to_vec(), rest));
    }
    let (x, rest) = rest.strip_prefix(&ES256)?.split_first_chunk::<32>()?;
    let (y, rest) = rest.strip_prefix(&ES256_Y)?.split_first_chunk::<32>()?;
    Some((id, [&[4][..], x, y].concat(), rest))
}

/// What follows the map of extensions.
fn extensions(bytes: &[u8]) -> Option<&[u8]> {
    const MAP: u8 = 5;
    if bytes.first()? >> 5 == MAP { skip(bytes, MAX_DEPTH) } else { None }
}

/// What follows one item of CBOR (RFC 8949 §3) of known length.
fn skip(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let depth = depth.checked_sub(1)?;
    let (first, rest) = bytes.split_first()?;
    let (kind, short) = (first >> 5, first & 0x1f);
    let (argument, rest) = match short {
        0..=23 => (usize::from(short), rest),
        24 => rest.split_first().map(|(byte, rest)| (usize::from(*byte), rest))?,
        25 => rest.split_first_chunk().map(|(two, rest)| (usize::from(u16::from_be_bytes(*two)), rest))?,
        // Nothing here is longer than two bytes can say.
        _ => return None,
    };
    match kind {
        0 | 1 => Some(rest),
        2 | 3 => Some(rest.split_at_checked(argument)?.1),
        // An item has a byte at least, so that what is left bounds how many there are.
        4 | 5 => (0..argument * usize::from(kind - 3)).try_fold(rest, |rest, _| skip(rest, depth)),
        // `false`, `true` and `null`; tags, numbers with a point and everything else are none of theirs.
        7 if (20..=22).contains(&short) => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_skipped_whole_or_not_at_all() {
        // {"credProtect": 2}, {}, {"a": {"b": [true, h'00', -1]}}
        let protect = [&[0xa1, 0x6b][..], b"credProtect", &[2]].concat();
        let nested = [0xa1, 0x61, b'a', 0xa1, 0x61, b'b', 0x83, 0xf5, 0x41, 0, 0x20];
        for good in [&protect[..], &[0xa0], &nested] {
            assert_eq!(extensions(good), Some(&[][..]), "{good:02x?}");
            let longer = [good, &[7, 8]].concat();
            assert_eq!(extensions(&longer), Some(&[7, 8][..]), "what follows is left to see");
            for cut in 0..good.len() {
                assert_eq!(extensions(&good[..cut]), None, "{good:02x?} cut at {cut}");
            }
        }
        let deep = [&[0xa1, 0][..], &[0x81; 100], &[0]].concat();
        let many = [0xb9, 0xff, 0xff, 0, 0];
        for bad in
            [&[0x80][..], &[0x00], &[0xbf, 0xff], &[0xa1, 0, 0xc0, 0], &[0xba, 0, 0, 0, 0], &deep, &many]
        {
            assert_eq!(extensions(bad), None, "{bad:02x?}");
        }
    }
}
