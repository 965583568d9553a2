//! The record in other people's forms: CloudEvents and OCSF for event buses and security tools, CSV for spreadsheets.
//!
//! They are for reading. What proves the record is the log itself, with its tiles and checkpoints.

pub mod cloud_events;
pub mod csv;
pub mod ocsf;

use super::event::{Event, Record};

/// A record at its place in a log.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The log's origin.
    pub origin: &'a str,
    /// The place, counted from 0.
    pub index: u64,
    /// The record.
    pub record: &'a Record,
}

impl Entry<'_> {
    /// What happened, as a dotted name: `decided.allow`, `escalation.voted`, `minted`.
    fn kind(&self) -> String {
        let kind = self.record.event.kind();
        if let Event::Decided(decided) = &self.record.event {
            format!("{kind}.{}", decided.decision.outcome.as_str())
        } else if let Event::Escalation { step, .. } = &self.record.event {
            format!("{kind}.{}", step.name())
        } else {
            kind.to_owned()
        }
    }

    /// What it is about: the decision or the escalation.
    fn subject(&self) -> Option<String> {
        let event = &self.record.event;
        event.txn().map(|txn| txn.to_string()).or_else(|| event.escalation().map(|id| id.to_string()))
    }
}
