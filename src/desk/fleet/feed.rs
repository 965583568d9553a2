//! The feed: what is recorded is read once, and told to those sidecars whom it concerns, in the order of the record.

use super::members::Follows;
use super::{Fleet, FleetError, Member, Role};
use crate::audit::event::{Event, Record};
use crate::digest::{KeyId, PolicyDigest, RosterDigest};
use crate::escalation;
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, LogOrigin, TxnId};
use crate::policy::Policy;
use crate::reviewer::Directory;
use crate::signer::Published;
use crate::store::{Document, Index, Store, StoreError};
use crate::suspension::Suspension;
use core::time::Duration;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

/// How often it is looked whether there is something new.
const ROUND: Duration = Duration::from_millis(50);
/// How many records are read in one round.
const MOST_READ: Index = 2_000;
/// How much is kept for a sidecar that is slow; what it misses it is told anew.
const KEPT: usize = 512;
/// How many escalations are remembered with their agents.
const REMEMBERED: usize = 65_536;
/// How often the desk says that it lives.
const PULSE: Duration = Duration::from_secs(3);
/// How many decisions of its neighbours a sidecar that is new is told of, and how many at once.
const NEIGHBOURS: usize = 1_000;
const AT_ONCE: usize = 100;

/// What a sidecar has already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// The policy that it decides under.
    pub policy: Option<PolicyDigest>,
    /// Its roster.
    pub roster: Option<RosterDigest>,
    /// It has the decisions of its neighbours up to this place.
    pub neighbours: Index,
}

/// Something that a sidecar is told.
#[derive(Clone, Debug)]
pub enum News {
    /// The rules; only what the sidecar has not got.
    Rules {
        /// The policy's text, and the decision that approved it.
        policy: Option<(String, Option<TxnId>)>,
        /// The roster's, the same way.
        roster: Option<(String, Option<TxnId>)>,
        /// The latest profile of each person, as recorded.
        profiles: Vec<Vec<u8>>,
    },
    /// All suspensions that were not lifted.
    Suspensions(Vec<Suspension>),
    /// What must be known of keys.
    Trust(Arc<Published>, Arc<BTreeSet<KeyId>>),
    /// Whom the sidecar speaks for, and the people behind it.
    Role(Role),
    /// What its neighbours decided, as recorded; everything before the place is told.
    Neighbours(Vec<Vec<u8>>, Index),
    /// These escalations of its agent have changed.
    Changed(Vec<EscalationId>),
    /// The desk lives: its time, and how far the record was when everything before was told.
    Pulse(Moment, Index),
}

/// Something that happened to an agent.
#[derive(Clone)]
enum Heard {
    /// A sidecar, or the desk itself, decided for it.
    Neighbour { index: Index, origin: Option<LogOrigin>, leaf: Arc<Vec<u8>> },
    /// An escalation of it changed.
    Changed(EscalationId),
}

/// How far the record is told, and how often what is in force changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks {
    until: Index,
    rules: u64,
    suspensions: u64,
}

pub(super) struct Feed {
    store: Arc<dyn Store>,
    marks: watch::Sender<Marks>,
    agents: Mutex<HashMap<AgentId, broadcast::Sender<Heard>>>,
    escalations: Mutex<HashMap<EscalationId, AgentId>>,
}

