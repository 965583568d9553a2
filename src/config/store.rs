//! Where the record is kept: in the service's own folder, or in a PostgreSQL database that several desks share.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where the record is kept.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StorePlace {
    /// In this database; in the folder of data if nothing is said.
    #[serde(default)]
    pub postgres: Option<Postgres>,
}

/// A PostgreSQL database.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// Where it is: a `postgresql://` URL without a password. `sslmode` is `disable` or `verify-full`; if not said, TLS is
    /// required of every server that is not on this machine.
    pub url: String,
    /// A file with the password, read for each new connection.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The authorities that may vouch for the server, PEM; those that browsers trust if nothing is said.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// Our certificate chain for a server that asks for one, PEM.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// … and its key.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// The schema that the tables are in; it is made if it is missing.
    #[serde(default = "schema")]
    pub schema: String,
    /// Whether an older schema is brought to this program's version at the start.
    #[serde(default = "yes")]
    pub migrate: bool,
    /// How many connections read. Besides, one writes, two serve what replicas share, and two watch.
    #[serde(default = "readers")]
    pub readers: usize,
}

fn schema() -> String {
    "countersign".to_owned()
}

const fn yes() -> bool {
    true
}

const fn readers() -> usize {
    6
}

impl StorePlace {
    pub(super) fn check(&self) -> Result<(), String> {
        let Some(postgres) = &self.postgres else { return Ok(()) };
        if !["postgres://", "postgresql://"].iter().any(|scheme| postgres.url.starts_with(scheme)) {
            return Err("`postgres.url` does not begin with `postgresql://`".to_owned());
        }
        let authority = postgres.url.split_once("://").map_or("", |(_, rest)| rest);
        let login = authority.split(['/', '?']).next().and_then(|authority| authority.rsplit_once('@'));
        if login.is_some_and(|(login, _)| login.contains(':')) || postgres.url.contains("password=") {
            return Err("`postgres.url` has a password in it: keep that in `password_file`".to_owned());
        }
        if postgres.certificate.is_some() != postgres.key.is_some() {
            return Err("`postgres.certificate` and `postgres.key` belong together".to_owned());
        }
        match postgres.readers {
            1..=64 => Ok(()),
            other => Err(format!("`postgres.readers: {other}` is not from 1 to 64")),
        }
    }

    pub(super) fn start_paths_at(&mut self, folder: &Path) {
        let Some(Postgres { password_file, authority, certificate, key, .. }) = &mut self.postgres else {
            return;
        };
        for path in [password_file, authority, certificate, key].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}
