//! What the replicas of a desk share, in tables of the database: its clock is the one that counts.

use super::hub::Hub;
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::store::StoreError;
use crate::store::shared::{Claims, Ephemeral, Name, Sharing, Work};
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Handle;
use tokio_postgres::Row;

// A row that another one is working on is passed over: it is being claimed just now.
const CLAIM_AGAIN: &str = "UPDATE claims SET holder = $2, until = clock_timestamp() + $3::float8 * interval '1 second' \
     WHERE work IN (SELECT work FROM claims WHERE work = ANY($1) AND (until <= clock_timestamp() OR holder = $2) \
     FOR UPDATE SKIP LOCKED) RETURNING work";
const CLAIM_NEW: &str = "INSERT INTO claims (work, holder, until) \
     SELECT work, $2, clock_timestamp() + $3::float8 * interval '1 second' FROM unnest($1::bytea[]) AS t (work) \
     ON CONFLICT (work) DO NOTHING RETURNING work";
const RELEASE: &str = "DELETE FROM claims WHERE work = ANY($1) AND holder = $2";
const SWEEP_CLAIMS: &str = "DELETE FROM claims WHERE work IN (SELECT work FROM claims \
     WHERE until < now() - interval '1 hour' LIMIT 1000 FOR UPDATE SKIP LOCKED)";

const PUT: &str = "INSERT INTO values_for_a_while (kind, owner, id, value, nonce, until) \
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6::float8 * interval '1 second') \
     ON CONFLICT (kind, owner, id) DO UPDATE SET value = excluded.value, nonce = excluded.nonce, until = excluded.until";
// Only in the place of one that has ended; or of our own, where the answer of the first attempt was lost.
const UNLESS_THERE: &str = " WHERE values_for_a_while.until <= clock_timestamp() \
     OR values_for_a_while.nonce = excluded.nonce RETURNING id";
const GET: &str = "SELECT value FROM values_for_a_while \
     WHERE kind = $1 AND owner = $2 AND id = $3 AND until > clock_timestamp()";
const TAKE: &str = "DELETE FROM values_for_a_while WHERE kind = $1 AND owner = $2 AND id = $3 \
     RETURNING CASE WHEN until > clock_timestamp() THEN value END";
const LIST: &str = "SELECT id, value FROM values_for_a_while \
     WHERE kind = $1 AND owner = $2 AND until > clock_timestamp() ORDER BY id";
const SWEEP_VALUES: &str = "DELETE FROM values_for_a_while WHERE (kind, owner, id) IN (SELECT kind, owner, id \
     FROM values_for_a_while WHERE until <= now() ORDER BY until LIMIT 1000 FOR UPDATE SKIP LOCKED)";

/// Every so many writes what has ended is swept.
const SWEEP_EVERY: u32 = 64;
/// The most bytes that a value may have.
const LARGEST: usize = 1 << 20;

/// What replicas share, in the database of their store.
#[derive(Clone)]
pub struct PostgresShared {
    hub: Arc<Hub>,
    handle: Handle,
    writes: Arc<AtomicU32>,
}

impl PostgresShared {
    pub(super) fn new(hub: Arc<Hub>, handle: Handle) -> Self {
        Self { hub, handle, writes: Arc::default() }
    }

    /// Does this on the store's threads.
    fn on<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Sharing<'_, T> {
        let done = self.handle.spawn(work);
        Box::pin(
            async move { done.await.map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))? },
        )
    }

    /// Sweeps what has ended, now and then. Nobody waits for it.
    fn sweep(&self, sql: &'static str) {
        if self.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY) {
            let hub = Arc::clone(&self.hub);
            self.handle.spawn(async move { drop(hub.ask(&hub.sharers, sql, &[]).await) });
        }
    }

    fn keep(&self, name: Name, value: Vec<u8>, life: Duration, anew: bool) -> Sharing<'_, bool> {
        if value.len() > LARGEST {
            return Box::pin(core::future::ready(Err(StoreError::TooLarge)));
        }
        self.sweep(SWEEP_VALUES);
        let hub = Arc::clone(&self.hub);
        self.on(async move {
            let nonce =
                SystemEntropy.bits128().map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let (owner, id) = (name.owner.as_bytes(), name.id.as_bytes());
            let sql = if anew { PUT.to_owned() } else { format!("{PUT}{UNLESS_THERE}") };
            let (nonce, life) = (&nonce[..], life.as_secs_f64());
            let put = hub.ask(&hub.sharers, &sql, &[&name.kind, &owner, &id, &value, &nonce, &life]).await?;
            Ok(anew || !put.is_empty())
        })
    }
}

