//! A desk of one replica shares with nobody: everything in memory, within bounds.

use super::{Claims, Ephemeral, Name, Sharing, Work};
use crate::clock::Clock;
use crate::moment::Moment;
use crate::store::StoreError;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most values that are kept.
const MOST: usize = 200_000;

/// What one process shares with itself.
pub struct Alone {
    clock: Arc<dyn Clock>,
    values: Mutex<BTreeMap<Name, Held>>,
}

struct Held {
    value: Vec<u8>,
    until: Moment,
}

impl Alone {
    /// Nothing is kept yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, values: Mutex::default() }
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<Name, Held>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it, if it may be kept.
    fn keep(&self, name: Name, value: Vec<u8>, life: Duration, anew: bool) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut values = self.values();
        let lives = values.get(&name).is_some_and(|held| now < held.until);
        if lives && !anew {
            return Ok(false);
        }
        if !lives && values.len() >= MOST {
            values.retain(|_, held| now < held.until);
            if values.len() >= MOST {
                return Err(StoreError::Unavailable("too many short-lived values are kept".to_owned()));
            }
        }
        values.insert(name, Held { value, until: now.plus(life) });
        Ok(true)
    }
}

impl Claims for Alone {
    fn claim(&self, work: Vec<Work>, _: Duration) -> Sharing<'_, Vec<Work>> {
        // There is nobody else.
        Box::pin(async move { Ok(work) })
    }

    fn release(&self, _: Vec<Work>) -> Sharing<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl Ephemeral for Alone {
    fn put(&self, name: Name, value: Vec<u8>, life: Duration) -> Sharing<'_, ()> {
        Box::pin(async move { self.keep(name, value, life, true).map(drop) })
    }

    fn put_new(&self, name: Name, value: Vec<u8>, life: Duration) -> Sharing<'_, bool> {
        Box::pin(async move { self.keep(name, value, life, false) })
    }

    fn get(&self, name: Name) -> Sharing<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let now = self.clock.now();
            Ok(self.values().get(&name).filter(|held| now < held.until).map(|held| held.value.clone()))
        })
    }

    fn take(&self, name: Name) -> Sharing<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let now = self.clock.now();
            Ok(self.values().remove(&name).filter(|held| now < held.until).map(|held| held.value))
        })
    }

    fn list(&self, kind: &'static str, owner: &str) -> Sharing<'_, Vec<(Name, Vec<u8>)>> {
        let first = Name::new(kind, owner, "");
        Box::pin(async move {
            let now = self.clock.now();
            let values = self.values();
            let own = values.range(first.clone()..);
            let own = own.take_while(|(name, _)| name.kind == first.kind && name.owner == first.owner);
            let living = own.filter(|(_, held)| now < held.until);
            Ok(living.map(|(name, held)| (name.clone(), held.value.clone())).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_value_lives_for_its_time_and_is_taken_once() {
        let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1000)));
        let alone = Alone::new(clock.clone());
        let name = |id: &str| Name::new("mark", "bo", id);
        assert_eq!(alone.put_new(name("1"), b"a".to_vec(), MINUTE).await, Ok(true));
        assert_eq!(alone.put_new(name("1"), b"b".to_vec(), MINUTE).await, Ok(false));
        assert_eq!(alone.get(name("1")).await, Ok(Some(b"a".to_vec())));
        alone.put(name("2"), b"c".to_vec(), 2 * MINUTE).await.unwrap();
        alone.put(Name::new("mark", "bob", "3"), b"d".to_vec(), MINUTE).await.unwrap();
        let ids =
            |found: Vec<(Name, Vec<u8>)>| found.into_iter().map(|(name, _)| name.id).collect::<Vec<_>>();
        assert_eq!(ids(alone.list("mark", "bo").await.unwrap()), ["1".into(), "2".into()]);
        clock.advance(MINUTE);
        assert_eq!(alone.get(name("1")).await, Ok(None));
        assert_eq!(ids(alone.list("mark", "bo").await.unwrap()), ["2".into()]);
        assert_eq!(alone.put_new(name("1"), b"b".to_vec(), MINUTE).await, Ok(true));
        assert_eq!(alone.take(name("2")).await, Ok(Some(b"c".to_vec())));
        assert_eq!(alone.take(name("2")).await, Ok(None));
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_refused() {
        let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1000)));
        let alone = Alone::new(clock.clone());
        for n in 0..MOST {
            alone.put(Name::new("mark", "", &n.to_string()), Vec::new(), MINUTE).await.unwrap();
        }
        assert!(alone.put_new(Name::new("mark", "", "more"), Vec::new(), MINUTE).await.is_err());
        clock.advance(MINUTE);
        assert_eq!(alone.put_new(Name::new("mark", "", "more"), Vec::new(), MINUTE).await, Ok(true));
    }
}
