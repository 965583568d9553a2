//! What became of tokens: receipts of executors and reports of agents, beside what was minted.

use super::decisions::Kind;
use super::findings::Findings;
use super::{Auditor, SLACK};
use crate::audit::event::{Incident, Outcome, Receipted, Reported};
use crate::condition::Condition;
use crate::digest::OperationDigest;
use crate::moment::Moment;
use crate::party::{TokenId, TxnId};
use crate::token::{Claims, ReceiptClaims, UseOutcome};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A token that was minted, and what is known of its use.
#[derive(Debug)]
pub(super) struct Use {
    txn: TxnId,
    index: u64,
    executor: u32,
    operation: OperationDigest,
    not_before: Moment,
    expires_at: Moment,
    conditions: Box<[Condition]>,
    /// What the executor says became of it, and when it began.
    receipt: Option<(Outcome, Option<Moment>)>,
    /// What the agent said first.
    report: Option<Outcome>,
}

impl Use {
    pub(super) fn of(claims: &Claims, executor: u32, index: u64, txn: TxnId) -> Self {
        Self {
            txn,
            index,
            executor,
            operation: claims.operation,
            not_before: claims.times.not_before,
            expires_at: claims.times.expires_at,
            conditions: claims.conditions.clone().into(),
            receipt: None,
            report: None,
        }
    }

