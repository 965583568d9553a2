//! Diligence: what makes a vote a poor one, from what the record knows of its reviewer.

use super::local::LocalDesk;
use crate::escalation::{Ballot, Escalation, Flag};
use crate::reviewer::Attendance;
use crate::reviewer::diligence::Glance;
use crate::reviewer::workload::Load;

impl LocalDesk {
    /// What makes this vote a poor one; a denial is none.
    pub(super) fn flags(&self, escalation: &Escalation, ballot: &Ballot, here: &Attendance<'_>) -> Vec<Flag> {
        let statement = ballot.statement();
        if !statement.choice.approves() {
            return Vec::new();
        }
        let (case, person) = (escalation.case(), &statement.reviewer);
        let workload = self.workload();
        let load = workload.of(person);
        let votes = load.into_iter().flat_map(Load::votes).filter(|vote| vote.said.approves());
        let approvals: Vec<_> = votes.map(|vote| vote.at).collect();
        let glance = Glance {
            now: here.at(),
            opened_at: case.opening().before_people_since(),
            attention: case.attention_of(person),
            characters: workload.shown(case.opening().id).map_or(0, |shown| shown.characters),
            approvals: &approvals,
            streak: load.map_or(0, Load::streak),
            hour: here.directory().person(person).and_then(|person| person.hour_of(here.at())),
        };
        glance.flags(&case.opening().terms.diligence)
    }
}
