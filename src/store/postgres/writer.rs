//! The writer: one task that records what waits, group by group, until it is told or found out what came of each.

use super::hub::Hub;
use super::judge::{Judged, Submission};
use super::session::{Failed, Outcome, Session, Ticket, silent};
use crate::entropy::{Entropy as _, SystemEntropy};
use crate::store::{Index, StoreError};
use core::ops::Range;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// How many changes, and how many bytes, one transaction may have at most.
const MOST_CHANGES: usize = 512;
const MOST_BYTES: usize = 4 << 20;
/// How long is waited before a batch is tried again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A change that waits, and whoever waits for it.
pub(super) struct Waiting {
    pub(super) submission: Submission,
    /// What to do once it is durable.
    pub(super) observed: Option<Box<dyn FnOnce() + Send>>,
    pub(super) answer: oneshot::Sender<Result<Range<Index>, StoreError>>,
    pub(super) since: Instant,
    /// Its part of what may wait.
    pub(super) _room: OwnedSemaphorePermit,
}

/// What the writer is told.
pub(super) enum Order {
    /// Record this.
    Record(Box<Waiting>),
    /// Record what waits, and end.
    Close(oneshot::Sender<()>),
}

/// Records batches, one after the other.
pub(super) struct Writer {
    pub(super) hub: Arc<Hub>,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) session: Option<Session>,
    pub(super) ticket: Ticket,
}

impl Writer {
    pub(super) async fn run(mut self) {
        while let Some(order) = self.orders.recv().await {
            let (mut batch, mut closing) = (Vec::new(), None);
            let mut bytes = 0;
            let mut next = Some(order);
            while let Some(order) = next {
                match order {
                    Order::Record(waiting) => {
                        bytes += waiting.submission.bytes;
                        batch.push(*waiting);
                    }
                    Order::Close(told) => {
                        closing = Some(told);
                        break;
                    }
                }
                let room = batch.len() < MOST_CHANGES && bytes < MOST_BYTES;
                next = if room { self.orders.try_recv().ok() } else { None };
            }
            self.record(batch).await;
            if let Some(told) = closing {
                // Nobody can have submitted anything after that.
                self.session = None;
                let _ = told.send(());
                return;
            }
        }
    }

    /// Records a batch and tells everybody.
    async fn record(&mut self, mut batch: Vec<Waiting>) {
        if batch.is_empty() {
            return;
        }
        let unsound = self.hub.unsound.borrow().clone();
        if let Some(why) = unsound {
            return refuse(batch, &why);
        }
        self.ticket.batch += 1;
        let started = Instant::now();
        match self.persist(&mut batch).await {
            Ok(judged) => {
                let records: usize = judged.answers.iter().flatten().map(places).sum();
                self.hub.written(batch.len(), records, started.elapsed(), None);
                self.settle(batch, judged);
            }
            Err(why) => {
                self.hub.progress.abandoned();
                self.hub.poke.notify_one();
                self.hub.written(batch.len(), 0, started.elapsed(), Some(&why));
                refuse(batch, &why);
            }
        }
    }

    /// Tries until it is recorded, refused, or has taken too long.
    async fn persist(&mut self, batch: &mut [Waiting]) -> Result<Judged, StoreError> {
        let since = batch.first().map_or_else(Instant::now, |first| first.since);
        let mut in_doubt = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let failed = match self.attempt(batch).await {
                Ok(Outcome::Done(judged)) => return Ok(judged),
                Ok(Outcome::Before) => {
                    // Only where there was doubt can it have been recorded before.
                    let lost =
                        || StoreError::Unavailable("a batch was recorded that nobody tried".to_owned());
                    return in_doubt.ok_or_else(lost);
                }
                Err(failed) => failed,
            };
            // While it could not be looked, what was in doubt before is so still.
            in_doubt = failed.in_doubt.or(if failed.looked { None } else { in_doubt });
            let trouble = failed.trouble;
            // A session is kept only if it is fit for the next transaction.
            if let Some(session) = self.session.take()
                && !trouble.ends_session()
                && matches!(tokio::time::timeout(self.hub.attempt, session.recover()).await, Ok(Ok(())))
            {
                self.session = Some(session);
            }
            if !trouble.passes() || since.elapsed() + pause > self.hub.patience {
                return Err(match in_doubt {
                    // Whoever asks again with the same ids is told then.
                    Some(_) => StoreError::Unavailable(format!(
                        "the database was lost while it committed, and it is not known yet whether it did: {trouble}"
                    )),
                    None => trouble.into(),
                });
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Tries once. An attempt that the server leaves without an answer ends with its session.
    async fn attempt(&mut self, batch: &mut [Waiting]) -> Result<Outcome, Failed> {
        let hub = Arc::clone(&self.hub);
        let limit = hub.attempt;
        let session = match &self.session {
            Some(session) => session,
            None => {
                let opening = Session::open(&hub.door, hub.channel.as_deref());
                let opened = tokio::time::timeout(limit, opening).await;
                self.session.insert(opened.map_err(|_| silent())??)
            }
        };
        let mut submissions: Vec<&mut Submission> =
            batch.iter_mut().map(|waiting| &mut waiting.submission).collect();
        let begin = |first| {
            hub.seen(first, hub.progress.size())?;
            hub.progress.begin(first);
            Ok(())
        };
        session.record(&mut submissions, self.ticket, hub.tolerance, limit, begin).await
    }

    /// Everything recorded is seen and told before anybody is answered.
    fn settle(&mut self, batch: Vec<Waiting>, judged: Judged) {
        let hub = &self.hub;
        let (mut touched, mut answers) = (Vec::new(), Vec::with_capacity(batch.len()));
        let mut written: Option<Range<Index>> = None;
        for (waiting, answer) in batch.into_iter().zip(judged.answers) {
            let Waiting { submission, observed, answer: tell, .. } = waiting;
            if let Ok(places) = &answer {
                let mut changed = Vec::new();
                for (index, ready) in places.clone().zip(submission.ready) {
                    changed.extend(ready.facts.step.map(|step| step.id));
                    hub.cache.add(index, ready.leaf.into());
                }
                // One change is told once, however many records it has.
                changed.dedup();
                touched.append(&mut changed);
                if !places.is_empty() {
                    let first = written.as_ref().map_or(places.start, |range| range.start);
                    written = Some(first..places.end);
                }
                if let Some(observed) = observed {
                    observed();
                }
            }
            answers.push((tell, answer));
        }
        hub.watchers.wake(touched);
        let others = match written {
            Some(range) => hub.progress.recorded(range),
            None => false,
        };
        if others {
            hub.poke.notify_one();
        }
        for (tell, answer) in answers {
            // Whoever asked may be gone; it is recorded all the same.
            let _ = tell.send(answer);
        }
    }
}

fn refuse(batch: Vec<Waiting>, why: &StoreError) {
    for waiting in batch {
        let _ = waiting.answer.send(Err(why.clone()));
    }
}

fn places(range: &Range<Index>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

/// A pause of half the length to the whole, so that those who hindered each other don't again.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness it is the whole.
    let part = SystemEntropy.fill(&mut byte).map_or(255, |()| byte[0]);
    pause / 2 + pause.mul_f64(f64::from(part) / 512.0)
}
