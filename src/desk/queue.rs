//! The queue: the escalations by what a reviewer looks for, in the order that they should be looked at.

mod page;
mod watch;

pub use page::{MAX_PAGE_TOKEN, Order};
pub use watch::{HEARTBEAT, MAX_WATCHERS, News, TooMany};

use super::local::LocalDesk;
use super::{DeskError, Docket};
use crate::digest::{base64url, sha256};
use crate::escalation::{Escalation, Status};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId};
use crate::reviewer::Attendance;
use crate::risk::pattern::Glob;
use crate::risk::{Assessment, Level, history};
use page::{Cursor, Item};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tokio::sync::broadcast::{self, error::TryRecvError};

/// How many of the escalations that were opened last are looked through for those that are over.
pub const HISTORY: usize = 5_000;

/// What keeps a group's digest apart from every other SHA-256.
const GROUP: &[u8] = b"countersign/group/v1\n";

/// What a reviewer looks for; each part narrows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Filter {
    /// In one of these states; if none is said, pending, approved, or an emergency that is yet to be reviewed.
    pub statuses: Vec<Status>,
    /// Asked by an agent of this pattern.
    pub agent: Option<Glob>,
    /// For an action of this pattern.
    pub action: Option<Glob>,
    /// At one of these levels of risk; at any if none is said.
    pub levels: Vec<Level>,
    /// Pending, and this person could fill a seat of it and has not voted.
    pub awaits: Option<PersonId>,
    /// Opened at or after this moment.
    pub since: Option<Moment>,
    /// Opened before this moment.
    pub until: Option<Moment>,
}

/// An escalation in a few words.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its id.
    pub id: EscalationId,
    /// Who asks.
    pub agent: AgentId,
    /// What is done.
    pub action: String,
    /// To what.
    pub resource: String,
    /// How risky that is.
    pub assessment: Assessment,
    /// The rule that escalated, or empty.
    pub rule: String,
    /// Equivalent requests have the same: one agent's, for one action, on one family of resources, by one rule. They
    /// are shown together and voted on one by one (E2).
    pub group: String,
    /// How it stands.
    pub escalation: Escalation,
}

/// A page of the queue.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order that was asked for.
    pub lines: Vec<Arc<Line>>,
    /// By which the next page is asked for; nothing if there is none.
    pub next: Option<String>,
}

/// How many wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// For this person.
    pub yours: usize,
    /// For anybody.
    pub open: usize,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPage {
    /// The token is not one of a page of this very list.
    Token,
    /// It can't be read.
    Desk(DeskError),
}

impl From<DeskError> for NoPage {
    fn from(error: DeskError) -> Self {
        Self::Desk(error)
    }
}

/// The queue of a desk. What is read is kept until it changes.
pub struct Queue {
    desk: Arc<LocalDesk>,
    board: Mutex<Board>,
    watchers: Arc<Semaphore>,
}

struct Board {
    lines: HashMap<EscalationId, Arc<Line>>,
    changes: broadcast::Receiver<EscalationId>,
}

impl Line {
    /// The line of an escalation as it stands.
    #[must_use]
    pub fn of(docket: Docket) -> Self {
        let (action, resource) = docket.subject();
        let Docket { id, decided, escalation, .. } = docket;
        let rule = decided.decision.rule.unwrap_or_default();
        let parts = [decided.agent.as_str(), &action, &history::family(&resource), &rule];
        // With lengths, so that no two groups run into one.
        let parts: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
        let digest = sha256(&[GROUP, parts.as_bytes()]);
        let group = base64url(digest.first_chunk::<12>().map_or(&[][..], |start| &start[..]));
        let (agent, assessment) = (decided.agent, decided.decision.assessment);
        Self { id, agent, action, resource, assessment, rule, group, escalation }
    }

    /// Whether this person could fill a seat and has not voted, or could review the emergency that it was.
    fn awaits(&self, person: &PersonId, here: &Attendance<'_>) -> bool {
        if self.escalation.awaits_review_by(person, here) {
            return true;
        }
        let voted = self.escalation.case().votes().iter().any(|vote| vote.person() == person);
        !voted
            && self.escalation.status(here.at()) == Status::Pending
            && self.escalation.case().is_eligible(person, here, here.at())
    }

    /// Whether it is, or was, this person's to decide.
    fn concerns(&self, person: &PersonId, here: &Attendance<'_>) -> bool {
        let case = self.escalation.case();
        case.votes().iter().any(|vote| vote.person() == person)
            || case.was_asked(person)
            || case.is_eligible(person, here, here.at())
            || self.escalation.awaits_review_by(person, here)
    }

    fn item(&self) -> Item<'_> {
        let opening = self.escalation.case().opening();
        Item {
            id: self.id,
            agent: &self.agent,
            level: self.assessment.level,
            opened_at: opening.opened_at,
            decide_by: opening.decide_by(),
        }
    }
}

impl Filter {
    /// Whether it may be in any state that is over.
    fn looks_back(&self) -> bool {
        self.statuses.iter().any(|status| status.is_over())
    }

    fn takes(&self, line: &Line, here: &Attendance<'_>) -> bool {
        let status = line.escalation.status(here.at());
        let in_state = match self.statuses.is_empty() {
            // What was an emergency is not over before somebody has reviewed it.
            true => !status.is_over() || line.escalation.review_due().is_some(),
            false => self.statuses.contains(&status),
        };
        in_state
            && self.describes(line)
            && self.awaits.as_ref().is_none_or(|person| line.awaits(person, here))
    }

