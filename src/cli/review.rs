//! `countersign review`: what waits for people, and their signed votes.

use super::authorize::{beside_the_factors, risk_words};
use super::connection::ReviewConnection;
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, relative, thousandths, visible};
use super::ssh::SigningKey;
use crate::client::{CastVote, Escalation, Filter, Order, ReviewClient, Status, Summary};
use crate::condition::Condition;
use crate::digest::PolicyDigest;
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::escalation::vote::{Choice, Conditions, Nonce, Reason, Statement};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::render::{Rendering, render};
use crate::party::{EscalationId, PersonId};
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// What a reviewer can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what waits, newest first
    List {
        #[command(flatten)]
        connection: ReviewConnection,
        /// Also what is over
        #[arg(long)]
        all: bool,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show one with everything that is needed to decide
    Show {
        #[command(flatten)]
        connection: ReviewConnection,
        /// The escalation's id
        id: String,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Approve one, with conditions if need be; the vote is signed with your SSH key
    Approve {
        #[command(flatten)]
        voting: Voting,
        /// A condition that must hold when it is executed, as in canary:max_percent=10 (may be repeated)
        #[arg(long = "condition", value_name = "CONDITION")]
        conditions: Vec<String>,
    },
    /// Deny one; the vote is signed with your SSH key
    Deny {
        #[command(flatten)]
        voting: Voting,
    },
}

/// Who votes, on what, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Voting {
    #[command(flatten)]
    connection: ReviewConnection,
    /// The escalation's id
    id: String,
    /// Your id in the roster
    #[arg(long = "as", env = "COUNTERSIGN_REVIEWER", value_name = "PERSON")]
    reviewer: String,
    /// Your private SSH key, or the public half of one that an agent or a security key holds
    #[arg(long, env = "COUNTERSIGN_SSH_KEY", value_name = "FILE")]
    key: PathBuf,
    /// Why
    #[arg(long, short = 'm')]
    reason: String,
    /// Vote without being asked to confirm (for when you have read `review show` before)
    #[arg(long)]
    yes: bool,
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
        Command::List { connection, all, limit, json } => {
            let statuses = if all { Status::ALL.to_vec() } else { Vec::new() };
            let filter = Filter { statuses, ..Filter::default() };
            let listed = connection.open().await?.list(filter, Order::Newest, limit, None).await?;
            let document = || {
                let lines: Vec<Value> = listed.escalations.iter().map(summary_json).collect();
                json!({ "escalations": lines, "next": listed.next })
            };
            Output::new(json)
                .print(document, |output| list_words(output, &listed.escalations, listed.next.is_some()));
            Ok(Exit::Success)
        }
        Command::Show { connection, id, json } => {
            let escalation = connection.open().await?.show(&id).await?;
            let rendering = rendering(&escalation)?;
            Output::new(json).print(
                || show_json(&escalation, &rendering),
                |output| show_words(output, &escalation, &rendering),
            );
            Ok(Exit::Success)
        }
        Command::Approve { voting, conditions } => {
            let conditions: Result<Vec<_>, _> =
                conditions.iter().map(|text| Condition::parse_short(text).map_err(|e| (text, e))).collect();
            let conditions = conditions
                .map_err(|(text, error)| Failed::new(Exit::Usage, format!("condition `{text}`: {error}")))?;
            let conditions = Conditions::new(&conditions).map_err(|error| Failed::new(Exit::Usage, error))?;
            vote(voting, Choice::Approve(conditions)).await
        }
        Command::Deny { voting } => vote(voting, Choice::Deny).await,
    }
}

async fn vote(voting: Voting, choice: Choice) -> Result<Exit, Failed> {
    let output = Output::new(voting.json);
    let reviewer = PersonId::new(&voting.reviewer)
        .map_err(|error| Failed::new(Exit::Usage, format!("`--as {}`: {error}", voting.reviewer)))?;
    let client = voting.connection.open().await?;
    let escalation = client.show(&voting.id).await?;
    let rendering = rendering(&escalation)?;
    if !voting.yes {
        confirm(output, &escalation, &rendering, &choice)?;
    }
    let key = SigningKey::load(&voting.key)?;
    let (status, approvals, reasons) =
        cast(&client, &escalation, reviewer, choice, &voting.reason, &key).await?;
    let document = || json!({ "status": status.as_str(), "approvals": approvals, "reasons": reasons });
    output.print(document, |output| {
        let tone = match status {
            Status::Approved | Status::Claimed => Tone::Good,
            Status::Pending => Tone::Wait,
            Status::Denied | Status::Expired | Status::Cancelled | Status::Blocked | Status::Lapsed => {
                Tone::Bad
            }
        };
        let mut text =
            format!("your vote is recorded; the escalation is {}", output.paint(tone, status.as_str()));
        for reason in &reasons {
            text.push_str(&format!("\n  {}", visible(reason)));
        }
        text
    });
    Ok(Exit::Success)
}

