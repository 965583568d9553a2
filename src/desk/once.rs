//! What was done once and is not done again: what a signature proves is who and when, not that it is new.

use crate::clock::Clock;
use crate::digest::{base64url, sha256};
use crate::moment::Moment;
use crate::store::shared::{Ephemeral, Name};
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
    /// What all replicas remember, where there are several, and what this is called there.
    shared: Option<(&'static str, Arc<dyn Ephemeral>)>,
}

/// How long the shared memory may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

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
        Self { clock, span, came: Mutex::default(), shared: None }
    }

    /// … at this replica and at every other that shares this under the same name.
    #[must_use]
    pub fn sharing(mut self, name: &'static str, shared: Arc<dyn Ephemeral>) -> Self {
        self.shared = Some((name, shared));
        self
    }

    /// Notes that this came, at whichever replica. What can't be told from a repetition is one.
    ///
    /// # Errors
    /// [`Again`].
    pub async fn came(&self, parts: &[&str]) -> Result<(), Again> {
        let Some((name, shared)) = &self.shared else { return self.take(parts) };
        let noted = shared.put_new(Name::new(name, "", &base64url(&digest(parts))), Vec::new(), self.span);
        match tokio::time::timeout(PATIENCE, noted).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Again::Before),
            Ok(Err(error)) => {
                tracing::error!(%error, "whether something came before can't be found out");
                Err(Again::TooMuch)
            }
            Err(_) => Err(Again::TooMuch),
        }
    }

    /// Notes that this came.
    ///
    /// # Errors
    /// [`Again`].
    pub fn take(&self, parts: &[&str]) -> Result<(), Again> {
        let now = self.clock.now();
        let digest = digest(parts);
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

fn digest(parts: &[&str]) -> [u8; 32] {
    // With lengths, so that no two run into one.
    let lengths: Vec<String> = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    sha256(&[lengths.concat().as_bytes()])
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

    #[tokio::test]
    async fn what_came_to_one_replica_came_to_all() {
        let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1000)));
        let shared = Arc::new(crate::store::shared::Alone::new(clock.clone()));
        let replica = |name| Once::new(clock.clone(), Duration::from_secs(600)).sharing(name, shared.clone());
        let (one, two, other) = (replica("hook"), replica("hook"), replica("press"));
        assert_eq!(one.came(&["a", "b"]).await, Ok(()));
        assert_eq!(two.came(&["a", "b"]).await, Err(Again::Before));
        assert_eq!(one.came(&["a", "b"]).await, Err(Again::Before));
        assert_eq!((two.came(&["ab"]).await, other.came(&["a", "b"]).await), (Ok(()), Ok(())));
        clock.advance(Duration::from_secs(600));
        assert_eq!(two.came(&["a", "b"]).await, Ok(()));
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
