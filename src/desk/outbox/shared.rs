//! Replicas share one outbox: what one takes on the others leave to it, and what one has told the others know.
//!
//! Every replica finds the same notices owed, under the same ids. Before one is sent it is claimed, and then the record is
//! read to its end: whoever was told by another is not told again. Only a replica that dies between sending and recording
//! leaves a notice that another sends once more, with the same id, when the claim has lapsed.

use super::board::{Board, Card, Task};
use super::recall::show;
use super::{News, Outbox};
use crate::audit::event::{Event, Record};
use crate::moment::Moment;
use crate::notice::{Delivery, NoticeId, Owed, Told, Topic};
use crate::party::EscalationId;
use crate::store::follow::{Following, Follows};
use crate::store::shared::{Claims, Work};
use crate::store::{Index, StoreError};
use core::time::Duration;
use std::collections::HashSet;
use std::sync::Arc;

/// For how long a replica takes on to tell something; longer than a try and its recording take.
pub(super) const HOLD: Duration = Duration::from_secs(60);
/// How long replicas have to agree who tells what.
const AGREE: Duration = Duration::from_secs(5);

/// What the replicas share.
pub(super) struct Shared {
    pub(super) claims: Arc<dyn Claims>,
    pub(super) following: Arc<Following>,
}

fn work(notice: NoticeId) -> Work {
    Work::new("notice", &notice.to_string())
}

impl Outbox {
    /// This outbox as one of several that tell the same: each notice is told by whoever claims it.
    #[must_use]
    pub fn replica(mut self, claims: Arc<dyn Claims>, following: Arc<Following>) -> Self {
        self.shared = Some(Shared { claims, following });
        self
    }

    /// Those of these tasks that this replica takes on, and that are still to be done by the record.
    pub(super) async fn taken_on(&self, tasks: Vec<Task>, now: Moment) -> Vec<Task> {
        let Some(shared) = self.shared.as_ref().filter(|_| !tasks.is_empty()) else { return tasks };
        let wanted: Vec<NoticeId> = {
            let board = self.board();
            tasks.iter().flat_map(|task| board.notices(*task)).collect()
        };
        let agreed = tokio::time::timeout(AGREE, agree(shared, &wanted)).await;
        let late = || StoreError::Unavailable("it took too long".to_owned());
        match agreed.unwrap_or_else(|_| Err(late())) {
            Ok(taken) => {
                let mut board = self.board();
                tasks.into_iter().filter(|task| board.keep(*task, &taken, now)).collect()
            }
            Err(error) => {
                tracing::error!(%error, "who tells what can't be agreed on");
                let mut board = self.board();
                tasks.iter().for_each(|task| board.not_tried(*task, "replicas could not agree", now));
                Vec::new()
            }
        }
    }

    /// Holds on to what was tried and is to be tried again, so that no other replica tries it in between.
    pub(super) async fn hold_on(&self) {
        let Some(shared) = &self.shared else { return };
        let held: Vec<Work> = {
            let board = self.board();
            let tried = board.parcels().filter(|parcel| parcel.legs.iter().any(|leg| leg.attempts > 0));
            let tried = tried.flat_map(|parcel| parcel.worth()).map(|owed| owed.notice);
            // Also what was told and is yet to be recorded.
            tried.chain(board.records.iter().map(|told| told.notice)).map(work).collect()
        };
        if held.is_empty() {
            return;
        }
        if !matches!(tokio::time::timeout(AGREE, shared.claims.claim(held, HOLD)).await, Ok(Ok(_))) {
            tracing::warn!("what is being told may be told by another replica as well");
        }
    }

    /// Takes note of what another replica told.
    fn told_elsewhere(&self, told: &Told, at: Moment) {
        let changes = self.changes(told.channel.kind());
        let counts = matches!(told.delivery, Delivery::Delivered { .. }) && told.topic != Topic::Updated;
        let mut board = self.board();
        if board.learn(told, changes) && counts {
            board.recall_later(&told.to, at);
        }
    }
}

/// Claims these, and reads the record to its end.
async fn agree(shared: &Shared, wanted: &[NoticeId]) -> Result<HashSet<NoticeId>, StoreError> {
    let taken = shared.claims.claim(wanted.iter().map(|notice| work(*notice)).collect(), HOLD).await?;
    shared.following.caught_up().await?;
    let taken: HashSet<Work> = taken.into_iter().collect();
    Ok(wanted.iter().copied().filter(|notice| taken.contains(&work(*notice))).collect())
}

