//! Watching the queue: what changes is told as it happens, and whoever listens slowly holds up nobody.

use super::{Filter, Line, Queue};
use crate::desk::DeskError;
use crate::escalation::Status;
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use core::time::Duration;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::broadcast::{Receiver, error::RecvError, error::TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How many watch at the same time.
pub const MAX_WATCHERS: usize = 1024;
/// How often whoever watches hears that there is nothing to hear.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many news wait for whoever takes them slowly. What comes after that waits in the store's ring, and is told as
/// missed once that is full.
const WAITING: usize = 16;
/// How many changes are taken together, so that what changed twice is told once.
const TOGETHER: usize = 256;

/// What whoever watches is told.
#[derive(Clone, Debug)]
pub enum News {
    /// Nothing happened; also said first of all, when from now on nothing is missed.
    Beat,
    /// It was opened, was voted on, or has ended: so it stands now.
    Changed(Arc<Line>),
    /// So much happened that some of it was not told: list it anew.
    Missed,
}

/// Too many watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Queue {
    /// Tells what changes among the escalations that `filter` describes, in whatever state they are, until `stopped`.
    /// With `filter.awaits`, those that are or were this person's to decide.
    ///
    /// # Errors
    /// [`TooMany`] watch already.
    pub fn watch(
        self: &Arc<Self>,
        filter: Filter,
        stopped: impl Future<Output = ()> + Send + 'static,
    ) -> Result<mpsc::Receiver<Result<News, DeskError>>, TooMany> {
        let place = Arc::clone(&self.watchers).try_acquire_owned().map_err(|_| TooMany)?;
        let (tell, told) = mpsc::channel(WAITING);
        let changes = self.desk.store.watch_all();
        let closed = tell.clone();
        let mut watcher =
            Watcher { queue: Arc::clone(self), filter, tell, told: HashMap::new(), _place: place };
        tokio::spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = closed.closed() => {}
                () = watcher.follow(changes) => {}
            }
        });
        Ok(told)
    }
}

struct Watcher {
    queue: Arc<Queue>,
    filter: Filter,
    tell: mpsc::Sender<Result<News, DeskError>>,
    /// How what is not over stood when it was last told.
    told: HashMap<EscalationId, Gist>,
    _place: OwnedSemaphorePermit,
}

/// What makes a change one to tell: that somebody was asked or has looked is none.
#[derive(PartialEq, Eq)]
struct Gist {
    status: Status,
    stage: usize,
    votes: usize,
    void: usize,
    amended: bool,
    reviewed: bool,
}

impl Gist {
    fn of(line: &Line, now: Moment) -> Self {
        let case = line.escalation.case();
        Self {
            status: line.escalation.status(now),
            stage: case.stage(now),
            votes: case.votes().len(),
            void: case.void_votes().len(),
            amended: case.amendment().is_some(),
            reviewed: case.review().is_some(),
        }
    }
}

impl Watcher {
    /// Ends when nobody listens any more, or the store is gone.
    async fn follow(&mut self, mut changes: Receiver<EscalationId>) {
        let mut beats = interval_at(Instant::now(), HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let news = tokio::select! {
                _ = beats.tick() => vec![Ok(News::Beat)],
                changed = changes.recv() => match changed {
                    Ok(id) => self.news(id, &mut changes),
                    Err(RecvError::Lagged(_)) => vec![Ok(News::Missed)],
                    Err(RecvError::Closed) => return,
                },
            };
            for one in news {
                // It waits for its own reader, and for nobody else's.
                if self.tell.send(one).await.is_err() {
                    return;
                }
            }
        }
    }

    /// What came of this change and of those that wait behind it.
    fn news(
        &mut self,
        first: EscalationId,
        changes: &mut Receiver<EscalationId>,
    ) -> Vec<Result<News, DeskError>> {
        let mut changed = BTreeSet::from([first]);
        let mut missed = false;
        while changed.len() < TOGETHER {
            match changes.try_recv() {
                Ok(id) => drop(changed.insert(id)),
                Err(TryRecvError::Lagged(_)) => missed = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let mut news: Vec<_> = missed.then_some(Ok(News::Missed)).into_iter().collect();
        for id in changed {
            match self.queue.line(id) {
                Ok(line) if !self.describes(&line) || !self.is_news(&line) => {}
                line => news.push(line.map(News::Changed)),
            }
        }
        news
    }

    /// Whether it stands otherwise than when it was last told.
    fn is_news(&mut self, line: &Line) -> bool {
        let gist = Gist::of(line, self.queue.desk.now());
        let same = self.told.remove(&line.id).is_some_and(|told| told == gist);
        // What is over changes no more, but that an emergency is reviewed.
        if !gist.status.is_over() {
            self.told.insert(line.id, gist);
        }
        !same
    }

    fn describes(&self, line: &Line) -> bool {
        let here = self.queue.desk.here();
        let concerns = |person: &PersonId| line.concerns(person, &here.attendance());
        self.filter.describes(line) && self.filter.awaits.as_ref().is_none_or(concerns)
    }
}
