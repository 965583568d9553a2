//! `countersign audit receipts`: what executors signed, taken into the record.

use crate::cli::connection::ReviewConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::cli::receipt::ReceiptFile;
use crate::client::{AdminClient, OnRecord};
use serde_json::json;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The longest file that is read: a receipt and its certificates are shorter.
const MAX_FILE: u64 = 64 * 1024;

/// What can be done with receipts.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Take executors' receipts into the record; one that is there already is no harm
    Add {
        #[command(flatten)]
        connection: ReviewConnection,
        /// The files, as `exec --receipt-key` writes them
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no answer. Files that are refused are named, and the others taken.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    let Command::Add { connection, files, json } = command;
    let client = connection.open_admin().await?;
    let mut answers = Vec::new();
    for path in files {
        let answer = add(&client, &path).await;
        answers.push((path, answer));
    }
    let refused = answers.iter().any(|(_, answer)| answer.is_err());
    let document = || {
        let one = |(path, answer): &(PathBuf, Result<OnRecord, Failed>)| match answer {
            Ok(taken) => json!({
                "file": path,
                "decision_id": taken.decision,
                "executor": taken.executor,
                "outcome": taken.outcome,
                "index": taken.index,
                "known": taken.known,
            }),
            Err(failed) => json!({ "file": path, "refused": failed.what }),
        };
        json!({ "receipts": answers.iter().map(one).collect::<Vec<_>>() })
    };
    Output::new(json).print(document, |output| {
        let line = |(path, answer): &(PathBuf, Result<OnRecord, Failed>)| {
            let path = path.display();
            match answer {
                Ok(taken) => {
                    let how = if taken.known { "known" } else { "taken" };
                    let executor = visible(&taken.executor);
                    let how = output.paint(Tone::Good, how);
                    format!("{how}  {path}  {} by {executor}: {}", taken.decision, taken.outcome)
                }
                Err(failed) => format!("{}  {path}  {}", output.paint(Tone::Bad, "refused"), failed.what),
            }
        };
        answers.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(if refused { Exit::Failure } else { Exit::Success })
}

async fn add(client: &AdminClient, path: &Path) -> Result<OnRecord, Failed> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut text));
    read.map_err(|error| Failed::plain(format!("it cannot be read: {error}")))?;
    let file: ReceiptFile = serde_json::from_slice(&text)
        .map_err(|error| Failed::plain(format!("it is not a receipt with its certificates: {error}")))?;
    Ok(client.add_receipt(&file.receipt, &file.certificates).await?)
}
