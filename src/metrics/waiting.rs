//! Who waits for people: folded from the record, so that it is right after a restart as well.

use super::families::STAGES;
use super::note::Note;
use crate::moment::Moment;
use crate::party::EscalationId;
use crate::risk::Level;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

/// How many decisions may wait to be opened. There is one at a time unless opening failed.
const MOST_ASKED: usize = 4096;

/// The escalations that are not over.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// What was asked and is not open yet.
    asked: HashMap<EscalationId, Level>,
    open: HashMap<EscalationId, Open>,
}

#[derive(Debug)]
struct Open {
    at: Moment,
    level: &'static str,
    /// When the later stages begin, counted from the opening.
    stages: Vec<Duration>,
    widened: usize,
    /// It waits for people; otherwise it was approved.
    pending: bool,
}

/// What there is to count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    Opened { level: &'static str },
    Decided { result: &'static str, stage: &'static str, took: Duration },
    Ended { how: &'static str },
    DecidedAndEnded { result: &'static str, stage: &'static str, took: Duration },
}

/// Those that wait for people.
pub(super) struct Pending {
    pub(super) by_level: BTreeMap<&'static str, i64>,
    pub(super) oldest: Option<Moment>,
}

impl Waiting {
    /// Takes note of one record; `level` is what is known of it from elsewhere.
    pub(super) fn fold(&mut self, note: Note, level: Option<Level>) -> Option<Left> {
        match note {
            Note::Decided { escalation: Some(id), level, .. } => {
                if self.asked.len() < MOST_ASKED {
                    self.asked.insert(id, level);
                }
                None
            }
            Note::Opened { id, at, stages } => {
                let level = level.or_else(|| self.asked.remove(&id)).unwrap_or(Level::High).as_str();
                self.open.insert(id, Open { at, level, stages, widened: 0, pending: true });
                Some(Left::Opened { level })
            }
            Note::Widened(id) => {
                let open = self.open.get_mut(&id)?;
                open.widened += 1;
                None
            }
            Note::Left { id, result: "approved", at } => {
                let open = self.open.get_mut(&id)?;
                open.pending = false;
                let (stage, took) = (open.stage(at), at.since(open.at));
                Some(Left::Decided { result: "approved", stage, took })
            }
            Note::Left { id, result, at } => {
                let open = self.open.remove(&id)?;
                if open.pending {
                    Some(Left::DecidedAndEnded { result, stage: open.stage(at), took: at.since(open.at) })
                } else {
                    Some(Left::Ended { how: result })
                }
            }
            Note::Ended { id, how } => {
                self.open.remove(&id)?;
                Some(Left::Ended { how })
            }
            Note::Decided { escalation: None, .. }
            | Note::Minted { .. }
            | Note::Reported(_)
            | Note::Suspended
            | Note::Resumed
            | Note::Saturated(_)
            | Note::Told { .. }
            | Note::Voted { .. } => None,
        }
    }

    pub(super) fn pending(&self) -> Pending {
        let mut by_level: BTreeMap<&'static str, i64> =
            Level::ALL.into_iter().map(|level| (level.as_str(), 0)).collect();
        let pending = || self.open.values().filter(|open| open.pending);
        for open in pending() {
            *by_level.entry(open.level).or_default() += 1;
        }
        Pending { by_level, oldest: pending().map(|open| open.at).min() }
    }
}

impl Open {
    fn stage(&self, at: Moment) -> &'static str {
        let waited = at.since(self.at);
        let by_time = self.stages.iter().filter(|after| **after <= waited).count();
        let stage = by_time.max(self.widened);
        STAGES.get(stage).or(STAGES.last()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Moment = Moment::from_unix_millis(1_000_000);

    fn id(n: u8) -> EscalationId {
        EscalationId::from_random([n; 16])
    }

    fn asked(n: u8, level: Level) -> Note {
        Note::Decided { outcome: "escalate", level, escalation: Some(id(n)), suspended: false }
    }

    fn opened(n: u8) -> Note {
        let stages = [60, 120].map(Duration::from_secs).to_vec();
        Note::Opened { id: id(n), at: AT, stages }
    }

    fn left(n: u8, result: &'static str, seconds: u64) -> Note {
        Note::Left { id: id(n), result, at: AT.plus(Duration::from_secs(seconds)) }
    }

    #[test]
    fn an_approved_one_waits_for_nobody_and_is_over_once_it_is_claimed() {
        let mut waiting = Waiting::default();
        waiting.fold(asked(1, Level::Medium), None);
        assert_eq!(waiting.fold(opened(1), None), Some(Left::Opened { level: "medium" }));
        assert_eq!((waiting.pending().by_level["medium"], waiting.pending().oldest), (1, Some(AT)));
        let took = Duration::from_secs(61);
        let approved = Left::Decided { result: "approved", stage: "1", took };
        assert_eq!(waiting.fold(left(1, "approved", 61), None), Some(approved));
        assert_eq!((waiting.pending().by_level["medium"], waiting.pending().oldest), (0, None));
        let claimed = Note::Ended { id: id(1), how: "claimed" };
        assert_eq!(waiting.fold(claimed, None), Some(Left::Ended { how: "claimed" }));
        assert!(waiting.open.is_empty() && waiting.asked.is_empty());
    }

    #[test]
    fn a_stage_that_began_before_its_time_was_reached() {
        let mut waiting = Waiting::default();
        waiting.fold(asked(1, Level::High), None);
        waiting.fold(opened(1), None);
        waiting.fold(Note::Widened(id(1)), None);
        waiting.fold(Note::Widened(id(1)), None);
        let took = Duration::from_secs(5);
        let denied = Left::DecidedAndEnded { result: "denied", stage: "2", took };
        assert_eq!(waiting.fold(left(1, "denied", 5), None), Some(denied));
    }

    #[test]
    fn what_was_never_seen_to_open_is_not_seen_to_end() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.fold(left(1, "denied", 5), None), None);
        assert_eq!(waiting.fold(Note::Ended { id: id(1), how: "claimed" }, None), None);
    }

    #[test]
    fn what_is_asked_and_never_opened_does_not_pile_up() {
        let mut waiting = Waiting::default();
        for n in 0..20_000_u64 {
            let mut bits = [0; 16];
            bits[..8].copy_from_slice(&n.to_be_bytes());
            let escalation = Some(EscalationId::from_random(bits));
            waiting.fold(
                Note::Decided { outcome: "escalate", level: Level::Low, escalation, suspended: false },
                None,
            );
        }
        assert_eq!(waiting.asked.len(), MOST_ASKED);
    }
}
