//! Workload: what each reviewer has before them, how often they were asked, and how they voted lately; a fold over the
//! events of escalations.

use crate::digest::sha256;
use crate::escalation::vote::Choice;
use crate::escalation::{Attention, Cast, Event, Opening};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many of a person's votes are kept.
pub const MAX_PAST_VOTES: usize = 512;
/// For how long it is kept who was asked: a local day is never longer, whatever is done to its clock.
const KEPT: Duration = Duration::from_secs(49 * 60 * 60);
/// How often a person's being asked is kept; the daily cap of a roster is at most 1000.
const MAX_ASKED: usize = 4096;

/// What makes requests equivalent: they wait together before a reviewer, and are voted on one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Likeness([u8; 32]);

impl Likeness {
    /// Of what one agent asks to do to one resource, with whatever parameters.
    #[must_use]
    pub fn new(agent: &AgentId, action: &str, resource: &str) -> Self {
        let length = |text: &str| (text.len() as u64).to_be_bytes();
        let (action, resource) = (action.to_ascii_lowercase(), resource.to_ascii_lowercase());
        Self(sha256(&[
            b"countersign/likeness/v1\n",
            &length(agent.as_str()),
            agent.as_str().as_bytes(),
            &length(&action),
            action.as_bytes(),
            resource.as_bytes(),
        ]))
    }

    /// Of what is equivalent to nothing but the very same operation of the same agent.
    #[must_use]
    pub fn alone(opening: &Opening) -> Self {
        Self::new(&opening.agent, "", &opening.operation.to_string())
    }
}

/// What an escalation puts before people, as far as its opening does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What it is equivalent to.
    pub like: Likeness,
    /// How many characters they are shown.
    pub characters: usize,
}

/// What everyone has to do.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    people: BTreeMap<PersonId, Load>,
    open: BTreeMap<EscalationId, Open>,
}

/// What one person has to do, and did.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// What waits for them; what is equivalent is one thing.
    waiting: BTreeMap<Likeness, BTreeSet<EscalationId>>,
    asked: VecDeque<Asked>,
    last_asked: Option<Moment>,
    votes: VecDeque<PastVote>,
    streak: u32,
}

/// Once that a person was asked. What came beside something equivalent is not counted.
#[derive(Clone, Debug)]
struct Asked {
    at: Moment,
    agent: AgentId,
}

/// An escalation that waits for people.
#[derive(Clone, Debug)]
struct Open {
    agent: AgentId,
    since: Moment,
    shown: Shown,
    attention: BTreeMap<PersonId, Attention>,
    /// Who was asked, has not voted, and has not passed it on.
    waiting: BTreeSet<PersonId>,
}

/// A vote that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastVote {
    /// When.
    pub at: Moment,
    /// On what.
    pub escalation: EscalationId,
    /// What was said.
    pub said: Said,
    /// Since when the escalation was open.
    pub open_since: Moment,
    /// What the person had done with it.
    pub attention: Attention,
    /// How many characters they were shown.
    pub characters: usize,
}

impl PastVote {
    /// How long the person had it before them: since they opened it, as far as that is known, or it reached them, or they
    /// were asked, or it was opened at all.
    #[must_use]
    pub fn took(&self) -> Duration {
        let Attention { asked_at, delivered_at, opened_at, evidence_opened_at: _ } = self.attention;
        self.at.since(opened_at.or(delivered_at).or(asked_at).unwrap_or(self.open_since))
    }
}

/// What somebody said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Yes.
    Approved,
    /// Yes, in an emergency.
    BrokeGlass,
    /// Yes to something else.
    Amended,
    /// No.
    Denied,
}

impl Said {
    /// Whether it was a yes.
    #[must_use]
    pub const fn approves(self) -> bool {
        match self {
            Self::Approved | Self::BrokeGlass | Self::Amended => true,
            Self::Denied => false,
        }
    }
}

impl Workload {
    /// Takes what opens an escalation.
    pub fn opened(&mut self, opening: &Opening, shown: Shown) {
        let open = Open {
            agent: opening.agent.clone(),
            since: opening.opened_at,
            shown,
            attention: BTreeMap::new(),
            waiting: BTreeSet::new(),
        };
        self.open.insert(opening.id, open);
    }

    /// … unless it was taken before.
    pub fn opened_once(&mut self, opening: &Opening, shown: Shown) {
        if !self.open.contains_key(&opening.id) {
            self.opened(opening, shown);
        }
    }

    /// Forgets an escalation that waits for nobody: it is decided or over, or was not opened after all.
    pub fn forget(&mut self, id: EscalationId) {
        self.all_done(id);
        self.open.remove(&id);
    }

