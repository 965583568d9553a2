//! The conditions of a form: what somebody typed or ticked, as conditions of the registry.

use crate::condition::{Condition, ConditionKind, target_digest};
use crate::console::visitor::Fields;
use crate::escalation::vote::Conditions;
use crate::moment::Moment;
use crate::operation::json::{Object, Value};
use core::time::Duration;
use std::collections::BTreeSet;

/// The longest window that the form gives, in minutes: a week.
const LONGEST_WINDOW: u64 = 7 * 24 * 60;

/// The conditions of these kinds that a form has; what is left empty is none. The field of a member has the name of
/// the kind and of the member: `canary.max_percent`.
///
/// # Errors
/// What is wrong, for whoever typed it.
pub(super) fn read(
    fields: &Fields,
    kinds: &BTreeSet<ConditionKind>,
    now: Moment,
) -> Result<Conditions, String> {
    let mut conditions = Vec::new();
    for kind in ConditionKind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        for object in objects(fields, kind, now)? {
            let value = Value::Object(object.with("type", kind.as_str()));
            conditions.push(Condition::from_value(&value).map_err(|error| error.to_string())?);
        }
    }
    Conditions::new(&conditions).map_err(|error| error.to_string())
}

fn objects(fields: &Fields, kind: ConditionKind, now: Moment) -> Result<Vec<Object>, String> {
    let field = |member: &str| fields.one(&format!("{kind}.{member}")).map(str::trim);
    let field = |member: &str| field(member).filter(|text| !text.is_empty());
    let number = |member: &str| field(member).map(|text| whole(kind, member, text)).transpose();
    let ticked = || fields.one(kind.as_str()).is_some();
    let one = |object: Object| Ok(vec![object]);
    match kind {
        ConditionKind::Canary => {
            let members = ["max_percent", "max_targets"].into_iter();
            let said = members.filter_map(|member| Some((member, number(member).transpose()?)));
            said.map(|(member, value)| Ok(Object::new().with(member, value?))).collect()
        }
        ConditionKind::TimeWindow => match number("minutes")? {
            None => Ok(Vec::new()),
            Some(minutes) if (1..=LONGEST_WINDOW).contains(&minutes) => {
                let from = now.unix_seconds();
                let until = now.plus(Duration::from_secs(60 * minutes)).unix_seconds();
                one(Object::new().with("from", from).with("until", until))
            }
            Some(_) => Err(format!("the window is from 1 to {LONGEST_WINDOW} minutes long")),
        },
        ConditionKind::Mask => match field("fields") {
            None => Ok(Vec::new()),
            Some(text) => {
                let names = text.split([',', ' ', '\n', '\r', '\t']).filter(|name| !name.is_empty());
                one(Object::new().with("fields", names.map(Value::from).collect::<Vec<_>>()))
            }
        },
        ConditionKind::RowLimit => match number("max")? {
            None => Ok(Vec::new()),
            Some(max) => one(Object::new().with("max", max)),
        },
        ConditionKind::MaxAmount => match (number("minor")?, field("currency")) {
            (None, _) => Ok(Vec::new()),
            (Some(_), None) => Err("say in which currency the amount is".to_owned()),
            (Some(minor), Some(currency)) => {
                one(Object::new().with("currency", currency.to_ascii_uppercase()).with("minor", minor))
            }
        },
        ConditionKind::TargetSubset => match field("targets") {
            None => Ok(Vec::new()),
            Some(text) => {
                let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
                let digest = target_digest(names).ok_or("name the targets, one on each line")?;
                one(Object::new().with("sha256", digest.to_string()))
            }
        },
        ConditionKind::Rate => match (number("max")?, number("per_s")?) {
            (None, None) => Ok(Vec::new()),
            (Some(max), Some(seconds)) => one(Object::new().with("max", max).with("per_s", seconds)),
            (Some(_), None) | (None, Some(_)) => Err("a rate is so many within so many seconds".to_owned()),
        },
        ConditionKind::RollbackWithin => match number("s")? {
            None => Ok(Vec::new()),
            Some(seconds) => one(Object::new().with("s", seconds)),
        },
        ConditionKind::DryRun | ConditionKind::OnlineConsume => {
            Ok(ticked().then(Object::new).into_iter().collect())
        }
    }
}

