//! `countersign sidecar`: answers one agent beside it, with its desk elsewhere, until it is told to stop.

use super::exit::{Exit, Failed};
use crate::config::{ConfigError, SidecarSaid};
use crate::party::TrustDomain;
use crate::serve::sidecar::Beside;
use crate::telemetry;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Serve one agent from beside it, with a desk elsewhere
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file that says what flags and variables do not
    #[arg(long, short, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The desk: https://HOST:PORT, several with commas between them
    #[arg(long, env = "COUNTERSIGN_DESK", value_name = "URL")]
    desk: Option<String>,
    /// The authority that certifies the desk's TLS: a PEM file; the variable may hold the PEM itself
    #[arg(long, env = "COUNTERSIGN_DESK_CA", value_name = "FILE", hide_env_values = true)]
    desk_ca: Option<String>,
    /// The trust domain
    #[arg(long, env = "COUNTERSIGN_TRUST_DOMAIN", value_name = "URI")]
    trust_domain: Option<String>,
    /// The public root keys: a file with a JWK set; the variable may hold the set itself
    #[arg(long, env = "COUNTERSIGN_ROOTS", value_name = "FILE", hide_env_values = true)]
    roots: Option<String>,
    /// Prove where it runs by the service account's token in this file
    #[arg(long, env = "COUNTERSIGN_SERVICE_ACCOUNT_TOKEN_FILE", value_name = "FILE")]
    service_account_token: Option<PathBuf>,
    /// Prove it by the join token in this file, once
    #[arg(long, env = "COUNTERSIGN_JOIN_FILE", value_name = "FILE")]
    join: Option<PathBuf>,
    /// Prove it by this client certificate
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// … and its private key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where everything is kept
    #[arg(long, env = "COUNTERSIGN_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The socket that the agent asks on
    #[arg(long, env = "COUNTERSIGN_SOCKET", value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The socket's mode, in octal
    #[arg(long, env = "COUNTERSIGN_SOCKET_MODE", value_name = "MODE")]
    socket_mode: Option<String>,
    /// Take only callers of this user id as the agent; more than once for several
    #[arg(long, env = "COUNTERSIGN_AGENT_UID", value_name = "UID", value_delimiter = ',')]
    agent_uid: Vec<u32>,
    /// Where probes and metrics are answered
    #[arg(long, env = "COUNTERSIGN_HEALTH", value_name = "ADDRESS")]
    health: Option<SocketAddr>,
    /// Say what is wrong with all that, and exit
    #[arg(long)]
    check: bool,
    /// Log JSON lines
    #[arg(long)]
    log_json: bool,
}

impl Args {
    fn said(self) -> Result<SidecarSaid, Failed> {
        let usage = |error: &dyn std::fmt::Display| Failed::new(Exit::Usage, error);
        let trust_domain = self.trust_domain.map(|text| TrustDomain::new(&text)).transpose();
        let said = SidecarSaid {
            desk: self.desk,
            desk_ca: self.desk_ca,
            trust_domain: trust_domain.map_err(|error| usage(&format!("`--trust-domain`: {error}")))?,
            roots: self.roots,
            service_account_token: self.service_account_token,
            join: self.join,
            certificate: self.certificate,
            key: self.key,
            data: self.data,
            socket: self.socket,
            socket_mode: self.socket_mode,
            agent_uid: self.agent_uid,
            health: self.health,
        };
        match self.config {
            None => Ok(said),
            Some(path) => {
                let file = SidecarSaid::in_file(&path).map_err(|error: ConfigError| usage(&error))?;
                Ok(said.over(file))
            }
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if it could not start, or could not stop in order.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let (check, log_json) = (args.check, args.log_json);
    let settled = args.said()?.settle();
    let config = settled
        .map_err(|error| Failed::new(Exit::Usage, error).advise("see `countersign sidecar --help`"))?;
    if check {
        println!("all is well");
        return Ok(Exit::Success);
    }
    let format = if log_json { telemetry::Format::Json } else { telemetry::Format::Text };
    let telemetry = telemetry::start(format, None).map_err(|error| Failed::new(Exit::Usage, error))?;
    // Asked for before anything slow, so that a stop is never missed.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failed::plain)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failed::plain)?;
    let mut told_to_stop = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    // It may wait long for a desk that certifies it; then it is told to stop before it has started.
    let started = tokio::select! {
        started = Beside::start(&config) => Some(started.map_err(Failed::plain)?),
        () = told_to_stop() => None,
    };
    let Some(mut running) = started else {
        telemetry.stop().await;
        return Ok(Exit::Success);
    };
    println!("ready");
    println!("  {:<10} unix:{}", "agents", config.socket.display());
    let failed = tokio::select! {
        () = told_to_stop() => None,
        failed = running.failed() => Some(failed),
    };
    let stopped = running.stop().await;
    telemetry.stop().await;
    match failed {
        Some(failed) => Err(Failed::plain(failed)),
        None => stopped.map(|()| Exit::Success).map_err(Failed::plain),
    }
}
