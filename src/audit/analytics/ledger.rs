//! The ledger: what people decided about the like of each operation, and everything that ever spoke against an action.
//! It is what advice rests on, so that where there is no room for more, it knows less and never more.

use crate::condition::Condition;
use crate::moment::Moment;
use crate::party::{PersonId, TxnId};
use crate::risk::{Environment, Level};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// So many different actions, environments and levels are told apart.
const MOST_SUBJECTS: usize = 10_000;
/// So many names of actions are told apart, case, digits and punctuation aside.
const MOST_LIKES: usize = 100_000;
/// So many people, and so many examples, are kept of each.
const MOST_NAMED: usize = 16;
const EXAMPLES: usize = 5;
/// So many patterns of resources are kept of each; beyond, it is on more than can be listed.
const MOST_RESOURCES: usize = 12;
/// So many different actions are kept of what a floor or a score lifts.
const MOST_ACTIONS: usize = 256;

/// What is like what: the same action in the same environment at the same level.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The action, as it was spelled.
    pub action: Arc<str>,
    /// Where.
    pub environment: Environment,
    /// How risky.
    pub level: Level,
}

/// Cases that speak for something, and since when.
#[derive(Clone, Debug, Default)]
pub struct Cases {
    /// How many.
    pub count: u64,
    /// The first and the last.
    pub span: Option<(Moment, Moment)>,
    /// Who decided them, at most sixteen.
    pub people: BTreeSet<PersonId>,
    /// The latest of them.
    pub examples: VecDeque<TxnId>,
}

impl Cases {
    pub(super) fn take<'a>(
        &mut self,
        txn: TxnId,
        at: Moment,
        people: impl IntoIterator<Item = &'a PersonId>,
    ) {
        self.count += 1;
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        for person in people {
            if self.people.len() < MOST_NAMED {
                self.people.insert(person.clone());
            }
        }
        if self.examples.len() >= EXAMPLES {
            self.examples.pop_front();
        }
        self.examples.push_back(txn);
    }

    /// … and these.
    pub(in crate::audit) fn add(&mut self, others: &Self) {
        self.count += others.count;
        self.span = match (self.span, others.span) {
            (Some((first, last)), Some((one, other))) => Some((first.min(one), last.max(other))),
            (span, None) | (None, span) => span,
        };
        self.people.extend(others.people.iter().take(MOST_NAMED).cloned());
        self.examples.extend(&others.examples);
        while self.examples.len() > EXAMPLES {
            self.examples.pop_front();
        }
    }
}

/// What people decided about the like of one operation.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Approved by people who looked, without an emergency, and as it was asked.
    pub approved: Cases,
    /// Denied by people.
    pub denied: Cases,
    /// Approved in whatever way.
    pub granted: u64,
    /// The rules that asked, or the level where none did; at most sixteen.
    pub causes: BTreeSet<Arc<str>>,
    /// Patterns of the resources that it was on: their folders, numbers left open. Empty with `many` set if there are more
    /// than twelve.
    pub resources: BTreeSet<String>,
    /// It was on more than can be listed.
    pub many: bool,
    /// It was on something that no pattern can name.
    pub unlistable: bool,
    /// Some of it cannot be undone.
    pub irreversible: bool,
    /// What has to hold when it is executed, where that is the same every time.
    pub conditions: Option<Vec<Condition>>,
    /// … and where it is not.
    pub conditions_differ: bool,
}

/// What spoke against an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The policy, or a suspension, denied it.
    DeniedAtOnce,
    /// A reviewer said no, whatever came of it.
    DeniedByReviewer,
    /// Conditions contradicted each other.
    Contradiction,
    /// Nobody decided in time.
    Expired,
    /// It might not or could not be carried out.
    Blocked,
    /// A reviewer proposed something else instead.
    Changed,
    /// Somebody declared an emergency.
    Emergency,
    /// It looked as if a threshold was avoided, or was declared as less than it is.
    Anomaly,
    /// The executor refused it, or it failed.
    Failed,
    /// An incident came of it.
    Incident,
    /// There was no room to know what became of it.
    Unknown,
}

/// What is known of what a floor, or the level of a score, asked people about.
#[derive(Clone, Debug, Default)]
pub struct Lifted {
    /// Approved by people who looked.
    pub approved: Cases,
    /// What the actions are called, their punctuation aside.
    pub(super) likes: BTreeSet<u32>,
    /// There was no room for one of them.
    pub(super) overflown: bool,
}

/// What people decided about everything.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    likes: HashMap<Box<str>, u32>,
    against: HashMap<u32, BTreeMap<Against, u64>>,
    /// Something spoke against an action that nobody can name any more: against all of them.
    against_unknown: BTreeMap<Against, u64>,
    pub(super) entries: BTreeMap<Subject, Entry>,
    pub(super) floors: BTreeMap<Arc<str>, Lifted>,
    /// By score in thousandths: what only the score made `medium`.
    pub(super) medium_scores: BTreeMap<u16, Lifted>,
}

