//! Numbers that a double repeats exactly, held as their RFC 8785 text.

use super::error::Fault;
use core::fmt;

/// A number, held as its RFC 8785 text (what ECMAScript writes); never a negative zero.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

/// Why a number has no exact RFC 8785 form: a double would change it, or it is not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotExact;

impl fmt::Display for NotExact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number that a double would change: send it as a string")
    }
}

impl std::error::Error for NotExact {}

impl Number {
    /// The number that a finite double is; both zeros are `0`.
    ///
    /// # Errors
    /// [`NotExact`] for infinities and for what is not a number.
    pub fn from_f64(double: f64) -> Result<Self, NotExact> {
        double.is_finite().then(|| Self(ryu_js::Buffer::new().format_finite(double).into())).ok_or(NotExact)
    }

    /// The RFC 8785 text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, if it is whole and fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        // ECMAScript writes whole numbers below 1e21 without point and exponent.
        self.0.parse().ok()
    }

    /// The number, if it is whole and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The number as a double: always exact, since nothing else is a [`Number`].
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        // RFC 8785 text is always a number to Rust; NaN compares false to everything, should that ever change.
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// From a well-formed literal and what [`literal`] said about it.
    pub(super) fn from_scanned(literal: &[u8], as_is: bool) -> Result<Self, Fault> {
        if as_is {
            return core::str::from_utf8(literal).map(|text| Self(text.into())).map_err(|_| Fault::BadNumber);
        }
        exact_form(literal, &mut ryu_js::Buffer::new()).map(|form| Self(form.into()))
    }

    fn from_whole(whole: &str) -> Result<Self, NotExact> {
        Self::from_scanned(whole.as_bytes(), false).map_err(|_| NotExact)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self(number.to_string().into())
    }
}

impl TryFrom<u64> for Number {
    type Error = NotExact;

    fn try_from(number: u64) -> Result<Self, NotExact> {
        Self::from_whole(&number.to_string())
    }
}

impl TryFrom<i64> for Number {
    type Error = NotExact;

    fn try_from(number: i64) -> Result<Self, NotExact> {
        Self::from_whole(&number.to_string())
    }
}

/// How many bytes at the start of `bytes` are a number literal (RFC 8259 §6), and whether it is already in its
/// exact form: whole, without leading zero, and of at most 15 digits, which every double repeats.
pub(super) fn literal(bytes: &[u8]) -> Result<(usize, bool), Fault> {
    let digits_from = |at: usize| bytes.iter().skip(at).take_while(|b| b.is_ascii_digit()).count();
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits_from(sign);
    let zero_first = bytes.get(sign) == Some(&b'0');
    if whole == 0 || (zero_first && whole > 1) {
        return Err(Fault::BadNumber);
    }
    let mut end = sign + whole;
    let mut as_is = whole <= 15 && !(zero_first && sign == 1);
    if bytes.get(end) == Some(&b'.') {
        as_is = false;
        let fraction = digits_from(end + 1);
        if fraction == 0 {
            return Err(Fault::BadNumber);
        }
        end += 1 + fraction;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        as_is = false;
        let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits_from(end + 1 + signed);
        if exponent == 0 {
            return Err(Fault::BadNumber);
        }
        end += 1 + signed + exponent;
    }
    Ok((end, as_is))
}

/// The RFC 8785 form of a literal, if its decimal value is the literal's.
pub(super) fn exact_form<'b>(literal: &[u8], buffer: &'b mut ryu_js::Buffer) -> Result<&'b str, Fault> {
    let wanted = Decimal::of(literal)?;
    if wanted.digits == 0 {
        return if wanted.negative { Err(Fault::NegativeZero) } else { Ok(buffer.format_finite(0.0)) };
    }
    // The value is below 10^magnitude and not below a tenth of that. The largest double is 1.8e308, the smallest 4.9e-324.
    if wanted.magnitude > 309 {
        return Err(Fault::NumberOutOfRange);
    }
    if wanted.magnitude < -330 {
        return Err(Fault::LossyNumber);
    }
    // Short, whatever the length of the literal. Rust rounds correctly.
    let short = format!("{}{}e{}", if wanted.negative { "-" } else { "" }, wanted.digits, wanted.exponent());
    let double: f64 = short.parse().map_err(|_| Fault::BadNumber)?;
    if double.is_infinite() {
        return Err(Fault::NumberOutOfRange);
    }
    let form = buffer.format_finite(double);
    if Decimal::of(form.as_bytes()) == Ok(wanted) { Ok(form) } else { Err(Fault::LossyNumber) }
}