impl Feed {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let marks = watch::Sender::new(Marks { until: store.len(), ..Marks::default() });
        Self { store, marks, agents: Mutex::default(), escalations: Mutex::default() }
    }

    fn agents(&self) -> MutexGuard<'_, HashMap<AgentId, broadcast::Sender<Heard>>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to this agent from now on.
    fn of(&self, agent: &AgentId) -> broadcast::Receiver<Heard> {
        let mut agents = self.agents();
        agents.retain(|_, sender| sender.receiver_count() > 0);
        agents.entry(agent.clone()).or_insert_with(|| broadcast::Sender::new(KEPT)).subscribe()
    }

    pub(super) async fn run(&self) -> core::convert::Infallible {
        let mut changes = self.store.watch_all();
        loop {
            if let Err(error) = self.round() {
                tracing::error!(%error, "what is recorded could not be told to the sidecars");
                tokio::time::sleep(ROUND * 20).await;
            }
            // Most of what is told is a change of an escalation; the rest waits for a round.
            drop(tokio::time::timeout(ROUND, changes.recv()).await);
        }
    }

    fn round(&self) -> Result<(), StoreError> {
        let mut marks = *self.marks.borrow();
        let end = self.store.len().min(marks.until.saturating_add(MOST_READ));
        if end == marks.until {
            return Ok(());
        }
        while marks.until < end {
            let record = self.store.record(marks.until)?;
            self.tell(&mut marks, record)?;
            marks.until += 1;
        }
        self.marks.send_replace(marks);
        Ok(())
    }

    fn tell(&self, marks: &mut Marks, record: Record) -> Result<(), StoreError> {
        let index = marks.until;
        match &record.event {
            Event::PolicyLoaded { .. } | Event::RosterLoaded { .. } | Event::ProfileChanged { .. } => {
                marks.rules += 1;
            }
            Event::Suspended { .. } | Event::Resumed { .. } => marks.suspensions += 1,
            Event::Decided(decided) => self.neighbour(&decided.agent.clone(), index, record)?,
            Event::Reported(reported) => self.neighbour(&reported.agent.clone(), index, record)?,
            Event::Escalation { id, step } => self.changed(*id, step)?,
            Event::Started { .. }
            | Event::Stopped {}
            | Event::Absence { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::KeyRevoked { .. }
            | Event::Drill { .. }
            | Event::Minted(_)
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. } => {}
        }
        Ok(())
    }

    fn neighbour(&self, agent: &AgentId, index: Index, record: Record) -> Result<(), StoreError> {
        let Some(sender) = self.agents().get(agent).cloned() else { return Ok(()) };
        let leaf = Arc::new(self.store.leaf(index)?);
        let origin = record.from.map(|from| from.origin);
        drop(sender.send(Heard::Neighbour { index, origin, leaf }));
        Ok(())
    }

    fn changed(&self, id: EscalationId, step: &escalation::Event) -> Result<(), StoreError> {
        if self.agents().is_empty() {
            return Ok(());
        }
        if let escalation::Event::Opened(opening) = step {
            self.remember(id, opening.agent.clone());
        }
        let known = self.escalations.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let agent = match known {
            Some(agent) => agent,
            None => {
                let course = self.store.course(id)?;
                let opened = course.records.iter().find_map(|(_, record)| {
                    let Event::Escalation { step: escalation::Event::Opened(opening), .. } = &record.event
                    else {
                        return None;
                    };
                    Some(&opening.agent)
                });
                let Some(agent) = opened.cloned() else { return Ok(()) };
                self.remember(id, agent.clone());
                agent
            }
        };
        if let Some(sender) = self.agents().get(&agent) {
            drop(sender.send(Heard::Changed(id)));
        }
        Ok(())
    }

    fn remember(&self, id: EscalationId, agent: AgentId) {
        let mut escalations = self.escalations.lock().unwrap_or_else(PoisonError::into_inner);
        if escalations.len() >= REMEMBERED {
            escalations.clear();
        }
        escalations.insert(id, agent);
    }
}

/// A sidecar that follows.
pub struct Following {
    fleet: Arc<Fleet>,
    member: Member,
    heard: broadcast::Receiver<Heard>,
    marks: watch::Receiver<Marks>,
    told: Marks,
    since: Since,
    trust: Option<(Arc<Published>, Arc<BTreeSet<KeyId>>)>,
    role: Option<Role>,
    pulse: tokio::time::Interval,
    /// What is to be told next.
    waiting: VecDeque<News>,
    _follows: Follows,
    _room: OwnedSemaphorePermit,
}

impl Fleet {
    /// Begins to tell a sidecar what is in force, and each change as it happens.
    ///
    /// # Errors
    /// [`FleetError`] if there is no room for one more, or what is in force can't be read.
    pub fn follow(self: &Arc<Self>, member: Member, since: Since) -> Result<Following, FleetError> {
        let room = self.following.clone().try_acquire_owned().map_err(|_| FleetError::Full)?;
        let follows = self.follows(&member, &since);
        // Heard from here on, and looked up until now: what is in both is told once.
        let heard = self.feed.of(&member.role.agent);
        let marks = self.feed.marks.subscribe();
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut following = Following {
            fleet: self.clone(),
            member,
            heard,
            marks,
            told: Marks::default(),
            since,
            trust: None,
            role: None,
            pulse,
            waiting: VecDeque::new(),
            _follows: follows,
            _room: room,
        };
        following.begin()?;
        Ok(following)
    }

    fn profiles(&self) -> Result<Vec<Vec<u8>>, FleetError> {
        let places = self.store.profiles()?.into_iter();
        Ok(places.map(|index| self.store.leaf(index)).collect::<Result<_, _>>()?)
    }

    fn suspensions(&self) -> Result<Vec<Suspension>, FleetError> {
        let mut suspensions = Vec::new();
        for index in self.store.suspensions()? {
            if let Event::Suspended { suspension } = self.store.record(index)?.event {
                suspensions.push(*suspension);
            }
        }
        Ok(suspensions)
    }
}

impl Following {
    /// Everything that is in force.
    fn begin(&mut self) -> Result<(), FleetError> {
        self.told = *self.marks.borrow_and_update();
        self.rules()?;
        self.suspensions()?;
        self.look_at_trust()?;
        self.neighbours_before(self.told.until)
    }

    fn rules(&mut self) -> Result<(), FleetError> {
        let store = &self.fleet.store;
        let in_force = |document| {
            let index = store.in_force(document)?;
            index.map(|index| store.record(index)).transpose()
        };
        let (mut policy, mut roster) = (None, None);
        if let Some(Event::PolicyLoaded { text, approved, .. }) =
            in_force(Document::Policy)?.map(|record| record.event)
        {
            let digest = Policy::digest_of(&text);
            if self.since.policy.replace(digest) != Some(digest) {
                policy = Some((text, approved));
            }
        }
        if let Some(Event::RosterLoaded { text, approved }) =
            in_force(Document::Roster)?.map(|record| record.event)
        {
            let digest = Directory::digest_of(&text);
            if self.since.roster.replace(digest) != Some(digest) {
                roster = Some((text, approved));
            }
        }
        let profiles = self.fleet.profiles()?;
        let digest = self.since.policy;
        self.fleet.note(&self.member.sidecar, |seen| seen.policy = digest);
        self.waiting.push_back(News::Rules { policy, roster, profiles });
        Ok(())
    }

