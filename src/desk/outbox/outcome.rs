//! What came of a try: delivered, to be tried again, or a dead letter; and what is recorded of it.

use super::Dead;
use super::board::{Board, Card, Task, known_of};
use super::parcel::{Leg, Parcel, State, wait};
use crate::moment::Moment;
use crate::notice::{Delivery, MAX_HANDLE, NoticeId, Owed, Told, Topic};
use crate::notify::{Accepted, NotSent};
use crate::party::{EscalationId, TxnId};
use core::time::Duration;
use std::collections::VecDeque;

/// How many dead letters are kept to be looked at; the record has them all.
const MAX_DEAD: usize = 1000;
/// For how long a message is tried to be changed.
const CHANGED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What came of a try, and what matters besides.
pub(super) struct Came {
    pub(super) result: Result<Accepted, NotSent>,
    /// The channel can change its messages.
    pub(super) changes: bool,
    /// Of 0 to 1000 thousandths, drawn.
    pub(super) random: u16,
    pub(super) now: Moment,
}

impl Board {
    /// Takes note of what came of a task.
    pub(super) fn came(&mut self, task: Task, came: &Came) {
        match task {
            Task::Leg(key, at) => self.leg_came(key, at, came),
            Task::Card(id, at) => self.card_came(id, at, came),
        }
    }

    /// A task was not tried, because there is nothing to tell any more or it can't be read now.
    pub(super) fn not_tried(&mut self, task: Task, why: &str, now: Moment) {
        let later = State::Later(now.plus(Duration::from_secs(5)), why.to_owned());
        match task {
            Task::Leg(key, at) => {
                if let Some(leg) = self.parcel_mut(key).and_then(|parcel| parcel.legs.get_mut(at)) {
                    leg.attempts = leg.attempts.saturating_sub(1);
                    leg.state = later;
                }
            }
            Task::Card(id, at) => {
                if let Some(card) = self.known.get_mut(&id).and_then(|known| known.cards.get_mut(at)) {
                    card.state = later;
                }
            }
        }
    }

    fn leg_came(&mut self, key: u64, at: usize, came: &Came) {
        let Some(leg) = self.parcel_mut(key).and_then(|parcel| parcel.legs.get_mut(at)) else { return };
        let (state, accepted) = became(came, leg.attempts);
        leg.state = state;
        let leg = leg.clone();
        self.noted(leg.channel.kind(), came);
        if let Err(NotSent::Gone(_)) = came.result {
            self.gone.insert(leg.channel.as_str().to_owned());
        }
        let (Some(accepted), Some(parcel)) = (accepted, self.parcel(key).cloned()) else { return };
        self.delivered(&parcel, &leg, &accepted, came);
    }

    fn delivered(&mut self, parcel: &Parcel, leg: &Leg, accepted: &Accepted, came: &Came) {
        let single = parcel.covers.iter().any(|owed| owed.notice == parcel.notice);
        let handle = accepted.handle.as_ref().filter(|handle| single && handle.len() <= MAX_HANDLE);
        if parcel.topic == Topic::Digest {
            let digest = parcel.covers.first().map(|first| Owed {
                notice: parcel.notice,
                topic: Topic::Digest,
                escalation: None,
                ..first.clone()
            });
            let delivery = Delivery::Delivered { handle: None };
            self.records.extend(digest.map(|digest| told(&digest, None, leg, came.now, delivery)));
        }
        for owed in parcel.worth() {
            let delivery = Delivery::Delivered { handle: handle.cloned() };
            let txn = known_of(&mut self.known, owed.escalation).and_then(|known| known.txn);
            self.records.push_back(told(owed, txn, leg, came.now, delivery));
            let (Some(id), Some(handle), true) = (owed.escalation, handle, came.changes) else { continue };
            let known = self.known.entry(id).or_default();
            let (to, channel) = (owed.to.clone(), leg.channel.clone());
            known.cards.push(Card::new(owed.notice, to, channel, handle.clone(), leg.shows));
            if leg.shows < known.revision {
                self.change(id);
            }
        }
        self.settled(parcel);
    }