    /// Takes an event of an escalation, in the order of the record. An opening that was not taken by
    /// [`opened`](Self::opened) is equivalent to nothing and shows nothing.
    pub fn happened(&mut self, id: EscalationId, event: &Event) {
        match event {
            Event::Opened(opening) => {
                if !self.open.contains_key(&id) {
                    self.opened(opening, Shown { like: Likeness::alone(opening), characters: 0 });
                }
            }
            Event::Asked { at, people } => {
                for person in people {
                    self.ask(id, person, *at);
                }
            }
            Event::Reassigned { at, from, to } => {
                self.done(id, from);
                self.ask(id, to, *at);
            }
            Event::Seen { at, person, what } => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.attention.entry(person.clone()).or_default().note(*what, *at);
                }
            }
            Event::Voted(vote) => self.voted(id, vote, None),
            Event::Withdrawn(vote) => {
                // It waits for them again, if it ever did.
                if let Some(open) = self.open.get_mut(&id)
                    && open.attention.get(vote.person()).is_some_and(|attention| attention.asked_at.is_some())
                {
                    self.wait(id, vote.person());
                }
            }
            Event::Amended(amendment) => {
                self.voted(id, &amendment.vote, Some(amendment.at));
                // It is up to the agent now.
                self.all_done(id);
            }
            Event::Approved(_)
            | Event::Denied { .. }
            | Event::Expired { .. }
            | Event::Cancelled { .. }
            | Event::Blocked { .. } => {
                self.all_done(id);
                self.open.remove(&id);
            }
            Event::Reminded { .. }
            | Event::Widened { .. }
            | Event::VoteRefused { .. }
            | Event::Claimed { .. }
            | Event::Lapsed { .. }
            | Event::Reviewed(_) => {}
        }
    }

    /// What an open escalation puts before people.
    #[must_use]
    pub fn shown(&self, id: EscalationId) -> Option<Shown> {
        self.open.get(&id).map(|open| open.shown)
    }

    /// What this person has to do, and did.
    #[must_use]
    pub fn of(&self, person: &PersonId) -> Option<&Load> {
        self.people.get(person)
    }

    fn ask(&mut self, id: EscalationId, person: &PersonId, at: Moment) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.attention.entry(person.clone()).or_default().asked_at.get_or_insert(at);
        let (agent, like) = (open.agent.clone(), open.shown.like);
        let load = self.people.entry(person.clone()).or_default();
        load.last_asked = load.last_asked.max(Some(at));
        if !load.waiting.contains_key(&like) {
            load.asked.retain(|asked| at.since(asked.at) < KEPT);
            if load.asked.len() >= MAX_ASKED {
                load.asked.pop_front();
            }
            load.asked.push_back(Asked { at, agent });
        }
        self.wait(id, person);
    }

    fn wait(&mut self, id: EscalationId, person: &PersonId) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.waiting.insert(person.clone());
        let load = self.people.entry(person.clone()).or_default();
        load.waiting.entry(open.shown.like).or_default().insert(id);
    }

    /// It does not wait for this person any more.
    fn done(&mut self, id: EscalationId, person: &PersonId) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.waiting.remove(person);
        let Some(load) = self.people.get_mut(person) else { return };
        if let Some(alike) = load.waiting.get_mut(&open.shown.like) {
            alike.remove(&id);
            if alike.is_empty() {
                load.waiting.remove(&open.shown.like);
            }
        }
    }

    fn all_done(&mut self, id: EscalationId) {
        let waiting = self.open.get(&id).map(|open| open.waiting.clone()).unwrap_or_default();
        for person in waiting {
            self.done(id, &person);
        }
    }

    fn voted(&mut self, id: EscalationId, vote: &Cast, amended_at: Option<Moment>) {
        let person = vote.person().clone();
        self.done(id, &person);
        let said = match (&vote.statement.choice, amended_at) {
            (Choice::Approve(_), Some(_)) => Said::Amended,
            (Choice::Approve(_), None) => Said::Approved,
            (Choice::BreakGlass(_), _) => Said::BrokeGlass,
            (Choice::Deny, _) => Said::Denied,
            (Choice::Withdraw, _) => return,
        };
        let Some(open) = self.open.get(&id) else { return };
        let past = PastVote {
            at: amended_at.unwrap_or(vote.at),
            escalation: id,
            said,
            open_since: open.since,
            attention: open.attention.get(&person).copied().unwrap_or_default(),
            characters: open.shown.characters,
        };
        let load = self.people.entry(person).or_default();
        load.streak = match said {
            Said::Approved | Said::BrokeGlass => load.streak.saturating_add(1),
            Said::Amended | Said::Denied => 0,
        };
        if load.votes.len() >= MAX_PAST_VOTES {
            load.votes.pop_front();
        }
        load.votes.push_back(past);
    }
}

impl Load {
    /// How many things wait for them; what is equivalent is one.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.waiting.len()
    }

    /// Whether something equivalent waits for them already.
    #[must_use]
    pub fn has_alike(&self, like: Likeness) -> bool {
        self.waiting.contains_key(&like)
    }

    /// How often they were asked since this moment; what came beside something equivalent is not counted.
    #[must_use]
    pub fn asked_since(&self, since: Moment) -> usize {
        self.asked.iter().filter(|asked| asked.at >= since).count()
    }

    /// How often of these it was for this agent.
    #[must_use]
    pub fn asked_since_for(&self, agent: &AgentId, since: Moment) -> usize {
        self.asked.iter().filter(|asked| asked.at >= since && asked.agent == *agent).count()
    }

    /// How often of these it was for the agent for which it was most often.
    #[must_use]
    pub fn asked_since_for_heaviest(&self, since: Moment) -> usize {
        let mut agents: BTreeMap<&AgentId, usize> = BTreeMap::new();
        for asked in self.asked.iter().filter(|asked| asked.at >= since) {
            *agents.entry(&asked.agent).or_default() += 1;
        }
        agents.into_values().max().unwrap_or_default()
    }

    /// When they were last asked.
    #[must_use]
    pub const fn last_asked(&self) -> Option<Moment> {
        self.last_asked
    }

    /// Their last votes, the latest last; at most [`MAX_PAST_VOTES`].
    pub fn votes(&self) -> impl DoubleEndedIterator<Item = &PastVote> {
        self.votes.iter()
    }

    /// How often they have said yes since they last said no or asked for something else.
    #[must_use]
    pub const fn streak(&self) -> u32 {
        self.streak
    }
}
