//! The tether: how it stands between a sidecar and a desk that is elsewhere.

use crate::moment::Moment;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How it stands with the desk.
#[derive(Debug, Default)]
pub struct Tether {
    connected: AtomicBool,
    unshipped: AtomicU64,
    queued: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// When the desk was last heard, by this machine's clock, with all that was sent before it in force.
    heard: Option<Moment>,
    /// Why nothing may be minted here any more.
    halted: Option<String>,
    /// Why it is not connected.
    trouble: Option<String>,
}

impl Tether {
    /// A tether that was last heard of then.
    #[must_use]
    pub fn new(heard: Option<Moment>) -> Self {
        let told = Told { heard, ..Told::default() };
        Self { told: Mutex::new(told), ..Self::default() }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The desk lives, and all that it has sent is in force here.
    pub fn hear(&self, now: Moment) {
        let mut told = self.told();
        told.heard = told.heard.max(Some(now));
        told.trouble = None;
        drop(told);
        self.connected.store(true, Ordering::Release);
    }

    /// The desk can't be reached, and why.
    pub fn lose(&self, why: String) {
        self.connected.store(false, Ordering::Release);
        self.told().trouble = Some(why);
    }

    /// Whether the desk is there.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    /// Why it is not, where that is known.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.told().trouble.clone()
    }

    /// When the desk was last heard.
    #[must_use]
    pub fn heard(&self) -> Option<Moment> {
        self.told().heard
    }

    /// How long ago that was; nothing where it never was.
    #[must_use]
    pub fn silence(&self, now: Moment) -> Option<Duration> {
        self.heard().map(|heard| now.since(heard))
    }

    /// Why whoever may not have heard of the desk for longer than `most` knows too little; nothing if it knows enough.
    #[must_use]
    pub fn stale(&self, now: Moment, most: Duration) -> Option<String> {
        let limit = format!("the policy allows nothing after {}", crate::risk::span::Span::of(most));
        match self.silence(now) {
            Some(silence) if silence <= most => None,
            Some(silence) => {
                Some(format!("the desk was last heard {} s ago, and {limit} without news", silence.as_secs()))
            }
            None => Some(format!("the desk was never heard, and {limit} without news")),
        }
    }

    /// Nothing is minted here any more. The first reason stands.
    pub fn halt(&self, why: String) {
        let mut told = self.told();
        if told.halted.is_none() {
            tracing::error!("nothing is minted here any more: {why}");
            told.halted = Some(why);
        }
    }

    /// Why nothing is minted here any more, if so.
    #[must_use]
    pub fn halted(&self) -> Option<String> {
        self.told().halted.clone()
    }

    /// So many records were not handed over to the desk yet.
    pub fn note_unshipped(&self, records: u64) {
        self.unshipped.store(records, Ordering::Relaxed);
    }

    /// How many records were not handed over to the desk yet.
    #[must_use]
    pub fn unshipped(&self) -> u64 {
        self.unshipped.load(Ordering::Relaxed)
    }

    /// So many escalations wait for the desk.
    pub fn note_queued(&self, escalations: u64) {
        self.queued.store(escalations, Ordering::Relaxed);
    }

    /// How many escalations wait for the desk.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_too_long_ago_or_never_is_stale() {
        let (now, most) = (Moment::from_unix_seconds(10_000), Duration::from_mins(1));
        assert!(Tether::default().stale(now, most).is_some_and(|why| why.contains("never")));
        let tether = Tether::new(Some(now));
        assert_eq!(tether.stale(now.plus(most), most), None);
        let later = now.plus(most + Duration::from_millis(1));
        assert!(tether.stale(later, most).is_some_and(|why| why.contains("60 s ago")));
        tether.hear(later);
        assert_eq!(tether.stale(later, most), None);
        tether.hear(now);
        assert_eq!(tether.heard(), Some(later), "what was heard is not unheard");
    }

    #[test]
    fn the_first_reason_to_halt_stands() {
        let tether = Tether::default();
        tether.halt("rolled back".to_owned());
        tether.halt("other".to_owned());
        assert_eq!(tether.halted().as_deref(), Some("rolled back"));
    }
}
