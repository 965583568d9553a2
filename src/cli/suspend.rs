//! `countersign suspend`, `resume` and `suspensions`: stop agents at once, and let them go on.

use super::connection::ReviewConnection;
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, relative, visible};
use crate::client::{Scope, Suspended, Suspension};
use crate::moment::Moment;
use crate::policy::Span;
use serde_json::{Value, json};

/// Stop an agent, an action or everything, at once
///
/// When this has returned with 0, no token that it covers is minted any more, whatever was approved, and a restart does
/// not change that. Tokens that are out already live for an hour at most; they are put on the list of revocations, for
/// executors that ask for one.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["agent", "action", "everything"])))]
pub(super) struct SuspendArgs {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Which agents, as in agent:builder or agent:*; upper and lower case are the same
    #[arg(long, value_name = "PATTERN")]
    agent: Option<String>,
    /// Which actions, as in payment.*; together with --agent, only these of that agent
    #[arg(long, value_name = "PATTERN")]
    action: Option<String>,
    /// Every action of every agent
    #[arg(long, conflicts_with_all = ["agent", "action"])]
    everything: bool,
    /// Why, in one line
    #[arg(long, short = 'm')]
    reason: String,
    /// For how long, as in 30m or 2h; until it is lifted if nothing is said
    #[arg(long = "for", value_name = "SPAN", value_parser = Span::parse)]
    lasts: Option<Span>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Lift a suspension, so that what it stopped may go on
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["id", "all"])))]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    connection: ReviewConnection,
    /// The suspension's id
    id: Option<String>,
    /// Lift all that are in force
    #[arg(long)]
    all: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// List what is suspended, oldest first
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs `suspend`.
///
/// # Errors
/// [`Failed`]: it is not in force, or nobody can tell.
pub(super) async fn suspend(args: SuspendArgs) -> Result<Exit, Failed> {
    let scope = Scope { agent: named("--agent", args.agent)?, action: named("--action", args.action)? };
    let client = args.connection.open_admin().await?;
    let suspended = client.suspend(scope, &args.reason, args.lasts.map(|span| span.duration())).await?;
    let Suspended { suspension, revoked_tokens, revoked_all_tokens, not_revoked } = &suspended;
    let document = || {
        json!({
            "suspension": document(suspension),
            "revoked_tokens": revoked_tokens,
            "revoked_all_tokens": revoked_all_tokens,
            "not_revoked": (!not_revoked.is_empty()).then_some(not_revoked),
        })
    };
    Output::new(args.json).print(document, |output| {
        let tokens = match (not_revoked.as_str(), revoked_all_tokens, revoked_tokens) {
            ("", true, _) => "every token that was issued until now is on the list of revocations".to_owned(),
            ("", false, 0) => "no token that it covers is alive".to_owned(),
            ("", false, 1) => "one living token is on the list of revocations".to_owned(),
            ("", false, tokens) => format!("{tokens} living tokens are on the list of revocations"),
            (why, ..) => output.paint(
                Tone::Bad,
                format!(
                    "tokens that are out could not be revoked, and live for an hour at most: {}",
                    visible(why)
                ),
            ),
        };
        let id = visible(&suspension.id);
        format!("{}\n  {tokens}\n  countersign resume {id} lifts it", words(output, suspension))
    });
    Ok(Exit::Success)
}

/// Runs `resume`.
///
/// # Errors
/// [`Failed`] if there is no such suspension, or no answer.
pub(super) async fn resume(args: ResumeArgs) -> Result<Exit, Failed> {
    let client = args.connection.open_admin().await?;
    let lifted = match &args.id {
        Some(id) => client.resume(id).await?,
        None => client.resume_all().await?,
    };
    let document = || json!({ "lifted": lifted.iter().map(document).collect::<Vec<_>>() });
    Output::new(args.json).print(document, |_| match lifted.as_slice() {
        [] => "nothing was suspended".to_owned(),
        lifted => {
            let line = |one: &Suspension| format!("{} is lifted: {}", visible(&one.id), scope(&one.scope));
            lifted.iter().map(line).collect::<Vec<_>>().join("\n")
        }
    });
    Ok(Exit::Success)
}

/// Runs `suspensions`.
///
/// # Errors
/// [`Failed`] if there is no answer.
pub(super) async fn list(args: ListArgs) -> Result<Exit, Failed> {
    let suspensions = args.connection.open_admin().await?.suspensions().await?;
    let document = || json!({ "suspensions": suspensions.iter().map(document).collect::<Vec<_>>() });
    Output::new(args.json).print(document, |output| match suspensions.as_slice() {
        [] => "nothing is suspended".to_owned(),
        all => all.iter().map(|one| words(output, one)).collect::<Vec<_>>().join("\n"),
    });
    Ok(Exit::Success)
}

/// A pattern; what is given and empty is a mistake and not "any".
fn named(option: &str, pattern: Option<String>) -> Result<String, Failed> {
    match pattern.as_deref() {
        Some("") => Err(Failed::new(Exit::Usage, format!("`{option}` is empty"))
            .advise("--everything suspends every action of every agent")),
        Some(_) | None => Ok(pattern.unwrap_or_default()),
    }
}

fn scope(scope: &Scope) -> String {
    match (scope.agent.as_str(), scope.action.as_str()) {
        ("", "") => "everything".to_owned(),
        (agent, "") => format!("agent {}", visible(agent)),
        ("", action) => format!("action {}", visible(action)),
        (agent, action) => format!("action {} of agent {}", visible(action), visible(agent)),
    }
}

fn words(output: Output, one: &Suspension) -> String {
    let now = super::now();
    let until = one.until.map(|until| format!(" · ends {}", relative(Moment::from_unix_millis(until), now)));
    format!(
        "{}  {}\n  {}\n  by {} · {}{}",
        output.paint(Tone::Strong, visible(&one.id)),
        output.paint(Tone::Bad, format!("{} is suspended", scope(&one.scope))),
        visible(&one.reason),
        visible(&one.by),
        relative(Moment::from_unix_millis(one.at), now),
        until.unwrap_or_default(),
    )
}

fn document(one: &Suspension) -> Value {
    let pattern = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "id": one.id,
        "agent": pattern(&one.scope.agent),
        "action": pattern(&one.scope.action),
        "reason": one.reason,
        "by": one.by,
        "at": one.at,
        "until": one.until,
    })
}
