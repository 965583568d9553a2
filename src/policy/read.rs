//! Reading a tree: mappings with a closed set of keys, lists, words, numbers, each refused at its place.

use super::keys::Block;
use super::parse::{Node, Yaml};
use super::source::{Fault, Problem};
use super::{MAX_RULES, Span};
use crate::risk::Score;
use core::str::FromStr;

/// A closed set of keys.
pub(crate) trait Keys {
    /// All of them.
    fn names(&self) -> Vec<&'static str>;
    /// Whether it has this one.
    fn has(&self, name: &str) -> bool;
}

impl Keys for [&'static str] {
    fn names(&self) -> Vec<&'static str> {
        self.to_vec()
    }

    fn has(&self, name: &str) -> bool {
        self.contains(&name)
    }
}

impl Keys for Block {
    fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }
}

/// A mapping whose keys are all known.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    node: &'a Node,
    entries: &'a [(Node, Node)],
}

impl<'a> Fields<'a> {
    /// Takes a mapping that has no other keys than `known`.
    pub(crate) fn of(node: &'a Node, known: &(impl Keys + ?Sized)) -> Result<Self, Fault> {
        let Yaml::Map(entries) = &node.value else { return Err(expected(node, "a mapping")) };
        for (key, _) in entries {
            let name = text(key)?;
            if !known.has(name) {
                return Err(Fault::new(key.at, Problem::UnknownKey(name.to_owned(), known.names())));
            }
        }
        Ok(Self { node, entries })
    }

    /// The value of this key, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The key's own node, if it is there: for an error about the key.
    pub(crate) fn key(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|(key, _)| key)
    }

    fn entry(&self, key: &str) -> Option<&'a (Node, Node)> {
        self.entries.iter().find(|(name, _)| matches!(&name.value, Yaml::Text(text) if text == key))
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&self, key: &'static str) -> Result<&'a Node, Fault> {
        self.get(key).ok_or_else(|| Fault::new(self.node.at, Problem::MissingKey(key)))
    }

    /// The value of this key, read, if it is there.
    pub(crate) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a Node) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.get(key).map(read).transpose()
    }

    /// Overwrites `place` with the value of this key, if it is there.
    pub(crate) fn set<T>(
        &self,
        key: &str,
        place: &mut T,
        read: impl FnOnce(&'a Node) -> Result<T, Fault>,
    ) -> Result<(), Fault> {
        if let Some(value) = self.read(key, read)? {
            *place = value;
        }
        Ok(())
    }
}

/// The fault that something else was expected here.
pub(crate) fn expected(node: &Node, what: &'static str) -> Fault {
    Fault::new(node.at, Problem::Expected(what, node.value.kind()))
}

/// A text.
pub(crate) fn text(node: &Node) -> Result<&str, Fault> {
    match &node.value {
        Yaml::Text(text) => Ok(text),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) | Yaml::Map(_) => {
            Err(expected(node, "text"))
        }
    }
}

/// The longest name or sentence in a document, in bytes.
const MAX_TEXT: usize = 1024;

/// A text that people read: not empty, on one line, of bounded length.
pub(crate) fn sentence(node: &Node) -> Result<&str, Fault> {
    let text = text(node)?;
    let plain = !text.trim().is_empty() && text.len() <= MAX_TEXT && !text.contains(char::is_control);
    if plain { Ok(text) } else { Err(malformed(node, text, "a text of one line, 1 to 1024 bytes")) }
}

/// The fault that a text is not of the form that is described.
pub(crate) fn malformed(node: &Node, text: &str, form: &'static str) -> Fault {
    Fault::new(node.at, Problem::Malformed(text.chars().take(80).collect(), form))
}

/// `true` or `false`.
pub(crate) fn truth(node: &Node) -> Result<bool, Fault> {
    match node.value {
        Yaml::Bool(value) => Ok(value),
        Yaml::Null | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
            Err(expected(node, "true or false"))
        }
    }
}

fn digits(node: &Node) -> Result<&str, Fault> {
    match &node.value {
        Yaml::Number(text) => Ok(text),
        Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
            Err(expected(node, "a number"))
        }
    }
}

/// A whole number of the type that is asked for.
pub(crate) fn whole<T: FromStr>(node: &Node) -> Result<T, Fault> {
    let text = digits(node)?;
    text.parse().map_err(|_| out_of_range(node, "a whole number in range"))
}

/// The fault that a number is out of range.
pub(crate) fn out_of_range(node: &Node, range: &'static str) -> Fault {
    let number = match &node.value {
        Yaml::Number(text) | Yaml::Text(text) => text.as_str(),
        Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => "",
    };
    Fault::new(node.at, Problem::OutOfRange(number.to_owned(), range))
}

/// A decimal from 0 to 1 with at most three decimals.
pub(crate) fn score(node: &Node) -> Result<Score, Fault> {
    Score::parse(digits(node)?).ok_or_else(|| out_of_range(node, "from 0 to 1 with at most three decimals"))
}

/// A span of time.
pub(crate) fn span(node: &Node) -> Result<Span, Fault> {
    const FORM: &str = "a span of time such as `15s`, `30m`, `2h` or `1h30m`";
    match &node.value {
        Yaml::Text(text) => Span::parse(text).map_err(|_| malformed(node, text, FORM)),
        Yaml::Number(text) => Err(malformed(node, text, FORM)),
        Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => Err(expected(node, "a span of time")),
    }
}

/// One of a closed set of words.
pub(crate) fn word<T>(
    node: &Node,
    parse: impl FnOnce(&str) -> Option<T>,
    known: impl FnOnce() -> Vec<String>,
) -> Result<T, Fault> {
    let text = text(node)?;
    parse(text).ok_or_else(|| Fault::new(node.at, Problem::UnknownWord(text.to_owned(), known())))
}

/// A list, which may be empty.
pub(crate) fn list(node: &Node) -> Result<&[Node], Fault> {
    match &node.value {
        Yaml::List(list) if list.len() > MAX_RULES => Err(Fault::new(node.at, Problem::TooMany(MAX_RULES))),
        Yaml::List(list) => Ok(list),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => {
            Err(expected(node, "a list"))
        }
    }
}

/// One thing, or a list of at least one.
pub(crate) fn one_or_more<'a, T>(
    node: &'a Node,
    read: impl Fn(&'a Node) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    match &node.value {
        Yaml::List(list) if list.is_empty() => Err(Fault::new(node.at, Problem::EmptyList)),
        Yaml::List(_) => list(node)?.iter().map(read).collect(),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => Ok(vec![read(node)?]),
    }
}

/// `version: 1`, the only one there is.
pub(crate) fn version(fields: &Fields<'_>) -> Result<(), Fault> {
    let node = fields.required("version")?;
    match &node.value {
        Yaml::Number(text) if text == "1" => Ok(()),
        Yaml::Number(text) | Yaml::Text(text) => Err(Fault::new(node.at, Problem::Version(text.clone()))),
        Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => Err(expected(node, "a version number")),
    }
}
