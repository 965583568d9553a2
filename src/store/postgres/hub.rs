//! What the parts of an open store share: the way to the database, what is known of it, and who is told.

use super::cache::Cache;
use super::connect::Door;
use super::error::Trouble;
use super::progress::Progress;
use super::{Health, TellWritten, Written};
use crate::store::watch::Watchers;
use crate::store::{Index, StoreError};
use crate::tlog::leaf_hash;
use core::time::Duration;
use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use std::sync::Arc;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Notify, watch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Row};

/// How often what only reads is tried again on a new connection.
const TRIES: usize = 3;

/// The shared parts.
pub(super) struct Hub {
    pub(super) door: Arc<Door>,
    /// Connections that only read; those that work for shared values are apart from them.
    pub(super) readers: Pool,
    pub(super) sharers: Pool,
    pub(super) cache: Cache,
    pub(super) progress: Progress,
    pub(super) watchers: Watchers,
    /// Wakes the follower.
    pub(super) poke: Notify,
    pub(super) unsound: watch::Sender<Option<StoreError>>,
    pub(super) health: watch::Sender<Health>,
    /// The channel of notices, where the engine has such.
    pub(super) channel: Option<String>,
    pub(super) writer: [u8; 16],
    pub(super) patience: Duration,
    /// How long one exchange with the server may take before it is given up.
    pub(super) attempt: Duration,
    pub(super) tolerance: Option<Duration>,
    pub(super) tell_written: Option<TellWritten>,
}

/// A pool of so many connections.
pub(super) fn pool(door: &Arc<Door>, most: usize, wait: Duration) -> Result<Pool, String> {
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(Config::new(), Shared(Arc::clone(door)), config);
    let timeouts = Timeouts { wait: Some(wait), create: Some(wait), recycle: Some(wait) };
    let built =
        Pool::builder(manager).max_size(most.max(1)).timeouts(timeouts).runtime(Runtime::Tokio1).build();
    built.map_err(|error| error.to_string())
}

/// One door for all pools.
struct Shared(Arc<Door>);

impl deadpool_postgres::Connect for Shared {
    fn connect(&self, config: &Config) -> super::connect::Connecting<'_> {
        deadpool_postgres::Connect::connect(&*self.0, config)
    }
}

impl Hub {
    /// Asks something that changes nothing.
    pub(super) async fn rows(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.ask(&self.readers, sql, params).await.map_err(StoreError::from)
    }

    /// … or that may be done again: on another connection, where one turns out to be gone.
    pub(super) async fn ask(
        &self,
        pool: &Pool,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Trouble> {
        let mut tries = 0;
        loop {
            let trouble = match self.ask_once(pool, sql, params).await {
                Ok(rows) => return Ok(rows),
                Err(trouble) => trouble,
            };
            tries += 1;
            let again = matches!(trouble, Trouble::Connection(_) | Trouble::Conflict(_));
            if !again || tries == TRIES {
                return Err(trouble);
            }
        }
    }

    /// … or that may not.
    pub(super) async fn ask_once(
        &self,
        pool: &Pool,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Trouble> {
        let client = pool.get().await?;
        let asked = tokio::time::timeout(self.attempt, query(&client, sql, params)).await;
        let rows = asked.unwrap_or_else(|_| Err(Trouble::Busy("the database does not answer".to_owned())));
        if rows.as_ref().is_err_and(|trouble| !matches!(trouble, Trouble::Refused(_) | Trouble::Conflict(_)))
        {
            // Not to be found of no use by the next one.
            drop(deadpool_postgres::Object::take(client));
        }
        rows
    }

    /// Notes how many records there are, as was asked when `known` were known. Fewer means that acknowledged ones are lost: nothing may rest
    /// on such a database.
    pub(super) fn seen(&self, size: Index, known: Index) -> Result<(), Trouble> {
        if self.progress.seen(size, known) {
            return Ok(());
        }
        let text = format!(
            "the database has {size} records, and {known} had been acknowledged: an older state of it was restored, \
             or a standby that lacked them took over"
        );
        self.give_up(StoreError::Damaged(text.clone()));
        Err(Trouble::Damaged(text))
    }

    /// Nothing more may be recorded, for this reason. The first of such reasons stays.
    pub(super) fn give_up(&self, why: StoreError) {
        self.unsound.send_if_modified(|reason| {
            let first = reason.is_none();
            reason.get_or_insert(why);
            first
        });
    }

    /// The leaf that was read, if it is the one that was hashed.
    pub(super) fn checked(&self, index: Index, leaf: &[u8], hash: &[u8]) -> Result<Arc<[u8]>, StoreError> {
        if leaf_hash(leaf).as_bytes() != hash {
            return Err(StoreError::Damaged(format!(
                "record {index} is not the one that was hashed when it was recorded"
            )));
        }
        let leaf: Arc<[u8]> = leaf.into();
        self.cache.add(index, Arc::clone(&leaf));
        Ok(leaf)
    }

    /// Tells how a batch fared.
    pub(super) fn written(&self, changes: usize, records: usize, took: Duration, error: Option<&StoreError>) {
        if let Some(tell) = &self.tell_written {
            tell(&Written { changes, records, took, error });
        }
    }
}

async fn query(
    client: &ClientWrapper,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Trouble> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, params).await?)
}

/// Waits for what another runtime does, wherever that is asked for.
pub(super) fn wait<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        drop(tell.send(work.await));
    });
    let gone = |_| StoreError::Unavailable("the store is closed".to_owned());
    let here = Handle::try_current().ok().map(|here| here.runtime_flavor());
    match here {
        // The other tasks of this thread are taken over by another.
        Some(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| told.recv()).map_err(gone)?,
        Some(_) | None => told.recv().map_err(gone)?,
    }
}
