//! `countersign serve`: sidecar and desk in one process, until it is told to stop.

use super::configured::Configured;
use super::exit::{Exit, Failed};
use super::output::Output;
use crate::config::Config;
use crate::serve::{Running, start};
use crate::telemetry;
use serde_json::json;
use std::path::PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serve agents and reviewers from this machine, on an embedded store
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configured,
    /// Check configuration, policy, roster and keys, and exit
    #[arg(long)]
    check: bool,
    /// How long to go on answering after SIGTERM, not ready any more, until others have noticed
    #[arg(long, value_name = "SECONDS")]
    drain: Option<u64>,
    /// Log JSON lines
    #[arg(long)]
    log_json: bool,
    /// Print the addresses as one JSON document when ready
    #[arg(long)]
    json: bool,
    /// Whether it is only a desk.
    #[arg(skip)]
    desk: bool,
}

/// Runs `countersign desk`: the same service for sidecars and people only.
///
/// # Errors
/// As [`run`]; also where the configuration is one of another role.
pub(super) async fn desk(args: Args) -> Result<Exit, Failed> {
    run(Args { desk: true, ..args }).await
}

/// A desk serves sidecars, and no agents: whoever can reach it as an agent would be decided for where nobody looks.
fn is_a_desks(config: &Config) -> Result<(), Failed> {
    let usage = |what: &str, advice: &str| Err(Failed::new(Exit::Usage, what).advise(advice));
    match (config.listen.sidecars.is_somewhere(), config.listen.agents.is_somewhere()) {
        (true, false) => Ok(()),
        (false, _) => usage(
            "a desk serves sidecars, and `listen.sidecars` says nowhere",
            "give it a `tcp` address with `tls`, or use `countersign serve`",
        ),
        (true, true) => usage(
            "a desk serves no agents, and `listen.agents` says where",
            "take it out, or use `countersign serve`, which serves both",
        ),
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if it could not start, or could not stop in order.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let mut config = args.config.load()?;
    if args.desk {
        is_a_desks(&config)?;
    }
    config.drain_seconds = args.drain.or(config.drain_seconds).or(is_a_desk(&config).then_some(DRAIN));
    if args.check {
        let findings = crate::serve::check(&config).map_err(|error| Failed::new(Exit::Usage, error))?;
        output.print(
            || json!({ "findings": findings }),
            |_| match findings.as_slice() {
                [] => "all is well".to_owned(),
                findings => findings.join("\n"),
            },
        );
        return Ok(Exit::Success);
    }
    let format = if args.log_json { telemetry::Format::Json } else { telemetry::Format::Text };
    let telemetry = telemetry::start(format, crate::serve::tracing_of(&config).as_ref())
        .map_err(|error| Failed::new(Exit::Usage, error))?;
    // Asked for before anything slow, so that a stop is never missed.
    let mut signals = Signals::new().map_err(Failed::plain)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(Failed::plain)?;
    let Some(mut running) = start_unless(&mut signals, config).await? else {
        tracing::info!("told to stop before it had started");
        telemetry.stop().await;
        return Ok(Exit::Success);
    };
    announce(output, &running);
    let failed = loop {
        tokio::select! {
            () = signals.stop() => break None,
            _ = hang_up.recv() => {
                let outcome = running.reload().await;
                tracing::info!(?outcome, "the policy and the roster were looked at");
            }
            failed = running.failed() => break Some(failed),
        }
    };
    let stopped = tokio::select! {
        stopped = running.stop() => stopped,
        // Whatever was acknowledged is on the disk, so that nothing is lost that way either.
        () = signals.stop() => {
            return Err(Failed::plain("told to stop a second time, so it ended before it had stopped in order"));
        }
    };
    telemetry.stop().await;
    match failed {
        Some(failed) => Err(Failed::plain(failed)),
        None => stopped.map(|()| Exit::Success).map_err(Failed::plain),
    }
}

/// How long a desk drains if nothing is said: until all that choose where to go have heard that it is not ready.
const DRAIN: u64 = 5;

/// Whether sidecars have their desk here.
fn is_a_desk(config: &Config) -> bool {
    config.listen.sidecars.is_somewhere()
}

/// What the process is told by whoever looks after it.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits until it is told to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Starts the service, unless the process is told to stop before that has come to its end.
async fn start_unless(signals: &mut Signals, config: Config) -> Result<Option<Running>, Failed> {
    let runtime = tokio::runtime::Handle::current();
    // Recovery reads the disk for as long as it takes; on a thread that may wait, signals are heard meanwhile.
    let starting = tokio::task::spawn_blocking(move || runtime.block_on(start(&config)));
    tokio::select! {
        started = starting => started.map_err(Failed::plain)?.map(Some).map_err(Failed::plain),
        () = signals.stop() => Ok(None),
    }
}

fn announce(output: Output, running: &Running) {
    let at = running.addresses();
    let text = |address: &Option<std::net::SocketAddr>| address.map(|address| address.to_string());
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let document = || {
        json!({
            "agents": { "socket": path(&at.agent_socket), "tcp": text(&at.agent_tcp) },
            "reviewers": { "socket": path(&at.reviewer_socket), "tcp": text(&at.reviewer_tcp) },
            "metrics": text(&at.metrics),
            "console": at.console,
        })
    };
    output.print(document, |_| {
        let mut lines = vec!["ready".to_owned()];
        for (who, socket, tcp) in [
            ("agents", path(&at.agent_socket), text(&at.agent_tcp)),
            ("reviewers", path(&at.reviewer_socket), text(&at.reviewer_tcp)),
            ("metrics", None, text(&at.metrics)),
            ("console", None, at.console.as_ref().map(ToString::to_string)),
        ] {
            lines.extend(socket.map(|path| format!("  {who:<10} unix:{path}")));
            lines.extend(tcp.map(|address| format!("  {who:<10} {address}")));
        }
        lines.join("\n")
    });
}
