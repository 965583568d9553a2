//! Saturation: whether too large a share of all operations goes to people, or people take too long (A2), over a sliding
//! window, told when it begins and when it is over.

use super::spread::Spread;
use crate::audit::event::{Event, Record, Saturated, SaturationMeasure};
use crate::escalation;
use crate::moment::Moment;
use crate::party::EscalationId;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};

/// Into so many slots a window is cut: what is told is told at the end of a slot, and is of whole slots.
const SLOTS: u64 = 60;
/// The most escalations that are watched at the same time; the times of others are not counted.
const MOST_OPEN: usize = 100_000;

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a time is looked at.
    pub window: Duration,
    /// More than so many thousandths of all operations going to people are too many.
    pub share: u16,
    /// … of so many operations at the least.
    pub least_operations: u64,
    /// A longer median until people approve is too long.
    pub to_approve: Duration,
    /// … of so many at the least.
    pub least_approvals: u64,
}

impl Default for Limits {
    /// An hour; half of at least 20 operations; five minutes for at least 10 approvals.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60 * 60),
            share: 500,
            least_operations: 20,
            to_approve: Duration::from_secs(5 * 60),
            least_approvals: 10,
        }
    }
}

/// Watches the record for saturation; a fold over its records in order.
///
/// What has waited for longer than the limit and is still open counts with the time that it has waited: a queue that
/// stands still is not taken for one that is empty. Drills count for nothing.
#[derive(Clone, Debug)]
pub struct Saturation {
    limits: Limits,
    slots: VecDeque<Slot>,
    /// What waits for people, and since when.
    open: HashMap<EscalationId, Moment>,
    share_above: bool,
    time_above: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    number: u64,
    operations: u64,
    escalated: u64,
    waits: Vec<Duration>,
}

/// In one slot, so many times to an approval are kept; more say no more about its median.
const MOST_WAITS: usize = 1024;

impl Saturation {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, slots: VecDeque::new(), open: HashMap::new(), share_above: false, time_above: false }
    }

    /// Takes the next record; says what began to be too much, or is not any more, until then.
    pub fn take(&mut self, record: &Record) -> Vec<Saturated> {
        match &record.event {
            Event::Decided(decided) => self.decided(record.at, decided.decision.terms().is_some()),
            Event::Escalation { id, step } => self.stepped(record.at, *id, step),
            Event::Started { .. }
            | Event::Stopped {}
            | Event::PolicyLoaded { .. }
            | Event::RosterLoaded { .. }
            | Event::Absence { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::KeyRevoked { .. }
            | Event::Drill { .. }
            | Event::Minted(_)
            | Event::Reported(_)
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. }
            | Event::Suspended { .. }
            | Event::Resumed { .. } => self.at(record.at),
        }
    }

    /// Takes a decision, of which it matters only whether people were asked.
    pub fn decided(&mut self, at: Moment, escalated: bool) -> Vec<Saturated> {
        let found = self.at(at);
        if let Some(slot) = self.slots.back_mut() {
            slot.operations += 1;
            slot.escalated += u64::from(escalated);
        }
        found
    }

    /// Takes a step of an escalation.
    pub fn stepped(&mut self, at: Moment, id: EscalationId, step: &escalation::Event) -> Vec<Saturated> {
        let found = self.at(at);
        self.step(id, step);
        found
    }

    /// Lets time pass; says what began to be too much, or is not any more, until then.
    pub fn at(&mut self, now: Moment) -> Vec<Saturated> {
        let number = now.unix_millis() / self.slot_millis();
        let newest = self.slots.back().map(|slot| slot.number);
        // A clock that was set back changes nothing that was counted.
        if newest.is_some_and(|newest| number <= newest) {
            return Vec::new();
        }
        let found = self.judge(now);
        let oldest = number.saturating_sub(SLOTS - 1);
        while self.slots.front().is_some_and(|slot| slot.number < oldest) {
            self.slots.pop_front();
        }
        self.slots.push_back(Slot { number, operations: 0, escalated: 0, waits: Vec::new() });
        found
    }

    fn slot_millis(&self) -> u64 {
        let window = u64::try_from(self.limits.window.as_millis()).unwrap_or(u64::MAX);
        (window / SLOTS).max(1)
    }

    fn step(&mut self, id: EscalationId, step: &escalation::Event) {
        match step {
            escalation::Event::Opened(opening) => {
                if !opening.drill && self.open.len() < MOST_OPEN {
                    self.open.insert(id, opening.opened_at);
                }
            }
            escalation::Event::Approved(grant) => {
                if let Some(since) = self.open.remove(&id)
                    && let Some(slot) = self.slots.back_mut()
                    && slot.waits.len() < MOST_WAITS
                {
                    slot.waits.push(grant.at.since(since));
                }
            }
            // It is up to the agent now.
            escalation::Event::Amended(_)
            | escalation::Event::Denied { .. }
            | escalation::Event::Expired { .. }
            | escalation::Event::Cancelled { .. }
            | escalation::Event::Blocked { .. } => {
                self.open.remove(&id);
            }
            escalation::Event::Asked { .. }
            | escalation::Event::Reassigned { .. }
            | escalation::Event::Reminded { .. }
            | escalation::Event::Seen { .. }
            | escalation::Event::Widened { .. }
            | escalation::Event::Voted(_)
            | escalation::Event::VoteRefused { .. }
            | escalation::Event::Withdrawn(_)
            | escalation::Event::Claimed { .. }
            | escalation::Event::Lapsed { .. }
            | escalation::Event::Reviewed(_) => {}
        }
    }

    fn judge(&mut self, now: Moment) -> Vec<Saturated> {
        let Limits { window, share, least_operations, to_approve, least_approvals } = self.limits;
        let seconds = window.as_secs();
        let operations: u64 = self.slots.iter().map(|slot| slot.operations).sum();
        let escalated: u64 = self.slots.iter().map(|slot| slot.escalated).sum();
        let part = escalated.saturating_mul(1000).checked_div(operations).unwrap_or_default();
        let share = of(
            SaturationMeasure::Share,
            &mut self.share_above,
            Figure {
                figure: part,
                limit: u64::from(share),
                cases: operations,
                least: least_operations,
                seconds,
            },
            escalated.saturating_mul(1000) > u64::from(share).saturating_mul(operations),
        );
        let mut waits = Spread::default();
        let waiting = self.open.values().map(|since| now.since(*since)).filter(|wait| *wait > to_approve);
        for wait in self.slots.iter().flat_map(|slot| slot.waits.iter().copied()).chain(waiting) {
            waits.take(wait);
        }
        let median = waits.median().unwrap_or_default();
        let figure = Figure {
            figure: median.as_secs(),
            limit: to_approve.as_secs(),
            cases: waits.count(),
            least: least_approvals,
            seconds,
        };
        let time = of(SaturationMeasure::TimeToApprove, &mut self.time_above, figure, median > to_approve);
        share.into_iter().chain(time).collect()
    }
}

#[derive(Clone, Copy)]
struct Figure {
    figure: u64,
    limit: u64,
    cases: u64,
    least: u64,
    seconds: u64,
}

/// Of too few cases nothing is said, and what was too much before is over.
fn of(measure: SaturationMeasure, was: &mut bool, figure: Figure, above: bool) -> Option<Saturated> {
    let Figure { figure, limit, cases, least, seconds: window } = figure;
    let above = above && cases >= least;
    (core::mem::replace(was, above) != above).then_some(Saturated {
        measure,
        above,
        figure,
        limit,
        window,
        cases,
    })
}
