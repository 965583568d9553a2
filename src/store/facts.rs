//! What one record says that a store must find again: the facts that its views are folded from.

use crate::audit::event::{self, Event, Record, RequestKey};
use crate::digest::sha256;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, EscalationId, SuspensionId, TxnId};
use crate::risk::facts::Source;
use crate::risk::history::family;
use crate::store::{Document, Habit};

/// What the views keep of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// It decides an operation.
    pub(super) decided: Option<Decided>,
    /// It mints the token of this decision.
    pub(super) minted: Option<TxnId>,
    /// It is part of the course of an escalation.
    pub(super) step: Option<Step>,
    /// It speaks against this agent.
    pub(super) anomaly: Option<(AgentKey, Moment)>,
    /// What its agent has done from now on.
    pub(super) habits: Option<[Option<HabitKey>; 3]>,
    /// It suspends something.
    pub(super) suspended: Option<SuspensionId>,
    /// It lifts this suspension.
    pub(super) resumed: Option<SuspensionId>,
    /// With it this document came into force.
    pub(super) document: Option<Document>,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) txn: TxnId,
    pub(super) agent: AgentKey,
    pub(super) request: Option<RequestKey>,
}

/// A step of an escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) id: EscalationId,
    /// Nothing can happen to it any more, but that its token is minted.
    pub(super) ends: bool,
}

/// An agent, as the views name it: names are long, and a key of the views should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AgentKey([u8; 16]);

impl AgentKey {
    pub(super) fn new(agent: &AgentId) -> Self {
        let hash = sha256(&[agent.as_str().as_bytes()]);
        let mut key = [0; 16];
        key.copy_from_slice(hash.split_at(16).0);
        Self(key)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Something that one agent did, as the views name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HabitKey([u8; 16]);

impl HabitKey {
    pub(super) fn new(agent: &AgentId, habit: Habit<'_>) -> Self {
        let (what, name): (&[u8], &str) = match habit {
            Habit::Action(action) => (b"\0action\0", action),
            Habit::Family(family) => (b"\0family\0", family),
            Habit::Environment(environment) => (b"\0environment\0", environment.as_str()),
        };
        let hash = sha256(&[agent.as_str().as_bytes(), what, name.as_bytes()]);
        let mut key = [0; 16];
        key.copy_from_slice(hash.split_at(16).0);
        Self(key)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// What a decision that is no denial says its agent does.
fn habits(decided: &event::Decided) -> Option<[Option<HabitKey>; 3]> {
    if decided.decision.denies() {
        return None;
    }
    // A record that names no operation was refused before it came here.
    let operation = Operation::from_op_bytes(decided.op.as_bytes()).ok()?;
    let key = |habit| Some(HabitKey::new(&decided.agent, habit));
    let environment = &decided.decision.assessment.facts.environment;
    // Where an agent only says that it was, it was not.
    let was_there = environment.source != Source::Claim;
    Some([
        key(Habit::Action(operation.action())),
        key(Habit::Family(&family(operation.resource()))),
        was_there.then(|| HabitKey::new(&decided.agent, Habit::Environment(environment.value))),
    ])
}

impl Facts {
    pub(super) fn of(record: &Record) -> Self {
        let anomaly = record.event.anomaly_of().map(|agent| (AgentKey::new(agent), record.at));
        let course = record.event.escalation();
        let step = course.map(|id| Step { id, ends: ends(&record.event) });
        let mut facts = Self { step, anomaly, ..Self::default() };
        match &record.event {
            Event::Decided(event) => {
                facts.habits = habits(event);
                facts.decided = Some(Decided {
                    txn: event.txn,
                    agent: AgentKey::new(&event.agent),
                    request: event.request_id.as_deref().map(|id| RequestKey::new(&event.agent, id)),
                });
            }
            Event::Minted(event) => facts.minted = Some(event.txn),
            Event::Suspended { suspension } => facts.suspended = Some(suspension.id),
            Event::Resumed { id, .. } => facts.resumed = Some(*id),
            Event::PolicyLoaded { .. } => facts.document = Some(Document::Policy),
            Event::RosterLoaded { .. } => facts.document = Some(Document::Roster),
            Event::Absence { .. } => facts.document = Some(Document::Absences),
            Event::Started { .. }
            | Event::Stopped {}
            | Event::KeyCertified { .. }
            | Event::Escalation { .. }
            | Event::Drill { .. }
            | Event::Reported(_)
            | Event::KeyRevoked { .. }
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ClockInDoubt { .. } => {}
        }
        facts
    }
}

/// Whether an escalation is over with this event.
fn ends(event: &Event) -> bool {
    matches!(event, Event::Escalation { step, .. } if step.ends())
}
