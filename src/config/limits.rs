//! How much a service takes on at a time, as the configuration has it.

use core::fmt;
use serde::{Deserialize, Serialize};

/// How much a service takes on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How much memory it may have; what the system lets it have if nothing is said.
    pub memory: Option<Bytes>,
    /// From which share of that on work is shed, from 0 to 1; 0.85 if nothing is said.
    pub shed_at: f64,
    /// How many calls may be under way at a time; 4096 if nothing is said.
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: None, shed_at: 0.85, calls: 4096 }
    }
}

impl Limits {
    /// The share from which on work is shed, in thousandths.
    #[must_use]
    pub const fn shed_at_thousandths(&self) -> u16 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 0 to 1000: the configuration was checked, and a float is clamped to the type besides"
        )]
        let thousandths = (self.shed_at * 1000.0) as u16;
        thousandths
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !(self.shed_at > 0.0 && self.shed_at <= 1.0) {
            return Err(format!("`shed_at: {}` is not above 0 and at most 1", self.shed_at));
        }
        match self.calls {
            0 => Err("`calls` is 0: nobody could ask anything".to_owned()),
            _ => Ok(()),
        }
    }
}

/// So many bytes: `268435456`, `256MiB`, `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).unwrap_or((&text, ""));
        let factor = match unit {
            "" => Some(1),
            "KiB" | "Ki" => Some(1 << 10),
            "MiB" | "Mi" => Some(1 << 20),
            "GiB" | "Gi" => Some(1 << 30),
            _ => None,
        };
        let bytes = factor.and_then(|factor: u64| number.parse::<u64>().ok()?.checked_mul(factor));
        let bytes = bytes.filter(|bytes| *bytes > 0);
        bytes
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no number of bytes, as `268435456` or `256MiB` is one"))
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_as_people_write_them() {
        for (text, bytes) in [
            ("1", Some(1)),
            ("268435456", Some(268_435_456)),
            ("256MiB", Some(268_435_456)),
            ("256Mi", Some(268_435_456)),
            ("2GiB", Some(2_147_483_648)),
            ("64Ki", Some(65_536)),
            ("0", None),
            ("", None),
            ("MiB", None),
            ("1.5GiB", None),
            ("-1", None),
            ("256 MiB", None),
            ("256MB", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(Bytes::try_from(text.to_owned()).ok(), bytes.map(Bytes), "{text}");
        }
    }
}
