//! A span of time as people write it: `15s`, `30m`, `2h`, `1h30m`, `7d`.

use core::fmt;
use core::time::Duration;

/// A span of whole seconds, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// Why a text is not a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotASpan {
    /// It is not a row of whole numbers, each with its unit `d`, `h`, `m` or `s`, largest first.
    Form,
    /// A number without its unit.
    Unit,
    /// It is no time at all.
    Zero,
    /// It is longer than the year 9999 is away.
    TooLong,
}

impl fmt::Display for NotASpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a span of time is written `15s`, `30m`, `2h` or `1h30m`",
            Self::Unit => "a span of time needs its unit: `s`, `m`, `h` or `d`",
            Self::Zero => "a span of time is at least one second",
            Self::TooLong => "the span of time is too long",
        })
    }
}

impl std::error::Error for NotASpan {}

/// The units, largest first, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// The longest span in seconds.
const LONGEST: u64 = 253_402_300_799;

impl Span {
    /// Reads a span.
    ///
    /// # Errors
    /// [`NotASpan`].
    pub fn parse(text: &str) -> Result<Self, NotASpan> {
        let mut rest = text;
        let mut seconds = 0_u64;
        let mut units = UNITS.iter();
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(NotASpan::Unit)?;
            let (number, after) = rest.split_at(digits);
            let mut after = after.chars();
            let unit = after.next().ok_or(NotASpan::Form)?;
            // Each unit once, and no larger one after a smaller.
            let (_, factor) = units.by_ref().find(|(name, _)| *name == unit).ok_or(NotASpan::Form)?;
            if number.is_empty() {
                return Err(NotASpan::Form);
            }
            let number: u64 = number.parse().map_err(|_| NotASpan::TooLong)?;
            seconds = number
                .checked_mul(*factor)
                .and_then(|part| seconds.checked_add(part))
                .filter(|sum| *sum <= LONGEST)
                .ok_or(NotASpan::TooLong)?;
            rest = after.as_str();
        }
        match (text, seconds) {
            ("", _) => Err(NotASpan::Form),
            (_, 0) => Err(NotASpan::Zero),
            (_, seconds) => Ok(Self(seconds)),
        }
    }

    /// The span of a duration, its whole seconds; for sentences.
    #[must_use]
    pub const fn of(duration: Duration) -> Self {
        Self(duration.as_secs())
    }

    /// The span in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// The span.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// The shortest form that is read back as the same span.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for (unit, factor) in UNITS {
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_written_back() {
        for (text, seconds) in
            [("15s", 15), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("7d", 604_800), ("1d2h3m4s", 93_784)]
        {
            let span = Span::parse(text).unwrap();
            assert_eq!((span.as_seconds(), span.to_string()), (seconds, text.to_owned()));
        }
        assert_eq!(Span::parse("90s").unwrap().to_string(), "1m30s");
        assert_eq!(Span::parse("0h5m").unwrap().as_seconds(), 300);
    }

    #[test]
    fn what_is_no_span_is_refused_for_its_reason() {
        for (text, why) in [
            ("", NotASpan::Form),
            ("30", NotASpan::Unit),
            ("30 m", NotASpan::Form),
            ("m", NotASpan::Form),
            ("1m1h", NotASpan::Form),
            ("1m1m", NotASpan::Form),
            ("-1m", NotASpan::Form),
            ("1.5h", NotASpan::Form),
            ("1w", NotASpan::Form),
            ("1M", NotASpan::Form),
            ("٣m", NotASpan::Form),
            ("0s", NotASpan::Zero),
            ("99999999999999999999s", NotASpan::TooLong),
            ("9999999999999999d", NotASpan::TooLong),
        ] {
            assert_eq!(Span::parse(text), Err(why), "{text}");
        }
    }
}
