//! `countersign policy`: what is in force, and the files that are to come into force: checked, tested, explained and
//! previewed before they do.

mod check;
mod explain;
pub(super) mod files;
mod junit;
mod preview;
pub(super) mod record;
mod status;
mod suite;

pub(super) use check::counted;

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::policy::Policy;

/// What can be done with a policy.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Check(check::Args),
    Test(suite::Args),
    Explain(Box<explain::Args>),
    Preview(preview::Args),
    /// Print the JSON Schema of a policy, with which editors complete and check one
    Schema,
    Status(status::Args),
    Reload(status::ReloadArgs),
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with what was wrong.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Test(args) => suite::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Preview(args) => preview::run(&args),
        Command::Schema => {
            let schema: serde_json::Value =
                serde_json::from_slice(&Policy::json_schema().to_canonical()).map_err(Failed::plain)?;
            Output::new(true).line(format_args!("{schema:#}"));
            Ok(Exit::Success)
        }
        Command::Status(args) => status::run(args).await,
        Command::Reload(args) => status::reload(args).await,
    }
}
