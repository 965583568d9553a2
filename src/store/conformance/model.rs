//! The model of a store: all records in a row, and every answer found by reading them from the first to the last.

use crate::audit::event::{Credential, Event, Outcome, Record, Reported, RequestKey};
use crate::decision;
use crate::digest::InvitationDigest;
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, KeyHolder, LogOrigin, TxnId};
use crate::risk::Environment;
use crate::store::{Document, Habit, Index, Invitation, Store};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was recorded.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The records, in order.
    pub records: Vec<Record>,
}

/// The names of the steps after which an escalation is over.
const ENDS: [&str; 6] = ["denied", "expired", "cancelled", "blocked", "claimed", "lapsed"];

impl Model {
    /// Reads all records of a store.
    #[must_use]
    pub fn of(store: &dyn Store) -> Self {
        Self { records: (0..store.len()).map(|index| store.record(index).unwrap()).collect() }
    }

    fn places(&self, mut which: impl FnMut(&Event) -> bool) -> Vec<Index> {
        let numbered = (0..).zip(&self.records);
        numbered.filter(|(_, record)| which(&record.event)).map(|(index, _)| index).collect()
    }

    /// The courses of all escalations, earliest opened first.
    fn courses(&self) -> Vec<(EscalationId, Vec<(Index, Record)>)> {
        let mut order = Vec::new();
        let mut courses: BTreeMap<EscalationId, Vec<(Index, Record)>> = BTreeMap::new();
        for (index, record) in (0..).zip(&self.records) {
            let id = match &record.event {
                Event::Escalation { id, .. } => *id,
                Event::Minted(minted) if minted.escalation.is_some() => minted.escalation.unwrap(),
                _ => continue,
            };
            let course = courses.entry(id).or_insert_with(|| {
                order.push(id);
                Vec::new()
            });
            course.push((index, record.clone()));
        }
        order.into_iter().map(|id| (id, courses.remove(&id).unwrap())).collect()
    }

    fn anomalies(&self, agent: &AgentId, since: Moment) -> Vec<Moment> {
        let speaks_against = |record: &&Record| match &record.event {
            Event::Decided(decided) => {
                let denied = decided.decision.outcome == decision::Outcome::Deny;
                decided.agent == *agent && denied && decided.suspension.is_none()
            }
            Event::Reported(reported) => reported.agent == *agent && reported.outcome == Outcome::Refused,
            _ => false,
        };
        let mut found: Vec<Moment> = self
            .records
            .iter()
            .filter(|record| record.at >= since)
            .filter(speaks_against)
            .map(|record| record.at)
            .collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.truncate(1000);
        found
    }

    fn suspensions(&self) -> Vec<Index> {
        let lifted = |id| self.places(|event| matches!(event, Event::Resumed { id: of, .. } if *of == id));
        let numbered = (0..).zip(&self.records);
        let in_force = numbered.filter(|(index, record)| match &record.event {
            Event::Suspended { suspension } => !lifted(suspension.id).iter().any(|later| later > index),
            _ => false,
        });
        in_force.map(|(index, _)| index).collect()
    }

    fn profiles(&self) -> Vec<Index> {
        let mut latest = BTreeMap::new();
        for (index, record) in (0..).zip(&self.records) {
            if let Event::ProfileChanged { person, .. } = &record.event {
                latest.insert(person, index);
            }
        }
        let mut latest: Vec<Index> = latest.into_values().collect();
        latest.sort_unstable();
        latest
    }