/// Makes a reviewer's statement on an escalation as this program sees it, signs it and casts it.
///
/// # Errors
/// [`Failed`] if the service's answer is not consistent, the key does not sign, or the vote does not count.
pub(super) async fn cast(
    client: &ReviewClient,
    escalation: &Escalation,
    reviewer: PersonId,
    choice: Choice,
    reason: &str,
    key: &SigningKey,
) -> Result<(Status, u32, Vec<String>), Failed> {
    let rendering = rendering(escalation)?;
    let bytes = statement(escalation, &rendering, choice, reason, reviewer)?.to_bytes();
    let signature = key.sign(&bytes)?;
    client.vote(&escalation.summary.id, bytes, signature).await.map_err(|error| {
        let failed = Failed::from(error);
        Failed { exit: if failed.exit == Exit::Usage { Exit::Denied } else { failed.exit }, ..failed }
    })
}

/// What the reviewer's own program makes of the operation: nothing that the service says about it is believed.
fn rendering(escalation: &Escalation) -> Result<Rendering, Failed> {
    let untrue = |what: &str| {
        let what = format!("the service's answer is not consistent: {what}");
        Failed::new(Exit::Undetermined, what).advise("do not vote; tell whoever runs the desk")
    };
    let operation = Operation::from_op_bytes(&escalation.op_bytes)
        .map_err(|error| untrue(&format!("the operation: {error}")))?;
    if operation.digest().to_string() != escalation.operation_digest {
        return Err(untrue("the operation has another digest"));
    }
    let payload = operation.payload_digest().map(|_| escalation.payload.as_slice());
    let rendering = render(&operation, payload).map_err(|error| untrue(&format!("the payload: {error}")))?;
    match rendering.digest.to_string() == escalation.rendering_digest {
        true => Ok(rendering),
        false => Err(untrue("the desk shows the operation otherwise than this program does")),
    }
}

fn statement(
    escalation: &Escalation,
    rendering: &Rendering,
    choice: Choice,
    reason: &str,
    reviewer: PersonId,
) -> Result<Statement, Failed> {
    let unclear = || Failed::new(Exit::Undetermined, "the service's answer has ids that cannot be read");
    let operation = Operation::from_op_bytes(&escalation.op_bytes).map_err(|_| unclear())?.digest();
    let nonce = SystemEntropy.bits128().map_err(Failed::plain)?;
    Ok(Statement {
        escalation: EscalationId::parse(&escalation.summary.id).ok_or_else(unclear)?,
        operation,
        shown: rendering.digest,
        policy: PolicyDigest::parse(&escalation.policy_digest).ok_or_else(unclear)?,
        choice,
        reason: Reason::new(reason).map_err(|error| Failed::new(Exit::Usage, error))?,
        reviewer,
        time: super::now(),
        nonce: Nonce::from_random(nonce),
    })
}

fn confirm(
    output: Output,
    escalation: &Escalation,
    rendering: &Rendering,
    choice: &Choice,
) -> Result<(), Failed> {
    if !std::io::stdin().is_terminal() || output.json() {
        return Err(
            Failed::new(Exit::Usage, "there is no terminal to confirm on").advise("read it, then add --yes")
        );
    }
    output.line(show_words(output, escalation, rendering));
    let conditions: Vec<String> = choice.conditions().iter().map(Condition::describe).collect();
    let with =
        if conditions.is_empty() { String::new() } else { format!(" if {}", conditions.join(" and ")) };
    drop(write!(std::io::stdout(), "\n{} this{with}? [y/N] ", choice.as_str()));
    drop(std::io::stdout().flush());
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Failed::plain)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failed::new(Exit::Pending, "you did not vote")),
    }
}

fn list_words(output: Output, lines: &[Summary], truncated: bool) -> String {
    if lines.is_empty() {
        return "nothing waits".to_owned();
    }
    let now = super::now();
    let mut text = String::new();
    for line in lines {
        let when = match line.status {
            Status::Pending => format!("decide {}", relative(Moment::from_unix_millis(line.decide_by), now)),
            Status::Approved
            | Status::Denied
            | Status::Expired
            | Status::Cancelled
            | Status::Blocked
            | Status::Claimed
            | Status::Lapsed => format!("opened {}", relative(Moment::from_unix_millis(line.opened_at), now)),
        };
        text.push_str(&format!(
            "{}  {} ({} {})\n  {} on {}\n  {} · needs {} · {} so far · {when}\n",
            output.paint(Tone::Strong, &line.id),
            paint_status(output, line.status),
            line.risk.level.as_str(),
            thousandths(line.risk.score),
            visible(&line.action),
            visible(&line.resource),
            visible(&line.agent),
            visible(&line.requirement),
            line.approvals,
        ));
    }
    text + if truncated { "… and more (--limit)" } else { "" }
}

fn paint_status(output: Output, status: Status) -> String {
    let tone = match status {
        Status::Pending => Tone::Wait,
        Status::Approved | Status::Claimed => Tone::Good,
        Status::Denied | Status::Expired | Status::Cancelled | Status::Blocked | Status::Lapsed => Tone::Bad,
    };
    output.paint(tone, status.as_str())
}

