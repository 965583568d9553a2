//! Receipts: what an executor signs about the use of a token, `countersign-receipt+jwt`.
//!
//! A receipt is made of a [`VerifiedOperation`] and of nothing else, so none exists for what was not verified. The
//! first one is made before the operation runs and says `unknown`: should the executor stop in between, that one
//! stays. The one after it says how the operation ended.

mod error;
mod facts;

pub use error::ReceiptError;
pub use facts::PresentedFacts;

use super::certificate::{CertificateError, KeyUse};
use super::claims::VERSION;
use super::compact::{Compact, FormError, Kind, MAX_MINTED, SigningInput};
use super::key::PublicKey;
use super::members::{ClaimFault, Members};
use super::trust::Anchor;
use super::verify::VerifiedOperation;
use crate::condition::{Condition, ConditionKind, ExecutionFacts, Unmet};
use crate::digest::{KeyId, OperationDigest};
use crate::moment::Moment;
use crate::operation::json::{Limits, Object, Value};
use crate::party::{ExecutorId, TokenId, TrustDomain, TxnId};
use core::fmt;
use core::time::Duration;

/// The most bytes of a receipt.
pub const MAX_RECEIPT: usize = MAX_MINTED;
/// How far the clock of an executor may be ahead of that of whoever reads its receipt.
const SKEW: Duration = Duration::from_secs(30);

/// How the use of a token ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UseOutcome {
    /// It was done.
    Succeeded,
    /// It was tried and failed.
    Failed,
    /// The executor has not said, or stopped before it could.
    Unknown,
}

impl UseOutcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Succeeded, Self::Failed, Self::Unknown];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of that name, byte for byte.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

impl fmt::Display for UseOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a receipt says. Times are in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptClaims {
    /// `iss`: the trust domain of the token.
    pub domain: TrustDomain,
    /// `sub`: the executor, whose key signed.
    pub executor: ExecutorId,
    /// `jti`: that of the token.
    pub jti: TokenId,
    /// `txn`: the decision that the token carries out.
    pub txn: TxnId,
    /// `cs_op`: the operation's digest.
    pub operation: OperationDigest,
    /// `cs_outcome`: how it ended.
    pub outcome: UseOutcome,
    /// `cs_began`: when it began to run.
    pub began: Moment,
    /// `cs_ended`: when it ended; absent exactly where the outcome is unknown.
    pub ended: Option<Moment>,
    /// `iat`: when the receipt was signed.
    pub issued_at: Moment,
    /// `cs_disch`: the token's conditions, which the executor says it kept to.
    pub discharged: Vec<ConditionKind>,
    /// `cs_facts`: how the operation ran, as far as those conditions are about it.
    pub facts: PresentedFacts,
}

/// A receipt that is to be signed: of the use of a token that was verified and consumed here.
///
/// ```compile_fail
/// # use countersign::token::{Receipt, ReceiptClaims};
/// fn forge(claims: ReceiptClaims) -> Receipt {
///     Receipt(claims) // error[E0423]: the field is private
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(ReceiptClaims);

impl Receipt {
    /// The receipt of an operation that begins to run now, with what the executor says about this execution. `None` if
    /// the executor's name is none: then no token was ever accepted for it.
    #[must_use]
    pub fn begun(verified: &VerifiedOperation, facts: &ExecutionFacts, now: Moment) -> Option<Self> {
        let (claims, now) = (verified.claims(), whole(now));
        Some(Self(ReceiptClaims {
            domain: claims.issuer.clone(),
            executor: ExecutorId::new(claims.audience.executor()).ok()?,
            jti: claims.jti,
            txn: claims.txn,
            operation: claims.operation,
            outcome: UseOutcome::Unknown,
            began: now,
            ended: None,
            issued_at: now,
            discharged: claims.conditions.iter().map(Condition::kind).collect(),
            facts: PresentedFacts::about(&claims.conditions, facts),
        }))
    }

    /// … that has ended now, one way or the other.
    #[must_use]
    pub fn ended(mut self, outcome: UseOutcome, now: Moment) -> Self {
        // A clock that was set back meanwhile does not make it end before it began.
        let now = whole(now).max(self.0.began);
        self.0.outcome = outcome;
        self.0.ended = (outcome != UseOutcome::Unknown).then_some(now);
        self.0.issued_at = now;
        self
    }

    /// What it says.
    #[must_use]
    pub const fn claims(&self) -> &ReceiptClaims {
        &self.0
    }

    /// The bytes that the executor's key for receipts is to sign.
    ///
    /// # Errors
    /// [`ReceiptError::Form`] if it would be longer than [`MAX_RECEIPT`].
    pub fn signing_input(&self, key: &PublicKey) -> Result<SigningInput, ReceiptError> {
        self.0.signing_input(key)
    }
}

const fn whole(moment: Moment) -> Moment {
    Moment::from_unix_seconds(moment.unix_seconds())
}

const NAMES: [&str; 12] = [
    "cs_began",
    "cs_disch",
    "cs_ended",
    "cs_facts",
    "cs_op",
    "cs_outcome",
    "cs_v",
    "iat",
    "iss",
    "jti",
    "sub",
    "txn",
];
const LIMITS: Limits = Limits { bytes: MAX_RECEIPT, depth: 8, members: 512 };

