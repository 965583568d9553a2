//! YAML text as a tree whose every part knows its place: the only user of the YAML library.

use super::source::{At, Fault, Problem};
use core::fmt;
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// The largest document in bytes.
pub(crate) const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where it is written; for an alias, where it is used.
    pub(crate) at: At,
    /// What it is.
    pub(crate) value: Yaml,
}

/// What a part of a document is. Numbers are kept as their shortest decimal text.
#[derive(Clone, Debug)]
pub(crate) enum Yaml {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Yaml {
    /// Its type in words.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads one document.
///
/// # Errors
/// [`Fault`]: more than [`MAX_BYTES`], not YAML, a duplicate key, a merge key, an unknown tag, more than one
/// document, or beyond the limits on depth, nodes and aliases.
pub(crate) fn parse(text: &str) -> Result<Node, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault::new(At::default(), Problem::TooLarge(MAX_BYTES)));
    }
    let root: Spanned<Value> =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| fault(&error))?;
    Ok(node(root))
}

/// Strict: every key once, no merging of mappings, YAML 1.2's `true` and `false` only; and bounded, so that
/// neither depth nor aliases cost more than the text is worth.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 32,
            flow_nesting_limit: 32,
            max_events: 1_000_000,
            max_nodes: 500_000,
            max_aliases: 1000,
            max_anchors: 1000,
            max_documents: 1,
            max_total_scalar_bytes: 4 * MAX_BYTES,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn fault(error: &serde_saphyr::Error) -> Fault {
    let at = error.location().map_or_else(At::default, place);
    let plain = |text: &str| Fault::new(at, Problem::Yaml(text.to_owned()));
    if let serde_saphyr::Error::MergeKeyNotAllowed { .. } = error {
        return plain("mappings are not merged: write the keys out");
    }
    if let serde_saphyr::Error::DuplicateMappingKey { .. } = error {
        return plain("this key is here a second time");
    }
    // The first line says what is wrong; the place is ours to show.
    let message = error.to_string();
    let message = message.lines().next().unwrap_or_default();
    let message = message.split_once(" at line ").map_or(message, |(what, _)| what);
    Fault::new(at, Problem::Yaml(message.trim_end_matches([':', ' ', '.']).to_owned()))
}

fn place(location: serde_saphyr::Location) -> At {
    let number = |n: u64| usize::try_from(n).unwrap_or(0);
    At { line: number(location.line()), column: number(location.column()) }
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { at: place(spanned.referenced), value: spanned.value.0 }
}

/// What the library hands over, before it has a place.
struct Value(Yaml);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Yaml, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Yaml, E> {
        Ok(Yaml::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Yaml, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Value>>()? {
            list.push(node(item));
        }
        Ok(Yaml::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Yaml, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = access.next_key::<Spanned<Value>>()? {
            map.push((node(key), node(access.next_value::<Spanned<Value>>()?)));
        }
        Ok(Yaml::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &Node) -> String {
        let what = match &node.value {
            Yaml::Null => "~".to_owned(),
            Yaml::Bool(value) => value.to_string(),
            Yaml::Number(text) => format!("#{text}"),
            Yaml::Text(text) => format!("{text:?}"),
            Yaml::List(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(" ")),
            Yaml::Map(map) => format!(
                "{{{}}}",
                map.iter().map(|(k, v)| format!("{}={}", shown(k), shown(v))).collect::<Vec<_>>().join(" ")
            ),
        };
        format!("{}:{}{what}", node.at.line, node.at.column)
    }

    #[test]
    fn every_part_knows_its_place_and_its_type() {
        let text =
            "a: 0.20\nb:\n  - yes\n  - true\n  - 'x'\n  - 22:00\n  - 007\n  - 1_000\nc: {d: ~, e: -3}\n";
        assert_eq!(
            shown(&parse(text).unwrap()),
            "1:1{1:1\"a\"=1:4#0.2 2:1\"b\"=3:3[3:5\"yes\" 4:5true 5:5\"x\" 6:5\"22:00\" 7:5\"007\" \
             8:5\"1_000\"] 9:1\"c\"=9:4{9:5\"d\"=9:8~ 9:11\"e\"=9:14#-3}}"
        );
    }

    #[test]
    fn an_alias_stands_where_it_is_used() {
        assert_eq!(
            shown(&parse("a: &x [1]\nb: *x\n").unwrap()),
            "1:1{1:1\"a\"=1:7[1:8#1] 2:1\"b\"=2:4[2:4#1]}"
        );
    }
}
