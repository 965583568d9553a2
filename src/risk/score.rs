//! Score, contribution and level: the numbers of risk, in whole thousandths.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A risk score, a factor's value, or a weight: thousandths from 0 to 1000, so 0.0 to 1.0.
///
/// Serialised as the whole number of thousandths, as a token's `cs_risk`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Score(u16);

impl Score {
    /// 0.0
    pub const ZERO: Self = Self(0);
    /// 1.0
    pub const ONE: Self = Self(1000);

    /// From thousandths; more than 1000 is not a score.
    #[must_use]
    pub const fn from_thousandths(thousandths: u16) -> Option<Self> {
        if thousandths > 1000 { None } else { Some(Self(thousandths)) }
    }

    /// From thousandths, for constants; more than 1000 becomes 1000.
    pub(crate) const fn of(thousandths: u16) -> Self {
        if thousandths > 1000 { Self::ONE } else { Self(thousandths) }
    }

    /// Thousandths, 0 to 1000.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }

    /// Reads a decimal with at most three decimals, `0`, `0.25`, `1.0`; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > 3 || whole.len() > 1 {
            return None;
        }
        let thousandths = format!("{decimals:0<3}").parse::<u16>().ok()?;
        Self::from_thousandths(whole.parse::<u16>().ok()?.checked_mul(1000)?.checked_add(thousandths)?)
    }

    /// This value under `weight`, exactly.
    #[must_use]
    pub fn weighted(self, weight: Self) -> Contribution {
        Contribution(u32::from(self.0) * u32::from(weight.0))
    }
}

/// `0.505`, `0.3`, `0.0`: one to three decimals.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, u32::from(self.0) * 1000)
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let thousandths = u16::deserialize(deserializer)?;
        Self::from_thousandths(thousandths)
            .ok_or_else(|| serde::de::Error::custom("a score is 0 to 1000 thousandths"))
    }
}

/// What one factor adds to the score: value times weight, in millionths, so that nothing is rounded away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Contribution(u32);

impl Contribution {
    /// Millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// The sum as a score: a part of a thousandth counts as a whole one, and more than 1.0 is 1.0.
    #[must_use]
    pub fn total(parts: impl IntoIterator<Item = Self>) -> Score {
        let millionths = parts.into_iter().fold(0_u32, |sum, part| sum.saturating_add(part.0));
        let thousandths = millionths.div_ceil(1000).min(1000);
        Score::of(u16::try_from(thousandths).unwrap_or(1000))
    }
}

/// `0.175`: one to six decimals.
impl fmt::Display for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, self.0)
    }
}

fn decimal(f: &mut fmt::Formatter<'_>, millionths: u32) -> fmt::Result {
    let mut rest = millionths % 1_000_000;
    let mut width = 6;
    while width > 1 && rest.is_multiple_of(10) {
        rest /= 10;
        width -= 1;
    }
    write!(f, "{}.{rest:0width$}", millionths / 1_000_000)
}

/// A risk level, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Safe enough to run without anyone waiting.
    Low,
    /// One person should look.
    Medium,
    /// Several people should look.
    High,
    /// Never runs, whatever anyone approves (D3).
    Critical,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written_exactly() {
        for (text, thousandths) in
            [("0", 0), ("0.0", 0), ("0.05", 50), ("0.1", 100), ("0.705", 705), ("1", 1000), ("1.000", 1000)]
        {
            assert_eq!(Score::parse(text).map(Score::thousandths), Some(thousandths), "{text}");
        }
        for wrong in
            ["", ".", "1.", ".5", "-0.1", "1.001", "2", "0.1234", "00.1", "0,5", "1e0", "NaN", "０.５"]
        {
            assert_eq!(Score::parse(wrong), None, "{wrong}");
        }
        for (thousandths, text) in [(0, "0.0"), (5, "0.005"), (50, "0.05"), (300, "0.3"), (1000, "1.0")] {
            assert_eq!(Score::of(thousandths).to_string(), text);
        }
        assert_eq!(Score::of(700).weighted(Score::of(250)).to_string(), "0.175");
        assert_eq!(Score::of(1).weighted(Score::of(1)).to_string(), "0.000001");
    }

    #[test]
    fn a_part_of_a_thousandth_counts_as_a_whole_one() {
        assert_eq!(Contribution::total([Score::of(1).weighted(Score::of(1))]), Score::of(1));
        assert_eq!(Contribution::total([]), Score::ZERO);
        assert_eq!(Contribution::total(vec![Score::ONE.weighted(Score::ONE); 3]), Score::ONE);
    }

    #[test]
    fn a_score_out_of_range_is_not_deserialised() {
        assert_eq!(serde_json::from_str::<Score>("505").unwrap(), Score::of(505));
        assert!(serde_json::from_str::<Score>("1001").is_err());
        assert!(serde_json::from_str::<Score>("-1").is_err());
        assert!(serde_json::from_str::<Score>("0.5").is_err());
    }
}
