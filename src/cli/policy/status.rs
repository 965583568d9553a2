//! `countersign policy status` and `reload`: what a running service decides under, and why a changed file is not taken.

use crate::cli::connection::ReviewConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, relative, visible};
use crate::client::{PolicyStatus, ReloadOutcome};
use crate::moment::Moment;
use serde_json::{Value, json};

/// Show which policy a running service decides under, and whether a changed file waits or was refused
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Have a running service look at its policy and roster at once, and say what came of it
///
/// Ends with 0 if the files are in force, 123 if the change waits for people, and 1 if it is not taken. The service
/// looks by itself every second, too.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ReloadArgs {
    #[command(flatten)]
    connection: ReviewConnection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs `policy status`.
///
/// # Errors
/// [`Failed`] if there is no answer.
pub(in crate::cli) async fn run(args: Args) -> Result<Exit, Failed> {
    let status = args.connection.open_admin().await?.policy_status().await?;
    Output::new(args.json).print(|| document(&status), |output| words(output, &status));
    Ok(Exit::Success)
}

/// Runs `policy reload`.
///
/// # Errors
/// [`Failed`] if there is no answer.
pub(in crate::cli) async fn reload(args: ReloadArgs) -> Result<Exit, Failed> {
    let (outcome, status) = args.connection.open_admin().await?.reload_policy().await?;
    let whole = || json!({ "outcome": outcome.as_str(), "status": document(&status) });
    let (tone, told, exit) = match outcome {
        ReloadOutcome::Unchanged => (Tone::Good, "the files are what is in force", Exit::Success),
        ReloadOutcome::Taken => (Tone::Good, "the changed files are in force now", Exit::Success),
        ReloadOutcome::Waiting => (Tone::Wait, "the change waits for people to agree", Exit::Pending),
        ReloadOutcome::Refused => (Tone::Bad, "the changed files are not taken", Exit::Failure),
        ReloadOutcome::Unsettled => {
            (Tone::Bad, "the files are being written; they are looked at again in a second", Exit::Failure)
        }
    };
    Output::new(args.json)
        .print(whole, |output| format!("{}\n\n{}", output.paint(tone, told), words(output, &status)));
    Ok(exit)
}

fn words(output: Output, status: &PolicyStatus) -> String {
    let now = crate::cli::now();
    let when = |millis: u64| relative(Moment::from_unix_millis(millis), now);
    let file = |in_force: &str, file: &str| match file {
        "" => output.paint(Tone::Bad, "cannot be read"),
        same if same == in_force => "the same".to_owned(),
        other => output.paint(Tone::Wait, format!("{} (not in force)", visible(other))),
    };
    let mut lines = vec![
        format!(
            "{}  in force since {}",
            output.paint(Tone::Strong, visible(&status.name)),
            when(status.since)
        ),
        format!("  policy   {}", visible(&status.policy)),
        format!("    file   {}", file(&status.policy, &status.policy_file)),
        format!("  roster   {}", visible(&status.roster)),
        format!("    file   {}", file(&status.roster, &status.roster_file)),
    ];
    if status.needs_approval {
        lines.push("  changes  must be approved under the policy in force".to_owned());
    }
    for id in &status.waiting {
        lines.push(format!("  {}", output.paint(Tone::Wait, format!("waits for people: {}", visible(id)))));
    }
    if status.suspended > 0 {
        let told = match status.suspended {
            1 => "one suspension is in force".to_owned(),
            more => format!("{more} suspensions are in force"),
        };
        lines.push(format!("  {}", output.paint(Tone::Bad, told)));
    }
    if let Some((trouble, at)) = &status.trouble {
        lines.push(format!("\n{} {}", output.paint(Tone::Bad, "not taken"), when(*at)));
        lines.push(visible(trouble));
    }
    lines.join("\n")
}

fn document(status: &PolicyStatus) -> Value {
    let digest = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "name": status.name,
        "policy": status.policy,
        "roster": status.roster,
        "since": status.since,
        "policy_file": digest(&status.policy_file),
        "roster_file": digest(&status.roster_file),
        "needs_approval": status.needs_approval,
        "waiting": status.waiting,
        "trouble": status.trouble.as_ref().map(|(what, at)| json!({ "what": what, "at": at })),
        "suspended": status.suspended,
    })
}
