//! The PostgreSQL store: one log in a database for any number of processes, its views in tables beside it.
//!
//! **Writing.** Each process has one task that writes. It takes the changes that wait, locks the log's head, which is
//! one row, judges the changes against what is recorded, and writes records, views and the head's new state in one
//! transaction. So the records have one order, without gaps, whoever writes them; a change that is refused refuses
//! only itself.
//!
//! **Doubt.** A transaction that was hindered by another is begun again. Where the connection is lost over a commit, it
//! is looked, under the head's lock, whether it came about: nothing is recorded twice, and nothing that was recorded is
//! ever said to be refused.
//!
//! **Watching.** Another connection hears of what the other processes record, and looks by itself now and then.
//!
//! **Reading** goes to a pool of its own. Records never change, so that they are kept in memory, within a bound.
//!
//! ```no_run
//! use countersign::audit::event::Event;
//! use countersign::moment::Moment;
//! use countersign::store::postgres::{Options, PostgresStore};
//! use countersign::store::{Change, Store};
//!
//! # async fn example(now: Moment) -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::at("postgresql://countersign@db.example.com/countersign?sslmode=verify-full");
//! let (store, opened) = PostgresStore::open(options)?;
//! println!("{opened}");
//! let places = store.commit(Change::of(now, [Event::Stopped {}])).await?; // durable from here on
//! assert_eq!(store.record(places.start)?.event, Event::Stopped {});
//! # Ok(())
//! # }
//! ```

mod cache;
mod connect;
mod error;
mod find;
mod follow;
mod hub;
mod judge;
mod open;
mod options;
mod progress;
mod read;
mod rows;
mod schema;
mod session;
mod shared;
mod standing;
mod writer;

pub use error::PostgresOpenError;
pub use follow::Health;
pub use options::{Observe, Opened, Options, TellWritten, Written};
pub use schema::{VERSION, grants};
pub use shared::PostgresShared;

use super::{
    Basis, Change, Committing, Course, Document, Habit, Head, Index, Invitation, Page, Store, StoreError,
};
use crate::audit::event::{Record, RequestKey};
use crate::audit::filter::Filter;
use crate::digest::{InvitationDigest, ValueDigest};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, KeyHolder, LogOrigin, TxnId};
use crate::tlog::Hash;
use hub::{Hub, wait};
use judge::Submission;
use schema::Schema;
use standing::What;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use writer::{Order, Waiting};

/// How many bytes a piece of what may wait has; a change takes one at least.
const PIECE: usize = 16 << 10;
const PIECES: usize = 4096;
/// Anomalies are counted up to here.
const MOST_ANOMALIES: i64 = 1000;

/// A store in a PostgreSQL database, which other processes share.
pub struct PostgresStore {
    hub: Arc<Hub>,
    handle: Handle,
    orders: mpsc::UnboundedSender<Order>,
    room: Arc<Semaphore>,
    observe: Option<Observe>,
    running: Mutex<Option<Running>>,
}

/// What ends with the store.
struct Running {
    runtime: Runtime,
    stop: watch::Sender<bool>,
}

impl PostgresStore {
    /// Opens the store, or begins one where there is none. It waits for the database.
    ///
    /// # Errors
    /// Where the options make no sense, the database can't be reached or refuses, or what is in it is not a store that
    /// this program knows.
    pub fn open(options: Options) -> Result<(Self, Opened), PostgresOpenError> {
        open::open(options)
    }

    /// Whether the database can be reached: to be asked by whoever asks how the service is. It is found out on a
    /// connection of its own, and asking waits for nothing.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.hub.health.subscribe()
    }

    /// What replicas share besides the record, kept in the same database.
    #[must_use]
    pub fn shared(&self) -> PostgresShared {
        PostgresShared::new(Arc::clone(&self.hub), self.handle.clone())
    }

    /// Where this was recorded last.
    fn standing(&self, what: What) -> Result<Option<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            read::place(&hub, "SELECT place FROM standing WHERE what = $1", &[&what.as_bytes()]).await
        })
    }

    /// Waits for an answer of the database.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        wait(&self.handle, work)
    }
}

