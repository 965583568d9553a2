//! The chain of one decision: everything that the record has about it, in order, and what it comes to at a glance.

use super::event::{Decided, Event, Outcome, Record};
use super::filter::{Effect, participant};
use crate::escalation::{Escalation, Status};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, EscalationId, LogOrigin, PersonId, TokenId, TxnId};
use core::fmt;

/// A place in the log, counted from 0.
type Index = u64;

/// What a chain is looked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The decision.
    Txn(TxnId),
    /// The escalation that it asked for.
    Escalation(EscalationId),
    /// The token that was minted for it.
    Token(TokenId),
}

impl Key {
    /// Reads an id of any of the three forms: `txn_…`, `esc_…`, or a token's `jti`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let txn = TxnId::parse(text).map(Self::Txn);
        txn.or_else(|| EscalationId::parse(text).map(Self::Escalation))
            .or_else(|| TokenId::parse(text).map(Self::Token))
    }

    /// The decision that this event says it belongs to.
    #[must_use]
    pub fn found_in(self, event: &Event) -> Option<TxnId> {
        match (self, event) {
            (Self::Txn(id), Event::Decided(decided) | Event::Drill { proposal: decided, .. }) => {
                (decided.txn == id).then_some(id)
            }
            (Self::Escalation(id), Event::Decided(decided) | Event::Drill { proposal: decided, .. }) => {
                (decided.escalation == Some(id)).then_some(decided.txn)
            }
            (Self::Token(id), Event::Minted(minted)) => (minted.jti == id).then_some(minted.txn),
            (Self::Txn(_) | Self::Escalation(_) | Self::Token(_), _) => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Txn(id) => id.fmt(f),
            Self::Escalation(id) => id.fmt(f),
            Self::Token(id) => id.fmt(f),
        }
    }
}

/// Everything that the record has about one decision, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    index: Index,
    at: Moment,
    from: Option<LogOrigin>,
    decided: Box<Decided>,
    /// What came after it.
    rest: Vec<(Index, Record)>,
}

impl Chain {
    /// The chain that begins with this record; `None` if nothing is decided in it.
    #[must_use]
    pub fn begin(index: Index, record: Record) -> Option<Self> {
        let (at, from) = (record.at, record.from.map(|from| from.origin));
        let (Event::Decided(decided) | Event::Drill { proposal: decided, .. }) = record.event else {
            return None;
        };
        Some(Self { index, at, from, decided, rest: Vec::new() })
    }

    /// Adds a later record that belongs to it.
    pub fn add(&mut self, index: Index, record: Record) {
        self.rest.push((index, record));
    }

    /// Where the decision is recorded.
    #[must_use]
    pub const fn index(&self) -> Index {
        self.index
    }

    /// When it was recorded.
    #[must_use]
    pub const fn at(&self) -> Moment {
        self.at
    }

    /// What was asked and decided.
    #[must_use]
    pub const fn decided(&self) -> &Decided {
        &self.decided
    }

    /// What came after the decision, with its places, oldest first.
    #[must_use]
    pub fn rest(&self) -> &[(Index, Record)] {
        &self.rest
    }

    /// What people made of it, if any were asked; `None` also where the record has no such course.
    #[must_use]
    pub fn escalation(&self) -> Option<Escalation> {
        let steps = self.rest.iter().filter_map(|(_, record)| {
            if let Event::Escalation { step, .. } = &record.event { Some(step) } else { None }
        });
        Escalation::replay(steps).ok()
    }

    /// What it comes to, at a glance.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let mut glance = Glance::of(self.index, self.at, &self.decided, self.from.as_ref());
        for (index, record) in &self.rest {
            glance.add(*index, record);
        }
        glance.overview
    }
}

/// A chain that is only glanced at: it keeps little of what it is shown.
#[derive(Clone, Debug)]
pub struct Glance {
    overview: Overview,
    /// The course so far; nothing before it begins, after it is over, and where it makes no sense.
    course: Option<Box<Escalation>>,
    /// Whether the outcome is one that an executor signed: that outweighs what the agent tells.
    signed: bool,
}

