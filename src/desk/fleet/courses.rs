//! Courses: what a sidecar asks people about, how that stands, and the steps that it takes for its agent.

use super::{Fleet, FleetError, Member};
use crate::audit::event::{Decided, Event};
use crate::decision::Outcome;
use crate::desk::{Amended, Answering, Desk as _, DeskError, Docket, LocalDesk, Opened, Proposal};
use crate::escalation::{Amends, Event as Step, Terms};
use crate::party::{EscalationId, LogOrigin, TxnId};

/// The longest reason that is given for a step, in bytes, and how many of them.
const MAX_REASON: usize = 1024;
const MAX_REASONS: usize = 32;

impl Fleet {
    /// Opens the escalation of a decision that was handed over. Everything about it is the decision's.
    ///
    /// # Errors
    /// [`FleetError`]; then it is not open.
    pub async fn open(
        &self,
        member: &Member,
        txn: TxnId,
        changed_in: Option<EscalationId>,
    ) -> Result<Opened, FleetError> {
        let (decided, origin) = self
            .decision(txn)?
            .ok_or_else(|| FleetError::NotOpened(format!("decision `{txn}` was not handed over")))?;
        if origin.as_ref() != Some(&member.origin) {
            return Err(FleetError::NotItsOwn("the decision is another sidecar's"));
        }
        let (Outcome::Escalate(terms), Some(id)) = (&decided.decision.outcome, decided.escalation) else {
            return Err(FleetError::NotOpened("the decision asks nobody".to_owned()));
        };
        if decided.on_behalf_of != member.role.on_behalf_of {
            return Err(FleetError::NotOpened(
                "the agent acts for somebody else by the configuration than the decision says".to_owned(),
            ));
        }
        let policy = self.policies.of(decided.decision.policy)?;
        let policy = policy.ok_or_else(|| {
            FleetError::NotOpened("it was decided under a policy that was never in force here".to_owned())
        })?;
        if let Some(name) = &decided.decision.rule {
            let rule = policy.rules().iter().find(|rule| *rule.name == **name);
            let asks = rule.map(|rule| &rule.outcome);
            if let Some(Outcome::Escalate(asked)) = asks
                && !asks_as_many(terms, asked)
            {
                return Err(FleetError::NotOpened(format!(
                    "it asks less of people than the rule `{name}` does"
                )));
            }
        }
        let amends = changed_in.map(|id| self.amended(member, id, &decided)).transpose()?;
        // Held until it is open. One that is open already has its room.
        let open = !self.store.course(id)?.records.is_empty();
        let most = self.policies.in_force()?.open_per_agent() + usize::from(amends.is_some());
        let room = self.desk.room(&decided.agent, most);
        if room.is_none() && !open {
            return Err(FleetError::NoRoom(most));
        }
        let terms = terms.clone();
        let operators = member.role.operators.clone();
        let proposal = Proposal { id, decided, terms, operators, amends: amends.map(Box::new) };
        Ok(self.desk.open(proposal).await?)
    }

    /// A reviewer's change that the agent has accepted.
    fn amended(&self, member: &Member, id: EscalationId, decided: &Decided) -> Result<Amended, FleetError> {
        let docket = self.own(member, id)?;
        let case = docket.escalation.case();
        let amendment =
            case.amendment().filter(|amendment| Some(amendment.successor()) == decided.escalation);
        let amendment = amendment.ok_or_else(|| {
            FleetError::NotOpened(format!("nobody proposed this change in escalation `{id}`"))
        })?;
        let by = amendment.vote.person().clone();
        let since = case.opening().before(&by);
        Ok(Amended { from: Amends { escalation: id, by, since }, vote: amendment.vote.clone() })
    }

    /// A decision on record, and the log that it was adopted from.
    fn decision(&self, txn: TxnId) -> Result<Option<(Decided, Option<LogOrigin>)>, FleetError> {
        let Some(index) = self.store.decided(txn)? else { return Ok(None) };
        let record = self.store.record(index)?;
        let Event::Decided(decided) = LocalDesk::with_stand_in(record.clone()).event else { return Ok(None) };
        Ok(Some((*decided, record.from.map(|from| from.origin))))
    }

