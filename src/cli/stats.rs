//! `countersign stats`: what the record says about how well deciding works, on the terminal or as JSON.

mod advice;
mod plot;
mod tables;

use super::exit::{Exit, Failed};
use super::now;
use super::output::{Output, visible};
use super::policy::files;
use super::policy::record::{Progress, Source};
use super::when::When;
use crate::audit::advice::{Given, Minimums, advise, previewed};
use crate::audit::analytics::{Every, Report, Settings, Statistics};
use crate::audit::event::Event;
use crate::policy::Policy;
use crate::risk::calendar::Calendar;
use plot::Plot;
use serde_json::json;

/// Say what the record says: how often people are asked, what they say and how soon, and what could be otherwise
///
/// The record is read beside the running service, or without one. Operations that were decided within the time that is
/// asked for count with whatever became of them later. docs/analytics.md explains every number.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Operations since then: a day (2026-11-01), a moment (2026-11-01T08:00:00Z), or so far back (7d)
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    since: Option<When>,
    /// Operations before then
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    until: Option<When>,
    /// One table, whole
    #[arg(long, value_enum)]
    by: Option<By>,
    /// The time zone of hours and days: Europe/Berlin or +05:30
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// Points of a week instead of a day
    #[arg(long)]
    weekly: bool,
    /// Say what could be done otherwise, and what that would have changed
    #[arg(long)]
    advice: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What is told apart in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Reviewer,
    Action,
    Agent,
    Level,
    Hour,
    Day,
    Rule,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if the record cannot be read, or the time zone is none.
pub(super) fn run(args: &Args) -> Result<Exit, Failed> {
    let (output, now) = (Output::new(args.json), now());
    let zone = Calendar::zone(&args.zone).ok_or_else(|| {
        Failed::new(Exit::Usage, format!("there is no time zone `{}`", visible(&args.zone)))
    })?;
    let mut clock = Calendar::default();
    clock.set_zone(zone);
    let settings = Settings {
        since: args.since.map(When::moment),
        until: args.until.map(When::moment),
        clock,
        zone: args.zone.as_str().into(),
        every: if args.weekly { Every::Week } else { Every::Day },
        ..Settings::default()
    };
    let (statistics, policy) = read(args, settings)?;
    let report = statistics.report(now);
    let advice = match args.advice {
        true => Some(advised(args, &statistics, &report, policy.as_deref())?),
        false => None,
    };
    let document = || {
        let mut document = json!(report);
        if let (Some(all), Some(object)) = (&advice, document.as_object_mut()) {
            object.insert("advice".to_owned(), json!(all));
        }
        document
    };
    output.print(document, |output| {
        let plot = Plot::new();
        let mut lines = tables::words(output, plot, &report, args.by);
        if let Some(all) = &advice {
            lines.push(String::new());
            lines.extend(advice::words(output, all));
        }
        lines.join("\n")
    });
    Ok(Exit::Success)
}

/// Reads the whole record once: what it says, and the policy that was last in force.
fn read(args: &Args, settings: Settings) -> Result<(Statistics, Option<String>), Failed> {
    let look = args.source.look()?;
    let mut statistics = Statistics::new(settings);
    let mut policy = None;
    let mut progress = Progress::new("reading the record", look.len());
    for found in look.from(0) {
        let (index, record) = found.map_err(Failed::plain)?;
        progress.at(index);
        statistics.take(index, &record);
        if let Event::PolicyLoaded { text, .. } = record.event {
            policy = Some(text);
        }
    }
    progress.done();
    Ok((statistics, policy))
}

fn advised(
    args: &Args,
    statistics: &Statistics,
    report: &Report,
    policy: Option<&str>,
) -> Result<Vec<Given>, Failed> {
    let policy = policy.map(|text| Policy::parse(text, "(in force)")).transpose().map_err(files::wrong)?;
    let all = advise(statistics, report, policy.as_ref(), &Minimums::default());
    Ok(match policy.filter(|_| all.iter().any(|one| one.change.is_some())) {
        Some(policy) => {
            let steps = advice::steps(&args.source)?;
            previewed(all, statistics.ledger(), &policy, &steps)
        }
        None => all.into_iter().map(|advice| Given { advice, preview: None }).collect(),
    })
}
