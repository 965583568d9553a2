//! The clock on somebody's wall: moments as they are told there, and what they write down read back.

use super::hours;
use super::person::Person;
use crate::moment::Moment;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A clock on a wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wall(TimeZone);

/// By UTC.
impl Default for Wall {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Wall {
    /// The one on this person's; UTC where the roster does not say where they live.
    #[must_use]
    pub fn of(person: &Person) -> Self {
        Self(if person.time_zone.is_unknown() { TimeZone::UTC } else { person.time_zone.clone() })
    }

    /// In which time zone it hangs: `Europe/Berlin`, `UTC`.
    #[must_use]
    pub fn zone(&self) -> String {
        self.0.iana_name().map_or_else(
            || self.0.to_fixed_offset().map_or_else(|_| "UTC".to_owned(), |offset| offset.to_string()),
            str::to_owned,
        )
    }

    /// What it shows: `2026-11-22 03:19`.
    #[must_use]
    pub fn shows(&self, at: Moment) -> String {
        hours::local(&self.0, at).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The same as a browser writes it into a field for a moment: `2026-11-22T03:19`.
    #[must_use]
    pub fn field(&self, at: Moment) -> String {
        hours::local(&self.0, at).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// The moment at which it shows what such a field says, with or without seconds. Where it is put forward over that,
    /// the moment so much later; where it is put back, the first of the two.
    #[must_use]
    pub fn read(&self, field: &str) -> Option<Moment> {
        let plain = |byte: u8| byte.is_ascii_digit() || b"-T:.".contains(&byte);
        let whole = (16..=23).contains(&field.len()) && field.bytes().all(plain) && field.contains('T');
        let local: DateTime = whole.then(|| field.parse().ok())??;
        if !(1970..9999).contains(&local.year()) {
            return None;
        }
        let stamp = self.0.to_timestamp(local).ok()?;
        u64::try_from(stamp.as_millisecond()).ok().map(Moment::from_unix_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::calendar::Calendar;

    fn wall(zone: &str) -> Wall {
        Wall(Calendar::zone(zone).unwrap())
    }

    fn at(text: &str) -> Moment {
        Moment::from_rfc3339(text).unwrap()
    }

    #[test]
    fn a_moment_is_told_and_read_by_the_clock_on_the_wall() {
        for (zone, moment, shown) in [
            ("Europe/Berlin", "2026-11-22T02:19:00Z", "2026-11-22 03:19"),
            ("Europe/Berlin", "2026-07-01T22:30:00Z", "2026-07-02 00:30"),
            ("America/New_York", "2026-11-22T02:19:00Z", "2026-11-21 21:19"),
            ("UTC", "2026-11-22T02:19:00Z", "2026-11-22 02:19"),
        ] {
            let wall = wall(zone);
            assert_eq!(wall.shows(at(moment)), shown, "{zone}");
            assert_eq!(wall.field(at(moment)), shown.replace(' ', "T"));
            assert_eq!(wall.read(&wall.field(at(moment))), Some(at(moment)), "{zone}");
            assert_eq!(wall.zone(), zone);
        }
    }

    #[test]
    fn what_is_no_such_field_is_no_moment() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22 03:19",
            "2026-11-22T03:19Z",
            "2026-11-22T03:19+01:00",
            "2026-02-30T03:19",
            "1969-12-31T23:59",
            "9999-12-31T23:59",
            "2026-11-22T25:00",
            "2026-11-22T03:19[UTC]",
            "-02026-11-22T03:19",
        ] {
            assert_eq!(wall("Europe/Berlin").read(text), None, "{text}");
        }
        assert_eq!(wall("UTC").read("2026-11-22T03:19:07"), Some(at("2026-11-22T03:19:07Z")));
        // The hour that is skipped, and the one that is there twice.
        assert_eq!(wall("Europe/Berlin").read("2026-03-29T02:30"), Some(at("2026-03-29T01:30:00Z")));
        assert_eq!(wall("Europe/Berlin").read("2026-10-25T02:30"), Some(at("2026-10-25T00:30:00Z")));
    }
}
