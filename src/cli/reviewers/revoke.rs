//! `countersign reviewers revoke`: passkeys that somebody enrolled count no more, and their sessions end.

use crate::cli::connection::ReviewConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, visible};
use serde_json::json;

/// Revoke passkeys that a person enrolled at the console, and end all their sessions
///
/// For a device that was lost, or was never theirs. Votes that were made until then stay on record. Passkeys of the
/// roster are taken out of the roster. For operators; the record says who revoked.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Whose they are, by their id in the roster
    person: String,
    /// The credential's id as `reviewers passkeys` prints it; all that they enrolled if none is given
    #[arg(value_name = "CREDENTIAL")]
    credential: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no such person or passkey, or no answer.
pub(in crate::cli) async fn run(args: Args) -> Result<Exit, Failed> {
    let Args { connection, person, credential, json } = args;
    let revoked = connection.open_admin().await?.revoke_passkeys(&person, credential.as_deref()).await?;
    Output::new(json).print(
        || json!({ "person": person, "revoked": revoked }),
        |_| {
            let count = revoked.len();
            let passkeys = if count == 1 { "passkey" } else { "passkeys" };
            format!("{count} {passkeys} of {} revoked, and every session of theirs ended", visible(&person))
        },
    );
    Ok(Exit::Success)
}
