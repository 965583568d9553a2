//! Decisions as lines of CSV (RFC 4180).

use crate::audit::chain::Overview;
use core::fmt::Display;

/// The names of the columns, in order.
pub const COLUMNS: [&str; 18] = [
    "index",
    "time",
    "decision_id",
    "agent",
    "on_behalf_of",
    "action",
    "resource",
    "decision",
    "level",
    "score",
    "rule",
    "escalation_id",
    "status",
    "reviewers",
    "minted_at_index",
    "outcome",
    "incidents",
    "sidecar_log",
];

/// The line with the names of the columns.
#[must_use]
pub fn heading() -> String {
    COLUMNS.join(",")
}

/// One decision as a line without its end.
#[must_use]
pub fn line(overview: &Overview) -> String {
    let reviewers: Vec<&str> = overview.reviewers.iter().map(crate::party::PersonId::as_str).collect();
    let fields: [String; COLUMNS.len()] = [
        overview.index.to_string(),
        overview.at.to_string(),
        overview.txn.to_string(),
        field(overview.agent.as_str()),
        maybe(overview.on_behalf_of.as_ref()),
        field(&overview.action),
        field(&overview.resource),
        overview.effect.to_string(),
        overview.level.to_string(),
        overview.score.to_string(),
        field(overview.rule.as_deref().unwrap_or_default()),
        maybe(overview.escalation.as_ref()),
        maybe(overview.status.as_ref()),
        field(&reviewers.join(" ")),
        maybe(overview.minted.as_ref()),
        overview.outcome.map_or_else(String::new, |outcome| outcome.as_str().to_owned()),
        overview.incidents.to_string(),
        maybe(overview.from.as_ref()),
    ];
    fields.join(",")
}

fn maybe(value: Option<&impl Display>) -> String {
    value.map_or_else(String::new, |value| field(&value.to_string()))
}

/// A field, quoted where it has to be. What a spreadsheet would take for a formula is made a text: agents choose the
/// names of what they ask for.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_one_field_and_never_a_formula() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2,3", "\"'-2,3\""),
            ("", ""),
        ] {
            assert_eq!(field(text), written);
        }
    }
}
