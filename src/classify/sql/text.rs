//! Text: what can be said about SQL before it is cut into words.

use super::MAX_BYTES;
use super::lexeme::Lexeme;
use crate::classify::disguise::undisguise;

/// Whether a text begins as SQL does, behind spaces, parentheses and comments.
pub(in crate::classify) fn begins(text: &str) -> bool {
    BEGINNINGS.contains(&first_word(text).as_str())
}

/// Whether a text begins with a word that begins sentences of people as well: `show me …`.
pub(in crate::classify) fn begins_like_prose(text: &str) -> bool {
    const PROSE: &[&str] = &[
        "show", "use", "do", "set", "load", "call", "copy", "describe", "explain", "begin", "values", "lock",
        "rename", "attach", "prepare", "commit", "replace", "with", "create", "select", "update", "insert",
        "delete", "drop", "merge", "grant", "execute",
    ];
    PROSE.contains(&first_word(text).as_str())
}

/// The word that a text begins with, in lower case.
pub(super) fn first_word(text: &str) -> String {
    let plain = undisguise(text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or_default()).text;
    let mut rest = plain.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ';'));
    // What MySQL executes in a comment begins it as well.
    while let Some((after, end)) = match rest.get(..2) {
        Some("--") => Some((rest, "\n")),
        Some("/*") if !rest.starts_with("/*!") && !rest.starts_with("/*M!") => Some((rest, "*/")),
        Some(_) | None => rest.starts_with('#').then_some((rest, "\n")),
    } {
        let Some((_, next)) = after.split_once(end) else { return String::new() };
        rest = next.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ';'));
    }
    if rest.starts_with("/*!") || rest.starts_with("/*M!") {
        return "select".to_owned();
    }
    rest.chars().take_while(char::is_ascii_alphabetic).take(32).collect::<String>().to_ascii_lowercase()
}

/// The words by which a text is taken for SQL.
pub(super) const BEGINNINGS: &[&str] = &[
    "select", "insert", "update", "delete", "merge", "replace", "with", "drop", "truncate", "create",
    "alter", "grant", "revoke", "copy", "set", "show", "explain", "describe", "call", "exec", "execute",
    "values", "begin", "commit", "pragma", "vacuum", "attach", "load", "lock", "rename", "prepare", "use",
    "do",
];

/// Puts a name in the place of each part that a template engine would fill; `None` if there is none. Parameters that
/// the database binds are none of these.
pub(super) fn fill(text: &str) -> Option<(String, String)> {
    let mut filled = String::with_capacity(text.len());
    let mut first = None;
    let mut rest = text;
    while let Some((start, open, close)) = next_template(rest) {
        let (before, from) = rest.split_at_checked(start)?;
        let Some(length) = from.find(close).map(|at| at + close.len()) else { break };
        let (template, after) = from.split_at_checked(length)?;
        let inner = template.trim_start_matches(open);
        // A list of lists in PostgreSQL's text form is none.
        let list = inner.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '{' | '"' | '-'));
        filled.push_str(before);
        filled.push_str(if list { template } else { "template_value" });
        if !list {
            first.get_or_insert_with(|| template.to_owned());
        }
        rest = after;
    }
    filled.push_str(rest);
    first.map(|first| (filled, first))
}

fn next_template(text: &str) -> Option<(usize, &'static str, &'static str)> {
    const TEMPLATES: &[(&str, &str)] = &[("{{", "}}"), ("${", "}"), ("<%", "%>"), ("#{", "}"), ("{%", "%}")];
    TEMPLATES.iter().filter_map(|(open, close)| Some((text.find(open)?, *open, *close))).min()
}

/// Whether a condition, as the parser writes it, depends on a row or a parameter: it names more than keywords and
/// functions. One that does not is the same for every row.
pub(super) fn depends(condition: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "and",
        "or",
        "xor",
        "not",
        "null",
        "true",
        "false",
        "is",
        "in",
        "like",
        "ilike",
        "between",
        "case",
        "when",
        "then",
        "else",
        "end",
        "current_date",
        "current_timestamp",
        "current_time",
        "current_user",
        "session_user",
        "interval",
        "day",
        "month",
        "year",
        "hour",
        "minute",
        "second",
    ];
    if condition.contains(['?', '$', ':', '@']) {
        return true;
    }
    super::retold(condition, |lexemes| {
        lexemes.is_empty()
            || lexemes.iter().enumerate().any(|(at, lexeme)| match lexeme {
                Lexeme::Quoted(_) => true,
                Lexeme::Word(_) => !lexeme.is_any(KEYWORDS) && lexemes.get(at + 1) != Some(&Lexeme::Open),
                Lexeme::Text(_)
                | Lexeme::Number(_)
                | Lexeme::Open
                | Lexeme::Close
                | Lexeme::Comma
                | Lexeme::Period
                | Lexeme::Equals
                | Lexeme::Semicolon
                | Lexeme::Mark => false,
            })
    })
}

/// Writes the parameters of Python's drivers, `%s` and `%(name)s`, as `?`; `None` if there are none.
pub(super) fn bind(text: &str) -> Option<String> {
    let mut bound = String::with_capacity(text.len());
    let mut found = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bound.push_str(before);
        rest = after;
        let named = after.strip_prefix('(').and_then(|inner| {
            let (name, tail) = inner.split_once(")s")?;
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(tail)
        });
        let tail = named.or_else(|| after.strip_prefix('s'));
        // A text such as `'%s'` holds what it says.
        let begins = bound
            .chars()
            .next_back()
            .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ',' | '=' | '<' | '>'));
        match tail {
            Some(tail) if begins && !tail.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                bound.push('?');
                found = true;
                rest = tail;
            }
            Some(_) | None => bound.push('%'),
        }
    }
    bound.push_str(rest);
    found.then_some(bound)
}
