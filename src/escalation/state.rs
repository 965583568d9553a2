//! The states of an escalation, each with just its own facts.

use super::event::{Cast, Denial, Event, Grant, Opening, Seated};
use super::evidence;
use super::ladder::Stage;
use super::requirement::{Agreement, Membership, Requirement, Standing};
use super::step::MAX_REFUSALS;
use crate::condition::Condition;
use crate::moment::Moment;
use crate::party::{AgentId, PersonId};
use crate::token::Approval;
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An escalation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Escalation {
    /// People may vote.
    Pending(Pending),
    /// Enough agreed; the approval waits to be claimed.
    Approved(Approved),
    /// Somebody said no, or nobody could mean what was said together.
    Denied(Denied),
    /// Nobody decided in time.
    Expired(Expired),
    /// The agent withdrew it.
    Cancelled(Cancelled),
    /// It may not or cannot be carried out, whatever anyone approves.
    Blocked(Blocked),
    /// The approval was turned into a token.
    Claimed(Claimed),
    /// The approval was not claimed in time.
    Lapsed(Lapsed),
}

/// What all states have: what was asked, and who said what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub(super) opening: Box<Opening>,
    pub(super) votes: Vec<Cast>,
    pub(super) refusals: usize,
}

/// People may vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub(super) case: Case,
}

/// Enough people agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    pub(super) case: Case,
    pub(super) grant: Box<Grant>,
}

/// It was denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub(super) case: Case,
    /// When.
    pub at: Moment,
    /// By whom or what.
    pub cause: Denial,
}

/// Nobody decided in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    pub(super) case: Case,
    /// When the time was over.
    pub at: Moment,
}

/// The agent withdrew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    pub(super) case: Case,
    /// When.
    pub at: Moment,
    /// Which agent.
    pub by: AgentId,
    /// Why, in its words.
    pub reason: String,
}

/// It may not or cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub(super) case: Case,
    /// When.
    pub at: Moment,
    /// Why, in words.
    pub reasons: Vec<String>,
}

/// The approval was turned into a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub(super) case: Case,
    pub(super) grant: Box<Grant>,
    /// When.
    pub at: Moment,
}

/// The approval was not claimed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapsed {
    pub(super) case: Case,
    pub(super) grant: Box<Grant>,
    /// When the time was over.
    pub at: Moment,
}

/// The name of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// People may vote.
    Pending,
    /// Enough agreed.
    Approved,
    /// Denied.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// Withdrawn.
    Cancelled,
    /// May not or cannot be carried out.
    Blocked,
    /// Turned into a token.
    Claimed,
    /// Not claimed in time.
    Lapsed,
}

impl Status {
    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Blocked => "blocked",
            Self::Claimed => "claimed",
            Self::Lapsed => "lapsed",
        }
    }

    /// Whether nothing can happen to it any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Approved)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who goes by this name; the roster of the moment knows.
pub(super) type KnownAs<'a> = &'a dyn Fn(&str) -> Option<PersonId>;

impl Case {
    pub(super) const fn new(opening: Box<Opening>) -> Self {
        Self { opening, votes: Vec::new(), refusals: 0 }
    }

    /// What was asked.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The votes that were counted, in the order they came.
    #[must_use]
    pub fn votes(&self) -> &[Cast] {
        &self.votes
    }

    /// Whether more refused votes are recorded; a flood of them must not fill the log.
    pub(super) const fn records_refusals(&self) -> bool {
        self.refusals < MAX_REFUSALS
    }

    /// Whether this person asks, or runs the agent that asks, under whichever of their names.
    pub(super) fn is_requester(&self, person: &PersonId, known_as: KnownAs<'_>) -> bool {
        let is = |name: &str| name == person.as_str() || known_as(name).as_ref() == Some(person);
        is(self.opening.agent.as_str()) || self.opening.operators.iter().any(|operator| is(operator.as_str()))
    }

