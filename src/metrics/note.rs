//! Notes: the little of each record that the metrics need, taken before it is handed to the store.

use crate::audit::event::{Event, Outcome, Record, Saturated};
use crate::escalation::{Channel, Event as Step, Opening};
use crate::moment::Moment;
use crate::notice::{Delivery, Topic};
use crate::party::EscalationId;
use crate::risk::Level;
use crate::token::Assurance;
use core::time::Duration;

/// What is to be counted once some records are durable.
#[derive(Debug)]
pub struct Noted(pub(super) Vec<Note>);

impl Noted {
    /// Of these records.
    #[must_use]
    pub fn of(records: &[Record]) -> Self {
        Self(records.iter().filter_map(Note::of).collect())
    }
}

/// Of one record.
#[derive(Debug)]
pub(super) enum Note {
    Decided {
        outcome: &'static str,
        level: Level,
        escalation: Option<EscalationId>,
        suspended: bool,
    },
    Minted {
        approved: bool,
    },
    Reported(&'static str),
    Suspended,
    Resumed,
    Saturated(Saturated),
    /// Somebody was told something, or could not be.
    Told {
        channel: &'static str,
        delivered: bool,
        /// How long it took, where somebody was asked to decide.
        called: Option<Duration>,
    },
    /// An escalation was opened; when its later stages begin.
    Opened {
        id: EscalationId,
        at: Moment,
        stages: Vec<Duration>,
    },
    /// The next stage began before its time.
    Widened(EscalationId),
    Voted {
        choice: &'static str,
        assurance: Assurance,
    },
    /// It waits for people no more; and is over with that, unless it was approved.
    Left {
        id: EscalationId,
        result: &'static str,
        at: Moment,
    },
    /// It was approved, and is over now.
    Ended {
        id: EscalationId,
        how: &'static str,
    },
}

impl Note {
    pub(super) fn of(record: &Record) -> Option<Self> {
        match &record.event {
            Event::Decided(decided) => Some(Self::Decided {
                outcome: decided.decision.outcome.as_str(),
                level: decided.decision.assessment.level,
                escalation: decided.escalation,
                suspended: decided.suspension.is_some(),
            }),
            Event::Minted(minted) => Some(Self::Minted { approved: minted.escalation.is_some() }),
            Event::Reported(reported) => Some(Self::Reported(match reported.outcome {
                Outcome::Succeeded => "succeeded",
                Outcome::Failed => "failed",
                Outcome::Unknown => "unknown",
                Outcome::Refused => "refused",
            })),
            Event::Suspended { .. } => Some(Self::Suspended),
            Event::Resumed { .. } => Some(Self::Resumed),
            Event::Told(told) => Some(Self::Told {
                channel: Channel::KINDS.iter().find(|kind| **kind == told.channel.kind())?,
                delivered: matches!(told.delivery, Delivery::Delivered { .. }),
                called: matches!(told.topic, Topic::Asked | Topic::Reminded | Topic::PassedOn)
                    .then_some(told.after),
            }),
            Event::Saturated(saturated) => Some(Self::Saturated(saturated.clone())),
            Event::Escalation { id, step } => Self::of_step(*id, step),
            Event::Started { .. }
            | Event::Stopped {}
            | Event::PolicyLoaded { .. }
            | Event::RosterLoaded { .. }
            | Event::Absence { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::KeyRevoked { .. }
            | Event::Drill { .. }
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. } => None,
        }
    }

    fn of_step(id: EscalationId, step: &Step) -> Option<Self> {
        match step {
            // A drill is nobody's request: it is known to nothing that counts them.
            Step::Opened(opening) if opening.drill => None,
            Step::Opened(opening) => Some(Self::opened(id, opening)),
            Step::Widened { .. } => Some(Self::Widened(id)),
            Step::Voted(cast) | Step::Withdrawn(cast) => {
                Some(Self::Voted { choice: cast.statement.choice.as_str(), assurance: cast.assurance })
            }
            Step::Amended(amendment) => {
                Some(Self::Voted { choice: "amend", assurance: amendment.vote.assurance })
            }
            Step::Approved(grant) => Some(Self::Left { id, result: "approved", at: grant.at }),
            Step::Denied { at, .. } => Some(Self::Left { id, result: "denied", at: *at }),
            Step::Expired { at } => Some(Self::Left { id, result: "expired", at: *at }),
            Step::Cancelled { at, .. } => Some(Self::Left { id, result: "cancelled", at: *at }),
            Step::Blocked { at, .. } => Some(Self::Left { id, result: "blocked", at: *at }),
            Step::Claimed { .. } => Some(Self::Ended { id, how: "claimed" }),
            Step::Lapsed { .. } => Some(Self::Ended { id, how: "lapsed" }),
            Step::Asked { .. }
            | Step::Reassigned { .. }
            | Step::Reminded { .. }
            | Step::Seen { .. }
            | Step::VoteRefused { .. }
            | Step::Reviewed(_) => None,
        }
    }

    fn opened(id: EscalationId, opening: &Opening) -> Self {
        let stages = opening.terms.ladder.iter().map(|stage| stage.after).collect();
        Self::Opened { id, at: opening.opened_at, stages }
    }
}
