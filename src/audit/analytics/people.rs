//! The people: how often each was asked, how they voted and how soon, and what their votes were flagged for.

use super::spread::Spread;
use crate::escalation::Flag;
use crate::moment::Moment;
use crate::reviewer::Person;
use core::time::Duration;
use std::collections::BTreeMap;

/// A day on which somebody was asked so many hundredths of what they may be, or more, is a full one.
const FULL: u64 = 90;
const A_DAY: u64 = 24 * 60 * 60;

/// What one reviewer had to do, and did.
#[derive(Clone, Debug, Default)]
pub(super) struct Reviewer {
    /// How often they were asked.
    pub(super) asked: u64,
    /// How often they passed it on.
    pub(super) passed_on: u64,
    /// How often they approved, in emergencies too.
    pub(super) approvals: u64,
    /// … of these, in an emergency.
    pub(super) emergencies: u64,
    /// How often they denied.
    pub(super) denials: u64,
    /// How often they proposed another operation.
    pub(super) changes: u64,
    /// How often they took back what they had said.
    pub(super) withdrawals: u64,
    /// How many of their approvals were flagged, by the code of the flag.
    pub(super) flags: BTreeMap<&'static str, u64>,
    /// How often they were asked to look again.
    pub(super) asked_again: u64,
    /// How long they had before them what they voted on.
    pub(super) review: Spread,
    /// How many drills they denied.
    pub(super) drills_caught: u64,
    /// How many drills they would have approved.
    pub(super) drills_missed: u64,
    /// How often they may be asked a day, by the roster in force.
    pub(super) daily_cap: Option<u64>,
    /// On how many days they were asked.
    pub(super) days: u64,
    /// … on how many of these nine tenths of their cap, or more.
    pub(super) full_days: u64,
    /// How often on the busiest of them. What came beside its like is not counted, as for the cap.
    pub(super) busiest_day: u64,
    day: Option<(Moment, u64)>,
}

/// When the day of this person began, or the day of Greenwich where they are not on the roster.
pub(super) fn day_of(person: Option<&Person>, at: Moment) -> Moment {
    let greenwich = || Moment::from_unix_seconds(at.unix_seconds() / A_DAY * A_DAY);
    person.map_or_else(greenwich, |person| person.day_of(at))
}

impl Reviewer {
    /// They were asked; on this day of theirs for the `today`th time.
    pub(super) fn was_asked(&mut self, day: Moment, today: usize, cap: Option<u32>) {
        self.asked += 1;
        self.daily_cap = cap.map(u64::from);
        let today = u64::try_from(today).unwrap_or(u64::MAX);
        match &mut self.day {
            Some((same, most)) if *same == day => *most = (*most).max(today),
            Some(_) | None => {
                self.end_day();
                self.day = Some((day, today));
            }
        }
    }

    fn end_day(&mut self) {
        let Some((_, asked)) = self.day.take() else { return };
        self.days += 1;
        self.busiest_day = self.busiest_day.max(asked);
        let full = |cap: u64| cap > 0 && asked.saturating_mul(100) >= cap.saturating_mul(FULL);
        self.full_days += u64::from(self.daily_cap.is_some_and(full));
    }

    /// As it is with the day that has not ended.
    #[must_use]
    pub(super) fn as_of_now(&self) -> Self {
        let mut all = self.clone();
        all.end_day();
        all
    }

    pub(super) fn flagged(&mut self, flags: &[Flag]) {
        for flag in flags {
            *self.flags.entry(flag.code()).or_default() += 1;
        }
    }

    pub(super) fn took(&mut self, took: Option<Duration>) {
        if let Some(took) = took {
            self.review.take(took);
        }
    }
}
