//! The terms of an escalation: who has to agree, what counts, and until when.

use super::diligence::{Diligence, OnPoor};
use super::ladder::{OnTimeout, Stage, seconds};
use super::requirement::{Pool, Requirement, RequirementError, Seat};
use crate::condition::Condition;
use crate::party::PersonId;
use crate::token::Assurance;
use core::fmt;
use core::num::NonZeroU8;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The terms of an escalation. A rule sets them; they never change while it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Who has to agree.
    pub requirement: Requirement,
    /// Who may agree instead when nobody has decided for so long, earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<Stage>,
    /// Who may agree instead where nobody else can, or is there (V2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_pool: Option<Requirement>,
    /// What happens when nobody has decided in time.
    #[serde(default, skip_serializing_if = "OnTimeout::is_deny")]
    pub on_timeout: OnTimeout,
    /// How many denials end it (E2).
    #[serde(default, skip_serializing_if = "Denials::is_one")]
    pub denials: Denials,
    /// Who can't vote besides those who ask and whom it is for (P4).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude: BTreeSet<Exclusion>,
    /// What makes a vote a poor one, and what becomes of it (V3).
    #[serde(default, skip_serializing_if = "Diligence::is_default")]
    pub diligence: Diligence,
    /// Who may agree in an emergency, where anyone may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// How the reviewers are told, in the policy's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// What others said is hidden from a reviewer until they have voted themselves, so that nobody follows anybody.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub hidden_votes: bool,
    /// What must hold when the operation is executed, whatever the reviewers add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// How long the reviewers have (decide-by), in seconds.
    #[serde(with = "seconds")]
    pub decide_within: Duration,
    /// How long it must have been open before an approval counts (V3), in seconds.
    #[serde(default, with = "seconds", skip_serializing_if = "Duration::is_zero")]
    pub min_review: Duration,
    /// How long the agent has to collect the token after approval (claim-by), in seconds.
    #[serde(with = "seconds")]
    pub claim_within: Duration,
    /// How long the token lives (execute-within), in seconds.
    #[serde(with = "seconds")]
    pub execute_within: Duration,
}

/// How many denials end an escalation: one, unless the rule says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Denials(NonZeroU8);

impl Denials {
    /// The first denial ends it.
    pub const ONE: Self = Self(NonZeroU8::MIN);

    /// So many; `None` for zero, which no denial could ever reach.
    #[must_use]
    pub fn new(denials: u8) -> Option<Self> {
        NonZeroU8::new(denials).map(Self)
    }

    /// How many.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0.get())
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    const fn is_one(&self) -> bool {
        self.0.get() == 1
    }
}

impl Default for Denials {
    fn default() -> Self {
        Self::ONE
    }
}

/// Who stands too near to those who ask, operate the agent, or are acted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// Whoever belongs to a team of theirs.
    Team,
    /// Whoever manages one of them.
    Manager,
}

impl Exclusion {
    /// Every exclusion.
    pub const ALL: [Self; 2] = [Self::Team, Self::Manager];

    /// The name, as policies write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Manager => "manager",
        }
    }

    /// The exclusion of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An emergency approval: fewer people, more surely known, for a short time, put before everyone named at once, and
/// reviewed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// Who has to agree in an emergency.
    pub requirement: Requirement,
    /// How long the token lives then, in seconds.
    #[serde(with = "seconds")]
    pub execute_within: Duration,
    /// In whose queue it is at once. One of them who did not break the glass reviews it afterwards.
    pub review: Requirement,
    /// How long after the approval that review is due, in seconds. It stays open until it is done.
    #[serde(with = "seconds")]
    pub review_within: Duration,
}

impl Terms {
    /// These people, by a signature of their own; half an hour to decide, ten minutes to collect, five to execute.
    #[must_use]
    pub fn new(requirement: Requirement) -> Self {
        Self {
            requirement,
            ladder: Vec::new(),
            escalation_pool: None,
            on_timeout: OnTimeout::Deny,
            denials: Denials::ONE,
            exclude: BTreeSet::new(),
            diligence: Diligence::default(),
            break_glass: None,
            channels: Vec::new(),
            hidden_votes: false,
            conditions: Vec::new(),
            decide_within: Duration::from_secs(30 * 60),
            min_review: Duration::ZERO,
            claim_within: Duration::from_secs(10 * 60),
            execute_within: Duration::from_secs(5 * 60),
        }
    }

    /// Who may agree without an emergency: as it is opened, by stage, and at last the escalation pool.
    pub fn whole(&self) -> impl Iterator<Item = &Requirement> {
        let stages = self.ladder.iter().map(|stage| &stage.requirement);
        core::iter::once(&self.requirement).chain(stages).chain(&self.escalation_pool)
    }

    /// Everybody whom the terms name: who may agree, by whichever way, and who reviews that.
    pub fn parties(&self) -> impl Iterator<Item = &Requirement> {
        let added = match &self.diligence.on_poor {
            OnPoor::AddSeat(seat) => Some(seat),
            OnPoor::Flag | OnPoor::AskAgain | OnPoor::NotCount => None,
        };
        let emergency =
            self.break_glass.iter().flat_map(|emergency| [&emergency.requirement, &emergency.review]);
        self.whole().chain(added).chain(emergency)
    }

    /// Whether a stage or the escalation pool can begin where nobody can complete it as it was opened.
    #[must_use]
    pub const fn widens(&self) -> bool {
        !self.ladder.is_empty() || self.escalation_pool.is_some()
    }

    /// These terms where this person, who denied the like lately, has to agree in a seat of their own as well as
    /// everybody else (R6): no later stage, no pool, no emergency and no waiting gets around them.
    pub(crate) fn again_by(&self, person: &PersonId) -> Result<Self, RequirementError> {
        let assurance = self.requirement.seats().iter().map(Seat::assurance).max();
        let pool = Pool::new([person.clone()], [], [])?;
        let seat = Seat::new(pool, 1, assurance.unwrap_or(Assurance::Signed))?;
        let requirement = Requirement::all(vec![self.requirement.clone(), Requirement::seat(seat)])?;
        Ok(Self {
            requirement,
            ladder: Vec::new(),
            escalation_pool: None,
            on_timeout: OnTimeout::Deny,
            break_glass: None,
            ..self.clone()
        })
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

    /// Its kind, one of [`KINDS`](Self::KINDS).
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or(self.0.as_str(), |(kind, _)| kind)
    }

    /// Which one of that kind, where that is said: `#agent-approvals` in `slack:#agent-approvals`.
    #[must_use]
    pub fn which(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, which)| which)
    }
}