impl ReceiptClaims {
    /// Reads a receipt that an executor of this trust domain signed with a key that was certified for its receipts.
    /// That it belongs to a token that was minted is for the reader to find out.
    ///
    /// * `certificates` lead to its key from a root, the root's first.
    /// * `revoked` says which keys are not trusted any more.
    /// * `now` is the reader's time; a receipt of any age is read.
    ///
    /// # Errors
    /// [`ReceiptError`] of the first step that fails.
    pub fn read(
        receipt: &str,
        certificates: &[&str],
        anchor: &Anchor,
        revoked: impl Fn(&KeyId) -> bool,
        now: Moment,
    ) -> Result<Self, ReceiptError> {
        let jws = Compact::read(receipt, Kind::Receipt, MAX_RECEIPT).map_err(ReceiptError::Form)?;
        let unknown = ReceiptError::KeyUnknown(None);
        let chain = anchor.chain(certificates, &[]).map_err(|error| ReceiptError::KeyUnknown(Some(error)))?;
        let chain = chain.ok_or(unknown)?;
        let id = jws.key_id().ok_or(unknown)?;
        let key = chain.links.last().filter(|key| key.key.id() == id).ok_or(unknown)?;
        if key.usage != KeyUse::Receipt {
            return Err(ReceiptError::KeyUnknown(Some(CertificateError::Use)));
        }
        if chain.ids().any(|id| revoked(&id)) {
            return Err(ReceiptError::KeyRevoked);
        }
        if !jws.names_algorithm_of(&key.key) {
            return Err(ReceiptError::AlgMismatch);
        }
        jws.verify(&key.key).map_err(|_| ReceiptError::SignatureInvalid)?;
        let (version, claims) = Self::read_claims(jws.claims()).map_err(ReceiptError::Claims)?;
        if version != VERSION {
            return Err(ReceiptError::VersionUnsupported);
        }
        if claims.domain != *anchor.domain() {
            return Err(ReceiptError::IssuerMismatch);
        }
        if !chain.links.iter().all(|link| link.scope.names(claims.executor.as_str())) {
            return Err(ReceiptError::KeyScope);
        }
        if !chain.covers(claims.issued_at, Duration::ZERO) {
            return Err(ReceiptError::KeyExpired);
        }
        if claims.issued_at > now.plus(SKEW) {
            return Err(ReceiptError::TimeFuture);
        }
        if claims.are_in_order() { Ok(claims) } else { Err(ReceiptError::TimeOrder) }
    }

    /// The version of the profile, and what the claims say.
    fn read_claims(bytes: &[u8]) -> Result<(u64, Self), ClaimFault> {
        let value = Members::parse(bytes, &LIMITS)?;
        let members = Members::of(&value, &NAMES)?;
        let discharged = members.optional("cs_disch", |_| members.list("cs_disch", ConditionKind::parse))?;
        let discharged = match discharged {
            Some(kinds) if kinds.is_empty() => return Err(ClaimFault::Wrong("cs_disch")),
            kinds => kinds.unwrap_or_default(),
        };
        let facts = members.optional("cs_facts", PresentedFacts::read)?.unwrap_or_default();
        let outcome = members.matching("cs_outcome", UseOutcome::parse)?;
        let ended = members.optional("cs_ended", |_| members.second("cs_ended"))?;
        if ended.is_none() != (outcome == UseOutcome::Unknown) {
            return Err(ClaimFault::Wrong("cs_ended"));
        }
        let claims = Self {
            domain: members.parsed("iss", TrustDomain::new)?,
            executor: members.parsed("sub", ExecutorId::new)?,
            jti: members.matching("jti", TokenId::parse)?,
            txn: members.matching("txn", TxnId::parse)?,
            operation: members.matching("cs_op", OperationDigest::parse)?,
            outcome,
            began: members.second("cs_began")?,
            ended,
            issued_at: members.second("iat")?,
            discharged,
            facts,
        };
        Ok((members.number("cs_v")?, claims))
    }

    fn are_in_order(&self) -> bool {
        let ended = self.ended.unwrap_or(self.began);
        self.began <= ended && ended <= self.issued_at
    }

    /// Whether the operation ran as this condition of its token demands, by what the executor says.
    ///
    /// # Errors
    /// [`Unmet`]: it did not, or the receipt does not say.
    pub fn meets(&self, condition: &Condition) -> Result<(), Unmet> {
        self.facts.meet(condition, self.began)
    }

    fn signing_input(&self, key: &PublicKey) -> Result<SigningInput, ReceiptError> {
        let mut claims = Object::new()
            .with("cs_began", self.began.unix_seconds())
            .with("cs_op", self.operation.to_string())
            .with("cs_outcome", self.outcome.as_str())
            .with("cs_v", VERSION)
            .with("iat", self.issued_at.unix_seconds())
            .with("iss", self.domain.as_str())
            .with("jti", self.jti.to_string())
            .with("sub", self.executor.as_str())
            .with("txn", self.txn.to_string());
        if let Some(ended) = self.ended {
            claims.set("cs_ended", ended.unix_seconds());
        }
        if !self.discharged.is_empty() {
            let kinds: Vec<Value> = self.discharged.iter().map(|kind| Value::from(kind.as_str())).collect();
            claims.set("cs_disch", kinds);
        }
        if self.facts != PresentedFacts::default() {
            claims.set("cs_facts", self.facts.to_value());
        }
        let input = SigningInput::new(Kind::Receipt, key, &Value::from(claims).to_canonical());
        match input.signed_len() > MAX_RECEIPT {
            true => Err(ReceiptError::Form(FormError::Size)),
            false => Ok(input),
        }
    }
}
