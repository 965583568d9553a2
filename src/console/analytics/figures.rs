//! What is plotted of a report.

use super::plot::{About, Bar, Plot};
use crate::audit::analytics::interval::Rate;
use crate::audit::analytics::{Named, Report, Share};
use crate::audit::event::{Saturated, SaturationMeasure};
use crate::console::words::span;
use crate::reviewer::Wall;
use core::time::Duration;

/// How many bars a plot has at most; the table says what it is of.
const BARS: usize = 10;
/// How many days.
const DAYS: usize = 60;

/// How what people were asked ended, and the colour of each.
const ENDINGS: [(&str, &str); 6] = [
    ("yes", "approved"),
    ("no", "denied"),
    ("late", "not decided in time"),
    ("gone", "withdrawn"),
    ("other", "changed"),
    ("stuck", "blocked"),
];

/// The most important numbers.
pub(super) fn summary(report: &Report, wall: &Wall) -> Vec<(&'static str, String)> {
    let share = &report.overall;
    let mut summary = vec![("Operations", share.operations.to_string())];
    if let (Some(from), Some(to)) = (report.from, report.to) {
        summary.push(("Between", format!("{} and {}", wall.shows(from), wall.shows(to))));
    }
    summary.push(("Put before people", of(share.escalated)));
    summary.push(("Approved", of(share.approved)));
    summary.push(("Denied", of(share.denied)));
    summary.push(("Not decided in time", of(share.expired)));
    summary.push(("Time to review", half(share.review.median(), share.review.p95())));
    summary.push(("Time to approval", half(share.approval.median(), share.approval.p95())));
    let drills = &report.drills;
    if drills.opened > 0 {
        let words = format!("{} opened, {} caught, {} missed", drills.opened, drills.caught, drills.missed);
        summary.push(("Drills", words));
    }
    let emergencies = &report.emergencies;
    if emergencies.approved > 0 {
        let words = format!(
            "{} approved, {} found right, {} found wrong, {} to be reviewed",
            emergencies.approved, emergencies.justified, emergencies.unjustified, emergencies.waiting
        );
        summary.push(("Emergencies", words));
    }
    summary
}

/// All plots, in the order of the page.
pub(super) fn plots(report: &Report) -> Vec<Plot> {
    vec![
        by_day(report),
        escalated(report),
        endings(report),
        rates(report),
        review(
            "review-people",
            "Time to review, by reviewer",
            report.reviewers.iter().map(|one| (one.person.to_string(), &one.review)),
        ),
        review(
            "review-actions",
            "Time to review, by action",
            report.actions.iter().map(|one| (one.name.clone(), &one.share.review)),
        ),
        by_hour(report),
        stages(report),
    ]
}

fn by_day(report: &Report) -> Plot {
    let days: Vec<_> = report.days.iter().skip(report.days.len().saturating_sub(DAYS)).collect();
    let columns: Vec<Bar> = days
        .iter()
        .map(|day| {
            let asked = day.share.escalated.part;
            let alone = day.share.operations.saturating_sub(asked);
            Bar {
                name: day.day.clone(),
                words: String::new(),
                parts: vec![("late", asked as f64), ("calm", alone as f64)],
            }
        })
        .collect();
    let rows = days
        .iter()
        .map(|day| vec![day.day.clone(), day.share.operations.to_string(), of(day.share.escalated)]);
    let about = About {
        id: "days",
        title: "Operations a day",
        describes: match (days.first(), days.last()) {
            (Some(first), Some(last)) => {
                format!(
                    "Operations a day from {} to {}, and how many of them went to people.",
                    first.day, last.day
                )
            }
            _ => "No operation was decided yet.".to_owned(),
        },
        legend: vec![("late", "put before people"), ("calm", "decided at once")],
        head: vec!["Day (UTC)", "Operations", "Put before people"],
        rows: rows.collect(),
    };
    Plot::columns(about, &columns)
}

fn escalated(report: &Report) -> Plot {
    let bar = |one: &Named| Bar {
        name: one.name.clone(),
        words: of(one.share.escalated),
        parts: vec![("late", one.share.escalated.value().unwrap_or_default())],
    };
    let about = About {
        id: "escalated",
        title: "Share that goes to people, by action",
        describes: format!(
            "What part of each action’s operations people were asked about; of all operations {}.",
            of(report.overall.escalated)
        ),
        legend: Vec::new(),
        head: vec!["Action", "Operations", "Put before people"],
        rows: report
            .actions
            .iter()
            .map(|one| vec![one.name.clone(), one.share.operations.to_string(), of(one.share.escalated)])
            .collect(),
    };
    Plot::bars(about, &report.actions.iter().take(BARS).map(bar).collect::<Vec<_>>(), Some(1.0))
}

fn parts(share: &Share) -> [Rate; 6] {
    [share.approved, share.denied, share.expired, share.withdrawn, share.changed, share.blocked]
}

fn endings(report: &Report) -> Plot {
    let rates = parts(&report.overall);
    let bars: Vec<Bar> = ENDINGS
        .iter()
        .zip(rates)
        .map(|((class, name), rate)| Bar {
            name: (*name).to_owned(),
            words: of(rate),
            parts: vec![(class, rate.value().unwrap_or_default())],
        })
        .collect();
    let about = About {
        id: "endings",
        title: "How it ended",
        describes: format!(
            "How what people were asked ended, of {} that have.",
            report.overall.endings.ended()
        ),
        legend: Vec::new(),
        head: vec!["Ended", "Number"],
        rows: ENDINGS.iter().zip(rates).map(|((_, name), rate)| vec![(*name).to_owned(), of(rate)]).collect(),
    };
    Plot::bars(about, &bars, Some(1.0))
}

