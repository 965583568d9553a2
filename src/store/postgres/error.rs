//! What a database's errors mean to a store, and why one could not be opened.

use crate::store::StoreError;
use core::fmt;
use std::path::PathBuf;
use tokio_postgres::error::SqlState;

/// Why the store could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresOpenError {
    /// The address makes no sense.
    Address(String),
    /// The schema's name is none that may be used.
    Schema(String),
    /// A file could not be used.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The schema in the database is newer than this program.
    Newer {
        /// The schema's version in the database.
        database: i32,
        /// The newest that this program knows.
        program: i32,
    },
    /// The schema in the database is older than this program, and it may not be migrated.
    Older {
        /// The schema's version in the database; 0 where there is none.
        database: i32,
        /// What this program needs.
        program: i32,
    },
    /// A migration did not succeed; nothing of it is left.
    Migration {
        /// To which version.
        to: i32,
        /// What the database said.
        what: String,
    },
    /// The records in the database are not those that its head tells of.
    Damaged(String),
    /// The database could not be reached, or refused.
    Unavailable(String),
    /// The threads or the random numbers that the store needs could not be had.
    System(String),
}

impl fmt::Display for PostgresOpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(what) => write!(f, "the database's address cannot be used: {what}"),
            Self::Schema(name) => write!(
                f,
                "`{name}` cannot be the schema's name: small letters, digits and underscores, 40 at most, a letter first"
            ),
            Self::File { path, what } => write!(f, "`{}` cannot be used: {what}", path.display()),
            Self::Newer { database, program } => write!(
                f,
                "the database's schema has version {database}, and this program knows {program} and earlier ones: a \
                 newer program has been here; run that one, or restore the backup from before"
            ),
            Self::Older { database, program } => write!(
                f,
                "the database's schema has version {database}, and this program needs {program}: it may not migrate it \
                 itself; have that done first"
            ),
            Self::Migration { to, what } => {
                write!(f, "the database's schema could not be brought to version {to}: {what}")
            }
            Self::Damaged(what) => write!(f, "the database is damaged: {what}"),
            Self::Unavailable(what) => write!(f, "the database is unavailable: {what}"),
            Self::System(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for PostgresOpenError {}

/// What went wrong with the database, by what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Somebody else's transaction came between: again.
    Conflict(String),
    /// The connection is gone, or of no use: again with a new one.
    Connection(String),
    /// There is no room.
    Full,
    /// It took too long or was too much for the server: perhaps later.
    Busy(String),
    /// The server refuses, and would again.
    Refused(String),
    /// What was written is not as it was.
    Damaged(String),
}

impl Trouble {
    /// Whether the same may succeed at once, or after a moment.
    pub(super) const fn passes(&self) -> bool {
        match self {
            Self::Conflict(_) | Self::Connection(_) | Self::Busy(_) => true,
            Self::Full | Self::Refused(_) | Self::Damaged(_) => false,
        }
    }

    /// Whether the session can be used no longer.
    pub(super) const fn ends_session(&self) -> bool {
        match self {
            Self::Connection(_) => true,
            Self::Conflict(_) | Self::Full | Self::Busy(_) | Self::Refused(_) | Self::Damaged(_) => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(what)
            | Self::Connection(what)
            | Self::Busy(what)
            | Self::Refused(what)
            | Self::Damaged(what) => f.write_str(what),
            Self::Full => f.write_str("the database's disk is full"),
        }
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Full => Self::Full,
            Trouble::Damaged(what) => Self::Damaged(what),
            other @ (Trouble::Conflict(_)
            | Trouble::Connection(_)
            | Trouble::Busy(_)
            | Trouble::Refused(_)) => Self::Unavailable(format!("the database: {other}")),
        }
    }
}

impl From<Trouble> for PostgresOpenError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Damaged(what) => Self::Damaged(what),
            other @ (Trouble::Conflict(_)
            | Trouble::Connection(_)
            | Trouble::Busy(_)
            | Trouble::Full
            | Trouble::Refused(_)) => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            // A row that can't be read is of a table that is not ours; all else is the connection.
            let what = chain(&error);
            let ours = what.contains("retrieving column") || what.contains("converting column");
            return if ours { Self::Damaged(what) } else { Self::Connection(what) };
        };
        let what = format!("{} ({})", said.message(), said.code().code());
        let code = said.code();
        if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
            return Self::Conflict(what);
        }
        if *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN {
            // Whether a commit came about is found out as if the connection had been lost over it.
            return Self::Connection(what);
        }
        if [SqlState::DISK_FULL, SqlState::PROGRAM_LIMIT_EXCEEDED].contains(code) {
            return if *code == SqlState::DISK_FULL { Self::Full } else { Self::Refused(what) };
        }
        let class = code.code().get(..2).unwrap_or_default();
        match class {
            // A statement that was cancelled took too long; otherwise the server is going or coming.
            "57" if *code == SqlState::QUERY_CANCELED => Self::Busy(what),
            "08" | "57" => Self::Connection(what),
            // A session that idled in its transaction is ended; a standby takes no writes.
            "25" => Self::Connection(what),
            // Too many connections, no memory; a lock that is not to be had in time.
            "53" => Self::Busy(what),
            "55" if *code == SqlState::LOCK_NOT_AVAILABLE => Self::Busy(what),
            // Somebody wrote what the head's lock keeps for us: the transaction is begun again.
            "23" => Self::Conflict(what),
            // A prepared statement of before a migration or of another session behind a pooler.
            "26" => Self::Connection(what),
            "0A" if said.message().contains("cached plan") => Self::Connection(what),
            _ => Self::Refused(what),
        }
    }
}

impl From<deadpool_postgres::PoolError> for Trouble {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => Self::from(error),
            deadpool_postgres::PoolError::Timeout(_) => {
                Self::Busy("no connection was free in time".to_owned())
            }
            other @ (deadpool_postgres::PoolError::Closed
            | deadpool_postgres::PoolError::NoRuntimeSpecified
            | deadpool_postgres::PoolError::PostCreateHook(_)) => Self::Refused(other.to_string()),
        }
    }
}

/// What an error says, with what it came from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
