//! Receipts: what executors signed about the use of tokens, back into the record.

use super::{Sidecar, SidecarError};
use crate::audit::event::{Event, Outcome, Receipted};
use crate::party::TxnId;
use crate::store::{Change, Index, StoreError};
use crate::token::{ReceiptClaims, ReceiptError, UseOutcome};

/// How many receipts of one token are kept: the one of its beginning, the one of its end, and a few that ought not to
/// be, because each is a finding.
pub const MAX_RECEIPTS: usize = 8;

/// A receipt with the certificates of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    /// The receipt.
    pub receipt: String,
    /// The certificates that lead to its key from a root, the root's first.
    pub certificates: Vec<String>,
}

/// A receipt that is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnRecord {
    /// Where.
    pub index: Index,
    /// What it says.
    pub claims: ReceiptClaims,
    /// It was there before.
    pub known: bool,
}

impl Sidecar {
    /// Records a receipt, whoever brings it: it counts for the executor that signed it. The same receipt again gets
    /// the same answer.
    ///
    /// # Errors
    /// [`SidecarError::Receipt`] if it is not one of a token that was minted here; otherwise what kept it from being
    /// recorded.
    pub async fn add_receipt(&self, signed: SignedReceipt) -> Result<OnRecord, SidecarError> {
        let claims = self.check_receipt(&signed)?;
        let now = self.clock.now();
        let change = Change::of(now, [receipted(&claims, signed)]);
        match self.store.commit(change).await {
            Ok(places) => Ok(OnRecord { index: places.start, claims, known: false }),
            Err(StoreError::Answered(index)) => Ok(OnRecord { index, claims, known: true }),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a receipt is one of a token that was minted here.
    pub(super) fn check_receipt(&self, signed: &SignedReceipt) -> Result<ReceiptClaims, SidecarError> {
        let certificates: Vec<&str> = signed.certificates.iter().map(String::as_str).collect();
        let revoked = self.issuance.revoked();
        let claims = ReceiptClaims::read(
            &signed.receipt,
            &certificates,
            self.issuance.anchor(),
            |id| revoked.contains(id),
            self.clock.now(),
        );
        let claims = claims.map_err(SidecarError::Receipt)?;
        let refused = |error| Err(SidecarError::Receipt(error));
        let (Some(decided), Some(minted)) = (self.store.decided(claims.txn)?, self.store.minted(claims.txn)?)
        else {
            return refused(ReceiptError::NotMinted);
        };
        let (Event::Decided(decided), Event::Minted(minted)) =
            (self.store.record(decided)?.event, self.store.record(minted)?.event)
        else {
            return refused(ReceiptError::NotMinted);
        };
        let same = claims.jti == minted.jti
            && claims.operation == decided.digest
            && claims.executor == decided.executor;
        if !same {
            return refused(ReceiptError::OtherToken);
        }
        let receipts = self.store.receipts(claims.txn)?;
        if receipts.len() >= MAX_RECEIPTS && !self.is_among(&receipts, &signed.receipt)? {
            return refused(ReceiptError::TooMany);
        }
        Ok(claims)
    }

    fn is_among(&self, receipts: &[Index], wanted: &str) -> Result<bool, SidecarError> {
        for index in receipts {
            if let Event::Receipted(receipted) = self.store.record(*index)?.event
                && receipted.receipt == wanted
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The receipt that an agent brings with its report of this decision, if it can be recorded.
    pub(super) fn carried(&self, txn: TxnId, signed: SignedReceipt) -> Result<Option<Event>, SidecarError> {
        let claims = self.check_receipt(&signed)?;
        if claims.txn != txn {
            return Err(SidecarError::Receipt(ReceiptError::OtherToken));
        }
        let known = self.is_among(&self.store.receipts(txn)?, &signed.receipt)?;
        Ok((!known).then(|| receipted(&claims, signed)))
    }
}

fn receipted(claims: &ReceiptClaims, signed: SignedReceipt) -> Event {
    Event::Receipted(Box::new(Receipted {
        txn: claims.txn,
        jti: claims.jti,
        executor: claims.executor.clone(),
        outcome: match claims.outcome {
            UseOutcome::Succeeded => Outcome::Succeeded,
            UseOutcome::Failed => Outcome::Failed,
            UseOutcome::Unknown => Outcome::Unknown,
        },
        receipt: signed.receipt,
        certificates: signed.certificates,
    }))
}
