//! How often somebody may knock: counted by name within a span of time, in memory that does not grow.

use crate::clock::Clock;
use crate::digest::sha256;
use crate::moment::Moment;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many names are remembered. When there are more, the newcomers share one count: whoever comes under ever new names
/// holds up newcomers like themselves, and nobody who was there before.
const NAMES: usize = 4096;

/// How often somebody may do something within a span of time.
pub struct Limit {
    most: u32,
    span: Duration,
    clock: Arc<dyn Clock>,
    counts: Mutex<HashMap<[u8; 16], Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    times: u32,
    until: Moment,
}

/// Somebody knocks too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOften {
    /// How long they have to wait.
    pub wait: Duration,
}

impl Limit {
    /// At most so often within a span that begins with the first time.
    #[must_use]
    pub fn new(most: u32, span: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { most, span, clock, counts: Mutex::default() }
    }

    /// Counts one more of this name.
    ///
    /// # Errors
    /// [`TooOften`] if there were too many.
    pub fn knock(&self, name: &str) -> Result<(), TooOften> {
        let now = self.clock.now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = key(name);
        if counts.len() >= NAMES && !counts.contains_key(&key) {
            counts.retain(|_, count| count.until > now);
            if counts.len() >= NAMES {
                key = [0; 16];
            }
        }
        let fresh = Count { times: 0, until: now.plus(self.span) };
        let count = counts.entry(key).or_insert(fresh);
        if count.until <= now {
            *count = fresh;
        }
        if count.times >= self.most {
            return Err(TooOften { wait: count.until.since(now) });
        }
        count.times += 1;
        Ok(())
    }
}

fn key(name: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(sha256(&[name.as_bytes()]).split_at(16).0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limit(most: u32) -> (Limit, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1_800_000_000)));
        (Limit::new(most, MINUTE, clock.clone()), clock)
    }

    #[test]
    fn whoever_knocks_too_often_waits_and_others_do_not() {
        let (limit, clock) = limit(2);
        assert_eq!((limit.knock("a"), limit.knock("a")), (Ok(()), Ok(())));
        clock.advance(MINUTE / 2);
        assert_eq!(limit.knock("a"), Err(TooOften { wait: MINUTE / 2 }));
        assert_eq!(limit.knock("b"), Ok(()));
        clock.advance(MINUTE / 2);
        assert_eq!(limit.knock("a"), Ok(()), "the span is over");
    }

    #[test]
    fn ever_new_names_fill_no_memory_and_take_nothing_from_those_who_are_there() {
        let (limit, clock) = limit(2);
        assert_eq!(limit.knock("early"), Ok(()));
        let taken = (0..10 * NAMES).filter(|number| limit.knock(&number.to_string()).is_ok()).count();
        assert_eq!(taken, NAMES - 1 + 2, "all who have a count of their own, and two of those who share one");
        assert!(limit.counts.lock().unwrap().len() <= NAMES + 1);
        assert_eq!(limit.knock("early"), Ok(()));
        clock.advance(MINUTE);
        assert_eq!(limit.knock("late"), Ok(()), "what is over makes room");
        assert_eq!(limit.counts.lock().unwrap().len(), 1);
    }
}
