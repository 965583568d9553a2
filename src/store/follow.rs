//! Following the record: each new record is read once and handed to whoever keeps something that follows from it.
//!
//! Where several replicas write one record, what one of them keeps in memory has to follow what the others record. One
//! reader does that for all: it is woken by what changes, looks each second besides, and reads on from where it was. What
//! follows a record that this replica wrote itself may be handed it too; whoever follows knows it again.

use super::{Index, Store, StoreError};
use crate::audit::event::Record;
use core::convert::Infallible;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::broadcast::error::RecvError;

/// How often the record is looked at although nothing is heard of it.
pub const POLL: Duration = Duration::from_secs(1);

/// Keeps something that follows from the record.
pub trait Follows: Send + Sync {
    /// Takes a record, each after the one before it.
    fn follow(&self, index: Index, record: &Record);

    /// Everything that is recorded by now was handed over. It is said again and again.
    fn followed(&self) {}
}

/// Reads the record on, for all who follow it.
pub struct Following {
    store: Arc<dyn Store>,
    followers: Mutex<Vec<Weak<dyn Follows>>>,
    /// The record that is read next. Whoever holds it reads.
    next: Mutex<Index>,
}

impl Following {
    /// Follows what is recorded from now on. What is kept from before is to be read after this, and knows again what it
    /// is handed a second time.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        let next = Mutex::new(store.len());
        Self { store, followers: Mutex::default(), next }
    }

    /// The record that is read next.
    #[must_use]
    pub fn next(&self) -> Index {
        *whole(&self.next)
    }

    /// Hands this one what is read from now on, for as long as it is there.
    pub fn add(&self, follower: &Arc<impl Follows + 'static>) {
        let follower: Weak<dyn Follows> = Arc::downgrade(&(follower.clone() as Arc<dyn Follows>));
        whole(&self.followers).push(follower);
    }

    /// Hands over everything that was recorded before this, by whichever replica. It reads the record.
    ///
    /// # Errors
    /// [`StoreError`] if it can't be read: then nobody knows whether they have all of it.
    pub fn catch_up(&self) -> Result<(), StoreError> {
        let mut next = whole(&self.next);
        // Of its length a replica may not have heard yet; of the log's head it asks.
        let end = self.store.head()?.size.max(self.store.len());
        let followers: Vec<Arc<dyn Follows>> =
            whole(&self.followers).iter().filter_map(Weak::upgrade).collect();
        while *next < end {
            let record = self.store.record(*next)?;
            followers.iter().for_each(|follower| follower.follow(*next, &record));
            *next += 1;
        }
        followers.iter().for_each(|follower| follower.followed());
        Ok(())
    }

    /// [`catch_up`](Self::catch_up) in a thread that may wait.
    ///
    /// # Errors
    /// The same.
    pub async fn caught_up(self: &Arc<Self>) -> Result<(), StoreError> {
        let following = self.clone();
        let stopping = |_| Err(StoreError::Unavailable("the service is stopping".to_owned()));
        tokio::task::spawn_blocking(move || following.catch_up()).await.unwrap_or_else(stopping)
    }

    /// Hands over what is recorded, as it is, for as long as it is polled.
    pub async fn run(self: Arc<Self>) -> Infallible {
        let mut changes = self.store.watch_all();
        loop {
            if let Err(error) = self.caught_up().await {
                tracing::error!(%error, "what other replicas record can't be followed just now");
                tokio::time::sleep(POLL).await;
                continue;
            }
            match tokio::time::timeout(POLL, changes.recv()).await {
                // All that came meanwhile is read together.
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => while changes.try_recv().is_ok() {},
                Ok(Err(RecvError::Closed)) => tokio::time::sleep(POLL).await,
                Err(_) => {}
            }
        }
    }
}

fn whole<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