    /// Everything that a store could be asked about these records, with the right answers.
    #[must_use]
    pub fn answers(&self) -> Answers {
        let mut answers = Answers { records: self.records.clone(), ..Answers::default() };
        let mut agents = BTreeSet::new();
        let mut moments = BTreeSet::from([Moment::default()]);
        for (index, record) in (0..).zip(&self.records) {
            moments.insert(record.at);
            match &record.event {
                Event::Decided(decided) => {
                    agents.insert(decided.agent.clone());
                    let request = decided.request_id.as_deref().map(|id| RequestKey::new(&decided.agent, id));
                    let own = request.filter(|_| record.from.is_none());
                    answers.answered.extend(own.map(|request| (request, index)));
                    answers.decided.insert(decided.txn, Some(index));
                }
                Event::Reported(Reported { txn, .. }) => _ = answers.decided.entry(*txn).or_default(),
                Event::Minted(minted) => {
                    answers.decided.entry(minted.txn).or_default();
                    answers.minted.entry(minted.txn).or_insert(index);
                }
                Event::Receipted(receipted) => answers.receipts.entry(receipted.txn).or_default().push(index),
                Event::Shipped(shipped) => _ = answers.shipped.insert(shipped.origin.clone(), index),
                Event::Enrolled(enrolled) => {
                    answers.enrolled.insert(enrolled.sidecar.clone(), (index, true));
                    if let Credential::Invitation { invitation } = enrolled.by
                        && enrolled.replaces.is_none()
                        && let Some(invitation) = answers.invitations.get_mut(&invitation)
                    {
                        invitation.used = invitation.used.or(Some(index));
                    }
                }
                Event::Withdrawn(withdrawn) => {
                    answers.enrolled.insert(withdrawn.sidecar.clone(), (index, false));
                }
                Event::Invited(invited) => {
                    // Made again, it is not good again.
                    let before = answers.invitations.get(&invited.invitation).and_then(|one| one.used);
                    let invitation = Invitation { made: index, used: before };
                    answers.invitations.insert(invited.invitation, invitation);
                }
                _ => {}
            }
        }
        answers.suspensions = self.suspensions();
        let policies = self.places(|event| matches!(event, Event::PolicyLoaded { .. }));
        let rosters = self.places(|event| matches!(event, Event::RosterLoaded { .. }));
        let absences = self.places(|event| matches!(event, Event::Absence { .. }));
        answers.profiles = self.profiles();
        answers.in_force = vec![
            (Document::Policy, policies.last().copied()),
            (Document::Roster, rosters.last().copied()),
            (Document::Absences, absences.last().copied()),
        ];
        answers.courses = self.courses();
        let is_over = |course: &[(Index, Record)]| {
            course.iter().any(|(_, record)| match &record.event {
                Event::Escalation { step, .. } => ENDS.contains(&step.name()),
                _ => false,
            })
        };
        let open = answers.courses.iter().filter(|(_, course)| !is_over(course));
        answers.open = open.map(|(id, _)| *id).collect();
        // Enough of the moments to see an error, few enough to be done.
        let moments: Vec<_> = moments.iter().step_by(1 + moments.len() / 5).collect();
        for agent in agents {
            let of_agent = |event: &Event| matches!(event, Event::Decided(decided) if decided.agent == agent);
            answers.decisions.push((agent.clone(), self.places(of_agent)));
            let does = |event: &Event| matches!(event, Event::Decided(decided) if decided.agent == agent && !decided.decision.denies());
            answers.habits.push((agent.clone(), !self.places(does).is_empty()));
            let anomalies =
                moments.iter().map(|since| (agent.clone(), **since, self.anomalies(&agent, **since)));
            answers.anomalies.extend(anomalies);
        }
        answers
    }

    /// Panics where the store answers anything differently than this model.
    pub fn compare(&self, store: &dyn Store) {
        self.answers().compare(store);
    }
}

/// Questions and their right answers.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    records: Vec<Record>,
    answered: Vec<(RequestKey, Index)>,
    decided: BTreeMap<TxnId, Option<Index>>,
    minted: BTreeMap<TxnId, Index>,
    receipts: BTreeMap<TxnId, Vec<Index>>,
    courses: Vec<(EscalationId, Vec<(Index, Record)>)>,
    open: Vec<EscalationId>,
    decisions: Vec<(AgentId, Vec<Index>)>,
    anomalies: Vec<(AgentId, Moment, Vec<Moment>)>,
    habits: Vec<(AgentId, bool)>,
    suspensions: Vec<Index>,
    in_force: Vec<(Document, Option<Index>)>,
    profiles: Vec<Index>,
    shipped: BTreeMap<LogOrigin, Index>,
    /// Where each sidecar enrolled last or was withdrawn, and whether it is enrolled.
    enrolled: BTreeMap<KeyHolder, (Index, bool)>,
    invitations: BTreeMap<InvitationDigest, Invitation>,
}

