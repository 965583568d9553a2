//! The JSON form of a condition: an object with its `type` and exactly the members of that type.

use super::{
    Amount, Canary, Condition, ConditionKind, Currency, Fields, Limit, MAX_INTEGER, Percent, Rate, TimeWindow,
};
use crate::digest::TargetSetDigest;
use crate::moment::Moment;
use crate::operation::json::{Object, Value};
use core::fmt;

/// The last second that a [`Moment`] can hold.
const LAST_SECOND: u64 = 253_402_300_799;

/// Why a value is not a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionError {
    /// It is not a JSON object.
    NotAnObject,
    /// It has no `type`, or one that is not a string.
    NoType,
    /// The registry has no condition of that type.
    UnknownType,
    /// It has a member that its type does not have, or lacks one, or has two of which one is allowed.
    Members(ConditionKind),
    /// The named member's value is not of the right type or out of range.
    Value(ConditionKind, &'static str),
}

impl ConditionError {
    /// Whether the condition is not known at all, rather than known and malformed.
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::UnknownType)
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("a condition is a JSON object"),
            Self::NoType => f.write_str("a condition names its `type` in a string"),
            Self::UnknownType => write!(f, "unknown condition; there are {}", Names(&ConditionKind::ALL)),
            Self::Members(kind) => write!(f, "a condition `{kind}` has {}", members(*kind)),
            Self::Value(kind, member) => {
                write!(f, "the `{member}` of a condition `{kind}` is {}", range(*kind, member))
            }
        }
    }
}

impl std::error::Error for ConditionError {}

/// Names of conditions, separated by commas.
pub(super) struct Names<'a>(pub(super) &'a [ConditionKind]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, kind) in self.0.iter().enumerate() {
            write!(f, "{}`{kind}`", if position == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Which members a condition has, in words.
pub(super) const fn members(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::Canary => "one of `max_percent` and `max_targets`",
        ConditionKind::TimeWindow => "exactly `from` and `until`",
        ConditionKind::Mask => "exactly `fields`",
        ConditionKind::RowLimit => "exactly `max`",
        ConditionKind::MaxAmount => "exactly `currency` and `minor`",
        ConditionKind::TargetSubset => "exactly `sha256`",
        ConditionKind::Rate => "exactly `max` and `per_s`",
        ConditionKind::RollbackWithin => "exactly `s`",
        ConditionKind::DryRun | ConditionKind::OnlineConsume => "no members",
    }
}

/// What a member may hold, in words.
pub(super) fn range(kind: ConditionKind, member: &str) -> &'static str {
    match (kind, member) {
        (ConditionKind::Canary, "max_percent") => "a whole number from 1 to 100",
        (ConditionKind::TimeWindow, _) => "a whole second, and `from` is before `until`",
        (ConditionKind::Mask, _) => "a list of different field names of letters, digits and `_-./*[]$:@`",
        (ConditionKind::MaxAmount, "currency") => "three capital letters",
        (ConditionKind::MaxAmount, _) => "a whole number of minor units, from 0",
        (ConditionKind::TargetSubset, _) => "43 characters of base64url",
        _ => "a whole number from 1",
    }
}

