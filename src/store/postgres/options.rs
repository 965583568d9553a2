//! How a store is opened, what opening found, and how its batches fare.

use crate::audit::event::Record;
use crate::store::{Index, StoreError};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Looks at the records of a change while it is prepared, and says what to do once they are durable. What it gives back
/// is called in the record's order, by the task that writes it, before whoever asked is told: it must not block.
pub type Observe = Arc<dyn Fn(&[Record]) -> Box<dyn FnOnce() + Send> + Send + Sync>;

/// Told how each batch fared. It must not block.
pub type TellWritten = Arc<dyn Fn(&Written<'_>) + Send + Sync>;

/// How a batch fared.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// How many changes waited for it.
    pub changes: usize,
    /// How many records it has.
    pub records: usize,
    /// How long it took.
    pub took: Duration,
    /// Why it was not recorded, if it was not.
    pub error: Option<&'a StoreError>,
}

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Where the database is: a `postgresql://` URL. `sslmode` is `disable` or `verify-full`; if not said, TLS is
    /// required of every server that is not on this machine.
    pub url: String,
    /// A file with the password, read for each new connection.
    pub password_file: Option<PathBuf>,
    /// The certificates (PEM) of the authorities that may vouch for the server; those that browsers trust if not said.
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain (PEM) for a server that asks for one.
    pub certificate_file: Option<PathBuf>,
    /// … and its key.
    pub key_file: Option<PathBuf>,
    /// The schema that the tables are in; it is made if it is missing.
    pub schema: String,
    /// Whether an older schema may be brought to this program's version.
    pub migrate: bool,
    /// How many connections read.
    pub readers: usize,
    /// How many connections serve claims and short-lived values.
    pub sharers: usize,
    /// How many bytes of records are kept in memory.
    pub cache_bytes: usize,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the server may work on one statement.
    pub statement_timeout: Duration,
    /// How long it may wait for a lock.
    pub lock_timeout: Duration,
    /// How long a change is tried, again and again, before whoever asked is told that it can't be recorded now.
    pub patience: Duration,
    /// How often it is looked for what others recorded, where no notice came.
    pub poll: Duration,
    /// How far this machine's clock may differ from the log and from the database: moments never fall in the log, so
    /// that a record that is a little behind is moved up to the latest, and one that is further off is refused. If not
    /// said, records are taken with whatever moment they have.
    pub tolerance: Option<Duration>,
    /// Follows what this process records.
    pub observe: Option<Observe>,
    /// Told how each batch fared.
    pub written: Option<TellWritten>,
}

impl Options {
    /// With the database at this URL, and otherwise what suits a desk.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            password_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            schema: "countersign".to_owned(),
            migrate: true,
            readers: 6,
            sharers: 2,
            cache_bytes: 32 << 20,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(3),
            patience: Duration::from_secs(10),
            poll: Duration::from_secs(1),
            tolerance: Some(Duration::from_secs(5)),
            observe: None,
            written: None,
        }
    }
}

/// What opening a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// How many records there are.
    pub records: Index,
    /// The versions that the schema was brought to by this opening.
    pub migrated: Vec<i32>,
    /// What the server calls itself.
    pub server: String,
    /// Whether it notifies of commits.
    pub notifies: bool,
    /// What the operator should know: settings of the server under which what is acknowledged can be lost.
    pub warnings: Vec<String>,
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store has {} records, on {}", self.records, self.server)?;
        if let Some(version) = self.migrated.last() {
            write!(f, "; its schema was brought to version {version}")?;
        }
        self.warnings.iter().try_for_each(|warning| write!(f, "; {warning}"))
    }
}
