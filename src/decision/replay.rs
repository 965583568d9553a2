//! A replay: recorded operations decided once more under one policy, in their order.
//!
//! Each is decided from what was recorded of it: the operation, claims, context, agent and time. What its agent did
//! before is folded again, by the limits and windows of the policy that is replayed and from its own decisions.
//! Executors' refusals and reviewers' denials are taken from the record, and so is what was new to the agent.

use super::explain::{Explanation, explain};
use super::{Decision, Examined, Request, judge};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId, TxnId};
use crate::policy::{Outcome, Policy};
use crate::risk::memory::{Fate, Footprint, Memory};
use crate::risk::{DeniedBefore, History, Novelty};
use core::time::Duration;
use std::collections::HashMap;

/// The most denials of one agent that are remembered.
const DENIALS_KEPT: usize = 64;

/// A decision as it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Its id.
    pub txn: TxnId,
    /// When it was made.
    pub at: Moment,
    /// What was asked.
    pub request: Request<'a>,
    /// What was new to the agent.
    pub new: Novelty,
    /// What was decided: `allow`, `deny` or `escalate`.
    pub effect: &'a str,
    /// The escalation that it opened.
    pub escalation: Option<EscalationId>,
}

/// One policy, and what the agents did under it.
#[derive(Debug)]
pub struct Replay<'p> {
    policy: &'p Policy,
    agents: HashMap<AgentId, Agent>,
    /// What people are deciding.
    open: HashMap<EscalationId, (AgentId, Moment, Footprint)>,
}

#[derive(Debug)]
struct Agent {
    memory: Memory,
    /// What reviewers denied it, latest last.
    denied: Vec<(Moment, Footprint, DeniedBefore)>,
}

impl<'p> Replay<'p> {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(policy: &'p Policy) -> Self {
        Self { policy, agents: HashMap::new(), open: HashMap::new() }
    }

    fn nothing(policy: &Policy) -> Agent {
        let windows = policy.limits().iter().map(|limit| limit.window);
        Agent { memory: Memory::new(policy.model().evasion.clone(), windows), denied: Vec::new() }
    }

    /// How far back what happened matters to a decision.
    #[must_use]
    pub fn reach(&self) -> Duration {
        Self::nothing(self.policy)
            .memory
            .reach()
            .max(self.policy.model().behaviour.window)
            .max(self.policy.model().evasion.denial_stands)
    }

    fn agent(&mut self, agent: &AgentId) -> &mut Agent {
        let policy = self.policy;
        self.agents.entry(agent.clone()).or_insert_with(|| Self::nothing(policy))
    }

    /// An executor refused this agent's token.
    pub fn refused(&mut self, agent: &AgentId, at: Moment) {
        self.agent(agent).memory.anomaly(at);
    }

    /// A reviewer denied what was escalated.
    pub fn denied(&mut self, escalation: EscalationId, by: &PersonId) {
        self.ends(escalation, Some(by));
    }

    /// What was escalated will not run, and nobody denied it.
    pub fn over(&mut self, escalation: EscalationId) {
        self.ends(escalation, None);
    }

    /// What this policy decides, and remembers of it.
    pub fn decide(&mut self, recorded: &Recorded<'_>) -> Decision {
        let (history, examined, footprint) = self.history(recorded);
        let decision = judge(&recorded.request, examined, self.policy, &history, recorded.at);
        self.settle(recorded, footprint, &decision);
        decision
    }

    /// As [`Replay::decide`], explained.
    pub fn explain(&mut self, recorded: &Recorded<'_>) -> Explanation {
        let (history, _, footprint) = self.history(recorded);
        let explanation = explain(&recorded.request, self.policy, history, recorded.at);
        self.settle(recorded, footprint, &explanation.decision);
        explanation
    }

    fn history(&mut self, recorded: &Recorded<'_>) -> (History, Examined, Footprint) {
        let Recorded { at, request, .. } = recorded;
        let policy = self.policy;
        let examined = Examined::new(request.operation, policy);
        let footprint = examined.footprint(request, policy);
        let agent = self.agent(request.agent);
        agent.memory.add(&footprint, *at);
        let history = History {
            new: recorded.new,
            denied: agent.denied(&footprint, policy.model().evasion.denial_stands, *at),
            ..agent.memory.history(&footprint, policy.model(), *at)
        };
        (history, examined, footprint)
    }

    fn settle(&mut self, recorded: &Recorded<'_>, footprint: Footprint, decision: &Decision) {
        let Recorded { at, request, .. } = recorded;
        let agent = self.agent(request.agent);
        agent.memory.settle(&footprint, *at, fate(decision));
        if decision.is_anomalous() {
            agent.memory.anomaly(*at);
        }
        if let (Some(id), Outcome::Escalate(_)) = (recorded.escalation, &decision.outcome) {
            self.open.insert(id, (request.agent.clone(), *at, footprint));
        }
    }

    fn ends(&mut self, escalation: EscalationId, denied: Option<&PersonId>) {
        let Some((agent, at, footprint)) = self.open.remove(&escalation) else { return };
        let agent = self.agent(&agent);
        // What will not run does not add up any more.
        agent.memory.settle(&footprint, at, Fate::Denied);
        if let Some(by) = denied {
            if agent.denied.len() >= DENIALS_KEPT {
                agent.denied.remove(0);
            }
            agent.denied.push((at, footprint, DeniedBefore { by: by.clone(), escalation }));
        }
    }
}

impl Agent {
    fn denied(&self, footprint: &Footprint, stands: Duration, now: Moment) -> Option<DeniedBefore> {
        let since = now.minus(stands);
        let mut like = self.denied.iter().rev().filter(|(at, ..)| *at >= since);
        like.find(|(_, other, _)| other.may_be(footprint)).map(|(.., denied)| denied.clone())
    }
}

const fn fate(decision: &Decision) -> Fate {
    match decision.outcome {
        Outcome::Allow { .. } => Fate::Allowed,
        Outcome::Escalate(_) => Fate::Escalated,
        Outcome::Deny => Fate::Denied,
    }
}
