//! The verifier: every step of TOKEN §7 in its order, and the value that only it can make.

use super::audience::{Audience, Executor};
use super::bundle::TrustBundle;
use super::claims::{Claims, ReadClaims, VERSION};
use super::compact::{Compact, Kind, MAX_VERIFIED};
use super::config::{ClockReading, VerifierConfig};
use super::evidence::EvidenceError;
use super::guard::{KEPT_AFTER_EXPIRY, ReplayGuard, ReplayKey, TokenUse};
use super::log_proof;
use super::possession::Possession;
use super::refusal::{BundleState, OtherAudience, Refusal};
use super::seen::SeenChains;
use super::trust::Chain;
use crate::condition::{Condition, ConditionError, ExecutionFacts, When};
use crate::digest::KeyId;
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operation::json::Value;
use std::sync::Arc;

/// What an executor was given: a token, what travels beside it, and what it is about to do.
#[derive(Debug)]
pub struct Presented<'a> {
    /// The token.
    pub token: &'a str,
    /// Key certificates: the issuer's, then the sidecar's. Empty where the trust bundle lists the sidecar's key.
    pub certificates: &'a [&'a str],
    /// The operation, read from the bytes that will be executed.
    pub operation: Operation,
    /// What the executor says about this execution.
    pub facts: &'a ExecutionFacts,
    /// The proof of possession, where the token's `cnf` asks for one.
    pub proof: Option<&'a str>,
    /// The votes, where this executor demands them.
    pub evidence: &'a [&'a [u8]],
    /// The proof that the mint is in the log, where this executor demands one.
    pub log_proof: Option<&'a str>,
}

/// Verifies tokens for one executor.
///
/// It is immutable: a new trust bundle or a new snapshot of revocations makes a new verifier, which is swapped in.
#[derive(Debug)]
pub struct Verifier {
    config: VerifierConfig,
    seen: SeenChains,
}

impl Verifier {
    pub(super) fn new(config: VerifierConfig) -> Self {
        Self { config, seen: SeenChains::default() }
    }

    /// The executor that it verifies for.
    #[must_use]
    pub const fn executor(&self) -> &Executor {
        &self.config.executor
    }

    /// Verifies a token and consumes it: all steps, the use recorded last.
    ///
    /// # Errors
    /// [`Refusal`] of the first step that fails. Whatever it is: do not act.
    pub fn verify(
        &self,
        presented: Presented<'_>,
        clock: impl Into<ClockReading>,
        guard: &dyn ReplayGuard,
    ) -> Result<VerifiedOperation, Refusal> {
        let clock = clock.into();
        self.check(presented, clock)?.consume(clock, guard)
    }

    /// Takes all steps but the last: the token is good, but nobody may act on it before it is consumed.
    ///
    /// # Errors
    /// [`Refusal`] of the first step that fails.
    pub fn check(
        &self,
        presented: Presented<'_>,
        clock: impl Into<ClockReading>,
    ) -> Result<CheckedOperation, Refusal> {
        let Presented { token, certificates, operation, facts, proof, evidence, log_proof } = presented;
        let clock = clock.into();
        let jws = Compact::read(token, Kind::Authority, MAX_VERIFIED).map_err(Refusal::Form)?;
        self.check_bundle(clock)?;
        let chain = self.key(&jws, certificates, clock)?;
        let signer = chain.links.last().ok_or(Refusal::KeyUnknown(None))?;
        if !jws.names_algorithm_of(&signer.key) {
            return Err(Refusal::AlgMismatch);
        }
        jws.verify(&signer.key).map_err(|_| Refusal::SignatureInvalid)?;
        let read = ReadClaims::read(jws.claims()).map_err(Refusal::Claims)?;
        if read.version != VERSION {
            return Err(Refusal::VersionUnsupported);
        }
        let mut claims = read.claims;
        self.check_scope(&claims, &chain)?;
        self.check_audience(&claims.audience, &operation, !read.conditions.is_empty())?;
        let now = self.check_times(&claims, clock)?;
        if claims.operation != operation.digest() {
            return Err(Refusal::OperationMismatch);
        }
        self.check_approvals(&claims)?;
        claims.conditions = self.read_conditions(&read.conditions)?;
        for condition in &claims.conditions {
            condition.check(facts, now).map_err(Refusal::Condition)?;
        }
        self.check_possession(&claims, proof, now)?;
        self.check_revocations(&claims, &chain, now)?;
        self.check_evidence(&claims, evidence)?;
        if let Some(policy) = &self.config.log {
            log_proof::check(policy, &claims, jws.claims(), log_proof).map_err(Refusal::LogProof)?;
        }
        Ok(CheckedOperation { operation, claims, key: signer.key.id() })
    }

    /// Step 5.
    fn check_bundle(&self, clock: ClockReading) -> Result<(), Refusal> {
        match (&self.config.bundle, clock) {
            (None, _) if self.config.bundle_required => Err(Refusal::Bundle(BundleState::Missing)),
            (Some(bundle), ClockReading::Known(now)) if !bundle.is_fresh(now) => {
                Err(Refusal::Bundle(BundleState::Expired))
            }
            // With a doubtful clock step 13 refuses; what needs no clock is still judged before.
            (None, _) | (Some(_), _) => Ok(()),
        }
    }

