//! What holds for all JSON: the canonical form is a fixed point, tells values apart and nothing else, and is the
//! one that others compute.

use super::canonical;
use countersign::operation::Operation;
use countersign::operation::json::{Limits, Number, Object, Value, read};
use proptest::prelude::*;
use proptest::sample::Index;

fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\0', '\u{1f}'),
        1 => proptest::sample::select(vec!['"', '\\', '/', '\u{7f}', '\u{d7ff}', '\u{e000}', '\u{fffd}', '\u{10000}']),
        1 => any::<char>(),
    ]
    .prop_map(|c| if is_noncharacter(c) { '?' } else { c })
}

fn is_noncharacter(c: char) -> bool {
    ('\u{fdd0}'..='\u{fdef}').contains(&c) || u32::from(c) % 0x10000 >= 0xFFFE
}

pub(super) fn string() -> impl Strategy<Value = String> {
    proptest::collection::vec(character(), 0..12).prop_map(String::from_iter)
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(|n| Value::from(i64::from(n))),
        (0..=1_u64 << 53).prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |n| Number::from_f64(n).ok().map(Value::from)),
    ]
}

fn object_of(members: Vec<(String, Value)>) -> Value {
    let object = members.into_iter().fold(Object::new(), |object, (name, value)| object.with(&name, value));
    Value::Object(object)
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        string().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((string(), inner), 0..6).prop_map(object_of),
        ]
    })
}

pub(super) fn object() -> impl Strategy<Value = Value> {
    proptest::collection::vec((string(), value()), 0..6).prop_map(object_of)
}

/// Writes the value in one of the many ways that mean the same, as `choices` says.
fn write_freely(value: &Value, choices: &mut dyn FnMut(usize) -> usize, out: &mut String) {
    let space = [" ", "", "\n", "\t", "\r\n", ""];
    out.push_str(space[choices(space.len())]);
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => write_number_freely(number.as_str(), choices, out),
        Value::String(text) => write_string_freely(text, choices, out),
        Value::Array(elements) => {
            out.push('[');
            for (place, element) in elements.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write_freely(element, choices, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            for place in (1..members.len()).rev() {
                members.swap(place, choices(place + 1));
            }
            out.push('{');
            for (place, (name, member)) in members.into_iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write_string_freely(name, choices, out);
                out.push_str(space[choices(space.len())]);
                out.push(':');
                write_freely(member, choices, out);
            }
            out.push('}');
        }
    }
    out.push_str(space[choices(space.len())]);
}

fn write_number_freely(number: &str, choices: &mut dyn FnMut(usize) -> usize, out: &mut String) {
    match (number.split_once('e'), choices(4)) {
        (Some((digits, exponent)), 1) => out.push_str(&format!("{digits}E{exponent}")),
        (None, 1) if number.contains('.') => out.push_str(&format!("{number}000")),
        (None, 1) => out.push_str(&format!("{number}.0")),
        (None, 2) => out.push_str(&format!("{number}e-0")),
        (None, 3) if !number.contains('.') && number != "0" => out.push_str(&format!("{number}00E-2")),
        _ => out.push_str(number),
    }
}

fn write_string_freely(text: &str, choices: &mut dyn FnMut(usize) -> usize, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let must = c < ' ' || c == '"' || c == '\\';
        match (choices(6), c) {
            (0, _) => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04X}")))
            }
            (1, '/') => out.push_str("\\/"),
            (1, '\n') => out.push_str("\\n"),
            _ if must => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn freely(value: &Value, choices: &[Index]) -> String {
    let mut next = choices.iter().cycle();
    let mut out = String::new();
    write_freely(value, &mut |n| next.next().unwrap().index(n), &mut out);
    out
}

