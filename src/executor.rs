//! The executor's gate: tower middleware that lets a request through to a service only with a verified token.
//!
//! # What a request carries
//!
//! | header | |
//! |---|---|
//! | `authorization: Countersign <token>` | exactly one |
//! | `countersign-certificate` | up to two key certificates, the issuer's first; repeated, or parted by commas |
//! | `countersign-proof` | at most one proof of possession, for a token that names its holder |
//! | `countersign-evidence` | up to sixteen signed votes, each in unpadded base64url, together at most 128 KiB; repeated, or parted by commas. Servers bound all headers together, often by less |
//! | `countersign-log-proof` | at most one proof that the mint is in the log, in unpadded base64url, at most 64 KiB |
//!
//! # What the service behind it gets
//!
//! A token binds an operation, and an operation is what [`OperationOf`] reads from a request. What it does not read
//! is not bound: whoever holds the token may choose it freely. So little else comes through:
//!
//! * the very bytes of the body that were hashed; no trailers;
//! * method, URI and extensions as they were: an [`OperationOf`] of your own has to look at all of the method and the
//!   URI that the service looks at. [`JsonBody`] and [`RawBody`] refuse a query string unless told otherwise;
//! * of the headers only `accept`, `content-type`, `traceparent`, `tracestate`, `user-agent` and `x-request-id`, a
//!   `content-length` that is true, and those named with [`VerifyLayer::pass_header`];
//! * the extension [`Arc<VerifiedOperation>`](VerifiedOperation), which nothing else can make; and, where the token
//!   has conditions that are checked against facts, the extension [`Arc<ExecutionFacts>`](ExecutionFacts): what was
//!   said about this execution, and has to come true.
//!
//! # What comes back
//!
//! Where [receipts](VerifyLayer::receipts) are signed, the response has a `countersign-receipt` and, one each, its
//! `countersign-receipt-certificate`s: hand them to whoever issued the token.
//!
//! # What is refused
//!
//! Everything that is not verified, with a small JSON body, `{"error":"replay","verdict":"denied"}`, whose `error`
//! is [`Refused::code`]. The status is 401 where the headers are missing or malformed, 403 where the answer is no,
//! 503 where nobody could say, 400 for a body that breaks off, 413 for one that is too large. A token whose use was
//! recorded is used up, even if its request was then cancelled: ask for a new one.
//!
//! # How to put it in front of a service
//!
//! ```no_run
//! use countersign::executor::{JsonBody, Target, VerifyLayer};
//! use countersign::moment::Moment;
//! use countersign::replay::memory::MemoryGuard;
//! use countersign::token::{VerifiedOperation, Verifier};
//! use http::{Method, Request, Response};
//! use http_body_util::Full;
//! use bytes::Bytes;
//! use std::convert::Infallible;
//! use std::sync::Arc;
//! use tower::ServiceBuilder;
//!
//! # fn example(verifier: Arc<Verifier>, clock: fn() -> Option<Moment>, now: Moment) {
//! let operation = JsonBody::new(|parts| {
//!     let name = parts.uri.path().strip_prefix("/deployments/")?;
//!     (parts.method == Method::PUT)
//!         .then(|| Target { action: "k8s.deployment.scale".into(), resource: format!("prod/{name}") })
//! });
//! let layer = VerifyLayer::new(move || verifier.clone(), Arc::new(MemoryGuard::new(now)), clock, operation)
//!     .on_refusal(|refused| eprintln!("{}: {refused}", refused.code()));
//! let service = ServiceBuilder::new().layer(layer).service_fn(async |request: Request<Full<Bytes>>| {
//!     let verified = request.extensions().get::<Arc<VerifiedOperation>>();
//!     let parameters = verified.and_then(|verified| verified.operation().parameters());
//!     // … act on `parameters` and on nothing else …
//!     Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
//! });
//! # }
//! ```
//!
//! Time limits are the server's business: how long a client may take to send headers and body.

mod body;
mod gate;
mod headers;
mod operation_of;
mod receipts;
mod refused;
mod run;
mod service;

pub use headers::{
    CERTIFICATE, EVIDENCE, LOG_PROOF, MAX_EVIDENCE_PIECES, MAX_EVIDENCE_TEXT, MAX_LOG_PROOF_TEXT, PROOF,
    SCHEME,
};
pub use operation_of::{JsonBody, NoOperation, OperationOf, RawBody, Target};
pub use receipts::{NoReceipt, RECEIPT, RECEIPT_CERTIFICATE, Receipts};
pub use refused::{BodyFault, HeaderFault, Refused};
pub use run::{Inline, NotRun, Run};
pub use service::Verify;

