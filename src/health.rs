//! How a process is: what it is at, whether what it looks after still turns, and whether it is about to end.

use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// How long a single step of something that is looked after may take. Waiting is no step; a deadlock is one without an
/// end.
const LONGEST_STEP: Duration = Duration::from_secs(30);

/// What the process is at; each comes after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It does not serve yet; what it does instead, in words.
    Starting(&'static str),
    /// It serves.
    Serving,
    /// It serves, and is about to stop: whoever chooses where to go goes elsewhere.
    Draining,
    /// It takes no more calls.
    Stopping,
}

/// How a process is.
#[derive(Debug)]
pub struct Health {
    began: Instant,
    phase: watch::Sender<Phase>,
    kept: Mutex<Vec<Arc<Kept>>>,
}

/// Something that is looked after.
#[derive(Debug)]
struct Kept {
    name: &'static str,
    /// Since when its present step takes, in milliseconds from the beginning and one more; 0 between steps.
    stepping: AtomicU64,
    ended: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// A process that has just begun.
    #[must_use]
    pub fn new() -> Self {
        let phase = watch::Sender::new(Phase::Starting("it has just begun"));
        Self { began: Instant::now(), phase, kept: Mutex::default() }
    }

    /// It has come to this phase; never back to an earlier one.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let onward = phase > *now || matches!((&*now, phase), (Phase::Starting(_), Phase::Starting(_)));
            if onward {
                *now = phase;
            }
            onward
        });
    }

    /// What it is at.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// What it is at, to be waited on.
    #[must_use]
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Looks after something that goes on for as long as the process does.
    pub fn keep<F: Future>(&self, name: &'static str, work: F) -> Keep<F> {
        let kept = Arc::new(Kept { name, stepping: AtomicU64::new(0), ended: AtomicBool::new(false) });
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept.clone());
        Keep { work: Box::pin(work), kept, began: self.began }
    }

    /// Whether all that is looked after still turns.
    ///
    /// # Errors
    /// In words, what does not: a restart is what mends it.
    pub fn live(&self) -> Result<(), String> {
        // What has to end ends.
        if self.phase() == Phase::Stopping {
            return Ok(());
        }
        let now = millis(self.began);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().try_for_each(|kept| kept.turns(now))
    }
}

impl Kept {
    fn turns(&self, now: u64) -> Result<(), String> {
        if self.ended.load(Ordering::Relaxed) {
            return Err(format!("`{}` has ended", self.name));
        }
        let since = self.stepping.load(Ordering::Relaxed);
        let took = Duration::from_millis(now.saturating_sub(since));
        match since > 0 && took > LONGEST_STEP {
            true => Err(format!("`{}` has been stuck for {} s", self.name, took.as_secs())),
            false => Ok(()),
        }
    }
}

/// From 1, so that 0 is never a time.
fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// Something that is looked after while it goes on.
#[must_use = "nothing goes on that nobody polls"]
pub struct Keep<F> {
    work: Pin<Box<F>>,
    kept: Arc<Kept>,
    began: Instant,
}

impl<F: Future> Future for Keep<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.kept.stepping.store(millis(self.began), Ordering::Relaxed);
        let polled = self.work.as_mut().poll(context);
        self.kept.stepping.store(0, Ordering::Relaxed);
        polled
    }
}

impl<F> Drop for Keep<F> {
    /// Whether it came to its end, panicked or was aborted: it does not go on.
    fn drop(&mut self) {
        self.kept.ended.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_never_left_for_an_earlier_one() {
        let health = Health::new();
        let phases = [
            (Phase::Starting("reading"), Phase::Starting("reading")),
            (Phase::Starting("opening"), Phase::Starting("opening")),
            (Phase::Serving, Phase::Serving),
            (Phase::Starting("late"), Phase::Serving),
            (Phase::Draining, Phase::Draining),
            (Phase::Serving, Phase::Draining),
            (Phase::Stopping, Phase::Stopping),
            (Phase::Draining, Phase::Stopping),
        ];
        for (entered, then) in phases {
            health.enter(entered);
            assert_eq!(health.phase(), then);
        }
    }

    #[tokio::test]
    async fn what_waits_turns_and_what_has_ended_does_not() {
        let health = Health::new();
        health.enter(Phase::Serving);
        let waits = tokio::spawn(health.keep("clock", core::future::pending::<()>()));
        tokio::task::yield_now().await;
        assert_eq!(health.live(), Ok(()));
        waits.abort();
        drop(waits.await);
        assert_eq!(health.live(), Err("`clock` has ended".to_owned()));
        health.enter(Phase::Stopping);
        assert_eq!(health.live(), Ok(()), "what has to end ends");
    }

    #[tokio::test]
    async fn a_panic_is_an_end() {
        let health = Health::new();
        let panics = tokio::spawn(health.keep("files", async { panic!("on purpose") }));
        drop(panics.await);
        assert_eq!(health.live(), Err("`files` has ended".to_owned()));
    }

    #[test]
    fn a_step_without_an_end_is_noticed() {
        let kept = Kept { name: "clock", stepping: AtomicU64::new(1), ended: AtomicBool::new(false) };
        for (now, turns) in [(1, true), (30_001, true), (30_002, false), (90_001, false)] {
            assert_eq!(kept.turns(now).is_ok(), turns, "{now}");
        }
        assert_eq!(kept.turns(90_001), Err("`clock` has been stuck for 90 s".to_owned()));
    }
}
