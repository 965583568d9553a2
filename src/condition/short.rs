//! The short form of a condition, for command lines: `canary:max_percent=10`.
//!
//! The name; where it has members a colon and `member=value`, separated by commas. Moments are RFC 3339, the fields
//! of a mask are separated by `+`: `time_window:from=2026-11-21T09:00:00Z,until=2026-11-21T10:00:00Z`,
//! `mask:fields=email+ssn`, `dry_run`.

use super::schema::{Names, members, range};
use super::{Canary, Condition, ConditionError, ConditionKind};
use crate::moment::Moment;
use crate::operation::json::{Object, Value};
use core::fmt;

/// Why a text is not the short form of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortFormError {
    /// The registry has no condition of that name; perhaps this one was meant.
    UnknownName(Option<ConditionKind>),
    /// A part is not `member=value`.
    NotAMember(ConditionKind),
    /// A member is unknown, missing, or there twice.
    Members(ConditionKind),
    /// The named member's value is not of the right type or out of range.
    Value(ConditionKind, &'static str),
}

impl fmt::Display for ShortFormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName(Some(near)) => write!(f, "unknown condition; did you mean `{near}`"),
            Self::UnknownName(None) => {
                write!(f, "unknown condition; there are {}", Names(&ConditionKind::ALL))
            }
            Self::NotAMember(kind) => {
                write!(f, "a condition is written `{}`", example(*kind))
            }
            Self::Members(kind) => {
                write!(f, "a condition `{kind}` has {}, as in `{}`", members(*kind), example(*kind))
            }
            Self::Value(kind, member) => {
                let (range, example) = (range(*kind, member), example(*kind));
                write!(f, "the `{member}` of a condition `{kind}` is {range}, as in `{example}`")
            }
        }
    }
}

impl std::error::Error for ShortFormError {}

const fn example(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::Canary => "canary:max_percent=10",
        ConditionKind::TimeWindow => "time_window:from=2026-11-21T09:00:00Z,until=2026-11-21T10:00:00Z",
        ConditionKind::Mask => "mask:fields=email+ssn",
        ConditionKind::RowLimit => "row_limit:max=100",
        ConditionKind::MaxAmount => "max_amount:currency=EUR,minor=5000",
        ConditionKind::TargetSubset => "target_subset:sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        ConditionKind::DryRun => "dry_run",
        ConditionKind::Rate => "rate:max=10,per_s=60",
        ConditionKind::RollbackWithin => "rollback_within:s=300",
        ConditionKind::OnlineConsume => "online_consume",
    }
}

impl Condition {
    /// Reads the short form, `canary:max_percent=10`.
    ///
    /// # Errors
    /// [`ShortFormError`], which says how the condition is written.
    pub fn parse_short(text: &str) -> Result<Self, ShortFormError> {
        let (name, rest) = match text.split_once(':') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        let kind = ConditionKind::parse(name).ok_or_else(|| ShortFormError::UnknownName(near(name)))?;
        let mut object = Object::new().with("type", name);
        for part in rest.into_iter().flat_map(|rest| rest.split(',')) {
            let (member, value) = part.split_once('=').ok_or(ShortFormError::NotAMember(kind))?;
            if member == "type" || object.get(member).is_some() {
                return Err(ShortFormError::Members(kind));
            }
            object = object.with(member, typed(kind, member, value));
        }
        Self::from_value(&Value::from(object)).map_err(|error| match error {
            ConditionError::Value(kind, member) => ShortFormError::Value(kind, member),
            ConditionError::NotAnObject
            | ConditionError::NoType
            | ConditionError::UnknownType
            | ConditionError::Members(_) => ShortFormError::Members(kind),
        })
    }

