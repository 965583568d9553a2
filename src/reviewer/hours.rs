//! Working hours: when a person can be reached, by the clock on their own wall.

use crate::moment::Moment;
use core::time::Duration;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// Spans of time that come back every week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    zone: TimeZone,
    spans: Vec<Span>,
}

/// One span of a day of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The days on which it begins, Monday first.
    pub(super) days: [bool; 7],
    /// The minute of the day at which it begins.
    pub(super) from: u16,
    /// The minute at which it ends, counted from the same midnight: 1440 and more is on the next day.
    pub(super) until: u16,
}

/// Minutes of a day.
pub(super) const DAY: u16 = 24 * 60;
const A_WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Hours {
    pub(super) fn new(zone: TimeZone, mut spans: Vec<Span>) -> Self {
        spans.sort_unstable_by_key(|span| span.from);
        Self { zone, spans }
    }

    /// Whether this moment is within them.
    #[must_use]
    pub fn contain(&self, now: Moment) -> bool {
        self.look(now, false).0
    }

    /// The next moment after `now` at which they begin or end; `None` if they never do.
    #[must_use]
    pub fn change_after(&self, now: Moment) -> Option<Moment> {
        self.look(now, true).1
    }

    /// Whether this moment is within them, and when that changes, if `until` is asked for.
    pub(super) fn look(&self, now: Moment, until: bool) -> (bool, Option<Moment>) {
        let today = local_date(&self.zone, now);
        // Only what goes on at midnight is of yesterday, or goes on into tomorrow.
        let latest = self.spans.iter().map(|span| span.until).max().unwrap_or_default();
        let first = if latest > DAY { today.yesterday().unwrap_or(today) } else { today };
        let days = core::iter::successors(Some(first), |day| day.tomorrow().ok());
        let mut open_until = None;
        // A span begins on its own day and before those of later days, so that the first answer is the answer.
        for (ahead, day) in days.take(10).enumerate() {
            if !until && ahead > 1 || open_until.is_some() && (!until || latest < DAY) {
                break;
            }
            for (from, end) in self.of_day(day) {
                match open_until {
                    None if end <= now => {}
                    None if from > now => return (false, Some(from)),
                    None => open_until = Some(end),
                    // Spans that touch are one.
                    Some(open) if from <= open => open_until = Some(end.max(open)),
                    Some(open) => return (true, Some(open)),
                }
            }
        }
        // What is open for a whole week is always open.
        (open_until.is_some(), open_until.filter(|end| end.since(now) < A_WEEK))
    }

    /// As a person reads them: `Mon-Fri 09:00-17:30, Sat 10:00-12:00`.
    #[must_use]
    pub fn words(&self) -> String {
        let time = |minute: u16| format!("{:02}:{:02}", minute % DAY / 60, minute % 60);
        let words = self.spans.iter().map(|span| match span.until - span.from {
            DAY if span.from == 0 => format!("{} all day", days(&span.days)),
            _ => format!("{} {}-{}", days(&span.days), time(span.from), time(span.until)),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// The spans that begin on this day, earliest first.
    fn of_day(&self, day: Date) -> impl Iterator<Item = (Moment, Moment)> {
        let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
        let today = self.spans.iter().filter(move |span| span.days.get(weekday) == Some(&true));
        today.filter_map(move |span| {
            let (from, until) = (moment(&self.zone, day, span.from)?, moment(&self.zone, day, span.until)?);
            (from < until).then_some((from, until))
        })
    }
}

/// `Mon-Fri`, `Mon, Wed-Thu`; days that follow each other from Monday on are told together.
fn days(days: &[bool; 7]) -> String {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let named: Vec<(&str, bool)> = NAMES.into_iter().zip(*days).collect();
    let runs = named.chunk_by(|a, b| a.1 == b.1).filter(|run| run.first().is_some_and(|(_, works)| *works));
    let words = runs.filter_map(|run| match run {
        [(only, _)] => Some((*only).to_owned()),
        [(first, _), .., (last, _)] => Some(format!("{first}-{last}")),
        [] => None,
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The date that a calendar on the wall shows.
pub(super) fn local_date(zone: &TimeZone, now: Moment) -> Date {
    local(zone, now).date()
}

/// When the quiet hours end that this moment is in, `from` and `until` being minutes of the day; `None` if it is in none.
pub(super) fn quiet_until(zone: &TimeZone, from: u16, until: u16, now: Moment) -> Option<Moment> {
    let today = local_date(zone, now);
    let until = if until > from { until } else { until + DAY };
    // Those that began yesterday, where they go over midnight, and those that begin today.
    [today.yesterday().ok()?, today].into_iter().find_map(|day| {
        let (begin, end) = (moment(zone, day, from)?, moment(zone, day, until)?);
        (begin <= now && now < end).then_some(end)
    })
}

/// The hour of this moment.
pub(super) fn local_hour(zone: &TimeZone, now: Moment) -> u8 {
    local(zone, now).hour().unsigned_abs()
}

/// What the clock on the wall shows.
pub(super) fn local(zone: &TimeZone, now: Moment) -> DateTime {
    let stamp =
        i64::try_from(now.unix_millis()).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    zone.to_datetime(stamp.unwrap_or(Timestamp::MAX))
}

/// The moment at which a clock on the wall shows this minute, counted from the midnight at which `day` begins. Where
/// the clock is put forward over it, the moment so much later; where it is put back, the first of the two.
pub(super) fn moment(zone: &TimeZone, day: Date, minute: u16) -> Option<Moment> {
    let (day, minute) = if minute < DAY { (day, minute) } else { (day.tomorrow().ok()?, minute - DAY) };
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    let stamp = zone.to_timestamp(day.to_datetime(Time::new(hour, minute, 0, 0).ok()?)).ok()?;
    Some(Moment::from_unix_millis(u64::try_from(stamp.as_millisecond()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::calendar::Calendar;

    const WORKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

    fn hours(zone: &str, spans: &[([bool; 7], u16, u16)]) -> Hours {
        let spans = spans.iter().map(|(days, from, until)| Span { days: *days, from: *from, until: *until });
        Hours::new(Calendar::zone(zone).unwrap(), spans.collect())
    }

    fn at(text: &str) -> Moment {
        Moment::from_rfc3339(&format!("2026-{text}Z")).unwrap()
    }

    #[test]
    fn hours_are_told_by_the_clock_on_the_wall() {
        // 2026-11-23 is a Monday.
        let berlin = hours("Europe/Berlin", &[(WORKDAYS, 9 * 60, 17 * 60 + 30)]);
        for (now, open, changes) in [
            ("11-23T07:59:00", false, "11-23T08:00:00"),
            ("11-23T08:00:00", true, "11-23T16:30:00"),
            ("11-23T16:29:59", true, "11-23T16:30:00"),
            ("11-23T16:30:00", false, "11-24T08:00:00"),
            ("11-27T20:00:00", false, "11-30T08:00:00"),
            // Summer time, and the weekend in which it begins.
            ("07-01T07:00:00", true, "07-01T15:30:00"),
            ("03-27T17:00:00", false, "03-30T07:00:00"),
        ] {
            assert_eq!(berlin.contain(at(now)), open, "{now}");
            assert_eq!(berlin.change_after(at(now)), Some(at(changes)), "{now}");
        }
    }

    #[test]
    fn hours_are_told_in_words() {
        let odd = [true, false, true, true, false, false, true];
        for (spans, words) in [
            (&[(WORKDAYS, 9 * 60, 17 * 60 + 30)][..], "Mon-Fri 09:00-17:30"),
            (&[([true; 7], 0, DAY)], "Mon-Sun all day"),
            (
                &[(odd, 22 * 60, DAY + 360), (WORKDAYS, 60, 90)],
                "Mon-Fri 01:00-01:30, Mon, Wed-Thu, Sun 22:00-06:00",
            ),
            (&[(WORKDAYS, 600, DAY)], "Mon-Fri 10:00-00:00"),
        ] {
            assert_eq!(hours("UTC", spans).words(), words);
        }
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
        let nights = hours("UTC", &[(WORKDAYS, 22 * 60, DAY + 6 * 60)]);
        assert!(nights.contain(at("11-28T05:59:00")), "Friday's night");
        assert!(!nights.contain(at("11-28T23:00:00")), "Saturday");
        assert_eq!(nights.change_after(at("11-27T23:00:00")), Some(at("11-28T06:00:00")));
    }

    #[test]
    fn quiet_hours_are_told_by_the_clock_on_the_wall() {
        let berlin = Calendar::zone("Europe/Berlin").unwrap();
        for (from, until, now, end) in [
            (22, 7, "11-23T20:59:00", None),
            (22, 7, "11-23T21:00:00", Some("11-24T06:00:00")),
            (22, 7, "11-24T05:59:59", Some("11-24T06:00:00")),
            (22, 7, "11-24T06:00:00", None),
            (0, 6, "11-23T23:30:00", Some("11-24T05:00:00")),
            (13, 14, "11-23T12:30:00", Some("11-23T13:00:00")),
            (13, 14, "11-23T13:30:00", None),
            // The night in which summer time ends is an hour longer.
            (22, 7, "10-24T20:00:00", Some("10-25T06:00:00")),
        ] {
            let found = quiet_until(&berlin, from * 60, until * 60, at(now));
            assert_eq!(found, end.map(at), "{from}-{until} at {now}");
        }
    }

    #[test]
    fn spans_that_touch_are_one_and_the_whole_week_never_ends() {
        let split = hours("UTC", &[(WORKDAYS, 8 * 60, 12 * 60), (WORKDAYS, 12 * 60, 16 * 60)]);
        assert_eq!(split.change_after(at("11-23T09:00:00")), Some(at("11-23T16:00:00")));
        let always = hours("Asia/Tokyo", &[([true; 7], 0, DAY)]);
        assert!(always.contain(at("11-23T09:00:00")));
        assert_eq!(always.change_after(at("11-23T09:00:00")), None);
    }

    #[test]
    fn an_hour_that_a_clock_skips_is_not_worked() {
        // On 2026-03-29 the clocks of Berlin go from 2:00 to 3:00.
        let gap = hours("Europe/Berlin", &[([true; 7], 2 * 60, 3 * 60)]);
        assert_eq!(gap.change_after(at("03-28T12:00:00")), Some(at("03-30T00:00:00")));
        // On 2026-10-25 they go from 3:00 back to 2:00, and the span lasts two hours.
        assert!(gap.contain(at("10-25T00:30:00")) && gap.contain(at("10-25T01:30:00")));
        assert_eq!(gap.change_after(at("10-25T00:30:00")), Some(at("10-25T02:00:00")));
    }

    #[test]
    fn whatever_the_hours_the_next_change_is_the_next_change() {
        let spans =
            [([true, false, true, false, true, true, false], 20 * 60, DAY + 4 * 60), (WORKDAYS, 60, 90)];
        for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "+05:30"] {
            let hours = hours(zone, &spans);
            // Two weeks around each change of the clocks, in steps that miss no boundary.
            for first in ["03-25T00:00:00", "10-20T00:00:00"] {
                let mut now = at(first);
                for _ in 0..14 * 48 {
                    let change = hours.change_after(now).unwrap();
                    assert!(change > now);
                    assert_ne!(hours.contain(change), hours.contain(now), "{zone} {now}");
                    let before = change.minus(Duration::from_secs(1)).max(now);
                    assert_eq!(hours.contain(before), hours.contain(now), "{zone} {now}");
                    now = now.plus(Duration::from_secs(30 * 60));
                }
            }
        }
    }
}
