//! `countersign review`: what waits for people, and their signed votes.

mod change;
mod list;
mod people;
mod session;
mod show;
mod vote;

pub(super) use vote::cast;

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::escalation::vote::Choice;
use change::Changing;
use list::{Paging, Wanted};
use people::{Away, Closing};
use session::{Desk, SignIn};
use vote::Voting;

/// What a reviewer can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Sign in with your SSH key, so that the desk knows who looks; the session lives for an hour
    SignIn(Box<SignIn>),
    /// End the session, here and at the desk
    SignOut {
        #[command(flatten)]
        desk: Desk,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say whom the desk takes you for
    Whoami {
        #[command(flatten)]
        desk: Desk,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// List what waits, newest first; equivalent requests stand together, and each is voted on by itself
    List {
        #[command(flatten)]
        desk: Desk,
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        paging: Paging,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Tell what waits, and then what is opened, voted on and ended, as it happens
    Watch {
        #[command(flatten)]
        desk: Desk,
        #[command(flatten)]
        wanted: Wanted,
        /// End with 0 once so many were told
        #[arg(long, value_name = "NUMBER")]
        count: Option<u32>,
        /// Print one JSON document a line; "news" is "waits", "changed", "missed" or "beat"
        #[arg(long)]
        json: bool,
    },
    /// Show one with everything that is needed to decide
    Show {
        #[command(flatten)]
        desk: Desk,
        /// The escalation's id
        id: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Approve one, with conditions if need be; the vote is signed with your SSH key
    Approve {
        #[command(flatten)]
        voting: Box<Voting>,
        /// A condition that must hold when it is executed, as in canary:max_percent=10 (may be repeated)
        #[arg(long = "condition", value_name = "CONDITION")]
        conditions: Vec<String>,
    },
    /// Deny one; the vote is signed with your SSH key
    Deny {
        #[command(flatten)]
        voting: Box<Voting>,
    },
    /// Approve one at once because it is an emergency, where the rule allows that; everyone named finds it in
    /// their queue, and one of them reviews it afterwards
    BreakGlass {
        #[command(flatten)]
        voting: Box<Voting>,
        /// A condition that must hold when it is executed, as in canary:max_percent=10 (may be repeated)
        #[arg(long = "condition", value_name = "CONDITION")]
        conditions: Vec<String>,
    },
    /// Take back what you said, as long as it is not decided; then you may vote again
    Withdraw {
        #[command(flatten)]
        voting: Box<Voting>,
    },
    /// Propose another operation instead; all votes are void, and the agent takes it or cancels
    Change(Box<Changing>),
    /// Say who can still decide one, and who of them was asked
    WhoCan {
        #[command(flatten)]
        desk: Desk,
        /// The escalation's id
        id: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Pass one that you were asked about on to somebody else who may decide it
    PassOn {
        #[command(flatten)]
        desk: Desk,
        /// The escalation's id
        id: String,
        /// To whom, by their id in the roster
        #[arg(long, value_name = "PERSON")]
        to: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say when you are away, and who stands in for you
    Away(Away),
    /// Say that you are back
    Back {
        #[command(flatten)]
        desk: Desk,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Say who of the roster is there, and who stands in for whom
    People {
        #[command(flatten)]
        desk: Desk,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Review an emergency approval afterwards, which closes it
    Close(Closing),
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with what was wrong.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    match command {
        Command::SignIn(args) => session::sign_in(*args).await,
        Command::SignOut { desk, json } => session::sign_out(desk, json).await,
        Command::Whoami { desk, json } => session::who_am_i(desk, json).await,
        Command::List { desk, wanted, paging, json } => list::list(desk, wanted, paging, json).await,
        Command::Watch { desk, wanted, count, json } => list::watch(desk, wanted, count, json).await,
        Command::Show { desk, id, json } => {
            let escalation = desk.open().await?.look_at(&id).await?;
            let rendering = show::rendering(&escalation)?;
            Output::new(json).print(
                || show::show_json(&escalation, &rendering),
                |output| show::show_words(output, &escalation, &rendering),
            );
            Ok(Exit::Success)
        }
        Command::Approve { voting, conditions } => {
            let conditions = change::conditions_of(&conditions)?;
            vote::vote(*voting, Choice::Approve(conditions)).await
        }
        Command::Deny { voting } => vote::vote(*voting, Choice::Deny).await,
        Command::BreakGlass { voting, conditions } => {
            let conditions = change::conditions_of(&conditions)?;
            vote::vote(*voting, Choice::BreakGlass(conditions)).await
        }
        Command::Withdraw { voting } => vote::vote(*voting, Choice::Withdraw).await,
        Command::Change(changing) => change::change(*changing).await,
        Command::WhoCan { desk, id, json } => people::who_can(desk, id, json).await,
        Command::PassOn { desk, id, to, json } => people::pass_on(desk, id, to, json).await,
        Command::Away(args) => people::away(args).await,
        Command::Back { desk, json } => people::back(desk, json).await,
        Command::People { desk, json } => people::people(desk, json).await,
        Command::Close(closing) => people::close(closing).await,
    }
}