/// A value that differs from this one in one character of one string, or by one in one number, if `choice` meets one.
fn changed(value: &Value, choice: Index, to: char) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(_) => None,
        Value::Number(number) => {
            let other = number.as_f64() + 1.0;
            let other = Number::from_f64(other).ok().filter(|other| other != number)?;
            Some(Value::from(other))
        }
        Value::String(text) => {
            let mut chars: Vec<char> = text.chars().collect();
            let place = choice.index(chars.len().max(1));
            match chars.get_mut(place) {
                Some(c) if *c == to => return None,
                Some(c) => *c = to,
                None => chars.push(to),
            }
            Some(Value::from(String::from_iter(chars)))
        }
        Value::Array(elements) => {
            let mut elements = elements.clone();
            let place = choice.index(elements.len().max(1));
            let element = elements.get_mut(place)?;
            *element = changed(element, choice, to)?;
            Some(Value::from(elements))
        }
        Value::Object(object) => {
            let place = choice.index(object.len().max(1));
            let (name, member) = object.iter().nth(place)?;
            let (name, member) = (name.to_owned(), changed(member, choice, to)?);
            Some(Value::from(object.clone().with(&name, member)))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in value()) {
        let text = value.to_canonical();
        prop_assert_eq!(read(&text, &Limits::OPERATION), Ok(value));
        prop_assert_eq!(canonical(&text), Ok(text));
    }

    #[test]
    fn spelling_and_order_do_not_matter(value in value(), choices in proptest::collection::vec(any::<Index>(), 64)) {
        let text = freely(&value, &choices);
        prop_assert_eq!(canonical(text.as_bytes()), Ok(value.to_canonical()), "{}", text);
        prop_assert_eq!(read(text.as_bytes(), &Limits::OPERATION), Ok(value), "{}", text);
    }

    #[test]
    fn operations_that_say_the_same_have_one_digest(
        parameters in object(), choices in proptest::collection::vec(any::<Index>(), 64)
    ) {
        let text = freely(&parameters, &choices);
        let one = Operation::from_json("a.b", "r", text.as_bytes()).unwrap();
        let other = Operation::from_json("a.b", "r", &parameters.to_canonical()).unwrap();
        prop_assert_eq!(one.digest(), other.digest());
        prop_assert_eq!(one.parameters(), Some(parameters));
        prop_assert_eq!(Operation::from_op_bytes(one.op_bytes()), Ok(one));
    }

    #[test]
    fn one_changed_character_changes_the_digest(
        parameters in object(), choice in any::<Index>(), to in character()
    ) {
        let Some(other) = changed(&parameters, choice, to) else { return Ok(()) };
        let digest = |value: &Value| Operation::from_json("a", "r", &value.to_canonical()).unwrap().digest();
        prop_assert_ne!(digest(&parameters), digest(&other));
    }

    #[test]
    fn any_bytes_are_judged_alike_by_both_readers(text in proptest::collection::vec(
        prop_oneof![3 => proptest::sample::select(b"{}[]\",:\\ue0189.-+tfn \n".to_vec()), 1 => any::<u8>()], 0..40
    )) {
        let read = read(&text, &Limits::OPERATION);
        prop_assert_eq!(canonical(&text), read.map(|value| value.to_canonical()));
    }

    #[test]
    fn a_broken_text_is_judged_alike_by_both_readers(
        value in value(), choices in proptest::collection::vec(any::<Index>(), 16), at in any::<Index>(), byte in any::<u8>()
    ) {
        let mut text = freely(&value, &choices).into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let read = read(&text, &Limits::OPERATION);
        prop_assert_eq!(canonical(&text), read.map(|value| value.to_canonical()));
    }

    #[test]
    fn the_other_canonicaliser_agrees(value in value(), choices in proptest::collection::vec(any::<Index>(), 64)) {
        let text = freely(&value, &choices);
        let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
        let theirs = serde_json_canonicalizer::to_vec(&tree).unwrap();
        prop_assert_eq!(canonical(text.as_bytes()), Ok(theirs));
    }

    #[test]
    fn a_number_is_taken_exactly_if_its_decimal_value_survives(
        negative in any::<bool>(), whole in "0|[1-9][0-9]{0,20}", fraction in "(\\.[0-9]{1,20})?", exponent in "(e[+-]?[0-9]{1,3})?"
    ) {
        let literal = format!("{}{whole}{fraction}{exponent}", if negative { "-" } else { "" });
        let double: f64 = literal.parse().unwrap();
        let expected = Number::from_f64(double).ok().filter(|form| {
            normal(&literal) == normal(form.as_str()) && !(negative && double == 0.0)
        });
        prop_assert_eq!(canonical(literal.as_bytes()).ok(), expected.map(|n| n.as_str().as_bytes().to_vec()));
    }
}

/// A decimal's sign, digits without zeros at either end, and the power of ten of the last one: by strings alone,
/// beside the arithmetic of the reader.
fn normal(literal: &str) -> (bool, String, i64) {
    let (negative, rest) = literal.strip_prefix('-').map_or((false, literal), |rest| (true, rest));
    let (mantissa, exponent) = rest.split_once('e').unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let power = exponent.parse::<i64>().unwrap() - i64::try_from(fraction.len()).unwrap()
        + i64::try_from(digits.len() - trimmed.len()).unwrap();
    let digits = trimmed.trim_start_matches('0').to_owned();
    if digits.is_empty() { (false, digits, 0) } else { (negative, digits, power) }
}
