//! What of the record is decided again in a replay or a preview: operations, and what came of them, in their order.

use super::event::{Context, Decided, Event, Outcome as Became, Record};
use crate::decision::Request;
use crate::decision::preview::Preview;
use crate::decision::replay::{Recorded, Replay};
use crate::escalation::{self, Denial};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::party::{AgentId, EscalationId, ExecutorId, PersonId, TxnId};
use crate::policy::Policy;
use crate::risk::{Claims, Novelty};

/// What happened, as far as decisions depend on it.
#[derive(Clone, Debug)]
pub enum Step {
    /// An operation was decided.
    Decided(Box<Kept>),
    /// An executor refused this agent's token.
    Refused(AgentId, Moment),
    /// A reviewer denied it.
    Denied(EscalationId, PersonId),
    /// It will not run, and nobody denied it.
    Over(EscalationId),
}

/// What is kept of a decision.
#[derive(Clone, Debug)]
pub struct Kept {
    txn: TxnId,
    at: Moment,
    agent: AgentId,
    on_behalf_of: Option<PersonId>,
    executor: ExecutorId,
    operation: Operation,
    claims: Claims,
    context: Context,
    new: Novelty,
    effect: &'static str,
    escalation: Option<EscalationId>,
}

impl Kept {
    /// When it was decided.
    #[must_use]
    pub const fn at(&self) -> Moment {
        self.at
    }

    /// As a replay takes it.
    #[must_use]
    pub fn recorded(&self) -> Recorded<'_> {
        Recorded {
            txn: self.txn,
            at: self.at,
            request: Request {
                operation: &self.operation,
                claims: &self.claims,
                agent: &self.agent,
                on_behalf_of: self.on_behalf_of.as_ref(),
                context: &self.context,
                executor: Some(&self.executor),
            },
            new: self.new,
            effect: self.effect,
            escalation: self.escalation,
        }
    }

    /// `None` for an operation that the record has in a form which is none.
    #[must_use]
    pub fn of(decided: Decided, at: Moment) -> Option<Self> {
        Some(Self {
            txn: decided.txn,
            at,
            operation: Operation::from_op_bytes(decided.op.as_bytes()).ok()?,
            agent: decided.agent,
            on_behalf_of: decided.on_behalf_of,
            executor: decided.executor,
            claims: decided.claims,
            context: decided.context,
            new: decided.decision.assessment.facts.new,
            effect: decided.decision.outcome.as_str(),
            escalation: decided.escalation,
        })
    }
}

impl Step {
    /// What this record is, if decisions depend on it. What a suspension stopped says nothing about a policy.
    #[must_use]
    pub fn of(record: Record) -> Option<Self> {
        let at = record.at;
        match record.event {
            Event::Decided(decided) if decided.suspension.is_none() => {
                Kept::of(*decided, at).map(|kept| Self::Decided(Box::new(kept)))
            }
            Event::Reported(reported) if reported.outcome == Became::Refused => {
                Some(Self::Refused(reported.agent, at))
            }
            Event::Escalation { id, step } => ended(id, step),
            Event::Decided(_)
            | Event::Reported(_)
            | Event::Started { .. }
            | Event::Stopped {}
            | Event::PolicyLoaded { .. }
            | Event::RosterLoaded { .. }
            | Event::Absence { .. }
            | Event::Queued(_)
            | Event::KeyCertified { .. }
            | Event::KeyRevoked { .. }
            | Event::Drill { .. }
            | Event::Minted(_)
            | Event::Receipted(_)
            | Event::Incident(_)
            | Event::Saturated(_)
            | Event::Erased { .. }
            | Event::ProfileChanged { .. }
            | Event::Told(_)
            | Event::Shipped(_)
            | Event::Enrolled(_)
            | Event::Invited(_)
            | Event::Withdrawn(_)
            | Event::Diverged(_)
            | Event::ClockInDoubt { .. }
            | Event::Suspended { .. }
            | Event::Resumed { .. } => None,
        }
    }

    /// Lets it happen in a replay; what is decided there is dropped.
    pub fn happen(&self, replay: &mut Replay<'_>) {
        match self {
            Self::Decided(kept) => drop(replay.decide(&kept.recorded())),
            Self::Refused(agent, at) => replay.refused(agent, *at),
            Self::Denied(escalation, by) => replay.denied(*escalation, by),
            Self::Over(escalation) => replay.over(*escalation),
        }
    }

    /// Lets it happen in a preview, and compares what is decided there.
    pub fn compare(&self, preview: &mut Preview<'_>) {
        match self {
            Self::Decided(kept) => preview.compare(&kept.recorded()),
            Self::Refused(agent, at) => preview.refused(agent, *at),
            Self::Denied(escalation, by) => preview.denied(*escalation, by),
            Self::Over(escalation) => preview.over(*escalation),
        }
    }
}

/// What a changed policy would have done with what was decided at `since` or later, at most the latest `limit`; what is
/// earlier is what it comes after. `told` hears of each decision, by its number.
pub fn preview<'p>(
    before: &'p Policy,
    after: &'p Policy,
    examples: usize,
    steps: &[Step],
    since: Moment,
    limit: Option<usize>,
    mut told: impl FnMut(usize),
) -> Preview<'p> {
    let mut preview = Preview::new(before, after, examples);
    let decisions = steps.iter().filter(|step| matches!(step, Step::Decided(_))).count();
    let skipped = limit.map_or(0, |limit| decisions.saturating_sub(limit));
    let first = steps.iter().filter_map(|step| match step {
        Step::Decided(kept) => Some(kept.at()),
        Step::Refused(..) | Step::Denied(..) | Step::Over(_) => None,
    });
    let first = first.skip(skipped).find(|at| *at >= since).unwrap_or(since);
    let reach = first.minus(preview.reach());
    let mut number = 0;
    for step in steps {
        match step {
            Step::Decided(kept) => {
                number += 1;
                told(number);
                if number > skipped && kept.at() >= since {
                    preview.compare(&kept.recorded());
                } else if kept.at() >= reach {
                    preview.remember(&kept.recorded());
                }
            }
            Step::Refused(agent, at) if *at >= reach => preview.refused(agent, *at),
            Step::Refused(..) => {}
            Step::Denied(escalation, by) => preview.denied(*escalation, by),
            Step::Over(escalation) => preview.over(*escalation),
        }
    }
    preview
}

fn ended(id: EscalationId, step: escalation::Event) -> Option<Step> {
    match step {
        escalation::Event::Denied { cause: Denial::Reviewer(by), .. } => Some(Step::Denied(id, by)),
        escalation::Event::Denied { cause: Denial::Contradiction(_) | Denial::Drill, .. }
        | escalation::Event::Expired { .. }
        | escalation::Event::Cancelled { .. }
        | escalation::Event::Blocked { .. }
        | escalation::Event::Lapsed { .. } => Some(Step::Over(id)),
        escalation::Event::Opened(_)
        | escalation::Event::Asked { .. }
        | escalation::Event::Reassigned { .. }
        | escalation::Event::Reminded { .. }
        | escalation::Event::Seen { .. }
        | escalation::Event::Widened { .. }
        | escalation::Event::Voted(_)
        | escalation::Event::VoteRefused { .. }
        | escalation::Event::Withdrawn(_)
        | escalation::Event::Amended(_)
        | escalation::Event::Approved(_)
        | escalation::Event::Claimed { .. }
        | escalation::Event::Reviewed(_) => None,
    }
}