use crate::condition::{Condition, ExecutionFacts};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::token::{ReplayGuard, Verifier};
use bytes::Bytes;
use gate::Gate;
use http::header::HeaderName;
use http::request::Parts;
use std::sync::Arc;
use tower::Layer;

#[cfg(doc)]
use crate::token::VerifiedOperation;

/// The most bytes of a body, unless another limit is given: 1 MiB.
pub const DEFAULT_BODY_LIMIT: usize = 1 << 20;

/// An execution that is asked for under conditions, before it is known whether they hold.
#[derive(Clone, Copy, Debug)]
pub struct Execution<'a> {
    /// The request, but for its body.
    pub parts: &'a Parts,
    /// Its body.
    pub body: &'a Bytes,
    /// What the token was issued for.
    pub operation: &'a Operation,
    /// The token's conditions.
    pub conditions: &'a [Condition],
}

/// Puts verification in front of a service; see the [module](self).
#[derive(Clone)]
pub struct VerifyLayer<R = Inline> {
    gate: Gate,
    run: R,
}

impl VerifyLayer {
    /// A layer that knows no facts about an execution, so that it refuses conditions which need one.
    ///
    /// * `verifier` is asked for each request, so that a verifier with a new trust bundle can be swapped in.
    /// * `guard` makes tokens single-use. All replicas of an executor share what it stands on.
    /// * `clock` says `None` when the time can't be trusted; no token is judged then.
    /// * `operation` reads from a request what the service is going to do.
    pub fn new(
        verifier: impl Fn() -> Arc<Verifier> + Send + Sync + 'static,
        guard: Arc<dyn ReplayGuard>,
        clock: impl Fn() -> Option<Moment> + Send + Sync + 'static,
        operation: impl OperationOf,
    ) -> Self {
        let gate = Gate {
            verifier: Arc::new(verifier),
            guard,
            clock: Arc::new(clock),
            operation: Arc::new(operation),
            facts: Arc::new(|_| ExecutionFacts::default()),
            on_refusal: Arc::new(|_| {}),
            receipts: None,
            body_limit: DEFAULT_BODY_LIMIT,
            passed: headers::PASSED.into(),
        };
        Self { gate, run: Inline }
    }
}

impl<R> VerifyLayer<R> {
    /// Says with this function how an execution would run under its conditions, so that they can be checked.
    ///
    /// It is asked only where a condition needs it, after everything that comes before conditions was verified, and
    /// before the token is consumed: it plans, it does not act. What it says, the service finds in the request's
    /// extensions and has to keep to. A fact that it leaves out meets no condition.
    #[must_use]
    pub fn facts(mut self, facts: impl Fn(&Execution<'_>) -> ExecutionFacts + Send + Sync + 'static) -> Self {
        self.gate.facts = Arc::new(facts);
        self
    }

    /// Has a receipt signed for every request that is let through: one that says `unknown` before the service is
    /// called, and in its place, once it has answered, whether that was a success. The response carries the latter.
    #[must_use]
    pub fn receipts(mut self, receipts: Receipts) -> Self {
        self.gate.receipts = Some(receipts);
        self
    }

    /// Takes bodies of at most so many bytes; a larger one is refused before more of it is read.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.gate.body_limit = bytes;
        self
    }

    /// Also passes this header on to the service.
    ///
    /// Its value is not bound by the token, unless your [`OperationOf`] reads it. The headers that carry the token and
    /// what comes with it are never passed on.
    #[must_use]
    pub fn pass_header(mut self, name: HeaderName) -> Self {
        self.gate.passed.push(name);
        self
    }

    /// Tells this function of every refusal, for logs and metrics. It is called where the request is served, not
    /// where [`Run`] runs the verification.
    #[must_use]
    pub fn on_refusal(mut self, hook: impl Fn(&Refused) + Send + Sync + 'static) -> Self {
        self.gate.on_refusal = Arc::new(hook);
        self
    }

    /// Runs the verification this way instead; see [`Run`].
    #[must_use]
    pub fn run_with<Other: Run>(self, run: Other) -> VerifyLayer<Other> {
        VerifyLayer { gate: self.gate, run }
    }
}

impl<S, R: Clone> Layer<S> for VerifyLayer<R> {
    type Service = Verify<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Verify::new(inner, Arc::new(self.gate.clone()), self.run.clone())
    }
}