    /// Step 6, but for `iat`, which is not known before step 9.
    fn key(
        &self,
        jws: &Compact<'_>,
        certificates: &[&str],
        clock: ClockReading,
    ) -> Result<Arc<Chain>, Refusal> {
        let id = jws.key_id().ok_or(Refusal::KeyUnknown(None))?;
        let bundle = self.config.bundle.as_deref();
        let chain = match bundle.and_then(|bundle| bundle.authority(&id)) {
            Some(chain) => Arc::clone(chain),
            None => {
                let issuers = bundle.map_or(&[][..], TrustBundle::issuers);
                let chain = self.seen.chain(&self.config.anchor, certificates, issuers);
                let chain = chain.map_err(|error| Refusal::KeyUnknown(Some(error)))?;
                chain.filter(|chain| chain.signs_as(&id)).ok_or(Refusal::KeyUnknown(None))?
            }
        };
        if bundle.is_some_and(|bundle| chain.ids().any(|id| bundle.revokes(&id))) {
            return Err(Refusal::KeyRevoked);
        }
        match clock {
            ClockReading::Known(now) if !chain.covers(now, self.config.skew) => Err(Refusal::KeyExpired),
            ClockReading::Known(_) | ClockReading::Doubtful => Ok(chain),
        }
    }

    /// Step 11, and what is left of step 6.
    fn check_scope(&self, claims: &Claims, chain: &Chain) -> Result<(), Refusal> {
        if !chain.covers(claims.times.issued_at, self.config.skew) {
            return Err(Refusal::KeyExpired);
        }
        if claims.issuer != *self.config.anchor.domain() {
            return Err(Refusal::IssuerMismatch);
        }
        chain.links.iter().try_for_each(|link| link.scope.permits(claims)).map_err(Refusal::KeyScope)
    }

    /// Step 12.
    fn check_audience(
        &self,
        audience: &Audience,
        operation: &Operation,
        conditional: bool,
    ) -> Result<(), Refusal> {
        let executor = &self.config.executor;
        let expected = executor.audience(&operation.digest(), conditional);
        if expected.as_ref() == Some(audience) {
            return Ok(());
        }
        let otherwise = executor.audience(&operation.digest(), !conditional);
        Err(Refusal::AudienceMismatch(if audience.executor() != executor.id().as_str() {
            OtherAudience::Executor
        } else if expected.is_none() || otherwise.as_ref() == Some(audience) {
            OtherAudience::Conditions
        } else {
            OtherAudience::Operation
        }))
    }

    /// Step 13.
    fn check_times(&self, claims: &Claims, clock: ClockReading) -> Result<Moment, Refusal> {
        let ClockReading::Known(now) = clock else { return Err(Refusal::ClockDoubtful) };
        let (times, latest) = (&claims.times, now.plus(self.config.skew));
        if times.issued_at > latest {
            Err(Refusal::TimeFuture)
        } else if times.not_before > latest {
            Err(Refusal::TimeNotYet)
        } else if now >= times.expires_at {
            Err(Refusal::TimeExpired)
        } else if times.expires_at <= times.issued_at
            || times.expires_at.since(times.issued_at) > self.config.max_life
        {
            Err(Refusal::TimeTtl)
        } else {
            Ok(now)
        }
    }

    /// Step 15.
    fn check_approvals(&self, claims: &Claims) -> Result<(), Refusal> {
        let mut people: Vec<&str> =
            claims.approvals.iter().map(|approval| approval.person.as_str()).collect();
        people.sort_unstable();
        if !people.is_sorted_by(|a, b| a < b) {
            return Err(Refusal::ApprovalDuplicate);
        }
        let behalf = claims.on_behalf_of.as_ref().map(crate::party::PersonId::as_str);
        if people.iter().any(|person| *person == claims.subject.as_str() || Some(*person) == behalf) {
            return Err(Refusal::ApprovalSelf);
        }
        let (floor, approvals) = (&self.config.floor, &claims.approvals);
        let counted = approvals.iter().filter(|approval| approval.assurance >= floor.assurance).count();
        if counted < floor.approvals { Err(Refusal::ApprovalInsufficient) } else { Ok(()) }
    }

    /// Step 16.
    fn read_conditions(&self, values: &[Value]) -> Result<Vec<Condition>, Refusal> {
        let read = |value: &Value| match Condition::from_value(value) {
            Ok(condition) if self.config.executor.enforces(condition.kind()) => Ok(condition),
            Ok(_) | Err(ConditionError::UnknownType) => Err(Refusal::ConditionUnknown),
            Err(error) => Err(Refusal::ConditionMalformed(error)),
        };
        values.iter().map(read).collect()
    }

