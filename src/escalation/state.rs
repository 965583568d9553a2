//! The states of an escalation, each with just its own facts.

use super::case::Case;
use super::event::{Denial, Event, Grant, Seated};
use super::evidence;
use crate::condition::Condition;
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId};
use crate::token::Approval;
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

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
    /// The escalation of the changed operation that it accepted instead.
    pub successor: Option<EscalationId>,
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
    /// Until when somebody has to review it, if it was an emergency.
    pub review_by: Option<Moment>,
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
                | Event::Asked { .. }
                | Event::Reassigned { .. }
                | Event::Reminded { .. }
                | Event::Seen { .. }
                | Event::Widened { .. }
                | Event::Voted(_)
                | Event::VoteRefused { .. }
                | Event::Withdrawn(_)
                | Event::Amended(_)
                | Event::Cancelled { .. }
                | Event::Blocked { .. }
                | Event::Claimed { .. }
                | Event::Reviewed(_),
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

    /// How long its token lives: shorter in an emergency.
    #[must_use]
    pub fn execute_within(&self) -> Duration {
        let terms = &self.case().opening().terms;
        match (&terms.break_glass, self.grant()) {
            (Some(emergency), Some(grant)) if grant.emergency => {
                emergency.execute_within.min(terms.execute_within)
            }
            (Some(_) | None, _) => terms.execute_within,
        }
    }

    /// Whether what others said is hidden from this person, or from somebody who is not known: while people decide,
    /// until they have voted themselves, where the rule says so.
    #[must_use]
    pub fn hides_votes_from(&self, person: Option<&PersonId>, now: Moment) -> bool {
        let case = self.case();
        let voted = person.is_some_and(|person| case.votes().iter().any(|vote| vote.person() == person));
        case.opening().terms.hidden_votes && !voted && self.status(now) == Status::Pending
    }

    /// Until when somebody has to review an emergency approval that was used; `None` where nobody has to any more.
    #[must_use]
    pub fn review_due(&self) -> Option<Moment> {
        if let Self::Claimed(claimed) = self
            && claimed.case.review().is_none()
        {
            return claimed.review_by;
        }
        None
    }

    /// The next moment after `now` at which it changes by itself, if nothing else happens: a stage of the ladder
    /// begins, people are reminded, or a deadline passes.
    #[must_use]
    pub fn deadline(&self, now: Moment) -> Option<Moment> {
        match self {
            Self::Pending(state) => Some(state.case.next_moment(now)),
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
        let vote_of = |person: &PersonId| self.case().votes().iter().find(|vote| vote.person() == person);
        let signed = seated.iter().filter_map(|seated| vote_of(&seated.person)?.signed());
        signed.map(|vote| evidence::to_bytes(&vote)).collect()
    }
}
