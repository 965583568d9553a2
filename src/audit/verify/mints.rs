//! Tokens: that each follows from a decision, or from people who approved it, and says just what they agreed to.

use super::decisions::{Awaited, Kind};
use super::documents::Granted;
use super::findings::Findings;
use super::uses::Use;
use super::{Auditor, SLACK};
use crate::audit::event::{Adopted, Minted};
use crate::condition::{Condition, holds_all};
use crate::decision::Outcome;
use crate::digest::base64url;
use crate::escalation::Escalation;
use crate::moment::Moment;
use crate::party::LogOrigin;
use crate::token::{Approval, Claims, DEFAULT_LIFE, Draft, LogLeaf, MAX_LIFE};
use core::time::Duration;

/// The origin under which claims are read where the log does not tell its own.
const SOME_ORIGIN: &str = "log";

/// Where a mint stands, and when it happened.
pub(super) struct Place {
    pub(super) at: Moment,
    /// In this log.
    pub(super) index: u64,
    /// In the sidecar's log that it was adopted from, if it was.
    pub(super) from: Option<Adopted>,
}

/// What allows a token.
struct Leave {
    conditions: Vec<Condition>,
    approvals: Vec<Approval>,
    life: Duration,
}

impl Auditor {
    pub(super) fn minted(&mut self, minted: &Minted, place: &Place, findings: &mut Findings) {
        let Place { at, index, from } = place;
        let (at, index) = (*at, *index);
        findings.about(minted.txn);
        let Some(claims) = self.claims(minted, index, from.as_ref(), findings) else { return };
        self.keys.may_sign(minted.kid, &claims, index, at, findings);
        check_times(&claims, at, findings);
        findings.require(claims.jti == minted.jti && claims.txn == minted.txn, "mint.other_claims", || {
            "the ids in the token are not those of the record".to_owned()
        });
        let Some(awaited) = self.decisions.awaited.get(&minted.txn) else {
            return self.without_decision(minted, findings);
        };
        check_claims(&claims, awaited, findings);
        if let Some(domain) = self.service.domain() {
            findings.require(claims.issuer == *domain, "mint.other_claims", || {
                format!("the token is issued by `{}`, and the log is of `{domain}`", claims.issuer)
            });
        }
        if let Some(action) = &awaited.action
            && let Some(suspension) = self.service.stops(&awaited.agent, action, at)
        {
            match from {
                None => findings.finding("mint.suspended", suspension.to_string()),
                Some(_) if suspension.at.plus(SLACK) < at => {
                    findings.note("suspension.unheard", suspension.to_string());
                }
                Some(_) => {}
            }
        }
        if let Some(leave) = self.leave(minted, awaited, findings) {
            check_leave(&claims, &leave, findings);
        }
        if let Some((document, to)) = &awaited.change {
            self.documents.grant(minted.txn, Granted { document: document.clone(), to: to.clone() });
        }
        let executor = self.names.executor(&awaited.executor);
        let used = Use::of(&claims, executor, index, minted.txn);
        if !self.uses.mint(minted.jti, used) {
            let words = format!("a token of the single-use key `{}` was minted before", minted.jti);
            findings.finding("mint.same_key_of_use", words);
        }
        self.decisions.over(minted.txn, Kind::Minted, &mut self.names);
        if let Some(id) = minted.escalation {
            self.courses.minted(id);
        }
    }

    /// The claims as an executor will read them.
    fn claims(
        &self,
        minted: &Minted,
        index: u64,
        from: Option<&Adopted>,
        findings: &mut Findings,
    ) -> Option<Claims> {
        let text = minted.claims.as_bytes();
        let own =
            || Some((self.service.origin().cloned().or_else(|| LogOrigin::new(SOME_ORIGIN).ok())?, index));
        let (origin, index) = from.map_or_else(own, |from| Some((from.origin.clone(), from.index)))?;
        let draft = Draft::from_recorded(text);
        let claims = draft.as_ref().and_then(|draft| draft.read(&LogLeaf { origin, index }).ok());
        if claims.is_none() {
            findings.finding("mint.unreadable", "the claims are not those of a token");
        }
        let canonical = draft.is_none_or(|draft| draft.claims_without_log() == text);
        findings.require(canonical, "mint.unreadable", || {
            "the claims are not in their canonical form".to_owned()
        });
        claims
    }

