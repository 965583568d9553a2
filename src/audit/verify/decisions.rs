//! Decisions: that the operation has the digest, that the policy in force can have said so, and what each allows.

use super::documents::Rules;
use super::findings::Findings;
use super::{Auditor, Names, SLACK};
use crate::audit::event::{Decided, OWN_ACTION, OWN_NAME};
use crate::decision::{Decision, Outcome};
use crate::digest::{OperationDigest, PolicyDigest, RenderingDigest, from_base64url};
use crate::escalation::{OnTimeout, Terms};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::render::{render, render_masked};
use crate::party::{AgentId, EscalationId, ExecutorId, PersonId, TxnId};
use std::collections::HashMap;

/// Where and when a decision was recorded, and what of it is in the record.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) at: Moment,
    pub(super) index: u64,
    /// The operation is there, whole.
    pub(super) op: bool,
    /// So is the payload.
    pub(super) payload: bool,
    /// A sidecar decided it, which may not have heard yet what this log already says.
    pub(super) elsewhere: bool,
}

/// A decision that a token or an escalation may still follow from.
pub(super) struct Awaited {
    pub(super) index: u64,
    pub(super) agent: AgentId,
    pub(super) on_behalf_of: Option<PersonId>,
    pub(super) executor: ExecutorId,
    pub(super) digest: OperationDigest,
    pub(super) policy: PolicyDigest,
    /// The score in thousandths.
    pub(super) risk: u64,
    pub(super) holder_key: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) escalation: Option<EscalationId>,
    /// What is done; nothing where the operation is not in the record.
    pub(super) action: Option<Box<str>>,
    /// What reviewers are shown, where they are asked and the operation is in the record.
    pub(super) shown: Option<RenderingDigest>,
    /// The change of a document that it proposes.
    pub(super) change: Option<(Box<str>, Box<str>)>,
}

/// What is remembered of a decision that nothing is owed for.
#[derive(Clone, Copy)]
pub(super) struct Past {
    pub(super) agent: u32,
    pub(super) kind: Kind,
}

/// What became of a decision.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It was denied, or people did not approve it.
    Denied,
    /// Its token was minted.
    Minted,
    /// It was none: a drill.
    Drill,
}

#[derive(Default)]
pub(super) struct Decisions {
    pub(super) awaited: HashMap<TxnId, Awaited>,
    past: HashMap<TxnId, Past>,
    /// Drills that were announced and not opened yet.
    pub(super) drills: HashMap<EscalationId, (TxnId, Awaited)>,
}

impl Decisions {
    pub(super) fn past(&self, txn: TxnId) -> Option<Past> {
        self.past.get(&txn).copied()
    }

    fn knows(&self, txn: TxnId) -> bool {
        self.awaited.contains_key(&txn) || self.past.contains_key(&txn)
    }

    /// Nothing more follows from it.
    pub(super) fn over(&mut self, txn: TxnId, kind: Kind, names: &mut Names) {
        if let Some(awaited) = self.awaited.remove(&txn) {
            self.past.insert(txn, Past { agent: names.agent(&awaited.agent), kind });
        }
    }
}

impl Auditor {
    pub(super) fn decided(&mut self, decided: Decided, seen: Seen, findings: &mut Findings) {
        findings.about(decided.txn);
        let txn = decided.txn;
        if self.decisions.knows(txn) {
            findings.finding("decision.twice", "there is a decision of this id already");
            return;
        }
        self.suspended(&decided, seen, findings);
        let policy = decided.decision.policy;
        let earlier = self.documents.earlier(policy).filter(|_| seen.elsewhere);
        let rules = self.documents.rules(seen.at).chain(earlier);
        check_policy(rules, &decided.decision, decided.suspension.is_some(), findings);
        let escalates = matches!(decided.decision.outcome, Outcome::Escalate(_));
        findings.require(decided.escalation.is_some() == escalates, "decision.escalation", || {
            "it names an escalation exactly where it asks people".to_owned()
        });
        let denied = decided.decision.denies();
        let agent = self.names.agent(&decided.agent);
        let awaited = awaited(decided, seen, findings);
        if denied {
            self.decisions.past.insert(txn, Past { agent, kind: Kind::Denied });
        } else {
            self.decisions.awaited.insert(txn, awaited);
        }
    }

    /// A drill is no decision: nothing is ever minted for it.
    pub(super) fn drill(&mut self, id: EscalationId, proposal: Decided, seen: Seen, findings: &mut Findings) {
        findings.about(proposal.txn);
        let txn = proposal.txn;
        if self.decisions.knows(txn) {
            findings.finding("decision.twice", "there is a decision of this id already");
            return;
        }
        let agent = self.names.agent(&proposal.agent);
        let mut awaited = awaited(proposal, seen, findings);
        if let Outcome::Escalate(terms) = &mut awaited.outcome {
            // Nobody breaks glass for a drill, and waiting allows nothing.
            *terms = Terms { break_glass: None, on_timeout: OnTimeout::Deny, ..terms.clone() };
        }
        self.decisions.past.insert(txn, Past { agent, kind: Kind::Drill });
        self.decisions.drills.insert(id, (txn, awaited));
    }

