//! What was done once and is not done again: what a signature proves is who and when, not that it is new.

use crate::clock::Clock;
use crate::digest::sha256;
use crate::moment::Moment;
use core::time::Duration;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// The most that is remembered.
const MOST: usize = 50_000;

/// Remembers what came, for as long as it could come again.
pub struct Once {
    clock: Arc<dyn Clock>,
    /// For how long what came could come again.
    span: Duration,
    came: Mutex<Came>,
}

#[derive(Default)]
struct Came {
    all: HashSet<[u8; 32]>,
    order: VecDeque<(Moment, [u8; 32])>,
}

/// Why something is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It came before.
    Before,
    /// So much came that no more can be remembered: what can't be told from a repetition is one.
    TooMuch,
}

impl Once {
    /// Nothing came yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, span: Duration) -> Self {
        Self { clock, span, came: Mutex::default() }
    }

    /// Notes that this came.
    ///
    /// # Errors
    /// [`Again`].
    pub fn take(&self, parts: &[&str]) -> Result<(), Again> {
        let now = self.clock.now();
        let lengths: Vec<String> = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
        let digest = sha256(&[lengths.concat().as_bytes()]);
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((until, old)) = came.order.front().copied()
            && until <= now
        {
            came.order.pop_front();
            came.all.remove(&old);
        }
        if came.all.contains(&digest) {
            return Err(Again::Before);
        }
        if came.all.len() >= MOST {
            return Err(Again::TooMuch);
        }
        came.all.insert(digest);
        came.order.push_back((now.plus(self.span), digest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn what_came_is_not_taken_again_within_its_time() {
        let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1000)));
        let once = Once::new(clock.clone(), Duration::from_secs(600));
        assert_eq!(once.take(&["a", "b"]), Ok(()));
        assert_eq!(once.take(&["a", "b"]), Err(Again::Before));
        assert_eq!(once.take(&["ab"]), Ok(()));
        assert_eq!(once.take(&["", "ab"]), Ok(()));
        clock.advance(Duration::from_secs(599));
        assert_eq!(once.take(&["a", "b"]), Err(Again::Before));
        clock.advance(Duration::from_secs(1));
        assert_eq!(once.take(&["a", "b"]), Ok(()));
    }

    #[test]
    fn what_cannot_be_remembered_is_not_taken() {
        let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1000)));
        let once = Once::new(clock.clone(), Duration::from_secs(600));
        for n in 0..MOST {
            assert_eq!(once.take(&[&n.to_string()]), Ok(()));
        }
        assert_eq!(once.take(&["one more"]), Err(Again::TooMuch));
        clock.advance(Duration::from_secs(600));
        assert_eq!(once.take(&["one more"]), Ok(()));
    }
}
