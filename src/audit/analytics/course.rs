//! The course of each escalation, as far as it is counted: opened, asked, voted on, ended.

use super::ledger::Against;
use super::people::day_of;
use super::stages::{Ladder, ended};
use super::tally::Endings;
use super::{Keys, Statistics};
use crate::digest::VoteDigest;
use crate::escalation::vote::Choice;
use crate::escalation::{Cast, Denial, Event, Flag, Grant, Opening, VoteRefusal};
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use crate::reviewer::workload::{PastVote, Shown};
use std::collections::BTreeMap;

/// An escalation that is not over.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) keys: Keys,
    pub(super) drill: bool,
    /// Once it was opened.
    ladder: Option<Ladder>,
    /// Those who approve, and whether they can hardly have looked.
    approving: BTreeMap<PersonId, bool>,
    denying: Vec<PersonId>,
    /// The vote for a changed operation that waits for the agent.
    proposal: Option<VoteDigest>,
    /// It has ended for people: what is left is to claim it, or to review it.
    decided: bool,
    /// Until when somebody has to review it, if it was an emergency that was used.
    pub(super) review_by: Option<Moment>,
}

impl Live {
    pub(super) const fn new(keys: Keys, drill: bool) -> Self {
        Self {
            keys,
            drill,
            ladder: None,
            approving: BTreeMap::new(),
            denying: Vec::new(),
            proposal: None,
            decided: false,
            review_by: None,
        }
    }
}

/// Whether its reviewer can hardly have looked. A night, or many approvals in a row, says no such thing.
fn is_careless(vote: &Cast) -> bool {
    vote.flags.iter().any(|flag| match flag {
        Flag::NotOpened | Flag::EvidenceNotOpened | Flag::Hasty { .. } | Flag::Burst { .. } => true,
        Flag::Streak { .. } | Flag::Night { .. } => false,
    })
}

impl Statistics {
    pub(super) fn step(&mut self, id: EscalationId, step: &Event) {
        // It is taken out while it is looked at, and put back unless it is over.
        let Some(mut live) = self.live.remove(&id) else { return };
        let over = step.ends();
        if let Event::Opened(opening) = step {
            self.opened(&mut live, opening);
        } else {
            self.workload.happened(id, step);
        }
        match step {
            Event::Opened(_) | Event::Reminded { .. } | Event::Seen { .. } => {}
            Event::Asked { at, people } => {
                for person in people {
                    self.asked(&live, person, *at);
                }
            }
            Event::Reassigned { at, from, to } => {
                if live.keys.counted {
                    self.people.entry(from.clone()).or_default().passed_on += 1;
                }
                self.asked(&live, to, *at);
            }
            Event::Widened { at, cause } => {
                if let Some(ladder) = &mut live.ladder {
                    ladder.widen(*at);
                }
                if live.keys.counted
                    && !live.drill
                    && let Some(rule) = self.rule(&live.keys.cause)
                {
                    rule.widened(*cause);
                }
            }
            Event::Voted(vote) => self.voted(id, &mut live, vote),
            Event::Withdrawn(vote) => {
                live.approving.remove(vote.person());
                live.denying.retain(|one| one != vote.person());
                if live.keys.counted {
                    self.people.entry(vote.person().clone()).or_default().withdrawals += 1;
                }
            }
            Event::VoteRefused { person, refusal, .. } => {
                if *refusal == VoteRefusal::Careless && live.keys.counted {
                    self.people.entry(person.clone()).or_default().asked_again += 1;
                }
            }
            Event::Amended(amendment) => {
                self.ledger.against(live.keys.like, Against::Changed);
                let digest = amendment.vote.statement.digest();
                self.proposed.insert(digest);
                live.proposal = Some(digest);
                (live.approving, live.denying) = (BTreeMap::new(), Vec::new());
                if live.keys.counted {
                    self.people.entry(amendment.vote.person().clone()).or_default().changes += 1;
                }
            }
            Event::Approved(grant) => self.approved(&mut live, grant),
            Event::Denied { at, cause } => self.denied(&mut live, *at, cause),
            Event::Expired { at } => {
                self.ledger.against(live.keys.like, Against::Expired);
                self.ended(&mut live, *at, |endings| endings.expired += 1);
                self.drills.unanswered += u64::from(live.drill && live.keys.counted);
            }
            Event::Cancelled { at, successor, .. } => {
                let changed = successor.is_some();
                self.ended(&mut live, *at, |endings| match changed {
                    true => endings.changed += 1,
                    false => endings.withdrawn += 1,
                });
                if changed {
                    live.proposal = None;
                }
                self.drills.over += u64::from(live.drill && live.keys.counted);
            }
            Event::Blocked { at, .. } => {
                self.ledger.against(live.keys.like, Against::Blocked);
                if live.decided {
                    self.more(&live, |endings| endings.blocked_after += 1);
                } else {
                    self.ended(&mut live, *at, |endings| endings.blocked += 1);
                    self.drills.over += u64::from(live.drill && live.keys.counted);
                }
            }
            Event::Claimed { review_by, .. } => {
                live.review_by = *review_by;
                self.more(&live, |endings| endings.claimed += 1);
            }
            Event::Lapsed { .. } => self.more(&live, |endings| endings.lapsed += 1),
            Event::Reviewed(review) => {
                if live.keys.counted {
                    match review.justified {
                        true => self.emergencies.justified += 1,
                        false => self.emergencies.unjustified += 1,
                    }
                }
            }
        }
        if over {
            if let Some(digest) = live.proposal {
                self.proposed.remove(&digest);
            }
            self.workload.forget(id);
        } else {
            self.live.insert(id, live);
        }
    }