impl Condition {
    /// Reads the JSON form; the schemas are closed.
    ///
    /// # Errors
    /// [`ConditionError`]: what is unknown or malformed.
    pub fn from_value(value: &Value) -> Result<Self, ConditionError> {
        let object = value.as_object().ok_or(ConditionError::NotAnObject)?;
        let name = object.get("type").and_then(Value::as_str).ok_or(ConditionError::NoType)?;
        let kind = ConditionKind::parse(name).ok_or(ConditionError::UnknownType)?;
        let members = Members { object, kind };
        match kind {
            ConditionKind::Canary if object.get("max_percent").is_some() => {
                members.exactly(1)?;
                let percent = Percent::new(members.number("max_percent")?);
                let percent = percent.ok_or(ConditionError::Value(kind, "max_percent"))?;
                Ok(Self::Canary(Canary::MaxPercent(percent)))
            }
            ConditionKind::Canary => {
                members.exactly(1)?;
                Ok(Self::Canary(Canary::MaxTargets(members.limit("max_targets")?)))
            }
            ConditionKind::TimeWindow => {
                members.exactly(2)?;
                let window = TimeWindow::new(members.second("from")?, members.second("until")?);
                Ok(Self::TimeWindow(window.ok_or(ConditionError::Value(kind, "until"))?))
            }
            ConditionKind::Mask => {
                members.exactly(1)?;
                let wrong = ConditionError::Value(kind, "fields");
                let names = members.value("fields")?.as_array().ok_or(wrong)?;
                let names = names.iter().map(Value::as_str).collect::<Option<Vec<_>>>().ok_or(wrong)?;
                Ok(Self::Mask(Fields::new(names).ok_or(wrong)?))
            }
            ConditionKind::RowLimit => {
                members.exactly(1)?;
                Ok(Self::RowLimit(members.limit("max")?))
            }
            ConditionKind::MaxAmount => {
                members.exactly(2)?;
                let currency = Currency::parse(members.text("currency")?);
                let currency = currency.ok_or(ConditionError::Value(kind, "currency"))?;
                let amount = Amount::new(currency, members.number("minor")?);
                Ok(Self::MaxAmount(amount.ok_or(ConditionError::Value(kind, "minor"))?))
            }
            ConditionKind::TargetSubset => {
                members.exactly(1)?;
                let digest = TargetSetDigest::parse(members.text("sha256")?);
                Ok(Self::TargetSubset(digest.ok_or(ConditionError::Value(kind, "sha256"))?))
            }
            ConditionKind::DryRun => members.exactly(0).map(|()| Self::DryRun),
            ConditionKind::Rate => {
                members.exactly(2)?;
                Ok(Self::Rate(Rate::new(members.limit("max")?, members.limit("per_s")?)))
            }
            ConditionKind::RollbackWithin => {
                members.exactly(1)?;
                Ok(Self::RollbackWithin(members.limit("s")?))
            }
            ConditionKind::OnlineConsume => members.exactly(0).map(|()| Self::OnlineConsume),
        }
    }

    /// The JSON form.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let object = Object::new().with("type", self.kind().as_str());
        let object = match self {
            Self::Canary(Canary::MaxPercent(percent)) => {
                object.with("max_percent", u64::from(percent.value()))
            }
            Self::Canary(Canary::MaxTargets(limit)) => object.with("max_targets", limit.value()),
            Self::TimeWindow(window) => {
                object.with("from", window.from().unix_seconds()).with("until", window.until().unix_seconds())
            }
            Self::Mask(fields) => object.with("fields", fields.iter().map(Value::from).collect::<Vec<_>>()),
            Self::RowLimit(limit) => object.with("max", limit.value()),
            Self::MaxAmount(amount) => {
                object.with("currency", amount.currency().to_string()).with("minor", amount.minor())
            }
            Self::TargetSubset(digest) => object.with("sha256", digest.to_string()),
            Self::Rate(rate) => object.with("max", rate.max()).with("per_s", rate.per_s()),
            Self::RollbackWithin(limit) => object.with("s", limit.value()),
            Self::DryRun | Self::OnlineConsume => object,
        };
        Value::from(object)
    }
}

/// The members of a condition beside its `type`.
struct Members<'a> {
    object: &'a Object,
    kind: ConditionKind,
}

impl<'a> Members<'a> {
    /// Refuses any other number of members; with each of them then asked for by name, none is left over.
    fn exactly(&self, number: usize) -> Result<(), ConditionError> {
        if self.object.len() == number + 1 { Ok(()) } else { Err(ConditionError::Members(self.kind)) }
    }

