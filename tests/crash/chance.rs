//! Chance from a printed seed, so that a run that found something can be told from others.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// A splitmix64 generator that many threads draw from.
pub(crate) struct Chance(Mutex<u64>);

impl Chance {
    /// The seed in `COUNTERSIGN_CRASH_SEED`, or else one that was never used before; printed.
    pub(crate) fn seed(what: &str) -> u64 {
        let given = std::env::var("COUNTERSIGN_CRASH_SEED").ok().map(|text| text.parse().unwrap());
        let fresh = || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
        let seed = given.unwrap_or_else(fresh);
        println!("{what}: COUNTERSIGN_CRASH_SEED={seed}");
        seed
    }

    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// A number below `bound`.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    pub(crate) fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }
}
