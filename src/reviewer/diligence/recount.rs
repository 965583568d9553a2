//! The recount: the flags of every recorded vote, found once more from the record, beside those that it has.

use super::{Tally, flags};
use crate::digest::VoteDigest;
use crate::escalation::vote::Choice;
use crate::escalation::{Cast, Escalation, Event, Flag, Opening, VoteRefusal};
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use crate::reviewer::workload::{Likeness, PastVote, Shown, Workload};
use std::collections::{BTreeMap, HashMap};

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
    tallies: BTreeMap<PersonId, Tally>,
}

impl Recount {
    /// How everyone has voted until now.
    #[must_use]
    pub const fn tallies(&self) -> &BTreeMap<PersonId, Tally> {
        &self.tallies
    }

    /// Takes the next event, in the order of the record. Of an escalation whose events make no sense nothing is said:
    /// whoever replays it says that.
    pub fn take(
        &mut self,
        id: EscalationId,
        event: &Event,
        around: &dyn Surroundings,
    ) -> Option<Discrepancy> {
        let mut counted = None;
        let found = match event {
            Event::Voted(vote) => {
                let carried = self.carried(id, vote);
                let found = carried
                    .clone()
                    .or_else(|| self.judge(id, vote.person(), vote.at, vote.approves(), around));
                // What was proposed was counted then.
                counted = carried.is_none().then_some(vote);
                differs(id, vote.person(), vote.statement.digest(), &vote.flags, found)
            }
            Event::VoteRefused { at, person, vote, refusal: VoteRefusal::Careless, flags } => {
                let asked_again = &mut self.tallies.entry(person.clone()).or_default().asked_again;
                *asked_again = asked_again.saturating_add(1);
                differs(id, person, *vote, flags, self.judge(id, person, *at, true, around))
            }
            Event::Amended(amendment) => {
                let vote = &amendment.vote;
                self.proposed.insert(vote.statement.digest(), vote.flags.clone());
                let changes = &mut self.tallies.entry(vote.person().clone()).or_default().changes;
                *changes = changes.saturating_add(1);
                None
            }
            Event::Withdrawn(vote) => {
                counted = Some(vote);
                None
            }
            Event::Opened(_)
            | Event::Asked { .. }
            | Event::Reassigned { .. }
            | Event::Reminded { .. }
            | Event::Seen { .. }
            | Event::Widened { .. }
            | Event::VoteRefused { .. }
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
        if let Some(vote) = counted {
            let last = self.workload.of(vote.person()).and_then(|load| load.votes().next_back());
            let took = last.filter(|last| last.escalation == id && last.at == vote.at).map(PastVote::took);
            let took = took.filter(|_| vote.statement.choice != Choice::Withdraw);
            self.tallies.entry(vote.person().clone()).or_default().voted(vote, took);
        }
        let state = match (self.escalations.remove(&id), event) {
            (None, Event::Opened(_)) => Escalation::replay([event]).ok(),
            (state, _) => state.and_then(|state| state.apply(event).ok()),
        };
        if let Some(state) = state.filter(|_| !event.ends()) {
            self.escalations.insert(id, state);
        }
        found
    }

    /// The flags with which a vote for a changed operation was cast, where this is the one that it became.
    fn carried(&mut self, id: EscalationId, vote: &Cast) -> Option<Vec<Flag>> {
        self.escalations.get(&id)?.case().opening().amends.as_ref()?;
        self.proposed.remove(&vote.statement.digest())
    }

    /// What follows from the record for a vote at this moment.
    fn judge(
        &self,
        id: EscalationId,
        person: &PersonId,
        at: Moment,
        approves: bool,
        around: &dyn Surroundings,
    ) -> Option<Vec<Flag>> {
        let case = self.escalations.get(&id)?.case();
        if !approves {
            return Some(Vec::new());
        }
        let (opening, attention) = (case.opening(), case.attention_of(person));
        let (characters, load) = (around.characters(opening), self.workload.of(person));
        Some(flags(opening, attention, characters, load, around.hour(person, at), at))
    }
}

fn differs(
    escalation: EscalationId,
    person: &PersonId,
    vote: VoteDigest,
    recorded: &[Flag],
    found: Option<Vec<Flag>>,
) -> Option<Discrepancy> {
    let (person, recorded) = (person.clone(), recorded.to_vec());
    let found = found.filter(|found| *found != recorded)?;
    Some(Discrepancy { escalation, person, vote, recorded, found })
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
