//! The tables of `stats`: overall, by whatever was asked for, people, stages, drills, drift.

use super::By;
use super::plot::Plot;
use crate::audit::analytics::interval::Rate;
use crate::audit::analytics::spread::Spread;
use crate::audit::analytics::{DriftReport, Named, Report, ReviewerReport, RuleReport, Share, Verdict};
use crate::audit::event::SaturationMeasure;
use crate::cli::output::{Output, Tone, visible};
use core::time::Duration;

/// How many rows of a table are shown where it was not asked for by itself.
const ROWS: usize = 8;
/// How many points of a series fit beside its name.
const POINTS: usize = 56;
/// How wide names are.
const NAME: usize = 26;

pub(super) fn words(output: Output, plot: Plot, report: &Report, by: Option<By>) -> Vec<String> {
    let mut lines = overall(output, plot, report);
    let heading = |text: &str| output.paint(Tone::Strong, text);
    if report.overall.operations == 0 && report.drills.opened == 0 {
        return lines;
    }
    let rows = |all: &[Named], most: usize| -> Vec<String> {
        let rest = all.len().saturating_sub(most);
        let more =
            (rest > 0).then(|| output.paint(Tone::Faint, format!("  and {rest} more: --by shows all")));
        all.iter().take(most).map(|one| row(&one.name, &one.share)).chain(more).collect()
    };
    let table = |name: &str, all: &[Named], most: usize| {
        let mut table = vec![String::new(), heading(&header(name))];
        table.extend(rows(all, most));
        table
    };
    let seen = |all: &[Named]| -> Vec<Named> {
        all.iter().filter(|one| one.share.operations > 0).cloned().collect()
    };
    match by {
        Some(By::Action) => lines.extend(table("action", &report.actions, usize::MAX)),
        Some(By::Agent) => lines.extend(table("agent", &report.agents, usize::MAX)),
        Some(By::Level) => lines.extend(table("level", &report.levels, usize::MAX)),
        Some(By::Hour) => lines.extend(table(&format!("hour ({})", report.zone), &report.hours, usize::MAX)),
        Some(By::Day) => {
            lines.extend([String::new(), heading(&header("day"))]);
            lines.extend(report.days.iter().map(|day| row(&day.day, &day.share)));
        }
        Some(By::Reviewer) => lines.extend(people(output, &report.reviewers, usize::MAX)),
        Some(By::Rule) => lines.extend(rules(output, &report.rules, usize::MAX)),
        None => {
            lines.extend(table("level", &seen(&report.levels), ROWS));
            lines.extend(table("action", &report.actions, ROWS));
            lines.extend(people(output, &report.reviewers, ROWS));
            lines.extend(rules(output, &report.rules, ROWS));
            lines.extend(besides(output, report));
            lines.extend(drift(output, plot, &report.drift));
        }
    }
    lines
}

fn overall(output: Output, plot: Plot, report: &Report) -> Vec<String> {
    let share = &report.overall;
    let span = match (report.from, report.to) {
        (Some(from), Some(to)) => format!(", {from} to {to}"),
        _ => String::new(),
    };
    let mut lines =
        vec![format!("{}{span}", output.paint(Tone::Strong, counted(share.operations, "operation")))];
    if share.operations == 0 {
        return lines;
    }
    let rate = |name: &str, rate: Rate, tone: Tone| {
        let text = format!(
            "  {name:<11}{:>7} of {:<8}{:>7}  {:<15} {}",
            rate.part,
            rate.of,
            percent(rate),
            between(rate),
            plot.bar(rate.value(), 20)
        );
        if rate.part > 0 { output.paint(tone, text) } else { text }
    };
    lines.push(rate("escalated", share.escalated, Tone::Strong));
    if share.escalated.part > 0 {
        lines.push(rate("approved", share.approved, Tone::Good));
        lines.push(rate("denied", share.denied, Tone::Bad));
        lines.push(rate("expired", share.expired, Tone::Wait));
        for (name, one) in
            [("withdrawn", share.withdrawn), ("changed", share.changed), ("blocked", share.blocked)]
        {
            if one.part > 0 {
                lines.push(rate(name, one, Tone::Faint));
            }
        }
        lines.push(spread("review", &share.review));
        lines.push(spread("approval", &share.approval));
    }
    let latest = report.days.len().saturating_sub(POINTS);
    let days: Vec<_> = report.days.iter().skip(latest).collect();
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        let asked: Vec<u64> = days.iter().map(|day| day.share.operations).collect();
        let escalated: Vec<u64> = days.iter().map(|day| day.share.escalated.part).collect();
        lines.push(format!("  {:<11}{}", "operations", plot.line(&asked)));
        lines.push(format!("  {:<11}{}", "escalated", plot.line(&escalated)));
        if days.len() > 1 {
            lines.push(output.paint(Tone::Faint, format!("  {:<11}{} to {}", "", first.day, last.day)));
        }
        let hours: Vec<u64> = report.hours.iter().map(|hour| hour.share.operations).collect();
        lines.push(format!("  {:<11}{}", "by hour", plot.line(&hours)));
        let scale = "0     6     12    18    ";
        lines.push(output.paint(Tone::Faint, format!("  {:<11}{scale}{}", "", visible(&report.zone))));
    }
    lines
}

