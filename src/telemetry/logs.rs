//! Logs: structured, on standard error, with ids but never tokens or payloads; and the spans that they are in.

use super::traces::{Tracing, TracingError};
use std::io::IsTerminal as _;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// What was started; what was not sent yet is sent when it is [stopped](Started::stop).
#[must_use = "spans that were not sent are lost unless this is stopped"]
#[derive(Debug, Default)]
pub struct Started {
    traces: Option<super::traces::Sending>,
}

impl Started {
    /// Sends what was not sent yet, for a few seconds at most.
    pub async fn stop(self) {
        let Some(traces) = self.traces else { return };
        // It waits for the collector.
        drop(tokio::task::spawn_blocking(move || traces.stop()).await);
    }
}

/// Starts logging, and sending traces where that is asked for; within a tokio runtime then. `COUNTERSIGN_LOG` sets the
/// filter of the log (as `info` or `countersign=debug`). A second call does nothing.
///
/// # Errors
/// [`TracingError`] if traces can't be sent to where they should be.
pub fn start(format: Format, tracing: Option<&Tracing>) -> Result<Started, TracingError> {
    let filter = EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        Format::Json => lines.json().boxed(),
        Format::Text => {
            let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            lines.with_ansi(wanted && std::io::stderr().is_terminal()).boxed()
        }
    };
    let lines = lines.with_filter(filter_fn(may_speak)).with_filter(filter);
    let (sending, spans) = tracing.map(Tracing::start).transpose()?.unzip();
    let started = tracing_subscriber::registry().with(spans).with(lines).try_init();
    // Whoever embeds the library and logs already keeps their own subscriber.
    drop(started);
    Ok(Started { traces: sending })
}

/// Other people's code may tell what happens to it, not what passes through it: below `info` it tells headers and
/// bytes, with the credentials that are in them.
fn may_speak(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || ours(metadata)
}

/// Whether it is this program's own code that speaks.
pub(super) fn ours(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == "countersign" || target.starts_with("countersign::")
}
