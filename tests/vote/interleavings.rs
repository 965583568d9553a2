//! Every order in which up to six things can happen to an escalation, and what must hold after each.

use crate::course::{at, click, opening, reviewers, so_many, vote};
use crate::people::{approve, person};
use countersign::condition::tightest;
use countersign::escalation::vote::Choice;
use countersign::escalation::{Attestation, Ballot, Escalation, Event, Status};
use countersign::moment::Moment;
use countersign::party::AgentId;
use std::collections::BTreeSet;

const DEPTH: usize = 6;

/// Something that may happen.
#[derive(Clone, Debug)]
enum Happening {
    Vote(Ballot),
    Cancel(AgentId),
    Claim,
    Block,
    Sweep,
    /// A reviewer leaves the roster.
    Leave(&'static str),
    /// Time passes, to this many minutes after noon if it is not later already.
    Wait(u64),
}

fn happenings() -> Vec<Happening> {
    let signed = |name: &str, choice| Happening::Vote(vote(name, choice, at(0)));
    vec![
        signed("ada", approve(&["row_limit:max=9"])),
        signed("bob", approve(&["row_limit:max=7"])),
        signed("cyd", approve(&["dry_run"])),
        signed("ada", Choice::Deny),
        signed("bob", Choice::Deny),
        signed("dan", approve(&[])),
        signed("eve", approve(&[])),
        Happening::Vote(click("cyd", approve(&[]), at(0), Attestation::Session)),
        Happening::Cancel(AgentId::new("agent-7").unwrap()),
        Happening::Cancel(AgentId::new("agent-8").unwrap()),
        Happening::Claim,
        Happening::Block,
        Happening::Sweep,
        Happening::Leave("ada"),
        Happening::Wait(60),
        Happening::Wait(120),
    ]
}

/// The world at one point of an order of happenings.
#[derive(Clone)]
struct World {
    state: Escalation,
    log: Vec<Event>,
    now: Moment,
    roster: crate::roster::Roster,
}

impl World {
    fn after(&self, happening: &Happening) -> Self {
        let mut next = self.clone();
        let events = match happening {
            Happening::Vote(ballot) => self.state.vote(ballot, &[], &self.roster, self.now).events,
            Happening::Cancel(agent) => self.state.cancel(agent, "", self.now).events,
            Happening::Claim => self.state.claim(self.now).events,
            Happening::Block => self.state.block(vec!["not any more".into()], self.now).events,
            Happening::Sweep => self.state.reconsider(&self.roster, self.now),
            Happening::Leave(name) => {
                next.roster = self.roster.without(name);
                Vec::new()
            }
            Happening::Wait(minutes) => {
                next.now = self.now.max(at(*minutes));
                Vec::new()
            }
        };
        next.state = self.state.clone().after(&events).expect("its own events can follow");
        next.log.extend(events);
        next
    }

    /// What must hold, whatever happened.
    fn check(&self, before: &Self, path: &[usize]) {
        let (status, was) = (self.state.status(self.now), before.state.status(before.now));
        // Nothing but the log is needed to know how it stands.
        let replayed = Escalation::replay(&self.log).expect("its own log can be replayed");
        assert_eq!(replayed, self.state, "{path:?}");
        // What is over stays as it is; what is not over only goes forward.
        let may_follow: &[Status] = match was {
            Status::Pending => &[
                Status::Pending,
                Status::Approved,
                Status::Denied,
                Status::Expired,
                Status::Cancelled,
                Status::Blocked,
            ],
            Status::Approved => &[Status::Approved, Status::Claimed, Status::Lapsed, Status::Blocked],
            Status::Denied
            | Status::Expired
            | Status::Cancelled
            | Status::Blocked
            | Status::Claimed
            | Status::Lapsed => &[was],
        };
        assert!(may_follow.contains(&status), "{was} became {status}: {path:?}");
        assert!(self.log.starts_with(&before.log), "history was rewritten: {path:?}");
        // Whoever was counted voted once, and by name.
        let people: BTreeSet<_> = self.state.case().votes().iter().map(|vote| vote.person()).collect();
        assert_eq!(people.len(), self.state.case().votes().len(), "{path:?}");
        for outsider in ["dan", "eve"] {
            assert!(!people.contains(&person(outsider)), "{outsider} was counted: {path:?}");
        }
        // A grant stands on two different people who signed, on every condition of theirs, and on no denial.
        if let Some(grant) = self.state.grant() {
            let seated: BTreeSet<_> = grant.seated.iter().map(|seated| &seated.person).collect();
            assert_eq!((seated.len(), grant.seated.len()), (2, 2), "{path:?}");
            assert_eq!(self.state.evidence().len(), 2, "{path:?}");
            assert!(grant.at < at(60), "approved after the deadline: {path:?}");
            for vote in self.state.case().votes() {
                assert!(vote.approves(), "approved in spite of a denial: {path:?}");
                let wider = [&grant.conditions[..], vote.statement.choice.conditions()].concat();
                assert_eq!(tightest(&wider).as_ref(), Ok(&grant.conditions), "{path:?}");
            }
        }
        let claims = self.log.iter().filter(|event| matches!(event, Event::Claimed { .. })).count();
        assert!(claims <= 1 && (claims == 1) == (status == Status::Claimed), "{path:?}");
    }
}

#[test]
fn nothing_that_happens_in_any_order_breaks_a_promise() {
    let roster = reviewers();
    let log = Escalation::open(opening(so_many(2)), &roster);
    let start = World { state: Escalation::replay(&log).unwrap(), log, now: at(0), roster };
    let happenings = happenings();
    let mut reached = BTreeSet::new();
    let mut visited = 0_u32;
    let mut stack = vec![(start, Vec::new())];
    while let Some((world, path)) = stack.pop() {
        reached.insert(world.state.status(world.now).as_str());
        if path.len() == DEPTH {
            continue;
        }
        for (at, happening) in happenings.iter().enumerate() {
            let next = world.after(happening);
            let path = [&path[..], &[at]].concat();
            next.check(&world, &path);
            visited += 1;
            // What changed nothing but the list of refused votes leads nowhere that is not reached without it.
            let refused_only =
                next.log[world.log.len()..].iter().all(|event| matches!(event, Event::VoteRefused { .. }));
            let changed = !refused_only || next.now != world.now || next.roster != world.roster;
            if changed {
                stack.push((next, path));
            }
        }
    }
    assert_eq!(
        reached,
        BTreeSet::from([
            "approved",
            "blocked",
            "cancelled",
            "claimed",
            "denied",
            "expired",
            "lapsed",
            "pending"
        ]),
        "every state is reached"
    );
    assert!(visited > 30_000, "only {visited} steps were looked at");
}