    fn opened(&mut self, live: &mut Live, opening: &Opening) {
        live.ladder = Some(Ladder::new(opening));
        let shown = Shown { like: live.keys.alike, characters: 0 };
        self.workload.opened(opening, shown);
        self.more(live, |endings| endings.opened += 1);
        if live.keys.counted
            && !live.drill
            && let Some(rule) = self.rule(&live.keys.cause)
        {
            let people = opening.terms.requirement.people();
            rule.people = if rule.people == 0 { people } else { rule.people.min(people) };
        }
    }

    fn asked(&mut self, live: &Live, person: &PersonId, at: Moment) {
        if !live.keys.counted {
            return;
        }
        let known = self.directory.as_deref().and_then(|directory| directory.person(person));
        let day = day_of(known, at);
        let today = self.workload.of(person).map_or(0, |load| load.asked_since(day));
        let cap = known.map(|known| known.daily_cap);
        self.people.entry(person.clone()).or_default().was_asked(day, today, cap);
    }

    fn voted(&mut self, id: EscalationId, live: &mut Live, vote: &Cast) {
        let person = vote.person();
        match &vote.statement.choice {
            Choice::Deny => {
                self.ledger.against(live.keys.like, Against::DeniedByReviewer);
                live.denying.push(person.clone());
            }
            Choice::BreakGlass(_) => {
                self.ledger.against(live.keys.like, Against::Emergency);
                live.approving.insert(person.clone(), is_careless(vote));
            }
            Choice::Approve(_) | Choice::Withdraw => {
                live.approving.insert(person.clone(), is_careless(vote));
            }
        }
        // What was proposed was counted then.
        if self.proposed.remove(&vote.statement.digest()) || !live.keys.counted {
            return;
        }
        let last = self.workload.of(person).and_then(|load| load.votes().next_back());
        let took = last.filter(|last| last.escalation == id && last.at == vote.at).map(PastVote::took);
        let reviewer = self.people.entry(person.clone()).or_default();
        match &vote.statement.choice {
            Choice::Approve(_) => reviewer.approvals += 1,
            Choice::BreakGlass(_) => {
                reviewer.approvals += 1;
                reviewer.emergencies += 1;
            }
            Choice::Deny => reviewer.denials += 1,
            Choice::Withdraw => reviewer.withdrawals += 1,
        }
        reviewer.flagged(&vote.flags);
        reviewer.took(took);
        if let (Some(took), false) = (took, live.drill) {
            self.each(&live.keys, |group| group.review.take(took));
        }
    }

