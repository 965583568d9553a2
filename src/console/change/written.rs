//! An operation as somebody can edit it: its parameters as JSON on several lines, in which no character is hidden.

use crate::operation::Operation;
use crate::operation::json::Value;
use crate::operation::render::{visible, visible_lines};

/// What stands in the fields of the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) resource: String,
    pub(super) body: Body,
}

/// What the operation carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Its parameters, as JSON.
    Parameters(String),
    /// Its payload, a text.
    Payload(String),
}

impl Default for Body {
    fn default() -> Self {
        Self::Parameters(String::new())
    }
}

impl Written {
    /// What there is to edit; nothing where a form could not carry it without changing it, or hiding something of it.
    pub(super) fn of(operation: &Operation, payload: &[u8]) -> Option<Self> {
        let body = match operation.parameters() {
            Some(parameters) => {
                let mut text = String::new();
                pretty(&parameters, 0, &mut text);
                Body::Parameters(text)
            }
            None => {
                let text = core::str::from_utf8(payload).ok()?;
                // A browser ends lines in its own way.
                let plain = !text.contains('\r') && visible_lines(text) == text;
                Body::Payload(plain.then(|| text.to_owned())?)
            }
        };
        let resource = operation.resource();
        // What misleads the eye is typed anew.
        let resource = if visible(resource) == resource { resource.to_owned() } else { String::new() };
        Some(Self { resource, body })
    }

    /// The operation that is written there, of the same action, and its payload.
    ///
    /// # Errors
    /// Why it is none, in words.
    pub(super) fn read(&self, action: &str) -> Result<(Operation, Option<Vec<u8>>), String> {
        let operation = match &self.body {
            Body::Parameters(text) => Operation::from_json(action, &self.resource, text.as_bytes()),
            Body::Payload(text) => Operation::from_payload(action, &self.resource, text.as_bytes()),
        };
        let payload = match &self.body {
            Body::Parameters(_) => None,
            Body::Payload(text) => Some(text.clone().into_bytes()),
        };
        operation.map(|operation| (operation, payload)).map_err(|error| error.to_string())
    }
}

/// JSON on several lines. Its values are those of an operation, so it is not deep.
fn pretty(value: &Value, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.extend(core::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Array(elements) if !elements.is_empty() => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                line(depth + 1, out);
                pretty(element, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        Value::Object(object) if !object.is_empty() => {
            out.push('{');
            for (at, (name, member)) in object.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                line(depth + 1, out);
                string(name, out);
                out.push_str(": ");
                pretty(member, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        Value::String(text) => string(text, out),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            out.push_str(&String::from_utf8_lossy(&value.to_canonical()));
        }
    }
}

/// A string in which whatever could mislead the eye is escaped.
fn string(text: &str, out: &mut String) {
    let json = String::from_utf8_lossy(&Value::from(text).to_canonical()).into_owned();
    if visible(text) == text {
        out.push_str(&json);
        return;
    }
    for character in json.chars() {
        if character.is_ascii() && !character.is_ascii_control() {
            out.push(character);
        } else {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            out.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_edited_is_the_operation_and_nothing_in_it_is_hidden() {
        for parameters in [
            "{}",
            r#"{"a":[1,2.5,{"b":null}],"c":"x\ny","d":[],"e":{},"f":true}"#,
            "{\"a\":\"x\u{202e}y\",\"\u{200b}\":\"\u{1d5ba}\",\"é\":\"é\"}",
            r#"{"quote":"\"\\\u0000\u001b"}"#,
        ] {
            let operation = Operation::from_json("a.b", "c", parameters.as_bytes()).unwrap();
            let written = Written::of(&operation, b"").unwrap();
            let Body::Parameters(text) = &written.body else { panic!("no parameters") };
            assert_eq!(visible_lines(text), *text);
            assert_eq!(written.read("a.b").unwrap().0.digest(), operation.digest(), "{text}");
        }
    }

    #[test]
    fn a_payload_is_edited_where_a_form_can_carry_it() {
        for (payload, editable) in [
            (&b"select 1;\nselect 2;"[..], true),
            (b"", true),
            (b"a\r\nb", false),
            (b"\xff", false),
            ("a\u{202e}b".as_bytes(), false),
        ] {
            let operation = Operation::from_payload("a.b", "c", payload).unwrap();
            let written = Written::of(&operation, payload);
            assert_eq!(written.is_some(), editable);
            if let Some(written) = written {
                assert_eq!(written.read("a.b").unwrap().0.digest(), operation.digest());
            }
        }
        let hidden = Operation::from_json("a.b", "c\u{200b}", b"{}").unwrap();
        assert_eq!(Written::of(&hidden, b"").unwrap().resource, "");
        assert!(Written::default().read("a.b").is_err());
    }
}
