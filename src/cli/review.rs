//! `countersign review`: what waits for people, and their signed votes.

mod list;
mod session;
mod show;
mod vote;

pub(super) use vote::cast;

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::condition::Condition;
use crate::escalation::vote::{Choice, Conditions};
use list::{Paging, Wanted};
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
            let escalation = desk.open().await?.show(&id).await?;
            let rendering = show::rendering(&escalation)?;
            Output::new(json).print(
                || show::show_json(&escalation, &rendering),
                |output| show::show_words(output, &escalation, &rendering),
            );
            Ok(Exit::Success)
        }
        Command::Approve { voting, conditions } => {
            let conditions: Result<Vec<_>, _> =
                conditions.iter().map(|text| Condition::parse_short(text).map_err(|e| (text, e))).collect();
            let conditions = conditions
                .map_err(|(text, error)| Failed::new(Exit::Usage, format!("condition `{text}`: {error}")))?;
            let conditions = Conditions::new(&conditions).map_err(|error| Failed::new(Exit::Usage, error))?;
            vote::vote(*voting, Choice::Approve(conditions)).await
        }
        Command::Deny { voting } => vote::vote(*voting, Choice::Deny).await,
    }
}
