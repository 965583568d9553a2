//! What a policy can say about an operation: allow, deny, or escalate on these terms.

use crate::condition::{Condition, Contradiction, tightest};
use crate::escalation::requirement::{Requirement, Seat};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// What is to become of an operation.
#[expect(clippy::large_enum_variant, reason = "there is one in a decision and one in a rule, never an array")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Outcome {
    /// It may run, under these conditions.
    Allow {
        /// What must hold when it is executed.
        conditions: Vec<Condition>,
    },
    /// It may not run.
    Deny,
    /// People have to agree.
    Escalate(Terms),
}

/// The terms of an escalation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Who has to agree.
    pub requirement: Requirement,
    /// What must hold when the operation is executed, whatever the reviewers add.
    pub conditions: Vec<Condition>,
    /// How long the reviewers have (decide-by).
    #[serde(with = "seconds")]
    pub decide_within: Duration,
    /// How long the agent has to collect the token after approval (claim-by).
    #[serde(with = "seconds")]
    pub claim_within: Duration,
    /// How long the token lives.
    #[serde(with = "seconds")]
    pub execute_within: Duration,
}

/// Why two outcomes have no common one: nothing could meet both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Irreconcilable {
    /// Their conditions cannot hold together.
    Conditions(Contradiction),
    /// Together they ask for more people than a requirement can.
    Requirements,
}

impl Terms {
    /// Whether these ask for as many people as `other` or more, each as surely known, and each of a least role
    /// where `other` has one.
    pub(crate) fn asks_no_less_than(&self, other: &Self) -> bool {
        let (mine, others) = (&self.requirement, &other.requirement);
        let surely = mine.seats().iter().map(Seat::assurance).min()
            >= others.seats().iter().map(Seat::assurance).max();
        let roles = others.seats().iter().all(|seat| seat.min_role().is_none())
            || mine.seats().iter().all(|seat| seat.min_role().is_some());
        mine.people() >= others.people() && surely && roles
    }
}

impl Outcome {
    /// The name of the effect.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allow",
            Self::Deny => "deny",
            Self::Escalate(_) => "escalate",
        }
    }

    /// The conditions that the policy attaches.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        match self {
            Self::Allow { conditions } => conditions,
            Self::Deny => &[],
            Self::Escalate(terms) => &terms.conditions,
        }
    }

    /// The outcome that is as strict as both: it widens neither.
    pub(crate) fn strictest(&self, other: &Self) -> Result<Self, Irreconcilable> {
        let both = || {
            let all: Vec<Condition> = self.conditions().iter().chain(other.conditions()).cloned().collect();
            tightest(&all).map_err(Irreconcilable::Conditions)
        };
        match (self, other) {
            (Self::Deny, _) | (_, Self::Deny) => Ok(Self::Deny),
            (Self::Allow { .. }, Self::Allow { .. }) => Ok(Self::Allow { conditions: both()? }),
            (Self::Escalate(terms), Self::Allow { .. }) | (Self::Allow { .. }, Self::Escalate(terms)) => {
                Ok(Self::Escalate(Terms { conditions: both()?, ..terms.clone() }))
            }
            (Self::Escalate(terms), Self::Escalate(others)) => Ok(Self::Escalate(Terms {
                requirement: both_of(&terms.requirement, &others.requirement)?,
                conditions: both()?,
                decide_within: terms.decide_within.min(others.decide_within),
                claim_within: terms.claim_within.min(others.claim_within),
                execute_within: terms.execute_within.min(others.execute_within),
            })),
        }
    }
}

/// A requirement that is met only if both are. Two seats of one pool are one, as large and as sure as either
/// asks; anything else takes different people for each.
fn both_of(one: &Requirement, other: &Requirement) -> Result<Requirement, Irreconcilable> {
    if one == other {
        return Ok(one.clone());
    }
    if let ([a], [b]) = (one.seats(), other.seats())
        && a.pool() == b.pool()
        && a.min_role() == b.min_role()
    {
        let seat = Seat::new(a.pool().clone(), a.people().max(b.people()), a.assurance().max(b.assurance()));
        let seat = seat.map_err(|_| Irreconcilable::Requirements)?;
        let seat = match a.min_role() {
            Some(role) => seat.at_least(role.clone()),
            None => seat,
        };
        return Ok(Requirement::seat(seat));
    }
    Requirement::all(vec![one.clone(), other.clone()]).map_err(|_| Irreconcilable::Requirements)
}

mod seconds {
    use core::time::Duration;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(span.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
