//! Watching for saturation: the record is folded as it grows, and what begins to be too much is told once, and its end.
//!
//! The window begins anew with the service.

use crate::audit::analytics::saturation::{Limits, Saturation};
use crate::audit::event::{Event, Record, Saturated, SaturationMeasure};
use crate::clock::Clock;
use crate::desk::outbox::Outbox;
use crate::escalation;
use crate::moment::Moment;
use crate::party::EscalationId;
use crate::store::{Change, Store};
use core::time::Duration;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many records may wait to be folded; what comes when there is no room is not counted.
const QUEUE: usize = 65_536;
/// How often the time is looked at where nothing happens.
const ROUNDS: Duration = Duration::from_secs(1);

/// The little of a record that tells of saturation.
pub(super) enum Seen {
    Decided { at: Moment, escalated: bool },
    Stepped { at: Moment, id: EscalationId, step: Box<escalation::Event> },
}

impl Seen {
    pub(super) fn of(records: &[Record]) -> Vec<Self> {
        records.iter().filter_map(Self::of_one).collect()
    }

    fn of_one(record: &Record) -> Option<Self> {
        let at = record.at;
        if let Event::Decided(decided) = &record.event {
            return Some(Self::Decided { at, escalated: decided.decision.terms().is_some() });
        }
        let Event::Escalation { id, step } = &record.event else { return None };
        Some(Self::Stepped { at, id: *id, step: Box::new(step.clone()) })
    }
}

/// Where what was recorded is handed over.
pub(super) fn queue() -> (mpsc::Sender<Seen>, mpsc::Receiver<Seen>) {
    mpsc::channel(QUEUE)
}

/// Folds what is recorded, and records and logs what comes of it.
pub(super) async fn watch(
    limits: Limits,
    mut seen: mpsc::Receiver<Seen>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    outbox: Arc<Outbox>,
) {
    let mut saturation = Saturation::new(limits);
    loop {
        let found = match tokio::time::timeout(ROUNDS, seen.recv()).await {
            Ok(None) => return,
            Err(_) => saturation.at(clock.now()),
            Ok(Some(Seen::Decided { at, escalated })) => saturation.decided(at, escalated),
            Ok(Some(Seen::Stepped { at, id, step })) => saturation.stepped(at, id, &step),
        };
        for saturated in found {
            say(&saturated);
            // Of one moment: by that it is known again after a restart.
            let now = clock.now();
            outbox.saturated(&saturated, now);
            let change = Change::of(now, [Event::Saturated(saturated)]);
            if let Err(error) = store.commit(change).await {
                tracing::error!(%error, "that people are asked too much, or not any more, could not be recorded");
            }
        }
    }
}

fn say(saturated: &Saturated) {
    let Saturated { measure, above, figure, limit, window, cases } = saturated;
    match (measure, above) {
        (SaturationMeasure::Share, true) => {
            tracing::warn!(
                figure,
                limit,
                window,
                cases,
                "too large a share of the operations goes to people"
            );
        }
        (SaturationMeasure::TimeToApprove, true) => {
            tracing::warn!(figure, limit, window, cases, "people take too long to approve");
        }
        (SaturationMeasure::Share | SaturationMeasure::TimeToApprove, false) => {
            tracing::info!(?measure, figure, limit, window, cases, "people are not asked too much any more");
        }
    }
}
