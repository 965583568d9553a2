//! What became of the drills: who caught one, and who would have let it through.

use super::local::LocalDesk;
use super::{DeskError, Docket};
use crate::audit::event::Event;
use crate::escalation::vote::Choice;
use crate::escalation::{Denial, Escalation};
use crate::moment::Moment;
use crate::party::PersonId;

/// How many escalations are looked through for drills.
const LOOKED_THROUGH: usize = 4096;

/// A drill, and what became of it.
#[derive(Clone, Debug)]
pub struct Drill {
    /// The escalation as it stands.
    pub docket: Docket,
    /// The operator who ordered it.
    pub by: String,
    /// What became of it.
    pub result: DrillResult,
    /// When it was over.
    pub ended_at: Option<Moment>,
    /// Who denied it.
    pub denied_by: Vec<PersonId>,
    /// Who would have approved it.
    pub approved_by: Vec<PersonId>,
}

/// What became of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillResult {
    /// People may still decide.
    Open,
    /// Somebody denied it.
    Caught,
    /// Enough people would have approved it.
    Missed,
    /// Nobody decided in time.
    Unanswered,
    /// It ended otherwise.
    Over,
}

impl LocalDesk {
    /// The drills among the latest escalations, latest first, at most `limit`.
    ///
    /// # Errors
    /// [`DeskError`] if they can't be read.
    pub fn drills(&self, limit: usize) -> Result<Vec<Drill>, DeskError> {
        let mut drills = Vec::new();
        for id in self.store.latest(LOOKED_THROUGH)? {
            if drills.len() >= limit {
                break;
            }
            let course = self.store.course(id)?;
            let Some((_, first)) = course.records.first() else { continue };
            if let Event::Drill { by, .. } = &first.event {
                let by = by.clone();
                drills.push(drill(self.read(id)?, by));
            }
        }
        Ok(drills)
    }
}

fn drill(docket: Docket, by: String) -> Drill {
    let (result, ended_at) = match &docket.escalation {
        Escalation::Pending(_) => (DrillResult::Open, None),
        Escalation::Denied(denied) => match denied.cause {
            Denial::Reviewer(_) => (DrillResult::Caught, Some(denied.at)),
            Denial::Drill => (DrillResult::Missed, Some(denied.at)),
            Denial::Contradiction(_) => (DrillResult::Over, Some(denied.at)),
        },
        Escalation::Expired(expired) => (DrillResult::Unanswered, Some(expired.at)),
        Escalation::Cancelled(cancelled) => (DrillResult::Over, Some(cancelled.at)),
        Escalation::Blocked(blocked) => (DrillResult::Over, Some(blocked.at)),
        // No drill comes here: its opening makes every approval a denial.
        Escalation::Approved(_) | Escalation::Claimed(_) | Escalation::Lapsed(_) => {
            (DrillResult::Missed, None)
        }
    };
    let votes = docket.escalation.case().votes();
    let of = |denials: bool| {
        let said = votes.iter().filter(|vote| (vote.statement.choice == Choice::Deny) == denials);
        said.map(|vote| vote.person().clone()).collect()
    };
    let (denied_by, approved_by) = (of(true), of(false));
    Drill { docket, by, result, ended_at, denied_by, approved_by }
}
