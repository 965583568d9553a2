//! The tally: how each reviewer votes, counted from the record.

use crate::escalation::vote::Choice;
use crate::escalation::{Cast, Flag};
use core::time::Duration;
use std::collections::BTreeMap;

/// How a reviewer votes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often they approved, in emergencies too.
    pub approvals: u32,
    /// How often they denied.
    pub denials: u32,
    /// How often they proposed another operation.
    pub changes: u32,
    /// How often they took back what they had said.
    pub withdrawals: u32,
    /// How many of their approvals were poor ones, by the code of what made them so.
    pub poor: BTreeMap<&'static str, u32>,
    /// How often they were asked to look again and vote again.
    pub asked_again: u32,
    /// How long they had before them what they decided.
    took: Vec<Duration>,
}

impl Tally {
    /// How long they had before them what they decided: half of it for longer, half for less.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        let mut took = self.took.clone();
        took.sort_unstable();
        took.get(took.len() / 2).copied()
    }

    /// Takes a vote that was counted.
    pub(super) fn voted(&mut self, vote: &Cast, took: Option<Duration>) {
        let count = match vote.statement.choice {
            Choice::Approve(_) | Choice::BreakGlass(_) => &mut self.approvals,
            Choice::Deny => &mut self.denials,
            Choice::Withdraw => &mut self.withdrawals,
        };
        *count = count.saturating_add(1);
        for code in vote.flags.iter().copied().map(Flag::code) {
            let poor = self.poor.entry(code).or_default();
            *poor = poor.saturating_add(1);
        }
        self.took.extend(took);
    }
}
