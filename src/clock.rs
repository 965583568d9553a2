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
pub struct SystemClock(Mutex<Belief>);

/// What is believed of the wall clock.
#[derive(Clone, Copy, Debug)]
enum Belief {
    /// It said `told` when the monotonic clock stood at `at`.
    Sure { told: Moment, at: Instant },
    /// It was set back, and is believed again once it has come to `until`: the latest that was told or due.
    InDoubt { until: Moment },
}

impl SystemClock {
    /// Starts from the present wall-clock time.
    #[must_use]
    pub fn start() -> Self {
        Self::start_after(Moment::default())
    }

    /// … and is in doubt until that has come to `floor`, the latest moment that was told before: a restart must not
    /// make a clock that was set back believable.
    #[must_use]
    pub fn start_after(floor: Moment) -> Self {
        Self(Mutex::new(Belief::Sure { told: floor.max(wall_time()), at: Instant::now() }))
    }
}

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let mut belief = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        belief.judge(wall_time(), Instant::now())
    }
}

impl Belief {
    /// Compares the wall clock with where the monotonic clock says that it should be.
    fn judge(&mut self, wall: Moment, instant: Instant) -> Reading {
        let due = match *self {
            Self::Sure { told, at } => told.plus(instant.saturating_duration_since(at)),
            Self::InDoubt { until } => until,
        };
        let (told, tolerated) = match *self {
            Self::Sure { told, .. } => (told, TOLERATED_STEP_BACK),
            // Caught up means all the way.
            Self::InDoubt { until } => (until, Duration::ZERO),
        };
        if wall.plus(tolerated) < due {
            *self = Self::InDoubt { until: due };
            return Reading::InDoubt { wall, latest: due };
        }
        // A small step back is smoothed over: what was told stays the latest.
        let now = wall.max(told);
        *self = Self::Sure { told: now, at: instant };
        Reading::Sure(now)
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

    fn told(n: u64, at: Instant) -> Belief {
        Belief::Sure { told: second(n), at }
    }

    #[test]
    fn a_clock_set_back_is_in_doubt_until_it_has_caught_up() {
        let start = Instant::now();
        let after = |n| start + Duration::from_secs(n);
        let mut belief = told(1000, start);
        assert_eq!(belief.judge(second(1001), after(1)), Reading::Sure(second(1001)));
        let in_doubt = |wall| Reading::InDoubt { wall: second(wall), latest: second(1002) };
        assert_eq!(belief.judge(second(900), after(2)), in_doubt(900));
        // Time goes on, and the wall clock is still behind what was due when it was set back.
        assert_eq!(belief.judge(second(901), after(3)), in_doubt(901));
        assert_eq!(belief.judge(second(1001), after(103)), in_doubt(1001));
        assert_eq!(belief.judge(second(1002), after(104)), Reading::Sure(second(1002)));
        assert_eq!(belief.judge(second(1003), after(105)), Reading::Sure(second(1003)));
    }

    #[test]
    fn a_clock_set_back_unseen_for_an_hour_is_noticed_all_the_same() {
        let start = Instant::now();
        let mut belief = told(1000, start);
        let wall = second(1000 + 1800);
        let reading = belief.judge(wall, start + Duration::from_secs(3600));
        assert_eq!(reading, Reading::InDoubt { wall, latest: second(4600) });
    }

    #[test]
    fn a_restart_does_not_make_a_clock_believable() {
        let floor = wall_time().plus(Duration::from_secs(3600));
        assert!(matches!(SystemClock::start_after(floor).read(), Reading::InDoubt { .. }));
        let floor = wall_time().minus(Duration::from_secs(3600));
        assert!(matches!(SystemClock::start_after(floor).read(), Reading::Sure(_)));
        let floor = wall_time().plus(Duration::from_secs(1));
        assert!(matches!(SystemClock::start_after(floor).read(), Reading::Sure(now) if now >= floor));
    }

    #[test]
    fn a_small_step_back_never_repeats_a_moment() {
        let start = Instant::now();
        assert_eq!(told(1000, start).judge(second(999), start), Reading::Sure(second(1000)));
    }

    #[test]
    fn a_jump_forward_is_believed() {
        let start = Instant::now();
        assert_eq!(told(1000, start).judge(second(9000), start), Reading::Sure(second(9000)));
    }
}
