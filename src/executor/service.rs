//! The service that verifies each request before the service behind it is called.

use super::gate::Gate;
use super::receipts::hand_out;
use super::run::{Inline, Run};
use bytes::Bytes;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use std::sync::Arc;
use tower::Service;

/// A service that is called only with verified requests; made by [`VerifyLayer`](super::VerifyLayer).
///
/// A refusal is a response, never an error: an error is one of the service behind it.
#[derive(Clone)]
pub struct Verify<S, R = Inline> {
    inner: S,
    gate: Arc<Gate>,
    run: R,
}

impl<S, R> Verify<S, R> {
    pub(super) const fn new(inner: S, gate: Arc<Gate>, run: R) -> Self {
        Self { inner, gate, run }
    }
}

impl<S, R, B, Answer> Service<Request<B>> for Verify<S, R>
where
    S: Service<Request<Full<Bytes>>, Response = Response<Answer>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    Answer: Send,
    R: Run,
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Either<Answer, Full<Bytes>>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The service is ready before a token is consumed for it, not after.
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let next = self.inner.clone();
        // The one that was polled ready is the one to call; a clone of it need not be ready.
        let mut ready = mem::replace(&mut self.inner, next);
        let (gate, run) = (Arc::clone(&self.gate), self.run.clone());
        Box::pin(async move {
            match Arc::clone(&gate).admit(request, &run).await {
                Ok((request, begun)) => {
                    let answered = ready.call(request).await;
                    let status = answered.as_ref().ok().map(Response::status);
                    let receipt = gate.receipt(begun, status, &run).await;
                    let mut answer = answered?;
                    if gate.receipts.is_some() {
                        hand_out(&mut answer, receipt);
                    }
                    Ok(answer.map(Either::Left))
                }
                Err(refused) => {
                    (gate.on_refusal)(&refused);
                    Ok(refused.response().map(Either::Right))
                }
            }
        })
    }
}
