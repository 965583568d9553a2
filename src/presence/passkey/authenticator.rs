//! Authenticator data: what the authenticator itself says about the hand that used it (WebAuthn §6.1).

use super::error::PasskeyError;
use super::party::RelyingParty;
use core::fmt;

/// How long the data is without what nobody asked for.
pub(super) const LENGTH: usize = 37;

/// Where the flags are.
const FLAGS: usize = 32;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
pub(super) const ATTESTED_CREDENTIAL: u8 = 0x40;
pub(super) const EXTENSIONS: u8 = 0x80;
const RESERVED: u8 = 0x22;

/// The number that an authenticator counts its signatures with; 0 from one that does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "engine", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "engine", serde(transparent))]
pub struct Counter(u32);

impl Counter {
    /// This number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Checks that the counter has risen since `last`, the highest that was seen of this passkey (0 if none was), unless
    /// neither says anything.
    ///
    /// # Errors
    /// [`PasskeyError::ClonedCounter`]: two copies of the passkey may be counting.
    pub fn check_after(self, last: Self) -> Result<(), PasskeyError> {
        let silent = self.0 == 0 && last.0 == 0;
        if silent || self > last { Ok(()) } else { Err(PasskeyError::ClonedCounter) }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The data, read whole: an assertion carries neither a new credential nor extensions, for none were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthenticatorData {
    bytes: [u8; LENGTH],
    rp_id_hash: [u8; 32],
    flags: u8,
    counter: Counter,
}

impl AuthenticatorData {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PasskeyError> {
        const CUT: PasskeyError = PasskeyError::AuthenticatorDataForm;
        let (&rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(CUT)?;
        let (&[flags], rest) = rest.split_first_chunk::<1>().ok_or(CUT)?;
        let (&counter, _) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        if flags & RESERVED != 0 {
            return Err(PasskeyError::ReservedFlag);
        }
        if flags & (ATTESTED_CREDENTIAL | EXTENSIONS) != 0 {
            return Err(PasskeyError::Extensions);
        }
        if flags & (BACKUP_ELIGIBLE | BACKED_UP) == BACKED_UP {
            return Err(PasskeyError::BackupState);
        }
        let bytes = bytes.try_into().map_err(|_| CUT)?;
        Ok(Self { bytes, rp_id_hash, flags, counter: Counter(u32::from_be_bytes(counter)) })
    }

    /// The data without what a registration has behind it, which is told apart by these flags.
    pub(super) fn of_registration(bytes: &[u8]) -> Result<(Self, u8, &[u8]), PasskeyError> {
        const CUT: PasskeyError = PasskeyError::AuthenticatorDataForm;
        let (start, rest) = bytes.split_first_chunk::<LENGTH>().ok_or(CUT)?;
        let mut plain = *start;
        let flags = plain.get_mut(FLAGS).ok_or(CUT)?;
        let behind = *flags & (ATTESTED_CREDENTIAL | EXTENSIONS);
        *flags ^= behind;
        Ok((Self::read(&plain)?, behind, rest))
    }

    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn check_party(&self, party: &RelyingParty) -> Result<(), PasskeyError> {
        let ours = self.rp_id_hash == *party.id_hash();
        if ours { Ok(()) } else { Err(PasskeyError::OtherRelyingParty) }
    }

    /// A vote is a person's: that somebody touched the device is not enough, it has to know who.
    pub(super) const fn check_person(&self) -> Result<Counter, PasskeyError> {
        if self.flags & USER_PRESENT == 0 {
            return Err(PasskeyError::UserNotPresent);
        }
        if self.flags & USER_VERIFIED == 0 {
            return Err(PasskeyError::UserNotVerified);
        }
        Ok(self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_does_not_rise_tells_of_a_copy() {
        let judge = |new, last| Counter(new).check_after(Counter(last)).is_ok();
        for (new, last) in [(0, 0), (1, 0), (2, 1), (u32::MAX, u32::MAX - 1), (9, 3)] {
            assert!(judge(new, last), "{new} after {last}");
        }
        for (new, last) in [(0, 1), (1, 1), (1, 2), (0, u32::MAX), (u32::MAX, u32::MAX)] {
            assert!(!judge(new, last), "{new} after {last}");
        }
    }

    #[test]
    fn every_flag_byte_is_read_as_the_specification_says() {
        for flags in 0..=u8::MAX {
            let mut bytes = [7; LENGTH];
            bytes[32] = flags;
            let verdict = AuthenticatorData::read(&bytes).and_then(|data| data.check_person());
            // Of all 256 only these: present and verified, and backed up only if that can be.
            assert_eq!(verdict.is_ok(), matches!(flags, 0x05 | 0x0d | 0x1d), "{flags:#04x}: {verdict:?}");
        }
    }
}
