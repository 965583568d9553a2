//! The board: what is known of every notice, and what is to be done next. It does nothing itself.

use super::parcel::{Next, Parcel, State};
use super::waiting::Waiting;
use super::{Dead, Limit, Standing};
use crate::escalation::Channel;
use crate::moment::Moment;
use crate::notice::{NoticeId, Owed, Recipient, Told, Urgency};
use crate::party::{EscalationId, TxnId};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// How many messages of one kind of channel are under way at once.
const AT_ONCE: usize = 4;
/// How many of these go to one address, so that one that does not answer holds up no other.
const AT_ONE: usize = 2;
/// Of how many escalations more than those that are open it is known what was told.
const REMEMBERED: usize = 4096;

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// A leg of a parcel.
    Leg(u64, usize),
    /// The change of a message.
    Card(EscalationId, usize),
}

/// What is under way, by the kind of channel and by its address.
#[derive(Debug, Default)]
struct Busy {
    kinds: BTreeMap<String, usize>,
    addresses: BTreeMap<String, usize>,
}

impl Busy {
    fn add(&mut self, channel: &Channel) {
        *self.kinds.entry(channel.kind().to_owned()).or_default() += 1;
        *self.addresses.entry(channel.as_str().to_owned()).or_default() += 1;
    }

    /// Takes room for one more to this address, if there is any.
    fn take(&mut self, channel: &Channel) -> bool {
        let kind = self.kinds.get(channel.kind()).copied().unwrap_or(0);
        let address = self.addresses.get(channel.as_str()).copied().unwrap_or(0);
        let room = kind < AT_ONCE && address < AT_ONE;
        if room {
            self.add(channel);
        }
        room
    }
}

/// What is known about the notices of one escalation.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) txn: Option<TxnId>,
    /// Those that were delivered or given up.
    pub(super) told: HashSet<NoticeId>,
    /// Those that wait or are under way, and whether they ask for a decision.
    pub(super) under_way: HashMap<NoticeId, (Recipient, bool)>,
    pub(super) cards: Vec<Card>,
    /// How often what a message says has changed.
    pub(super) revision: usize,
    pub(super) over: bool,
}

impl Known {
    /// With what the record says besides.
    pub(super) fn merge(&mut self, recalled: Self) {
        self.told.extend(recalled.told);
        for card in recalled.cards {
            if self.cards.iter().all(|own| own.notice != card.notice) {
                self.cards.push(card);
            }
        }
    }
}

/// A message that was delivered and can be changed.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) notice: NoticeId,
    pub(super) to: Recipient,
    pub(super) channel: Channel,
    pub(super) handle: String,
    /// The revision that it shows.
    pub(super) shows: usize,
    /// The one that is under way.
    pub(super) sending: usize,
    pub(super) state: State,
    pub(super) attempts: u32,
    /// Since when it does not show the latest.
    pub(super) since: Moment,
}

impl Card {
    pub(super) fn new(
        notice: NoticeId,
        to: Recipient,
        channel: Channel,
        handle: String,
        shows: usize,
    ) -> Self {
        let (state, since) = (State::Ready, Moment::default());
        Self { notice, to, channel, handle, shows, sending: shows, state, attempts: 0, since }
    }

    /// The notice of its change to this revision.
    pub(super) fn update(&self, id: EscalationId, revision: usize) -> NoticeId {
        let (revision, notice) = (revision.to_string(), self.notice.to_string());
        let cause = [id.as_bytes(), b"updated".as_slice(), revision.as_bytes(), notice.as_bytes()];
        NoticeId::of(&cause, &self.to)
    }
}

/// What came of looking at the board.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) tasks: Vec<Task>,
    /// When something is due without anything happening.
    pub(super) again: Option<Moment>,
}

impl Turn {
    fn at(&mut self, moment: Option<Moment>) {
        self.again = self.again.into_iter().chain(moment).min();
    }
}

