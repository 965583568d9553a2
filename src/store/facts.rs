//! What one record says that a store must find again: the facts that its views are folded from.

use crate::audit::event::{self, Credential, Event, Record, RequestKey};
use crate::audit::filter::{Effect, participant};
use crate::digest::{InvitationDigest, sha256};
use crate::escalation;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, EscalationId, KeyHolder, LogOrigin, PersonId, SuspensionId, TxnId};
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
    /// It is a receipt of the token of this decision.
    pub(super) receipted: Option<Receipted>,
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
    /// It tells what became of this decision.
    pub(super) told: Option<TxnId>,
    /// It opens the escalation that this decision asked for.
    pub(super) opens: Option<TxnId>,
    /// Who takes part with it in the escalation whose step it is.
    pub(super) participant: Option<PersonKey>,
    /// It is the whole profile of this person.
    pub(super) profile: Option<PersonKey>,
    /// With it this document came into force.
    pub(super) document: Option<Document>,
    /// It hands over leaves of this log.
    pub(super) shipped: Option<LogKey>,
    /// This sidecar enrols with it, or is withdrawn.
    pub(super) enrolled: Option<(HolderKey, Standing)>,
    /// It makes this join token.
    pub(super) invited: Option<InvitationDigest>,
    /// It uses this join token up.
    pub(super) joined: Option<InvitationDigest>,
}

/// Whether a sidecar may take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Enrolled,
    Withdrawn,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) txn: TxnId,
    pub(super) agent: AgentKey,
    pub(super) action: ActionKey,
    pub(super) effect: Effect,
    pub(super) request: Option<RequestKey>,
}

/// A receipt, as the views name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipted {
    pub(super) txn: TxnId,
    /// The beginning of its SHA-256.
    pub(super) hash: [u8; 16],
}

/// A step of an escalation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) id: EscalationId,
    /// Nothing can happen to it any more, but that its token is minted.
    pub(super) ends: bool,
}

/// Defines how the views name something whose own name is long: a key of theirs should not be.
macro_rules! short_key {
    ($(#[$doc:meta])* $name:ident($of:ident: $type:ty) = $text:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct $name([u8; 16]);

        impl $name {
            pub(super) fn new($of: $type) -> Self {
                let hash = sha256(&[$text.as_bytes()]);
                let mut key = [0; 16];
                key.copy_from_slice(hash.split_at(16).0);
                Self(key)
            }

            pub(super) const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }
    };
}

short_key! {
    /// An agent.
    AgentKey(agent: &AgentId) = agent.as_str()
}
short_key! {
    /// A person.
    PersonKey(person: &PersonId) = person.as_str()
}
short_key! {
    /// A log.
    LogKey(origin: &LogOrigin) = origin.as_str()
}
short_key! {
    /// A sidecar.
    HolderKey(sidecar: &KeyHolder) = sidecar.as_str()
}
short_key! {
    /// An action.
    ActionKey(action: &str) = action
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
fn habits(decided: &event::Decided, operation: &Operation) -> Option<[Option<HabitKey>; 3]> {
    if decided.decision.denies() {
        return None;
    }
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
        let participant = participant(record).map(PersonKey::new);
        let mut facts = Self { step, anomaly, participant, ..Self::default() };
        match &record.event {
            Event::Decided(event) => {
                // A record that names no operation was refused before it came here.
                let operation = Operation::from_op_bytes(event.op.as_bytes()).ok();
                facts.habits = operation.as_ref().and_then(|operation| habits(event, operation));
                facts.decided = Some(Decided {
                    txn: event.txn,
                    agent: AgentKey::new(&event.agent),
                    action: ActionKey::new(operation.as_ref().map_or("", Operation::action)),
                    effect: Effect::of(&event.decision.outcome),
                    // Each sidecar answers its own requests; here nobody is answered by them.
                    request: event
                        .request_id
                        .as_deref()
                        .filter(|_| record.from.is_none())
                        .map(|id| RequestKey::new(&event.agent, id)),
                });
            }
            Event::Minted(event) => facts.minted = Some(event.txn),
            Event::Receipted(event) => {
                let whole = sha256(&[event.receipt.as_bytes()]);
                let mut hash = [0; 16];
                hash.copy_from_slice(whole.split_at(16).0);
                facts.receipted = Some(Receipted { txn: event.txn, hash });
                facts.told = Some(event.txn);
            }
            Event::Suspended { suspension } => facts.suspended = Some(suspension.id),
            Event::Resumed { id, .. } => facts.resumed = Some(*id),
            Event::PolicyLoaded { approved, .. } => {
                (facts.document, facts.told) = (Some(Document::Policy), *approved);
            }
            Event::RosterLoaded { approved, .. } => {
                (facts.document, facts.told) = (Some(Document::Roster), *approved);
            }
            Event::Told(event) => facts.told = event.txn,
            Event::Queued(event) => facts.told = Some(event.txn),
            Event::Reported(event) => facts.told = Some(event.txn),
            Event::Incident(event) => facts.told = Some(event.txn),
            Event::Escalation { step: escalation::Event::Opened(opening), .. } => {
                facts.opens = Some(opening.txn);
            }
            Event::ProfileChanged { person, .. } => facts.profile = Some(PersonKey::new(person)),
            Event::Shipped(shipped) => facts.shipped = Some(LogKey::new(&shipped.origin)),
            Event::Enrolled(event) => {
                facts.enrolled = Some((HolderKey::new(&event.sidecar), Standing::Enrolled));
                if let Credential::Invitation { invitation } = event.by
                    && event.replaces.is_none()
                {
                    facts.joined = Some(invitation);
                }
            }
            Event::Withdrawn(event) => {
                facts.enrolled = Some((HolderKey::new(&event.sidecar), Standing::Withdrawn));
            }
            Event::Invited(event) => facts.invited = Some(event.invitation),
            Event::Absence { .. } => facts.document = Some(Document::Absences),
            Event::Started { .. }
            | Event::Stopped {}
            | Event::KeyCertified { .. }
            | Event::Escalation { .. }
            | Event::Drill { .. }
            | Event::KeyRevoked { .. }
            | Event::Saturated(_)
            | Event::Diverged(_)
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