    /// Whether it is such a one, in whatever state.
    fn describes(&self, line: &Line) -> bool {
        let opened = line.escalation.case().opening().opened_at;
        self.agent.as_ref().is_none_or(|pattern| pattern.matches(line.agent.as_str()))
            && self.action.as_ref().is_none_or(|pattern| pattern.matches(&line.action))
            && (self.levels.is_empty() || self.levels.contains(&line.assessment.level))
            && self.since.is_none_or(|since| opened >= since)
            && self.until.is_none_or(|until| opened < until)
    }
}

impl LocalDesk {
    /// Whether this person could fill a seat at this moment and has not voted, or could review the emergency.
    #[must_use]
    pub fn awaits(&self, line: &Line, person: &PersonId) -> bool {
        line.awaits(person, &self.here().attendance())
    }
}

impl Queue {
    /// The queue of this desk.
    #[must_use]
    pub fn new(desk: Arc<LocalDesk>) -> Self {
        let board = Board { lines: HashMap::new(), changes: desk.store.watch_all() };
        Self { desk, board: Mutex::new(board), watchers: Arc::new(Semaphore::new(MAX_WATCHERS)) }
    }

    /// The escalations that `filter` takes, at most `limit` of them, after those that `token` stands for. What was
    /// opened since the first page is not among them.
    ///
    /// # Errors
    /// [`NoPage`] if the token is none of this list, or if they can't be read.
    pub fn list(
        &self,
        filter: &Filter,
        order: Order,
        limit: usize,
        token: Option<&str>,
    ) -> Result<Page, NoPage> {
        let here = self.desk.here();
        let here = here.attendance();
        let list = list_digest(filter, order);
        let cursor = match token {
            Some(token) => Cursor::read(token).filter(|cursor| cursor.list == list).ok_or(NoPage::Token)?,
            None => Cursor::first(list, here.at()),
        };
        let mut lines: Vec<Arc<Line>> = Vec::new();
        for id in self.candidates(filter)? {
            let line = self.line(id)?;
            if filter.takes(&line, &here) {
                lines.push(line);
            }
        }
        let items: Vec<Item<'_>> = lines.iter().map(|line| line.item()).collect();
        let (chosen, next) = page::page(&items, order, limit, cursor);
        let lines = chosen.into_iter().filter_map(|at| lines.get(at).cloned()).collect();
        Ok(Page { lines, next: next.map(|cursor| cursor.to_token()) })
    }

    /// How many wait for this person, and how many for anybody.
    ///
    /// # Errors
    /// [`DeskError`] if they can't be read.
    pub fn tally(&self, person: &PersonId) -> Result<Tally, DeskError> {
        let here = self.desk.here();
        let here = here.attendance();
        let filter = Filter::default();
        let mut tally = Tally::default();
        for id in self.candidates(&filter)? {
            let line = self.line(id)?;
            tally.open += usize::from(filter.takes(&line, &here));
            tally.yours += usize::from(line.awaits(person, &here));
        }
        Ok(tally)
    }

    pub(super) fn now(&self) -> Moment {
        self.desk.now()
    }

    /// The escalations that are not over.
    pub(super) fn open(&self) -> Result<Vec<EscalationId>, DeskError> {
        Ok(self.desk.store.open()?)
    }

    fn candidates(&self, filter: &Filter) -> Result<Vec<EscalationId>, DeskError> {
        let mut ids = self.desk.store.open()?;
        if filter.looks_back() {
            let open: HashSet<EscalationId> = ids.iter().copied().collect();
            let latest = self.desk.store.latest(HISTORY)?;
            ids.extend(latest.into_iter().filter(|id| !open.contains(id)));
        }
        Ok(ids)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The escalation as it stands.
    ///
    /// # Errors
    /// [`DeskError`] if it can't be read.
    pub fn line(&self, id: EscalationId) -> Result<Arc<Line>, DeskError> {
        // Held while it is read: what changes meanwhile is heard of only after that, and read again then.
        let mut board = self.board();
        board.catch_up();
        if let Some(line) = board.lines.get(&id) {
            return Ok(line.clone());
        }
        let line = Arc::new(Line::of(self.desk.read(id)?));
        board.make_room();
        board.lines.insert(id, line.clone());
        Ok(line)
    }
}

impl Board {
    /// Forgets what has changed.
    fn catch_up(&mut self) {
        loop {
            match self.changes.try_recv() {
                Ok(id) => drop(self.lines.remove(&id)),
                Err(TryRecvError::Lagged(_)) => self.lines.clear(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Forgets some of what is over, where there is much.
    fn make_room(&mut self) {
        if self.lines.len() >= 2 * HISTORY {
            self.lines.retain(|_, line| !line.escalation.recorded_status().is_over());
        }
    }
}

/// What tells this list from every other, so that a token of one is not taken for another's.
fn list_digest(filter: &Filter, order: Order) -> String {
    let mut filter = filter.clone();
    filter.statuses.sort_by_key(|status| status.as_str());
    filter.levels.sort();
    let text = serde_json::to_vec(&(filter, order)).unwrap_or_default();
    base64url(&sha256(&[&text]))
}
