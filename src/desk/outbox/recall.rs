//! What was told before this start, read from the record.

use super::board::{Board, Card, Known};
use super::{Outbox, Topic};
use crate::audit::event::Event;
use crate::moment::Moment;
use crate::notice::{Delivery, Told};
use crate::party::{EscalationId, TxnId};
use crate::reviewer::profile::Changed;
use crate::store::{Index, StoreError};
use core::time::Duration;

/// How far back news are looked for, and in how many records at most.
const BACK: Duration = Duration::from_secs(60 * 60);
const RECORDS: u64 = 20_000;
/// How many records at most are read for what was told of a drill.
const DRILLS: u64 = 100_000;
/// How long after its opening an escalation may owe something to somebody, and how many are looked through.
pub(super) const OLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
pub(super) const LATEST: usize = 5_000;

impl Outbox {
    /// What was told of this escalation, by the record.
    pub(super) fn recalled(&self, id: EscalationId, txn: TxnId) -> Result<Known, StoreError> {
        let mut known = Known { txn: Some(txn), ..Known::default() };
        for index in self.desk.store.chain(txn)? {
            if let Event::Told(told) = self.desk.store.record(index)?.event
                && told.escalation == Some(id)
            {
                self.recall_told(&mut known, *told);
            }
        }
        show(&mut known, id);
        Ok(known)
    }

    /// … of a drill, which no decision asked for: it is among what was recorded since it was opened.
    pub(super) fn recalled_drill(&self, id: EscalationId, opened: Index) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let store = &self.desk.store;
        for index in opened.max(store.len().saturating_sub(DRILLS))..store.len() {
            if let Event::Told(told) = store.record(index)?.event
                && told.escalation == Some(id)
            {
                self.recall_told(&mut known, *told);
            }
        }
        show(&mut known, id);
        Ok(known)
    }

    fn recall_told(&self, known: &mut Known, told: Told) {
        known.told.insert(told.notice);
        if let Delivery::Delivered { handle: Some(handle) } = told.delivery
            && told.topic != Topic::Updated
            && self.changes(told.channel.kind())
        {
            known.cards.push(Card::new(told.notice, told.to, told.channel, handle, 0));
        }
    }

    /// News that were told lately, drills, and when people were sent something. What can't be read is told again.
    pub(super) fn recall(&self, board: &mut Board, now: Moment) -> Vec<super::News> {
        let store = &self.desk.store;
        let (len, since) = (store.len(), now.minus(BACK));
        let mut news = Vec::new();
        let mut drills: Vec<(EscalationId, Told)> = Vec::new();
        for index in (len.saturating_sub(RECORDS)..len).rev() {
            let Ok(record) = store.record(index) else { break };
            if record.at < since {
                break;
            }
            if let Event::Told(told) = &record.event {
                let told = Told::clone(told);
                let sent = matches!(told.delivery, Delivery::Delivered { .. });
                if sent && told.topic != Topic::Updated && now.since(record.at) < self.settings.limit.within {
                    board.recall_sent(&told.to, record.at);
                }
                match (told.escalation, told.txn) {
                    (None, _) => drop(board.news.insert(told.notice)),
                    (Some(id), None) => drills.push((id, told)),
                    (Some(_), Some(_)) => {}
                }
            } else if let Event::Saturated(saturated) = &record.event {
                news.push(super::News::Saturated(Box::new(saturated.clone()), record.at));
            } else if let Event::ProfileChanged { person, by, profile } = &record.event {
                news.push(super::News::Account(Changed::of(person, by, profile, record.at)));
            }
        }
        for (id, told) in drills {
            let known = board.known.entry(id).or_default();
            self.recall_told(known, told);
            show(known, id);
        }
        news
    }

    pub(super) fn changes(&self, kind: &str) -> bool {
        self.messengers.get(kind).is_some_and(|messenger| messenger.can_change())
    }
}

/// Finds which revision each card shows, by which of its changes were told.
pub(super) fn show(known: &mut Known, id: EscalationId) {
    let told = &known.told;
    for card in &mut known.cards {
        // Changes are coalesced, so that some revisions were never shown.
        card.shows = (1..=MOST).rev().find(|one| told.contains(&card.update(id, *one))).unwrap_or_default();
    }
}

/// How many revisions are looked for.
const MOST: usize = 256;
