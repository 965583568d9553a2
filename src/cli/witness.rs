//! `countersign witness`: cosigns the checkpoints of other people's logs, and remembers what it has seen of each.

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::entropy::SystemEntropy;
use crate::telemetry;
use crate::tlog::{KeyName, SignatureKind, VerifierKey};
use crate::witness::book::Book;
use crate::witness::service;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Cosign the checkpoints of logs (C2SP tlog-witness), each only if it continues what was cosigned before
///
/// A log that is cosigned elsewhere can't be cut or put back to an earlier copy unseen. Run it on another machine than
/// the logs, under another account, and never restore its folder from a backup.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The witness's folder: its key, made at the first start, and what it has cosigned last of each log
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// The name of the witness, such as witness.example/w1; it is part of its key
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Where to answer; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7390")]
    listen: SocketAddr,
    /// A log's verifier key, as `keys log` prints it (may be repeated)
    #[arg(long = "log", value_name = "VKEY", required = true)]
    logs: Vec<String>,
    /// Log JSON lines
    #[arg(long)]
    log_json: bool,
    /// Print key and address as one JSON document when ready
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the folder or the address can't be used.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let format = if args.log_json { telemetry::Format::Json } else { telemetry::Format::Text };
    // Nothing is traced, so there is nothing to be sent at the end.
    drop(telemetry::start(format, None).map_err(Failed::plain)?);
    let output = Output::new(args.json);
    let usage = |what: String| Failed::new(Exit::Usage, what);
    let name = KeyName::new(&args.name).map_err(|error| usage(format!("`--name`: {error}")))?;
    let log = |line: &String| match VerifierKey::parse(line) {
        Ok(key) if key.kind() == SignatureKind::Ed25519 => Ok(key),
        Ok(_) => Err(usage(format!("`--log {line}`: this is a witness's key and no log's"))),
        Err(error) => Err(usage(format!("`--log {line}`: {error}"))),
    };
    let logs = args.logs.iter().map(log).collect::<Result<Vec<_>, _>>()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let book = Book::open(&args.data, name, logs, clock, &SystemEntropy).map_err(Failed::plain)?;
    let book = Arc::new(book);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failed::plain)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failed::plain)?;
    let listener = TcpListener::bind(args.listen).await;
    let listener =
        listener.map_err(|error| Failed::plain(format!("cannot listen on {}: {error}", args.listen)))?;
    let address = listener.local_addr().map_err(Failed::plain)?;
    let key = book.verifier_key().to_string();
    output.print(
        || json!({ "key": key, "url": format!("http://{address}") }),
        |_| format!("ready\n  key        {key}\n  listening  http://{address}"),
    );
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(service::serve(listener, book, stopping));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let _ = stop.send(true);
    serving.await.map_err(Failed::plain)?;
    Ok(Exit::Success)
}