impl Follows for Outbox {
    fn follow(&self, _: Index, record: &Record) {
        if let Event::Told(told) = &record.event {
            self.told_elsewhere(told, record.at);
        } else if let Event::Saturated(saturated) = &record.event {
            drop(self.news.try_send(News::Saturated(Box::new(saturated.clone()), record.at)));
        }
    }
}

impl Board {
    /// What a task would tell.
    fn notices(&self, task: Task) -> Vec<NoticeId> {
        match task {
            Task::Leg(key, _) => {
                let parcel = self.parcel(key);
                parcel.map(|parcel| parcel.worth().map(|owed| owed.notice).collect()).unwrap_or_default()
            }
            Task::Card(id, at) => {
                let card = self.known.get(&id).and_then(|known| known.cards.get(at));
                card.map(|card| card.update(id, card.sending)).into_iter().collect()
            }
        }
    }

    /// Leaves to others what they have taken on; whether anything is left of the task.
    fn keep(&mut self, task: Task, taken: &HashSet<NoticeId>, now: Moment) -> bool {
        let again = now.plus(HOLD).plus(Duration::from_secs(1));
        match task {
            Task::Leg(key, _) => {
                // Who was told by the record is not told again, whoever has taken it on since.
                let told: Vec<NoticeId> =
                    self.notices(task).into_iter().filter(|one| self.is_told(*one)).collect();
                let Some(parcel) = self.parcel_mut(key) else { return false };
                parcel.dropped.extend(told);
                let left: Vec<Owed> =
                    parcel.worth().filter(|owed| !taken.contains(&owed.notice)).cloned().collect();
                parcel.dropped.extend(left.iter().map(|owed| owed.notice));
                let live = parcel.worth().next().is_some();
                self.elsewhere.extend(left.into_iter().map(|owed| (again, owed)));
                if !live {
                    self.not_tried(task, "another replica tells it", now);
                }
                live
            }
            Task::Card(id, at) => {
                let revision = self.known.get(&id).map_or(0, |known| known.revision);
                let Some(card) = self.known.get(&id).and_then(|known| known.cards.get(at)) else {
                    return false;
                };
                let kept = taken.contains(&card.update(id, card.sending)) && card.shows < revision;
                if !kept {
                    self.leave_card(id, at, again);
                }
                kept
            }
        }
    }

    /// Whether the record says that it was told.
    fn is_told(&self, notice: NoticeId) -> bool {
        self.told.contains(&notice) || self.known.values().any(|known| known.told.contains(&notice))
    }

    fn leave_card(&mut self, id: EscalationId, at: usize, again: Moment) {
        if let Some(card) = self.known.get_mut(&id).and_then(|known| known.cards.get_mut(at)) {
            card.attempts = card.attempts.saturating_sub(1);
            card.state = super::parcel::State::Later(again, "another replica changes it".to_owned());
        }
        self.change(id);
    }

    /// What others took on and may not have done: the escalations to be looked at once more.
    pub(super) fn left_to_others(&mut self, now: Moment) -> Vec<EscalationId> {
        let (due, waits) = core::mem::take(&mut self.elsewhere).into_iter().partition(|(at, _)| *at <= now);
        self.elsewhere = waits;
        let due: Vec<(Moment, Owed)> = due;
        let mut look = Vec::new();
        for (_, owed) in due {
            match owed.escalation {
                Some(id) => look.push(id),
                None if self.told.contains(&owed.notice) || owed.until <= now => {}
                None => self.again(owed, now),
            }
        }
        look
    }

    /// Takes note of what was told by the record; whether it was news.
    fn learn(&mut self, told: &Told, changes: bool) -> bool {
        let Some(id) = told.escalation else {
            self.news.insert(told.notice);
            let fresh = self.told.insert(told.notice);
            if fresh {
                self.not_owed(told.notice);
            }
            return fresh;
        };
        // What is not known yet is read when it is looked at.
        let Some(known) = self.known.get_mut(&id) else { return false };
        if !known.told.insert(told.notice) {
            return false;
        }
        known.under_way.remove(&told.notice);
        if let Delivery::Delivered { handle: Some(handle) } = &told.delivery
            && told.topic != Topic::Updated
            && changes
        {
            let (to, channel) = (told.to.clone(), told.channel.clone());
            known.cards.push(Card::new(told.notice, to, channel, handle.clone(), 0));
        }
        show(known, id);
        let behind = known.cards.iter().any(|card| card.shows < known.revision);
        self.not_owed(told.notice);
        if behind {
            self.change(id);
        }
        true
    }

    /// Nobody has to be told this any more.
    fn not_owed(&mut self, notice: NoticeId) {
        self.elsewhere.retain(|(_, owed)| owed.notice != notice);
        self.drop_notice(notice);
    }
}
