//! The queue in words and as documents: what waits, and what changes while one watches.

use super::session::Desk;
use crate::cli::exit::{Exit, Failed};
use crate::cli::now;
use crate::cli::output::{Output, Tone, relative, thousandths, visible};
use crate::cli::when::When;
use crate::client::{Filter, Level, News, Order, ReviewClient, Status, Summary};
use crate::moment::Moment;
use serde_json::{Value, json};
use std::collections::HashSet;

/// What is looked for; each option narrows it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Wanted {
    /// Only what you could decide and have not; sign in first
    #[arg(long)]
    mine: bool,
    /// Only what an agent of this pattern asked, as in agent:builder or agent:*
    #[arg(long, value_name = "PATTERN", default_value = "")]
    agent: String,
    /// Only actions of this pattern, as in payment.*
    #[arg(long, value_name = "PATTERN", default_value = "")]
    action: String,
    /// Only this level of risk: low, medium, high or critical (may be repeated)
    #[arg(long = "level", value_name = "LEVEL", value_parser = level)]
    levels: Vec<Level>,
    /// Only what was opened at most so long ago, as in 2h, or since a moment, as in 2026-11-21T09:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    since: Option<When>,
    /// Only what was opened before that
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    until: Option<When>,
}

/// Which page of the list, and in which order.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Paging {
    /// Also what is over
    #[arg(long, conflicts_with = "statuses")]
    all: bool,
    /// Only what stands so: pending, approved, denied, expired, cancelled, blocked, claimed or lapsed (may be repeated)
    #[arg(long = "status", value_name = "STATUS", value_parser = status)]
    statuses: Vec<Status>,
    /// In which order: newest, oldest or urgent (the riskiest first, then what ends first; agents take turns)
    #[arg(long, value_name = "ORDER", default_value = "newest", value_parser = order)]
    order: Order,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// The page after the one that ended with this
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    page: Option<String>,
}

