//! `countersign audit`: the record read, by anyone who may read its folder.

mod chain;
mod check_proof;
mod erase;
mod export;
mod folder;
mod follow;
mod list;
mod prove;
mod read;
mod receipts;
mod show;
mod tiles;
mod trust;
mod verify;

use super::exit::{Exit, Failed};

/// What can be done with the record.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(list::Args),
    Chain(chain::Args),
    Show(show::Args),
    Follow(follow::Args),
    Export(export::Args),
    Erase(erase::Args),
    Verify(verify::Args),
    Prove(prove::Args),
    CheckProof(check_proof::Args),
    /// Take what executors signed into the record
    #[command(subcommand)]
    Receipts(receipts::Command),
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
        Command::Erase(args) => erase::run(args).await,
        Command::Export(args) => export::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Prove(args) => prove::run(&args),
        Command::CheckProof(args) => check_proof::run(&args),
        Command::Receipts(command) => receipts::run(command).await,
    }
}
