//! Where something of a policy is written: the document once more, as a tree of places.

use crate::policy::parse::{self, Node, Yaml};
use crate::policy::source::At;

/// The document.
pub(super) struct Tree(Option<Node>);

impl Tree {
    pub(super) fn of(text: &str) -> Self {
        Self(parse::parse(text).ok())
    }

    /// A key at the top.
    pub(super) fn key(&self, name: &str) -> Option<At> {
        entry(self.0.as_ref()?, name).map(|(key, _)| key.at)
    }

    /// Where the value of a key of one entry of a list is written: `("rules", 3, ["match", "level"])`.
    pub(super) fn value(&self, list: &str, number: usize, path: &[&str]) -> Option<At> {
        let (_, list) = entry(self.0.as_ref()?, list)?;
        let mut node = items(list).get(number)?;
        for name in path {
            node = &entry(node, name)?.1;
        }
        Some(node.at)
    }

    /// How many entries a list at the top has.
    pub(super) fn length(&self, list: &str) -> usize {
        self.0.as_ref().and_then(|root| entry(root, list)).map_or(0, |(_, node)| items(node).len())
    }

    /// Where each pattern under `key` is written, of all entries of a list, in order.
    pub(super) fn patterns(&self, list: &str, key: &str) -> Vec<At> {
        let entries = self.0.as_ref().and_then(|root| entry(root, list)).map(|(_, node)| items(node));
        let values = entries.into_iter().flatten().filter_map(|node| entry(node, key));
        values.flat_map(|(_, node)| items(node)).map(|node| node.at).collect()
    }

    /// Where the value of a key of a mapping at the top is written.
    pub(super) fn under(&self, mapping: &str, name: &str) -> Option<At> {
        let (_, mapping) = entry(self.0.as_ref()?, mapping)?;
        entry(mapping, name).map(|(_, value)| value.at)
    }

    /// Where `group:name`, or `name` under the key `group`, is written first.
    pub(super) fn mention(&self, group: &str, name: &str) -> Option<At> {
        fn find(node: &Node, group: &str, name: &str) -> Option<At> {
            match &node.value {
                Yaml::Text(text) => (text.split_once(':') == Some((group, name))).then_some(node.at),
                Yaml::List(list) => list.iter().find_map(|node| find(node, group, name)),
                Yaml::Map(entries) => entries.iter().find_map(|(key, value)| {
                    let here = is(key, group) && is(value, name);
                    if here { Some(value.at) } else { find(value, group, name) }
                }),
                Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => None,
            }
        }
        find(self.0.as_ref()?, group, name)
    }
}

fn is(node: &Node, wanted: &str) -> bool {
    matches!(&node.value, Yaml::Text(text) if text == wanted)
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n (Node, Node)> {
    match &node.value {
        Yaml::Map(entries) => entries.iter().find(|(key, _)| is(key, name)),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => None,
    }
}

/// A list's entries, or the one thing that stands for a list.
fn items(node: &Node) -> &[Node] {
    match &node.value {
        Yaml::List(list) => list,
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => {
            core::slice::from_ref(node)
        }
    }
}