/// How to reach a recipient now: the routes, and until when they want to be left alone.
pub(super) type Reach<'a> =
    &'a dyn Fn(&Recipient, Option<EscalationId>) -> (Vec<Vec<Channel>>, Option<Moment>);

#[derive(Default)]
pub(super) struct Board {
    pub(super) known: HashMap<EscalationId, Known>,
    waiting: BTreeMap<Recipient, Waiting>,
    /// Whose turn it is to be looked at, and when.
    due: BTreeMap<Recipient, Moment>,
    parcels: BTreeMap<u64, Parcel>,
    last: u64,
    /// Escalations that have cards to be changed.
    changed: BTreeSet<EscalationId>,
    /// News that was owed, delivered or not.
    pub(super) news: HashSet<NoticeId>,
    /// News that another replica told.
    pub(super) told: HashSet<NoticeId>,
    /// What other replicas have taken on, and when to look whether they told it.
    pub(super) elsewhere: Vec<(Moment, Owed)>,
    pub(super) records: VecDeque<Told>,
    pub(super) dead: VecDeque<(Dead, Vec<Owed>)>,
    pub(super) standing: BTreeMap<&'static str, Standing>,
    pub(super) gone: BTreeSet<String>,
}

impl Board {
    /// Takes up what is owed about an escalation now, and forgets what is not any more.
    pub(super) fn owe(&mut self, id: EscalationId, owed: Vec<Owed>, group: &str, now: Moment) {
        let known = self.known.entry(id).or_default();
        let still: HashSet<NoticeId> = owed.iter().map(|owed| owed.notice).collect();
        let gone = known.under_way.iter().filter(|(notice, (_, calls))| *calls && !still.contains(notice));
        let gone: Vec<(NoticeId, Recipient)> = gone.map(|(notice, (to, _))| (*notice, to.clone())).collect();
        for (notice, to) in gone {
            known.under_way.remove(&notice);
            if let Some(waiting) = self.waiting.get_mut(&to) {
                waiting.retain(|owed| owed.notice != notice);
            }
            for parcel in self.parcels.values_mut().filter(|parcel| parcel.to == to) {
                if parcel.covers.iter().any(|owed| owed.notice == notice) {
                    parcel.dropped.insert(notice);
                }
            }
        }
        for owed in owed {
            if known.told.contains(&owed.notice) || known.under_way.contains_key(&owed.notice) {
                continue;
            }
            known.under_way.insert(owed.notice, (owed.to.clone(), owed.calls()));
            self.due.insert(owed.to.clone(), now);
            self.waiting.entry(owed.to.clone()).or_default().add(owed, group.to_owned());
        }
        if known.cards.iter().any(|card| card.shows < known.revision) {
            self.changed.insert(id);
        }
    }

    /// News that belong to no escalation.
    pub(super) fn owe_news(&mut self, owed: Owed, now: Moment) {
        if self.news.insert(owed.notice) {
            self.due.insert(owed.to.clone(), now);
            self.waiting.entry(owed.to.clone()).or_default().add(owed, String::new());
        }
    }

    /// Something that was given up is owed again.
    pub(super) fn again(&mut self, owed: Owed, now: Moment) {
        if let Some(known) = known_of(&mut self.known, owed.escalation) {
            known.under_way.insert(owed.notice, (owed.to.clone(), owed.calls()));
        }
        self.due.insert(owed.to.clone(), now);
        self.waiting.entry(owed.to.clone()).or_default().add(owed, String::new());
    }

    /// Takes a notice from what waits and from what is on its way.
    pub(super) fn drop_notice(&mut self, notice: NoticeId) {
        self.waiting.values_mut().for_each(|waiting| waiting.retain(|owed| owed.notice != notice));
        for parcel in self.parcels.values_mut() {
            let in_flight = parcel.legs.iter().any(|leg| leg.state == State::InFlight);
            if !in_flight && parcel.covers.iter().any(|owed| owed.notice == notice) {
                parcel.dropped.insert(notice);
            }
        }
    }

