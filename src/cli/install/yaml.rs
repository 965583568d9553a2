//! Objects written as YAML: blocks for people to read, and quotes wherever a plain text could be taken for something
//! else.

use serde_json::Value;

/// One document, with a line feed at its end.
#[must_use]
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.trim_start_matches(['\n', ' ']).to_owned()
}

/// What follows a key or a dash.
fn write(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                line(text, depth);
                text.push_str(&scalar(key));
                text.push(':');
                write(text, member, depth + 1);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for member in list {
                line(text, depth);
                text.push('-');
                match member {
                    // A mapping begins on the line of its dash.
                    Value::Object(members) if !members.is_empty() => {
                        let mut inner = String::new();
                        write(&mut inner, member, depth + 1);
                        text.push(' ');
                        text.push_str(inner.trim_start());
                    }
                    Value::Array(_)
                    | Value::Object(_)
                    | Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_) => write(text, member, depth + 1),
                }
            }
        }
        Value::String(string) => {
            text.push(' ');
            match literal(string) {
                true => {
                    text.push('|');
                    if !string.ends_with('\n') {
                        text.push('-');
                    }
                    for part in string.strip_suffix('\n').unwrap_or(string).split('\n') {
                        match part.is_empty() {
                            true => text.push('\n'),
                            false => {
                                line(text, depth);
                                text.push_str(part);
                            }
                        }
                    }
                }
                false => text.push_str(&scalar(string)),
            }
        }
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            text.push(' ');
            text.push_str(&value.to_string());
        }
    }
}

fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(core::iter::repeat_n("  ", depth));
}

/// Whether a text of several lines can stand as they are: the first shows how far all are set in, nothing is lost at
/// their ends, and the last is ended once or not at all.
fn literal(string: &str) -> bool {
    let plain =
        |c: char| c == '\n' || (!c.is_control() && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}');
    string.contains('\n')
        && !string.starts_with([' ', '\n'])
        && !string.ends_with("\n\n")
        && string.trim() != ""
        && string.chars().all(plain)
}

/// A text on one line: plain where nothing else could be read, as JSON otherwise, which is YAML too.
fn scalar(string: &str) -> String {
    let starts = string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let inner = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    // Also what older readers take for a truth value, or for nothing.
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let word = words.iter().any(|word| string.eq_ignore_ascii_case(word));
    match starts && string.chars().all(inner) && !word {
        true => string.to_owned(),
        false => Value::from(string).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn it_reads_well() {
        let value = json!({
            "kind": "ConfigMap",
            "data": { "a.yaml": "x: 1\n\ny: 2\n", "answer": "yes", "empty": "" },
            "list": [{ "name": "a", "args": ["keys", "--from", "1"] }, [], {}],
        });
        let text = "data:\n  a.yaml: |\n    x: 1\n\n    y: 2\n  answer: \"yes\"\n  empty: \"\"\nkind: ConfigMap\nlist:\n  \
                    - args:\n      - keys\n      - \"--from\"\n      - \"1\"\n    name: a\n  - []\n  - {}\n";
        assert_eq!(document(&value), text);
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[ -~\n]{0,12}",
            "\\PC{0,6}",
            "[a-z]{1,4}\n{0,2}[ a-z:#-]{0,6}\n{0,2}",
            Just("0400".to_owned()),
            Just("1e3".to_owned()),
            Just("~".to_owned()),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{1,6}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_read_back_as_it_was(value in values()) {
            let value = json!({ "document": value });
            let text = document(&value);
            let read: Value = serde_saphyr::from_str(&text).map_err(|error| {
                TestCaseError::fail(format!("{error}\n{text}"))
            })?;
            prop_assert_eq!(read, value, "{}", text);
        }
    }
}
