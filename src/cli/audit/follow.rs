//! `countersign audit follow`: records as they come.

use super::read;
use crate::cli::connection::ReviewConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use serde_json::json;

/// Tell each record as it comes, in one line
///
/// With --json each line is a document with the whole record. If the connection breaks, go on with --from and the place
/// after the last one that was told: nothing is told twice, and nothing is left out.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    connection: ReviewConnection,
    /// The first place to tell; only what comes from now on if nothing is said
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// End after so many
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Print one JSON document a line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] when the service stops, or the connection breaks.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let mut following = args.connection.open_audit().await?.follow(args.from.unwrap_or(u64::MAX)).await?;
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut next = args.from;
    while left > 0 {
        let Some(one) = following.next().await? else {
            let advice =
                next.map_or_else(|| "follow again".to_owned(), |next| format!("go on with --from {next}"));
            return Err(Failed::new(Exit::Undetermined, "the service stops").advise(advice));
        };
        let record = read::record(one.index, &one.leaf)?;
        match args.json {
            true => output.line(json!({ "index": one.index, "sentence": one.sentence, "record": record })),
            false => output.line(format!(
                "{} {} {}",
                output.paint(Tone::Faint, record.at),
                output.paint(Tone::Faint, format!("[{}]", one.index)),
                visible(&one.sentence)
            )),
        }
        next = Some(one.index + 1);
        left -= 1;
    }
    Ok(Exit::Success)
}
