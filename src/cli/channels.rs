//! `countersign channels`: how people are told, what could not be brought, and what waits too long.

use super::connection::ReviewConnection;
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, relative, visible};
use crate::client::{ChannelStanding, Channels, DeadNotice, LateEscalation};
use crate::moment::Moment;
use crate::serve::webhook_key;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What can be done about channels.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// How each channel does: what it took, what failed, what waits
    List {
        #[command(flatten)]
        connection: ReviewConnection,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Send a real test message, and say what came of it
    Test {
        #[command(flatten)]
        connection: ReviewConnection,
        /// The channel: slack, email, sms, push or webhook
        kind: String,
        /// Where to: ada@example.com, #agent-approvals, T01:U02, +15550100, or the name of a webhook
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// What nobody tries to bring any more; or try it again
    Dead {
        #[command(flatten)]
        connection: ReviewConnection,
        /// Try this notice again, or every one with `all`
        #[arg(long, value_name = "ID")]
        retry: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// What should have been decided by now, the latest of all first
    Late {
        #[command(flatten)]
        connection: ReviewConnection,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the public key that webhooks are signed with; it is made if there is none
    Keys {
        /// The configuration file; its `data` folder holds the key
        #[arg(
            long,
            short,
            env = "COUNTERSIGN_CONFIG",
            value_name = "FILE",
            default_value = "countersign.yaml"
        )]
        config: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Runs `channels`.
///
/// # Errors
/// [`Failed`] if there is no answer; a test message that was not taken is [`Exit::Failure`].
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    match command {
        Command::List { connection, json } => {
            let told = connection.open_admin().await?.channels().await?;
            Output::new(json).print(|| document(&told), |output| words(output, &told));
            Ok(Exit::Success)
        }
        Command::Test { connection, kind, to, json } => {
            let why = connection.open_admin().await?.test_channel(&format!("{kind}:{to}")).await?;
            let document = || json!({ "delivered": why.is_none(), "why": why });
            Output::new(json).print(document, |output| match &why {
                None => output.paint(Tone::Good, "the provider took it"),
                Some(why) => format!("{}: {}", output.paint(Tone::Bad, "not sent"), visible(why)),
            });
            Ok(if why.is_none() { Exit::Success } else { Exit::Failure })
        }
        Command::Dead { connection, retry, json } => {
            let client = connection.open_admin().await?;
            if let Some(which) = retry {
                let which = (which != "all").then_some(which.as_str());
                let count = client.retry_notices(which).await?;
                let document = || json!({ "retried": count });
                Output::new(json).print(document, |_| format!("{count} are tried again"));
                return Ok(Exit::Success);
            }
            let dead = client.channels().await?.dead;
            let document = || json!({ "dead": dead.iter().map(dead_document).collect::<Vec<_>>() });
            Output::new(json).print(document, |output| match dead.as_slice() {
                [] => "nothing was given up".to_owned(),
                dead => dead.iter().map(|one| dead_words(output, one)).collect::<Vec<_>>().join("\n"),
            });
            Ok(Exit::Success)
        }
        Command::Late { connection, json } => {
            let late = connection.open_admin().await?.late().await?;
            let document = || json!({ "late": late.iter().map(late_document).collect::<Vec<_>>() });
            Output::new(json).print(document, |output| match late.as_slice() {
                [] => "nothing is late".to_owned(),
                late => late.iter().map(|one| late_words(output, one)).collect::<Vec<_>>().join("\n"),
            });
            Ok(Exit::Success)
        }
        Command::Keys { config, json } => {
            let config = super::configured::load(&config)?;
            let key = webhook_key(&config).map_err(|error| Failed::plain(error.to_string()))?.public();
            Output::new(json).print(|| json!({ "webhook": key }), |_| key.clone());
            Ok(Exit::Success)
        }
    }
}

fn ago(millis: u64) -> String {
    relative(Moment::from_unix_millis(millis), super::now())
}

fn words(output: Output, told: &Channels) -> String {
    if told.channels.is_empty() {
        return "no channel is configured: people see what waits at the console and in `review list`"
            .to_owned();
    }
    let mut lines: Vec<String> = told.channels.iter().map(|one| channel_words(output, one)).collect();
    if told.held > 0 {
        lines.push(format!("{} notices are held back, for quiet hours or to be told together", told.held));
    }
    if !told.dead.is_empty() {
        let count = format!("{} were given up", told.dead.len());
        lines.push(format!("{}; countersign channels dead lists them", output.paint(Tone::Bad, count)));
    }
    lines.join("\n")
}

fn channel_words(output: Output, one: &ChannelStanding) -> String {
    let ChannelStanding { kind, delivered, failed, waiting, .. } = one;
    let kind = output.paint(Tone::Strong, visible(kind));
    let mut text = format!("{kind}  {delivered} delivered, {failed} tries failed, {waiting} waiting");
    if let Some(at) = one.last_success {
        text.push_str(&format!("\n  took one {}", ago(at)));
    }
    if let Some((at, why)) = &one.last_failure {
        text.push_str(&format!("\n  failed {}: {}", ago(*at), visible(why)));
    }
    for gone in &one.gone {
        let gone = format!("{} is gone, and told nothing until a restart", visible(gone));
        text.push_str(&format!("\n  {}", output.paint(Tone::Bad, gone)));
    }
    text
}

fn document(told: &Channels) -> Value {
    let channels: Vec<Value> = told
        .channels
        .iter()
        .map(|one| {
            json!({
                "kind": one.kind,
                "delivered": one.delivered,
                "failed": one.failed,
                "waiting": one.waiting,
                "last_success": one.last_success,
                "last_failure": one.last_failure.as_ref().map(|(at, _)| at),
                "why": one.last_failure.as_ref().map(|(_, why)| why),
                "gone": one.gone,
            })
        })
        .collect();
    json!({ "channels": channels, "held": told.held, "dead": told.dead.len() })
}

fn dead_words(output: Output, one: &DeadNotice) -> String {
    let about = if one.escalation.is_empty() { "" } else { " about " };
    format!(
        "{}  {}{about}{} to {}\n  by {} after {} tries, {}: {}",
        output.paint(Tone::Strong, visible(&one.notice)),
        visible(&one.topic),
        visible(&one.escalation),
        visible(&one.to),
        visible(&one.channel),
        one.attempts,
        ago(one.at),
        visible(&one.why),
    )
}

fn dead_document(one: &DeadNotice) -> Value {
    json!({
        "notice": one.notice,
        "topic": one.topic,
        "to": one.to,
        "channel": one.channel,
        "escalation": (!one.escalation.is_empty()).then_some(&one.escalation),
        "attempts": one.attempts,
        "at": one.at,
        "why": one.why,
    })
}

fn late_words(output: Output, one: &LateEscalation) -> String {
    let asked = if one.asked.is_empty() { "nobody".to_owned() } else { one.asked.join(", ") };
    format!(
        "{}  {}  {} wants {} on {}\n  due {}, over {}; asked: {}",
        output.paint(Tone::Strong, visible(&one.id)),
        output.paint(Tone::Wait, visible(&one.level)),
        visible(&one.agent),
        visible(&one.action),
        visible(&one.resource),
        ago(one.since),
        ago(one.decide_by),
        visible(&asked),
    )
}

fn late_document(one: &LateEscalation) -> Value {
    json!({
        "escalation": one.id,
        "agent": one.agent,
        "action": one.action,
        "resource": one.resource,
        "level": one.level,
        "late_since": one.since,
        "decide_by": one.decide_by,
        "asked": one.asked,
    })
}
