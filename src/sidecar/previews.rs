//! Previews: what a draft of the policy would have done with what agents asked lately. Nothing of a draft is recorded.

use super::InForce;
use crate::audit::again::{self, Step};
use crate::clock::Clock;
use crate::decision::preview::Report;
use crate::party::PersonId;
use crate::policy::{Finding, Policy, PolicyError};
use crate::store::{Store, StoreError};
use arc_swap::ArcSwap;
use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A draft is tried on what the latest so many records say, at the most.
pub const RECORDS: u64 = 20_000;
/// … and goes back so far at the most.
pub const SPAN: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many examples of each direction are kept.
const EXAMPLES: usize = 5;
/// How many drafts are tried at one time.
const AT_ONCE: usize = 2;

/// Tries drafts, one at a time for each person.
pub struct Previews {
    store: Arc<dyn Store>,
    in_force: Arc<ArcSwap<InForce>>,
    clock: Arc<dyn Clock>,
    turns: Turns,
}

/// A draft that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// What the draft calls itself.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What is doubtful about it, with the people of now.
    pub findings: Vec<Finding>,
    /// What it would have done.
    pub report: Report,
}

/// Why a draft was not tried.
#[derive(Clone, Debug)]
pub enum NotTried {
    /// It is no policy, and this is the first thing that is wrong with it.
    Wrong(Box<PolicyError>),
    /// Another one of this person is being tried, or too many of others are.
    Busy,
    /// The record could not be read.
    Store(StoreError),
}

impl fmt::Display for NotTried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(error) => error.fmt(f),
            Self::Busy => f.write_str("another draft is being tried; try again in a moment"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotTried {}

/// Whose drafts are being tried.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<BTreeSet<PersonId>>>);

/// That a draft of somebody is being tried; until this is dropped.
struct Turn {
    person: PersonId,
    turns: Turns,
}

impl Turns {
    fn take(&self, person: &PersonId) -> Option<Turn> {
        let mut all = self.all();
        let free = all.len() < AT_ONCE && all.insert(person.clone());
        free.then(|| Turn { person: person.clone(), turns: self.clone() })
    }

    fn all(&self) -> MutexGuard<'_, BTreeSet<PersonId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.all().remove(&self.person);
    }
}

impl Previews {
    /// Over this record, beside what is in force.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, in_force: Arc<ArcSwap<InForce>>, clock: Arc<dyn Clock>) -> Self {
        Self { store, in_force, clock, turns: Turns::default() }
    }

    /// Tries a draft. It reads the record and decides, where it holds up nobody.
    ///
    /// # Errors
    /// [`NotTried`].
    pub async fn try_out(&self, draft: String, by: &PersonId) -> Result<Tried, NotTried> {
        let turn = self.turns.take(by).ok_or(NotTried::Busy)?;
        let (store, in_force) = (self.store.clone(), self.in_force.load_full());
        let since = self.clock.now().minus(SPAN);
        let tried = tokio::task::spawn_blocking(move || {
            // Until it is done, whether or not anybody waits for it.
            let _turn = turn;
            let after = Policy::parse(&draft, "draft").map_err(|error| NotTried::Wrong(Box::new(error)))?;
            let steps = steps(store.as_ref()).map_err(NotTried::Store)?;
            let preview = again::preview(&in_force.policy, &after, EXAMPLES, &steps, since, None, |_| {});
            let directory = in_force.directory.as_ref();
            Ok(Tried {
                name: after.name().to_owned(),
                digest: after.digest().to_string(),
                findings: after.findings(Some(directory)),
                report: preview.finish(Some(directory), Some(directory)),
            })
        });
        let stopping =
            |_| Err(NotTried::Store(StoreError::Unavailable("the service is stopping".to_owned())));
        tried.await.unwrap_or_else(stopping)
    }
}

fn steps(store: &dyn Store) -> Result<Vec<Step>, StoreError> {
    let end = store.len();
    let mut steps = Vec::new();
    for index in end.saturating_sub(RECORDS)..end {
        steps.extend(Step::of(store.record(index)?));
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_has_one_turn_at_a_time_and_few_have_one_together() {
        let turns = Turns::default();
        let of = |name: &str| turns.take(&PersonId::new(name).unwrap());
        let ada = of("ada").unwrap();
        assert!(of("ada").is_none(), "her second");
        let grace = of("grace").unwrap();
        assert!(of("linus").is_none(), "too many");
        drop(ada);
        assert!(of("grace").is_none());
        let again = of("ada");
        assert!(again.is_some() && of("linus").is_none());
        drop((again, grace));
        assert!(of("linus").is_some());
    }
}
