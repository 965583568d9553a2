//! The calendar: what time it is where the policy's people work, and whether they are at work.

use crate::moment::Moment;
use core::fmt;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};

/// A time zone and the hours of work in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    zone: TimeZone,
    /// The days of work, Monday first.
    days: [bool; 7],
    from: u16,
    to: u16,
}

/// A moment as a clock on the wall shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Seconds since the epoch, wherever.
    pub unix: u64,
    /// The minute of the day, 0 to 1439.
    pub minute: u16,
    /// The day of the week, Monday is 0.
    pub weekday: u8,
    /// Year, month and day.
    pub date: (i16, i8, i8),
    /// Whether it is a day and an hour of work.
    pub at_work: bool,
}

/// The days of the week in English, Monday first.
pub const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Default for Calendar {
    /// UTC, Monday to Friday, 9:00 to 17:00.
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            days: [true, true, true, true, true, false, false],
            from: 9 * 60,
            to: 17 * 60,
        }
    }
}

impl Calendar {
    /// Reads the name of a time zone, `Europe/Berlin` or `UTC`, or a fixed distance from UTC, `+05:30`.
    #[must_use]
    pub fn zone(name: &str) -> Option<TimeZone> {
        if name.starts_with(['+', '-']) {
            let (hours, minutes) = name.get(1..)?.split_once(':')?;
            let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            let (hours, minutes): (i32, i32) = match digits(hours) && digits(minutes) {
                true => (hours.parse().ok()?, minutes.parse().ok()?),
                false => return None,
            };
            // The Line Islands are farthest.
            let seconds = (hours * 60 + minutes) * 60;
            let signed = if name.starts_with('-') { -seconds } else { seconds };
            let valid = minutes < 60 && seconds <= 14 * 3600;
            return valid.then(|| Offset::from_seconds(signed).ok()).flatten().map(TimeZone::fixed);
        }
        // The binary's own copy of the zones, so that every machine decides alike.
        jiff::tz::TimeZoneDatabase::bundled().get(name).ok()
    }

    /// Moves it to another zone.
    pub fn set_zone(&mut self, zone: TimeZone) {
        self.zone = zone;
    }

    /// Sets the days of work, Monday first, and the minutes of the day from which and to which they last; over
    /// midnight if `to` is before `from`.
    pub const fn set_work(&mut self, days: [bool; 7], from: u16, to: u16) {
        self.days = days;
        self.from = from;
        self.to = to;
    }

    /// What its clock shows at this moment.
    #[must_use]
    pub fn local(&self, now: Moment) -> LocalTime {
        let unix = now.unix_seconds();
        // A moment lies before the year 10000, which is as far as timestamps go; beyond it, midnight is as good as any.
        let stamp = i64::try_from(unix).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let zoned = stamp.unwrap_or(Timestamp::MAX).to_zoned(self.zone.clone());
        let minute = u16::from(zoned.hour().unsigned_abs()) * 60 + u16::from(zoned.minute().unsigned_abs());
        let weekday = zoned.weekday();
        // Hours over midnight belong to the day on which they began.
        let day = if self.to < self.from && minute < self.to { weekday.previous() } else { weekday };
        let at_work = self.days.get(usize::from(number(day))).copied().unwrap_or_default()
            && within(minute, self.from, self.to);
        let date = (zoned.year(), zoned.month(), zoned.day());
        LocalTime { unix, minute, weekday: number(weekday), date, at_work }
    }
}

fn number(day: Weekday) -> u8 {
    day.to_monday_zero_offset().unsigned_abs()
}

/// Whether a minute of the day lies in a span that may go over midnight.
#[must_use]
pub fn within(minute: u16, from: u16, to: u16) -> bool {
    if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

impl LocalTime {
    /// The day of the week in English, in lower case.
    #[must_use]
    pub fn weekday_name(&self) -> &'static str {
        WEEKDAYS.get(usize::from(self.weekday)).copied().unwrap_or_default()
    }
}

/// `2026-11-21`
pub struct Date(pub (i16, i8, i8));

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 is a Saturday; 13:30 UTC.
    const SATURDAY: Moment = Moment::from_unix_seconds(1_795_267_800);

    #[test]
    fn the_same_moment_is_another_time_elsewhere() {
        let at = |zone: &str, now: Moment| {
            let mut calendar = Calendar::default();
            calendar.set_zone(Calendar::zone(zone).unwrap());
            let local = calendar.local(now);
            (local.weekday_name(), local.minute, Date(local.date).to_string(), local.at_work)
        };
        assert_eq!(at("UTC", SATURDAY), ("saturday", 810, "2026-11-21".to_owned(), false));
        assert_eq!(at("Europe/Berlin", SATURDAY).1, 870);
        assert_eq!(at("+05:30", SATURDAY).1, 810 + 330);
        assert_eq!(at("Pacific/Kiritimati", SATURDAY).0, "sunday");
        // Summer time: the same hour of UTC half a year earlier.
        let july = Moment::from_unix_seconds(1_795_267_800 - 130 * 86_400);
        assert_eq!(at("Europe/Berlin", july).1, 930);
        let friday = SATURDAY.minus(core::time::Duration::from_secs(86_400));
        assert!(at("UTC", friday).3 && !at("Asia/Tokyo", friday).3);
    }

    #[test]
    fn work_over_midnight_belongs_to_the_day_it_began() {
        let mut calendar = Calendar::default();
        calendar.set_work([true, true, true, true, true, false, false], 22 * 60, 6 * 60);
        let at = |hours: u64| {
            let noon = SATURDAY.minus(core::time::Duration::from_secs(13 * 3600 + 1800));
            calendar.local(noon.plus(core::time::Duration::from_secs(hours * 3600))).at_work
        };
        // Saturday at 1:00 is Friday's night; Sunday at 1:00 is Saturday's.
        assert!(at(1) && !at(7) && !at(23) && !at(25));
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for wrong in
            ["", "Mars/Olympus", "+5", "+05:60", "+15:00", "-14:01", "05:30", "+ab:cd", "../etc/passwd"]
        {
            assert_eq!(Calendar::zone(wrong), None, "{wrong}");
        }
        assert!(Calendar::zone("-14:00").is_some() && Calendar::zone("utc").is_some());
    }
}
