//! When a certificate ends: the one field of X.509 that is told to those who watch (RFC 5280 §4.1.2.5).

use crate::moment::Moment;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The end of a certificate's validity; nothing if it is none that can be read.
pub(super) fn not_after(certificate: &[u8]) -> Option<Moment> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (to_be_signed, _) = expect(certificate, SEQUENCE)?;
    let rest = expect(to_be_signed, VERSION).map_or(to_be_signed, |(_, rest)| rest);
    let (_serial, rest) = expect(rest, INTEGER)?;
    let (_algorithm, rest) = expect(rest, SEQUENCE)?;
    let (_issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, _) = expect(rest, SEQUENCE)?;
    let (_, _not_before, rest) = value(validity)?;
    let (tag, time, _) = value(rest)?;
    moment(tag, time)
}

/// A value of this tag, and what follows it.
fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, inside, rest) = value(der)?;
    (found == tag).then_some((inside, rest))
}

/// The tag of the first value, what is in it, and what follows it.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        length @ 0..=0x7f => (usize::from(*length), rest),
        // More than four bytes of length would be more than any certificate has.
        count @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(count & 0x7f))?;
            (bytes.iter().fold(0, |length: usize, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (inside, rest) = rest.split_at_checked(length)?;
    Some((*tag, inside, rest))
}

/// `YYMMDDHHMMSSZ` with a year from 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, time: &[u8]) -> Option<Moment> {
    let text = core::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let date = jiff::civil::Date::new(year, two(0)?, two(2)?).ok()?;
    let time = jiff::civil::Time::new(two(4)?, two(6)?, two(8)?, 0).ok()?;
    let seconds = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some(Moment::from_unix_millis(u64::try_from(seconds).ok()?.checked_mul(1000)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let key = KeyPair::generate().unwrap();
        for (year, month, day, seconds) in [
            (2026, 11, 22, 1_795_305_600),
            (2049, 12, 31, 2_524_521_600),
            (2050, 1, 1, 2_524_608_000),
            (2150, 6, 1, 5_693_328_000),
        ] {
            let mut parameters = CertificateParams::new(["desk.example".to_owned()]).unwrap();
            parameters.not_after = date_time_ymd(year, month, day);
            let certificate = parameters.self_signed(&key).unwrap();
            let found = not_after(certificate.der()).map(Moment::unix_millis);
            assert_eq!(found, Some(seconds * 1000), "{year}-{month}-{day}");
        }
    }

    #[test]
    fn times_of_another_form_are_not_read() {
        for (tag, time) in [
            (UTC_TIME, "261122000000"),
            (UTC_TIME, "261322000000Z"),
            (UTC_TIME, "26112200000Z"),
            (UTC_TIME, "2611220000+1Z"),
            (UTC_TIME, "691231235959Z"),
            (GENERALIZED_TIME, "20261122000000.5Z"),
            (SEQUENCE, "261122000000Z"),
        ] {
            assert_eq!(moment(tag, time.as_bytes()), None, "{time}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_a_stranger_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = not_after(&bytes);
        }
    }
}
