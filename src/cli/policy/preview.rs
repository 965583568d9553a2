//! `countersign policy preview`: what a changed policy would have done with what agents asked lately.

use super::check::counted;
use super::files;
use super::record::{self, Progress, Source};
use crate::audit::again::{self, Step};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output::{Output, Tone, visible};
use crate::decision::preview::{Change, Group, Load, Preview, Report, Said};
use crate::moment::Moment;
use crate::policy::{Policy, Span};
use crate::reviewer::Directory;
use core::time::Duration;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Preview a changed policy: which recorded decisions would become looser or stricter, and what it costs reviewers
///
/// The record is read beside the running service. Each decision is made once more under the policy that is in force
/// and under the changed one. Ends with 0 if nothing becomes looser, 3 if something does or asks for something else
/// that is not as strict, and 1 if it failed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    source: Source,
    /// The changed policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The changed roster; the one in force if nothing is said
    #[arg(long, value_name = "FILE")]
    roster: Option<PathBuf>,
    /// How far back, as in 24h or 7d
    #[arg(long, value_name = "SPAN", value_parser = Span::parse, default_value = "7d")]
    last: Span,
    /// At most so many decisions, the latest
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How many examples of each direction are shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    examples: usize,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] if a file or the record cannot be read, or nothing was ever decided.
pub(in crate::cli) fn run(args: &Args) -> Result<Exit, Failed> {
    let output = Output::new(args.json);
    let after = files::policy(&args.policy)?;
    let since = crate::cli::now().minus(args.last.duration());
    // What agents did longer before matters to no decision: windows are a day long at most.
    let farthest = since.minus(Duration::from_secs(2 * 24 * 60 * 60));
    let read = record::read(&args.source, farthest, None)?;
    let (_, text) =
        read.policy.ok_or_else(|| Failed::plain("the record has no policy: nothing was ever decided"))?;
    let before = Policy::parse(&text, "(in force)").map_err(files::wrong)?;
    let people = read.roster.as_deref().map(|text| Directory::parse(text, "(in force)"));
    let people = people.transpose().map_err(files::wrong)?;
    let changed = args.roster.as_deref().map(files::roster).transpose()?;
    let report = compare(args, &before, &after, since, &read.steps)
        .finish(people.as_ref(), changed.as_ref().or(people.as_ref()));
    let exit = if report.is_safe() { Exit::Success } else { Exit::Looser };
    let names = (Side::of(&before), Side::of(&after));
    output.print(|| document(&report, &names), |output| words(output, &report, &names));
    Ok(exit)
}

/// What is compared.
struct Side {
    name: String,
    digest: String,
}

impl Side {
    fn of(policy: &Policy) -> Self {
        Self { name: policy.name().to_owned(), digest: policy.digest().to_string() }
    }
}

fn compare<'p>(
    args: &Args,
    before: &'p Policy,
    after: &'p Policy,
    since: Moment,
    steps: &[Step],
) -> Preview<'p> {
    let decisions = steps.iter().filter(|step| matches!(step, Step::Decided(_))).count();
    let mut progress = Progress::new("deciding again", u64::try_from(decisions).unwrap_or(u64::MAX));
    let told = |number| progress.at(u64::try_from(number).unwrap_or(u64::MAX));
    let preview = again::preview(before, after, args.examples, steps, since, args.limit, told);
    progress.done();
    preview
}

fn words(output: Output, report: &Report, (before, after): &(Side, Side)) -> String {
    let span = report.span.map(|(first, last)| format!(", {first} to {last}")).unwrap_or_default();
    let compared = usize::try_from(report.compared).unwrap_or(usize::MAX);
    let mut lines = vec![
        format!("{}{span}", output.paint(Tone::Strong, counted(compared, "decision"))),
        format!("  in force  {} {}", visible(&before.name), before.digest),
        format!("  changed   {} {}", visible(&after.name), after.digest),
        String::new(),
    ];
    let groups = [
        ("looser", Tone::Bad, &report.looser),
        ("otherwise", Tone::Wait, &report.otherwise),
        ("stricter", Tone::Good, &report.stricter),
    ];
    for (name, tone, group) in groups {
        let count = format!("{name:<9} {:>7}", group.count);
        lines.push(if group.count == 0 { count } else { output.paint(tone, count) });
    }
    lines.push(format!("{:<9} {:>7}", "unchanged", report.unchanged));
    if report.recorded_otherwise > 0 {
        lines.push(format!(
            "  {} of them were recorded otherwise than the policy in force decides now",
            report.recorded_otherwise
        ));
    }
    for (name, _, group) in groups.into_iter().filter(|(.., group)| group.count > 0) {
        lines.push(String::new());
        lines.push(output.paint(Tone::Strong, name));
        lines.extend(group_words(output, group));
    }
    lines.push(String::new());
    lines.extend(reviews_words(output, report));
    lines.join("\n")
}