    /// A message went to them just now, from another replica.
    pub(super) fn recall_later(&mut self, to: &Recipient, at: Moment) {
        self.waiting.entry(to.clone()).or_default().recall_later(at);
    }

    /// A message went to them before this start.
    pub(super) fn recall_sent(&mut self, to: &Recipient, at: Moment) {
        self.waiting.entry(to.clone()).or_default().recall(at);
    }

    /// What is to be done now. What is returned as a task is under way from here on.
    pub(super) fn turn(&mut self, limit: Limit, fail_over: Duration, reach: Reach<'_>, now: Moment) -> Turn {
        let mut turn = Turn::default();
        let due: Vec<Recipient> =
            self.due.iter().filter(|(_, at)| **at <= now).map(|(to, _)| to.clone()).collect();
        for to in due {
            self.due.remove(&to);
            self.pack(&to, limit, fail_over, reach, now);
        }
        turn.at(self.due.values().min().copied());
        let mut busy = Busy::default();
        for leg in self.parcels.values().flat_map(|parcel| &parcel.legs) {
            if leg.state == State::InFlight {
                busy.add(&leg.channel);
            }
        }
        for known in self.known.values().filter(|known| !known.cards.is_empty()) {
            for card in known.cards.iter().filter(|card| card.state == State::InFlight) {
                busy.add(&card.channel);
            }
        }
        self.legs(&mut turn, &mut busy, now);
        self.cards(&mut turn, &mut busy, now);
        self.forget();
        turn
    }

    /// Makes parcels of what is owed to them and due.
    fn pack(&mut self, to: &Recipient, limit: Limit, fail_over: Duration, reach: Reach<'_>, now: Moment) {
        let Some(waiting) = self.waiting.get_mut(to) else { return };
        let (_, quiet) = reach(to, None);
        let before: Vec<(NoticeId, Option<EscalationId>)> = waiting.ids();
        let (batches, again) = waiting.due(to, limit, quiet, now);
        let packed: HashSet<NoticeId> =
            batches.iter().flat_map(|batch| batch.covers.iter().map(|owed| owed.notice)).collect();
        for (notice, id) in before {
            // Its time was over before it was its turn: nobody was told by this way, and nobody has to be any more.
            if !packed.contains(&notice)
                && !waiting.has(notice)
                && let Some(known) = known_of(&mut self.known, id)
            {
                known.under_way.remove(&notice);
            }
        }
        if let Some(again) = again {
            self.due.insert(to.clone(), again);
        }
        for batch in batches {
            let about = batch.covers.first().and_then(|owed| owed.escalation);
            let (routes, _) = reach(to, about);
            let Some(mut parcel) = Parcel::new(batch.covers, batch.notice, batch.topic, routes, fail_over)
            else {
                continue;
            };
            if parcel.legs.is_empty() {
                // They look at the console, or nowhere.
                self.settled(&parcel);
                continue;
            }
            for leg in &mut parcel.legs {
                if self.gone.contains(leg.channel.as_str()) {
                    leg.state = State::Dead("the address is gone".to_owned());
                }
            }
            self.last += 1;
            self.parcels.insert(self.last, parcel);
        }
    }

    /// Nobody has to be told what this said any more. What it left out, because it was not owed at the time, may be
    /// owed again.
    pub(super) fn settled(&mut self, parcel: &Parcel) {
        for owed in &parcel.covers {
            if let Some(known) = known_of(&mut self.known, owed.escalation) {
                known.under_way.remove(&owed.notice);
            }
        }
        for owed in parcel.worth() {
            if let Some(known) = known_of(&mut self.known, owed.escalation) {
                known.told.insert(owed.notice);
            }
        }
    }

