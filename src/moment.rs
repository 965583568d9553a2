//! A moment: time as a value, in milliseconds since the Unix epoch, and its RFC 3339 form.

use core::fmt;
use core::time::Duration;

/// A point in time, UTC, with millisecond resolution, between 1970 and the end of the year 9999.
///
/// Words never ask what time it is; they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

/// The last millisecond that [`Moment`] can hold: 9999-12-31T23:59:59.999Z.
const LAST: u64 = 253_402_300_799_999;

impl Moment {
    /// From milliseconds since the Unix epoch; later than the year 9999 becomes its last millisecond.
    #[must_use]
    pub const fn from_unix_millis(millis: u64) -> Self {
        Self(if millis > LAST { LAST } else { millis })
    }

    /// From seconds since the Unix epoch, the unit of a token's `iat`, `nbf` and `exp`.
    #[must_use]
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self::from_unix_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This moment moved forward; stops at the end of the year 9999.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self::from_unix_millis(self.0.saturating_add(whole_millis(by)))
    }

    /// This moment moved back; stops at the epoch.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(by)))
    }

    /// How long after `earlier` this is; nothing if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Reads the UTC form that [`fmt::Display`] writes, `2026-11-21T09:30:00Z`, with or without milliseconds.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let rest = text.strip_suffix('Z')?;
        let (date, time) = rest.split_once('T')?;
        let mut date = date.split('-').map(fixed_number);
        let (year, month, day) = (date.next()??, date.next()??, date.next()??);
        let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
        let mut clock = clock.split(':').map(fixed_number);
        let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
        let millis = match fraction.len() {
            0 if !time.contains('.') => 0,
            3 => fixed_number(fraction)?,
            _ => return None,
        };
        if hour > 23 || minute > 59 || second > 59 || !(1970..=9999).contains(&year) {
            return None;
        }
        let days = days_from_civil(year, month, day);
        let moment =
            Self(days.checked_mul(86_400_000)? + hour * 3_600_000 + minute * 60_000 + second * 1000 + millis);
        // Writing it again catches the thirtieth of February, missing digits and trailing parts.
        let same =
            if fraction.is_empty() { moment.to_string() == text } else { moment.with_millis() == text };
        same.then_some(moment)
    }

    fn with_millis(self) -> String {
        let text = Self(self.0 - self.0 % 1000).to_string();
        format!("{}.{:03}Z", text.trim_end_matches('Z'), self.0 % 1000)
    }
}

/// `2026-11-21T09:30:00Z`, or with three decimals where the milliseconds are not zero.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, of_day) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.0 % 1000 {
            0 => f.write_str("Z"),
            millis => write!(f, ".{millis:03}Z"),
        }
    }
}

fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn fixed_number(digits: &str) -> Option<u64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `days_from_civil`), for years from 1970 on.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.saturating_sub(1);
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).saturating_sub(719_468)
}

/// The date that lies `days` after 1970-01-01 (same source, `civil_from_days`).
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(feature = "engine")]
impl serde::Serialize for Moment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

#[cfg(feature = "engine")]
impl<'de> serde::Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_unix_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates_are_written_and_read() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_795_258_921_007, "2026-11-21T11:02:01.007Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
        ] {
            let moment = Moment::from_unix_millis(millis);
            assert_eq!(moment.to_string(), text);
            assert_eq!(Moment::from_rfc3339(text), Some(moment));
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T00:00:00",
            "2026-11-21T00:00:00+01:00",
            "2026-11-21 00:00:00Z",
            "2026-11-21T00:00:00.1Z",
            "1969-12-31T23:59:59Z",
            "2026-11-21T00:00:00.Z",
            "2026-1-21T00:00:00Z",
            "2026-11-21-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
        ] {
            assert_eq!(Moment::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_round_trips() {
        for day in (0..2_932_896).step_by(13) {
            let (year, month, of_month) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, of_month), day);
        }
    }

    #[test]
    fn moving_never_wraps() {
        let end = Moment::from_unix_millis(u64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(Moment::default().minus(Duration::MAX), Moment::default());
        assert_eq!(Moment::default().since(end), Duration::ZERO);
    }
}