fn show_words(output: Output, escalation: &Escalation, rendering: &Rendering) -> String {
    let summary = &escalation.summary;
    let deadline = relative(Moment::from_unix_millis(summary.decide_by), super::now());
    let head = |text: &str| output.paint(Tone::Strong, text);
    let mut text = format!(
        "{} is {}; decide {deadline}\n\n{}\n{}\n",
        head(&summary.id),
        paint_status(output, summary.status),
        head("what would run, exactly"),
        rendering.text.trim_end(),
    );
    for hazard in &rendering.hazards {
        text.push_str(&format!("{} {hazard}\n", output.paint(Tone::Bad, "careful:")));
    }
    let mut facts = vec![("asked by", visible(&summary.agent)), ("run by", visible(&escalation.executor))];
    if !escalation.on_behalf_of.is_empty() {
        facts.push(("on behalf of", visible(&escalation.on_behalf_of)));
    }
    let context = &escalation.context;
    for (name, claim) in [
        ("reason", &context.reason),
        ("user asked", &context.user_request),
        ("reasoning", &context.reasoning),
        ("blast radius", &context.blast_radius),
        ("undo", &context.reversibility),
    ] {
        if !claim.is_empty() {
            facts.push((
                name,
                format!("{} {}", visible(claim), output.paint(Tone::Faint, "(the agent's claim)")),
            ));
        }
    }
    text.push('\n');
    for (name, value) in facts {
        text.push_str(&format!("{:<13} {value}\n", name));
    }
    text.push_str(&format!("\n{}\n", risk_words(output, &summary.risk)));
    let decided = if escalation.rule.is_empty() {
        "by level".to_owned()
    } else {
        format!("rule `{}`", visible(&escalation.rule))
    };
    text.push_str(&format!("\n{}  {decided}\n", head("why it was escalated")));
    for reason in beside_the_factors(&escalation.reasons, &summary.risk) {
        text.push_str(&format!("  {}\n", visible(reason)));
    }
    text.push_str(&format!("\n{}  {}\n", head("needs"), visible(&summary.requirement)));
    for way in &escalation.can_complete {
        text.push_str(&format!("  {}\n", visible(way)));
    }
    for condition in &escalation.conditions {
        text.push_str(&format!("  attached by policy: {}\n", visible(condition)));
    }
    if !escalation.conditions_allowed.is_empty() {
        let allowed = escalation.conditions_allowed.join(", ");
        text.push_str(&format!("  conditions that its executor enforces: {}\n", visible(&allowed)));
    }
    for vote in &escalation.votes {
        text.push_str(&format!("{}\n", vote_words(output, vote)));
    }
    if !escalation.recent_activity.is_empty() {
        text.push_str(&format!("\n{}\n", head("what this agent did lately")));
        for line in &escalation.recent_activity {
            text.push_str(&format!("  {}\n", visible(line)));
        }
    }
    text.trim_end().to_owned()
}

fn vote_words(output: Output, vote: &CastVote) -> String {
    let verdict =
        if vote.approve { output.paint(Tone::Good, "approved") } else { output.paint(Tone::Bad, "denied") };
    let when = relative(Moment::from_unix_millis(vote.at), super::now());
    let mut text = format!("  {} {verdict} {when}: {}", visible(&vote.reviewer), visible(&vote.reason));
    for condition in &vote.conditions {
        text.push_str(&format!("\n    if {}", visible(condition)));
    }
    text
}

fn summary_json(line: &Summary) -> Value {
    json!({
        "escalation_id": line.id,
        "status": line.status.as_str(),
        "agent": line.agent,
        "action": line.action,
        "resource": line.resource,
        "risk": { "score": line.risk.score, "level": line.risk.level.as_str() },
        "opened_at": line.opened_at,
        "decide_by": line.decide_by,
        "approvals": line.approvals,
        "requirement": line.requirement,
    })
}

fn show_json(escalation: &Escalation, rendering: &Rendering) -> Value {
    let vote = |vote: &CastVote| {
        json!({
            "reviewer": vote.reviewer,
            "approve": vote.approve,
            "reason": vote.reason,
            "conditions": vote.conditions,
            "at": vote.at,
            "assurance": vote.assurance,
        })
    };
    let context = &escalation.context;
    json!({
        "escalation": summary_json(&escalation.summary),
        "decision_id": escalation.decision,
        "executor": escalation.executor,
        "on_behalf_of": escalation.on_behalf_of,
        "claims": {
            "reason": context.reason,
            "user_request": context.user_request,
            "reasoning": context.reasoning,
            "blast_radius": context.blast_radius,
            "reversibility": context.reversibility,
            "alternatives": context.alternatives,
        },
        "rule": escalation.rule,
        "reasons": escalation.reasons,
        "policy_digest": escalation.policy_digest,
        "operation_digest": escalation.operation_digest,
        "operation": String::from_utf8_lossy(&escalation.op_bytes),
        "rendering": rendering.text,
        "hazards": rendering.hazards.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "votes": escalation.votes.iter().map(vote).collect::<Vec<_>>(),
        "can_complete": escalation.can_complete,
        "conditions": escalation.conditions,
        "conditions_allowed": escalation.conditions_allowed,
        "recent_activity": escalation.recent_activity,
    })
}
