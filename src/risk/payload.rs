//! What the parameters themselves say about how much is touched: filter, rows, limit, at their top level.
//!
//! Absent says nothing, as in the published method. What is there and makes no sense counts as the riskiest that
//! it could mean, because the store behind may well make sense of it.

use super::model::{Field, ScopeTable};
use crate::operation::json::{Number, Object, Value};

/// What the parameters say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// A filter that leaves nothing out, and the parameter that holds it.
    pub everything: Option<(String, Unfiltered)>,
    /// The largest number of rows, and the parameter that holds it.
    pub rows: Option<(String, Amount)>,
    /// The largest limit, and the parameter that holds it.
    pub limit: Option<(String, Amount)>,
    /// The largest cost, and the parameter that holds it. What is no number says nothing of what it costs.
    pub cost: Option<(String, u64)>,
}

/// Why a filter leaves nothing out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfiltered {
    /// A wildcard alone: `*`.
    Wildcard(String),
    /// A comparison that is always true: `1=1`.
    AlwaysTrue(String),
    /// Empty, null, or nothing that filters.
    Nothing,
}

/// A number in the parameters, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Amount {
    /// This many; a fraction counts as a whole one.
    Number(u64),
    /// It is no number of things: negative, null, words.
    Nonsense,
}

impl Reading {
    /// Reads the top level of the parameters.
    #[must_use]
    pub fn of(parameters: &Object, table: &ScopeTable) -> Self {
        let mut reading = Self::default();
        for (name, value) in parameters.iter() {
            let is = |fields: &[Field]| fields.iter().any(|field| field.is(name));
            if is(&table.filter_fields)
                && let Some(why) = unfiltered(value)
            {
                reading.everything.get_or_insert_with(|| (name.to_owned(), why));
            }
            if is(&table.rows_fields) {
                keep_larger(&mut reading.rows, name, amount(value));
            }
            if is(&table.limit_fields) {
                // No limit at all is what zero means to several stores.
                let limit = Some(amount(value)).filter(|limit| *limit != Amount::Number(0));
                keep_larger(&mut reading.limit, name, limit.unwrap_or(Amount::Nonsense));
            }
            if is(&table.cost_fields)
                && let Some(cost) = cost(value)
                && reading.cost.as_ref().is_none_or(|(_, before)| cost > *before)
            {
                reading.cost = Some((name.to_owned(), cost));
            }
        }
        reading
    }
}

fn keep_larger(kept: &mut Option<(String, Amount)>, name: &str, amount: Amount) {
    if kept.as_ref().is_none_or(|(_, before)| amount > *before) {
        *kept = Some((name.to_owned(), amount));
    }
}

/// A sum of money: a number, a text that begins or ends with one, or an object that holds one (`{"value": 5, …}`).
fn cost(value: &Value) -> Option<u64> {
    let number = |amount| match amount {
        Amount::Number(number) => Some(number),
        Amount::Nonsense => None,
    };
    match value {
        Value::Number(of) => number(of_number(of)),
        Value::String(text) => {
            let money = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '_' | '\'');
            let digits = text.trim_matches(|c| !money(c)).replace([',', '_', '\''], "");
            let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
            let whole = number(of_digits(whole))?;
            Some(if fraction.bytes().any(|b| b != b'0') { whole.saturating_add(1) } else { whole })
        }
        Value::Object(parts) => parts.iter().filter_map(|(_, part)| cost_of_part(part)).max(),
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}

/// Like [`cost`], one level deep.
fn cost_of_part(value: &Value) -> Option<u64> {
    match value {
        Value::Number(_) | Value::String(_) => cost(value),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn amount(value: &Value) -> Amount {
    match value {
        Value::Number(number) => of_number(number),
        Value::String(text) => of_digits(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Amount::Nonsense,
    }
}

/// Reads ECMAScript's form of a number: an exponent appears only from 1e21 on and below 1e-6.
fn of_number(number: &Number) -> Amount {
    let text = number.as_str();
    if text.starts_with('-') {
        return Amount::Nonsense;
    }
    if let Some((_, exponent)) = text.split_once('e') {
        return Amount::Number(if exponent.starts_with('-') { 1 } else { u64::MAX });
    }
    match text.split_once('.') {
        Some((whole, _)) => match of_digits(whole) {
            Amount::Number(whole) => Amount::Number(whole.saturating_add(1)),
            Amount::Nonsense => Amount::Nonsense,
        },
        None => of_digits(text),
    }
}

fn of_digits(text: &str) -> Amount {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Amount::Nonsense;
    }
    Amount::Number(text.parse().unwrap_or(u64::MAX))
}

/// Why `value`, as a filter, leaves nothing out; `None` if it filters.
fn unfiltered(value: &Value) -> Option<Unfiltered> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(Unfiltered::Nothing),
        Value::String(text) => unfiltered_text(text),
        // One alternative that leaves nothing out is enough …
        Value::Array(any) if any.is_empty() => Some(Unfiltered::Nothing),
        Value::Array(any) => any.iter().find_map(unfiltered),
        // … and one member that filters is, too.
        Value::Object(all) => {
            let mut reasons = all.iter().map(|(_, value)| filters_nothing(value));
            let first = reasons.next().unwrap_or(Some(Unfiltered::Nothing))?;
            reasons.all(|reason| reason.is_some()).then_some(first)
        }
    }
}

