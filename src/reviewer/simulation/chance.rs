//! Chance that can be repeated: a generator whose numbers follow from a seed, in whole numbers on every machine.

use core::time::Duration;

/// Steele, Lea and Flood's SplitMix64 (2014). It decides nothing outside of a simulation.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this; 0 where that is 0.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        let number = self.next();
        // The bias is below one in ten thousand million for every bound that is used here.
        if bound == 0 { 0 } else { number % bound }
    }

    /// Whether something happens that happens so many times of a thousand.
    pub(super) const fn happens(&mut self, of_thousand: u32) -> bool {
        self.below(1000) < of_thousand as u64
    }

    /// A time up to this, short more often than long: a third of it on average.
    pub(super) fn short(&mut self, longest: Duration) -> Duration {
        let part = self.below(1000);
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis / 1_000_000 * part * part + millis % 1_000_000 * part * part / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the reference implementation for the seed 1234567.
    #[test]
    fn the_numbers_are_those_of_the_publication() {
        let mut chance = Chance::new(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| chance.next()).collect();
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn times_are_short_more_often_than_long() {
        let mut chance = Chance::new(1);
        let hour = Duration::from_secs(3600);
        let times: Vec<Duration> = (0..3000).map(|_| chance.short(hour)).collect();
        let mean = times.iter().sum::<Duration>() / 3000;
        assert!(mean > hour * 3 / 10 && mean < hour * 37 / 100, "{mean:?}");
        assert!(times.iter().all(|time| *time < hour));
    }
}