/// The most changes of one kind that are shown.
const KINDS: usize = 20;

fn group_words(output: Output, group: &Group) -> Vec<String> {
    let mut kinds: Vec<_> = group.kinds.iter().collect();
    kinds.sort_by(|(one, a), (other, b)| b.cmp(a).then(one.cmp(other)));
    let mut lines: Vec<String> = Vec::new();
    for ((before, after), count) in kinds.iter().take(KINDS) {
        lines.push(format!("  {count:>6}  {} → {}", visible(before), visible(after)));
    }
    if kinds.len() > KINDS {
        lines.push(format!("          … and {} other changes", kinds.len() - KINDS));
    }
    for change in group.examples.iter().rev() {
        lines.push(format!(
            "  {}",
            output.paint(
                Tone::Faint,
                format!(
                    "{} {} on {} by {}, {}",
                    change.txn,
                    visible(&change.action),
                    visible(&change.resource),
                    change.agent,
                    change.at
                )
            )
        ));
        lines.push(format!("      {} → {}", said_words(&change.before), said_words(&change.after)));
    }
    lines
}

fn said_words(said: &Said) -> String {
    let asked = said.requirement.as_ref().map(|asked| format!(" ({})", visible(asked))).unwrap_or_default();
    format!("{}{asked}", visible(&said.short()))
}

fn a_day(report: &Report, count: u64) -> String {
    let tenths = report.tenths_a_day(count);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn reviews_words(output: Output, report: &Report) -> Vec<String> {
    let reviews = &report.reviews;
    let mut lines = vec![
        output.paint(Tone::Strong, "reviews a day"),
        format!(
            "  operations  {} → {}",
            a_day(report, reviews.escalations_before),
            a_day(report, reviews.escalations_after)
        ),
        format!(
            "  approvals   {} → {}, {}",
            a_day(report, reviews.approvals_before),
            a_day(report, reviews.approvals_after),
            match reviews.approvals_after.checked_sub(reviews.approvals_before) {
                Some(0) => "the same".to_owned(),
                Some(more) => format!("{} more", a_day(report, more)),
                None => format!(
                    "{} fewer",
                    a_day(report, reviews.approvals_before.saturating_sub(reviews.approvals_after))
                ),
            }
        ),
    ];
    let moved = report.load.iter().filter(|load| load.before != load.after);
    for Load { person, before, after } in moved {
        lines.push(format!("  {person} could be asked {before} → {after} times"));
    }
    if report.unanswerable > 0 {
        let warning = format!("  nobody could approve {} of them", report.unanswerable);
        lines.push(output.paint(Tone::Bad, warning));
    }
    lines
}

fn document(report: &Report, (before, after): &(Side, Side)) -> Value {
    let side = |side: &Side| json!({ "name": side.name, "digest": side.digest });
    let reviews = &report.reviews;
    let load = report.load.iter().map(|Load { person, before, after }| {
        json!({ "person": person.as_str(), "before": before, "after": after })
    });
    json!({
        "safe": report.is_safe(),
        "in_force": side(before),
        "changed": side(after),
        "compared": report.compared,
        "from": report.span.map(|(first, _)| first.to_string()),
        "to": report.span.map(|(_, last)| last.to_string()),
        "unchanged": report.unchanged,
        "looser": group_json(&report.looser),
        "stricter": group_json(&report.stricter),
        "otherwise": group_json(&report.otherwise),
        "recorded_otherwise": report.recorded_otherwise,
        "reviews": {
            "operations": { "before": reviews.escalations_before, "after": reviews.escalations_after },
            "approvals": { "before": reviews.approvals_before, "after": reviews.approvals_after },
            "approvals_a_day": {
                "before": a_day(report, reviews.approvals_before),
                "after": a_day(report, reviews.approvals_after),
            },
            "unanswerable": report.unanswerable,
        },
        "load": load.collect::<Vec<_>>(),
    })
}

fn group_json(group: &Group) -> Value {
    let kinds = group
        .kinds
        .iter()
        .map(|((before, after), count)| json!({ "before": before, "after": after, "count": count }));
    json!({
        "count": group.count,
        "kinds": kinds.collect::<Vec<_>>(),
        "examples": group.examples.iter().map(change_json).collect::<Vec<_>>(),
    })
}

fn change_json(change: &Change) -> Value {
    let said = |said: &Said| {
        json!({
            "decision": said.effect,
            "rule": said.rule,
            "level": said.level.as_str(),
            "requirement": said.requirement,
        })
    };
    json!({
        "decision_id": change.txn.to_string(),
        "at": change.at.to_string(),
        "action": change.action,
        "resource": change.resource,
        "agent": change.agent.as_str(),
        "before": said(&change.before),
        "after": said(&change.after),
    })
}