/// Like [`unfiltered`] for a member of a filter, where a plain number or truth value is what is looked for.
fn filters_nothing(value: &Value) -> Option<Unfiltered> {
    match value {
        Value::Bool(_) | Value::Number(_) => None,
        Value::String(text) => wildcard(text).then(|| Unfiltered::Wildcard(text.clone())),
        Value::Null | Value::Array(_) | Value::Object(_) => unfiltered(value),
    }
}

fn unfiltered_text(text: &str) -> Option<Unfiltered> {
    let lower = text.to_ascii_lowercase();
    let bare = lower.trim_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ';'));
    if matches!(bare, "" | "true" | "1" | "all") {
        return Some(Unfiltered::Nothing);
    }
    if wildcard(bare) {
        return Some(Unfiltered::Wildcard(text.to_owned()));
    }
    always_true(bare).then(|| Unfiltered::AlwaysTrue(text.to_owned()))
}

fn wildcard(text: &str) -> bool {
    let text = text.trim();
    text.contains(['*', '%']) && text.chars().all(|c| matches!(c, '*' | '%' | '.' | '/' | '?'))
}

/// Whether a filter in the manner of SQL is true of everything, as far as can be told without parsing SQL.
fn always_true(lower: &str) -> bool {
    let words: Vec<&str> = lower.split_whitespace().collect();
    if !has_tautology(&words) {
        return false;
    }
    // `1=1 and id=7` is what query builders write, and filters. Anything that is not plainly a row of
    // conjunctions is taken for the worse.
    let names = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let unclear = names.into_iter().any(|name| matches!(name, "or" | "not" | "union" | "xor" | "case"))
        || ["||", "--", "/*", "#", ";", "!"].iter().any(|mark| lower.contains(mark));
    unclear || words.split(|word| *word == "and").all(has_tautology)
}

/// Whether one thing is compared with itself somewhere in these words.
fn has_tautology(words: &[&str]) -> bool {
    let text: String =
        words.iter().map(|word| if matches!(*word, "and" | "or" | "not") { "|" } else { *word }).collect();
    text.match_indices('=').any(|(at, _)| {
        let (Some(left), Some(right)) = (text.get(..at), text.get(at + 1..)) else { return false };
        let left = last_operand(left.trim_end_matches(['=', '(', ')']));
        let right = first_operand(right.trim_start_matches(['=', '(', ')']));
        !left.is_empty() && left == right
    })
}

fn last_operand(text: &str) -> &str {
    match text.chars().next_back().filter(|c| is_quote(*c)) {
        Some(quote) => {
            let inside = text.strip_suffix(quote).unwrap_or(text);
            inside.rsplit(quote).next().unwrap_or_default()
        }
        None => text.rsplit(|c| !in_operand(c)).next().unwrap_or_default(),
    }
}

fn first_operand(text: &str) -> &str {
    match text.chars().next().filter(|c| is_quote(*c)) {
        Some(quote) => {
            let inside = text.strip_prefix(quote).unwrap_or(text);
            inside.split(quote).next().unwrap_or_default()
        }
        None => text.split(|c| !in_operand(c)).next().unwrap_or_default(),
    }
}

const fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