    fn value(&self, member: &'static str) -> Result<&'a Value, ConditionError> {
        self.object.get(member).ok_or(ConditionError::Members(self.kind))
    }

    fn number(&self, member: &'static str) -> Result<u64, ConditionError> {
        let number = self.value(member)?.as_u64().filter(|n| *n <= MAX_INTEGER);
        number.ok_or(ConditionError::Value(self.kind, member))
    }

    fn limit(&self, member: &'static str) -> Result<Limit, ConditionError> {
        Limit::new(self.number(member)?).ok_or(ConditionError::Value(self.kind, member))
    }

    fn second(&self, member: &'static str) -> Result<Moment, ConditionError> {
        let second = self.number(member)?;
        let fits = (second <= LAST_SECOND).then(|| Moment::from_unix_seconds(second));
        fits.ok_or(ConditionError::Value(self.kind, member))
    }

    fn text(&self, member: &'static str) -> Result<&'a str, ConditionError> {
        self.value(member)?.as_str().ok_or(ConditionError::Value(self.kind, member))
    }
}

/// As the JSON form.
#[cfg(feature = "engine")]
impl serde::Serialize for Condition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

#[cfg(feature = "engine")]
impl<'de> serde::Deserialize<'de> for Condition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::json::{Limits, read};

    fn parse(text: &str) -> Result<Condition, ConditionError> {
        Condition::from_value(&read(text.as_bytes(), &Limits::OPERATION).unwrap())
    }

    /// One of every kind, in canonical form.
    const GOOD: [&str; 11] = [
        r#"{"max_percent":10,"type":"canary"}"#,
        r#"{"max_targets":3,"type":"canary"}"#,
        r#"{"from":1795258921,"type":"time_window","until":1795262521}"#,
        r#"{"fields":["email","users[].ssn"],"type":"mask"}"#,
        r#"{"max":100,"type":"row_limit"}"#,
        r#"{"currency":"EUR","minor":5000,"type":"max_amount"}"#,
        r#"{"sha256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","type":"target_subset"}"#,
        r#"{"type":"dry_run"}"#,
        r#"{"max":10,"per_s":60,"type":"rate"}"#,
        r#"{"s":300,"type":"rollback_within"}"#,
        r#"{"type":"online_consume"}"#,
    ];

    #[test]
    fn every_condition_is_read_and_written_back() {
        let mut kinds = Vec::new();
        for text in GOOD {
            let condition = parse(text).unwrap();
            assert_eq!(String::from_utf8(condition.to_value().to_canonical()).unwrap(), text);
            assert!(!condition.describe().is_empty());
            kinds.push(condition.kind());
        }
        kinds.dedup();
        assert_eq!(kinds, ConditionKind::ALL);
    }

    #[test]
    fn any_member_too_many_or_too_few_is_refused() {
        for text in GOOD {
            let kind = parse(text).unwrap().kind();
            let more = text.replace("\"type\"", "\"other\":1,\"type\"");
            assert_eq!(parse(&more), Err(ConditionError::Members(kind)), "{more}");
            let bare = format!("{{\"type\":\"{kind}\"}}");
            if text != bare {
                assert_eq!(parse(&bare), Err(ConditionError::Members(kind)), "{bare}");
            }
        }
    }

    #[test]
    fn what_is_malformed_is_named() {
        use ConditionError as E;
        use ConditionKind as K;
        for (text, error) in [
            ("[]", E::NotAnObject),
            ("{}", E::NoType),
            (r#"{"type":1}"#, E::NoType),
            (r#"{"type":"Canary","max_percent":1}"#, E::UnknownType),
            (r#"{"type":"phase_of_moon"}"#, E::UnknownType),
            (r#"{"type":"canary","max_percent":1,"max_targets":1}"#, E::Members(K::Canary)),
            (r#"{"type":"canary","max_percent":0}"#, E::Value(K::Canary, "max_percent")),
            (r#"{"type":"canary","max_percent":101}"#, E::Value(K::Canary, "max_percent")),
            (r#"{"type":"canary","max_percent":1.5}"#, E::Value(K::Canary, "max_percent")),
            (r#"{"type":"canary","max_percent":"1"}"#, E::Value(K::Canary, "max_percent")),
            (r#"{"type":"canary","max_targets":0}"#, E::Value(K::Canary, "max_targets")),
            (r#"{"type":"row_limit","max":9007199254740992}"#, E::Value(K::RowLimit, "max")),
            (r#"{"type":"row_limit","max":-1}"#, E::Value(K::RowLimit, "max")),
            (r#"{"type":"time_window","from":2,"until":2}"#, E::Value(K::TimeWindow, "until")),
            (r#"{"type":"time_window","from":2,"until":253402300800}"#, E::Value(K::TimeWindow, "until")),
            (r#"{"type":"mask","fields":[]}"#, E::Value(K::Mask, "fields")),
            (r#"{"type":"mask","fields":"a"}"#, E::Value(K::Mask, "fields")),
            (r#"{"type":"mask","fields":["a","a"]}"#, E::Value(K::Mask, "fields")),
            (r#"{"type":"mask","fields":["a b"]}"#, E::Value(K::Mask, "fields")),
            (r#"{"type":"mask","fields":[1]}"#, E::Value(K::Mask, "fields")),
            (r#"{"type":"max_amount","currency":"eur","minor":1}"#, E::Value(K::MaxAmount, "currency")),
            (r#"{"type":"target_subset","sha256":"abc"}"#, E::Value(K::TargetSubset, "sha256")),
            (r#"{"type":"rate","max":1,"per_s":0}"#, E::Value(K::Rate, "per_s")),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
            assert!(!error.to_string().is_empty());
        }
    }
}
