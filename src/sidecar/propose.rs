//! Proposals of the service itself: a changed policy or roster, brought before the policy in force like any other
//! operation.
//!
//! The service asks as an agent of a reserved name, so that a policy's rules can tell it from everybody else, and what
//! they say is carried out as for anybody else: recorded, escalated, voted on, decided again, minted. What is granted
//! is to take exactly the file of that digest.

use super::reload::Next;
use super::{Ask, Caller, InForce, Sidecar, SidecarError};
use crate::audit::event::{Context, OWN_ACTION};
use crate::escalation::Status;
use crate::operation::json::{Object, Value};
use crate::operation::{Operation, OperationError};
use crate::party::{AgentId, EscalationId, ExecutorId, NotAName, TxnId};
use crate::reviewer::Person;
use crate::risk::Claims;
use crate::store::Document;

pub use crate::audit::event::OWN_NAME;

/// A document that is to come into force instead of another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proposal {
    pub(super) document: Document,
    pub(super) from: String,
    pub(super) to: String,
    summary: Object,
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is granted, by this decision.
    Granted(TxnId),
    /// People are deciding.
    Waiting(EscalationId),
    /// It is not granted, and why.
    Refused(Vec<String>),
}

impl Proposal {
    /// What `next` changes, each document by itself.
    pub(super) fn all(now: &InForce, next: &Next) -> Vec<Self> {
        let number = |number: usize| Value::from(u64::try_from(number).unwrap_or(u64::MAX));
        let mut proposals = Vec::new();
        let (from, to) = (now.policy.digest(), next.policy.digest());
        if from != to {
            let changes = now.policy.changes_in(&next.policy);
            let summary = Object::new()
                .with("rules_added", number(changes.added))
                .with("rules_removed", number(changes.removed))
                .with("rules_changed", number(changes.changed))
                .with("rules_moved", number(changes.moved))
                .with("other_settings_changed", changes.elsewhere);
            let (from, to) = (from.to_string(), to.to_string());
            proposals.push(Self { document: Document::Policy, from, to, summary });
        }
        if now.roster != next.roster {
            let (old, new) = (&now.directory, &next.directory);
            let added = new.people().filter(|person| old.person(&person.id).is_none()).count();
            let removed = old.people().filter(|person| new.person(&person.id).is_none()).count();
            let other = |person: &&Person| new.person(&person.id).is_some_and(|other| other != *person);
            let changed = old.people().filter(other).count();
            let summary = Object::new()
                .with("people_added", number(added))
                .with("people_removed", number(removed))
                .with("people_changed", number(changed))
                .with("roles_changed", old.roles() != new.roles());
            let (from, to) = (now.roster.to_string(), next.roster.to_string());
            proposals.push(Self { document: Document::Roster, from, to, summary });
        }
        proposals
    }

    /// What the document is called, as the operation's resource.
    pub(super) const fn resource(&self) -> &'static str {
        match self.document {
            Document::Policy => "policy",
            Document::Roster => "roster",
            // People say themselves when they are away; nobody has to agree.
            Document::Absences => "absences",
        }
    }

    fn operation(&self) -> Result<Operation, OperationError> {
        let parameters = Object::new()
            .with("from", self.from.as_str())
            .with("summary", Value::from(self.summary.clone()))
            .with("to", self.to.as_str());
        Operation::from_json(OWN_ACTION, self.resource(), &Value::from(parameters).to_canonical())
    }
}

/// The service itself, as one who asks.
fn own_caller() -> Result<Caller, NotAName> {
    Ok(Caller { agent: AgentId::new(OWN_NAME)?, on_behalf_of: None })
}

impl Sidecar {
    /// Brings a changed document before the policy in force; one that waits already is not brought a second time.
    ///
    /// # Errors
    /// [`SidecarError`] if it could not be judged: then nothing is taken.
    pub(super) async fn propose(&self, proposal: &Proposal) -> Result<Standing, SidecarError> {
        let impossible = |error: &dyn core::fmt::Display| SidecarError::Proposal(error.to_string());
        let operation = proposal.operation().map_err(|error| impossible(&error))?;
        let caller = own_caller().map_err(|error| impossible(&error))?;
        let executor = ExecutorId::new(OWN_NAME).map_err(|error| impossible(&error))?;
        for id in self.store.open()? {
            let decided = self.desk.docket(id).await?.decided;
            if decided.agent == caller.agent && decided.digest == operation.digest() {
                return self.proposed(id).await;
            }
        }
        let resource = proposal.resource();
        let context = Context {
            reason: format!("the {resource}'s file has changed, and is sound"),
            blast_radius: "every decision from then on".to_owned(),
            reversibility: format!("the {resource} of before is in the record"),
            ..Context::default()
        };
        let ask = Ask {
            caller,
            request_id: None,
            operation,
            payload: None,
            executor,
            context,
            claims: Claims::default(),
            holder: None,
            trace: None,
        };
        let answer = self.answer(ask, None).await?;
        Ok(match (answer.granted, answer.opened) {
            (Some(_), _) => Standing::Granted(answer.txn),
            (None, Some(opened)) => Standing::Waiting(opened.id),
            (None, None) => Standing::Refused(answer.decision.reasons),
        })
    }

    /// How a proposal stands that was brought before people.
    ///
    /// # Errors
    /// [`SidecarError`] if that can't be told now.
    pub(super) async fn proposed(&self, id: EscalationId) -> Result<Standing, SidecarError> {
        let caller = own_caller().map_err(|error| SidecarError::Proposal(error.to_string()))?;
        let progress = self.progress(&caller, id).await?;
        Ok(match progress.status {
            Status::Claimed if progress.granted.is_some() => Standing::Granted(progress.txn),
            Status::Pending | Status::Approved | Status::Claimed => Standing::Waiting(id),
            Status::Denied | Status::Expired | Status::Cancelled | Status::Blocked | Status::Lapsed => {
                Standing::Refused(progress.reasons)
            }
        })
    }

    /// Withdraws a proposal that nobody needs any more.
    pub(super) async fn withdraw(&self, id: EscalationId) {
        let Ok(caller) = own_caller() else { return };
        if let Err(error) = self.cancel(&caller, id, "the file has changed again".to_owned()).await {
            tracing::debug!(escalation = %id, %error, "a proposal could not be withdrawn");
        }
    }
}
