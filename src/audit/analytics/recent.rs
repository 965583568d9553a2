//! What is remembered of operations that ran or may run, so that what is reported of one later is known to be of it.

use crate::party::TxnId;
use crate::risk::{Assessment, Level};
use std::collections::{HashMap, VecDeque};

/// Of so many operations, the latest, it is remembered what they were. What is reported of an older one is counted as
/// of an operation that is not known any more.
pub const REMEMBERED: usize = 131_072;

/// How many factors a score is made of.
pub(super) const FACTORS: usize = 6;

/// What is remembered of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    /// Thousandths.
    pub(super) score: u16,
    /// The factors' values in thousandths, in the published order.
    pub(super) factors: [u16; FACTORS],
    pub(super) level: Level,
    /// What actions like it are called in the ledger, if there was room.
    pub(super) like: Option<u32>,
    /// Whether it is among what is counted.
    pub(super) counted: bool,
    pub(super) minted: bool,
    pub(super) incident: bool,
}

impl Remembered {
    pub(super) fn new(assessment: &Assessment, like: Option<u32>, counted: bool) -> Self {
        let mut factors = [0; FACTORS];
        for (place, factor) in factors.iter_mut().zip(&assessment.factors) {
            *place = factor.value.thousandths();
        }
        let score = assessment.score.thousandths();
        Self { score, factors, level: assessment.level, like, counted, minted: false, incident: false }
    }
}

/// The latest operations.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    known: HashMap<TxnId, Remembered>,
    order: VecDeque<TxnId>,
}

impl Recent {
    pub(super) fn remember(&mut self, txn: TxnId, operation: Remembered) {
        if self.known.insert(txn, operation).is_none() {
            self.order.push_back(txn);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn of(&mut self, txn: TxnId) -> Option<&mut Remembered> {
        self.known.get_mut(&txn)
    }
}
