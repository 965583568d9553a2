//! Stages: how often each stage of a ladder began before it was over, and how what a rule asked for ended.

use super::tally::Endings;
use crate::escalation::{Opening, Widening};
use crate::moment::Moment;
use crate::party::PersonId;
use core::time::Duration;
use std::collections::BTreeMap;

/// How many different people of a rule are counted one by one.
const MOST_PEOPLE: usize = 1000;

/// One stage; the first is as it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    /// How many of those that have ended had it.
    pub(super) had: u64,
    /// How many reached it.
    pub(super) reached: u64,
    /// How many ended in it.
    pub(super) ended: u64,
}

/// What a rule asked people, or a level where no rule did.
#[derive(Clone, Debug, Default)]
pub(super) struct Asking {
    /// How it ended.
    pub(super) endings: Endings,
    /// Its stages, the first as it was opened, the escalation pool last.
    pub(super) stages: Vec<Stage>,
    /// How often a stage began early, because nobody of those before it could complete it …
    pub(super) widened_nobody_can: u64,
    /// … or too few of them were there.
    pub(super) widened_nobody_there: u64,
    /// How often each person filled a seat.
    pub(super) seated: BTreeMap<PersonId, u64>,
    /// The smallest number of people that the requirement took.
    pub(super) people: usize,
}

/// What of the terms says when a stage begins.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    opened_at: Moment,
    after: Vec<Duration>,
    pool: bool,
    widened: usize,
}

impl Ladder {
    pub(super) fn new(opening: &Opening) -> Self {
        let terms = &opening.terms;
        Self {
            opened_at: opening.opened_at,
            after: terms.ladder.iter().map(|stage| stage.after).collect(),
            pool: terms.escalation_pool.is_some(),
            widened: 0,
        }
    }

    /// The stage of this moment, as the escalation itself counts them.
    fn stage(&self, now: Moment) -> usize {
        let passed = now.since(self.opened_at);
        self.after.iter().filter(|after| **after <= passed).count().max(self.widened)
    }

    const fn last(&self) -> usize {
        self.after.len() + self.pool as usize
    }

    pub(super) fn widen(&mut self, at: Moment) {
        self.widened = self.stage(at).saturating_add(1).min(self.last());
    }
}

impl Asking {
    pub(super) fn widened(&mut self, cause: Widening) {
        match cause {
            Widening::NobodyCan => self.widened_nobody_can += 1,
            Widening::NobodyAvailable => self.widened_nobody_there += 1,
        }
    }

    pub(super) fn seated<'a>(&mut self, people: impl IntoIterator<Item = &'a PersonId>) {
        for person in people {
            if let Some(count) = self.seated.get_mut(person) {
                *count += 1;
            } else if self.seated.len() < MOST_PEOPLE {
                self.seated.insert(person.clone(), 1);
            }
        }
    }
}

/// An escalation with this ladder ended at this moment.
pub(super) fn ended(stages: &mut Vec<Stage>, ladder: &Ladder, at: Moment) {
    let (reached, last) = (ladder.stage(at), ladder.last());
    if stages.len() <= last {
        stages.resize(last + 1, Stage::default());
    }
    for (number, stage) in stages.iter_mut().enumerate().take(last + 1) {
        stage.had += 1;
        stage.reached += u64::from(number <= reached);
        stage.ended += u64::from(number == reached);
    }
}