fn rates(report: &Report) -> Plot {
    let asked: Vec<&Named> = report.actions.iter().filter(|one| one.share.endings.ended() > 0).collect();
    let bar = |one: &&Named| Bar {
        name: one.name.clone(),
        words: format!("{} ended", one.share.endings.ended()),
        parts: ENDINGS
            .iter()
            .zip(parts(&one.share))
            .map(|((class, _), rate)| (*class, rate.value().unwrap_or_default()))
            .collect(),
    };
    let about = About {
        id: "rates",
        title: "Approved, denied, not decided in time, by action",
        describes: "How what people were asked ended, for each action that they were asked about.".to_owned(),
        legend: ENDINGS.to_vec(),
        head: vec!["Action", "Approved", "Denied", "Not in time", "Withdrawn", "Changed", "Blocked"],
        rows: asked
            .iter()
            .map(|one| core::iter::once(one.name.clone()).chain(parts(&one.share).map(of)).collect())
            .collect(),
    };
    Plot::bars(about, &asked.iter().take(BARS).map(bar).collect::<Vec<_>>(), Some(1.0))
}

fn review<'a>(
    id: &'static str,
    title: &'static str,
    all: impl Iterator<Item = (String, &'a crate::audit::analytics::spread::Spread)>,
) -> Plot {
    let mut seen: Vec<_> = all.filter(|(_, spread)| spread.count() > 0).collect();
    seen.sort_by_key(|(_, spread)| core::cmp::Reverse(spread.count()));
    let bars = seen.iter().take(BARS).map(|(name, spread)| Bar {
        name: name.clone(),
        words: format!("{} in the middle, {} times", length(spread.median()), spread.count()),
        parts: vec![("calm", spread.median().unwrap_or_default().as_secs_f64())],
    });
    let bars: Vec<Bar> = bars.collect();
    let about = About {
        id,
        title,
        describes: "How long it was before reviewers until they voted: half took longer.".to_owned(),
        legend: Vec::new(),
        head: vec!["", "Half took longer than", "One in twenty longer than", "Votes"],
        rows: seen
            .iter()
            .map(|(name, spread)| {
                vec![name.clone(), length(spread.median()), length(spread.p95()), spread.count().to_string()]
            })
            .collect(),
    };
    Plot::bars(about, &bars, None)
}

fn by_hour(report: &Report) -> Plot {
    let columns: Vec<Bar> = report
        .hours
        .iter()
        .map(|hour| Bar {
            name: format!("{}:00", hour.name),
            words: String::new(),
            parts: vec![("calm", hour.share.review.median().unwrap_or_default().as_secs_f64())],
        })
        .collect();
    let about = About {
        id: "review-hours",
        title: "Time to review, by the hour of the request",
        describes: format!(
            "How long reviews took in the middle, by the hour of the request ({}).",
            report.zone
        ),
        legend: Vec::new(),
        head: vec!["Hour", "Half took longer than", "Votes"],
        rows: report
            .hours
            .iter()
            .map(|hour| {
                let review = &hour.share.review;
                vec![format!("{}:00", hour.name), length(review.median()), review.count().to_string()]
            })
            .collect(),
    };
    Plot::columns(about, &columns)
}

fn stages(report: &Report) -> Plot {
    let name = |stage: usize| match stage {
        0 => "as it was opened".to_owned(),
        stage => format!("stage {}", stage + 1),
    };
    let bar = |one: &crate::audit::analytics::StageReport| Bar {
        name: name(one.stage),
        words: of(one.reached),
        parts: vec![("calm", one.reached.value().unwrap_or_default())],
    };
    let about = About {
        id: "stages",
        title: "Tiers reached",
        describes: "Of what has ended and had that tier, how much reached it.".to_owned(),
        legend: Vec::new(),
        head: vec!["Tier", "Reached", "Ended in it"],
        rows: report
            .stages
            .iter()
            .map(|one| vec![name(one.stage), of(one.reached), one.ended.to_string()])
            .collect(),
    };
    Plot::bars(about, &report.stages.iter().take(BARS).map(bar).collect::<Vec<_>>(), Some(1.0))
}

/// That the queue is saturated, or is not any more, in words.
pub(super) fn saturated(told: &Saturated) -> String {
    let word = if told.above { "saturated" } else { "recovered" };
    let figure = match told.measure {
        SaturationMeasure::Share => format!("{}.{} % went to people", told.figure / 10, told.figure % 10),
        SaturationMeasure::TimeToApprove => {
            format!("half took longer than {} to approve", span(Duration::from_secs(told.figure)))
        }
    };
    format!("{word}: {figure}, of {}", told.cases)
}

/// A flag of a vote in words.
pub(super) fn flag(code: &str) -> String {
    code.rsplit('.').next().unwrap_or(code).replace('_', " ")
}

/// `12 of 40 (30.0 %)`
fn of(rate: Rate) -> String {
    match rate.of {
        0 => "none yet".to_owned(),
        all => format!("{} of {all} ({})", rate.part, percent(rate)),
    }
}

/// `30.0 %`, or a dash of nothing.
pub(super) fn percent(rate: Rate) -> String {
    rate.value().map_or_else(|| "–".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

/// A length of time, or a dash where there was none.
pub(super) fn length(length: Option<Duration>) -> String {
    length.map_or_else(|| "–".to_owned(), span)
}

fn half(median: Option<Duration>, p95: Option<Duration>) -> String {
    match (median, p95) {
        (None, _) => "nobody yet".to_owned(),
        (Some(median), None) => format!("half took longer than {}", span(median)),
        (Some(median), Some(p95)) => {
            format!("half took longer than {}, one in twenty longer than {}", span(median), span(p95))
        }
    }
}