    fn suspended(&self, decided: &Decided, seen: Seen, findings: &mut Findings) {
        if let Some(id) = decided.suspension {
            let known = match seen.elsewhere {
                true => self.service.ever_suspended_by(id),
                false => self.service.is_suspended_by(id),
            };
            findings.require(known, "decision.other_suspension", || {
                format!("it was denied because of the suspension `{id}`, which is not in force")
            });
        }
        if decided.decision.denies() || !seen.op {
            return;
        }
        let Ok(operation) = Operation::from_op_bytes(decided.op.as_bytes()) else { return };
        if let Some(suspension) = self.service.stops(&decided.agent, operation.action(), seen.at) {
            let words = format!("it was not denied, and {suspension}");
            match seen.elsewhere {
                false => findings.finding("decision.suspended", words),
                true if suspension.at.plus(SLACK) < seen.at => findings.note("suspension.unheard", words),
                true => {}
            }
        }
    }
}

/// Whether the policy in force can have said so.
fn check_policy<'a>(
    rules: impl Iterator<Item = &'a Rules>,
    decision: &Decision,
    stopped: bool,
    findings: &mut Findings,
) {
    let mut loaded = false;
    for rules in rules {
        loaded = true;
        if rules.digest == decision.policy {
            if let Some(policy) = rules.policy.as_ref().filter(|_| !stopped)
                && let Err(words) = can_say(policy, decision)
            {
                findings.finding("decision.against_policy", words);
            }
            return;
        }
    }
    let words = match loaded {
        true => format!("it was made under the policy `{}`, which is not the one in force", decision.policy),
        false => "no policy had come into force".to_owned(),
    };
    findings.finding("decision.other_policy", words);
}

/// Whether this outcome is no weaker than the rule that it names, or than what its level of risk gets.
///
/// What other rules would have said depends on what was known of the agent then, which the record does not repeat.
fn can_say(policy: &crate::policy::Policy, decision: &Decision) -> Result<(), String> {
    let (outcome, level) = (&decision.outcome, decision.assessment.level);
    if *outcome != Outcome::Deny && level >= policy.model().blocked_from {
        return Err(format!("`{level}` risk never runs under this policy, and it was not denied"));
    }
    match &decision.rule {
        None if decision.allows() && *policy.outcome_of(level) == Outcome::Deny => {
            Err(format!("it was allowed, and the policy denies what is of `{level}` risk"))
        }
        None if decision.allows() && matches!(policy.outcome_of(level), Outcome::Escalate(_)) => {
            Err(format!("it was allowed, and the policy asks people about what is of `{level}` risk"))
        }
        None => Ok(()),
        Some(name) => match policy.rules().iter().find(|rule| *rule.name == **name) {
            None => Err(format!("the policy has no rule `{name}`")),
            Some(rule) if strictness(outcome) < strictness(&rule.outcome) => Err(format!(
                "the outcome is `{}`, and the rule `{name}` says `{}`",
                outcome.as_str(),
                rule.outcome.as_str()
            )),
            Some(_) => Ok(()),
        },
    }
}

const fn strictness(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Allow { .. } => 0,
        Outcome::Escalate(_) => 1,
        Outcome::Deny => 2,
    }
}

/// What is kept of a decision, once its operation and payload are what it says they are.
fn awaited(decided: Decided, seen: Seen, findings: &mut Findings) -> Awaited {
    let operation = operation(&decided, seen, findings);
    let asked = decided.escalation.is_some();
    let shown = operation.as_ref().filter(|_| seen.payload).and_then(|operation| {
        let payload = decided.payload.as_deref().map(from_base64url);
        if payload.is_none() && !asked {
            return None;
        }
        match payload.map_or(Some(None), |bytes| bytes.map(Some)).map(|bytes| {
            match decided.shown.as_deref().map(|shown| Operation::from_op_bytes(shown.as_bytes())) {
                // Reviewers were not shown what is secret in it.
                Some(Ok(shown)) => render_masked(&shown, decided.digest),
                Some(Err(_)) | None => render(operation, bytes.as_deref()),
            }
        }) {
            Some(Ok(rendering)) => Some(rendering.digest),
            Some(Err(error)) => {
                findings.finding("decision.other_payload", error.to_string());
                None
            }
            None => {
                findings.finding("decision.other_payload", "the payload is not base64url");
                None
            }
        }
    });
    let own = decided.agent.as_str() == OWN_NAME;
    let change = operation.as_ref().filter(|operation| own && operation.action() == OWN_ACTION);
    let change = change.and_then(|operation| {
        let parameters = operation.parameters()?;
        let to = parameters.as_object()?.get("to")?.as_str()?;
        Some((operation.resource().into(), to.into()))
    });
    Awaited {
        index: seen.index,
        agent: decided.agent,
        on_behalf_of: decided.on_behalf_of,
        executor: decided.executor,
        digest: decided.digest,
        policy: decided.decision.policy,
        risk: u64::from(decided.decision.assessment.score.thousandths()),
        holder_key: decided.holder_key,
        outcome: decided.decision.outcome,
        escalation: decided.escalation,
        action: operation.map(|operation| operation.action().into()),
        shown,
        change,
    }
}

fn operation(decided: &Decided, seen: Seen, findings: &mut Findings) -> Option<Operation> {
    if !seen.op {
        return None;
    }
    match Operation::from_op_bytes(decided.op.as_bytes()) {
        Err(error) => {
            findings.finding("decision.unreadable", format!("the operation cannot be read: {error}"));
            None
        }
        Ok(operation) => {
            findings.require(operation.digest() == decided.digest, "decision.other_digest", || {
                format!("the operation's digest is `{}`, not `{}`", operation.digest(), decided.digest)
            });
            Some(operation)
        }
    }
}