fn in_operand(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::json::{Limits, read};
    use crate::risk::Model;

    fn reading(json: &str) -> Reading {
        let value = read(json.as_bytes(), &Limits::OPERATION).unwrap();
        Reading::of(value.as_object().unwrap(), &Model::default().scope)
    }

    #[test]
    fn a_filter_that_leaves_nothing_out_is_seen() {
        for filter in [
            r#""*""#,
            r#"" * ""#,
            r#""%""#,
            r#""**""#,
            r#""*.*""#,
            r#""""#,
            r#""1=1""#,
            r#""1 = 1""#,
            r#""(1=1);""#,
            r#""'a'='a'""#,
            r#""id=7 OR 1=1""#,
            r#""id = id""#,
            r#""true""#,
            r#""TRUE""#,
            r#""1""#,
            "null",
            "true",
            "0",
            "{}",
            "[]",
            r#"["id=1","*"]"#,
            r#"{"match_all":{}}"#,
            r#"{"id":"*","name":"%"}"#,
            r#""1=1 and 2=2""#,
            r#""1=1 -- and id=7""#,
            r#""1==1""#,
            r#""id='x'or'1'='1'""#,
            r#""name='' OR ('a'='a')""#,
            r#""\n1\t=\n1""#,
        ] {
            for field in ["filter", "where", "where_clause", "Where-Clause", "whereClause"] {
                let read = reading(&format!(r#"{{"{field}":{filter}}}"#));
                assert!(read.everything.is_some(), "{field} {filter}");
            }
        }
    }

    #[test]
    fn a_filter_that_filters_is_not_a_wildcard() {
        for filter in [
            r#""id = 7""#,
            r#""x1=1""#,
            r#""1=10""#,
            r#""11=1""#,
            r#""1=1 AND id=7""#,
            r#""name like 'a%'""#,
            r#"{"id":7}"#,
            r#"{"active":true}"#,
            r#"{"id":"*","name":"bob"}"#,
            r#"["id=1","id=2"]"#,
            r#""a*""#,
        ] {
            assert_eq!(reading(&format!(r#"{{"filter":{filter}}}"#)).everything, None, "{filter}");
        }
        assert_eq!(reading(r#"{"nested":{"filter":"*"}}"#), Reading::default());
    }

    #[test]
    fn money_is_read_in_its_usual_spellings() {
        for (json, expected) in [
            ("5000", Some(5000)),
            ("5000.01", Some(5001)),
            (r#""5000""#, Some(5000)),
            (r#""5,000.00 EUR""#, Some(5000)),
            (r#""$5'000.50""#, Some(5001)),
            (r#"{"value":"5000","currency":"EUR"}"#, Some(5000)),
            (r#"{"value":5000,"currency":"EUR"}"#, Some(5000)),
            ("1e300", Some(u64::MAX)),
            ("-5", None),
            ("null", None),
            ("true", None),
            ("[5]", None),
            (r#""much""#, None),
        ] {
            let read = reading(&format!(r#"{{"Amount":{json}}}"#)).cost;
            assert_eq!(read.map(|(_, cost)| cost), expected, "{json}");
        }
    }

    #[test]
    fn numbers_count_in_any_spelling_and_nonsense_is_more_than_any_number() {
        for (json, expected) in [
            ("1000", Amount::Number(1000)),
            ("\"1000\"", Amount::Number(1000)),
            ("\" 1000 \"", Amount::Number(1000)),
            ("1000.5", Amount::Number(1001)),
            ("1e3", Amount::Number(1000)),
            ("1e300", Amount::Number(u64::MAX)),
            ("\"99999999999999999999999\"", Amount::Number(u64::MAX)),
            ("1e-9", Amount::Number(1)),
            ("-1", Amount::Nonsense),
            ("\"1.000\"", Amount::Nonsense),
            ("\"1,000\"", Amount::Nonsense),
            ("\"5k\"", Amount::Nonsense),
            ("\"\"", Amount::Nonsense),
            ("null", Amount::Nonsense),
            ("true", Amount::Nonsense),
            ("[1]", Amount::Nonsense),
            ("{}", Amount::Nonsense),
        ] {
            let read = reading(&format!(r#"{{"affected_rows_estimate":{json},"limit":{json}}}"#));
            assert_eq!(read.rows, Some(("affected_rows_estimate".to_owned(), expected)), "{json}");
            assert_eq!(read.limit, Some(("limit".to_owned(), expected)), "{json}");
        }
        assert_eq!(reading(r#"{"limit":0}"#).limit, Some(("limit".to_owned(), Amount::Nonsense)));
        assert_eq!(
            reading(r#"{"affected_rows_estimate":0}"#).rows,
            Some(("affected_rows_estimate".to_owned(), Amount::Number(0)))
        );
        let both = reading(r#"{"limit":5,"LIMIT":2000}"#).limit;
        assert_eq!(both, Some(("LIMIT".to_owned(), Amount::Number(2000))));
    }
}