    /// An escalation of this sidecar's agent, as it is recorded.
    fn own(&self, member: &Member, id: EscalationId) -> Result<Docket, FleetError> {
        let docket = match self.desk.read(id) {
            Err(DeskError::Unknown(_)) => return Err(FleetError::Unknown(id)),
            other => other?,
        };
        // Whose else it is, nobody is told.
        match docket.decided.agent == member.role.agent {
            true => Ok(docket),
            false => Err(FleetError::Unknown(id)),
        }
    }

    /// How an escalation of this sidecar's agent stands; a deadline that has passed has taken effect.
    ///
    /// # Errors
    /// [`FleetError::Unknown`] if there is none.
    pub async fn docket(&self, member: &Member, id: EscalationId) -> Result<Docket, FleetError> {
        self.own(member, id)?;
        Ok(self.desk.docket(id).await?)
    }

    /// The course of an escalation, as it is recorded.
    ///
    /// # Errors
    /// [`FleetError::Store`] if it can't be read.
    pub fn course(&self, id: EscalationId) -> Result<Vec<Step>, FleetError> {
        let records = self.store.course(id)?.records.into_iter();
        let step = |event| if let Event::Escalation { step, .. } = event { Some(step) } else { None };
        Ok(records.filter_map(|(_, record)| step(record.event)).collect())
    }

    /// The agent withdraws it.
    ///
    /// # Errors
    /// [`FleetError`] if it is not its agent's, or over.
    pub async fn cancel(
        &self,
        member: &Member,
        id: EscalationId,
        reason: String,
    ) -> Result<Docket, FleetError> {
        self.own(member, id)?;
        if reason.len() > MAX_REASON {
            return Err(FleetError::Malformed("the reason is too long"));
        }
        self.take(self.desk.cancel(id, member.role.agent.clone(), reason)).await
    }

    /// The authority of an approved escalation is handed out, once, and only to the sidecar whose decision it was.
    ///
    /// # Errors
    /// [`FleetError`] if it is another's, or not approved.
    pub async fn claim(&self, member: &Member, id: EscalationId) -> Result<Docket, FleetError> {
        self.its_own(member, id)?;
        self.take(self.desk.claim(id)).await
    }

    /// An approved escalation may not be carried out any more.
    ///
    /// # Errors
    /// [`FleetError`] if it is another's, or over.
    pub async fn block(
        &self,
        member: &Member,
        id: EscalationId,
        reasons: Vec<String>,
    ) -> Result<Docket, FleetError> {
        self.its_own(member, id)?;
        if reasons.len() > MAX_REASONS || reasons.iter().any(|reason| reason.len() > MAX_REASON) {
            return Err(FleetError::Malformed("the reasons are too long"));
        }
        self.take(self.desk.block(id, reasons)).await
    }

    /// The agent has taken the changed operation instead.
    ///
    /// # Errors
    /// [`FleetError`] if it is not its agent's, or no change was proposed.
    pub async fn accept(&self, member: &Member, id: EscalationId) -> Result<Docket, FleetError> {
        self.own(member, id)?;
        self.take(self.desk.accept(id, member.role.agent.clone())).await
    }

    async fn take(&self, step: Answering<'_, Docket>) -> Result<Docket, FleetError> {
        Ok(step.await?)
    }

    /// Whether the decision that asked for it is this sidecar's own.
    fn its_own(&self, member: &Member, id: EscalationId) -> Result<(), FleetError> {
        let docket = self.own(member, id)?;
        match self.decision(docket.decided.txn)? {
            Some((_, Some(origin))) if origin == member.origin => Ok(()),
            Some(_) | None => Err(FleetError::NotItsOwn("the decision is another sidecar's")),
        }
    }
}

/// Whether these terms ask no fewer people than those of the rule, and each known as surely as the least of them.
fn asks_as_many(terms: &Terms, rule: &Terms) -> bool {
    let least = |terms: &Terms| {
        terms.requirement.seats().iter().map(crate::escalation::requirement::Seat::assurance).min()
    };
    terms.requirement == rule.requirement
        || terms.requirement.people() >= rule.requirement.people() && least(terms) >= least(rule)
}
