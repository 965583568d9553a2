//! The clock: a promise of the present moment, and of noticing when the wall clock was set back.

use crate::moment::Moment;
use core::time::Duration;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

/// How far the wall clock may fall behind the monotonic one before it is in doubt (TOKEN §7, "Clock").
pub const TOLERATED_STEP_BACK: Duration = Duration::from_secs(2);

/// What a clock says, and whether it may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The present moment.
    Sure(Moment),
    /// The wall clock was set back and has not caught up yet: nothing may be minted.
    InDoubt {
        /// What the wall clock says.
        wall: Moment,
        /// The latest moment that was ever read.
        latest: Moment,
    },
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// What the clock says now.
    fn read(&self) -> Reading;

    /// The present moment for deadlines and records: never earlier than one already told.
    fn now(&self) -> Moment {
        match self.read() {
            Reading::Sure(now) => now,
            Reading::InDoubt { latest, .. } => latest,
        }
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    latest: Mutex<(Moment, Instant)>,
    floor: Moment,
}

impl SystemClock {
    /// Starts from the present wall-clock time.
    #[must_use]
    pub fn start() -> Self {
        Self::start_after(Moment::from_unix_millis(0))
    }

    /// … and is in doubt until that has come to `floor`, the latest moment that was told before: a restart must not
    /// make a clock that was set back believable.
    #[must_use]
    pub fn start_after(floor: Moment) -> Self {
        Self { latest: Mutex::new((wall_time(), Instant::now())), floor }
    }
}

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let mut latest = self.latest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        above(self.floor, judge(&mut latest, wall_time(), Instant::now()))
    }
}

/// Compares the wall clock with where the monotonic clock says that it should be.
fn judge(latest: &mut (Moment, Instant), wall: Moment, instant: Instant) -> Reading {
    let (told, at) = *latest;
    let expected = told.plus(instant.saturating_duration_since(at));
    if wall.plus(TOLERATED_STEP_BACK) < expected {
        *latest = (expected, instant);
        return Reading::InDoubt { wall, latest: expected };
    }
    // A small step back is smoothed over: what was told stays the latest.
    let now = wall.max(told);
    *latest = (now, instant);
    Reading::Sure(now)
}

/// Nothing is told that is earlier than `floor`.
fn above(floor: Moment, reading: Reading) -> Reading {
    match reading {
        Reading::Sure(now) if now.plus(TOLERATED_STEP_BACK) < floor => {
            Reading::InDoubt { wall: now, latest: floor }
        }
        Reading::Sure(now) => Reading::Sure(now.max(floor)),
        Reading::InDoubt { wall, latest } => Reading::InDoubt { wall, latest: latest.max(floor) },
    }
}

fn wall_time() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment::from_unix_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A clock that a test sets by hand.
#[derive(Debug)]
pub struct ManualClock(Mutex<Reading>);

impl ManualClock {
    /// Stands still at `now`.
    #[must_use]
    pub fn at(now: Moment) -> Self {
        Self(Mutex::new(Reading::Sure(now)))
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        let next = Reading::Sure(self.now().plus(by));
        self.set(next);
    }

    /// Says this from now on.
    pub fn set(&self, reading: Reading) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = reading;
    }
}

impl Clock for ManualClock {
    fn read(&self) -> Reading {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Moment {
        Moment::from_unix_seconds(n)
    }

    #[test]
    fn a_clock_set_back_is_in_doubt_until_it_has_caught_up() {
        let start = Instant::now();
        let mut latest = (second(1000), start);
        let after = |n| start + Duration::from_secs(n);
        assert_eq!(judge(&mut latest, second(1001), after(1)), Reading::Sure(second(1001)));
        let set_back = judge(&mut latest, second(900), after(2));
        assert_eq!(set_back, Reading::InDoubt { wall: second(900), latest: second(1002) });
        // Time goes on; the wall clock is still behind.
        let still = judge(&mut latest, second(901), after(3));
        assert_eq!(still, Reading::InDoubt { wall: second(901), latest: second(1003) });
        // It was corrected.
        assert_eq!(judge(&mut latest, second(1004), after(4)), Reading::Sure(second(1004)));
    }

    #[test]
    fn a_restart_does_not_make_a_clock_believable() {
        let told = second(1000);
        let in_doubt = Reading::InDoubt { wall: second(900), latest: told };
        assert_eq!(above(told, Reading::Sure(second(900))), in_doubt);
        assert_eq!(above(told, Reading::Sure(second(999))), Reading::Sure(told));
        assert_eq!(above(told, Reading::Sure(second(1001))), Reading::Sure(second(1001)));
        let earlier = Reading::InDoubt { wall: second(900), latest: second(950) };
        assert_eq!(above(told, earlier), in_doubt);
    }

    #[test]
    fn a_small_step_back_never_repeats_a_moment() {
        let start = Instant::now();
        let mut latest = (second(1000), start);
        assert_eq!(judge(&mut latest, second(999), start), Reading::Sure(second(1000)));
    }

    #[test]
    fn a_jump_forward_is_believed() {
        let start = Instant::now();
        let mut latest = (second(1000), start);
        assert_eq!(judge(&mut latest, second(9000), start), Reading::Sure(second(9000)));
    }
}
