//! Incidents: something went wrong in the world because of an operation, and an operator says so (R7).

use super::{Sidecar, SidecarError};
use crate::audit::event::{Event, Incident};
use crate::store::{Change, Index};

impl Sidecar {
    /// Records an incident of a decision that is on the record; its place there.
    ///
    /// # Errors
    /// [`SidecarError::UnknownDecision`] if there is no such decision; otherwise what kept it from being recorded.
    pub async fn incident(&self, incident: Incident) -> Result<Index, SidecarError> {
        if self.store.decided(incident.txn)?.is_none() {
            return Err(SidecarError::UnknownDecision(incident.txn));
        }
        let event = Event::Incident(Box::new(incident));
        let places = self.store.commit(Change::of(self.clock.now(), [event])).await?;
        Ok(places.start)
    }
}
