//! The direction of a change: whether what a policy now says asks for less or for more than before.

use crate::policy::Outcome;
use core::cmp::Ordering;
use core::fmt;

/// Where a change leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// It says the same.
    Unchanged,
    /// It asks for less: something runs that did not, fewer people are asked, a condition is gone.
    Looser,
    /// It asks for more.
    Stricter,
    /// It asks for something else, of which neither is as strict as both: other people, another condition.
    Otherwise,
}

impl Direction {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Looser => "looser",
            Self::Stricter => "stricter",
            Self::Otherwise => "otherwise",
        }
    }

    /// The direction of the change from one outcome to another. How reviewers are told is no part of it.
    #[must_use]
    pub fn of(before: &Outcome, after: &Outcome) -> Self {
        let (before, after) = (&plain(before), &plain(after));
        if before == after {
            return Self::Unchanged;
        }
        match (effect(before).cmp(&effect(after)), before.strictest(after)) {
            (Ordering::Less, _) => Self::Stricter,
            (Ordering::Greater, _) => Self::Looser,
            (Ordering::Equal, Ok(both)) if plain(&both) == *after => Self::Stricter,
            (Ordering::Equal, Ok(both)) if plain(&both) == *before => Self::Looser,
            // Neither holds all that the other asks; how many people it takes is what is felt most.
            (Ordering::Equal, _) => match people(before).cmp(&people(after)) {
                Ordering::Less => Self::Stricter,
                Ordering::Greater => Self::Looser,
                Ordering::Equal => Self::Otherwise,
            },
        }
    }
}

impl Direction {
    /// This direction, where so many witnesses were demanded before and are after.
    #[must_use]
    pub fn with_witnesses(self, before: u32, after: u32) -> Self {
        match (self, before.cmp(&after)) {
            (same, Ordering::Equal) => same,
            (Self::Unchanged | Self::Stricter, Ordering::Less) => Self::Stricter,
            (Self::Unchanged | Self::Looser, Ordering::Greater) => Self::Looser,
            // Less of one thing and more of another: what could be looser is looked at as that.
            (Self::Looser | Self::Otherwise, Ordering::Less) => self,
            (Self::Stricter | Self::Otherwise, Ordering::Greater) => Self::Otherwise,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const fn effect(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Allow { .. } => 0,
        Outcome::Escalate(_) => 1,
        Outcome::Deny => 2,
    }
}

/// How many people have to agree at least.
pub(super) fn people(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Escalate(terms) => terms.requirement.people(),
        Outcome::Allow { .. } | Outcome::Deny => 0,
    }
}

/// An outcome without its channels, and its conditions in one order.
fn plain(outcome: &Outcome) -> Outcome {
    let mut outcome = outcome.clone();
    let conditions = match &mut outcome {
        Outcome::Allow { conditions } => conditions,
        Outcome::Escalate(terms) => {
            terms.channels.clear();
            &mut terms.conditions
        }
        Outcome::Deny => return outcome,
    };
    conditions.sort_by_cached_key(crate::condition::Condition::describe);
    outcome
}
