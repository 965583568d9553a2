//! `countersign audit`: the record read, by anyone who may read its folder.

mod chain;
mod export;
mod follow;
mod list;
mod read;
mod show;

use super::exit::{Exit, Failed};

/// What can be done with the record.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(list::Args),
    Chain(chain::Args),
    Show(show::Args),
    Follow(follow::Args),
    Export(export::Args),
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with what was wrong.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    match command {
        Command::List(args) => list::run(args).await,
        Command::Chain(args) => chain::run(args).await,
        Command::Show(args) => show::run(&args),
        Command::Follow(args) => follow::run(args).await,
        Command::Export(args) => export::run(&args),
    }
}
