//! The flags of every vote are found once more from the record alone (V3).

use crate::support::{approve, at, ballot, id, number, of_role, opening};
use core::time::Duration;
use countersign::digest::OperationDigest;
use countersign::escalation::vote::Choice;
use countersign::escalation::{
    Amendment, Amends, Ballot, Escalation, Event, Flag, OnPoor, Opening, Sight, VoteRefusal,
};
use countersign::moment::Moment;
use countersign::party::{EscalationId, PersonId};
use countersign::reviewer::Directory;
use countersign::reviewer::diligence::{Discrepancy, Surroundings, flags, recompute};
use countersign::reviewer::workload::{Likeness, Shown, Workload};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Everybody is shown 600 characters, and it is afternoon where Ada lives; where Bob does, nobody knows.
struct Here;

impl Surroundings for Here {
    fn characters(&self, _opening: &Opening) -> usize {
        600
    }

    fn hour(&self, person: &PersonId, at: Moment) -> Option<u8> {
        (person.as_str() == "ada").then(|| u8::try_from(at.unix_seconds() / 3600 % 24).unwrap())
    }
}

/// A desk that finds the flags as it goes, and its record.
#[derive(Default)]
struct Desk {
    log: Vec<(EscalationId, Event)>,
    workload: Workload,
    escalations: BTreeMap<EscalationId, Escalation>,
}

impl Desk {
    fn record(&mut self, id: EscalationId, events: Vec<Event>) {
        for event in events {
            if let Event::Opened(opening) = &event {
                let shown = Shown { like: Likeness::alone(opening), characters: Here.characters(opening) };
                self.workload.opened(opening, shown);
            }
            self.workload.happened(id, &event);
            let next = match self.escalations.remove(&id) {
                Some(state) => state.apply(&event).unwrap(),
                None => Escalation::replay([&event]).unwrap(),
            };
            self.escalations.insert(id, next);
            self.log.push((id, event));
        }
    }

    fn open(&mut self, opening: Opening) {
        self.record(opening.id, Escalation::open(opening, &roster()));
    }

    fn flags(&self, id: EscalationId, ballot: &Ballot, now: Moment) -> Vec<Flag> {
        let (case, person) = (self.escalations[&id].case(), &ballot.statement().reviewer);
        let (opening, attention) = (case.opening(), case.attention_of(person));
        let load = self.workload.of(person);
        flags(opening, attention, Here.characters(opening), load, Here.hour(person, now), now)
    }

    fn vote(&mut self, count: u32, name: &str, choice: Choice, now: Moment) -> Vec<Flag> {
        let id = number(count);
        let ballot = ballot(count, name, choice, now);
        let flags = self.flags(id, &ballot, now);
        let step = self.escalations[&id].vote(&ballot, &flags, &roster(), now);
        self.record(id, step.events);
        flags
    }

    fn see(&mut self, count: u32, name: &str, what: Sight, now: Moment) {
        let event = self.escalations[&number(count)].seen(&self::id(name), what, &roster(), now);
        self.record(number(count), event.into_iter().collect());
    }

    fn differences(&self) -> Vec<Discrepancy> {
        recompute(self.log.iter().map(|(id, event)| (*id, event)), &Here)
    }
}

fn roster() -> Directory {
    let people = "- {id: ada, roles: [dba]}\n- {id: bob, roles: [dba]}\n- {id: cyd, roles: [dba]}\n";
    Directory::parse(&format!("version: 1\nroles: [dba]\npeople:\n{people}"), "roster.yaml").unwrap()
}

/// Number so and so, of two people, on strict terms.
fn asked(count: u32, now: Moment) -> Opening {
    let mut opening = opening(count, "agent-7", of_role("dba", 2), now);
    let care = &mut opening.terms.diligence;
    (care.opened, care.reading_speed, care.burst, care.streak) = (true, 60, 3, 4);
    care.burst_within = Duration::from_secs(300);
    opening
}

#[test]
fn what_was_flagged_is_found_once_more_with_its_figures() {
    let mut desk = Desk::default();
    for count in 1..=4 {
        desk.open(asked(count, at(0)));
    }
    desk.see(1, "ada", Sight::Opened, at(1));
    assert_eq!(desk.vote(1, "ada", approve(), at(2)), []);
    assert_eq!(desk.vote(2, "ada", approve(), at(3)), [Flag::NotOpened]);
    let third = desk.vote(3, "ada", approve(), at(4));
    assert_eq!(third, [Flag::NotOpened, Flag::Burst { votes: 3, within: 120_000 }]);
    let fourth = desk.vote(4, "ada", approve(), at(5));
    assert_eq!(
        fourth,
        [Flag::NotOpened, Flag::Burst { votes: 4, within: 180_000 }, Flag::Streak { votes: 4 }]
    );
    assert_eq!(desk.differences(), []);
}

