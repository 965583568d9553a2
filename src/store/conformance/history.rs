//! Checks of whole histories: whatever happened, the store answers as one who reads everything would.

use super::events::{
    Dice, adopted, agent, allowed, denied, ending, enrolled, escalated, invited, minted, opened, policy,
    profile, refused_vote, reported, resumed, roster, shipped, step, stopped, suspended, withdrawn,
};
use super::model::Model;
use super::rules::at;
use super::{Place, events};
use crate::audit::event::{Event, Outcome};
use crate::moment::Moment;
use crate::party::{EscalationId, SuspensionId, TxnId};
use crate::store::Change;

/// A made-up course of events, the same for the same seed.
#[derive(Clone, Debug)]
pub struct History {
    seed: u64,
    dice: Dice,
    txns: Vec<(TxnId, usize)>,
    pending: Vec<(EscalationId, TxnId, usize)>,
    claimed: Vec<(EscalationId, TxnId)>,
    suspensions: Vec<SuspensionId>,
    requests: usize,
    /// Where the next leaf of each sidecar's log stands.
    logs: [u64; 6],
    tokens: u8,
}

impl History {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        Self {
            seed,
            dice,
            txns: Vec::new(),
            pending: Vec::new(),
            claimed: Vec::new(),
            suspensions: Vec::new(),
            requests: 0,
            logs: [0; 6],
            tokens: 0,
        }
    }

    /// What happens next; a store takes each of these.
    pub fn next_change(&mut self) -> Change {
        let now = self.moment();
        let who = self.dice.below(6);
        let events = match self.dice.below(14) {
            0..=3 => self.decision(who),
            4 | 5 => self.opening(who, now),
            6 | 7 => self.step(now),
            8 => self.report(),
            9 => self.suspension(who, now),
            10 if who < 3 => vec![policy("p"), roster("r"), policy("q")],
            10 if who < 5 => vec![profile(who, 1), roster("s"), profile(self.dice.below(4), 2)],
            10 => vec![profile(self.dice.below(4), 3)],
            11 => return self.fleet(who, now),
            12 => return self.adoption(who, now),
            _ => vec![Event::ClockInDoubt { wall: now }],
        };
        Change::of(now, events)
    }

    /// Not always later than the one before: clocks are set back.
    fn moment(&mut self) -> Moment {
        at(self.dice.roll() % 100_000)
    }

    fn request(&mut self) -> Option<String> {
        self.requests += 1;
        (self.dice.below(3) > 0).then(|| format!("request {} of {}", self.requests, self.seed))
    }

    fn decision(&mut self, who: usize) -> Vec<Event> {
        let (txn, request) = (TxnId::from_random(self.dice.bits()), self.request());
        self.txns.push((txn, who));
        match self.dice.below(3) {
            0 => vec![denied(txn, &agent(who), request.as_deref())],
            _ => vec![allowed(txn, &agent(who), request.as_deref()), minted(txn, None)],
        }
    }

    fn opening(&mut self, who: usize, now: Moment) -> Vec<Event> {
        let (txn, id) = (TxnId::from_random(self.dice.bits()), EscalationId::from_random(self.dice.bits()));
        let request = self.request();
        self.pending.push((id, txn, who));
        let opened = opened(id, txn, &agent(who), now);
        vec![escalated(txn, &agent(who), request.as_deref(), id), opened]
    }

    fn step(&mut self, now: Moment) -> Vec<Event> {
        if let Some((id, txn)) = self.claimed.pop() {
            return vec![minted(txn, Some(id))];
        }
        if self.pending.is_empty() {
            return vec![Event::Stopped {}];
        }
        let place = self.dice.below(self.pending.len());
        let (id, txn, who) = self.pending[place];
        if self.dice.below(2) == 0 {
            return vec![step(id, refused_vote(now, 1)), step(id, refused_vote(now, 2))];
        }
        self.pending.swap_remove(place);
        let which = self.dice.below(5);
        let end = ending(which, now, &events::agent(who));
        if end.name() == "claimed" {
            self.claimed.push((id, txn));
        }
        vec![step(id, refused_vote(now, 3)), step(id, end)]
    }

    fn suspension(&mut self, who: usize, now: Moment) -> Vec<Event> {
        let id = SuspensionId::from_random(self.dice.bits());
        match (self.dice.below(3), self.suspensions.len()) {
            // Nobody has heard of it, or it was lifted before.
            (0, 0) => vec![resumed(id)],
            (0, known) => vec![resumed(self.suspensions[self.dice.below(known)])],
            (1, _) => vec![suspended(id, now), resumed(id)],
            _ => {
                self.suspensions.push(id);
                let txn = TxnId::from_random(self.dice.bits());
                vec![suspended(id, now), stopped(txn, &agent(who), id)]
            }
        }
    }

    /// Sidecars come and go.
    fn fleet(&mut self, who: usize, now: Moment) -> Change {
        let events = match self.dice.below(5) {
            0 => vec![withdrawn(who)],
            1 if self.tokens < u8::MAX => {
                self.tokens += 1;
                vec![invited(self.tokens, now)]
            }
            2 if self.tokens < u8::MAX => {
                self.tokens += 1;
                vec![invited(self.tokens, now), enrolled(who, Some(self.tokens), false)]
            }
            3 => vec![enrolled(who, Some(self.tokens), true), enrolled(self.dice.below(6), None, false)],
            _ => vec![enrolled(who, None, false)],
        };
        Change::of(now, events)
    }

    /// What a sidecar decided is adopted; it may have answered a request that another answered, too.
    fn adoption(&mut self, who: usize, now: Moment) -> Change {
        let first = self.logs[who];
        self.logs[who] += 3;
        let txn = TxnId::from_random(self.dice.bits());
        let mut change = Change::of(now, [shipped(who, first, first + 3)]);
        change.records.push(adopted(now, who, first, allowed(txn, &agent(who), Some("the same"))));
        change.records.push(adopted(now, who, first + 2, minted(txn, None)));
        change
    }

    fn report(&mut self) -> Vec<Event> {
        if self.txns.is_empty() {
            return vec![Event::Stopped {}];
        }
        let place = self.dice.below(self.txns.len());
        let (txn, who) = self.txns[place];
        let outcome = if self.dice.below(2) == 0 { Outcome::Refused } else { Outcome::Succeeded };
        vec![reported(txn, &agent(who), outcome)]
    }
}

pub(super) async fn random_histories_are_answered_as_by_reading_everything(place: &mut dyn Place) {
    let mut store = place.open().await;
    let (mut history, mut model) = (History::new(21), Model::default());
    for round in 0..12 {
        for _ in 0..30 {
            let change = history.next_change();
            model.records.extend(change.records.iter().cloned());
            store.commit(change).await.unwrap();
        }
        model.compare(&*store);
        if round % 4 == 3 {
            drop(store);
            store = place.open().await;
        }
    }
}

pub(super) async fn reopening_changes_nothing(place: &mut dyn Place) {
    let (mut history, mut model) = (History::new(23), Model::default());
    for _ in 0..5 {
        let store = place.open().await;
        model.compare(&*store);
        for _ in 0..20 {
            let change = history.next_change();
            let places = store.commit(change.clone()).await.unwrap();
            assert_eq!(places.start, model.records.len() as u64);
            model.records.extend(change.records);
        }
    }
    model.compare(&*place.open().await);
}
