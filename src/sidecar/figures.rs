//! The figures: what the record says about deciding, kept up to its last record, and computed where nobody waits for it.

use crate::audit::advice::{Given, Minimums, advise, previewed};
use crate::audit::again::Step;
use crate::audit::analytics::{Report, Settings, Statistics};
use crate::moment::Moment;
use crate::policy::Policy;
use crate::store::{Store, StoreError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Changes are previewed over what the latest so many records say, at the most.
const PREVIEWED: u64 = 100_000;

/// So many actions, agents, rules, days and reviewers are told at the most, so that an answer fits into a message.
const TOLD: usize = 400;

/// What the record says, for whoever asks.
#[derive(Clone)]
pub struct Figures {
    store: Arc<dyn Store>,
    /// The whole record by UTC; whoever asks next reads on where the last one stopped.
    kept: Arc<Mutex<Statistics>>,
}

impl Figures {
    /// Of this record; nothing is read until somebody asks.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, kept: Arc::new(Mutex::new(Statistics::new(Settings::default()))) }
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
        aside(move || {
            let steps = figures.steps()?;
            figures.with(settings, |statistics| {
                let report = statistics.report(now);
                let all = advise(statistics, &report, Some(&policy), &Minimums::default());
                previewed(all, statistics.ledger(), &policy, &steps)
            })
        })
        .await
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
