//! Drills: proposals that ought to be denied, to measure how well people look (V3). Nobody asked for them, nothing
//! counts for the agent that they name, and by construction no token is ever minted for one.

use super::{Ask, Sidecar, SidecarError};
use crate::audit::event::Decided;
use crate::decision::Outcome;
use crate::desk::{Opened, Proposal};
use crate::escalation::{OnTimeout, Terms};
use crate::party::{EscalationId, TxnId};

impl Sidecar {
    /// Puts a proposal before people as if the agent in `ask` had made it. Who has to decide is what the policy says to
    /// the like.
    ///
    /// # Errors
    /// [`SidecarError::NoDrill`] if the policy would ask nobody; otherwise why it could not be recorded.
    pub async fn drill(&self, ask: &Ask, by: String) -> Result<Opened, SidecarError> {
        let roles = self.roles.load_full();
        let executor = roles.executors.get(&ask.executor);
        let executor = executor.ok_or_else(|| SidecarError::UnknownExecutor(ask.executor.clone()))?;
        let now = self.sure_time()?;
        let decision = self.decide_again(ask, executor, now)?;
        let Outcome::Escalate(terms) = &decision.outcome else {
            return Err(SidecarError::NoDrill(decision.reasons));
        };
        // Whatever is lenient about the real thing is not rehearsed: nobody breaks glass for a drill.
        let terms = Terms { break_glass: None, on_timeout: OnTimeout::Deny, ..terms.clone() };
        let id = EscalationId::from_random(self.entropy.bits128()?);
        let txn = TxnId::from_random(self.entropy.bits128()?);
        let decided = Decided { request_id: None, ..super::authorize::decided(ask, txn, decision, Some(id)) };
        let decided = self.masked(&ask.operation, decided);
        let operators = self.roles.load().operators.get(&decided.agent).cloned().unwrap_or_default();
        let proposal = Proposal { id, decided, terms, operators, amends: None };
        Ok(self.desk.drill(proposal, by).await?)
    }
}