    fn card_came(&mut self, id: EscalationId, at: usize, came: &Came) {
        let Some(known) = self.known.get_mut(&id) else { return };
        let (txn, latest) = (known.txn, known.revision);
        let Some(card) = known.cards.get_mut(at) else { return };
        let (mut state, accepted) = became(came, card.attempts);
        if let State::Later(..) = state
            && came.now.since(card.since) > CHANGED_FOR
        {
            state = State::Dead("its time was over".to_owned());
        }
        let delivery = match (&state, accepted) {
            (State::Delivered, accepted) => {
                card.shows = card.sending;
                card.handle = accepted.and_then(|accepted| accepted.handle).unwrap_or(card.handle.clone());
                Some(Delivery::Delivered { handle: Some(card.handle.clone()) })
            }
            (State::Dead(why), _) => Some(Delivery::GivenUp { why: why.clone() }),
            (State::Ready | State::InFlight | State::Later(..), _) => None,
        };
        let record = delivery.map(|delivery| Told {
            notice: card.update(id, card.sending),
            topic: Topic::Updated,
            txn,
            escalation: Some(id),
            to: card.to.clone(),
            channel: card.channel.clone(),
            attempts: card.attempts,
            after: came.now.since(card.since),
            delivery,
        });
        if record.is_some() {
            card.attempts = 0;
        }
        card.state = if state == State::Delivered { State::Ready } else { state };
        let (kind, behind) = (card.channel.kind().to_owned(), card.shows < latest);
        self.noted(&kind, came);
        self.records.extend(record);
        if behind {
            self.change(id);
        }
    }

    fn noted(&mut self, kind: &str, came: &Came) {
        if let Some(standing) = self.standing.values_mut().find(|standing| standing.kind == kind) {
            match &came.result {
                Ok(_) => {
                    standing.delivered += 1;
                    standing.last_success = Some(came.now);
                }
                Err(error) => {
                    standing.failed += 1;
                    standing.last_failure = Some((came.now, error.to_string()));
                }
            }
        }
    }

    /// Nobody tries this parcel any more: a dead letter, recorded for each thing that it would have told.
    pub(super) fn give_up(&mut self, parcel: &Parcel, why: &str, now: Moment) {
        self.settled(parcel);
        let Some(leg) = parcel.last_leg() else { return };
        let worth: Vec<Owed> = parcel.worth().cloned().collect();
        for owed in &worth {
            let txn = known_of(&mut self.known, owed.escalation).and_then(|known| known.txn);
            let delivery = Delivery::GivenUp { why: why.to_owned() };
            self.records.push_back(told(owed, txn, leg, now, delivery));
        }
        let dead = Dead {
            notice: parcel.notice,
            topic: parcel.topic,
            to: parcel.to.clone(),
            escalation: worth.first().and_then(|owed| owed.escalation),
            channel: leg.channel.clone(),
            attempts: parcel.legs.iter().map(|leg| leg.attempts).sum(),
            at: now,
            why: why.to_owned(),
        };
        tracing::error!(notice = %dead.notice, topic = %dead.topic, to = %dead.to, why, "a notice was given up");
        self.dead.push_back((dead, worth));
        if self.dead.len() > MAX_DEAD {
            self.dead.pop_front();
        }
    }

    /// Tries dead letters again, all of them or one; says how many are still worth it.
    pub(super) fn retry(&mut self, which: Option<NoticeId>, now: Moment) -> usize {
        let chosen = |dead: &Dead| which.is_none_or(|notice| notice == dead.notice);
        let (again, keep) = core::mem::take(&mut self.dead).into_iter().partition(|(dead, _)| chosen(dead));
        self.dead = keep;
        let again: VecDeque<(Dead, Vec<Owed>)> = again;
        let mut count = 0;
        for (dead, owed) in again {
            self.gone.remove(dead.channel.as_str());
            for owed in owed.into_iter().filter(|owed| owed.until > now) {
                count += 1;
                if let Some(known) = known_of(&mut self.known, owed.escalation) {
                    known.told.remove(&owed.notice);
                }
                self.again(owed, now);
            }
        }
        count
    }
}

/// What becomes of something that was tried, and what the provider said if it took it.
fn became(came: &Came, attempts: u32) -> (State, Option<Accepted>) {
    match &came.result {
        Ok(accepted) => (State::Delivered, Some(accepted.clone())),
        Err(NotSent::Later(why, asked)) => {
            let at = came.now.plus(wait(attempts, *asked, came.random));
            (State::Later(at, why.clone()), None)
        }
        Err(NotSent::Never(why) | NotSent::Gone(why)) => (State::Dead(why.clone()), None),
    }
}

fn told(owed: &Owed, txn: Option<TxnId>, leg: &Leg, now: Moment, delivery: Delivery) -> Told {
    Told {
        notice: owed.notice,
        topic: owed.topic,
        txn,
        escalation: owed.escalation,
        to: owed.to.clone(),
        channel: leg.channel.clone(),
        attempts: leg.attempts,
        after: now.since(owed.since),
        delivery,
    }
}
