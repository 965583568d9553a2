//! The recount: the flags of every recorded vote, found once more from the record, beside those that it has.

use super::flags;
use crate::digest::VoteDigest;
use crate::escalation::{Cast, Escalation, Event, Flag, Opening};
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use crate::reviewer::workload::{Likeness, Shown, Workload};
use std::collections::HashMap;

/// What a recount has to know besides the events.
pub trait Surroundings {
    /// How many characters people were shown of it.
    fn characters(&self, opening: &Opening) -> usize;
    /// The hour of the clock on this person's wall, where it is known.
    fn hour(&self, person: &PersonId, at: Moment) -> Option<u8>;
}

/// A vote whose recorded flags are not those that follow from the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discrepancy {
    /// On what.
    pub escalation: EscalationId,
    /// Whose.
    pub person: PersonId,
    /// The digest of its statement.
    pub vote: VoteDigest,
    /// The flags that it has.
    pub recorded: Vec<Flag>,
    /// Those that it ought to have.
    pub found: Vec<Flag>,
}

/// A recount under way, over the events of all escalations.
#[derive(Debug, Default)]
pub struct Recount {
    workload: Workload,
    escalations: HashMap<EscalationId, Escalation>,
    /// The votes for changed operations: each counts once more where the agent takes the change, as it was cast.
    proposed: HashMap<VoteDigest, Vec<Flag>>,
}

impl Recount {
    /// Takes the next event, in the order of the record. Of an escalation whose events make no sense nothing is said:
    /// whoever replays it says that.
    pub fn take(
        &mut self,
        id: EscalationId,
        event: &Event,
        around: &dyn Surroundings,
    ) -> Option<Discrepancy> {
        let found = match event {
            Event::Voted(vote) => self.judge(id, vote, around),
            Event::Amended(amendment) => {
                let vote = &amendment.vote;
                self.proposed.insert(vote.statement.digest(), vote.flags.clone());
                None
            }
            Event::Opened(_)
            | Event::Asked { .. }
            | Event::Reassigned { .. }
            | Event::Reminded { .. }
            | Event::Seen { .. }
            | Event::Widened { .. }
            | Event::VoteRefused { .. }
            | Event::Withdrawn(_)
            | Event::Approved(_)
            | Event::Denied { .. }
            | Event::Expired { .. }
            | Event::Cancelled { .. }
            | Event::Blocked { .. }
            | Event::Claimed { .. }
            | Event::Lapsed { .. }
            | Event::Reviewed(_) => None,
        };
        if let Event::Opened(opening) = event {
            let shown = Shown { like: Likeness::alone(opening), characters: around.characters(opening) };
            self.workload.opened(opening, shown);
        }
        self.workload.happened(id, event);
        let state = match (self.escalations.remove(&id), event) {
            (None, Event::Opened(_)) => Escalation::replay([event]).ok(),
            (state, _) => state.and_then(|state| state.apply(event).ok()),
        };
        if let Some(state) = state.filter(|_| !event.ends()) {
            self.escalations.insert(id, state);
        }
        found
    }

    fn judge(&mut self, id: EscalationId, vote: &Cast, around: &dyn Surroundings) -> Option<Discrepancy> {
        let case = self.escalations.get(&id)?.case();
        let (person, digest) = (vote.person(), vote.statement.digest());
        let carried = case.opening().amends.as_ref().and_then(|_| self.proposed.remove(&digest));
        let found = carried.unwrap_or_else(|| match vote.approves() {
            true => flags(
                case.opening(),
                case.attention_of(person),
                around.characters(case.opening()),
                self.workload.of(person),
                around.hour(person, vote.at),
                vote.at,
            ),
            false => Vec::new(),
        });
        (found != vote.flags).then(|| Discrepancy {
            escalation: id,
            person: person.clone(),
            vote: digest,
            recorded: vote.flags.clone(),
            found,
        })
    }
}

/// The votes whose recorded flags are not those that follow from the record: all events of all escalations, in order.
#[must_use]
pub fn recompute<'a>(
    events: impl IntoIterator<Item = (EscalationId, &'a Event)>,
    around: &dyn Surroundings,
) -> Vec<Discrepancy> {
    let mut recount = Recount::default();
    events.into_iter().filter_map(|(id, event)| recount.take(id, event, around)).collect()
}