fn spread(name: &str, spread: &Spread) -> String {
    let Some(median) = spread.median() else { return format!("  {name:<11}    nobody yet") };
    let between = spread.median_between().map(|(low, high)| format!(" ({} to {})", time(low), time(high)));
    let p95 = spread.p95().map(|p95| format!(", p95 {}", time(p95)));
    format!(
        "  {name:<11}{:>7}{}{}, n {}",
        time(median),
        between.unwrap_or_default(),
        p95.unwrap_or_default(),
        spread.count()
    )
}

fn header(name: &str) -> String {
    format!(
        "{:<NAME$} {:>7} {:>6} {:>6} {:>6} {:>6} {:>8} {:>8}",
        name, "number", "asked", "yes", "no", "late", "median", "p95"
    )
}

fn row(name: &str, share: &Share) -> String {
    let length = |length: Option<Duration>| length.map(time).unwrap_or_else(|| "-".to_owned());
    format!(
        "{:<NAME$} {:>7} {:>6} {:>6} {:>6} {:>6} {:>8} {:>8}",
        cut(name, NAME),
        share.operations,
        percent(share.escalated),
        percent(share.approved),
        percent(share.denied),
        percent(share.expired),
        length(share.approval.median()),
        length(share.approval.p95()),
    )
}

fn people(output: Output, all: &[ReviewerReport], most: usize) -> Vec<String> {
    if all.is_empty() {
        return Vec::new();
    }
    let head = format!(
        "{:<NAME$} {:>7} {:>6} {:>6} {:>6} {:>8} {:>8} {:>6}",
        "reviewer", "asked", "voted", "yes", "poor", "median", "p95", "most"
    );
    let mut lines = vec![String::new(), output.paint(Tone::Strong, head)];
    let mut order: Vec<&ReviewerReport> = all.iter().collect();
    order.sort_by_key(|one| core::cmp::Reverse(one.asked));
    let length = |length: Option<Duration>| length.map(time).unwrap_or_else(|| "-".to_owned());
    for one in order.into_iter().take(most) {
        let cap = one.daily_cap.map(|cap| format!("/{cap}")).unwrap_or_default();
        lines.push(format!(
            "{:<NAME$} {:>7} {:>6} {:>6} {:>6} {:>8} {:>8} {:>6}",
            cut(one.person.as_str(), NAME),
            one.asked,
            one.approving.of,
            percent(one.approving),
            one.flags.values().sum::<u64>(),
            length(one.review.median()),
            length(one.review.p95()),
            format!("{}{cap}", one.busiest_day),
        ));
        if one.drills_missed + one.drills_caught > 0 {
            let text =
                format!("  drills: denied {}, would have approved {}", one.drills_caught, one.drills_missed);
            lines.push(output.paint(if one.drills_missed > 0 { Tone::Wait } else { Tone::Faint }, text));
        }
    }
    lines
}

fn rules(output: Output, all: &[RuleReport], most: usize) -> Vec<String> {
    if all.is_empty() {
        return Vec::new();
    }
    let head = format!(
        "{:<NAME$} {:>7} {:>6} {:>6} {:>6} {:>6}  {}",
        "rule", "asked", "yes", "no", "late", "none", "stages reached"
    );
    let mut lines = vec![String::new(), output.paint(Tone::Strong, head)];
    let mut order: Vec<&RuleReport> = all.iter().collect();
    order.sort_by_key(|one| core::cmp::Reverse(one.endings.opened));
    for one in order.into_iter().take(most) {
        let endings = &one.endings;
        let stages = one.stages.iter().skip(1).map(|stage| percent(stage.reached));
        lines.push(
            format!(
                "{:<NAME$} {:>7} {:>6} {:>6} {:>6} {:>6}  {}",
                cut(&one.cause, NAME),
                endings.opened,
                percent(endings.rate(endings.approved)),
                percent(endings.rate(endings.denied)),
                percent(one.expired),
                percent(one.blocked),
                stages.collect::<Vec<_>>().join(", "),
            )
            .trim_end()
            .to_owned(),
        );
    }
    lines
}