    /// Step 18.
    fn check_possession(&self, claims: &Claims, proof: Option<&str>, now: Moment) -> Result<(), Refusal> {
        let Some(holder) = &claims.holder else { return Ok(()) };
        let proof = proof.ok_or(Refusal::PossessionMissing)?;
        Possession::check(proof, claims, holder, now, self.config.skew).map_err(Refusal::PossessionInvalid)
    }

    /// Step 19.
    fn check_revocations(&self, claims: &Claims, chain: &Chain, now: Moment) -> Result<(), Refusal> {
        let max_age = self.config.revocations_max_age;
        let Some(revocations) = &self.config.revocations else {
            return if max_age.is_some() { Err(Refusal::RevocationsStale) } else { Ok(()) };
        };
        // What a stale snapshot revokes is still revoked; what it does not is unknown.
        if let Some(revoked) = revocations.revokes(claims, chain.ids()) {
            return Err(Refusal::Revoked(revoked));
        }
        let max_age = max_age.unwrap_or(super::MAX_STATEMENT_LIFE);
        if revocations.is_fresh(now, max_age) { Ok(()) } else { Err(Refusal::RevocationsStale) }
    }

    /// Step 20.
    fn check_evidence(&self, claims: &Claims, evidence: &[&[u8]]) -> Result<(), Refusal> {
        // Where evidence is demanded, a token that names nobody lacks it too: otherwise whoever holds the sidecar's
        // key could leave the approvals out.
        match &self.config.evidence {
            Some(_) if claims.approvals.is_empty() => Err(Refusal::Evidence(EvidenceError::Missing)),
            Some(check) => check.check(claims, evidence).map_err(Refusal::Evidence),
            None => Ok(()),
        }
    }
}

/// An operation whose token is good and not yet consumed. Nobody may act on it.
#[derive(Debug)]
pub struct CheckedOperation {
    operation: Operation,
    claims: Claims,
    key: KeyId,
}

impl CheckedOperation {
    /// What the token says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Step 21, and the last: records the use, once.
    ///
    /// # Errors
    /// [`Refusal`] if the token was used before, nobody can say, or it has expired since it was checked.
    pub fn consume(
        self,
        clock: impl Into<ClockReading>,
        guard: &dyn ReplayGuard,
    ) -> Result<VerifiedOperation, Refusal> {
        let ClockReading::Known(now) = clock.into() else { return Err(Refusal::ClockDoubtful) };
        let Self { operation, claims, key } = self;
        if now >= claims.times.expires_at {
            return Err(Refusal::TimeExpired);
        }
        let token = TokenUse {
            key: ReplayKey { issuer: claims.issuer.clone(), jti: claims.jti },
            issued_at: claims.times.issued_at,
            keep_until: claims.times.expires_at.plus(KEPT_AFTER_EXPIRY),
        };
        guard.consume(&token, now).map_err(Refusal::Replay)?;
        Ok(VerifiedOperation { operation, claims, key })
    }
}

/// An operation that may be executed now, once: its token was verified and consumed.
///
/// Only [`Verifier::verify`] and [`CheckedOperation::consume`] make one, and it can't be copied.
///
/// ```
/// # use countersign::moment::Moment;
/// # use countersign::operation::Operation;
/// # use countersign::token::{Presented, Refusal, ReplayGuard, VerifiedOperation, Verifier};
/// fn scale(verified: VerifiedOperation) -> Operation {
///     // … and nothing else: what runs is read from the bytes that were hashed.
///     verified.operation().clone()
/// }
///
/// fn gate(
///     verifier: &Verifier, presented: Presented<'_>, now: Moment, used: &dyn ReplayGuard,
/// ) -> Result<Operation, Refusal> {
///     Ok(scale(verifier.verify(presented, now, used)?))
/// }
/// ```
///
/// ```compile_fail
/// # use countersign::token::{Claims, VerifiedOperation};
/// # use countersign::operation::Operation;
/// fn forge(operation: Operation, claims: Claims) -> VerifiedOperation {
///     let key = countersign::digest::KeyId::from_bytes([0; 32]);
///     VerifiedOperation { operation, claims, key } // error[E0451]: the fields are private
/// }
/// ```
///
/// ```compile_fail
/// # use countersign::token::VerifiedOperation;
/// fn twice(operation: VerifiedOperation) -> (VerifiedOperation, VerifiedOperation) {
///     (operation.clone(), operation) // error[E0599]: it is not `Clone`
/// }
/// ```
#[derive(Debug)]
pub struct VerifiedOperation {
    operation: Operation,
    claims: Claims,
    key: KeyId,
}

impl VerifiedOperation {
    /// The operation: execute this, read from the bytes that were hashed, and nothing else.
    #[must_use]
    pub const fn operation(&self) -> &Operation {
        &self.operation
    }

    /// What the token says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The key that signed the token.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// What holds during the execution.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.claims.conditions
    }

    /// The conditions that the executor must report about afterwards.
    pub fn obligations(&self) -> impl Iterator<Item = &Condition> {
        self.claims.conditions.iter().filter(|condition| condition.kind().when() == When::After)
    }
}