    /// Whether the agent acts for this person, under whichever of their names.
    pub(super) fn is_beneficiary(&self, person: &PersonId, known_as: KnownAs<'_>) -> bool {
        let is = |name: &str| name == person.as_str() || known_as(name).as_ref() == Some(person);
        self.opening.on_behalf_of.as_ref().is_some_and(|name| is(name.as_str()))
    }

    pub(super) fn has_voted(&self, person: &PersonId) -> bool {
        self.votes.iter().any(|vote| vote.person() == person)
    }

    pub(super) fn denial(&self) -> Option<&Cast> {
        self.votes.iter().find(|vote| !vote.approves())
    }

    /// How many people have agreed so far, whichever seats they fill.
    #[must_use]
    pub fn agreed(&self) -> usize {
        self.votes.iter().filter(|vote| vote.approves()).count()
    }

    pub(super) fn agreements(&self) -> Vec<Agreement> {
        let approving = self.votes.iter().filter(|vote| vote.approves());
        approving.map(|vote| Agreement { person: vote.person().clone(), assurance: vote.assurance }).collect()
    }

    /// Those who could still vote: everyone but who has voted, who asks and whom it is for.
    fn others(&self, membership: &dyn Membership) -> Vec<PersonId> {
        let known_as = |name: &str| membership.known_as(name);
        let may = |person: &PersonId| {
            !self.has_voted(person)
                && !self.is_requester(person, &known_as)
                && !self.is_beneficiary(person, &known_as)
        };
        membership.people().into_iter().filter(may).collect()
    }

    /// Who must agree at this moment: as it was opened, or by a stage that has begun.
    #[must_use]
    pub fn requirement_at(&self, now: Moment) -> Requirement {
        let passed = now.since(self.opening.opened_at);
        self.requirement_with(self.opening.ladder.iter().filter(|stage| stage.after <= passed))
    }

    /// Who could agree if every stage had begun.
    fn widest_requirement(&self) -> Requirement {
        self.requirement_with(self.opening.ladder.iter())
    }

    fn requirement_with<'a>(&'a self, stages: impl Iterator<Item = &'a Stage>) -> Requirement {
        let base = &self.opening.requirement;
        let stages: Vec<Requirement> = stages.map(|stage| stage.requirement.clone()).collect();
        if stages.is_empty() {
            return base.clone();
        }
        // Stages that are too many to be one requirement were refused with the policy; without them it is stricter.
        let any = core::iter::once(base.clone()).chain(stages).collect();
        Requirement::any(1, any).unwrap_or_else(|_| base.clone())
    }

    /// How far the requirement of this moment is met by the people who agreed and still may review.
    #[must_use]
    pub fn standing(&self, membership: &dyn Membership, now: Moment) -> Standing {
        let (agreed, others) = (self.agreements(), self.others(membership));
        let standing = self.requirement_at(now).standing(&agreed, &others, membership);
        match standing {
            // A later stage may still bring people who can.
            Standing::Impossible if !self.opening.ladder.is_empty() => {
                match self.widest_requirement().standing(&agreed, &others, membership) {
                    Standing::Missing(people) => Standing::Missing(people),
                    // Those who agreed would do from a later stage on.
                    Standing::Met(_) => Standing::Missing(1),
                    Standing::Impossible => Standing::Impossible,
                }
            }
            Standing::Impossible | Standing::Missing(_) | Standing::Met(_) => standing,
        }
    }

    /// The smallest sets of people who could complete it at this moment, at most `limit`.
    #[must_use]
    pub fn completions(
        &self,
        membership: &dyn Membership,
        now: Moment,
        limit: usize,
    ) -> Vec<BTreeSet<PersonId>> {
        let others = self.others(membership);
        self.requirement_at(now).completions(&self.agreements(), &others, membership, limit)
    }
}

