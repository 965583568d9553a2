//! How long to wait before the desk is tried again: longer each time, and never all sidecars at once.

use crate::entropy::Entropy;
use core::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(15);

/// The waits of one chase after the desk.
#[derive(Debug)]
pub(super) struct Chase {
    next: Duration,
}

impl Default for Chase {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Chase {
    /// The desk was reached: the next wait is short again.
    pub(super) fn caught(&mut self) {
        *self = Self::default();
    }

    /// How long to wait now: between a half and the whole of what doubles each time.
    pub(super) fn wait(&mut self, entropy: &dyn Entropy) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST);
        let share = entropy.bits128().map_or(u8::MAX, |bits| bits.first().copied().unwrap_or(u8::MAX));
        whole / 2 + whole / 2 * u32::from(share) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn waits_grow_to_a_bound_and_start_again() {
        let mut chase = Chase::default();
        let mut whole = FIRST;
        for _ in 0..12 {
            let wait = chase.wait(&SystemEntropy);
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
            whole = (whole * 2).min(LONGEST);
        }
        assert_eq!(whole, LONGEST);
        chase.caught();
        assert!(chase.wait(&SystemEntropy) <= FIRST);
    }
}