impl Glance {
    /// The chain that begins with this record; `None` if nothing is decided in it.
    #[must_use]
    pub fn begin(index: Index, record: &Record) -> Option<Self> {
        let (Event::Decided(decided) | Event::Drill { proposal: decided, .. }) = &record.event else {
            return None;
        };
        let from = record.from.as_ref().map(|from| &from.origin);
        Some(Self::of(index, record.at, decided, from))
    }

    fn of(index: Index, at: Moment, decided: &Decided, from: Option<&LogOrigin>) -> Self {
        let operation = Operation::from_op_bytes(decided.op.as_bytes());
        let (action, resource) = operation
            .map(|operation| (operation.action().to_owned(), operation.resource().to_owned()))
            .unwrap_or_default();
        let overview = Overview {
            index,
            at,
            txn: decided.txn,
            agent: decided.agent.clone(),
            on_behalf_of: decided.on_behalf_of.clone(),
            action,
            resource,
            effect: Effect::of(&decided.decision.outcome),
            level: decided.decision.assessment.level,
            score: decided.decision.assessment.score.thousandths(),
            rule: decided.decision.rule.clone(),
            escalation: decided.escalation,
            status: None,
            reviewers: Vec::new(),
            minted: None,
            outcome: None,
            incidents: 0,
            from: from.cloned(),
        };
        Self { overview, course: None, signed: false }
    }

    /// Takes note of a later record that belongs to it.
    pub fn add(&mut self, index: Index, record: &Record) {
        let overview = &mut self.overview;
        if let Some(person) = participant(record).filter(|person| !overview.reviewers.contains(person)) {
            overview.reviewers.push(person.clone());
        }
        if let Event::Minted(_) = &record.event {
            overview.minted = overview.minted.or(Some(index));
        } else if let Event::Receipted(receipt) = &record.event {
            (overview.outcome, self.signed) = (Some(receipt.outcome), true);
        } else if let Event::Reported(reported) = &record.event
            && !self.signed
        {
            overview.outcome = Some(reported.outcome);
        } else if let Event::Incident(_) = &record.event {
            overview.incidents += 1;
        } else if let Event::Escalation { step, .. } = &record.event {
            let course = match self.course.take() {
                Some(course) => course.after(core::slice::from_ref(step)),
                None => Escalation::replay([step]),
            };
            if let Ok(course) = course {
                overview.status = Some(course.recorded_status());
                self.course = (!step.ends()).then(|| Box::new(course));
            }
        }
    }

    /// What it comes to so far.
    #[must_use]
    pub const fn overview(&self) -> &Overview {
        &self.overview
    }
}

/// A decision and what became of it, at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// Where it is recorded.
    pub index: Index,
    /// When it was.
    pub at: Moment,
    /// The decision.
    pub txn: TxnId,
    /// Who asked.
    pub agent: AgentId,
    /// For whom.
    pub on_behalf_of: Option<PersonId>,
    /// What was to be done; empty where the record holds no operation that can be read.
    pub action: String,
    /// To what.
    pub resource: String,
    /// What was decided before anybody was asked.
    pub effect: Effect,
    /// How risky it is.
    pub level: crate::risk::Level,
    /// The score, in thousandths.
    pub score: u16,
    /// The rule that decided; `None` if the level of risk did.
    pub rule: Option<String>,
    /// The escalation, where people were asked.
    pub escalation: Option<EscalationId>,
    /// How that stands, as far as it is recorded.
    pub status: Option<Status>,
    /// Who took part in it, in the order in which they did first.
    pub reviewers: Vec<PersonId>,
    /// Where the token's mint is recorded.
    pub minted: Option<Index>,
    /// What became of the operation.
    pub outcome: Option<Outcome>,
    /// How many incidents were reported because of it.
    pub incidents: usize,
    /// The log of the sidecar that decided it, where one did.
    pub from: Option<LogOrigin>,
}