#[test]
fn a_record_that_says_less_or_more_is_told_with_both() {
    let mut desk = Desk::default();
    desk.open(asked(1, at(0)));
    desk.vote(1, "ada", approve(), at(2));
    for changed in [vec![], vec![Flag::NotOpened, Flag::Night { hour: 14 }]] {
        let Some((_, Event::Voted(vote))) = desk.log.last_mut() else { panic!() };
        vote.flags.clone_from(&changed);
        let found = desk.differences();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].recorded, &found[0].found), (&changed, &vec![Flag::NotOpened]));
        assert_eq!((found[0].escalation, &found[0].person), (number(1), &id("ada")));
    }
    // That it was opened before may not be left out either, nor put in.
    let mut desk = Desk::default();
    desk.open(asked(1, at(0)));
    desk.see(1, "ada", Sight::Opened, at(1));
    desk.vote(1, "ada", approve(), at(2));
    assert_eq!(desk.differences(), []);
    desk.log.retain(|(_, event)| !matches!(event, Event::Seen { .. }));
    assert_eq!(desk.differences()[0].found, [Flag::NotOpened]);
}

#[test]
fn a_vote_for_a_changed_operation_keeps_what_it_was_cast_with() {
    let mut desk = Desk::default();
    desk.open(asked(1, at(0)));
    let operation = OperationDigest::from_bytes([8; 32]);
    let second = Amendment::successor_of(number(1), operation);
    let mut statement = ballot(1, "ada", approve(), at(1)).statement().clone();
    (statement.escalation, statement.operation) = (second, operation);
    let for_change = Ballot::Attested(Box::new(statement), countersign::escalation::Attestation::Session);
    let vote = for_change.cast(at(1), &[]);
    let amendment = Amendment { at: at(1), op: "{}".into(), payload: None, vote: vote.clone() };
    let step = desk.escalations[&number(1)].amend(amendment, &roster(), at(1));
    assert_eq!(step.result, Ok(()));
    desk.record(number(1), step.events);
    let mut changed = asked(2, at(5));
    (changed.id, changed.operation) = (second, operation);
    changed.amends = Some(Amends { escalation: number(1), by: id("ada"), since: at(0) });
    desk.open(changed);
    let step = desk.escalations[&second].vote(&for_change, &vote.flags, &roster(), at(5));
    assert!(step.result.is_ok());
    desk.record(second, step.events);
    assert_eq!(desk.differences(), [], "she never opened the second one, and need not");
    // Only hers: Bob's is judged as ever.
    let mut stated = ballot(2, "bob", approve(), at(6)).statement().clone();
    (stated.escalation, stated.operation) = (second, operation);
    let bobs = Ballot::Attested(Box::new(stated), countersign::escalation::Attestation::Session);
    let step = desk.escalations[&second].vote(&bobs, &[], &roster(), at(6));
    desk.record(second, step.events);
    assert_eq!(desk.differences()[0].found, [Flag::NotOpened]);
}

#[derive(Clone, Debug)]
enum Happening {
    Open,
    See(Sight),
    Approve,
    Deny,
    Withdraw,
    Wait,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, the record alone leads to the flags that were found on the way.
    #[test]
    fn a_record_that_was_kept_honestly_has_no_difference(
        happenings in prop::collection::vec(
            (
                prop::sample::select(vec![
                    Happening::Open,
                    Happening::See(Sight::Delivered),
                    Happening::See(Sight::Opened),
                    Happening::Approve,
                    Happening::Approve,
                    Happening::Approve,
                    Happening::Deny,
                    Happening::Withdraw,
                    Happening::Wait,
                ]),
                prop::sample::select(vec!["ada", "bob", "cyd"]),
                0..8_u32,
                1..90_u64,
            ),
            1..60,
        ),
        on_poor in prop::sample::select(vec![OnPoor::Flag, OnPoor::AskAgain, OnPoor::NotCount]),
    ) {
        let mut desk = Desk::default();
        let (mut now, mut opened) = (at(8 * 60), 0);
        let mut flagged = 0;
        for (happening, name, which, seconds) in happenings {
            now = now.plus(Duration::from_secs(seconds));
            let which = if opened == 0 { 0 } else { 1 + which % opened };
            match happening {
                Happening::Open => {
                    opened += 1;
                    let mut opening = asked(opened, now);
                    opening.terms.diligence.on_poor = on_poor.clone();
                    desk.open(opening);
                }
                _ if opened == 0 => {}
                Happening::See(what) => desk.see(which, name, what, now),
                Happening::Approve => flagged += desk.vote(which, name, approve(), now).len(),
                Happening::Deny => _ = desk.vote(which, name, Choice::Deny, now),
                Happening::Withdraw => _ = desk.vote(which, name, Choice::Withdraw, now),
                Happening::Wait => now = now.plus(Duration::from_secs(seconds * 60)),
            }
        }
        prop_assert_eq!(desk.differences(), vec![]);
        // What is left out of it shows, wherever it stood.
        let votes = desk.log.iter().filter(|(_, event)| matches!(event, Event::Voted(vote) if !vote.flags.is_empty()));
        let votes = votes.count();
        for (_, event) in &mut desk.log {
            if let Event::Voted(vote) = event {
                vote.flags.clear();
            }
        }
        let refused = |event: &Event| matches!(event, Event::VoteRefused { refusal: VoteRefusal::Careless, .. });
        let careless = desk.log.iter().filter(|(_, event)| refused(event)).count();
        prop_assert!(flagged >= votes && (careless == 0 || on_poor == OnPoor::AskAgain));
        prop_assert!(desk.differences().len() >= votes.min(1));
    }
}