impl Answers {
    /// Panics where the store answers anything differently.
    pub fn compare(&self, store: &dyn Store) {
        assert_eq!(store.len(), self.records.len() as u64, "how many records there are");
        assert_eq!(store.is_empty(), self.records.is_empty());
        for (index, expected) in (0..).zip(&self.records) {
            assert_eq!(&store.record(index).unwrap(), expected, "record {index}");
        }
        self.compare_views(store);
    }

    /// … but for the records themselves.
    pub fn compare_views(&self, store: &dyn Store) {
        for (request, index) in &self.answered {
            assert_eq!(store.answered(*request).unwrap(), Some(*index), "the request of {index}");
        }
        for (txn, index) in &self.decided {
            assert_eq!(store.decided(*txn).unwrap(), *index, "{txn}");
            assert_eq!(store.minted(*txn).unwrap(), self.minted.get(txn).copied(), "the token of {txn}");
            let receipts = self.receipts.get(txn).cloned().unwrap_or_default();
            assert_eq!(store.receipts(*txn).unwrap(), receipts, "the receipts of {txn}");
        }
        for (id, course) in &self.courses {
            same(&store.course(*id).unwrap().records, course, &format!("the course of {id}"));
        }
        same(&store.open().unwrap(), &self.open, "what is open");
        for limit in [0, 1, 3, usize::MAX] {
            let latest: Vec<_> = self.courses.iter().rev().take(limit).map(|(id, _)| *id).collect();
            same(&store.latest(limit).unwrap(), &latest, "the latest");
        }
        for (agent, places) in &self.decisions {
            for limit in [0, 1, 5, usize::MAX] {
                let latest: Vec<_> = places.iter().rev().take(limit).copied().collect();
                same(
                    &store.decisions_of(agent, limit).unwrap(),
                    &latest,
                    &format!("the decisions of {agent}"),
                );
            }
        }
        same(&store.suspensions().unwrap(), &self.suspensions, "what is suspended");
        same(&store.profiles().unwrap(), &self.profiles, "what people set up");
        for (document, index) in &self.in_force {
            assert_eq!(store.in_force(*document).unwrap(), *index, "the {document:?} in force");
        }
        for (origin, index) in &self.shipped {
            assert_eq!(store.shipped(origin).unwrap(), Some(*index), "what was handed over of {origin}");
        }
        for (sidecar, (index, _)) in &self.enrolled {
            assert_eq!(store.enrolled(sidecar).unwrap(), Some(*index), "{sidecar}");
        }
        let mut enrolments: Vec<Index> =
            self.enrolled.values().filter(|(_, enrolled)| *enrolled).map(|(index, _)| *index).collect();
        enrolments.sort_unstable_by(|one, other| other.cmp(one));
        for limit in [0, 1, 3, usize::MAX] {
            let latest: Vec<_> = enrolments.iter().take(limit).copied().collect();
            same(&store.enrolments(None, limit).unwrap(), &latest, "who is enrolled");
        }
        for before in enrolments.iter().take(3) {
            let earlier: Vec<_> = enrolments.iter().copied().filter(|index| index < before).collect();
            same(&store.enrolments(Some(*before), usize::MAX).unwrap(), &earlier, "who enrolled before");
        }
        for (digest, invitation) in &self.invitations {
            assert_eq!(store.invitation(*digest).unwrap(), Some(*invitation), "the join token {digest}");
        }
        for (agent, since, moments) in &self.anomalies {
            assert_eq!(store.anomalies(agent, *since).unwrap(), *moments, "the anomalies of {agent}");
        }
        for (agent, does) in &self.habits {
            for habit in
                [Habit::Action("sql.query"), Habit::Family("orders"), Habit::Environment(Environment::Test)]
            {
                assert_eq!(store.did_before(agent, habit).unwrap(), *does, "{agent}: {habit:?}");
            }
            for habit in [
                Habit::Action("sql.drop"),
                Habit::Action("orders"),
                Habit::Family("sql.query"),
                Habit::Environment(Environment::Production),
            ] {
                assert!(!store.did_before(agent, habit).unwrap(), "{agent} never did {habit:?}");
            }
        }
    }
}

/// Panics at the first difference; the whole lists would be too long to read.
fn same<T: PartialEq + core::fmt::Debug>(found: &[T], expected: &[T], what: &str) {
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "{what}, at {place}");
    }
    assert_eq!(found.len(), expected.len(), "{what}: how many there are");
}