impl Store for PostgresStore {
    fn commit(&self, change: Change) -> Committing {
        let observed = self.observe.as_ref().map(|observe| observe(&change.records));
        let submission = match Submission::of(change) {
            Ok(submission) => submission,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let (orders, room) = (self.orders.clone(), Arc::clone(&self.room));
        Box::pin(async move {
            let closed = || StoreError::Unavailable("the store is closed".to_owned());
            let pieces = u32::try_from((submission.bytes / PIECE + 1).min(PIECES)).unwrap_or(u32::MAX);
            let room = room.acquire_many_owned(pieces).await.map_err(|_| closed())?;
            let (answer, told) = oneshot::channel();
            let since = Instant::now();
            let waiting = Waiting { submission, observed, answer, since, _room: room };
            orders.send(Order::Record(Box::new(waiting))).map_err(|_| closed())?;
            told.await.map_err(|_| closed())?
        })
    }

    fn len(&self) -> Index {
        self.hub.progress.size()
    }

    fn record(&self, index: Index) -> Result<Record, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move { read::record(&hub, index).await })
    }

    fn leaf(&self, index: Index) -> Result<Vec<u8>, StoreError> {
        if let Some(leaf) = self.hub.cache.get(index) {
            return Ok(leaf.to_vec());
        }
        let hub = Arc::clone(&self.hub);
        self.wait(async move { read::leaf(&hub, index).await.map(|leaf| leaf.to_vec()) })
    }

    fn head(&self) -> Result<Head, StoreError> {
        let unsound = self.hub.unsound.borrow().clone();
        unsound.map_or(Ok(()), Err)?;
        let hub = Arc::clone(&self.hub);
        self.wait(async move { read::head(&hub).await })
    }

    fn hashes(&self, level: u8, range: Range<u64>) -> Result<Vec<Hash>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move { read::hashes(&hub, level, range).await })
    }

    fn answered(&self, request: RequestKey) -> Result<Option<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            read::place(&hub, "SELECT place FROM requests WHERE request = $1", &[&&request.as_bytes()[..]])
                .await
        })
    }

    fn decided(&self, txn: TxnId) -> Result<Option<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            read::place(&hub, "SELECT place FROM decisions WHERE txn = $1", &[&&txn.as_bytes()[..]]).await
        })
    }

    fn chain(&self, txn: TxnId) -> Result<Vec<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move { find::chain(&hub, txn).await })
    }

    fn find(&self, filter: &Filter, before: Option<Index>, limit: usize) -> Result<Page, StoreError> {
        let (hub, filter) = (Arc::clone(&self.hub), filter.clone());
        self.wait(async move { find::find(&hub, &filter, before, limit).await })
    }

    fn minted(&self, txn: TxnId) -> Result<Option<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            read::place(&hub, "SELECT place FROM mints WHERE txn = $1", &[&&txn.as_bytes()[..]]).await
        })
    }

    fn receipts(&self, txn: TxnId) -> Result<Vec<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            const SQL: &str = "SELECT place FROM receipts WHERE txn = $1 ORDER BY place";
            read::places(&hub, SQL, &[&&txn.as_bytes()[..]]).await
        })
    }

    fn keeps(&self, value: ValueDigest) -> Result<bool, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            let found = hub.rows("SELECT 1 FROM kept WHERE value = $1", &[&&value.as_bytes()[..]]).await?;
            Ok(!found.is_empty())
        })
    }

    fn will_erase(&self, value: ValueDigest) -> Result<(), StoreError> {
        // The value goes in the transaction that records that it does: there is nothing to be finished later.
        self.keeps(value).map(drop)
    }

    fn erase(&self, value: ValueDigest) -> Result<(), StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            const SQL: &str = "INSERT INTO kept (value, bytes) VALUES ($1, NULL) \
                 ON CONFLICT (value) DO UPDATE SET bytes = NULL";
            hub.ask(&hub.sharers, SQL, &[&&value.as_bytes()[..]]).await?;
            Ok(())
        })
    }

    fn course(&self, id: EscalationId) -> Result<Course, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move { read::course(&hub, id).await })
    }

    fn open(&self) -> Result<Vec<EscalationId>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            const SQL: &str = "SELECT escalation FROM escalations WHERE is_open ORDER BY opened";
            read::escalations(&hub, SQL, &[]).await
        })
    }

    fn latest(&self, limit: usize) -> Result<Vec<EscalationId>, StoreError> {
        let (hub, limit) = (Arc::clone(&self.hub), read::most(limit));
        self.wait(async move {
            const SQL: &str = "SELECT escalation FROM escalations ORDER BY opened DESC LIMIT $1";
            read::escalations(&hub, SQL, &[&limit]).await
        })
    }

    fn decisions_of(&self, agent: &AgentId, limit: usize) -> Result<Vec<Index>, StoreError> {
        let (hub, limit) = (Arc::clone(&self.hub), read::most(limit));
        let agent = super::facts::AgentKey::new(agent);
        self.wait(async move {
            const SQL: &str = "SELECT place FROM decisions WHERE agent = $1 ORDER BY place DESC LIMIT $2";
            read::places(&hub, SQL, &[&&agent.as_bytes()[..], &limit]).await
        })
    }

    fn anomalies(&self, agent: &AgentId, since: Moment) -> Result<Vec<Moment>, StoreError> {
        let (hub, since) = (Arc::clone(&self.hub), rows::moment(since));
        let agent = super::facts::AgentKey::new(agent);
        self.wait(async move {
            const SQL: &str = "SELECT at FROM anomalies WHERE agent = $1 AND at >= $2 \
                 ORDER BY at DESC, place DESC LIMIT $3";
            let found = read::places(&hub, SQL, &[&&agent.as_bytes()[..], &since, &MOST_ANOMALIES]).await?;
            Ok(found.into_iter().map(Moment::from_unix_millis).collect())
        })
    }

    fn did_before(&self, agent: &AgentId, habit: Habit<'_>) -> Result<bool, StoreError> {
        let (hub, habit) = (Arc::clone(&self.hub), super::facts::HabitKey::new(agent, habit));
        self.wait(async move {
            let found = hub.rows("SELECT 1 FROM habits WHERE habit = $1", &[&&habit.as_bytes()[..]]).await?;
            Ok(!found.is_empty())
        })
    }

    fn suspensions(&self) -> Result<Vec<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(
            async move { read::places(&hub, "SELECT place FROM suspensions ORDER BY place", &[]).await },
        )
    }

    fn in_force(&self, document: Document) -> Result<Option<Index>, StoreError> {
        self.standing(What::document(document))
    }

    fn stands(&self, what: &Basis) -> Result<Option<Index>, StoreError> {
        self.standing(What::basis(what))
    }

    fn profiles(&self) -> Result<Vec<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move {
            const SQL: &str = "SELECT place FROM standing WHERE kind = $1 ORDER BY place";
            read::places(&hub, SQL, &[&standing::PROFILE]).await
        })
    }

    fn shipped(&self, origin: &LogOrigin) -> Result<Option<Index>, StoreError> {
        self.standing(What::log(super::facts::LogKey::new(origin)))
    }

    fn enrolled(&self, sidecar: &KeyHolder) -> Result<Option<Index>, StoreError> {
        self.standing(What::sidecar(super::facts::HolderKey::new(sidecar)))
    }

    fn enrolments(&self, before: Option<Index>, limit: usize) -> Result<Vec<Index>, StoreError> {
        let hub = Arc::clone(&self.hub);
        let (before, limit) = (read::column(before.unwrap_or(Index::MAX)), read::most(limit));
        self.wait(async move {
            const SQL: &str = "SELECT place FROM standing WHERE kind = $1 AND NOT is_over AND place < $2 \
                 ORDER BY place DESC LIMIT $3";
            read::places(&hub, SQL, &[&standing::SIDECAR, &before, &limit]).await
        })
    }

    fn invitation(&self, invitation: InvitationDigest) -> Result<Option<Invitation>, StoreError> {
        let hub = Arc::clone(&self.hub);
        self.wait(async move { read::invitation(&hub, invitation).await })
    }

    fn unsound(&self) -> watch::Receiver<Option<StoreError>> {
        self.hub.unsound.subscribe()
    }

    fn stopped(&self) -> Option<String> {
        let unsound = self.hub.unsound.borrow().as_ref().map(ToString::to_string);
        unsound.or_else(|| self.hub.health.borrow().trouble.clone())
    }

    fn close(&self) -> Result<(), StoreError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Running { runtime, stop }) = running.take() else { return Ok(()) };
        self.room.close();
        let (told, closed) = oneshot::channel();
        let sent = self.orders.send(Order::Close(told)).is_ok();
        // What waits is tried no longer than a change is at most.
        let gone = || StoreError::Unavailable("the writer is gone".to_owned());
        let recorded = match sent {
            true => wait(&self.handle, async move { closed.await.map_err(|_| gone()) }),
            false => Err(gone()),
        };
        let _ = stop.send(true);
        self.hub.readers.close();
        self.hub.sharers.close();
        runtime.shutdown_background();
        recorded
    }

    fn watch(&self, id: EscalationId) -> watch::Receiver<u64> {
        self.hub.watchers.watch(id)
    }

    fn watch_all(&self) -> broadcast::Receiver<EscalationId> {
        self.hub.watchers.watch_all()
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Everything acknowledged is in the database.
        let _ = self.close();
    }
}
