//! `countersign wait`: holds up whatever comes next until the sidecar's socket takes connections.

use super::exit::{Exit, Failed};
use core::time::Duration;
use std::path::PathBuf;
use tokio::net::UnixStream;

/// How often it looks.
const AGAIN: Duration = Duration::from_millis(100);

/// Wait until the sidecar's socket takes connections
///
/// The injector puts it into an ordinary sidecar container as its postStart handler: a kubelet starts the next container
/// only when it is done.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The socket
    #[arg(long, env = "COUNTERSIGN_SOCKET", value_name = "PATH")]
    socket: PathBuf,
    /// How long to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if nobody listened in time.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let listening = async {
        while UnixStream::connect(&args.socket).await.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(args.seconds), listening).await {
        Ok(()) => Ok(Exit::Success),
        Err(_) => Err(Failed::plain(format!(
            "`{}` took no connection for {} s",
            args.socket.display(),
            args.seconds
        ))),
    }
}
