//! Who waits to be told what, and when they are: quiet hours, limits, and what is told together.

use super::Limit;
use crate::moment::Moment;
use crate::notice::{NoticeId, Owed, Recipient, Topic, Urgency};
use crate::party::EscalationId;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

/// How long what is told together is gathered.
const GATHER: Duration = Duration::from_secs(15);
/// The time between two reports to a team.
const REPORTS: Duration = Duration::from_secs(15 * 60);
/// A place is read by several people: it takes so many times what one of them does.
const PLACE: u16 = 4;

/// What is owed to one recipient and not on its way yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    owed: Vec<Held>,
    /// When messages were sent, the latest last; older ones than the limit looks at are forgotten.
    sent: VecDeque<Moment>,
    /// When something was last told together.
    digest: Option<Moment>,
    /// When something of this group was last sent.
    groups: BTreeMap<String, Moment>,
    /// When the last report was sent.
    report: Option<Moment>,
}

/// Something owed, and since when it waits to be told together with more.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) owed: Owed,
    /// Equivalent requests have the same.
    pub(super) group: String,
    since: Option<Moment>,
}

/// What is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) notice: NoticeId,
    pub(super) topic: Topic,
    pub(super) covers: Vec<Owed>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.owed.len()
    }

    pub(super) fn has(&self, notice: NoticeId) -> bool {
        self.owed.iter().any(|held| held.owed.notice == notice)
    }

    pub(super) fn ids(&self) -> Vec<(NoticeId, Option<EscalationId>)> {
        self.owed.iter().map(|held| (held.owed.notice, held.owed.escalation)).collect()
    }

    pub(super) fn add(&mut self, owed: Owed, group: String) {
        if !self.has(owed.notice) {
            self.owed.push(Held { owed, group, since: None });
        }
    }

    /// Keeps only what is still owed.
    pub(super) fn retain(&mut self, keep: impl Fn(&Owed) -> bool) {
        self.owed.retain(|held| keep(&held.owed));
    }

    /// A message was sent before this start.
    pub(super) fn recall(&mut self, at: Moment) {
        // They are read from the latest back.
        self.sent.push_front(at);
    }

    /// A message was sent by another replica.
    pub(super) fn recall_later(&mut self, at: Moment) {
        self.sent.push_back(at);
    }

    /// What is to be sent now, and when to look again. `quiet` is until when the recipient wants to be left alone.
    pub(super) fn due(
        &mut self,
        to: &Recipient,
        limit: Limit,
        quiet: Option<Moment>,
        now: Moment,
    ) -> (Vec<Batch>, Option<Moment>) {
        self.owed.retain(|held| held.owed.until > now);
        let mut again = None;
        let mut soonest = |moment: Moment| again = Some(again.map_or(moment, |one: Moment| one.min(moment)));
        let (reports, rest) =
            core::mem::take(&mut self.owed).into_iter().partition(|held| held.owed.topic == Topic::Expired);
        let mut batches = self.reports(reports, to, now, &mut soonest);
        // A program reads everything as it comes.
        if matches!(to, Recipient::Place(place) if place.starts_with("webhook:")) {
            batches.extend(rest.into_iter().map(|held: Held| single(held.owed)));
            return (batches, again);
        }
        let most = match to {
            Recipient::Person(_) => limit.messages,
            Recipient::Place(_) => limit.messages.saturating_mul(PLACE),
        };
        let began = now.minus(limit.within);
        while self.sent.front().is_some_and(|sent| *sent <= began) {
            self.sent.pop_front();
        }
        self.groups.retain(|_, last| *last > began);
        let mut ready: Vec<Held> = Vec::new();
        for held in rest {
            let hold = quiet.map(|end| end.min(held.owed.hold_until));
            match hold.filter(|hold| *hold > now && held.owed.urgency < Urgency::High) {
                Some(hold) => {
                    soonest(hold);
                    self.owed.push(held);
                }
                None => ready.push(held),
            }
        }
        // What can wait least goes first, if there is room for it only.
        ready.sort_by_key(|held| (core::cmp::Reverse(held.owed.urgency), held.owed.until));
        let mut together = Vec::new();
        for mut held in ready {
            let room = self.sent.len() < usize::from(most);
            // What can't wait is not gathered while there is room.
            let urgent = held.owed.urgency == Urgency::High;
            let alike = !urgent && !held.group.is_empty() && self.groups.contains_key(&held.group);
            // What no agent can bring about at will is told by itself, however much else there is to tell.
            let apart = match held.owed.topic {
                Topic::Emergency | Topic::ReviewDue | Topic::Saturated | Topic::Account => true,
                Topic::Asked
                | Topic::Reminded
                | Topic::PassedOn
                | Topic::Updated
                | Topic::Digest
                | Topic::Expired => false,
            };
            if apart || (room && !alike && held.since.is_none()) {
                self.sent.push_back(now);
                if !held.group.is_empty() {
                    self.groups.insert(held.group, now);
                }
                batches.push(single(held.owed));
            } else {
                held.since.get_or_insert(now);
                together.push(held);
            }
        }
        batches.extend(self.together(together, to, limit, most, now, &mut soonest));
        (batches, again)
    }

    /// What was held back, once it was gathered long enough and the last of its kind is long enough ago.
    fn together(
        &mut self,
        held: Vec<Held>,
        to: &Recipient,
        limit: Limit,
        most: u16,
        now: Moment,
        soonest: &mut impl FnMut(Moment),
    ) -> Option<Batch> {
        let first = held.iter().filter_map(|held| held.since).min()?;
        // Where somebody has to decide soon they are not kept waiting for long.
        let left = held.iter().map(|held| held.owed.until.since(now)).min().unwrap_or_default();
        let apart = (limit.within / u32::from(most.max(1))).min(left / 8);
        let ready = first.plus(GATHER.min(left / 8)).max(self.digest.map_or(first, |last| last.plus(apart)));
        if now < ready {
            soonest(ready);
            self.owed.extend(held);
            return None;
        }
        self.digest = Some(now);
        let mut covers: Vec<Owed> = held.into_iter().map(|held| held.owed).collect();
        match (covers.len(), covers.pop()) {
            (1, Some(only)) => Some(single(only)),
            (_, Some(last)) => {
                covers.push(last);
                Some(digest(covers, to))
            }
            (_, None) => None,
        }
    }

    /// What nobody decided in time, at most once in a quarter of an hour.
    fn reports(
        &mut self,
        held: Vec<Held>,
        to: &Recipient,
        now: Moment,
        soonest: &mut impl FnMut(Moment),
    ) -> Vec<Batch> {
        if held.is_empty() {
            return Vec::new();
        }
        let ready = self.report.map_or(now, |last| last.plus(REPORTS));
        if now < ready {
            soonest(ready);
            self.owed.extend(held);
            return Vec::new();
        }
        self.report = Some(now);
        let covers: Vec<Owed> = held.into_iter().map(|held| held.owed).collect();
        vec![Batch { topic: Topic::Expired, ..digest(covers, to) }]
    }
}

fn single(owed: Owed) -> Batch {
    Batch { notice: owed.notice, topic: owed.topic, covers: vec![owed] }
}

/// Several things in one message. Its id follows from what it tells.
fn digest(covers: Vec<Owed>, to: &Recipient) -> Batch {
    let mut ids: Vec<String> = covers.iter().map(|owed| owed.notice.to_string()).collect();
    ids.sort();
    let cause: Vec<&[u8]> =
        core::iter::once(&b"digest"[..]).chain(ids.iter().map(|id| id.as_bytes())).collect();
    Batch { notice: NoticeId::of(&cause, to), topic: Topic::Digest, covers }
}