    /// Takes what the executor signed; nothing of it where no root was given to know its key by.
    fn receipted(&mut self, outcome: Outcome, claims: Option<&ReceiptClaims>, findings: &mut Findings) {
        let began = claims.map(|claims| claims.began);
        if let Some((before, began_before)) = self.receipt {
            // It is signed when it begins and once more when it has ended, and may be brought twice.
            let unknown = before == Outcome::Unknown || outcome == Outcome::Unknown;
            let same = began_before == began && (before == outcome || unknown);
            findings.require(same, "receipt.twice", || {
                "there is a receipt of another use of this token: it was used twice".to_owned()
            });
        }
        if self.receipt.is_none_or(|(before, _)| before == Outcome::Unknown) {
            self.receipt = Some((outcome, began));
        }
        let Some(claims) = claims else { return };
        findings.require(claims.operation == self.operation, "receipt.other_operation", || {
            format!("it ran `{}`, and the token is for `{}`", claims.operation, self.operation)
        });
        let alive = self.not_before <= claims.began.plus(SLACK) && claims.began < self.expires_at.plus(SLACK);
        findings.require(alive, "receipt.outside_life", || {
            format!(
                "it began at {}, and the token lived from {} to {}",
                claims.began, self.not_before, self.expires_at
            )
        });
        for condition in &self.conditions {
            let kind = condition.kind();
            let unmet = claims.meets(condition).err().map(|unmet| unmet.to_string());
            let unmet = unmet.or_else(|| {
                (!claims.discharged.contains(&kind))
                    .then(|| format!("it does not say that it kept to `{kind}`"))
            });
            if let Some(why) = unmet {
                findings.finding("receipt.outside_conditions", format!("{}: {why}", condition.describe()));
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Uses {
    minted: HashMap<TokenId, Use>,
    of: HashMap<TxnId, TokenId>,
    /// Executors that write receipts: of those one that is missing says something.
    writing: HashSet<u32>,
}

impl Uses {
    /// Takes a token; `false` if one of its single-use key was there.
    pub(super) fn mint(&mut self, jti: TokenId, used: Use) -> bool {
        if self.minted.contains_key(&jti) {
            return false;
        }
        self.of.insert(used.txn, jti);
        self.minted.insert(jti, used);
        true
    }

    fn of(&mut self, txn: TxnId) -> Option<&mut Use> {
        self.minted.get_mut(self.of.get(&txn)?)
    }

    /// Says how many tokens were never used, of those whose executors tell.
    pub(super) fn end(self, now: Moment, findings: &mut Findings) {
        let silent = self.minted.values().filter(|one| {
            one.receipt.is_none() && self.writing.contains(&one.executor) && one.expires_at.plus(SLACK) < now
        });
        let mut unused: BTreeMap<u64, TxnId> = silent.map(|one| (one.index, one.txn)).collect();
        let count = unused.len();
        if let Some((index, txn)) = unused.pop_first() {
            findings.about(txn);
            let words = format!(
                "{count} tokens expired without a receipt of an executor that writes some; the first is record {index}"
            );
            findings.note("receipt.missing", words);
        }
    }
}

impl Auditor {
    pub(super) fn receipted(&mut self, receipted: &Receipted, at: Moment, findings: &mut Findings) {
        findings.about(receipted.txn);
        let claims = match self.keys.receipt(&receipted.receipt, &receipted.certificates, at).transpose() {
            Ok(claims) => claims,
            Err(error) => {
                findings.finding("receipt.not_signed", error);
                return;
            }
        };
        if let Some(claims) = &claims {
            let same = claims.txn == receipted.txn
                && claims.jti == receipted.jti
                && claims.executor == receipted.executor
                && outcome_of(claims.outcome) == receipted.outcome;
            findings.require(same, "receipt.other_claims", || {
                "the record says something else than the receipt in it".to_owned()
            });
        }
        let executor = self.names.executor(&receipted.executor);
        self.uses.writing.insert(executor);
        let Some(used) = self.uses.minted.get_mut(&receipted.jti) else {
            findings.finding("receipt.without_mint", "the executor acted on a token that is not in this log");
            return;
        };
        findings.require(used.txn == receipted.txn, "receipt.other_decision", || {
            format!("the token that was used carries out decision `{}`", used.txn)
        });
        findings.require(used.executor == executor, "receipt.other_executor", || {
            format!("the token was used by `{}`, for whom it was not minted", receipted.executor)
        });
        used.receipted(receipted.outcome, claims.as_ref(), findings);
        contradiction(used, findings);
    }

    pub(super) fn reported(&mut self, reported: &Reported, findings: &mut Findings) {
        findings.about(reported.txn);
        let agent = self.names.agent(&reported.agent);
        let past = self.decisions.past(reported.txn).map(|past| (past.agent, past.kind));
        let awaited = self.decisions.awaited.get(&reported.txn);
        let awaited = awaited.map(|awaited| awaited.agent.clone()).map(|of| self.names.agent(&of));
        let (of, kind) = match (past, awaited) {
            (Some((of, kind)), _) => (of, Some(kind)),
            (None, Some(of)) => (of, None),
            (None, None) => {
                findings.finding("report.without_decision", "no decision of this id is recorded before");
                return;
            }
        };
        findings.require(of == agent, "report.other_agent", || {
            format!("agent `{}` reports on what another agent asked for", reported.agent)
        });
        let acted = matches!(reported.outcome, Outcome::Succeeded | Outcome::Failed);
        if kind != Some(Kind::Minted) && acted {
            findings.finding(
                "report.without_mint",
                "the agent says that it was carried out, and nothing allowed that",
            );
        }
        if let Some(used) = self.uses.of(reported.txn) {
            used.report.get_or_insert(reported.outcome);
            contradiction(used, findings);
        }
    }

    pub(super) fn incident(&self, incident: &Incident, findings: &mut Findings) {
        findings.about(incident.txn);
        let known =
            self.decisions.past(incident.txn).is_some() || self.decisions.awaited.contains_key(&incident.txn);
        if !known {
            findings.note("incident.without_decision", "no decision of this id is recorded before");
        }
    }
}

/// Where the agent and the executor tell different things of one use.
fn contradiction(used: &Use, findings: &mut Findings) {
    let (Some((executor, _)), Some(agent)) = (used.receipt, used.report) else { return };
    // Who does not know does not contradict.
    if executor != agent && executor != Outcome::Unknown && agent != Outcome::Unknown {
        let words = format!("the executor says `{}`, and the agent `{}`", name(executor), name(agent));
        findings.finding("report.contradicted", words);
    }
}

const fn outcome_of(outcome: UseOutcome) -> Outcome {
    match outcome {
        UseOutcome::Succeeded => Outcome::Succeeded,
        UseOutcome::Failed => Outcome::Failed,
        UseOutcome::Unknown => Outcome::Unknown,
    }
}

const fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
        Outcome::Refused => "refused",
    }
}
