//! The options with which a command reaches a service.

use super::exit::{Exit, Failed};
use crate::client::{AdminClient, AgentClient, AuditClient, ClientError, Connect, ReviewClient, Target};
use core::time::Duration;
use std::path::PathBuf;

/// TLS, for https targets.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Tls {
    /// The authority that certified the server, PEM (https)
    #[arg(long, env = "COUNTERSIGN_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A client certificate to show, PEM (https)
    #[arg(long, env = "COUNTERSIGN_CERTIFICATE", value_name = "FILE", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// The client certificate's private key, PEM
    #[arg(long, env = "COUNTERSIGN_CERTIFICATE_KEY", value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
}

/// How to reach the agents' service.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct AgentConnection {
    /// Where the sidecar listens: unix:PATH, http://HOST:PORT or https://HOST:PORT
    #[arg(
        long,
        env = "COUNTERSIGN_TARGET",
        value_name = "TARGET",
        default_value = "unix:/run/countersign/agent.sock"
    )]
    target: String,
    /// A file with the bearer token to show (on TCP)
    #[arg(long, env = "COUNTERSIGN_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: Tls,
}

/// How to reach the reviewers' service, where operators are served too.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ReviewConnection {
    /// Where the desk listens for reviewers: unix:PATH, http://HOST:PORT or https://HOST:PORT
    #[arg(
        long,
        env = "COUNTERSIGN_DESK",
        value_name = "TARGET",
        default_value = "unix:/run/countersign/review.sock"
    )]
    desk: String,
    /// A file with the bearer token to show (on TCP)
    #[arg(long, env = "COUNTERSIGN_REVIEW_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: Tls,
}

impl AgentConnection {
    /// Connects.
    ///
    /// # Errors
    /// [`Exit::Undetermined`]: without the sidecar nothing can be judged.
    pub(super) async fn open(&self) -> Result<AgentClient, Failed> {
        let connect = connect(&self.target, self.token_file.as_ref(), &self.tls)?;
        AgentClient::connect(connect).await.map_err(|error| failed(&error, &self.target))
    }
}

impl ReviewConnection {
    /// Connects, with this session's token instead of the one in a file: it says who, where that says less.
    ///
    /// # Errors
    /// [`Exit::Failure`] or [`Exit::Undetermined`] with what to do.
    pub(super) async fn open_as(&self, session: Option<&str>) -> Result<ReviewClient, Failed> {
        let token_file = self.token_file.as_ref().filter(|_| session.is_none());
        let mut connect = connect(&self.desk, token_file, &self.tls)?;
        if let Some(session) = session {
            connect = connect.with_bearer(session).map_err(|error| Failed::new(Exit::Usage, error))?;
        }
        ReviewClient::connect(connect).await.map_err(|error| failed(&error, &self.desk))
    }

    /// The desk, from wherever it is named.
    pub(super) fn name(&self) -> String {
        match self.desk.strip_prefix("unix:") {
            Some(path) => match std::path::absolute(path) {
                Ok(path) => format!("unix:{}", path.display()),
                Err(_) => self.desk.clone(),
            },
            None => self.desk.clone(),
        }
    }

    /// Connects as an auditor.
    ///
    /// # Errors
    /// [`Exit::Failure`] or [`Exit::Undetermined`] with what to do.
    pub(super) async fn open_audit(&self) -> Result<AuditClient, Failed> {
        let connect = connect(&self.desk, self.token_file.as_ref(), &self.tls)?;
        AuditClient::connect(connect).await.map_err(|error| failed(&error, &self.desk))
    }

    /// Connects as an operator.
    ///
    /// # Errors
    /// [`Exit::Failure`] or [`Exit::Undetermined`] with what to do.
    pub(super) async fn open_admin(&self) -> Result<AdminClient, Failed> {
        let connect = connect(&self.desk, self.token_file.as_ref(), &self.tls)?;
        AdminClient::connect(connect).await.map_err(|error| failed(&error, &self.desk))
    }
}

/// A running service to ask, instead of reading the record's folder.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct AuditConnection {
    /// Ask the service that listens there instead of reading a folder: unix:PATH, http://HOST:PORT or https://HOST:PORT
    #[arg(long, value_name = "TARGET", conflicts_with = "data")]
    desk: Option<String>,
    /// A file with the bearer token to show (on TCP)
    #[arg(long, env = "COUNTERSIGN_AUDIT_TOKEN_FILE", value_name = "FILE", requires = "desk")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: Tls,
}

impl AuditConnection {
    /// Connects, if a service is to be asked.
    ///
    /// # Errors
    /// [`Exit::Failure`] or [`Exit::Undetermined`] with what to do.
    pub(super) async fn open(&self) -> Result<Option<AuditClient>, Failed> {
        let Some(desk) = &self.desk else { return Ok(None) };
        let connect = connect(desk, self.token_file.as_ref(), &self.tls)?;
        AuditClient::connect(connect).await.map(Some).map_err(|error| failed(&error, desk))
    }
}

fn connect(target: &str, token_file: Option<&PathBuf>, tls: &Tls) -> Result<Connect, Failed> {
    let target = Target::parse(target).map_err(|error| Failed::new(Exit::Usage, error))?;
    let read = |path: &PathBuf| {
        std::fs::read(path)
            .map_err(|error| Failed::new(Exit::Usage, format!("cannot read `{}`: {error}", path.display())))
    };
    let mut connect = Connect::to(target).within(Duration::from_secs(10));
    if let Some(authority) = &tls.ca {
        connect = connect.trusting(&read(authority)?);
    }
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.certificate_key) {
        connect = connect.presenting(&read(certificate)?, &read(key)?);
    }
    let Some(path) = token_file else { return Ok(connect) };
    let token = String::from_utf8(read(path)?)
        .map_err(|_| Failed::new(Exit::Usage, format!("`{}` is not UTF-8", path.display())))?;
    connect.with_bearer(token.trim()).map_err(|error| Failed::new(Exit::Usage, error))
}

fn failed(error: &ClientError, target: &str) -> Failed {
    let failed = Failed::new(Exit::Undetermined, error);
    match error {
        ClientError::Unreachable(_) => {
            failed.advise(format!("is `countersign serve` running, and listening on `{target}`?"))
        }
        ClientError::Target(_) => Failed::new(Exit::Usage, format!("`{target}`: {error}")),
        ClientError::Refused { .. } | ClientError::Unintelligible(_) => failed,
    }
}

/// What the service knows that can't be, it refuses: nothing about that is undetermined.
pub(super) fn refused(error: ClientError) -> Failed {
    let known = matches!(&error, ClientError::Refused { code, .. } if code == "FailedPrecondition");
    let failed = Failed::from(error);
    Failed { exit: if known { Exit::Denied } else { failed.exit }, ..failed }
}

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Refused { code, .. } => match code.as_str() {
                "InvalidArgument" | "AlreadyExists" => Self::new(Exit::Usage, error),
                "Unauthenticated" if error.to_string().contains("sign in") => {
                    Self::new(Exit::Denied, error).advise("countersign review sign-in --as PERSON --key FILE")
                }
                "PermissionDenied" | "Unauthenticated" => Self::new(Exit::Denied, error),
                _ => Self::new(Exit::Undetermined, error),
            },
            ClientError::Target(_) => Self::new(Exit::Usage, error),
            ClientError::Unreachable(_) | ClientError::Unintelligible(_) => {
                Self::new(Exit::Undetermined, error)
            }
        }
    }
}
