//! Reports: what became of an operation, as the agent tells it.

use super::{Caller, Sidecar, SidecarError};
use crate::audit::event::{Event, Outcome, Reported};
use crate::party::TxnId;
use crate::store::Change;

/// What an agent reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The decision.
    pub txn: TxnId,
    /// What happened.
    pub outcome: Outcome,
    /// An executor's refusal code, where the token was refused.
    pub code: String,
    /// More, in words.
    pub detail: String,
}

impl Sidecar {
    /// Records what became of a decision of this agent.
    ///
    /// # Errors
    /// [`SidecarError::UnknownDecision`] if it is not this agent's; otherwise what kept it from being recorded.
    pub async fn report(&self, caller: &Caller, report: Report) -> Result<(), SidecarError> {
        let unknown = SidecarError::UnknownDecision(report.txn);
        let Some(index) = self.store.decided(report.txn)? else { return Err(unknown) };
        let Event::Decided(decided) = self.store.record(index)?.event else { return Err(unknown) };
        if decided.agent != caller.agent {
            return Err(unknown);
        }
        let Report { txn, outcome, code, detail } = report;
        let agent = caller.agent.clone();
        let reported = Reported { txn, agent, outcome, code, detail };
        let now = self.clock.now();
        let event = Event::Reported(reported);
        let anomalous = event.anomaly_of().is_some();
        self.store.commit(Change::of(now, [event])).await?;
        if anomalous {
            self.memories.anomaly(&caller.agent, now);
        }
        Ok(())
    }
}
