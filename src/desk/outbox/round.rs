//! The rounds of the outbox: what changed is looked at, what is due is sent, and what came of it is recorded.

use super::board::{Known, Task};
use super::compose::{news, together};
use super::outcome::Came;
use super::parcel::Parcel;
use super::recall::{LATEST, OLD};
use super::shared::HOLD;
use super::{Outbox, address, send};
use crate::audit::event::Event;
use crate::desk::local::replay;
use crate::desk::queue::Line;
use crate::desk::{DeskError, View};
use crate::escalation::Channel;
use crate::moment::Moment;
use crate::notice::{Course, Owed, Reachable, Recipient, Told, Topic, Urgency, plan, revision, routes};
use crate::notify::{Accepted, Letter, NotSent};
use crate::party::{EscalationId, PersonId};
use crate::store::{Change, Committing, StoreError};
use core::time::Duration;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many escalations are looked at before what is due is sent.
const AT_A_TIME: usize = 32;
/// How many notices are recorded at once.
const RECORDED: usize = 64;
/// How long to wait before what could not be read or recorded is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long what is under way may take when the service stops.
const LAST: Duration = Duration::from_secs(2);

type Done = (Task, Result<Accepted, NotSent>);

/// What is to be looked at.
#[derive(Default)]
struct Intake {
    /// In the order in which they changed, each once.
    fresh: VecDeque<EscalationId>,
    among: HashSet<EscalationId>,
    /// To be looked at again then.
    later: BTreeSet<(Moment, EscalationId)>,
}

impl Intake {
    fn push(&mut self, id: EscalationId) {
        if self.among.insert(id) {
            self.fresh.push_back(id);
        }
    }

    fn pop(&mut self, now: Moment) -> Option<EscalationId> {
        if let Some((at, id)) = self.later.first().copied()
            && at <= now
        {
            self.later.pop_first();
            self.push(id);
        }
        let id = self.fresh.pop_front()?;
        self.among.remove(&id);
        Some(id)
    }
}

/// What is being recorded.
struct Recording {
    committing: Committing,
    told: Vec<Told>,
}