fn besides(output: Output, report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let drills = &report.drills;
    if drills.opened > 0 {
        let text = format!(
            "drills        {} opened, {} caught, {} let through, {} unanswered",
            drills.opened, drills.caught, drills.missed, drills.unanswered
        );
        lines.push(if drills.missed > 0 { output.paint(Tone::Bad, text) } else { text });
    }
    let emergencies = &report.emergencies;
    if emergencies.approved > 0 {
        let text = format!(
            "emergencies   {} approved, {} found right, {} found wrong, {} to be reviewed",
            emergencies.approved, emergencies.justified, emergencies.unjustified, emergencies.waiting
        );
        let overdue = match emergencies.overdue {
            0 => String::new(),
            overdue => format!(", {overdue} of them too late"),
        };
        let bad = emergencies.unjustified + emergencies.overdue > 0;
        lines.push(if bad { output.paint(Tone::Bad, format!("{text}{overdue}")) } else { text });
    }
    for told in report.saturation.iter().rev().take(4) {
        let one = &told.saturated;
        let figure = match one.measure {
            SaturationMeasure::Share => format!("{}.{} % went to people", one.figure / 10, one.figure % 10),
            SaturationMeasure::TimeToApprove => {
                format!("half took longer than {} to approve", time(Duration::from_secs(one.figure)))
            }
        };
        let (tone, word) = if one.above { (Tone::Wait, "saturated") } else { (Tone::Faint, "recovered") };
        lines.push(output.paint(tone, format!("{word:<13} {}  {figure}, of {}", told.at, one.cases)));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

fn drift(output: Output, plot: Plot, drift: &DriftReport) -> Vec<String> {
    let reported = drift.minor + drift.major + drift.critical + drift.unknown + drift.not_minted;
    if reported == 0 {
        return Vec::new();
    }
    let mut lines = vec![String::new(), output.paint(Tone::Strong, "scores beside incidents")];
    lines.push(format!("  incidents came of {} of {} operations that ran", drift.incidents, drift.ran));
    if !drift.enough {
        lines.push("  too few to say what the scores are worth".to_owned());
    }
    if let (Some(found), true) = (drift.discrimination, drift.enough) {
        lines.push(format!(
            "  where an incident came of it the score is higher {:.0} times of 100 ({:.0} to {:.0})",
            found.value * 100.0,
            found.interval.low * 100.0,
            found.interval.high * 100.0
        ));
    }
    for band in drift.bands.iter().filter(|band| band.incidents.of > 0) {
        lines.push(format!(
            "  {:.1} to {:.1} {:>8} of {:<8}{:>7}  {:<15} {}",
            band.from,
            band.to,
            band.incidents.part,
            band.incidents.of,
            percent(band.incidents),
            between(band.incidents),
            plot.bar(band.incidents.value(), 20)
        ));
    }
    for factor in drift.factors.iter().filter(|_| drift.enough) {
        let mean = |mean: Option<f64>| mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.3}"));
        let (tone, verdict) = match factor.verdict {
            Verdict::TooFew => (Tone::Faint, "too few"),
            Verdict::Tells => (Tone::Good, "tells"),
            Verdict::Silent => (Tone::Faint, "says nothing"),
            Verdict::Misjudges => (Tone::Bad, "misjudges"),
        };
        let text = format!(
            "  {:<12} {} with an incident, {} without: {verdict}",
            factor.factor.as_str(),
            mean(factor.mean_of_incidents),
            mean(factor.mean_of_others)
        );
        lines.push(output.paint(tone, text));
    }
    lines
}

fn counted(number: u64, name: &str) -> String {
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

/// `16.9%`, or `-` of nothing.
pub(super) fn percent(rate: Rate) -> String {
    rate.value().map_or_else(|| "-".to_owned(), |value| format!("{:.1}%", value * 100.0))
}

fn between(rate: Rate) -> String {
    rate.interval().map_or_else(String::new, |interval| {
        format!("({:.1} to {:.1})", interval.low * 100.0, interval.high * 100.0)
    })
}

/// A length of time in at most seven characters: `850ms`, `12.3s`, `4m05s`, `2h10m`, `3d04h`.
pub(super) fn time(length: Duration) -> String {
    let (seconds, millis) = (length.as_secs(), length.as_millis());
    match seconds {
        0 => format!("{millis}ms"),
        1..60 => format!("{seconds}.{}s", millis % 1000 / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// The name, safe for a terminal, and cut where it is longer than there is room.
fn cut(name: &str, width: usize) -> String {
    let safe = visible(name);
    if safe.chars().count() <= width {
        return safe;
    }
    safe.chars().take(width.saturating_sub(2)).chain("..".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        for (millis, text) in [
            (0, "0ms"),
            (850, "850ms"),
            (12_340, "12.3s"),
            (245_000, "4m05s"),
            (7_800_000, "2h10m"),
            (273_600_000, "3d04h"),
        ] {
            assert_eq!(time(Duration::from_millis(millis)), text);
        }
        assert_eq!(cut("a\u{202e}b", 20), "a⟨U+202E⟩b");
        assert_eq!(cut("a-name-that-is-too-long", 10), "a-name-t..");
    }
}
