//! Diligence: what makes a vote a poor one, from what the record knows of its reviewer.

use super::local::LocalDesk;
use crate::escalation::{Ballot, Escalation, Flag};
use crate::reviewer::Attendance;

impl LocalDesk {
    /// What makes this vote a poor one.
    pub(super) fn flags(
        &self,
        _escalation: &Escalation,
        _ballot: &Ballot,
        _here: &Attendance<'_>,
    ) -> Vec<Flag> {
        Vec::new()
    }
}
