//! Diligence: what tells an approval that was thought about from one that was not, with the figures that say so (V3).
//!
//! The flags of a vote follow from what the record has when it is brought, and from the clock on the reviewer's wall;
//! so anybody who reads the record finds the same ones.

mod recount;
mod tally;

pub use recount::{Discrepancy, Recount, Surroundings, recompute};
pub use tally::Tally;

use super::workload::Load;
use crate::escalation::{Attention, Diligence, Flag, Opening};
use crate::moment::Moment;
use core::time::Duration;

/// The hours in which nobody ought to have to decide: from 22:00 to 06:00.
const NIGHT: (u8, u8) = (22, 6);

/// An approval that is brought, and what is known of its reviewer.
#[derive(Clone, Copy, Debug)]
pub struct Glance<'a> {
    /// When it is brought.
    pub now: Moment,
    /// Since when people can have been looking at it.
    pub opened_at: Moment,
    /// What the reviewer did with it before.
    pub attention: Attention,
    /// How many characters they are shown.
    pub characters: usize,
    /// When they last approved anything, in whatever order.
    pub approvals: &'a [Moment],
    /// How often they have approved since they last said anything else.
    pub streak: u32,
    /// The hour of the clock on their wall, where it is known in which time zone that hangs.
    pub hour: Option<u8>,
}

/// What makes an approval of somebody with this load a poor one, by the rule under which it was opened.
#[must_use]
pub fn flags(
    opening: &Opening,
    attention: Attention,
    characters: usize,
    load: Option<&Load>,
    hour: Option<u8>,
    now: Moment,
) -> Vec<Flag> {
    let votes = load.into_iter().flat_map(Load::votes).filter(|vote| vote.said.approves());
    let approvals: Vec<Moment> = votes.map(|vote| vote.at).collect();
    let streak = load.map_or(0, Load::streak);
    let opened_at = opening.opened_at;
    let glance = Glance { now, opened_at, attention, characters, approvals: &approvals, streak, hour };
    glance.flags(&opening.terms.diligence)
}

impl Glance<'_> {
    /// Since when they have had it before them: since they opened it, as far as that is known, or it reached them, or
    /// they were asked, or since it was opened at all.
    #[must_use]
    pub fn since(&self) -> Moment {
        let Attention { asked_at, delivered_at, opened_at, evidence_opened_at: _ } = self.attention;
        opened_at.or(delivered_at).or(asked_at).unwrap_or(self.opened_at)
    }

    /// What makes the approval a poor one; nothing, if it is none. More time never makes it poorer.
    #[must_use]
    pub fn flags(&self, diligence: &Diligence) -> Vec<Flag> {
        let unread = (diligence.opened && self.attention.opened_at.is_none()).then_some(Flag::NotOpened);
        let unproven = (diligence.evidence && self.attention.evidence_opened_at.is_none())
            .then_some(Flag::EvidenceNotOpened);
        let found = [
            unread,
            unproven,
            self.hasty(diligence.reading_speed),
            self.burst(diligence.burst, diligence.burst_within),
            self.streak(diligence.streak),
            self.night().filter(|_| diligence.nights),
        ];
        found.into_iter().flatten().collect()
    }

    fn hasty(&self, reading_speed: u32) -> Option<Flag> {
        let characters = u64::try_from(self.characters).unwrap_or(u64::MAX);
        // Where any speed will do, reading takes no time.
        let least = characters.saturating_mul(1000).checked_div(u64::from(reading_speed)).unwrap_or_default();
        let took = millis(self.now.since(self.since()));
        (took < least).then_some(Flag::Hasty { took, least })
    }

    fn burst(&self, burst: u32, within: Duration) -> Option<Flag> {
        let recent = self.approvals.iter().map(|at| self.now.since(*at)).filter(|ago| *ago < within);
        let (votes, longest) = recent.fold((1_u32, Duration::ZERO), |(votes, longest), ago| {
            (votes.saturating_add(1), longest.max(ago))
        });
        (burst > 0 && votes >= burst).then_some(Flag::Burst { votes, within: millis(longest) })
    }

    fn streak(&self, streak: u32) -> Option<Flag> {
        let votes = self.streak.saturating_add(1);
        (streak > 0 && votes >= streak).then_some(Flag::Streak { votes })
    }

    fn night(&self) -> Option<Flag> {
        let (from, to) = NIGHT;
        self.hour.filter(|hour| *hour >= from || *hour < to).map(|hour| Flag::Night { hour })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