/// A decimal value in its one normal form: the significant digits without zeros at either end, and the power of
/// ten that the decimal point before the first of them stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: u64,
    count: u32,
    magnitude: i64,
}

impl Decimal {
    /// The value of a well-formed literal. More than 17 significant digits are lossy whatever they are, since
    /// ECMAScript never writes more; so the work is one pass over the literal.
    fn of(literal: &[u8]) -> Result<Self, Fault> {
        let (mut digits, mut count, mut zeros) = (0_u64, 0_u32, 0_u32);
        let (mut magnitude, mut in_fraction) = (0_i64, false);
        let mut rest = literal.iter();
        let mut exponent = 0;
        for &byte in rest.by_ref() {
            match byte {
                b'0' if count == 0 => magnitude -= i64::from(in_fraction),
                b'0' => {
                    zeros = zeros.saturating_add(1);
                    magnitude += i64::from(!in_fraction);
                }
                b'1'..=b'9' => {
                    count = count.saturating_add(zeros).saturating_add(1);
                    if count > 17 {
                        return Err(Fault::LossyNumber);
                    }
                    digits = digits * 10_u64.pow(zeros + 1) + u64::from(byte - b'0');
                    zeros = 0;
                    magnitude += i64::from(!in_fraction);
                }
                b'.' => in_fraction = true,
                b'e' | b'E' => {
                    exponent = saturating_exponent(rest.as_slice());
                    break;
                }
                _ => {}
            }
        }
        let negative = literal.first() == Some(&b'-');
        Ok(Self { negative, digits, count, magnitude: magnitude.saturating_add(exponent) })
    }

    /// The power of ten of the last digit.
    fn exponent(&self) -> i64 {
        self.magnitude.saturating_sub(i64::from(self.count))
    }
}

fn saturating_exponent(text: &[u8]) -> i64 {
    let size = text
        .iter()
        .filter(|b| b.is_ascii_digit())
        .fold(0_i64, |size, &digit| size.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if text.first() == Some(&b'-') { -size } else { size }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts shown in messages are cut at ASCII")]
mod tests {
    use super::*;

    fn form(literal: &str) -> Result<String, Fault> {
        Number::from_scanned(literal.as_bytes(), false).map(|number| number.to_string())
    }

    #[test]
    fn lossless_literals_get_their_ecmascript_form() {
        let zeros = "0".repeat(100_000);
        for (literal, expected) in [
            ("0", "0"),
            ("0.000e99999999999999999999", "0"),
            ("0.7", "0.7"),
            ("19.90", "19.9"),
            ("1e2", "100"),
            ("-1.5E+3", "-1500"),
            ("1e21", "1e+21"),
            ("12345678901234567000", "12345678901234567000"),
            ("9007199254740992", "9007199254740992"),
            ("9007199254740994", "9007199254740994"),
            ("100000000000000000000000", "1e+23"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("0.0000001", "1e-7"),
            (&format!("1{zeros}e-100000"), "1"),
            (&format!("0.{zeros}12e100001"), "1.2"),
        ] {
            assert_eq!(form(literal).as_deref(), Ok(expected), "{}", &literal[..literal.len().min(40)]);
        }
    }

    #[test]
    fn what_a_double_would_change_is_refused() {
        let nines = "9".repeat(200_000);
        for (literal, fault) in [
            ("9007199254740993", Fault::LossyNumber),
            ("1.000000000000000005", Fault::LossyNumber),
            ("333333333.33333329", Fault::LossyNumber),
            ("18446744073709551615", Fault::LossyNumber),
            ("123456789012345678000", Fault::LossyNumber),
            ("-9223372036854775808", Fault::LossyNumber),
            ("1e-400", Fault::LossyNumber),
            ("1e-99999999999999999999", Fault::LossyNumber),
            ("2e-324", Fault::LossyNumber),
            ("4.9e-324", Fault::LossyNumber),
            ("1e400", Fault::NumberOutOfRange),
            ("1.7976931348623159e308", Fault::NumberOutOfRange),
            ("-1e99999999999999999999", Fault::NumberOutOfRange),
            ("-0", Fault::NegativeZero),
            ("-0.0", Fault::NegativeZero),
            ("-0e5", Fault::NegativeZero),
            ("-0.000E-400", Fault::NegativeZero),
            (&nines, Fault::LossyNumber),
        ] {
            assert_eq!(form(literal), Err(fault), "{}", &literal[..literal.len().min(40)]);
        }
    }
}
