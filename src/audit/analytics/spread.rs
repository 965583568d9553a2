//! Spread: how lengths of time are spread, in bounded memory: exact while they are few, in fine steps when they are many.

use super::interval::{median_ranks, round};
use core::time::Duration;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Up to so many lengths are kept as they are; beyond, each is known to within one part in 256.
pub const EXACT: usize = 256;
/// From so many on, nineteen of twenty can be told from the rest.
pub const LEAST_FOR_P95: u64 = 20;

/// How lengths of time are spread.
#[derive(Clone, Debug)]
pub struct Spread {
    count: u64,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// In milliseconds, rising.
    Exact(Vec<u64>),
    /// How many lie in each step.
    Steps(BTreeMap<u16, u64>),
}

impl Default for Spread {
    fn default() -> Self {
        Self { count: 0, form: Form::Exact(Vec::new()) }
    }
}

impl Spread {
    /// Takes one more.
    pub fn take(&mut self, length: Duration) {
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        self.count += 1;
        match &mut self.form {
            Form::Exact(rising) if rising.len() < EXACT => {
                let place = rising.partition_point(|one| *one <= millis);
                rising.insert(place, millis);
            }
            Form::Exact(rising) => {
                let mut steps = BTreeMap::new();
                for one in rising.iter().copied().chain([millis]) {
                    *steps.entry(step(one)).or_default() += 1;
                }
                self.form = Form::Steps(steps);
            }
            Form::Steps(steps) => *steps.entry(step(millis)).or_default() += 1,
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The one of this rank, counted from 0, the shortest first.
    #[must_use]
    pub fn rank(&self, rank: u64) -> Option<Duration> {
        let millis = match &self.form {
            Form::Exact(rising) => rising.get(usize::try_from(rank).ok()?).copied(),
            Form::Steps(steps) => {
                let mut before = 0;
                let found = steps.iter().find(|(_, count)| {
                    before += **count;
                    rank < before
                });
                found.map(|(step, _)| middle(*step))
            }
        };
        millis.map(Duration::from_millis)
    }

    /// The one below which so many thousandths of the others are.
    #[must_use]
    pub fn part(&self, thousandths: u64) -> Option<Duration> {
        let rank = u128::from(self.count) * u128::from(thousandths.min(1000)) / 1000;
        self.rank(u64::try_from(rank).ok()?.min(self.count.checked_sub(1)?))
    }

    /// Half are longer.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        self.part(500)
    }

    /// Between which the median lies with 95 % certainty; nothing is said of fewer than 6.
    #[must_use]
    pub fn median_between(&self) -> Option<(Duration, Duration)> {
        let (low, high) = median_ranks(self.count)?;
        Some((self.rank(low)?, self.rank(high)?))
    }

    /// One in twenty is longer; nothing is said of fewer than [`LEAST_FOR_P95`].
    #[must_use]
    pub fn p95(&self) -> Option<Duration> {
        (self.count >= LEAST_FOR_P95).then(|| self.part(950)).flatten()
    }
}

/// The step of a length: exact below 256 ms, then 128 steps to each doubling.
fn step(millis: u64) -> u16 {
    let shift = (u64::BITS - millis.leading_zeros()).saturating_sub(8);
    let above = u64::from(shift) * 128 + (millis >> shift);
    u16::try_from(above).unwrap_or(u16::MAX)
}

/// The middle of a step.
fn middle(step: u16) -> u64 {
    let step = u64::from(step);
    let shift = (step / 128).saturating_sub(1);
    let lowest = (step - shift * 128) << shift;
    lowest + (1 << shift) / 2
}

/// `{"n": 40, "median_seconds": 61.5, "median_low_seconds": …, "median_high_seconds": …, "p95_seconds": …}`; null where
/// there are too few.
impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let seconds = |length: Option<Duration>| length.map(|length| round(length.as_secs_f64()));
        let between = self.median_between();
        let mut fields = to.serialize_struct("Spread", 5)?;
        fields.serialize_field("n", &self.count)?;
        fields.serialize_field("median_seconds", &seconds(self.median()))?;
        fields.serialize_field("median_low_seconds", &seconds(between.map(|(low, _)| low)))?;
        fields.serialize_field("median_high_seconds", &seconds(between.map(|(_, high)| high)))?;
        fields.serialize_field("p95_seconds", &seconds(self.p95()))?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_holds_its_middle_and_steps_rise() {
        for step_number in 0..=7423 {
            assert_eq!(step(middle(step_number)), step_number);
        }
        assert_eq!(step(u64::MAX), 7423);
        for millis in (0..100_000).chain([u64::MAX / 3, u64::MAX]) {
            assert!(middle(step(millis)).abs_diff(millis) <= millis / 256, "{millis}");
        }
    }

    #[test]
    fn what_turns_into_steps_stays_nearly_what_it_was() {
        let mut spread = Spread::default();
        let lengths = (0..3000_u64).map(|number| number * number % 7919 * 997);
        let mut rising: Vec<u64> = lengths.collect();
        for millis in &rising {
            spread.take(Duration::from_millis(*millis));
        }
        rising.sort_unstable();
        for thousandths in [0, 10, 500, 950, 999, 1000] {
            let exact = rising[(3000 * thousandths / 1000).min(2999)];
            let found = u64::try_from(spread.part(thousandths as u64).unwrap().as_millis()).unwrap();
            assert!(found.abs_diff(exact) <= exact / 256 + 1, "{thousandths}: {found} and {exact}");
        }
        let (low, high) = spread.median_between().unwrap();
        assert!(low < spread.median().unwrap() && spread.median().unwrap() < high);
    }
}