fn named<T: Copy>(all: &[T], name_of: fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let found = all.iter().copied().find(|one| name_of(*one) == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| name_of(*one)).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn level(text: &str) -> Result<Level, String> {
    named(Level::ALL, Level::as_str, text)
}

fn status(text: &str) -> Result<Status, String> {
    named(Status::ALL, Status::as_str, text)
}

fn order(text: &str) -> Result<Order, String> {
    named(Order::ALL, Order::as_str, text)
}

impl Wanted {
    fn filter(self, statuses: Vec<Status>) -> Filter {
        let Self { mine, agent, action, levels, since, until } = self;
        let millis = |when: Option<When>| when.map_or(0, |when| when.moment().unix_millis());
        let (opened_since, opened_until) = (millis(since), millis(until));
        Filter { statuses, agent, action, levels, mine, opened_since, opened_until }
    }
}

/// Lists one page.
///
/// # Errors
/// [`Failed`] if there is none.
pub(super) async fn list(desk: Desk, wanted: Wanted, paging: Paging, json: bool) -> Result<Exit, Failed> {
    let Paging { all, statuses, order, limit, page } = paging;
    let statuses = if all { Status::ALL.to_vec() } else { statuses };
    let listed = desk.open().await?.list(wanted.filter(statuses), order, limit, page).await?;
    let document = || {
        let lines: Vec<Value> = listed.escalations.iter().map(summary_json).collect();
        json!({ "escalations": lines, "next": listed.next })
    };
    Output::new(json)
        .print(document, |output| list_words(output, &listed.escalations, listed.next.as_deref()));
    Ok(Exit::Success)
}

/// Tells what waits, and then what changes, until so many were told.
///
/// # Errors
/// [`Failed`] when the service stops, or the connection breaks.
pub(super) async fn watch(
    desk: Desk,
    wanted: Wanted,
    count: Option<u32>,
    json: bool,
) -> Result<Exit, Failed> {
    let output = Output::new(json);
    let (client, filter) = (desk.open().await?, wanted.filter(Vec::new()));
    let mut left = count.unwrap_or(u32::MAX);
    let mut watching = client.watch(filter.clone()).await?;
    let mut listed = false;
    while left > 0 {
        let Some(news) = watching.next().await? else {
            return Err(Failed::new(Exit::Undetermined, "the service stops").advise("watch again"));
        };
        match news {
            // Whatever changes from the first one on is told: so nothing is missed between the list and the stream.
            News::Beat(_) if !listed => {
                listed = true;
                left = present(output, &client, &filter, left).await?;
            }
            News::Beat(at) if json => output.line(json!({ "news": "beat", "at": at })),
            News::Beat(_) => {}
            News::Changed(line) => {
                tell(output, "changed", &line);
                left = left.saturating_sub(1);
            }
            News::Missed => {
                if json {
                    output.line(json!({ "news": "missed" }));
                }
                left = present(output, &client, &filter, left).await?;
            }
        }
    }
    Ok(Exit::Success)
}

/// Tells everything that waits now, at most `left` of it; says how many more may be told.
async fn present(output: Output, client: &ReviewClient, filter: &Filter, left: u32) -> Result<u32, Failed> {
    let (mut left, mut page) = (left, None);
    while left > 0 {
        let listed = client.list(filter.clone(), Order::Oldest, left.min(500), page).await?;
        for line in &listed.escalations {
            tell(output, "waits", line);
            left = left.saturating_sub(1);
        }
        page = listed.next;
        if page.is_none() {
            break;
        }
    }
    Ok(left)
}

fn tell(output: Output, news: &str, line: &Summary) {
    match output.json() {
        true => output.line(json!({ "news": news, "escalation": summary_json(line) })),
        false => output.line(line_words(output, line).trim_end()),
    }
}

/// Those that are equivalent stand together, each with its own id: each is voted on by itself.
fn list_words(output: Output, lines: &[Summary], next: Option<&str>) -> String {
    if lines.is_empty() {
        return "nothing waits".to_owned();
    }
    let mut told: HashSet<&str> = HashSet::new();
    let mut text = String::new();
    for line in lines {
        if !told.insert(&line.group) {
            continue;
        }
        text.push_str(&line_words(output, line));
        for like in lines.iter().filter(|like| like.group == line.group && like.id != line.id) {
            let (id, status) = (output.paint(Tone::Strong, &like.id), paint_status(output, like.status));
            text.push_str(&format!("  + {id}  {status}  the like, on {}\n", visible(&like.resource)));
        }
    }
    if let Some(token) = next {
        text.push_str(&format!("… and more: --page {}", visible(token)));
    }
    text.trim_end().to_owned()
}

fn line_words(output: Output, line: &Summary) -> String {
    let relative = |millis| relative(Moment::from_unix_millis(millis), now());
    let when = match line.status {
        Status::Pending => format!("decide {}", relative(line.decide_by)),
        Status::Approved
        | Status::Denied
        | Status::Expired
        | Status::Cancelled
        | Status::Blocked
        | Status::Claimed
        | Status::Lapsed => format!("opened {}", relative(line.opened_at)),
    };
    let yours = if line.awaits_you { output.paint(Tone::Wait, " · yours to decide") } else { String::new() };
    format!(
        "{}  {} ({} {})\n  {} on {}\n  {} · needs {} · {} so far · {when}{yours}\n",
        output.paint(Tone::Strong, &line.id),
        paint_status(output, line.status),
        line.risk.level.as_str(),
        thousandths(line.risk.score),
        visible(&line.action),
        visible(&line.resource),
        visible(&line.agent),
        visible(&line.requirement),
        line.approvals,
    )
}

pub(super) fn paint_status(output: Output, status: Status) -> String {
    let tone = match status {
        Status::Pending => Tone::Wait,
        Status::Approved | Status::Claimed => Tone::Good,
        Status::Denied | Status::Expired | Status::Cancelled | Status::Blocked | Status::Lapsed => Tone::Bad,
    };
    output.paint(tone, status.as_str())
}

pub(super) fn summary_json(line: &Summary) -> Value {
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
        "rule": line.rule,
        "group": line.group,
        "awaits_you": line.awaits_you,
    })
}
