//! A parcel: one message on its way to one recipient, by one channel after the other until one has delivered it.

use crate::escalation::Channel;
use crate::moment::Moment;
use crate::notice::{NoticeId, Owed, Recipient, Topic};
use core::time::Duration;
use std::collections::HashSet;

/// The first wait after a failure; each further one is twice as long at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// One message on its way.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    /// The message's notice; of several things told together, the digest's.
    pub(super) notice: NoticeId,
    pub(super) topic: Topic,
    pub(super) to: Recipient,
    /// What it tells.
    pub(super) covers: Vec<Owed>,
    /// What of it is worth nothing any more.
    pub(super) dropped: HashSet<NoticeId>,
    pub(super) legs: Vec<Leg>,
    /// After how long the next channel takes over.
    pub(super) fail_over: Duration,
}

/// One address that it goes to.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) channel: Channel,
    /// The place of its channel in the order in which they take over.
    pub(super) way: usize,
    pub(super) state: State,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// When it was its turn for the first time.
    pub(super) began: Option<Moment>,
    /// How often what it tells had changed when it was composed.
    pub(super) shows: usize,
}

/// How far a leg is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// To be tried as soon as it is its turn.
    Ready,
    /// Being tried.
    InFlight,
    /// To be tried again then.
    Later(Moment, String),
    Delivered,
    /// Never to be tried again, and why.
    Dead(String),
}

impl Leg {
    /// Whether it may still be tried.
    pub(super) const fn waits(&self) -> bool {
        matches!(self.state, State::Ready | State::InFlight | State::Later(..))
    }
}

/// What is to be done with a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// These legs are to be tried now.
    Try(Vec<usize>),
    /// Nothing before this moment, or before something under way ends.
    Wait(Option<Moment>),
    /// It was delivered, and nothing of it is under way.
    Done,
    /// Nobody tries any more, and why.
    GiveUp(String),
}

impl Parcel {
    pub(super) fn new(
        covers: Vec<Owed>,
        notice: NoticeId,
        topic: Topic,
        routes: Vec<Vec<Channel>>,
        fail_over: Duration,
    ) -> Option<Self> {
        let to = covers.first()?.to.clone();
        let legs = routes.into_iter().enumerate().flat_map(|(way, channels)| {
            channels.into_iter().map(move |channel| Leg {
                channel,
                way,
                state: State::Ready,
                attempts: 0,
                began: None,
                shows: 0,
            })
        });
        let legs = legs.collect();
        let dropped = HashSet::new();
        Some(Self { notice, topic, to, covers, dropped, legs, fail_over })
    }

    /// Until when it is worth sending: as long as anything that it tells is.
    pub(super) fn until(&self) -> Moment {
        self.worth().map(|owed| owed.until).max().unwrap_or_default()
    }

    /// What is worth telling still.
    pub(super) fn worth(&self) -> impl Iterator<Item = &Owed> {
        self.covers.iter().filter(|owed| !self.dropped.contains(&owed.notice))
    }

    fn is_live(&self) -> bool {
        self.worth().next().is_some()
    }

    pub(super) fn is_delivered(&self) -> bool {
        self.legs.iter().any(|leg| leg.state == State::Delivered)
    }

    fn in_flight(&self) -> bool {
        self.legs.iter().any(|leg| leg.state == State::InFlight)
    }

    /// What is to be done now. `fail_over` is how long a channel has before the next takes over.
    pub(super) fn next(&mut self, now: Moment) -> Next {
        if self.is_delivered() || !self.is_live() {
            // What goes to the same channel goes to all its addresses.
            let ways: Vec<usize> =
                self.legs.iter().filter(|leg| leg.state == State::Delivered).map(|leg| leg.way).collect();
            let rest = self.legs.iter().enumerate();
            let rest: Vec<usize> = rest
                .filter(|(_, leg)| leg.state == State::Ready && ways.contains(&leg.way) && self.is_live())
                .map(|(at, _)| at)
                .collect();
            return match (rest.is_empty(), self.in_flight()) {
                (false, _) => Next::Try(rest),
                (true, true) => Next::Wait(None),
                (true, false) => Next::Done,
            };
        }
        let until = self.until();
        if now >= until {
            return match self.in_flight() {
                true => Next::Wait(None),
                false => Next::GiveUp(self.why("its time was over")),
            };
        }
        let fail_over = self.fail_over_at(now);
        let mut wake = Some(until);
        let mut soonest = |moment: Moment| wake = Some(wake.map_or(moment, |wake: Moment| wake.min(moment)));
        let mut ready = Vec::new();
        let last = self.legs.iter().map(|leg| leg.way).max().unwrap_or_default();
        for way in 0..=last {
            let mut legs =
                self.legs.iter_mut().enumerate().filter(|(_, leg)| leg.way == way).collect::<Vec<_>>();
            for (at, leg) in &mut legs {
                leg.began.get_or_insert(now);
                match &leg.state {
                    State::Ready => ready.push(*at),
                    State::Later(moment, _) if *moment <= now => ready.push(*at),
                    State::Later(moment, _) => soonest(*moment),
                    State::InFlight | State::Delivered | State::Dead(_) => {}
                }
            }
            let over = legs.iter().all(|(_, leg)| matches!(leg.state, State::Dead(_)));
            let began = legs.iter().filter_map(|(_, leg)| leg.began).min().unwrap_or(now);
            let takes_over = began.plus(fail_over);
            if !over && now < takes_over {
                soonest(takes_over);
                break;
            }
        }
        if !ready.is_empty() {
            return Next::Try(ready);
        }
        let dead = self.legs.iter().all(|leg| matches!(leg.state, State::Dead(_)));
        if dead { Next::GiveUp(self.why("no channel reaches them")) } else { Next::Wait(wake) }
    }

    /// How long a channel has before the next takes over: less where time is short.
    fn fail_over_at(&self, now: Moment) -> Duration {
        let left = self.until().since(now);
        self.fail_over.min(left / 8).max(Duration::from_secs(1))
    }

    /// Why it was not delivered: what each channel said, or `otherwise`.
    fn why(&self, otherwise: &str) -> String {
        let said = self.legs.iter().filter_map(|leg| match &leg.state {
            State::Later(_, why) | State::Dead(why) => Some(format!("{}: {why}", leg.channel.kind())),
            State::Ready | State::InFlight | State::Delivered => None,
        });
        let said: Vec<String> = said.collect();
        if said.is_empty() { otherwise.to_owned() } else { said.join("; ") }
    }

    /// The channel that is named where it was given up: the one that was tried last.
    pub(super) fn last_leg(&self) -> Option<&Leg> {
        self.legs.iter().rev().find(|leg| leg.attempts > 0).or_else(|| self.legs.first())
    }
}

/// How long to wait before the next try, where `random` of 0 to 1000 thousandths is drawn: exponential, with full jitter
/// so that what failed together is not tried together, and never before the provider wants it.
pub(super) fn wait(attempts: u32, asked: Option<Duration>, random: u16) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempts.min(16)));
    let most = doubled.min(LONGEST_WAIT);
    let jittered = most.saturating_mul(u32::from(random.min(1000))) / 1000;
    // A try at once would be the same try.
    jittered.max(FIRST_WAIT / 2).max(asked.unwrap_or_default())
}
