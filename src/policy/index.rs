//! The index of the rules: which of them can match a request, found without trying them all.

use super::rule::Rule;
use crate::party::AgentId;
use crate::risk::floor::Subject;
use crate::risk::pattern::{Glob, Index, Key};
use std::collections::HashMap;

/// Every rule, filed under the literal beginnings of its patterns of action, resource or agent, whichever tells
/// it best from the other rules.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleIndex {
    by_action: Index,
    by_resource: Index,
    by_agent: Index,
    /// Rules that no name tells apart.
    anywhere: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum By {
    Action,
    Resource,
    Agent,
}

impl RuleIndex {
    pub(super) fn new(rules: &[Rule]) -> Self {
        // How many rules would share each key.
        let mut crowds: HashMap<(By, Key<'_>), usize> = HashMap::new();
        for rule in rules {
            for (by, keys) in ways(rule) {
                for key in keys {
                    *crowds.entry((by, key)).or_default() += 1;
                }
            }
        }
        let crowd = |by: By, keys: &[Key<'_>]| {
            keys.iter().filter_map(|key| crowds.get(&(by, *key))).copied().max().unwrap_or(usize::MAX)
        };
        let mut index = Self::default();
        for (number, rule) in (0_u32..).zip(rules) {
            let Some((by, keys)) = ways(rule).into_iter().min_by_key(|(by, keys)| crowd(*by, keys)) else {
                index.anywhere.push(number);
                continue;
            };
            for key in keys {
                match by {
                    By::Action => index.by_action.file(key, number),
                    By::Resource => index.by_resource.file(key, number),
                    By::Agent => index.by_agent.file(key, number),
                }
            }
        }
        index
    }

    /// The numbers of the rules that can match, rising.
    pub(super) fn candidates(&self, subject: &Subject<'_>, agent: &AgentId) -> Vec<usize> {
        let mut found = self.anywhere.clone();
        self.by_action.candidates(&subject.action.lower, &mut found);
        self.by_resource.candidates(&subject.resource.lower, &mut found);
        self.by_agent.candidates(&agent.as_str().to_ascii_lowercase(), &mut found);
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|number| usize::try_from(number).ok()).collect()
    }

    /// The numbers of the rules that could match everything that `rule` matches, rising.
    pub(super) fn wider_than(&self, rule: &Rule) -> Vec<usize> {
        let matches = &rule.matches;
        let mut found = self.anywhere.clone();
        for (index, globs) in [
            (&self.by_action, &matches.situation.action),
            (&self.by_resource, &matches.situation.resource),
            (&self.by_agent, &matches.agent),
        ] {
            // Whatever matches all of its patterns matches its first, and so begins as that does.
            if let Some(glob) = globs.first() {
                index.candidates(glob.beginning(), &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|number| usize::try_from(number).ok()).collect()
    }
}

/// The ways in which a rule can be filed: the names of which every pattern has a literal beginning.
fn ways(rule: &Rule) -> Vec<(By, Vec<Key<'_>>)> {
    let matches = &rule.matches;
    [
        (By::Action, keys(&matches.situation.action)),
        (By::Resource, keys(&matches.situation.resource)),
        (By::Agent, keys(&matches.agent)),
    ]
    .into_iter()
    .filter_map(|(by, keys)| Some((by, keys?)))
    .collect()
}

fn keys(globs: &[Glob]) -> Option<Vec<Key<'_>>> {
    let keys: Option<Vec<Key<'_>>> = globs.iter().map(Glob::filed_under).collect();
    keys.filter(|keys| !keys.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use core::fmt::Write as _;

    #[test]
    fn of_ten_thousand_rules_only_those_that_can_match_are_tried() {
        let mut text = "version: 1\nname: x\ndefaults: {reviewers: ['role:a']}\nrules:\n".to_owned();
        for n in 0..3333 {
            writeln!(text, "- {{name: a{n}, match: {{action: 'service{n}.*'}}, decision: deny}}").unwrap();
            writeln!(
                text,
                "- {{name: b{n}, match: {{action: 'db.*', resource: 'prod/{n}/*'}}, decision: deny}}"
            )
            .unwrap();
            writeln!(text, "- {{name: c{n}, match: {{agent: 'agent-{n}'}}, decision: deny}}").unwrap();
        }
        text.push_str("- {name: last, decision: deny}\nlevels: {}\n");
        let policy = Policy::parse(&text, "large.yaml").unwrap();
        let agent = AgentId::new("Agent-7").unwrap();
        let tried: Vec<&str> = policy
            .index
            .candidates(&Subject::new("DB.read", "PROD/7/orders"), &agent)
            .into_iter()
            .map(|number| &*policy.rules[number].name)
            .collect();
        // In the order of the file.
        assert_eq!(tried, ["b7", "c7", "last"]);
    }
}
