//! `countersign reviewers`: the roster before it is used: checked, listed, and tried out on a simulated month; how its
//! people voted, counted from the record; and the passkeys that they enrol.

mod check;
mod invite;
mod list;
mod passkeys;
mod recount;
mod revoke;
mod simulate;

use super::exit::{Exit, Failed};

/// What can be done with a roster.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    Check(check::Args),
    Invite(invite::Args),
    List(list::Args),
    Passkeys(passkeys::Args),
    Simulate(simulate::Args),
    Recount(recount::Args),
    Revoke(revoke::Args),
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with what was wrong.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    match command {
        Command::Check(args) => check::run(&args),
        Command::Invite(args) => invite::run(args).await,
        Command::List(args) => list::run(&args),
        Command::Passkeys(args) => passkeys::run(args).await,
        Command::Simulate(args) => simulate::run(&args),
        Command::Recount(args) => recount::run(&args),
        Command::Revoke(args) => revoke::run(args).await,
    }
}