fn whole(kind: ConditionKind, member: &str, text: &str) -> Result<u64, String> {
    let digits = text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| format!("the `{member}` of a condition `{kind}` is a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_form(form: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let fields =
            Fields::of(form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        let kinds = ConditionKind::ALL.into_iter().collect();
        let now = Moment::from_unix_millis(1_795_258_921_500);
        let conditions = read(&fields, &kinds, now)?;
        Ok(conditions
            .as_slice()
            .iter()
            .map(|one| String::from_utf8(one.to_value().to_canonical()).unwrap())
            .collect())
    }

    #[test]
    fn what_is_typed_becomes_conditions_of_the_registry() {
        let none: [&str; 0] = [];
        assert_eq!(read_form(&[]).unwrap(), none);
        assert_eq!(read_form(&[("canary.max_percent", ""), ("row_limit.max", "  ")]).unwrap(), none);
        for (form, condition) in [
            (&[("canary.max_percent", "10")][..], r#"{"max_percent":10,"type":"canary"}"#),
            (&[("canary.max_targets", " 3 ")], r#"{"max_targets":3,"type":"canary"}"#),
            (
                &[("time_window.minutes", "60")],
                r#"{"from":1795258921,"type":"time_window","until":1795262521}"#,
            ),
            (&[("mask.fields", "ssn, email")], r#"{"fields":["email","ssn"],"type":"mask"}"#),
            (&[("row_limit.max", "100")], r#"{"max":100,"type":"row_limit"}"#),
            (
                &[("max_amount.minor", "5000"), ("max_amount.currency", "eur")],
                r#"{"currency":"EUR","minor":5000,"type":"max_amount"}"#,
            ),
            (&[("dry_run", "on")], r#"{"type":"dry_run"}"#),
            (&[("rate.max", "10"), ("rate.per_s", "60")], r#"{"max":10,"per_s":60,"type":"rate"}"#),
            (&[("rollback_within.s", "300")], r#"{"s":300,"type":"rollback_within"}"#),
            (&[("online_consume", "on")], r#"{"type":"online_consume"}"#),
        ] {
            assert_eq!(read_form(form).unwrap(), [condition]);
        }
        let targets = read_form(&[("target_subset.targets", "b\r\na\r\n\r\n")]).unwrap();
        let digest = target_digest(["a", "b"]).unwrap();
        assert_eq!(targets, [format!(r#"{{"sha256":"{digest}","type":"target_subset"}}"#)]);
    }

    #[test]
    fn what_is_no_condition_is_refused_in_words() {
        for form in [
            &[("canary.max_percent", "101")][..],
            &[("canary.max_percent", "ten")],
            &[("canary.max_targets", "-1")],
            &[("row_limit.max", "99999999999999999999")],
            &[("time_window.minutes", "0")],
            &[("time_window.minutes", "100000")],
            &[("mask.fields", "a\u{202e}b")],
            &[("mask.fields", ",")],
            &[("max_amount.minor", "1")],
            &[("max_amount.minor", "1"), ("max_amount.currency", "€")],
            &[("rate.max", "1")],
        ] {
            assert!(!read_form(form).unwrap_err().is_empty(), "{form:?}");
        }
    }

    #[test]
    fn a_condition_that_the_executor_does_not_enforce_is_no_part_of_the_form() {
        let fields = Fields::of(vec![("dry_run".to_owned(), "on".to_owned())]);
        let kinds = BTreeSet::from([ConditionKind::Canary]);
        assert!(read(&fields, &kinds, Moment::from_unix_millis(0)).unwrap().as_slice().is_empty());
    }
}