    fn approved(&mut self, live: &mut Live, grant: &Grant) {
        let keys = live.keys.clone();
        let (undecided, emergency) = (grant.seated.is_empty(), grant.emergency);
        self.ended(live, grant.at, |endings| {
            endings.approved += 1;
            endings.undecided += u64::from(undecided);
            endings.emergencies += u64::from(emergency);
        });
        if live.drill {
            return;
        }
        if !undecided {
            let took = grant.at.since(keys.at);
            self.each(&keys, |group| group.approval.take(took));
        }
        let seated = || grant.seated.iter().map(|seated| &seated.person);
        if keys.counted {
            self.emergencies.approved += u64::from(emergency);
            if let Some(rule) = self.rule(&keys.cause) {
                rule.seated(seated());
            }
            if let Some(entry) = self.ledger.entry(&keys.subject) {
                entry.granted += 1;
            }
        }
        // What nobody looked at, or only in haste, says nothing about what people think of it.
        let looked = !undecided && !emergency && seated().all(|one| live.approving.get(one) == Some(&false));
        if !looked || !keys.counted {
            return;
        }
        if let Some(entry) = self.ledger.entry(&keys.subject) {
            entry.approved.take(keys.txn, keys.at, seated());
            entry.came_by(&keys.cause, keys.resource.as_deref(), keys.irreversible);
            entry.held_by(&grant.conditions);
        }
        for floor in &keys.floors {
            if let Some(lifted) = self.ledger.floor(floor) {
                lifted.approved.take(keys.txn, keys.at, seated());
            }
        }
        if let Some(lifted) =
            keys.medium_score.map(|score| self.ledger.medium_scores.entry(score).or_default())
        {
            lifted.approved.take(keys.txn, keys.at, seated());
        }
    }

    fn denied(&mut self, live: &mut Live, at: Moment, cause: &Denial) {
        let counted = live.keys.counted;
        match cause {
            Denial::Reviewer(person) => {
                self.drills.caught += u64::from(live.drill && counted);
                if counted
                    && !live.drill
                    && let Some(entry) = self.ledger.entry(&live.keys.subject)
                {
                    entry.denied.take(live.keys.txn, live.keys.at, [person]);
                    let keys = &live.keys;
                    entry.came_by(&keys.cause, keys.resource.as_deref(), keys.irreversible);
                }
            }
            Denial::Contradiction(_) => {
                self.ledger.against(live.keys.like, Against::Contradiction);
                self.drills.over += u64::from(live.drill && counted);
            }
            Denial::Drill => self.drills.missed += u64::from(counted),
        }
        self.ended(live, at, |endings| endings.denied += 1);
    }

    /// It has ended for people.
    fn ended(&mut self, live: &mut Live, at: Moment, count: impl Fn(&mut Endings)) {
        if core::mem::replace(&mut live.decided, true) || !live.keys.counted {
            return;
        }
        if live.drill {
            for person in &live.denying {
                self.people.entry(person.clone()).or_default().drills_caught += 1;
            }
            for person in live.approving.keys() {
                self.people.entry(person.clone()).or_default().drills_missed += 1;
            }
            return;
        }
        self.more(live, &count);
        let Some(ladder) = &live.ladder else { return };
        ended(&mut self.stages, ladder, at);
        if let Some(rule) = self.rule(&live.keys.cause) {
            ended(&mut rule.stages, ladder, at);
        }
    }

    /// Counts something that became of it.
    fn more(&mut self, live: &Live, count: impl Fn(&mut Endings)) {
        if live.drill || !live.keys.counted {
            return;
        }
        self.each(&live.keys, |group| count(&mut group.endings));
        if let Some(rule) = self.rule(&live.keys.cause) {
            count(&mut rule.endings);
        }
    }
}
