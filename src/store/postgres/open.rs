//! Opening: connecting, migrating, looking whether what is there is a whole log, and starting what runs beside it.

use super::connect::Door;
use super::error::{PostgresOpenError, Trouble};
use super::follow::{can_notify, follow};
use super::hub::{Hub, pool};
use super::progress::Progress;
use super::session::{Ticket, fixed, read_tree};
use super::writer::Writer;
use super::{Opened, Options, PIECES, PostgresStore, Running, Schema, cache::Cache, schema};
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::store::Index;
use crate::store::watch::Watchers;
use crate::tlog::{Frontier, leaf_hash};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_postgres::Client;

/// How many threads serve the connections.
const THREADS: usize = 2;
/// A writer that was silent for so long is no more.
const FORGET: &str = "DELETE FROM writers WHERE at < now() - interval '30 days'";

pub(super) fn open(options: Options) -> Result<(PostgresStore, Opened), PostgresOpenError> {
    let schema = Schema::new(&options.schema)?;
    let door = Arc::new(Door::new(&options, &schema)?);
    let system = |error: &dyn std::fmt::Display| PostgresOpenError::System(error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("postgres")
        .enable_all()
        .build()
        .map_err(|error| system(&error))?;
    let handle = runtime.handle().clone();
    let writer = SystemEntropy.bits128().map_err(|error| system(&error))?;
    let found = {
        let (door, schema, migrate) = (Arc::clone(&door), schema.clone(), options.migrate);
        on(&runtime, async move { look(&door, &schema, migrate).await })
    };
    let (opened, unsure) = match found {
        Ok(opened) => (opened, None),
        Err(error) => (Opened::default(), Some(error)),
    };
    if let Some(error) = unsure {
        runtime.shutdown_background();
        return Err(error);
    }
    // Every answer comes in this time, or the connection is given up.
    let attempt = options.connect_timeout + options.statement_timeout + options.lock_timeout;
    let readers = pool(&door, options.readers, options.connect_timeout).map_err(|error| system(&error))?;
    let sharers = pool(&door, options.sharers, options.connect_timeout).map_err(|error| system(&error))?;
    let hub = Arc::new(Hub {
        door,
        readers,
        sharers,
        cache: Cache::new(options.cache_bytes),
        progress: Progress::starting_at(opened.records),
        watchers: Watchers::default(),
        poke: Notify::new(),
        unsound: watch::Sender::new(None),
        health: watch::Sender::default(),
        channel: opened.notifies.then(|| schema.channel()),
        writer,
        patience: options.patience,
        attempt,
        tolerance: options.tolerance,
        tell_written: options.written,
    });
    let (stop, stopped) = watch::channel(false);
    let (orders, waiting) = mpsc::unbounded_channel();
    let ticket = Ticket { writer, batch: 0 };
    let task = Writer { hub: Arc::clone(&hub), orders: waiting, session: None, ticket };
    runtime.spawn(task.run());
    runtime.spawn(follow(Arc::clone(&hub), options.poll, stopped));
    let store = PostgresStore {
        hub,
        handle,
        orders,
        room: Arc::new(Semaphore::new(PIECES)),
        observe: options.observe,
        running: Mutex::new(Some(Running { runtime, stop })),
    };
    Ok((store, opened))
}

/// Does this on the store's threads, wherever it is called.
fn on<T: Send + 'static>(
    runtime: &tokio::runtime::Runtime,
    work: impl Future<Output = Result<T, PostgresOpenError>> + Send + 'static,
) -> Result<T, PostgresOpenError> {
    let told = super::hub::wait(runtime.handle(), async move { Ok(work.await) });
    told.unwrap_or_else(|error| Err(PostgresOpenError::System(error.to_string())))
}

/// Brings the schema up to date and looks at what is there.
async fn look(door: &Door, schema: &Schema, migrate: bool) -> Result<Opened, PostgresOpenError> {
    let (client, _driver) = door.connect().await.map_err(Trouble::from)?;
    let migrated = schema::migrate(&client, schema, migrate).await?;
    let tree = whole(&client).await?;
    client.execute(FORGET, &[]).await.map_err(Trouble::from)?;
    let notifies = can_notify(door, &schema.channel()).await?;
    let (server, warnings) = server(&client).await?;
    Ok(Opened { records: tree.size(), migrated, server, notifies, warnings })
}

/// The log's tree, if its last record is the one that the head tells of.
async fn whole(client: &Client) -> Result<Frontier, Trouble> {
    // One statement: others may write meanwhile.
    const LAST: &str = "SELECT h.size, h.root, h.frontier, (SELECT max(place) FROM records), r.leaf, r.hash \
         FROM head h LEFT JOIN records r ON r.place = h.size - 1 WHERE h.one = 1";
    let damaged = |what: String| Trouble::Damaged(what);
    let row = client.query_opt(LAST, &[]).await?;
    let row = row.ok_or_else(|| damaged("the log has no head".to_owned()))?;
    let tree = read_tree(&row)?;
    let last: Option<i64> = row.try_get(3)?;
    let there = last.and_then(|last| Index::try_from(last).ok()).map_or(0, |last| last + 1);
    if there != tree.size() {
        let size = tree.size();
        return Err(damaged(format!("the log's head tells of {size} records, and there are {there}")));
    }
    if tree.size() > 0 {
        let (leaf, hash): (&[u8], [u8; 32]) = (row.try_get(4)?, fixed(&row, 5)?);
        if leaf_hash(leaf).as_bytes() != &hash {
            return Err(damaged(
                "the last record is not the one that was hashed when it was recorded".to_owned(),
            ));
        }
    }
    Ok(tree)
}

/// What the server calls itself, and which of its settings endanger what is acknowledged.
async fn server(client: &Client) -> Result<(String, Vec<String>), Trouble> {
    let row = client.query_one("SELECT version()", &[]).await?;
    let version: String = row.try_get(0)?;
    let name = version.split([',', '(']).next().unwrap_or_default().trim().to_owned();
    let mut warnings = Vec::new();
    for setting in ["fsync", "full_page_writes"] {
        let row = client.query_one("SELECT current_setting($1, true)", &[&setting]).await?;
        if row.try_get::<_, Option<String>>(0)?.as_deref() == Some("off") {
            warnings.push(format!("its `{setting}` is off: a power cut can take away what was acknowledged"));
        }
    }
    Ok((name, warnings))
}
