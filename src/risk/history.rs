//! The history: what the record says about an agent when it asks, so that risk depends on what it did before.

use crate::party::{EscalationId, PersonId};
use serde::{Deserialize, Serialize};

/// What the record says about the agent. It comes from the log, never from the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// How many anomalies were recorded lately, each fading until it is forgotten: denials, tokens that executors
    /// refused, operations that were declared as less than they are. A part of one counts as a whole one.
    pub anomalies: u32,
    /// What the agent did of the same kind, to the same family of resources, in the same environment, within the
    /// model's window; this operation included (R6).
    pub recent: Totals,
    /// What the policy's limits have added up, in their order; this operation included where it counts.
    pub limits: Vec<Totals>,
    /// How many of the recent operations were just below a threshold; this one included.
    pub just_below: u32,
    /// How many small operations followed a large one of their kind that was not simply allowed.
    pub pieces: u32,
    /// What of this operation the agent never did before (S2).
    pub new: Novelty,
    /// Somebody lately denied this agent an operation like this one.
    pub denied: Option<DeniedBefore>,
}

/// Sums over several operations. Additions stop at the largest number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many operations.
    pub requests: u64,
    /// Rows; an operation that changes something and does not say counts as one.
    pub rows: u64,
    /// Objects; an operation that changes something and does not say counts as one.
    pub objects: u64,
    /// Whole units of the currency that the policy counts in.
    pub cost: u64,
}

impl Totals {
    /// Whether nothing was added up.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.requests == 0
    }

    /// The sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            rows: self.rows.saturating_add(other.rows),
            objects: self.objects.saturating_add(other.objects),
            cost: self.cost.saturating_add(other.cost),
        }
    }
}

/// What of an operation an agent never did before: to a new agent, everything is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Novelty {
    /// The action.
    pub action: bool,
    /// The family of resources.
    pub resource: bool,
    /// The environment.
    pub environment: bool,
}

impl Novelty {
    /// Whether nothing is new.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        !self.action && !self.resource && !self.environment
    }
}

/// Who denied an operation like this one, so that asking again in another form goes back to them (R6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeniedBefore {
    /// Who said no.
    pub by: PersonId,
    /// In which escalation.
    pub escalation: EscalationId,
}

/// The family that a resource belongs to: what is left of its name without its last part and without numbers, so
/// that `orders/17` and `orders/18` add up. Families that are too large add up too much, which only raises.
#[must_use]
pub fn family(resource: &str) -> String {
    let lower = resource.to_ascii_lowercase();
    let parent = match lower.rsplit_once('/') {
        Some((parent, _)) if !parent.trim_matches('/').is_empty() => parent,
        Some(_) | None => &lower,
    };
    let mut family = String::with_capacity(parent.len());
    let mut in_number = false;
    for word in parent.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let name = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        // `7f3a9c01…` is an id as much as `12345` is.
        let hex = name.len() >= 8 && name.bytes().all(|b| b.is_ascii_hexdigit());
        for character in word.chars() {
            let number = character.is_ascii_digit() || (hex && character.is_ascii_alphanumeric());
            match (number, in_number) {
                (true, false) => family.push('#'),
                (true, true) => {}
                (false, _) => family.push(character),
            }
            in_number = number;
        }
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_by_a_number_or_its_last_part_is_one_family() {
        for (resource, expected) in [
            ("db/prod/users/17", "db/prod/users"),
            ("db/prod/users/alice", "db/prod/users"),
            ("db-prod-1", "db-prod-#"),
            ("db-prod-234", "db-prod-#"),
            ("DB-PROD-1", "db-prod-#"),
            ("shop/production", "shop"),
            ("/", "/"),
            ("/users", "/users"),
            ("", ""),
            ("orders", "orders"),
            ("doc:7f3a9c01-aaaa-4bbb", "doc:#-aaaa-#bbb"),
            ("bucket/2026-11-21/part-07/x", "bucket/#-#-#/part-#"),
            ("käse/7", "käse"),
        ] {
            assert_eq!(family(resource), expected, "{resource}");
        }
    }
}