/// The names of pieces of work, in one order for everybody: whoever locks several rows never waits for one who waits
/// for him.
fn names(work: &[Work]) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = work.iter().map(|one| one.as_str().as_bytes().to_vec()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn bytes(row: &Row, column: usize) -> Result<Vec<u8>, StoreError> {
    row.try_get(column).map_err(|error| StoreError::from(super::error::Trouble::from(error)))
}

impl Claims for PostgresShared {
    fn claim(&self, work: Vec<Work>, hold: Duration) -> Sharing<'_, Vec<Work>> {
        if work.is_empty() {
            return Box::pin(core::future::ready(Ok(work)));
        }
        self.sweep(SWEEP_CLAIMS);
        let hub = Arc::clone(&self.hub);
        self.on(async move {
            let (names, holder, hold) = (names(&work), hub.writer, hold.as_secs_f64());
            let mut claimed = Vec::new();
            for sql in [CLAIM_AGAIN, CLAIM_NEW] {
                for row in hub.ask(&hub.sharers, sql, &[&names, &&holder[..], &hold]).await? {
                    claimed.push(bytes(&row, 0)?);
                }
            }
            Ok(work
                .into_iter()
                .filter(|one| claimed.iter().any(|name| name == one.as_str().as_bytes()))
                .collect())
        })
    }

    fn release(&self, work: Vec<Work>) -> Sharing<'_, ()> {
        let hub = Arc::clone(&self.hub);
        self.on(async move {
            let (names, holder) = (names(&work), hub.writer);
            hub.ask(&hub.sharers, RELEASE, &[&names, &&holder[..]]).await?;
            Ok(())
        })
    }
}

impl Ephemeral for PostgresShared {
    fn put(&self, name: Name, value: Vec<u8>, life: Duration) -> Sharing<'_, ()> {
        let kept = self.keep(name, value, life, true);
        Box::pin(async move { kept.await.map(drop) })
    }

    fn put_new(&self, name: Name, value: Vec<u8>, life: Duration) -> Sharing<'_, bool> {
        self.keep(name, value, life, false)
    }

    fn get(&self, name: Name) -> Sharing<'_, Option<Vec<u8>>> {
        let hub = Arc::clone(&self.hub);
        self.on(async move {
            let (owner, id) = (name.owner.as_bytes(), name.id.as_bytes());
            let found = hub.ask(&hub.sharers, GET, &[&name.kind, &owner, &id]).await?;
            found.first().map(|row| bytes(row, 0)).transpose()
        })
    }

    fn take(&self, name: Name) -> Sharing<'_, Option<Vec<u8>>> {
        let hub = Arc::clone(&self.hub);
        self.on(async move {
            let (owner, id) = (name.owner.as_bytes(), name.id.as_bytes());
            // Once: whether it was taken by an attempt whose answer was lost nobody can tell.
            let taken = hub.ask_once(&hub.sharers, TAKE, &[&name.kind, &owner, &id]).await?;
            let value = taken.first().map(|row| row.try_get::<_, Option<Vec<u8>>>(0)).transpose();
            Ok(value.map_err(super::error::Trouble::from)?.flatten())
        })
    }

    fn list(&self, kind: &'static str, owner: &str) -> Sharing<'_, Vec<(Name, Vec<u8>)>> {
        let (hub, owner) = (Arc::clone(&self.hub), owner.to_owned());
        self.on(async move {
            let rows = hub.ask(&hub.sharers, LIST, &[&kind, &owner.as_bytes()]).await?;
            let name = |row: &Row| {
                let id = String::from_utf8(bytes(row, 0)?);
                let id = id.map_err(|_| StoreError::Damaged("a value's name is no text".to_owned()))?;
                Ok((Name::new(kind, &owner, &id), bytes(row, 1)?))
            };
            rows.iter().map(name).collect()
        })
    }
}
