//! Watching the queue: what changes is told as it happens, and whoever listens slowly holds up nobody.

use super::{Filter, Line, Queue};
use crate::desk::DeskError;
use crate::party::{EscalationId, PersonId};
use core::time::Duration;
use std::collections::BTreeSet;
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
        let watcher = Watcher { queue: Arc::clone(self), filter, tell, _place: place };
        tokio::spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = watcher.tell.closed() => {}
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
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    /// Ends when nobody listens any more, or the store is gone.
    async fn follow(&self, mut changes: Receiver<EscalationId>) {
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
        &self,
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
        let lines = changed.into_iter().map(|id| self.queue.line(id));
        let told = lines.filter(|line| line.as_ref().map_or(true, |line| self.describes(line)));
        let told = told.map(|line| line.map(News::Changed));
        missed.then_some(Ok(News::Missed)).into_iter().chain(told).collect()
    }

    fn describes(&self, line: &Line) -> bool {
        let here = self.queue.desk.here();
        let concerns = |person: &PersonId| line.concerns(person, &here.attendance());
        self.filter.describes(line) && self.filter.awaits.as_ref().is_none_or(concerns)
    }
}
