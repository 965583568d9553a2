//! `countersign incident`: tell the record what went wrong because of an operation.

use super::connection::ReviewConnection;
use super::exit::{Exit, Failed};
use super::output::{Output, Tone};
use crate::client::{ClientError, IncidentSeverity};
use serde_json::json;

/// What an operator does with incidents.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Report that something went wrong because of an operation, so that scores are compared with what came of them
    Report {
        #[command(flatten)]
        connection: ReviewConnection,
        /// The decision that let it happen: txn_…
        decision: String,
        /// How bad it was
        #[arg(long, value_enum)]
        severity: Severity,
        /// What happened, in words
        #[arg(long)]
        what: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// How bad an incident was.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Severity {
    /// Noticed, and harmless
    Minor,
    /// Somebody had to mend something
    Major,
    /// Customers, data or money were harmed
    Critical,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no such decision, or there is no answer.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    let Command::Report { connection, decision, severity, what, json } = command;
    let severity = match severity {
        Severity::Minor => IncidentSeverity::Minor,
        Severity::Major => IncidentSeverity::Major,
        Severity::Critical => IncidentSeverity::Critical,
    };
    let client = connection.open_admin().await?;
    let index = client.report_incident(&decision, severity, &what).await.map_err(|error| match &error {
        // Nothing about that is undetermined.
        ClientError::Refused { code, .. } if code == "NotFound" => Failed::plain(error),
        ClientError::Refused { .. }
        | ClientError::Unintelligible(_)
        | ClientError::Target(_)
        | ClientError::Unreachable(_) => Failed::from(error),
    })?;
    let document = || json!({ "decision_id": decision, "index": index });
    Output::new(json).print(document, |output| {
        output.paint(Tone::Good, format!("reported: record {index} says what came of {decision}"))
    });
    Ok(Exit::Success)
}
