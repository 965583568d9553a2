//! `countersign drill`: proposals that ought to be denied, to measure how well people look.

use super::authorize::{Asking, read_parameters};
use super::connection::{ReviewConnection, refused};
use super::exit::{Exit, Failed};
use super::output::{Output, Tone, relative, visible};
use crate::client::{Drill, DrillResult};
use crate::moment::Moment;
use serde_json::{Value, json};

/// What an operator does with drills.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Put a proposal that ought to be denied before people, as if an agent had asked
    ///
    /// Nothing counts for the agent that it names, and no token is ever minted for it, whatever people say. They learn
    /// that it was a drill when it is over.
    Start(Box<Start>),
    /// List the drills, latest first, and what became of them
    List {
        #[command(flatten)]
        connection: ReviewConnection,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// A proposal that ought to be denied.
#[derive(Debug, clap::Args)]
pub(super) struct Start {
    #[command(flatten)]
    connection: ReviewConnection,
    /// The agent that it seems to come from
    #[arg(long)]
    agent: String,
    /// For whom that agent seems to act
    #[arg(long, value_name = "PERSON", default_value = "")]
    on_behalf_of: String,
    #[command(flatten)]
    asking: Asking,
    /// What is done, as a dotted name: db.rows.delete
    #[arg(long)]
    action: String,
    /// What it is done to: postgres://orders-prod/public.customers
    #[arg(long)]
    resource: String,
    /// The parameters, a JSON object; @FILE reads them from a file, - from standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    parameters: String,
    /// The executor that would act
    #[arg(long)]
    executor: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the policy would ask nobody, or there is no answer.
pub(super) async fn run(command: Command) -> Result<Exit, Failed> {
    match command {
        Command::Start(start) => {
            let Start { connection, agent, on_behalf_of, asking, json, .. } = *start;
            let parameters = read_parameters(&start.parameters)?;
            let ask = asking.ask(start.action, start.resource, Some(parameters), start.executor);
            let opened = connection.open_admin().await?.start_drill(&agent, &on_behalf_of, ask).await;
            let opened = opened.map_err(refused)?;
            let document = || {
                json!({
                    "escalation_id": opened.escalation,
                    "decide_by": opened.decide_by,
                    "requirement": opened.requirement,
                })
            };
            Output::new(json).print(document, |output| {
                let deadline = relative(Moment::from_unix_millis(opened.decide_by), super::now());
                let id = output.paint(Tone::Strong, visible(&opened.escalation));
                format!("drill {id}\n  asks {}, {deadline}", visible(&opened.requirement))
            });
        }
        Command::List { connection, limit, json } => {
            let drills = connection.open_admin().await?.drills(limit).await?;
            let document = || {
                let (caught, missed) =
                    (count(&drills, DrillResult::Caught), count(&drills, DrillResult::Missed));
                json!({
                    "drills": drills.iter().map(drill_json).collect::<Vec<_>>(),
                    "caught": caught,
                    "missed": missed,
                })
            };
            Output::new(json).print(document, |output| words(output, &drills));
        }
    }
    Ok(Exit::Success)
}

fn count(drills: &[Drill], result: DrillResult) -> usize {
    drills.iter().filter(|drill| drill.result == result).count()
}

fn drill_json(drill: &Drill) -> Value {
    json!({
        "escalation_id": drill.escalation,
        "result": drill.result.as_str(),
        "action": drill.action,
        "resource": drill.resource,
        "opened_at": drill.opened_at,
        "ended_at": drill.ended_at,
        "by": drill.by,
        "denied_by": drill.denied_by,
        "approved_by": drill.approved_by,
    })
}

fn words(output: Output, drills: &[Drill]) -> String {
    if drills.is_empty() {
        return "there was no drill yet: `countersign drill start` puts one before people".to_owned();
    }
    let mut lines: Vec<String> = drills.iter().map(|drill| line(output, drill)).collect();
    let (caught, missed) = (count(drills, DrillResult::Caught), count(drills, DrillResult::Missed));
    lines.push(format!("{caught} caught, {missed} missed of {}", drills.len()));
    lines.join("\n")
}

fn line(output: Output, drill: &Drill) -> String {
    let tone = match drill.result {
        DrillResult::Caught => Tone::Good,
        DrillResult::Missed => Tone::Bad,
        DrillResult::Open => Tone::Wait,
        DrillResult::Unanswered | DrillResult::Over => Tone::Faint,
    };
    let who = match (drill.denied_by.as_slice(), drill.approved_by.as_slice()) {
        ([], []) => String::new(),
        (denied, []) => format!(", denied by {}", denied.join(", ")),
        ([], approved) => format!(", approved by {}", approved.join(", ")),
        (denied, approved) => {
            format!(", denied by {}, approved by {}", denied.join(", "), approved.join(", "))
        }
    };
    let took =
        drill.ended_at.map(|ended| format!(" after {} s", ended.saturating_sub(drill.opened_at) / 1000));
    format!(
        "{}  {:<10} {} on {}{}{}",
        output.paint(Tone::Strong, visible(&drill.escalation)),
        output.paint(tone, drill.result.as_str()),
        visible(&drill.action),
        visible(&drill.resource),
        took.unwrap_or_default(),
        visible(&who),
    )
}
