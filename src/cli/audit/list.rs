//! `countersign audit list`: decisions and what became of them, the latest first.

use super::read::{self, Found, Page, Wanted};
use crate::audit::chain::Overview;
use crate::audit::event::Outcome;
use crate::audit::filter::{Effect, Filter};
use crate::cli::connection::AuditConnection;
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, thousandths, visible};
use crate::cli::policy::record::Source;
use crate::client::{AuditClient, ClientError, DecisionFilter, DecisionOverview};
use crate::escalation::Status;
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, LogOrigin, PersonId, TxnId};
use crate::risk::Level;
use crate::risk::pattern::Glob;
use serde_json::{Value, json};

/// List decisions and what became of them, the latest first
///
/// The record is read from its folder, beside a service that may be writing it. With --desk a service is asked, which
/// has an index: that is fast however long the record is.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    connection: AuditConnection,
    /// How many at most; a service gives 500 at most
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
pub(super) async fn run(args: Args) -> Result<Exit, Failed> {
    let Found { overviews, next } = match args.connection.open().await? {
        Some(client) => ask(&client, &args.wanted.filter(), args.limit, args.before).await?,
        None => {
            let page = Page { limit: usize::try_from(args.limit).unwrap_or(usize::MAX), before: args.before };
            read::find(&args.source.look()?, &args.wanted.filter(), page)?
        }
    };
    let document = || json!({ "decisions": overviews.iter().map(overview_json).collect::<Vec<_>>(), "next_before": next });
    Output::new(args.json).print(document, |output| words(output, &overviews, next));
    Ok(Exit::Success)
}

/// Asks a service for as many as were asked for, however its pages are cut.
async fn ask(
    client: &AuditClient,
    filter: &Filter,
    limit: u32,
    before: Option<u64>,
) -> Result<Found, Failed> {
    let text =
        |pattern: &Option<Glob>| pattern.as_ref().map(|one| one.as_str().to_owned()).unwrap_or_default();
    let millis = |moment: Option<Moment>| moment.map_or(0, Moment::unix_millis);
    let wanted = DecisionFilter {
        agent: text(&filter.agent),
        action: text(&filter.action),
        decision: filter.effect.map(|effect| effect.to_string()).unwrap_or_default(),
        reviewer: filter.reviewer.as_ref().map(ToString::to_string).unwrap_or_default(),
        from: millis(filter.from),
        until: millis(filter.until),
    };
    let (mut overviews, mut page) = (Vec::new(), before.map(|before| before.to_string()));
    loop {
        let left = limit.saturating_sub(u32::try_from(overviews.len()).unwrap_or(u32::MAX));
        let found = client.decisions(wanted.clone(), left.min(500), page).await?;
        for one in found.decisions {
            overviews.push(from_wire(one).ok_or(ClientError::Unintelligible("a decision of another form"))?);
        }
        page = found.next;
        let full = overviews.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        if full || page.is_none() {
            let next = page.and_then(|page| page.parse().ok());
            return Ok(Found { overviews, next });
        }
    }
}

fn from_wire(one: DecisionOverview) -> Option<Overview> {
    let maybe = |text: String| (!text.is_empty()).then_some(text);
    let person = |text: &String| PersonId::new(text).ok();
    Some(Overview {
        index: one.index,
        at: Moment::from_unix_millis(one.at),
        txn: TxnId::parse(&one.decision)?,
        agent: AgentId::new(&one.agent).ok()?,
        on_behalf_of: maybe(one.on_behalf_of).as_ref().and_then(person),
        action: one.action,
        resource: one.resource,
        effect: Effect::parse(&one.effect)?,
        level: serde_json::from_value::<Level>(one.level.into()).ok()?,
        score: one.score.try_into().ok()?,
        rule: maybe(one.rule),
        escalation: EscalationId::parse(&one.escalation),
        status: maybe(one.status).and_then(|status| serde_json::from_value(status.into()).ok()),
        reviewers: one.reviewers.iter().map(person).collect::<Option<_>>()?,
        minted: one.minted,
        outcome: Outcome::parse(&one.outcome),
        incidents: one.incidents.try_into().ok()?,
        from: maybe(one.sidecar_log).map(|origin| LogOrigin::new(&origin)).transpose().ok()?,
    })
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
    parts.extend(one.from.as_ref().map(|origin| format!("from {origin}")));
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
        "sidecar_log": one.from,
    })
}
