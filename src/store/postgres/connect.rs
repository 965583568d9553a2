//! Connecting: where the server is, who we are, TLS, and what every session is told first.

use super::error::PostgresOpenError;
use super::{Options, Schema};
use core::time::Duration;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connection before anybody drives it.
pub(super) type Raw =
    Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>;

/// What is needed to connect, read anew from the files for each connection: passwords and certificates change while
/// the service runs. Where a file can't be read just then, what it said last holds.
pub(super) struct Door {
    config: Config,
    files: Files,
    session: String,
    last: Mutex<(Config, MakeRustlsConnect)>,
}

/// The files that say who we and the server are.
#[derive(Clone, Default)]
struct Files {
    password: Option<PathBuf>,
    authority: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
}

impl Door {
    /// Reads the address and the files.
    pub(super) fn new(options: &Options, schema: &Schema) -> Result<Self, PostgresOpenError> {
        let Address { mut config, mut authority } = Address::read(&options.url)?;
        authority = options.ca_file.clone().or(authority);
        config.application_name("countersign");
        config.connect_timeout(options.connect_timeout);
        // Or a server that is gone without a word would hold the writer for hours.
        config.tcp_user_timeout(options.statement_timeout.saturating_mul(2));
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        // After a failover the old primary may come back as a standby.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let files = Files {
            password: options.password_file.clone(),
            authority,
            identity: options.certificate_file.clone().zip(options.key_file.clone()),
        };
        let millis = |time: Duration| time.as_millis();
        let session = format!(
            "SET search_path = {schema}; SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; SET client_min_messages = 'error'",
            millis(options.statement_timeout),
            millis(options.lock_timeout),
            millis(options.statement_timeout),
        );
        let last = Mutex::new(files.read(&config)?);
        Ok(Self { config, files, session, last })
    }

    /// Connects; whoever calls drives the connection.
    pub(super) async fn raw(&self) -> Result<(Client, Raw), tokio_postgres::Error> {
        let (config, tls) = self.fresh();
        config.connect(tls).await
    }

    /// What a session is told first, once its connection is driven.
    pub(super) async fn introduce(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        client.batch_execute(&self.session).await
    }

    /// Connects, and drives the connection in a task of its own.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let (client, connection) = self.raw().await?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer is told.
            drop(connection.await);
        });
        self.introduce(&client).await?;
        Ok((client, driver))
    }

    fn fresh(&self) -> (Config, MakeRustlsConnect) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match self.files.read(&self.config) {
            Ok(read) => *last = read,
            Err(error) => tracing::warn!("what was read before is used again: {error}"),
        }
        last.clone()
    }
}

impl deadpool_postgres::Connect for Door {
    fn connect(&self, _: &Config) -> Connecting<'_> {
        Box::pin(Self::connect(self))
    }
}

pub(super) type Connecting<'a> = core::pin::Pin<
    Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + 'a>,
>;

impl Files {
    fn read(&self, config: &Config) -> Result<(Config, MakeRustlsConnect), PostgresOpenError> {
        let mut config = config.clone();
        if let Some(path) = &self.password {
            let text = read(path)?;
            config.password(text.trim_end_matches(['\r', '\n']));
        }
        Ok((config, MakeRustlsConnect::new(self.tls()?)))
    }

    fn tls(&self) -> Result<ClientConfig, PostgresOpenError> {
        let mut roots = RootCertStore::empty();
        match &self.authority {
            Some(path) => {
                let text = read(path)?;
                for one in CertificateDer::pem_slice_iter(text.as_bytes()) {
                    let one = one.map_err(|error| unfit(path, &error))?;
                    roots.add(one).map_err(|error| unfit(path, &error))?;
                }
                if roots.is_empty() {
                    return Err(unfit(path, &"there is no certificate in it"));
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| PostgresOpenError::Address(error.to_string()))?;
        let builder = builder.with_root_certificates(roots);
        let Some((chain, key)) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let certificates = CertificateDer::pem_slice_iter(read(chain)?.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unfit(chain, &error))?;
        let private =
            PrivateKeyDer::from_pem_slice(read(key)?.as_bytes()).map_err(|error| unfit(key, &error))?;
        builder.with_client_auth_cert(certificates, private).map_err(|error| unfit(chain, &error))
    }
}

fn read(path: &Path) -> Result<String, PostgresOpenError> {
    std::fs::read_to_string(path).map_err(|error| unfit(path, &error))
}

fn unfit(path: &Path, error: &dyn core::fmt::Display) -> PostgresOpenError {
    PostgresOpenError::File { path: path.to_owned(), what: error.to_string() }
}

/// Where the server is, as a URL says it.
struct Address {
    config: Config,
    authority: Option<PathBuf>,
}

impl Address {
    /// Reads a `postgresql://` URL. `sslmode` is taken more strictly than elsewhere: wherever there is TLS the server's
    /// certificate and name are checked, and nothing falls back to going without.
    fn read(url: &str) -> Result<Self, PostgresOpenError> {
        let wrong = |what: &str| PostgresOpenError::Address(what.to_owned());
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("it does not begin with `postgresql://`"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut authority, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value.to_owned()),
                Some(("sslrootcert", value)) => authority = Some(PathBuf::from(value.replace("%2F", "/"))),
                Some(_) | None => rest.push(pair),
            }
        }
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        // The parser's words name what is wrong, not what stands there: a password might.
        let parsed: Result<Config, _> = format!("{base}{query}").parse();
        let mut config = parsed.map_err(|error| PostgresOpenError::Address(error.to_string()))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong("it names no host"));
        }
        let near = config.get_hostaddrs().is_empty()
            && config.get_hosts().iter().all(|host| match host {
                Host::Unix(_) => true,
                Host::Tcp(name) => ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()),
            });
        config.ssl_mode(match mode.as_deref() {
            Some("disable") => SslMode::Disable,
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some("allow" | "prefer") => {
                return Err(wrong(
                    "`sslmode` may be `disable` or `verify-full`: what falls back is no protection",
                ));
            }
            Some(_) => return Err(wrong("`sslmode` is none that there is")),
            None if near => SslMode::Disable,
            None => SslMode::Require,
        });
        Ok(Self { config, authority })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> Result<SslMode, String> {
        Address::read(url).map(|address| address.config.get_ssl_mode()).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_goes_over_a_network_in_the_clear_unless_it_is_said() {
        assert_eq!(mode("postgresql://u@db.example.com/c"), Ok(SslMode::Require));
        assert_eq!(mode("postgresql://u@db.example.com/c?sslmode=verify-full"), Ok(SslMode::Require));
        assert_eq!(mode("postgresql://u@db.example.com/c?sslmode=disable"), Ok(SslMode::Disable));
        assert_eq!(mode("postgresql://u@localhost/c"), Ok(SslMode::Disable));
        assert_eq!(mode("postgresql://u@localhost,db.example.com/c"), Ok(SslMode::Require));
        assert_eq!(mode("postgresql:///c?host=/run/postgresql&user=u"), Ok(SslMode::Disable));
        for wrong in
            ["postgresql://u@h/c?sslmode=prefer", "postgresql://u@h/c?sslmode=off", "h/c", "postgresql:///c"]
        {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_authority_is_read_from_the_address_and_a_password_never_told() {
        let address = Address::read("postgresql://u:secret@h/c?sslrootcert=/etc/ca.pem").unwrap();
        assert_eq!(address.authority.as_deref(), Some(Path::new("/etc/ca.pem")));
        let error = mode("postgresql://u:secret@h:port/c").unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
