//! Minting: recorded first, signed after, so that no token exists without its place in the log.

use super::{Sidecar, SidecarError};
use crate::audit::event::{Decided, Event, Minted};
use crate::condition::Condition;
use crate::digest::{KeyId, from_base64url};
use crate::moment::Moment;
use crate::party::{EscalationId, TokenId};
use crate::store::{Change, Index, StoreError};
use crate::token::{
    Algorithm, Approval, DEFAULT_LIFE, Draft, Executor, Grant, LogLeaf, PublicKey, RiskScore,
};
use core::time::Duration;
use tracing::Instrument as _;

/// A token with what goes beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The authority token.
    pub token: String,
    /// The certificates that lead from a root to its key, the root's first.
    pub certificates: Vec<String>,
    /// The reviewers' signed votes.
    pub evidence: Vec<Vec<u8>>,
    /// The canonical operation.
    pub op_bytes: Vec<u8>,
    /// What must hold when it is executed.
    pub conditions: Vec<Condition>,
    /// When the token expires.
    pub expires_at: Moment,
    /// The proof that its mint is in the log, where the policy demanded witnesses (C2SP tlog-proof); the entry is its
    /// extra data.
    pub log_proof: Option<String>,
}

/// What is to be minted for a decision.
pub(super) struct Mint<'a> {
    pub(super) decided: &'a Decided,
    pub(super) executor: &'a Executor,
    pub(super) conditions: Vec<Condition>,
    pub(super) approvals: Vec<Approval>,
    pub(super) escalation: Option<EscalationId>,
    pub(super) life: Duration,
}

impl Sidecar {
    /// Records an allowed decision together with its mint, as `with` has it, then signs.
    pub(super) async fn mint_allowed(
        &self,
        decided: Box<Decided>,
        executor: &Executor,
        conditions: Vec<Condition>,
        now: Moment,
        with: impl FnOnce(Change) -> Change,
    ) -> Result<Granted, SidecarError> {
        let approvals = Vec::new();
        let mint =
            Mint { decided: &decided, executor, conditions, approvals, escalation: None, life: DEFAULT_LIFE };
        let (minted, draft) = self.draft(&mint, now)?;
        let kid = minted.kid;
        let change = Change::of(now, [Event::Decided(decided.clone()), Event::Minted(Box::new(minted))]);
        let committing = self.store.commit(with(change));
        let places = committing.instrument(tracing::info_span!("commit")).await?;
        self.sign(kid, &draft, places.end.saturating_sub(1), &decided).await
    }

    /// What is to be recorded, with the key that will sign it, and the draft that was recorded thereby.
    pub(super) fn draft(&self, mint: &Mint<'_>, now: Moment) -> Result<(Minted, Draft), SidecarError> {
        if let Some(why) = self.tether.as_ref().and_then(|tether| tether.halted()) {
            return Err(SidecarError::Halted(why));
        }
        let authority = self.issuance.current(now).map_err(|error| SidecarError::NoKey(error.to_string()))?;
        let decided = mint.decided;
        if mint.escalation.is_some() && decided.is_erased() {
            return Err(SidecarError::Erased(decided.txn));
        }
        let score = u64::from(decided.decision.assessment.score.thousandths());
        let jti = TokenId::from_random(self.entropy.bits128()?);
        let grant = Grant {
            issuer: self.domain.clone(),
            subject: decided.agent.clone(),
            on_behalf_of: decided.on_behalf_of.clone(),
            issued_at: now,
            life: mint.life,
            jti,
            txn: decided.txn,
            holder: holder(decided)?,
            operation: decided.digest,
            policy: decided.decision.policy,
            risk: RiskScore::from_thousandths(score).ok_or_else(|| damaged("the score is above 1"))?,
            conditions: mint.conditions.clone(),
            approvals: mint.approvals.clone(),
        };
        let draft = Draft::new(&grant, mint.executor)?;
        let claims = String::from_utf8_lossy(&draft.claims_without_log()).into_owned();
        let kid = authority.key_id();
        Ok((Minted { txn: decided.txn, jti, kid, escalation: mint.escalation, claims }, draft))
    }

    /// Signs again what is recorded at `index`. The same record always gives the same token.
    pub(super) async fn sign_recorded(
        &self,
        minted: &Minted,
        index: Index,
        decided: &Decided,
    ) -> Result<Granted, SidecarError> {
        if decided.is_erased() {
            return Err(SidecarError::Erased(decided.txn));
        }
        let draft = Draft::from_recorded(minted.claims.as_bytes())
            .ok_or_else(|| damaged(&format!("the claims in record {index} are not those of a token")))?;
        self.sign(minted.kid, &draft, index, decided).await
    }

    /// Signs a draft that is recorded at `index`, once as many witnesses have seen that as the decision demands.
    pub(super) async fn sign(
        &self,
        kid: KeyId,
        draft: &Draft,
        index: Index,
        decided: &Decided,
    ) -> Result<Granted, SidecarError> {
        let authority = self.issuance.of(kid).ok_or(SidecarError::KeyGone)?;
        let log_proof = match usize::try_from(decided.decision.witnesses).unwrap_or(usize::MAX) {
            0 => None,
            witnesses => Some(self.checkpoints.witnessed(index, witnesses).await?.to_string()),
        };
        let _signing = tracing::info_span!("mint", txn = %decided.txn).entered();
        let leaf = LogLeaf { origin: self.origin.clone(), index };
        let input = draft.with_log(&leaf, authority.signer().public_key())?;
        let signature = authority.signer().sign(input.bytes())?;
        Ok(Granted {
            token: input.assemble(&signature),
            certificates: authority.chain().to_vec(),
            evidence: Vec::new(),
            op_bytes: decided.op.clone().into_bytes(),
            conditions: draft.conditions().unwrap_or_default(),
            expires_at: draft.expires_at().unwrap_or_default(),
            log_proof,
        })
    }

    /// The token whose mint is recorded at `index`, again.
    pub(super) async fn granted_at(&self, index: Index, decided: &Decided) -> Result<Granted, SidecarError> {
        if let Event::Minted(minted) = self.store.record(index)?.event
            && minted.txn == decided.txn
        {
            return self.sign_recorded(&minted, index, decided).await;
        }
        Err(damaged(&format!("record {index} is not the mint of decision {}", decided.txn)))
    }
}

pub(super) fn holder(decided: &Decided) -> Result<Option<PublicKey>, SidecarError> {
    let Some(text) = &decided.holder_key else { return Ok(None) };
    let bytes = from_base64url(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let key = bytes.and_then(|bytes| PublicKey::from_bytes(&bytes, Algorithm::EdDsa).ok());
    key.map(Some).ok_or_else(|| damaged("the holder key is not a key"))
}

fn damaged(what: &str) -> SidecarError {
    SidecarError::Store(StoreError::Damaged(what.to_owned()))
}
