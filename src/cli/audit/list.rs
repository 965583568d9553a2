//! `countersign audit list`: decisions and what became of them, the latest first.

use super::read::{self, Page, Wanted};
use crate::audit::chain::Overview;
use crate::audit::event::Outcome;
use crate::audit::filter::Effect;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, thousandths, visible};
use crate::cli::policy::record::Source;
use crate::escalation::Status;
use serde_json::{Value, json};

/// List decisions and what became of them, the latest first
///
/// The record is read from its folder, beside a service that may be writing it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    source: Source,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// The page of what was recorded before this place
    #[arg(long, value_name = "INDEX")]
    before: Option<u64>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the record cannot be read.
#[expect(clippy::unused_async, reason = "a service is asked the same")]
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let page = Page { limit: usize::try_from(args.limit).unwrap_or(usize::MAX), before: args.before };
    let found = read::find(&args.source.look()?, &args.wanted.filter(), page)?;
    let (overviews, next) = (found.overviews, found.next);
    let document = || json!({ "decisions": overviews.iter().map(overview_json).collect::<Vec<_>>(), "next_before": next });
    Output::new(args.json).print(document, |output| words(output, &overviews, next));
    Ok(Exit::Success)
}

fn words(output: Output, overviews: &[Overview], next: Option<u64>) -> String {
    if overviews.is_empty() {
        return "nothing in the record is like that".to_owned();
    }
    let mut lines: Vec<String> = overviews.iter().map(|one| overview_words(output, one)).collect();
    if let Some(before) = next {
        lines.push(output.paint(Tone::Faint, format!("earlier ones: --before {before}")));
    }
    lines.join("\n")
}

/// Two lines: what was asked and decided; by whom, and what became of it.
fn overview_words(output: Output, one: &Overview) -> String {
    let effect = match (one.effect, one.status) {
        (Effect::Allow, _) => output.paint(Tone::Good, format!("{:<10}", "allowed")),
        (Effect::Deny, _) => output.paint(Tone::Bad, format!("{:<10}", "denied")),
        (Effect::Escalate, Some(status)) => {
            output.paint(status_tone(status), format!("{:<10}", status.as_str()))
        }
        (Effect::Escalate, None) => output.paint(Tone::Wait, format!("{:<10}", "escalated")),
    };
    let (action, resource) = match one.action.as_str() {
        "" => ("(unreadable)".to_owned(), String::new()),
        action => (visible(action), visible(&one.resource)),
    };
    let risk = format!("{} {}", one.level, thousandths(one.score.into()));
    let mut parts = vec![one.agent.to_string()];
    parts.extend(one.on_behalf_of.as_ref().map(|person| format!("for {person}")));
    parts.extend(one.rule.as_ref().map(|rule| format!("rule `{rule}`")));
    if !one.reviewers.is_empty() {
        let people: Vec<&str> = one.reviewers.iter().map(crate::party::PersonId::as_str).collect();
        parts.push(format!("seen by {}", people.join(", ")));
    }
    if one.minted.is_some() {
        parts.push("token minted".to_owned());
    }
    let mut rest = visible(&parts.join(" · "));
    if let Some(outcome) = one.outcome {
        rest.push_str(&format!(" · {}", output.paint(outcome_tone(outcome), outcome.as_str())));
    }
    if one.incidents > 0 {
        let incidents = crate::cli::policy::counted(one.incidents, "incident");
        rest.push_str(&format!(" · {}", output.paint(Tone::Bad, incidents)));
    }
    format!(
        "{} {effect} {risk:<14} {action} {resource}\n  {} {rest}",
        output.paint(Tone::Faint, one.at),
        output.paint(Tone::Faint, one.txn),
    )
}

pub(super) const fn status_tone(status: Status) -> Tone {
    match status {
        Status::Pending => Tone::Wait,
        Status::Approved | Status::Claimed => Tone::Good,
        Status::Denied | Status::Expired | Status::Cancelled | Status::Blocked | Status::Lapsed => Tone::Bad,
    }
}

const fn outcome_tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Succeeded => Tone::Good,
        Outcome::Failed | Outcome::Refused => Tone::Bad,
        Outcome::Unknown => Tone::Wait,
    }
}

pub(super) fn overview_json(one: &Overview) -> Value {
    json!({
        "index": one.index,
        "time": one.at.to_string(),
        "decision_id": one.txn.to_string(),
        "agent": one.agent,
        "on_behalf_of": one.on_behalf_of,
        "action": one.action,
        "resource": one.resource,
        "decision": one.effect,
        "level": one.level,
        "score": one.score,
        "rule": one.rule,
        "escalation_id": one.escalation.map(|id| id.to_string()),
        "status": one.status,
        "reviewers": one.reviewers,
        "minted_at_index": one.minted,
        "outcome": one.outcome,
        "incidents": one.incidents,
    })
}
