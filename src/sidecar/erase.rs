//! Erasing: a value that is kept apart from the log goes, what proves it stays.

use super::{Sidecar, SidecarError};
use crate::audit::event::{Event, Record};
use crate::digest::ValueDigest;
use crate::party::TxnId;
use crate::store::Change;

/// What is to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToErase {
    /// One value.
    Value(ValueDigest),
    /// Every value that is kept for what belongs to a decision.
    Decision(TxnId),
}

impl Sidecar {
    /// Erases values, each on record before it goes. Erasing again does no harm.
    ///
    /// # Errors
    /// [`SidecarError::UnknownDecision`] if there is none, [`SidecarError::NothingApart`] if nothing is kept for it;
    /// otherwise what kept it from being recorded or erased.
    pub async fn erase(
        &self,
        which: ToErase,
        by: String,
        why: String,
    ) -> Result<Vec<ValueDigest>, SidecarError> {
        let values = match which {
            ToErase::Value(value) => vec![value],
            ToErase::Decision(txn) => self.apart_of(txn)?,
        };
        // Before it is recorded that they are erased: there have to be such values.
        if values
            .iter()
            .map(|value| self.store.keeps(*value))
            .collect::<Result<Vec<_>, _>>()?
            .contains(&false)
        {
            return Err(SidecarError::NothingApart);
        }
        for value in &values {
            self.store.will_erase(*value)?;
        }
        let events =
            values.iter().map(|value| Event::Erased { value: *value, by: by.clone(), why: why.clone() });
        self.store.commit(Change::of(self.clock.now(), events)).await?;
        for value in &values {
            self.store.erase(*value)?;
        }
        Ok(values)
    }

    fn apart_of(&self, txn: TxnId) -> Result<Vec<ValueDigest>, SidecarError> {
        let chain = self.store.chain(txn)?;
        if chain.is_empty() {
            return Err(SidecarError::UnknownDecision(txn));
        }
        let mut values = Vec::new();
        for index in chain {
            let record = Record::from_bytes(&self.store.leaf(index)?)?;
            values.extend(record.apart.values().map(|apart| apart.value));
        }
        if values.is_empty() { Err(SidecarError::NothingApart) } else { Ok(values) }
    }
}
