//! What the roster says about time: zones, working hours, absences.

use super::Mentions;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::policy::parse::{Node, Yaml};
use crate::policy::read::{Fields, expected, list, malformed, one_or_more, out_of_range, text};
use crate::policy::{At, Fault, Problem, minute_of, weekday};
use crate::reviewer::absence::Absence;
use crate::reviewer::hours::{self, DAY, Hours, Span};
use crate::risk::calendar::Calendar;
use crate::token::Assurance;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const HOURS: &[&str] = &["days", "from", "until"];
const ABSENCE: &[&str] = &["from", "until", "delegate"];

/// The most spans of working hours of a person: each is looked at whenever they might be asked.
const MAX_SPANS: usize = 32;
/// The most absences of a person.
const MAX_ABSENCES: usize = 100;

/// `time_zone:`
pub(super) fn zone(node: &Node) -> Result<TimeZone, Fault> {
    const FORM: &str = "a time zone such as `Europe/Berlin`, `UTC` or `+05:30`";
    let name = text(node)?;
    Calendar::zone(name).ok_or_else(|| malformed(node, name, FORM))
}

/// `hours:`, one span or several.
pub(super) fn hours(node: &Node, zone: &TimeZone) -> Result<Hours, Fault> {
    let spans = one_or_more(node, span)?;
    match spans.len() > MAX_SPANS {
        true => Err(Fault::new(node.at, Problem::TooMany(MAX_SPANS))),
        false => Ok(Hours::new(zone.clone(), spans)),
    }
}

fn span(node: &Node) -> Result<Span, Fault> {
    let fields = Fields::of(node, HOURS)?;
    let days = one_or_more(fields.required("days")?, weekday)?;
    let from = minute(fields.required("from")?)?;
    let until_node = fields.required("until")?;
    let until = minute(until_node)?;
    match (from, until) {
        (DAY, _) => Err(out_of_range(fields.required("from")?, "from `00:00` to `23:59`")),
        // All day, or not at all?
        (from, until) if from == until => Err(out_of_range(until_node, "another time than `from`")),
        (from, until) => Ok(Span {
            days: core::array::from_fn(|day| days.contains(&day)),
            from,
            until: if until > from { until } else { until + DAY },
        }),
    }
}

/// A time of day; `24:00` is its end.
fn minute(node: &Node) -> Result<u16, Fault> {
    match &node.value {
        Yaml::Text(text) if text == "24:00" => Ok(DAY),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
            crate::policy::minute(node)
        }
    }
}

/// `quiet: "22:00-07:00"`, in minutes of the day.
pub(super) fn quiet(node: &Node) -> Result<(u16, u16), Fault> {
    const FORM: &str = "two times of day such as `22:00-07:00`";
    let text = text(node).map_err(|_| expected(node, FORM))?;
    let read = || {
        let (from, until) = text.split_once('-')?;
        let (from, until) = (minute_of(from)?, minute_of(until)?);
        (from != until).then_some((from, until))
    };
    read().ok_or_else(|| malformed(node, text, FORM))
}

/// `away:`, none of which overlaps another; who stands in is looked up when everyone is known.
pub(super) fn away(
    node: &Node,
    zone: &TimeZone,
    own: &PersonId,
    mentions: &mut Mentions,
) -> Result<Vec<Absence>, Fault> {
    let mut absences: Vec<(Absence, At)> = Vec::new();
    for node in list(node)? {
        let fields = Fields::of(node, ABSENCE)?;
        let from = edge(fields.required("from")?, zone, Edge::First)?;
        let until_node = fields.required("until")?;
        let until = edge(until_node, zone, Edge::Last)?;
        if until <= from {
            return Err(Fault::new(until_node.at, Problem::NotLater("until", "from")));
        }
        if let Some((_, other)) = absences.iter().find(|(other, _)| other.from < until && from < other.until)
        {
            return Err(Fault::new(node.at, Problem::Overlap(other.line)));
        }
        let delegate = fields.read("delegate", |node| mentions.other(node, own, "delegate"))?;
        absences.push((Absence { from, until, delegate, known: Assurance::Signed }, node.at));
    }
    if absences.len() > MAX_ABSENCES {
        return Err(Fault::new(node.at, Problem::TooMany(MAX_ABSENCES)));
    }
    absences.sort_by_key(|(absence, _)| absence.from);
    Ok(absences.into_iter().map(|(absence, _)| absence).collect())
}

#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}

/// The moment at which an absence begins or ends. A date is a whole day where the person lives, so that the last
/// day of an absence belongs to it.
fn edge(node: &Node, zone: &TimeZone, edge: Edge) -> Result<Moment, Fault> {
    const FORM: &str = "a date such as `2026-12-24`, or a moment such as `2026-12-24T12:00:00+01:00`";
    let text = text(node).map_err(|_| expected(node, "a date or a moment"))?;
    let midnight = match edge {
        Edge::First => 0,
        Edge::Last => DAY,
    };
    let read = || match date(text) {
        Some(date) => hours::moment(zone, date, midnight),
        None => instant(text),
    };
    read().ok_or_else(|| malformed(node, text, FORM))
}

/// `2026-12-24`, in the years that a [`Moment`] can be in.
fn date(text: &str) -> Option<Date> {
    let exact = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date: Date = exact.then(|| text.parse().ok())??;
    (1970..9999).contains(&date.year()).then_some(date)
}

/// RFC 3339 with any distance from UTC, rounded down to milliseconds.
fn instant(text: &str) -> Option<Moment> {
    let (date_part, time) = text.split_once('T')?;
    let (clock, distance) = match time.strip_suffix('Z') {
        Some(clock) => (clock, true),
        None => time.rsplit_once(['+', '-']).map(|(clock, at)| (clock, at.len() == 5 && at.contains(':')))?,
    };
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
    let form = date(date_part).is_some() && distance && clock.len() >= 8 && plain(clock);
    let stamp: Timestamp = form.then(|| text.parse().ok())??;
    u64::try_from(stamp.as_millisecond()).ok().map(Moment::from_unix_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_may_be_told_by_any_clock() {
        for (text, expected) in [
            ("2026-12-24T12:00:00Z", Some("2026-12-24T12:00:00Z")),
            ("2026-12-24T12:00:00.1239+01:00", Some("2026-12-24T11:00:00.123Z")),
            ("2026-12-24T12:00:00-05:30", Some("2026-12-24T17:30:00Z")),
            ("2026-12-24T12:00Z", None),
            ("2026-12-24T12:00:00", None),
            ("2026-12-24 12:00:00Z", None),
            ("2026-12-24T12:00:00+0100", None),
            ("2026-12-24T12:00:00+01:00[Europe/Berlin]", None),
            ("2026-02-30T12:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("-002026-12-24T12:00:00Z", None),
        ] {
            assert_eq!(instant(text).map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
    }
}