    fn without_decision(&self, minted: &Minted, findings: &mut Findings) {
        match self.decisions.past(minted.txn).map(|past| past.kind) {
            None => findings.finding("mint.without_decision", "no decision of this id is recorded before"),
            Some(Kind::Denied) => findings.finding("mint.denied", "the decision, or people, denied it"),
            Some(Kind::Minted) => {
                findings.finding("mint.twice", "a token was minted for this decision before")
            }
            Some(Kind::Drill) => findings.finding("mint.drill", "it was a drill, which nobody can approve"),
        }
    }

    /// What the decision, or those who were asked, allow.
    fn leave(&self, minted: &Minted, awaited: &Awaited, findings: &mut Findings) -> Option<Leave> {
        if minted.escalation != awaited.escalation {
            findings.finding("mint.other_escalation", "it names another escalation than the decision does");
        }
        match (&awaited.outcome, awaited.escalation) {
            (Outcome::Allow { conditions }, _) => {
                Some(Leave { conditions: conditions.clone(), approvals: Vec::new(), life: DEFAULT_LIFE })
            }
            (Outcome::Deny, _) => {
                findings.finding("mint.denied", "the decision denied it");
                None
            }
            (Outcome::Escalate(_), id) => {
                let escalation = id.and_then(|id| self.courses.state(id));
                let Some(escalation @ Escalation::Claimed(_)) = escalation else {
                    let how =
                        escalation.map_or("never opened, or is over", |one| one.recorded_status().as_str());
                    let words = format!("people were to approve it, and the escalation is {how}");
                    findings.finding("mint.without_approval", words);
                    return None;
                };
                Some(Leave {
                    conditions: escalation.conditions().to_vec(),
                    approvals: escalation.approvals(),
                    life: escalation.execute_within(),
                })
            }
        }
    }
}

fn check_times(claims: &Claims, at: Moment, findings: &mut Findings) {
    let times = &claims.times;
    let life = times.expires_at.since(times.issued_at);
    findings.require(
        !life.is_zero() && life <= MAX_LIFE && times.not_before <= times.issued_at,
        "mint.life",
        || format!("the token lives from {} to {}", times.not_before, times.expires_at),
    );
    let near = times.issued_at <= at.plus(SLACK) && at <= times.issued_at.plus(SLACK);
    findings.require(near, "time.other", || {
        format!("the token says that it was issued at {}, and was recorded at {at}", times.issued_at)
    });
}

/// The claims that follow from the decision alone.
fn check_claims(claims: &Claims, awaited: &Awaited, findings: &mut Findings) {
    findings.require(claims.operation == awaited.digest, "mint.other_operation", || {
        format!("the token is for the operation `{}`, and `{}` was decided", claims.operation, awaited.digest)
    });
    let conditional = if claims.conditions.is_empty() { "" } else { ";cond" };
    let bound = format!("{}#op={}{conditional}", awaited.executor, awaited.digest);
    let plain = conditional.is_empty() && claims.audience.as_str() == awaited.executor.as_str();
    findings.require(plain || claims.audience.as_str() == bound, "mint.other_executor", || {
        format!("the token is for `{}`, and `{bound}` was decided", claims.audience)
    });
    let holder = claims.holder.as_ref().map(|key| base64url(key.as_bytes()));
    let same = [
        ("sub", claims.subject == awaited.agent),
        ("act", claims.on_behalf_of == awaited.on_behalf_of),
        ("cs_pol", claims.policy == awaited.policy),
        ("cs_risk", u64::from(claims.risk.thousandths()) == awaited.risk),
        ("cnf", holder == awaited.holder_key),
    ];
    for (name, same) in same {
        findings.require(same, "mint.other_claims", || {
            format!("the claim `{name}` is not what decision record {} says", awaited.index)
        });
    }
}

/// The claims that follow from what allowed it.
fn check_leave(claims: &Claims, leave: &Leave, findings: &mut Findings) {
    findings.require(holds_all(&claims.conditions, &leave.conditions), "mint.condition_dropped", || {
        "a condition of the policy or of those who agreed is not in the token, or wider".to_owned()
    });
    findings.require(claims.approvals == leave.approvals, "mint.other_approvals", || {
        "the token does not say who agreed, in which seats, when and how surely, as the record does"
            .to_owned()
    });
    let life = claims.times.expires_at.since(claims.times.issued_at);
    findings.require(life <= leave.life, "mint.life", || {
        format!("the token lives {} seconds, and {} were allowed", life.as_secs(), leave.life.as_secs())
    });
}
