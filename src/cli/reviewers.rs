//! `countersign reviewers`: the roster before it is used: checked, listed, and tried out on a simulated month.

mod check;
mod list;
mod simulate;

use super::exit::{Exit, Failed};

/// What can be done with a roster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Check(check::Args),
    List(list::Args),
    Simulate(simulate::Args),
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with what was wrong.
pub(super) fn run(command: &Command) -> Result<Exit, Failed> {
    match command {
        Command::Check(args) => check::run(args),
        Command::List(args) => list::run(args),
        Command::Simulate(args) => simulate::run(args),
    }
}