    /// Writes the short form, which [`Condition::parse_short`] reads.
    #[must_use]
    pub fn to_short(&self) -> String {
        let name = self.kind();
        match self {
            Self::Canary(Canary::MaxPercent(percent)) => format!("{name}:max_percent={}", percent.value()),
            Self::Canary(Canary::MaxTargets(limit)) => format!("{name}:max_targets={}", limit.value()),
            Self::TimeWindow(window) => format!("{name}:from={},until={}", window.from(), window.until()),
            Self::Mask(fields) => format!("{name}:fields={}", fields.iter().collect::<Vec<_>>().join("+")),
            Self::RowLimit(limit) => format!("{name}:max={}", limit.value()),
            Self::MaxAmount(amount) => {
                format!("{name}:currency={},minor={}", amount.currency(), amount.minor())
            }
            Self::TargetSubset(digest) => format!("{name}:sha256={digest}"),
            Self::Rate(rate) => format!("{name}:max={},per_s={}", rate.max(), rate.per_s()),
            Self::RollbackWithin(limit) => format!("{name}:s={}", limit.value()),
            Self::DryRun | Self::OnlineConsume => name.as_str().into(),
        }
    }
}

/// A value as the schema wants it; what can't be one stays text, which the schema then refuses where it must.
fn typed(kind: ConditionKind, member: &str, value: &str) -> Value {
    let text = || Value::from(value);
    match kind {
        ConditionKind::Mask => Value::from(value.split('+').map(Value::from).collect::<Vec<_>>()),
        ConditionKind::TimeWindow => match Moment::from_rfc3339(value) {
            Some(moment) if moment.unix_millis().is_multiple_of(1000) => Value::from(moment.unix_seconds()),
            Some(_) | None => text(),
        },
        ConditionKind::MaxAmount if member == "currency" => text(),
        ConditionKind::TargetSubset => text(),
        ConditionKind::Canary
        | ConditionKind::RowLimit
        | ConditionKind::MaxAmount
        | ConditionKind::DryRun
        | ConditionKind::Rate
        | ConditionKind::RollbackWithin
        | ConditionKind::OnlineConsume => {
            let digits = value.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| value.parse::<u64>().ok()).flatten();
            number.map_or_else(text, Value::from)
        }
    }
}

/// The condition whose name differs least from `name`, if it differs by no more than two edits.
fn near(name: &str) -> Option<ConditionKind> {
    let close = |kind: &ConditionKind| edits(name, kind.as_str());
    ConditionKind::ALL.into_iter().min_by_key(close).filter(|kind| edits(name, kind.as_str()) <= 2)
}

/// Levenshtein's distance; a text too long to be close to any name is far from all.
fn edits(a: &str, b: &str) -> usize {
    if a.len() > 32 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let above = *cell;
            left = (before + usize::from(x != y)).min(above + 1).min(left + 1);
            before = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_read_and_written_back() {
        for kind in ConditionKind::ALL {
            let condition = Condition::parse_short(example(kind)).unwrap();
            assert_eq!(condition.kind(), kind);
            assert_eq!(condition.to_short(), example(kind));
        }
    }

    #[test]
    fn mistakes_are_named() {
        use ConditionKind as K;
        use ShortFormError as E;
        for (text, error) in [
            ("", E::UnknownName(None)),
            ("canari:max_percent=10", E::UnknownName(Some(K::Canary))),
            ("row-limit:max=1", E::UnknownName(Some(K::RowLimit))),
            ("nothing of the kind", E::UnknownName(None)),
            ("canary", E::Members(K::Canary)),
            ("canary:", E::NotAMember(K::Canary)),
            ("canary:10", E::NotAMember(K::Canary)),
            ("canary:max_percent=10,max_percent=20", E::Members(K::Canary)),
            ("canary:max_percent=10%", E::Value(K::Canary, "max_percent")),
            ("canary:type=canary", E::Members(K::Canary)),
            ("dry_run:x=1", E::Members(K::DryRun)),
            ("dry_run:", E::NotAMember(K::DryRun)),
            ("mask:fields=a++b", E::Value(K::Mask, "fields")),
            ("time_window:from=9,until=10", E::Value(K::TimeWindow, "from")),
            ("row_limit:max=99999999999999999999", E::Value(K::RowLimit, "max")),
            ("row_limit:max=", E::Value(K::RowLimit, "max")),
        ] {
            assert_eq!(Condition::parse_short(text), Err(error), "{text}");
        }
        assert_eq!(
            Condition::parse_short("canary:max_percent=0").unwrap_err().to_string(),
            "the `max_percent` of a condition `canary` is a whole number from 1 to 100, as in `canary:max_percent=10`"
        );
    }
}