impl Escalation {
    /// What was asked, and who said what.
    #[must_use]
    pub const fn case(&self) -> &Case {
        match self {
            Self::Pending(state) => &state.case,
            Self::Approved(state) => &state.case,
            Self::Denied(state) => &state.case,
            Self::Expired(state) => &state.case,
            Self::Cancelled(state) => &state.case,
            Self::Blocked(state) => &state.case,
            Self::Claimed(state) => &state.case,
            Self::Lapsed(state) => &state.case,
        }
    }

    /// The name of the recorded state. Whether a deadline has passed since, [`status`](Self::status) knows.
    #[must_use]
    pub const fn recorded_status(&self) -> Status {
        match self {
            Self::Pending(_) => Status::Pending,
            Self::Approved(_) => Status::Approved,
            Self::Denied(_) => Status::Denied,
            Self::Expired(_) => Status::Expired,
            Self::Cancelled(_) => Status::Cancelled,
            Self::Blocked(_) => Status::Blocked,
            Self::Claimed(_) => Status::Claimed,
            Self::Lapsed(_) => Status::Lapsed,
        }
    }

    /// The state at this moment: a deadline that has passed has taken effect, recorded or not.
    #[must_use]
    pub fn status(&self, now: Moment) -> Status {
        match self.due(now) {
            Some(Event::Denied { .. }) => Status::Denied,
            Some(Event::Expired { .. }) => Status::Expired,
            Some(Event::Lapsed { .. }) => Status::Lapsed,
            Some(Event::Approved(_)) => Status::Approved,
            Some(
                Event::Opened(_)
                | Event::Voted(_)
                | Event::VoteRefused { .. }
                | Event::Cancelled { .. }
                | Event::Blocked { .. }
                | Event::Claimed { .. },
            )
            | None => self.recorded_status(),
        }
    }

    /// What was granted, where it was approved and not blocked afterwards.
    #[must_use]
    pub const fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Approved(Approved { grant, .. })
            | Self::Claimed(Claimed { grant, .. })
            | Self::Lapsed(Lapsed { grant, .. }) => Some(grant),
            Self::Pending(_) | Self::Denied(_) | Self::Expired(_) | Self::Cancelled(_) | Self::Blocked(_) => {
                None
            }
        }
    }

    /// Who filled which seat, as a token's `cs_appr` says it; empty where nothing is granted.
    #[must_use]
    pub fn approvals(&self) -> Vec<Approval> {
        self.grant().map(|grant| grant.seated.iter().map(Seated::to_approval).collect()).unwrap_or_default()
    }

    /// What must hold when it is executed; empty where nothing is granted.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        self.grant().map(|grant| grant.conditions.as_slice()).unwrap_or_default()
    }

    /// The next moment after `now` at which it changes by itself, if nothing else happens: a stage of the ladder
    /// begins, or a deadline passes.
    #[must_use]
    pub fn deadline(&self, now: Moment) -> Option<Moment> {
        match self {
            Self::Pending(state) => {
                let opening = &state.case.opening;
                let stages = opening.ladder.iter().map(|stage| opening.opened_at.plus(stage.after));
                Some(stages.filter(|begins| *begins > now).fold(opening.decide_by, Moment::min))
            }
            Self::Approved(state) => Some(state.grant.claim_by),
            Self::Denied(_)
            | Self::Expired(_)
            | Self::Cancelled(_)
            | Self::Blocked(_)
            | Self::Claimed(_)
            | Self::Lapsed(_) => None,
        }
    }

    /// The signed votes of those who were seated, as an executor checks them, in the order of the token's `cs_appr`.
    #[must_use]
    pub fn evidence(&self) -> Vec<Vec<u8>> {
        let seated = self.grant().map(|grant| grant.seated.as_slice()).unwrap_or_default();
        let vote_of = |person: &PersonId| self.case().votes.iter().find(|vote| vote.person() == person);
        let signed = seated.iter().filter_map(|seated| vote_of(&seated.person)?.signed());
        signed.map(|vote| evidence::to_bytes(&vote)).collect()
    }
}
