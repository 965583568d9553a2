//! The way of a request through the gate: headers, body, operation, token, facts, single use.

use super::Execution;
use super::body;
use super::headers::{Carried, retain};
use super::operation_of::OperationOf;
use super::receipts::{NoReceipt, Receipts};
use super::refused::Refused;
use super::run::Run;
use crate::condition::{Condition, ExecutionFacts, Unmet};
use crate::moment::Moment;
use crate::operation::json::Value;
use crate::token::{
    ClockReading, Presented, Receipt, Refusal, ReplayGuard, UnverifiedToken, VerifiedOperation, Verifier,
};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http::request::Parts;
use http::{Request, StatusCode};
use http_body::Body;
use http_body_util::Full;
use std::sync::Arc;

/// All that requests are judged by.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) verifier: Arc<dyn Fn() -> Arc<Verifier> + Send + Sync>,
    pub(super) guard: Arc<dyn ReplayGuard>,
    pub(super) clock: Arc<dyn Fn() -> Option<Moment> + Send + Sync>,
    pub(super) operation: Arc<dyn OperationOf>,
    pub(super) facts: Arc<FactsOf>,
    pub(super) on_refusal: Arc<dyn Fn(&Refused) + Send + Sync>,
    pub(super) receipts: Option<Receipts>,
    pub(super) body_limit: usize,
    pub(super) passed: Vec<HeaderName>,
}

type FactsOf = dyn Fn(&Execution<'_>) -> ExecutionFacts + Send + Sync;

/// What a service is told about a request that was let through.
struct Admitted {
    operation: VerifiedOperation,
    /// Where a condition was checked against them.
    facts: Option<ExecutionFacts>,
    /// Where receipts are signed.
    receipt: Option<Receipt>,
}

impl Gate {
    /// The request as the service is to see it, once the use of its token is recorded; and its receipt, begun.
    pub(super) async fn admit<B: Body>(
        self: Arc<Self>,
        request: Request<B>,
        run: &impl Run,
    ) -> Result<(Request<Full<Bytes>>, Option<Receipt>), Refused> {
        let (parts, body) = request.into_parts();
        let carried = Carried::read(&parts.headers)?;
        let body = body::read(body, self.body_limit).await.map_err(Refused::Body)?;
        let gate = Arc::clone(&self);
        let work = move || {
            let judged = gate.judge(&parts, &body, &carried);
            (parts, body, judged)
        };
        let (mut parts, body, judged) = run.run(work).await.map_err(Refused::NotRun)?;
        let Admitted { operation, facts, receipt } = judged?;
        retain(&mut parts.headers, &self.passed, body.len());
        parts.extensions.insert(Arc::new(operation));
        if let Some(facts) = facts {
            parts.extensions.insert(Arc::new(facts));
        }
        Ok((Request::from_parts(parts, Full::new(body)), receipt))
    }

    fn judge(&self, parts: &Parts, body: &Bytes, carried: &Carried) -> Result<Admitted, Refused> {
        let operation = self.operation.operation(parts, body).map_err(Refused::Operation)?;
        let verifier = (self.verifier)();
        let certificates: Vec<&str> = carried.certificates.iter().map(String::as_str).collect();
        let evidence: Vec<&[u8]> = carried.evidence.iter().map(Vec::as_slice).collect();
        let check = |facts: &ExecutionFacts| {
            let presented = Presented {
                token: &carried.token,
                certificates: &certificates,
                operation: operation.clone(),
                facts,
                proof: carried.proof.as_deref(),
                evidence: &evidence,
                log_proof: carried.log_proof.as_deref(),
            };
            verifier.check(presented, self.now())
        };
        // Facts may cost something to look up. That they are missing is found out after signature, audience, digest
        // and approvals, so nobody without a good token makes the executor look.
        let (checked, facts) = match check(&ExecutionFacts::default()) {
            Err(Refusal::Condition(Unmet::MissingFact(kind))) => {
                let conditions = conditions(&carried.token)
                    .ok_or(Refused::Token(Refusal::Condition(Unmet::MissingFact(kind))))?;
                let execution = Execution { parts, body, operation: &operation, conditions: &conditions };
                let facts = (self.facts)(&execution);
                (check(&facts), Some(facts))
            }
            checked => (checked, None),
        };
        let consumed = checked.and_then(|checked| checked.consume(self.now(), &*self.guard));
        let operation = consumed.map_err(Refused::Token)?;
        let begin = |receipts: &Receipts| {
            let now = (self.clock)().ok_or(Refused::NoReceipt(NoReceipt))?;
            receipts.begin(&operation, facts.as_ref(), now).map_err(Refused::NoReceipt)
        };
        let receipt = self.receipts.as_ref().map(begin).transpose()?;
        Ok(Admitted { operation, facts, receipt })
    }

    /// The headers with the receipt of a request that the service has answered, or failed to.
    pub(super) async fn receipt(
        &self,
        begun: Option<Receipt>,
        status: Option<StatusCode>,
        run: &impl Run,
    ) -> Option<HeaderMap> {
        let (begun, receipts, now) = (begun?, self.receipts.clone()?, (self.clock)()?);
        run.run(move || receipts.end(begun, status, now)).await.ok()?
    }

    fn now(&self) -> ClockReading {
        (self.clock)().map_or(ClockReading::Doubtful, ClockReading::Known)
    }
}

/// The conditions of a token that was found good up to them; whether they hold, the verifier judges by itself.
fn conditions(token: &str) -> Option<Vec<Condition>> {
    let token = UnverifiedToken::inspect(token).ok()?;
    let conditions = token.claims.as_object()?.get("cs_cond").and_then(Value::as_array)?;
    conditions.iter().map(|condition| Condition::from_value(condition).ok()).collect()
}
