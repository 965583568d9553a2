//! `countersign reviewers`: the roster before it is used: checked, listed, and tried out on a simulated month; and how
//! its people voted, counted from the record.

mod check;
mod list;
mod recount;
mod simulate;

use super::exit::{Exit, Failed};

/// What can be done with a roster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Check(check::Args),
    List(list::Args),
    Simulate(simulate::Args),
    Recount(recount::Args),
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
        Command::Recount(args) => recount::run(args),
    }
}