/// What an action is called, case, digits and punctuation aside: `DB.rows-2.Read` and `db_rows.read` are one.
#[must_use]
pub fn like(action: &str) -> String {
    action.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

/// The pattern of what is like this resource: its folder, and numbers left open; `None` if a pattern of it would be of
/// something else.
#[must_use]
pub(super) fn pattern(resource: &str) -> Option<String> {
    if resource.contains('*') || resource.is_empty() || resource.len() > 400 {
        return None;
    }
    let (folder, any) = match resource.rsplit_once('/') {
        Some((folder, _)) if !folder.trim_matches('/').is_empty() => (folder, "/*"),
        Some(_) | None => (resource, ""),
    };
    let mut pattern = String::with_capacity(folder.len() + 2);
    for c in folder.chars() {
        match c.is_ascii_digit() {
            true if pattern.ends_with('*') => {}
            true => pattern.push('*'),
            false => pattern.push(c),
        }
    }
    pattern.push_str(any);
    Some(pattern)
}

impl Ledger {
    /// The number of what is like this action, if there is room for it.
    pub(super) fn number(&mut self, action: &str) -> Option<u32> {
        let like = like(action);
        if let Some(number) = self.likes.get(like.as_str()) {
            return Some(*number);
        }
        let number = u32::try_from(self.likes.len()).ok().filter(|_| self.likes.len() < MOST_LIKES)?;
        self.likes.insert(like.into(), number);
        Some(number)
    }

    /// Something speaks against the like of this; where nobody knows of what, against everything.
    pub(super) fn against(&mut self, like: Option<u32>, what: Against) {
        let counts = match like {
            Some(number) => self.against.entry(number).or_default(),
            None => &mut self.against_unknown,
        };
        *counts.entry(what).or_default() += 1;
    }

    /// What people decided, by what is like what.
    pub fn entries(&self) -> impl Iterator<Item = (&Subject, &Entry)> {
        self.entries.iter()
    }

    /// What each floor lifted.
    pub fn floors(&self) -> impl Iterator<Item = (&str, &Lifted)> {
        self.floors.iter().map(|(name, lifted)| (&**name, lifted))
    }

    /// What only the score made `medium`, by score in thousandths, lowest first.
    pub fn medium_scores(&self) -> impl Iterator<Item = (u16, &Lifted)> {
        self.medium_scores.iter().map(|(score, lifted)| (*score, lifted))
    }

    /// Everything that ever spoke against this action, in whatever spelling, environment and level; nothing if nothing
    /// did.
    #[must_use]
    pub fn speaks_against(&self, action: &str) -> BTreeMap<Against, u64> {
        let number = self.likes.get(like(action).as_str());
        let mut found = self.against_unknown.clone();
        match number {
            Some(number) => {
                for (what, count) in self.against.get(number).into_iter().flatten() {
                    *found.entry(*what).or_default() += count;
                }
            }
            // There was no room for it: nobody knows what happened to it.
            None => *found.entry(Against::Unknown).or_default() += 1,
        }
        found
    }

    /// Whether nothing ever spoke against any of these.
    #[must_use]
    pub fn is_clear(&self, lifted: &Lifted) -> bool {
        let spoiled = |number: &u32| self.against.contains_key(number);
        self.against_unknown.is_empty() && !lifted.overflown && !lifted.likes.iter().any(spoiled)
    }

    /// The entry of this, if there is room for it.
    pub(super) fn entry(&mut self, subject: &Subject) -> Option<&mut Entry> {
        if self.entries.len() >= MOST_SUBJECTS && !self.entries.contains_key(subject) {
            return None;
        }
        Some(self.entries.entry(subject.clone()).or_default())
    }

    pub(super) fn floor(&mut self, name: &Arc<str>) -> Option<&mut Lifted> {
        if self.floors.len() >= MOST_SUBJECTS && !self.floors.contains_key(name) {
            return None;
        }
        Some(self.floors.entry(name.clone()).or_default())
    }
}

impl Entry {
    pub(super) fn came_by(&mut self, cause: &Arc<str>, resource: Option<&str>, irreversible: bool) {
        if self.causes.len() < MOST_NAMED {
            self.causes.insert(cause.clone());
        }
        self.irreversible |= irreversible;
        let Some(resource) = resource else {
            self.unlistable = true;
            return;
        };
        if !self.many && !self.resources.contains(resource) {
            if self.resources.len() >= MOST_RESOURCES {
                self.resources.clear();
                self.many = true;
            } else {
                self.resources.insert(resource.to_owned());
            }
        }
    }

    pub(super) fn held_by(&mut self, conditions: &[Condition]) {
        match &self.conditions {
            None => self.conditions = Some(conditions.to_vec()),
            Some(before) if before == conditions => {}
            Some(_) => self.conditions_differ = true,
        }
    }
}

impl Lifted {
    pub(super) fn is_about(&mut self, like: Option<u32>) {
        match like {
            Some(number) if self.likes.len() < MOST_ACTIONS || self.likes.contains(&number) => {
                self.likes.insert(number);
            }
            Some(_) | None => self.overflown = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_tells_no_actions_apart() {
        for other in ["DB.Rows.Read", "db-rows-read", "db_rows2:READ", "dbrowsread", "d.b/rows read"] {
            assert_eq!(like(other), like("db.rows.read"), "{other}");
        }
        assert_ne!(like("db.rows.reads"), like("db.rows.read"));
    }

    #[test]
    fn a_pattern_is_of_the_folder() {
        for (resource, of) in [
            ("prod/orders/17", Some("prod/orders/*")),
            ("prod/shard12/orders/x", Some("prod/shard*/orders/*")),
            ("orders7", Some("orders*")),
            ("/orders", Some("/orders")),
            ("prod/*/x", None),
            ("", None),
        ] {
            assert_eq!(pattern(resource).as_deref(), of, "{resource}");
        }
    }

    #[test]
    fn what_nobody_can_name_any_more_speaks_against_everything() {
        let mut ledger = Ledger::default();
        let number = ledger.number("db.read");
        assert!(number.is_some() && ledger.speaks_against("db.read").is_empty());
        ledger.against(None, Against::Incident);
        assert_eq!(ledger.speaks_against("DB-READ"), BTreeMap::from([(Against::Incident, 1)]));
        assert!(!ledger.is_clear(&Lifted::default()));
    }
}
