//! Tallies: how often each thing was decided, and how what people were asked ended.

use super::interval::Rate;
use super::spread::Spread;
use serde::Serialize;

/// What became of operations at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decisions {
    /// They ran without anyone being asked.
    pub allowed: u64,
    /// The policy said no.
    pub denied: u64,
    /// A suspension said no, whatever the policy says.
    pub suspended: u64,
    /// People were asked.
    pub escalated: u64,
}

impl Decisions {
    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.allowed + self.denied + self.suspended + self.escalated
    }

    /// What part of all went to people.
    #[must_use]
    pub const fn share_escalated(&self) -> Rate {
        Rate::new(self.escalated, self.all())
    }
}

/// How what people were asked ended. What is approved may be blocked, claimed or lapse afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Endings {
    /// So many were put before people.
    pub opened: u64,
    /// Enough agreed, or the policy lets it run where nobody decides.
    pub approved: u64,
    /// … of these, because nobody decided.
    pub undecided: u64,
    /// … of these, in an emergency.
    pub emergencies: u64,
    /// Somebody said no, or nobody could mean what was said together.
    pub denied: u64,
    /// Nobody decided in time.
    pub expired: u64,
    /// The agent withdrew it.
    pub withdrawn: u64,
    /// The agent took what a reviewer proposed instead.
    pub changed: u64,
    /// It might not or could not be carried out, before anyone had decided.
    pub blocked: u64,
    /// … after it had been approved.
    pub blocked_after: u64,
    /// The approval became a token.
    pub claimed: u64,
    /// The approval was not claimed in time.
    pub lapsed: u64,
}

impl Endings {
    /// How many have ended, once each.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.approved + self.denied + self.expired + self.withdrawn + self.changed + self.blocked
    }

    /// How many wait.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.opened.saturating_sub(self.ended())
    }

    /// So many of those that have ended.
    #[must_use]
    pub const fn rate(&self, part: u64) -> Rate {
        Rate::new(part, self.ended())
    }
}

/// Operations that have something in common: an action, an agent, a level, an hour.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// What became of them at once.
    pub decisions: Decisions,
    /// How what people were asked ended.
    pub endings: Endings,
    /// How long reviewers had it before them until they voted.
    pub review: Spread,
    /// How long it took from the request to the approval.
    pub approval: Spread,
}
