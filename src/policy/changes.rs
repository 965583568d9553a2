//! What differs between two policies, counted: for whoever is asked to agree to the second.

use super::Policy;
use super::parse::{self, Node, Yaml};
use core::fmt::Write as _;
use std::collections::HashMap;

/// How far one policy is from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rules that only the new one has.
    pub added: usize,
    /// Rules that only the old one has.
    pub removed: usize,
    /// Rules of the same name that say something else.
    pub changed: usize,
    /// Rules that both have and that stand in another order: the first that matches decides.
    pub moved: usize,
    /// Whether anything beside the rules differs: defaults, risk, classes, resources, floors, roles, levels.
    pub elsewhere: bool,
}

impl Policy {
    /// What is different in `next`. Comments, spaces and the way in which something is written don't count.
    #[must_use]
    pub fn changes_in(&self, next: &Self) -> Changes {
        let (old, new) = (Outline::of(&self.text), Outline::of(&next.text));
        let old_rules: HashMap<&str, &str> =
            old.rules.iter().map(|(name, rule)| (&**name, &**rule)).collect();
        let new_rules: HashMap<&str, &str> =
            new.rules.iter().map(|(name, rule)| (&**name, &**rule)).collect();
        let stays = |(name, _): &&(String, String)| {
            old_rules.contains_key(name.as_str()) && new_rules.contains_key(name.as_str())
        };
        let (before, after) = (old.rules.iter().filter(stays), new.rules.iter().filter(stays));
        let both = before.clone().count();
        Changes {
            added: new.rules.len() - both,
            removed: old.rules.len() - both,
            changed: before
                .clone()
                .filter(|(name, rule)| new_rules.get(name.as_str()) != Some(&&**rule))
                .count(),
            moved: before.zip(after).filter(|((one, _), (other, _))| one != other).count(),
            elsewhere: old.rest != new.rest,
        }
    }
}

/// What a document says, without where it says it.
#[derive(Default)]
struct Outline {
    /// The rules in order, by name.
    rules: Vec<(String, String)>,
    /// Everything else.
    rest: String,
}

impl Outline {
    fn of(text: &str) -> Self {
        let mut outline = Self::default();
        // It was read before.
        let Ok(Node { value: Yaml::Map(entries), .. }) = parse::parse(text) else { return outline };
        for (key, value) in &entries {
            match (&key.value, &value.value) {
                (Yaml::Text(key), Yaml::List(rules)) if key == "rules" => {
                    outline.rules = rules.iter().map(|rule| (name_of(rule), written(rule))).collect();
                }
                _ => {
                    write_node(key, &mut outline.rest);
                    write_node(value, &mut outline.rest);
                }
            }
        }
        outline
    }
}

fn name_of(rule: &Node) -> String {
    let Yaml::Map(entries) = &rule.value else { return String::new() };
    let is_name = |key: &Node| matches!(&key.value, Yaml::Text(text) if text == "name");
    entries.iter().find(|(key, _)| is_name(key)).map(|(_, name)| written(name)).unwrap_or_default()
}

fn written(node: &Node) -> String {
    let mut text = String::new();
    write_node(node, &mut text);
    text
}

/// Writes it so that two parts have the same text only if they say the same. The reader bounds the depth.
fn write_node(node: &Node, out: &mut String) {
    // Writing to a string does not fail.
    let _ = match &node.value {
        Yaml::Null => write!(out, "~;"),
        Yaml::Bool(value) => write!(out, "{value};"),
        Yaml::Number(text) => write!(out, "#{text};"),
        Yaml::Text(text) => write!(out, "{text:?};"),
        Yaml::List(list) => {
            out.push('[');
            list.iter().for_each(|node| write_node(node, out));
            write!(out, "];")
        }
        Yaml::Map(entries) => {
            // The order of keys says nothing.
            let mut parts: Vec<String> =
                entries.iter().map(|(key, value)| written(key) + &written(value)).collect();
            parts.sort_unstable();
            write!(out, "{{{}}};", parts.concat())
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(more: &str) -> Policy {
        let text = format!("version: 1\nname: x\ndefaults: {{reviewers: ['role:a']}}\n{more}");
        Policy::parse(&text, "p.yaml").unwrap()
    }

    #[test]
    fn rules_are_counted_by_name_and_the_rest_is_told_apart() {
        let one = "{name: a, decision: deny, match: {action: x}}";
        let two = "{name: b, decision: allow, match: {action: y}}";
        let rules = |rules: &[&str]| policy(&format!("rules: [{}]\nlevels: {{}}\n", rules.join(", ")));
        let old = rules(&[one, two]);
        let changes =
            |added, removed, changed, moved, elsewhere| Changes { added, removed, changed, moved, elsewhere };
        for (new, expected) in [
            (rules(&[one, two]), Changes::default()),
            // Written otherwise.
            (
                policy(
                    "# new\nrules:\n- name: a\n  match: {action: x}\n  decision: deny\n- {match: {action: 'y'}, name: b, decision: allow}\nlevels: {}\n",
                ),
                Changes::default(),
            ),
            (rules(&[two, one]), changes(0, 0, 0, 2, false)),
            (rules(&[one]), changes(0, 1, 0, 0, false)),
            (rules(&["{name: c, decision: deny}", one, two]), changes(1, 0, 0, 0, false)),
            (rules(&["{name: a, decision: allow, match: {action: x}}", two]), changes(0, 0, 1, 0, false)),
            (policy("levels: {}\n"), changes(0, 2, 0, 0, false)),
            (
                policy(&format!("rules: [{one}, {two}]\nlevels: {{low: escalate}}\n")),
                changes(0, 0, 0, 0, true),
            ),
        ] {
            assert_eq!(old.changes_in(&new), expected, "{}", new.text());
        }
    }
}
