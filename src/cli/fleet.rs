//! `countersign fleet`: the sidecars that have their desk at a service: listed, invited, revoked.

use super::connection::ReviewConnection;
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, visible};
use crate::client::{SidecarOverview, SidecarRole};
use crate::moment::Moment;
use crate::policy::Span;
use serde_json::{Value, json};

/// What can be done with a fleet.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    List(ListArgs),
    Invite(InviteArgs),
    Revoke(RevokeArgs),
}

/// List the sidecars: for whom they speak, whether they are there, how far their logs are behind
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Make a join token, with which one sidecar enrols, once
///
/// Give it to that sidecar in a file of mode 0600 (--join), and to nobody else: whoever brings it first speaks for that
/// agent. The record has its SHA-256, and who made it.
#[derive(Debug, clap::Args)]
pub(super) struct InviteArgs {
    #[command(flatten)]
    connection: ReviewConnection,
    /// The agent that the sidecar speaks for
    #[arg(long)]
    agent: String,
    /// The person whom that agent acts for, who then can't review what it asks
    #[arg(long, value_name = "PERSON")]
    on_behalf_of: Option<String>,
    /// Somebody who runs the agent, and then can't review what it asks either; may be given more than once
    #[arg(long = "operator", value_name = "PERSON")]
    operators: Vec<String>,
    /// For how long it is good, as in 30m or 2h; an hour if nothing is said, a week at most
    #[arg(long = "for", value_name = "SPAN", value_parser = Span::parse)]
    lasts: Option<Span>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Revoke a sidecar: its keys sign nothing any more, and its desk does nothing for it
///
/// It does not come back by renewing, from the same pod, or with the same client certificate. To stop an agent wherever it
/// runs, use `countersign suspend`.
#[derive(Debug, clap::Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    connection: ReviewConnection,
    /// The sidecar's name, as `fleet list` shows it
    sidecar: String,
    /// Why, in one line
    #[arg(long, short = 'm')]
    reason: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with what was wrong.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    match command {
        Command::List(args) => list(args).await,
        Command::Invite(args) => invite(args).await,
        Command::Revoke(args) => revoke(args).await,
    }
}

async fn list(args: ListArgs) -> Result<Exit, Failed> {
    let sidecars = args.connection.open_admin().await?.sidecars().await?;
    let document = || json!({ "sidecars": sidecars.iter().map(document).collect::<Vec<_>>() });
    Output::new(args.json).print(document, |output| {
        if sidecars.is_empty() {
            return "no sidecar has enrolled".to_owned();
        }
        sidecars.iter().map(|one| words(output, one)).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Success)
}

async fn invite(args: InviteArgs) -> Result<Exit, Failed> {
    let InviteArgs { connection, agent, on_behalf_of, operators, lasts, json } = args;
    let role =
        SidecarRole { agent: agent.clone(), on_behalf_of: on_behalf_of.unwrap_or_default(), operators };
    let made = connection.open_admin().await?.invite_sidecar(role, lasts.map(|span| span.duration())).await?;
    let until = Moment::from_unix_millis(made.until);
    let document = || json!({ "agent": agent, "token": made.token, "until": made.until });
    Output::new(json).print(document, |output| {
        let token = output.paint(Tone::Strong, &made.token);
        format!("{token}\nfor one sidecar of {}, once, until {until}", visible(&agent))
    });
    Ok(Exit::Success)
}

async fn revoke(args: RevokeArgs) -> Result<Exit, Failed> {
    let RevokeArgs { connection, sidecar, reason, json } = args;
    let not_revoked = connection.open_admin().await?.revoke_sidecar(&sidecar, &reason).await?;
    let document = || json!({ "sidecar": sidecar, "keys_not_revoked": not_revoked });
    Output::new(json).print(document, |output| match &not_revoked {
        None => format!("{} is revoked", visible(&sidecar)),
        Some(why) => {
            let warning = format!("executors are not told of its keys: {}", visible(why));
            format!("{} is refused from now on; {}", visible(&sidecar), output.paint(Tone::Bad, warning))
        }
    });
    Ok(if not_revoked.is_none() { Exit::Success } else { Exit::Failure })
}

/// Two lines: who it is and how it stands; where it runs and how far it is.
fn words(output: Output, one: &SidecarOverview) -> String {
    let tone = match one.state.as_str() {
        "connected" => Tone::Good,
        "heard" => Tone::Wait,
        _ => Tone::Bad,
    };
    let moment = |millis: u64| Moment::from_unix_millis(millis).to_string();
    let mut parts = vec![visible(&one.proved), format!("version {}", visible(&one.version))];
    parts.extend(one.seen.map(|seen| format!("heard of at {}", moment(seen))));
    parts.push(match one.behind {
        Some(0) => format!("{} leaves", one.leaves),
        Some(behind) => format!("{} leaves, {behind} behind", one.leaves),
        None => format!("{} leaves", one.leaves),
    });
    parts.push(format!("certified until {}", moment(one.until)));
    if one.following > 1 {
        parts.push(output.paint(Tone::Bad, format!("{} follow with its keys", one.following)));
    }
    if one.diverged {
        parts.push(output.paint(Tone::Bad, "its log does not continue what it handed over"));
    }
    format!(
        "{} {} {}\n  {}",
        output.paint(tone, format!("{:<9}", one.state)),
        visible(&one.agent),
        output.paint(Tone::Faint, visible(&one.sidecar)),
        parts.join(" · ")
    )
}

fn document(one: &SidecarOverview) -> Value {
    json!({
        "sidecar": one.sidecar,
        "log": one.origin,
        "agent": one.agent,
        "proved": one.proved,
        "version": one.version,
        "state": one.state,
        "seen": one.seen,
        "enrolled_at": one.enrolled_at,
        "certified_until": one.until,
        "leaves": one.leaves,
        "behind": one.behind,
        "policy_digest": one.policy_digest,
        "following": one.following,
        "diverged": one.diverged,
    })
}
