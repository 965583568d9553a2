//! Reports: what became of an operation, as the agent tells it.

use super::{Caller, Sidecar, SidecarError, SignedReceipt};
use crate::audit::event::{Event, Outcome, Reported};
use crate::party::TxnId;
use crate::store::{Change, StoreError};

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
    /// What the executor signed about it, where the agent was given that: it merely carries it.
    pub receipt: Option<SignedReceipt>,
}

impl Sidecar {
    /// Records what became of a decision of this agent.
    ///
    /// # Errors
    /// [`SidecarError::UnknownDecision`] if it is not this agent's, [`SidecarError::Receipt`] if the receipt is not one
    /// of its token: then nothing is recorded; otherwise what kept it from being recorded.
    pub async fn report(&self, caller: &Caller, report: Report) -> Result<(), SidecarError> {
        let unknown = SidecarError::UnknownDecision(report.txn);
        let Some(index) = self.store.decided(report.txn)? else { return Err(unknown) };
        let Event::Decided(decided) = self.store.record(index)?.event else { return Err(unknown) };
        if decided.agent != caller.agent {
            return Err(unknown);
        }
        let Report { txn, outcome, code, detail, receipt } = report;
        let receipt = receipt.map(|receipt| self.carried(txn, receipt)).transpose()?.flatten();
        let agent = caller.agent.clone();
        let reported = Reported { txn, agent, outcome, code, detail };
        let now = self.clock.now();
        let event = Event::Reported(reported);
        let anomalous = event.anomaly_of().is_some();
        let change = Change::of(now, [event.clone()].into_iter().chain(receipt));
        let mut recorded = self.store.commit(change).await;
        if let Err(StoreError::Answered(_)) = recorded {
            // The same receipt has come in another way meanwhile.
            recorded = self.store.commit(Change::of(now, [event])).await;
        }
        recorded?;
        if anomalous {
            self.memories.anomaly(&caller.agent, now);
        }
        Ok(())
    }
}
