//! The schema: its name, its tables, and the migrations that bring it from one version to the next.
//!
//! Migrations go forward only, each in a transaction of its own that holds the one row that says the version: of many
//! who open the store at once, one migrates and the others find it done. A schema that is newer than the program is
//! refused, because nobody knows what its tables mean.
//!
//! Only what every engine of this dialect has is used: no extensions, triggers, procedures, sequences or advisory
//! locks.

use super::error::{PostgresOpenError, Trouble};
use core::fmt;
use core::time::Duration;
use std::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The name of the schema that a store's tables are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schema(String);

impl Schema {
    /// Takes a name that needs no quotes.
    pub(super) fn new(name: &str) -> Result<Self, PostgresOpenError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.starts_with("pg_");
        match starts && name.len() <= 40 && name.chars().all(fits) {
            true => Ok(Self(name.to_owned())),
            false => Err(PostgresOpenError::Schema(name.to_owned())),
        }
    }

    /// The channel on which commits are told.
    pub(super) fn channel(&self) -> String {
        format!("countersign_{}", self.0)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Quoted, because it may be a word of the language all the same.
        write!(f, "\"{}\"", self.0)
    }
}

/// The version of the schema that this program reads and writes.
pub const VERSION: i32 = 1;

/// What leads from each version to the next.
const MIGRATIONS: [&str; VERSION as usize] = [include_str!("schema/0001.sql")];

/// How long others are waited for who migrate.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Which version the schema has; 0 where there is none.
pub(super) async fn version(client: &Client) -> Result<i32, Trouble> {
    match client.query_opt("SELECT version FROM migrated WHERE one = 1", &[]).await {
        Ok(row) => row.map_or(Ok(0), |row| Ok(row.try_get(0)?)),
        Err(error) if is_missing(&error) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

fn is_missing(error: &tokio_postgres::Error) -> bool {
    let missing = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
    error.code().is_some_and(|code| missing.contains(code))
}

/// Brings the schema to the version of this program, where that is not so; says which versions it went through.
pub(super) async fn migrate(
    client: &Client,
    schema: &Schema,
    allowed: bool,
) -> Result<Vec<i32>, PostgresOpenError> {
    let mut went = Vec::new();
    let since = Instant::now();
    loop {
        let database = version(client).await?;
        if database > VERSION {
            return Err(PostgresOpenError::Newer { database, program: VERSION });
        }
        if database == VERSION {
            return Ok(went);
        }
        if !allowed {
            return Err(PostgresOpenError::Older { database, program: VERSION });
        }
        match step(client, schema, database).await {
            Ok(true) => went.push(database + 1),
            Ok(false) => {}
            // Another one who migrates came between; it is looked anew how far it is.
            Err(trouble) if trouble.passes() && !trouble.ends_session() && since.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(trouble) => {
                return Err(PostgresOpenError::Migration { to: database + 1, what: trouble.to_string() });
            }
        }
    }
}

/// Goes one version further, unless somebody else has meanwhile.
async fn step(client: &Client, schema: &Schema, from: i32) -> Result<bool, Trouble> {
    let done = within(client, schema, from).await;
    if done.is_err() {
        // Nothing of it may stay, and the session must be of use again.
        client.batch_execute("ROLLBACK").await?;
    }
    done
}

async fn within(client: &Client, schema: &Schema, from: i32) -> Result<bool, Trouble> {
    if from == 0 {
        // Outside of a transaction: two who do this at once may hinder each other, and one of them does it again.
        let made = format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}; \
             CREATE TABLE IF NOT EXISTS migrated (one smallint PRIMARY KEY CHECK (one = 1), version int4 NOT NULL); \
             INSERT INTO migrated (one, version) VALUES (1, 0) ON CONFLICT DO NOTHING"
        );
        for statement in made.split("; ") {
            match client.batch_execute(statement).await {
                // The owner made it beforehand, and this role may not make schemas.
                Err(error) if statement.starts_with("CREATE SCHEMA") && is_denied(&error) => {}
                done => done?,
            }
        }
    }
    client.batch_execute("BEGIN").await?;
    let row = client.query_one("SELECT version FROM migrated WHERE one = 1 FOR UPDATE", &[]).await?;
    let found: i32 = row.try_get(0)?;
    let next = usize::try_from(from).ok().and_then(|from| MIGRATIONS.get(from));
    let Some(text) = next.filter(|_| found == from) else {
        client.batch_execute("ROLLBACK").await?;
        return Ok(false);
    };
    client.batch_execute(text).await?;
    client.execute("UPDATE migrated SET version = $1 WHERE one = 1", &[&(from + 1)]).await?;
    client.batch_execute("COMMIT").await?;
    Ok(true)
}

fn is_denied(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
}

/// What the role needs that the service runs as, where another one owns the tables: no right to change or delete what
/// is recorded.
#[must_use]
pub fn grants(schema: &str, role: &str) -> String {
    let recorded = RECORDED.join(", ");
    let views = VIEWS.join(", ");
    format!(
        "GRANT USAGE ON SCHEMA \"{schema}\" TO {role};\n\
         SET search_path = \"{schema}\";\n\
         GRANT SELECT, INSERT ON {recorded} TO {role};\n\
         GRANT SELECT, INSERT, UPDATE, DELETE ON {views} TO {role};\n\
         GRANT SELECT ON migrated TO {role};\n"
    )
}

/// The tables that only grow.
const RECORDED: &[&str] = &[
    "records",
    "nodes",
    "requests",
    "decisions",
    "mints",
    "receipts",
    "courses",
    "told",
    "anomalies",
    "habits",
    "parts",
];
/// The tables that change.
const VIEWS: &[&str] = &[
    "head",
    "writers",
    "escalations",
    "suspensions",
    "standing",
    "invitations",
    "kept",
    "claims",
    "values_for_a_while",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schemas_name_needs_no_quotes() {
        for name in ["countersign", "t_1"] {
            assert!(Schema::new(name).is_ok(), "{name}");
        }
        for name in ["", "Countersign", "1a", "a b", "a;b", "a\"", "pg_a", &"a".repeat(41)] {
            assert!(Schema::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn every_table_is_granted() {
        let made = MIGRATIONS.iter().flat_map(|text| text.lines());
        let made = made.filter_map(|line| line.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next());
        let mut made: Vec<&str> = made.collect();
        let mut granted: Vec<&str> = RECORDED.iter().chain(VIEWS).copied().collect();
        made.sort_unstable();
        granted.sort_unstable();
        assert_eq!(made, granted);
    }
}
