//! A configuration before it has a type: a tree whose every part knows where it was said.

use super::fault::{Origin, Wrong};
use crate::policy::parse::{self, Yaml};
use crate::policy::{At, Fault};
use std::collections::BTreeMap;
use std::path::Path;

/// A part of a configuration.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it was said.
    pub(super) origin: Origin,
    /// What it is.
    pub(super) value: Value,
}

/// What a part of a configuration is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it was written, which is what a text is made of (`+15550100`), and as its shortest decimal text.
    Number {
        written: String,
        decimal: String,
    },
    Text(String),
    /// By their places, which stay what they were when one is taken out.
    List(BTreeMap<usize, Node>),
    Map(BTreeMap<String, Entry>),
}

/// What stands under a key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Where the key was said.
    pub(super) key: Origin,
    pub(super) node: Node,
}

impl Node {
    /// Reads the text of a file.
    pub(super) fn from_file(text: &str, path: &Path) -> Result<Self, Wrong> {
        let name = path.display().to_string();
        let origin = |at: At| Origin::File { path: path.into(), line: at.line, column: at.column };
        let node = parse::parse(text).and_then(|node| convert(node, text, &origin));
        node.map_err(|fault| Wrong::rendered(fault.within(text, &name).to_string()))
    }

    /// Reads what was said in one place, which has no lines: a flag or a variable.
    pub(super) fn from_place(text: &str, place: &Origin) -> Result<Self, Wrong> {
        let node = parse::parse(text).and_then(|node| convert(node, text, &|_| place.clone()));
        node.map_err(|fault| {
            let hint = "a value is YAML: put a text with special characters in quotes, as `'[::1]:9464'`";
            Wrong::new(place.clone(), "", fault.problem).advise(hint)
        })
    }

    /// A mapping with nothing in it.
    pub(super) const fn empty(origin: Origin) -> Self {
        Self { origin, value: Value::Map(BTreeMap::new()) }
    }

    /// The part at this path.
    pub(super) fn at(&self, path: &[String]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match &self.value {
            Value::Map(entries) => entries.get(first)?.node.at(rest),
            Value::List(items) => items.get(&first.parse().ok()?)?.at(rest),
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Text(_) => None,
        }
    }

    /// The nearest part on the way to this path.
    pub(super) fn nearest(&self, path: &[String]) -> &Self {
        (0..=path.len()).rev().find_map(|length| self.at(path.get(..length)?)).unwrap_or(self)
    }

    /// Says something at a path: what was there is replaced whole, and mappings on the way are made.
    pub(super) fn put(&mut self, path: &[String], node: Self) -> Result<(), Wrong> {
        let place = node.origin.clone();
        let Some((first, rest)) = path.split_first() else {
            *self = node;
            return Ok(());
        };
        if matches!(self.value, Value::Null) {
            *self = Self::empty(place.clone());
        }
        match &mut self.value {
            Value::Map(entries) => {
                let entry = entries.entry(first.clone()).or_insert_with(|| Entry {
                    key: place.clone(),
                    node: Self { origin: place, value: Value::Null },
                });
                entry.node.put(rest, node)
            }
            Value::List(items) => {
                let length = items.len();
                let Some(at) = first.parse::<usize>().ok().filter(|at| *at <= length) else {
                    let what =
                        format!("`{first}` is no place in a list of {length}: give a number up to that");
                    return Err(Wrong::new(place, "", what));
                };
                let item = items.entry(at).or_insert(Self { origin: place, value: Value::Null });
                item.put(rest, node)
            }
            Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Text(_) => Err(Wrong::new(
                place,
                "",
                format!("there is nothing below `{first}`: what is there is no mapping"),
            )),
        }
    }

    /// Takes the part at this path out; whether it was there.
    pub(super) fn take_out(&mut self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        match (&mut self.value, rest) {
            (Value::Map(entries), []) => entries.remove(first).is_some(),
            (Value::Map(entries), _) => entries.get_mut(first).is_some_and(|entry| entry.node.take_out(rest)),
            (Value::List(items), rest) => {
                let Ok(at) = first.parse::<usize>() else { return false };
                match rest {
                    [] => items.remove(&at).is_some(),
                    rest => items.get_mut(&at).is_some_and(|item| item.take_out(rest)),
                }
            }
            (Value::Null | Value::Bool(_) | Value::Number { .. } | Value::Text(_), _) => false,
        }
    }
}

fn convert(node: parse::Node, text: &str, origin: &dyn Fn(At) -> Origin) -> Result<Node, Fault> {
    let at = node.at;
    let value = match node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => Value::Bool(truth),
        Yaml::Number(decimal) => Value::Number { written: written(text, at, &decimal), decimal },
        Yaml::Text(text) => Value::Text(text),
        Yaml::List(items) => {
            let items = items.into_iter().enumerate();
            Value::List(
                items.map(|(at, item)| Ok((at, convert(item, text, origin)?))).collect::<Result<_, _>>()?,
            )
        }
        Yaml::Map(entries) => {
            let mut map = BTreeMap::new();
            for (key, node) in entries {
                let name = crate::policy::read::text(&key)?.to_owned();
                map.insert(name, Entry { key: origin(key.at), node: convert(node, text, origin)? });
            }
            Value::Map(map)
        }
    };
    Ok(Node { origin: origin(at), value })
}

/// A number as it stands in the text; an alias stands for one that is elsewhere.
fn written(text: &str, at: At, decimal: &str) -> String {
    let line = at.line.checked_sub(1).and_then(|line| text.lines().nth(line)).unwrap_or_default();
    let ends = |c: &char| c.is_whitespace() || matches!(c, ',' | ']' | '}');
    let found: String = line.chars().skip(at.column.saturating_sub(1)).take_while(|c| !ends(c)).collect();
    match found.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        true => found,
        false => decimal.to_owned(),
    }
}
