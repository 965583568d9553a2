//! What a policy can say about an operation: allow, deny, or escalate on these terms.

use crate::condition::{Condition, Contradiction, tightest};
use crate::escalation::requirement::{Pool, Requirement, RequirementError, Seat};
use crate::escalation::{OnTimeout, Stage};
use crate::party::PersonId;
use crate::token::Assurance;
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
    /// Who may agree instead when nobody has decided for so long, earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<Stage>,
    /// What happens when nobody has decided in time.
    #[serde(default, skip_serializing_if = "OnTimeout::is_deny")]
    pub on_timeout: OnTimeout,
    /// How the reviewers are told, in the policy's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// What must hold when the operation is executed, whatever the reviewers add.
    pub conditions: Vec<Condition>,
    /// How long the reviewers have (decide-by).
    #[serde(with = "crate::escalation::ladder::seconds")]
    pub decide_within: Duration,
    /// How long the proposal must have been open before an approval counts (V3).
    #[serde(default, with = "crate::escalation::ladder::seconds", skip_serializing_if = "Duration::is_zero")]
    pub min_review: Duration,
    /// How long the agent has to collect the token after approval (claim-by).
    #[serde(with = "crate::escalation::ladder::seconds")]
    pub claim_within: Duration,
    /// How long the token lives.
    #[serde(with = "crate::escalation::ladder::seconds")]
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
    /// The requirement that this person agrees as well as everybody else, in a seat of their own.
    pub(crate) fn also_by(&self, person: &PersonId) -> Result<Requirement, RequirementError> {
        let assurance = self.requirement.seats().iter().map(Seat::assurance).max();
        let pool = Pool::new([person.clone()], [], [])?;
        let seat = Seat::new(pool, 1, assurance.unwrap_or(Assurance::Signed))?;
        Requirement::all(vec![self.requirement.clone(), Requirement::seat(seat)])
    }

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
                // Every stage widens who may agree, and waiting may even allow: both must say so.
                ladder: if terms.ladder == others.ladder { terms.ladder.clone() } else { Vec::new() },
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
                conditions: both()?,
                decide_within: terms.decide_within.min(others.decide_within),
                min_review: terms.min_review.max(others.min_review),
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

/// Where reviewers are told: a kind of channel, and which one of that kind if the policy says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Channel(String);

impl Channel {
    /// The kinds there are.
    pub const KINDS: &'static [&'static str] = &["slack", "email", "sms", "push", "webhook", "console"];

    /// Reads `slack`, `slack:#agent-approvals`, `email:team@example.com`; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, which) = text.split_once(':').map_or((text, None), |(kind, which)| (kind, Some(which)));
        let plain = |which: &str| {
            !which.is_empty() && which.len() <= 256 && which.bytes().all(|b| b.is_ascii_graphic())
        };
        (Self::KINDS.contains(&kind) && which.is_none_or(plain)).then(|| Self(text.to_owned()))
    }

    /// As the policy writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
