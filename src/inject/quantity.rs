//! A quantity of CPU or memory, as Kubernetes writes it: `100m`, `0.5`, `64Mi`, `1e3`.

use core::fmt;

/// The longest text that is read; the API server's own canonical form is shorter.
const LONGEST: usize = 24;
/// Billionths in one.
const NANO: i128 = 1_000_000_000;

/// A quantity above zero. Compared by what it amounts to, shown as it was written.
#[derive(Clone, Debug)]
pub struct Quantity {
    text: Box<str>,
    /// In billionths, rounded up as the API server rounds.
    nano: i128,
}

/// The text is no quantity above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoQuantity;

impl fmt::Display for NoQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is no quantity above zero, such as `100m` or `64Mi`")
    }
}

impl std::error::Error for NoQuantity {}

impl Quantity {
    /// Reads a quantity.
    ///
    /// # Errors
    /// [`NoQuantity`], also for zero, negative ones, and those that nobody means (more than 24 characters or 10²⁹).
    ///
    /// ```
    /// use countersign::inject::quantity::Quantity;
    ///
    /// let quarter = Quantity::read("250m").unwrap();
    /// assert_eq!(quarter, Quantity::read("0.25").unwrap());
    /// assert!(quarter < Quantity::read("1").unwrap());
    /// assert!(Quantity::read("64 Mi").is_err());
    /// ```
    pub fn read(text: &str) -> Result<Self, NoQuantity> {
        let nano = amount(text).filter(|nano| *nano > 0).ok_or(NoQuantity)?;
        Ok(Self { text: text.into(), nano })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::str::FromStr for Quantity {
    type Err = NoQuantity;

    fn from_str(text: &str) -> Result<Self, NoQuantity> {
        Self::read(text)
    }
}

/// How much it is in billionths; `k8s.io/apimachinery/pkg/api/resource`, "quantity".
fn amount(text: &str) -> Option<i128> {
    if text.len() > LONGEST {
        return None;
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = u32::try_from(fraction.len()).ok()?;
    let (times, tenths) = factor(suffix)?;
    // digits · times · 10^(9 + tenths - places), rounded up.
    let value = digits.checked_mul(times)?;
    let power = 9 + tenths - i64::from(places);
    let scale = 10_i128.checked_pow(u32::try_from(power.unsigned_abs()).ok()?)?;
    if power < 0 { Some(value.checked_add(scale - 1)? / scale) } else { value.checked_mul(scale) }
}

/// What a suffix multiplies by: a number, and a power of ten.
fn factor(suffix: &str) -> Option<(i128, i64)> {
    let binary = |power: u32| Some((1_i128 << (10 * power), 0));
    let decimal = |power: i64| Some((1, power));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (-9..=18).contains(&exponent).then_some((1, exponent))
        }
    }
}

/// The least CPU that the API server tells apart.
#[must_use]
pub fn least_cpu() -> Quantity {
    Quantity { text: "1m".into(), nano: NANO / 1000 }
}

/// The least memory in which the sidecar starts at all.
#[must_use]
pub fn least_memory() -> Quantity {
    Quantity { text: "16Mi".into(), nano: (16 << 20) * NANO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_amount_to_what_kubernetes_takes_them_for() {
        for (text, nano) in [
            ("1", NANO),
            ("1.", NANO),
            (".5", NANO / 2),
            ("0.5", NANO / 2),
            ("100m", NANO / 10),
            ("1n", 1),
            ("0.1n", 1),
            ("5u", 5000),
            ("2k", 2000 * NANO),
            ("1Ki", 1024 * NANO),
            ("64Mi", (64 << 20) * NANO),
            ("1.5Gi", 1536 * (1 << 20) * NANO),
            ("1e3", 1000 * NANO),
            ("1E3", 1000 * NANO),
            ("1E", 1_000_000_000_000_000_000 * NANO),
            ("12E-1", NANO * 12 / 10),
            ("007", 7 * NANO),
        ] {
            assert_eq!(amount(text), Some(nano), "{text}");
        }
        assert_eq!(least_cpu(), Quantity::read("0.001").unwrap());
        assert_eq!(least_memory(), Quantity::read("16777216").unwrap());
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            ".",
            "m",
            "-1",
            "+1",
            "0",
            "0m",
            "1 ",
            " 1",
            "1.2.3",
            "1mi",
            "1K",
            "1kb",
            "64MB",
            "1e",
            "1e+",
            "1e99",
            "NaN",
            "1_000",
            "0x10",
            "١",
            "1e1e1",
            "99999999999999999999999999",
            "1Kii",
            "9999999999999999999999Ei",
        ] {
            assert_eq!(Quantity::read(text).ok(), None, "{text}");
        }
    }
}
