//! The figures: what the record says about deciding, kept up to its last record, and computed where nobody waits for it.

use crate::audit::advice::{Given, Minimums, advise, previewed};
use crate::audit::again::Step;
use crate::audit::analytics::{Report, Settings, Statistics};
use crate::moment::Moment;
use crate::policy::Policy;
use crate::store::{Store, StoreError};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// Changes are previewed over what the latest so many records say, at the most.
const PREVIEWED: u64 = 100_000;

/// So many actions, agents, rules, days and reviewers are told at the most, so that an answer fits into a message.
const TOLD: usize = 400;

/// Figures are counted anew when they are asked for and older than this; advice when it is older than that.
const FRESH: Duration = Duration::from_secs(10);
const FRESH_ADVICE: Duration = Duration::from_secs(600);
/// How long whoever asks for the latest waits for new ones.
const PATIENCE: Duration = Duration::from_millis(400);
/// How many records are read before it is noted how far the count has come.
const STEP: u64 = 10_000;

/// What the record says, for whoever asks.
#[derive(Clone)]
pub struct Figures {
    store: Arc<dyn Store>,
    /// The whole record by UTC; whoever asks next reads on where the last one stopped.
    kept: Arc<Mutex<Statistics>>,
    latest: Arc<Mutex<Latest>>,
    /// Held by whoever counts for [`Figures::latest`].
    counting: Arc<Semaphore>,
}

/// The latest figures that were counted, however old.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// The figures, and when they were counted; nothing before the first count has ended.
    pub report: Option<(Arc<Report>, Moment)>,
    /// The advice, and when it was given.
    pub advice: Option<(Arc<Vec<Given>>, Moment)>,
    /// How many records were counted so far.
    pub counted: u64,
    /// Of how many.
    pub records: u64,
}

impl Figures {
    /// Of this record; nothing is read until somebody asks.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            kept: Arc::new(Mutex::new(Statistics::new(Settings::default()))),
            latest: Arc::default(),
            counting: Arc::new(Semaphore::new(1)),
        }
    }

    /// The latest figures of all that was ever decided, at once, however long the record is: where they are not fresh
    /// they are counted anew beside it, once however many ask, and whoever asks again has them then.
    pub async fn latest(&self, policy: Arc<Policy>, now: Moment) -> Latest {
        let old = |at: Option<Moment>, fresh: Duration| at.is_none_or(|at| now.since(at) > fresh);
        let stale = {
            let latest = self.known();
            old(latest.report.as_ref().map(|(_, at)| *at), FRESH)
        };
        // Who gets no permit leaves it to whoever counts already.
        if stale && let Ok(permit) = self.counting.clone().try_acquire_owned() {
            let figures = self.clone();
            let (done, counted) = tokio::sync::oneshot::channel();
            tokio::task::spawn_blocking(move || {
                if let Err(error) = figures.count(&policy, now, done) {
                    tracing::error!(%error, "the figures could not be counted");
                }
                drop(permit);
            });
            drop(tokio::time::timeout(PATIENCE, counted).await);
        }
        let mut latest = self.known().clone();
        latest.records = self.store.len();
        latest
    }

    fn known(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts, says so, and sees whether there is advice to be given anew.
    fn count(
        &self,
        policy: &Policy,
        now: Moment,
        done: tokio::sync::oneshot::Sender<()>,
    ) -> Result<(), StoreError> {
        let report = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            while kept.next() < self.store.len() {
                let end = self.store.len().min(kept.next().saturating_add(STEP));
                for index in kept.next()..end {
                    kept.take(index, &self.store.record(index)?);
                }
                self.known().counted = kept.next();
            }
            kept.report(now).shortened(TOLD)
        };
        self.known().report = Some((Arc::new(report), now));
        let _ = done.send(());
        if self.known().advice.as_ref().is_some_and(|(_, at)| now.since(*at) <= FRESH_ADVICE) {
            return Ok(());
        }
        let given = self.given(None, policy, now)?;
        self.known().advice = Some((Arc::new(given), now));
        Ok(())
    }

    /// The figures of all that was ever decided, or of the time and by the clock that `settings` say.
    ///
    /// # Errors
    /// [`StoreError`] if the record cannot be read.
    pub async fn report(&self, settings: Option<Settings>, now: Moment) -> Result<Report, StoreError> {
        let figures = self.clone();
        aside(move || figures.with(settings, |statistics| statistics.report(now).shortened(TOLD))).await
    }

    /// What they give reason to advise, with what each change would have decided otherwise.
    ///
    /// # Errors
    /// [`StoreError`] if the record cannot be read.
    pub async fn advice(
        &self,
        settings: Option<Settings>,
        policy: Arc<Policy>,
        now: Moment,
    ) -> Result<Vec<Given>, StoreError> {
        let figures = self.clone();
        aside(move || figures.given(settings, &policy, now)).await
    }

    fn given(
        &self,
        settings: Option<Settings>,
        policy: &Policy,
        now: Moment,
    ) -> Result<Vec<Given>, StoreError> {
        let steps = self.steps()?;
        self.with(settings, |statistics| {
            let report = statistics.report(now);
            let all = advise(statistics, &report, Some(policy), &Minimums::default());
            previewed(all, statistics.ledger(), policy, &steps)
        })
    }

    fn with<T>(
        &self,
        settings: Option<Settings>,
        look: impl FnOnce(&Statistics) -> T,
    ) -> Result<T, StoreError> {
        // One at a time: a fold is what it costs, however many ask.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(settings) = settings else {
            self.read_on(&mut kept)?;
            return Ok(look(&kept));
        };
        let mut statistics = Statistics::new(settings);
        self.read_on(&mut statistics)?;
        Ok(look(&statistics))
    }

    fn read_on(&self, statistics: &mut Statistics) -> Result<(), StoreError> {
        for index in statistics.next()..self.store.len() {
            statistics.take(index, &self.store.record(index)?);
        }
        Ok(())
    }

    fn steps(&self) -> Result<VecDeque<Step>, StoreError> {
        let end = self.store.len();
        let mut steps = VecDeque::new();
        for index in end.saturating_sub(PREVIEWED)..end {
            steps.extend(Step::of(self.store.record(index)?));
        }
        Ok(steps)
    }
}

/// Does it where it keeps nothing else from running.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let stopping = |_| Err(StoreError::Unavailable("the service is stopping".to_owned()));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(stopping)
}
