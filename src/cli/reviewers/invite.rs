//! `countersign reviewers invite`: a one-time link with which a person of the roster enrols a passkey.

use crate::cli::connection::ReviewConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::moment::Moment;
use serde_json::json;

/// Make a one-time link with which a person of the roster enrols a passkey at the console
///
/// Give it to that person over a way on which you know that it is they, and to nobody else: whoever opens it first can
/// enrol a passkey as them. For operators; the record says who invited.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Who is invited, by their id in the roster
    person: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no such person, no console, or no answer.
pub(in crate::cli) async fn run(args: Args) -> Result<Exit, Failed> {
    let Args { connection, person, json } = args;
    let invited = connection.open_admin().await?.invite(&person).await?;
    let until = Moment::from_unix_millis(invited.until);
    let document = || json!({ "person": person, "link": invited.link, "until": invited.until });
    Output::new(json).print(document, |output| {
        let link = output.paint(Tone::Strong, &invited.link);
        format!("{link}\nfor {} only, once, until {until}", visible(&person))
    });
    Ok(Exit::Success)
}