impl Outbox {
    /// Tells everybody what they are owed, until `stop` turns true. Nothing is lost if it is dropped before.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        if !self.has_channels() {
            return;
        }
        let mut changes = self.desk.store.watch_all();
        let mut heard = self.heard.lock().await;
        let mut intake = Intake::default();
        let now = self.desk.now();
        let old = self.recall(&mut self.board(), now);
        for owed in old.into_iter().flat_map(|news| self.owe_news(news)) {
            self.board().owe_news(owed, now);
        }
        self.take_all(&mut intake);
        let mut sends: JoinSet<Done> = JoinSet::new();
        let mut recording: Option<Recording> = None;
        let (mut record_from, mut hold_on_at) = (now, now);
        loop {
            loop {
                match changes.try_recv() {
                    Ok(id) => intake.push(id),
                    Err(TryRecvError::Lagged(_)) => self.take_all(&mut intake),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            while let Ok(news) = heard.try_recv() {
                for owed in self.owe_news(news) {
                    self.board().owe_news(owed, self.desk.now());
                }
            }
            for _ in 0..AT_A_TIME {
                let now = self.desk.now();
                let Some(id) = intake.pop(now) else { break };
                match self.look(id) {
                    Ok(Some(again)) => drop(intake.later.insert((again, id))),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::error!(escalation = %id, %error, "who has to be told can't be found out");
                        intake.later.insert((now.plus(AGAIN), id));
                    }
                }
            }
            while let Some(done) = sends.try_join_next() {
                self.came(done);
            }
            let now = self.desk.now();
            if now >= hold_on_at {
                self.hold_on().await;
                hold_on_at = now.plus(HOLD / 3);
            }
            self.board().left_to_others(now).into_iter().for_each(|id| intake.push(id));
            let again = self.begin(&mut sends, now).await;
            if recording.is_none() && now >= record_from {
                recording = self.record(now);
            }
            if !intake.fresh.is_empty() {
                tokio::task::yield_now().await;
                continue;
            }
            let next = again.into_iter().chain(intake.later.first().map(|(at, _)| *at)).min();
            // A second at most while something waits, so that a clock that was set forward is noticed.
            let wait =
                next.map_or(Duration::from_secs(60), |next| next.since(now).min(Duration::from_secs(1)));
            tokio::select! {
                changed = changes.recv() => match changed {
                    Ok(id) => intake.push(id),
                    Err(_) => self.take_all(&mut intake),
                },
                Some(done) = sends.join_next(), if !sends.is_empty() => self.came(done),
                recorded = recorded(&mut recording) => {
                    if let Some((told, error)) = recorded {
                        tracing::error!(%error, "what was told could not be recorded");
                        self.board().records.extend(told);
                        record_from = now.plus(AGAIN);
                    }
                }
                Some(news) = heard.recv() => for owed in self.owe_news(news) {
                    self.board().owe_news(owed, self.desk.now());
                },
                () = self.poke.notified() => {}
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        self.finish(sends, recording).await;
    }

    /// Lets what is under way end, and records it.
    async fn finish(&self, mut sends: JoinSet<Done>, mut recording: Option<Recording>) {
        let last = tokio::time::timeout(LAST, async {
            while let Some(done) = sends.join_next().await {
                self.came(done);
            }
        });
        // Whatever has not ended is sent again after the restart, with the same id.
        drop(last.await);
        loop {
            if recording.is_some()
                && let Some((_, error)) = recorded(&mut recording).await
            {
                return tracing::error!(%error, "what was told could not be recorded");
            }
            recording = self.record(self.desk.now());
            if recording.is_none() {
                return;
            }
        }
    }

    /// Everything that may owe something.
    fn take_all(&self, intake: &mut Intake) {
        let since = self.desk.now().minus(OLD);
        match self.desk.store.open().and_then(|open| Ok((open, self.desk.store.latest(LATEST)?))) {
            Ok((open, latest)) => {
                let recent = |id: &EscalationId| {
                    let course = self.desk.store.course(*id).ok();
                    course.and_then(|course| Some(course.records.first()?.1.at >= since)).unwrap_or(true)
                };
                open.into_iter().for_each(|id| intake.push(id));
                latest.into_iter().take_while(recent).for_each(|id| intake.push(id));
            }
            Err(error) => tracing::error!(%error, "who has to be told can't be found out"),
        }
    }

    /// Finds what is owed about an escalation; says when to look again even if nothing happens.
    fn look(&self, id: EscalationId) -> Result<Option<Moment>, DeskError> {
        let course = self.desk.store.course(id)?;
        let escalation = replay(id, &course)?;
        let decided = self.desk.decided(id, &course, &escalation)?;
        let level = decided.decision.assessment.level;
        let opening = escalation.case().opening();
        let txn = opening.txn;
        let txn = (!opening.drill).then_some(txn);
        let steps: Vec<_> = course
            .records
            .iter()
            .filter_map(|(_, record)| {
                let Event::Escalation { step, .. } = &record.event else { return None };
                Some((record.at, step.clone()))
            })
            .collect();
        let known = self.board().known.contains_key(&id);
        if !known {
            // There before it is read: what is told while it is read is learnt.
            self.board().known.entry(id).or_default();
            let opened = course.records.first().map(|(index, _)| *index);
            let recalled = match (txn, opened) {
                (Some(txn), _) => self.recalled(id, txn),
                (None, Some(opened)) => self.recalled_drill(id, opened),
                (None, None) => Ok(Known::default()),
            };
            let mut board = self.board();
            match recalled {
                Ok(recalled) => board.known.entry(id).or_default().merge(recalled),
                Err(error) => {
                    board.known.remove(&id);
                    return Err(error.into());
                }
            }
        }
        let here = self.desk.here();
        let attendance = here.attendance();
        let now = attendance.at();
        let course = Course { escalation: &escalation, steps: &steps, level };
        let owed = plan(course, &attendance, &self.settings.team, now);
        let again = escalation.review_due().filter(|due| *due > now);
        let over = escalation.recorded_status().is_over() && escalation.review_due().is_none();
        let group = Line::of(self.desk.read(id)?).group;
        let hidden = escalation.hides_votes_from(None, now);
        let mut board = self.board();
        let known = board.known.entry(id).or_default();
        (known.revision, known.over, known.txn) = (revision(&steps, hidden), over, txn);
        board.owe(id, owed, &group, now);
        Ok(again)
    }

    /// Sends what is due; says when something is due again.
    async fn begin(&self, sends: &mut JoinSet<Done>, now: Moment) -> Option<Moment> {
        let turn = {
            let settings = &self.settings;
            let reach = |to: &Recipient, id: Option<EscalationId>| self.reach(to, id, now);
            self.board().turn(settings.limit, settings.fail_over_after, &reach, now)
        };
        for task in self.taken_on(turn.tasks, now).await {
            match self.letter(task, now) {
                Ok(Some((channel, letter))) => {
                    let Some(messenger) = self.messengers.get(channel.kind()).cloned() else { continue };
                    sends.spawn(async move {
                        // By itself, so that an adapter that panics is one that did not bring the message.
                        let sending = tokio::spawn(async move { send(messenger.as_ref(), letter).await });
                        let sent = sending.await;
                        (task, sent.unwrap_or_else(|error| Err(NotSent::Later(error.to_string(), None))))
                    });
                }
                Ok(None) => self.board().not_tried(task, "there is nothing to be told", now),
                Err(error) => {
                    tracing::error!(%error, "what has to be told can't be read");
                    self.board().not_tried(task, "it can't be read", now);
                }
            }
        }
        let elsewhere = self.board().elsewhere.iter().map(|(at, _)| *at).min();
        turn.again.into_iter().chain(elsewhere).min()
    }

    /// The ways to somebody, and until when they want to be left alone.
    fn reach(
        &self,
        to: &Recipient,
        about: Option<EscalationId>,
        now: Moment,
    ) -> (Vec<Vec<Channel>>, Option<Moment>) {
        match to {
            Recipient::Place(place) => {
                let channel = Channel::parse(place);
                let channel = channel.filter(|channel| self.messengers.contains_key(channel.kind()));
                (channel.map(|channel| vec![vec![channel]]).unwrap_or_default(), None)
            }
            Recipient::Person(id) => self.reach_person(id, about, now).unwrap_or_default(),
        }
    }

    fn reach_person(
        &self,
        id: &PersonId,
        about: Option<EscalationId>,
        now: Moment,
    ) -> Option<(Vec<Vec<Channel>>, Option<Moment>)> {
        let directory = self.desk.directory();
        let person = directory.person(id)?;
        let (profile, browsers) = ((self.settings.profile)(id), (self.settings.browsers)(id));
        let preferences = profile.preferences.as_ref();
        let rule = about.and_then(|about| self.desk.read(about).ok());
        let rule = rule.map(|docket| docket.escalation.case().opening().terms.channels.clone());
        let to = Reachable { person, preferences, browsers: &browsers };
        let ways = routes(to, &rule.unwrap_or_default(), &self.kinds());
        Some((ways, person.quiet_until(preferences, now)))
    }

    /// What is to be sent, by what is known now; nothing where there is nothing to tell any more.
    fn letter(&self, task: Task, now: Moment) -> Result<Option<(Channel, Letter)>, DeskError> {
        let (channel, owed, parcel, replaces) = match task {
            Task::Leg(key, at) => {
                let board = self.board();
                let Some(parcel) = board.parcel(key).cloned() else { return Ok(None) };
                let Some(leg) = parcel.legs.get(at) else { return Ok(None) };
                let Some(owed) = parcel.worth().next().cloned() else { return Ok(None) };
                (leg.channel.clone(), owed, Some(parcel), None)
            }
            Task::Card(id, at) => {
                let board = self.board();
                let card = board.known.get(&id).and_then(|known| known.cards.get(at));
                let Some(card) = card else { return Ok(None) };
                let owed = Owed {
                    notice: card.update(id, card.sending),
                    topic: Topic::Updated,
                    escalation: Some(id),
                    to: card.to.clone(),
                    since: now,
                    urgency: Urgency::Low,
                    hold_until: now,
                    until: now.plus(OLD),
                    says: None,
                };
                (card.channel.clone(), owed, None, Some(card.handle.clone()))
            }
        };
        let Some(to) = address::address(&channel) else { return Ok(None) };
        let message = match parcel.filter(|parcel| parcel.notice != owed.notice) {
            Some(parcel) => self.together(&parcel)?,
            None => match owed.escalation {
                Some(id) => self.desk.compose(&self.desk.view(id)?, &owed, self.paths()),
                None => news(&owed, self.paths()),
            },
        };
        Ok(Some((channel, Letter { to, message, replaces })))
    }

    fn together(&self, parcel: &Parcel) -> Result<crate::notice::Message, DeskError> {
        let worth: Vec<&Owed> = parcel.worth().collect();
        let mut ids: Vec<EscalationId> = worth.iter().filter_map(|owed| owed.escalation).collect();
        ids.dedup();
        // What can't be read is counted, and keeps nobody from hearing of the others.
        let views: Vec<View> = ids.iter().take(10).filter_map(|id| self.desk.view(*id).ok()).collect();
        let first = worth.first().copied();
        let about = Owed {
            notice: parcel.notice,
            topic: parcel.topic,
            escalation: None,
            to: parcel.to.clone(),
            since: first.map(|owed| owed.since).unwrap_or_default(),
            urgency: worth.iter().map(|owed| owed.urgency).max().unwrap_or(Urgency::Low),
            hold_until: parcel.until(),
            until: parcel.until(),
            says: None,
        };
        Ok(together(&about, parcel.topic, worth.len(), &views, self.paths()))
    }

    fn came(&self, done: Result<Done, tokio::task::JoinError>) {
        // A task that was aborted belongs to a run that ended.
        let Ok((task, result)) = done else { return };
        let now = self.desk.now();
        let mut bits = [0; 2];
        // Without randomness everybody waits as long, which is better than not at all.
        let random = self.entropy.fill(&mut bits).map_or(1000, |()| u16::from_be_bytes(bits) % 1001);
        let mut board = self.board();
        let kind = match task {
            Task::Leg(key, at) => {
                board.parcel(key).and_then(|parcel| parcel.legs.get(at)).map(|leg| &leg.channel)
            }
            Task::Card(id, at) => {
                board.known.get(&id).and_then(|known| known.cards.get(at)).map(|card| &card.channel)
            }
        };
        let changes = kind.is_some_and(|channel| self.changes(channel.kind()));
        board.came(task, &Came { result, changes, random, now });
    }

    /// Begins to record what was told.
    fn record(&self, now: Moment) -> Option<Recording> {
        let told: Vec<Told> = {
            let mut board = self.board();
            let count = board.records.len().min(RECORDED);
            board.records.drain(..count).collect()
        };
        if told.is_empty() {
            return None;
        }
        let events = told.iter().map(|told| Event::Told(Box::new(told.clone())));
        Some(Recording { committing: self.desk.store.commit(Change::of(now, events)), told })
    }
}

/// Waits until what is being recorded is; what was not, and why.
async fn recorded(recording: &mut Option<Recording>) -> Option<(Vec<Told>, StoreError)> {
    let Some(Recording { committing, .. }) = recording else { return core::future::pending().await };
    let result = committing.await;
    let recording = recording.take()?;
    result.err().map(|error| (recording.told, error))
}