    fn suspensions(&mut self) -> Result<(), FleetError> {
        let suspensions = self.fleet.suspensions()?;
        self.waiting.push_back(News::Suspensions(suspensions));
        Ok(())
    }

    /// Keys, and who may call: whoever was revoked is told nothing more.
    fn look_at_trust(&mut self) -> Result<(), FleetError> {
        let Some((_, enrolled)) = self.fleet.enrolled(&self.member.sidecar)? else {
            let why = format!("sidecar `{}` was revoked", self.member.sidecar);
            return Err(FleetError::Stranger(why));
        };
        let trust = self.fleet.trust();
        if enrolled.expires_at <= self.fleet.now() || trust.1.contains(&enrolled.authority) {
            let why =
                format!("the certificate of sidecar `{}` has ended or was revoked", self.member.sidecar);
            return Err(FleetError::Stranger(why));
        }
        if self.role.as_ref() != Some(&self.member.role) {
            self.role = Some(self.member.role.clone());
            self.waiting.push_back(News::Role(self.member.role.clone()));
        }
        let same =
            self.trust.as_ref().is_some_and(|told| Arc::ptr_eq(&told.0, &trust.0) && told.1 == trust.1);
        if !same {
            self.trust = Some(trust.clone());
            self.waiting.push_back(News::Trust(trust.0, trust.1));
        }
        Ok(())
    }

    /// What others decided for this agent before this place, as far as the sidecar was not told of it.
    fn neighbours_before(&mut self, until: Index) -> Result<(), FleetError> {
        let store = &self.fleet.store;
        let (mut leaves, since) = (Vec::new(), self.since.neighbours);
        for index in store.decisions_of(&self.member.role.agent, NEIGHBOURS)? {
            if index < since {
                break;
            }
            let record = store.record(index)?;
            let own = record.from.is_some_and(|from| from.origin == self.member.origin);
            if !own && index < until {
                leaves.push(store.leaf(index)?);
            }
        }
        leaves.reverse();
        let mut leaves = leaves.into_iter().peekable();
        while leaves.peek().is_some() {
            let some: Vec<Vec<u8>> = leaves.by_ref().take(AT_ONCE).collect();
            // Only the last of them says that these are all.
            let until = if leaves.peek().is_some() { since } else { until };
            self.waiting.push_back(News::Neighbours(some, until));
        }
        self.since.neighbours = until;
        Ok(())
    }

    /// What is told next. It waits for that.
    ///
    /// # Errors
    /// [`FleetError`]: then nothing more is told, and the sidecar has to begin anew.
    pub async fn next(&mut self) -> Result<News, FleetError> {
        loop {
            if let Some(news) = self.waiting.pop_front() {
                return Ok(news);
            }
            tokio::select! {
                biased;
                heard = self.heard.recv() => match heard {
                    Ok(heard) => self.hear(heard),
                    // It was too slow: what it missed is looked up.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        let until = self.marks.borrow().until;
                        self.neighbours_before(until)?;
                        self.waiting.push_back(News::Changed(self.open()?));
                    }
                    Err(broadcast::error::RecvError::Closed) => return Err(FleetError::Full),
                },
                changed = self.marks.changed() => {
                    changed.map_err(|_| FleetError::Full)?;
                    self.look()?;
                }
                _ = self.pulse.tick() => {
                    self.look()?;
                    self.look_at_trust()?;
                    // Everything of the record until there was heard before.
                    let until = self.told.until;
                    self.waiting.push_back(News::Pulse(self.fleet.now(), until));
                }
            }
        }
    }

    fn look(&mut self) -> Result<(), FleetError> {
        let marks = *self.marks.borrow_and_update();
        let before = core::mem::replace(&mut self.told, marks);
        if before.rules != marks.rules {
            self.rules()?;
        }
        if before.suspensions != marks.suspensions {
            self.suspensions()?;
        }
        Ok(())
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Neighbour { index, origin, leaf } => {
                let own = origin.as_ref() == Some(&self.member.origin);
                if !own && index >= self.since.neighbours {
                    self.since.neighbours = index + 1;
                    self.waiting.push_back(News::Neighbours(vec![leaf.to_vec()], index + 1));
                }
            }
            Heard::Changed(id) => self.waiting.push_back(News::Changed(vec![id])),
        }
    }

    /// The escalations of this agent that are open.
    fn open(&self) -> Result<Vec<EscalationId>, FleetError> {
        let mut open = Vec::new();
        for id in self.fleet.store.open()? {
            let docket = self.fleet.desk.read(id)?;
            if docket.decided.agent == self.member.role.agent {
                open.push(id);
            }
        }
        Ok(open)
    }
}
