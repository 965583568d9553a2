//! `countersign reviewers simulate`: what a roster makes of a month of a policy's escalations.

use crate::cli::exit::{Exit, Failed};
use crate::cli::now;
use crate::cli::output::{Output, Tone, span, visible};
use crate::cli::policy::files;
use crate::moment::Moment;
use crate::policy::{Outcome, Policy};
use crate::reviewer::simulation::{Habits, Kind, Plan, Report, simulate};
use crate::risk::Level;
use core::time::Duration;
use serde_json::json;
use std::path::PathBuf;

/// Simulate a month of escalations: how the load is spread, how soon people decide, how much expires
///
/// Every rule of the policy that escalates makes up an equal part of them. People answer while they are at work,
/// sometimes late and sometimes never; agents, times and answers are drawn from the seed, so that the same command says
/// the same all day long.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The roster; - reads standard input
    roster: PathBuf,
    /// The policy whose escalations are simulated
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// How many escalations are opened
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    escalations: u32,
    /// Over how many days
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// By how many agents
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    agents: u32,
    /// What percentage of what they are asked people overlook
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=100))]
    overlooked: u32,
    /// Where chance begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

const A_DAY: u64 = 24 * 60 * 60;

/// Runs the command.
///
/// # Errors
/// [`Failed`] if a file cannot be read or is not what it should be, or nothing is ever escalated.
pub(in crate::cli) fn run(args: &Args) -> Result<Exit, Failed> {
    let directory = files::roster(&args.roster)?;
    let mix = kinds(&files::policy(&args.policy)?);
    if mix.is_empty() {
        return Err(Failed::plain("the policy never asks anybody"));
    }
    // Whole days, so that it says the same all day long.
    let today = Moment::from_unix_seconds(now().unix_seconds() / A_DAY * A_DAY);
    let plan = Plan {
        seed: args.seed,
        from: today,
        lasts: Duration::from_secs(A_DAY) * args.days,
        escalations: args.escalations,
        agents: args.agents,
        mix,
        people: Habits { overlooks: args.overlooked * 10, ..Habits::default() },
    };
    let report = simulate(&directory, &plan);
    Output::new(args.json).print(|| json!(report), |output| words(output, &report));
    Ok(Exit::Success)
}

/// What each rule and each level asks for, where it asks people.
fn kinds(policy: &Policy) -> Vec<Kind> {
    let rules = policy.rules().iter().map(|rule| {
        let first =
            |globs: &[crate::risk::pattern::Glob]| globs.first().map_or("*", |glob| glob.as_str()).to_owned();
        (first(&rule.matches.situation.action), first(&rule.matches.situation.resource), &rule.outcome)
    });
    let levels = [Level::Low, Level::Medium, Level::High];
    let levels =
        levels.into_iter().map(|level| (level.to_string(), "*".to_owned(), policy.outcome_of(level)));
    let kind = |(action, resource, outcome): (String, String, &Outcome)| match outcome {
        Outcome::Escalate(terms) => {
            Some(Kind { weight: 1, action: action.into(), resource: resource.into(), terms: terms.clone() })
        }
        Outcome::Allow { .. } | Outcome::Deny => None,
    };
    rules.chain(levels).filter_map(kind).collect()
}

fn words(output: Output, report: &Report) -> String {
    let share = |part: usize| {
        let thousandths = (part * 1000).checked_div(report.escalations).unwrap_or_default();
        format!("{}.{} %", thousandths / 10, thousandths % 10)
    };
    let time = |seconds: u64| span(Duration::from_secs(seconds));
    let mut lines = vec![
        format!(
            "{} escalations: {} approved, {} denied, {} expired, {} that nobody could approve",
            report.escalations,
            share(report.approved),
            share(report.denied),
            output.paint(if report.expired == 0 { Tone::Good } else { Tone::Wait }, share(report.expired)),
            share(report.blocked),
        ),
        format!(
            "decided within {} (half of them), {} (nineteen of twenty); {} went to a later stage early",
            time(report.median_seconds),
            time(report.p95_seconds),
            share(report.widened),
        ),
        format!(
            "asked {} to {} times each, {} in the middle; unevenness 0.{:03}; {} times outside working hours",
            report.asked_least, report.asked_most, report.asked_median, report.unevenness, report.off_hours
        ),
    ];
    for part in &report.people {
        lines.push(format!(
            "  {:<20} asked {:>4}, voted {:>4}, busiest day {:>3} of {}",
            visible(part.person.as_str()),
            part.asked,
            part.votes,
            part.busiest_day,
            part.daily_cap
        ));
    }
    lines.join("\n")
}
