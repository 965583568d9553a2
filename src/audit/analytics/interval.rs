//! Intervals: how far a rate or a median can be trusted, from how many cases there are.

use serde::{Serialize, Serializer};

/// The 97.5th percentile of the normal distribution: two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;
/// From so many cases on, the ranks around a median follow the normal distribution well enough.
const EXACT_RANKS: u64 = 1000;

/// The ends of a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    #[serde(serialize_with = "rounded")]
    pub low: f64,
    /// The upper end.
    #[serde(serialize_with = "rounded")]
    pub high: f64,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub part: u64,
    /// Of how many.
    pub of: u64,
}

impl Rate {
    /// `part` of `of`.
    #[must_use]
    pub const fn new(part: u64, of: u64) -> Self {
        Self { part, of }
    }

    /// The rate itself, 0 to 1; nothing of nothing has none.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.part as f64 / self.of as f64)
    }

    /// Wilson's score interval (E. B. Wilson 1927), which is sound for few cases and for rates near 0 and 1.
    #[must_use]
    pub fn interval(self) -> Option<Interval> {
        if self.of == 0 || self.part > self.of {
            return None;
        }
        let (part, of, squared) = (self.part as f64, self.of as f64, Z * Z);
        let middle = (part + squared / 2.0) / (of + squared);
        let half = Z / (of + squared) * (part * (of - part) / of + squared / 4.0).sqrt();
        // What rounding takes away at the very ends is put back: 0 of n may be 0, and n of n may be all.
        let low = if self.part == 0 { 0.0 } else { (middle - half).max(0.0) };
        let high = if self.part == self.of { 1.0 } else { (middle + half).min(1.0) };
        Some(Interval { low, high })
    }

    /// The least that it can well be; 0 of nothing.
    #[must_use]
    pub fn at_least(self) -> f64 {
        self.interval().map_or(0.0, |interval| interval.low)
    }

    /// The most that it can well be; 1 of nothing.
    #[must_use]
    pub fn at_most(self) -> f64 {
        self.interval().map_or(1.0, |interval| interval.high)
    }
}

/// `{"part": 3, "of": 4, "rate": 0.75, "low": 0.3006, "high": 0.9544}`; without cases the last three are null.
impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let interval = self.interval();
        let mut fields = to.serialize_struct("Rate", 5)?;
        fields.serialize_field("part", &self.part)?;
        fields.serialize_field("of", &self.of)?;
        fields.serialize_field("rate", &self.value().map(round))?;
        fields.serialize_field("low", &interval.map(|interval| round(interval.low)))?;
        fields.serialize_field("high", &interval.map(|interval| round(interval.high)))?;
        fields.end()
    }
}

/// The ranks, counted from 0, between which the median of everything lies with 95 % certainty, where `n` of it were
/// seen: order statistics, whatever the distribution. `None` for fewer than 6, of which no two would do.
#[must_use]
pub fn median_ranks(n: u64) -> Option<(u64, u64)> {
    let outside = if n > EXACT_RANKS {
        // (n − z √n) / 2
        let spread = (n.saturating_mul(38_415) / 10_000).isqrt() + 1;
        n.saturating_sub(spread) / 2
    } else {
        // The largest k for which fewer than k of n tosses of a coin are heads once in forty times at the most.
        let tosses = i32::try_from(n).ok()?;
        let mut chance = 0.5_f64.powi(tosses);
        let (mut sum, mut k) = (0.0, 0_u64);
        while sum + chance <= 0.025 {
            sum += chance;
            chance *= (n - k) as f64 / (k + 1) as f64;
            k += 1;
        }
        k
    };
    let low = outside.checked_sub(1)?;
    Some((low, n.checked_sub(outside)?))
}

/// To four decimals, which is more than any of these numbers is good for.
pub(super) fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn rounded<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(round(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures from R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    #[test]
    fn intervals_are_those_of_the_literature() {
        for (part, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let interval = Rate::new(part, of).interval().unwrap();
            assert!((interval.low - low).abs() < 0.0001, "{part} of {of}: {interval:?}");
            assert!((interval.high - high).abs() < 0.0001, "{part} of {of}: {interval:?}");
        }
        assert_eq!(Rate::new(0, 0).interval(), None);
        assert_eq!(Rate::new(9, 9).interval().unwrap().high, 1.0);
    }

    /// As tables of the sign test have them: of 6 the first and the last, of 10 the second, of 20 the sixth, of 100 the fortieth.
    #[test]
    fn the_ranks_around_a_median_are_those_of_the_sign_test() {
        assert_eq!(median_ranks(5), None);
        for (n, ranks) in [(6, (0, 5)), (10, (1, 8)), (20, (5, 14)), (100, (39, 60))] {
            assert_eq!(median_ranks(n), Some(ranks), "{n}");
        }
        let (exact, normal) = (median_ranks(1000).unwrap(), median_ranks(1001).unwrap());
        assert!(exact.0.abs_diff(normal.0) <= 1 && exact.1.abs_diff(normal.1) <= 2, "{exact:?} {normal:?}");
    }
}
