//! What a reviewer is shown: the queue, and one escalation with all that is needed to decide.

use super::local::LocalDesk;
use super::opening::rendering;
use super::words::can_complete;
use super::{Desk as _, DeskError, Docket};
use crate::audit::event::{Decided, Event};
use crate::operation::Operation;
use crate::operation::render::Rendering;
use crate::party::EscalationId;
use crate::reviewer::Directory;
use std::sync::Arc;

/// How many of an agent's recent decisions a reviewer sees.
const RECENT: usize = 10;

/// One escalation with everything that a reviewer needs.
#[derive(Clone, Debug)]
pub struct View {
    /// The escalation as it stands.
    pub docket: Docket,
    /// The raw payload; empty where there is none.
    pub payload: Vec<u8>,
    /// What the operation looks like, made by the one renderer.
    pub rendering: Rendering,
    /// Who could still complete it.
    pub can_complete: Vec<String>,
    /// The conditions that the executor enforces.
    pub conditions_allowed: Vec<String>,
    /// What the agent did lately, newest first.
    pub recent_activity: Vec<String>,
}

impl LocalDesk {
    /// The people who may be asked now.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.roster.directory()
    }

    /// One escalation with everything that a reviewer needs.
    ///
    /// # Errors
    /// [`DeskError::Unknown`] if there is none of this id; otherwise why it can't be read.
    pub async fn show(&self, id: EscalationId) -> Result<View, DeskError> {
        let docket = self.docket(id).await?;
        self.view_of(id, docket)
    }

    /// … as it is recorded, without letting what is due take effect.
    pub(super) fn view(&self, id: EscalationId) -> Result<View, DeskError> {
        self.view_of(id, self.read(id)?)
    }

    fn view_of(&self, id: EscalationId, docket: Docket) -> Result<View, DeskError> {
        let (rendering, payload) = rendering(id, &docket.decided)?;
        let here = self.here();
        let enforced = self.enforced.get(&docket.decided.executor);
        let conditions_allowed =
            enforced.into_iter().flatten().map(|kind| kind.as_str().to_owned()).collect();
        let can_complete = can_complete(&docket.escalation, &here.attendance());
        let recent_activity = self.recent_activity(&docket.decided)?;
        Ok(View { docket, payload, rendering, can_complete, conditions_allowed, recent_activity })
    }

    fn recent_activity(&self, of: &Decided) -> Result<Vec<String>, DeskError> {
        let mut lines = Vec::new();
        for index in self.store.decisions_of(&of.agent, RECENT + 1)? {
            let record = self.store.record(index)?;
            if let Event::Decided(decided) = record.event
                && decided.txn != of.txn
            {
                let (action, resource) = subject(&decided);
                let outcome = decided.decision.outcome.as_str();
                lines.push(format!("{}  {outcome}  {action} on {resource}", record.at));
            }
        }
        lines.truncate(RECENT);
        Ok(lines)
    }
}

impl Docket {
    /// What is done, and to what.
    #[must_use]
    pub fn subject(&self) -> (String, String) {
        subject(&self.decided)
    }
}

fn subject(decided: &Decided) -> (String, String) {
    match Operation::from_op_bytes(decided.shown().as_bytes()) {
        Ok(operation) => (operation.action().to_owned(), operation.resource().to_owned()),
        Err(_) => ("(unreadable)".to_owned(), "(unreadable)".to_owned()),
    }
}