    fn legs(&mut self, turn: &mut Turn, busy: &mut Busy, now: Moment) {
        // What was never tried goes before what did not get through.
        let mut order: Vec<(core::cmp::Reverse<Urgency>, bool, u64)> = self
            .parcels
            .iter()
            .filter_map(|(key, parcel)| {
                let urgency = parcel.covers.iter().map(|owed| owed.urgency).max()?;
                let tried = parcel.legs.iter().any(|leg| leg.attempts > 0);
                Some((core::cmp::Reverse(urgency), tried, *key))
            })
            .collect();
        order.sort_unstable();
        for (_, _, key) in order {
            let Some(parcel) = self.parcels.get_mut(&key) else { continue };
            match parcel.next(now) {
                Next::Wait(again) => turn.at(again),
                Next::Done => {
                    if let Some(parcel) = self.parcels.remove(&key) {
                        self.settled(&parcel);
                    }
                }
                Next::GiveUp(why) => {
                    if let Some(parcel) = self.parcels.remove(&key) {
                        self.give_up(&parcel, &why, now);
                    }
                }
                Next::Try(legs) => {
                    let about = parcel.covers.first().and_then(|owed| owed.escalation);
                    // Where a channel has no room the next one takes over in time.
                    turn.at(Some(now.plus(Duration::from_secs(1))));
                    for at in legs {
                        let Some(leg) = parcel.legs.get_mut(at) else { continue };
                        if busy.take(&leg.channel) {
                            leg.state = State::InFlight;
                            leg.attempts += 1;
                            leg.shows = known_of(&mut self.known, about).map_or(0, |known| known.revision);
                            turn.tasks.push(Task::Leg(key, at));
                        }
                    }
                }
            }
        }
    }

    fn cards(&mut self, turn: &mut Turn, busy: &mut Busy, now: Moment) {
        let changed: Vec<EscalationId> = self.changed.iter().copied().collect();
        for id in changed {
            let Some(known) = self.known.get_mut(&id) else { continue };
            let mut left = false;
            for (at, card) in known.cards.iter_mut().enumerate() {
                if card.shows >= known.revision || matches!(card.state, State::Dead(_)) {
                    continue;
                }
                left = true;
                match &card.state {
                    State::InFlight => continue,
                    State::Later(moment, _) if *moment > now => {
                        turn.at(Some(*moment));
                        continue;
                    }
                    State::Ready | State::Later(..) | State::Delivered | State::Dead(_) => {}
                }
                if card.attempts == 0 {
                    card.since = now;
                }
                if busy.take(&card.channel) {
                    (card.state, card.sending) = (State::InFlight, known.revision);
                    card.attempts += 1;
                    turn.tasks.push(Task::Card(id, at));
                } else {
                    turn.at(Some(now.plus(Duration::from_secs(1))));
                }
            }
            if !left {
                self.changed.remove(&id);
            }
        }
    }

    pub(super) fn parcel(&self, key: u64) -> Option<&Parcel> {
        self.parcels.get(&key)
    }

    pub(super) fn parcels(&self) -> impl Iterator<Item = &Parcel> {
        self.parcels.values()
    }

    pub(super) fn parcel_mut(&mut self, key: u64) -> Option<&mut Parcel> {
        self.parcels.get_mut(&key)
    }

    /// How many notices wait that are not on their way yet.
    pub(super) fn held(&self) -> usize {
        self.waiting.values().map(Waiting::len).sum()
    }

    /// Has an escalation's messages changed that do not show how it stands.
    pub(super) fn change(&mut self, id: EscalationId) {
        self.changed.insert(id);
    }

    /// Forgets what is over and has nothing under way, where there is much; a look at the record brings it back.
    fn forget(&mut self) {
        if self.known.len() < 2 * REMEMBERED {
            return;
        }
        let over = self.known.iter().filter(|(_, known)| known.over && known.under_way.is_empty());
        let over: Vec<EscalationId> =
            over.map(|(id, _)| *id).filter(|id| !self.changed.contains(id)).collect();
        for id in over.into_iter().take(REMEMBERED) {
            self.known.remove(&id);
        }
    }
}

/// What is known of an escalation, if it is about one.
pub(super) fn known_of(
    known: &mut HashMap<EscalationId, Known>,
    id: Option<EscalationId>,
) -> Option<&mut Known> {
    known.get_mut(&id?)
}
