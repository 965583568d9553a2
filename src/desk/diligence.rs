//! Diligence: what makes a vote a poor one, from what the record knows of its reviewer.

use super::local::LocalDesk;
use crate::escalation::{Ballot, Escalation, Flag};
use crate::reviewer::Attendance;
use crate::reviewer::diligence::flags;

impl LocalDesk {
    /// What makes this vote a poor one; a denial is none. A recount of the record finds the same.
    pub(super) fn flags(&self, escalation: &Escalation, ballot: &Ballot, here: &Attendance<'_>) -> Vec<Flag> {
        let statement = ballot.statement();
        if !statement.choice.approves() {
            return Vec::new();
        }
        let (case, person) = (escalation.case(), &statement.reviewer);
        let workload = self.workload();
        let characters = workload.shown(case.opening().id).map_or(0, |shown| shown.characters);
        let hour = here.directory().person(person).and_then(|person| person.hour_of(here.at()));
        let attention = case.attention_of(person);
        flags(case.opening(), attention, characters, workload.of(person), hour, here.at())
    }
}
