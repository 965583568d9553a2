//! `countersign policy`: what is in force, and the files that are to come into force.

mod status;

use super::exit::{Exit, Failed};

/// What can be done with a policy.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Status(status::Args),
    Reload(status::ReloadArgs),
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with what was wrong.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    match command {
        Command::Status(args) => status::run(args).await,
        Command::Reload(args) => status::reload(args).await,
    }
}
