//! What a policy can say about an operation: allow, deny, or escalate on these terms.

use crate::condition::{Condition, Contradiction, tightest};
use crate::escalation::requirement::{Requirement, Seat};
use crate::escalation::{BreakGlass, OnTimeout, Terms};
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

/// Why two outcomes have no common one: nothing could meet both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Irreconcilable {
    /// Their conditions cannot hold together.
    Conditions(Contradiction),
    /// Together they ask for more people than a requirement can.
    Requirements,
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
                // Every other way widens who may agree, and waiting may even allow: both must say so.
                ladder: if terms.ladder == others.ladder { terms.ladder.clone() } else { Vec::new() },
                escalation_pool: agreed(&terms.escalation_pool, &others.escalation_pool),
                break_glass: emergency(terms.break_glass.as_ref(), others.break_glass.as_ref()),
                denials: terms.denials.min(others.denials),
                exclude: terms.exclude.union(&others.exclude).copied().collect(),
                diligence: terms.diligence.strictest(&others.diligence),
                on_timeout: match (terms.on_timeout, others.on_timeout) {
                    (OnTimeout::Allow, OnTimeout::Allow) => OnTimeout::Allow,
                    (OnTimeout::Deny, _) | (_, OnTimeout::Deny) => OnTimeout::Deny,
                },
                channels: {
                    let mut channels = terms.channels.clone();
                    channels
                        .extend(others.channels.iter().filter(|one| !terms.channels.contains(one)).cloned());
                    channels
                },
                hidden_votes: terms.hidden_votes || others.hidden_votes,
                conditions: both()?,
                decide_within: terms.decide_within.min(others.decide_within),
                min_review: terms.min_review.max(others.min_review),
                claim_within: terms.claim_within.min(others.claim_within),
                execute_within: terms.execute_within.min(others.execute_within),
            })),
        }
    }
}

/// What both say, if they say the same.
fn agreed<T: Clone + PartialEq>(one: &Option<T>, other: &Option<T>) -> Option<T> {
    one.clone().filter(|_| one == other)
}

/// An emergency approval by the same people, reviewed by the same, is as short as either says.
fn emergency(one: Option<&BreakGlass>, other: Option<&BreakGlass>) -> Option<BreakGlass> {
    let (one, other) = (one?, other?);
    let same = one.requirement == other.requirement && one.review == other.review;
    same.then(|| BreakGlass {
        execute_within: one.execute_within.min(other.execute_within),
        review_within: one.review_within.min(other.review_within),
        ..one.clone()
    })
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
