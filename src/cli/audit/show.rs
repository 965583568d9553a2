//! `countersign audit show`: one record as it is in the log.

use super::read;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::cli::policy::record::Source;
use serde_json::json;

/// Show one record of the log as it is, by its place
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Its place in the log, counted from 0
    #[arg(value_name = "INDEX")]
    index: u64,
    #[command(flatten)]
    source: Source,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the record cannot be read, or has no such place.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let look = args.source.look()?;
    let beyond = || Failed::plain(format!("the log has {} records, counted from 0", look.len()));
    let found = if args.index < look.len() { look.leaves(args.index).next() } else { None };
    let (index, leaf) = found.ok_or_else(beyond)?.map_err(Failed::plain)?;
    let record = read::record(index, &leaf)?;
    let document = || json!({ "index": index, "sentence": record.sentence(), "record": record });
    Output::new(args.json).print(document, |output| {
        let pretty = serde_json::to_value(&record)
            .map_or_else(|error| error.to_string(), |value| format!("{value:#}"));
        format!(
            "{} {}  {}\n{}",
            output.paint(Tone::Strong, format!("[{index}]")),
            visible(&record.sentence()),
            output.paint(Tone::Faint, record.at),
            visible(&pretty)
        )
    });
    Ok(Exit::Success)
}
