//! `countersign audit erase`: a value that is kept apart from the log goes, what proves it stays.

use crate::cli::connection::ReviewConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::Output;
use crate::digest::ValueDigest;
use crate::party::TxnId;
use serde_json::json;

/// Erase a value that is kept apart from the log, or all that are kept for a decision
///
/// The record stays as it is, and so does every proof: it only can't be told any more what the value was. It can't be
/// undone, and what is needed to carry out a decision that is still open is gone then, too.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    connection: ReviewConnection,
    /// A decision's id, or a value's digest as `audit show` prints it
    // One digest in 64 begins with a hyphen.
    #[arg(value_name = "DIGEST|TXN", value_parser = named, allow_hyphen_values = true)]
    what: String,
    /// Why, for the record
    #[arg(long)]
    why: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

fn named(text: &str) -> Result<String, String> {
    let known = TxnId::parse(text).is_some() || ValueDigest::parse(text).is_some();
    known.then(|| text.to_owned()).ok_or_else(|| "expected txn_…, or the digest of a value".to_owned())
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if there is no such value, or no answer.
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let client = args.connection.open_admin().await?;
    let values = client.erase(&args.what, &args.why).await?;
    let document = || json!({ "erased": values });
    Output::new(args.json).print(document, |_| match values.as_slice() {
        [one] => format!("erased {one}"),
        all => format!("erased {} values\n  {}", all.len(), all.join("\n  ")),
    });
    Ok(Exit::Success)
}
