//! Logs: structured, on standard error, with ids but never tokens or payloads.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Starts logging; `COUNTERSIGN_LOG` sets the filter (as `info` or `countersign=debug`). A second call does nothing.
pub fn start(format: Format) {
    let filter = EnvFilter::try_from_env("COUNTERSIGN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        Format::Json => lines.json().try_init(),
        Format::Text => {
            let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            lines.with_ansi(wanted && std::io::stderr().is_terminal()).try_init()
        }
    };
    // Whoever embeds the library and logs already keeps their own subscriber.
    drop(started);
}
