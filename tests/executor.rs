//! The executor's gate in front of a service: what comes through, what does not, and that a token does so once.
#![cfg(feature = "executor")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests say what they expect"
)]

#[path = "executor/admitted.rs"]
mod admitted;
#[path = "token/kit.rs"]
#[allow(dead_code, reason = "the kit is for the tests of tokens; a gate needs a part of it")]
mod kit;
#[path = "executor/once.rs"]
mod once;
#[path = "executor/refused.rs"]
mod refused;
#[path = "executor/wire.rs"]
mod wire;

use bytes::Bytes;
use countersign::condition::ExecutionFacts;
use countersign::executor::{JsonBody, NotRun, Run, Target, Verify, VerifyLayer};
use countersign::moment::Moment;
use countersign::replay::memory::MemoryGuard;
use countersign::token::{Anchor, Executor, ReplayGuard, VerifiedOperation, Verifier, VerifierConfig};
use http::request::{Builder, Parts};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kit::{ACTION, ISSUED, NOW, PARAMETERS, RESOURCE, at};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tower::{Layer, Service, ServiceExt as _};

/// A service that notes what it is called with.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<Noted>>>);

pub struct Noted {
    pub parts: Parts,
    pub body: Bytes,
    pub verified: Arc<VerifiedOperation>,
    pub facts: Option<Arc<ExecutionFacts>>,
}

impl Notes {
    pub fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Service<Request<Full<Bytes>>> for Notes {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let (mut parts, mut body) = request.into_parts();
        let body =
            futures_now(body.frame()).map_or_else(Bytes::new, |frame| frame.unwrap().into_data().unwrap());
        let verified = parts.extensions.remove::<Arc<VerifiedOperation>>().expect("the verified operation");
        let facts = parts.extensions.remove();
        self.0.lock().unwrap().push(Noted { parts, body, verified, facts });
        ready(Ok(Response::new(Full::from("done"))))
    }
}

/// What a future that is ready at once gives.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a buffered body has nothing to wait for"),
    }
}

/// Runs what may block on tokio's threads for that.
#[derive(Clone)]
pub struct BlockingPool;

impl Run for BlockingPool {
    async fn run<T, W>(&self, work: W) -> Result<T, NotRun>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        tokio::task::spawn_blocking(work).await.map_err(|_| NotRun)
    }
}

pub fn config(executor: Executor) -> VerifierConfig {
    VerifierConfig::new(Anchor::new(kit::domain(), [kit::root().public]).unwrap(), executor)
}

pub fn verifier() -> Arc<Verifier> {
    Arc::new(config(kit::executor()).build().unwrap())
}

pub fn memory() -> Arc<dyn ReplayGuard> {
    Arc::new(MemoryGuard::new(at(ISSUED - 60)))
}

pub fn clock() -> Option<Moment> {
    Some(at(NOW))
}

/// `PUT /web` scales the deployment.
pub fn scale(parts: &Parts) -> Option<Target> {
    let known = parts.method == Method::PUT && parts.uri.path() == "/web";
    known.then(|| Target { action: ACTION.into(), resource: RESOURCE.into() })
}

pub fn layer() -> VerifyLayer {
    layer_of(verifier(), memory())
}

pub fn layer_of(verifier: Arc<Verifier>, guard: Arc<dyn ReplayGuard>) -> VerifyLayer {
    VerifyLayer::new(move || verifier.clone(), guard, clock, JsonBody::new(scale))
}

/// A request for the operation, but for token and body.
pub fn put() -> Builder {
    Request::put("/web")
        .header("content-type", "application/json")
        .header("countersign-certificate", kit::issuer_certificate())
        .header("countersign-certificate", kit::sidecar_certificate())
}

/// A request for the operation with this token.
pub fn request(token: &str) -> Request<Full<Bytes>> {
    put().header("authorization", format!("Countersign {token}")).body(Full::from(PARAMETERS)).unwrap()
}

/// A token for the operation, without conditions.
pub fn token() -> String {
    kit::mint(&kit::grant(), &kit::executor())
}

/// A token for the operation under these conditions.
pub fn conditional(conditions: &[&str]) -> String {
    let conditions = conditions.iter().map(|short| kit::condition(short)).collect();
    kit::mint(&countersign::token::Grant { conditions, ..kit::grant() }, &kit::executor())
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// The status and the text, which for a refusal says code and verdict.
    pub fn brief(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.text)
    }
}

pub async fn send<S, R, B>(service: &Verify<S, R>, request: Request<B>) -> Answer
where
    Verify<S, R>: Service<Request<B>, Response: IntoAnswer, Error = Infallible> + Clone,
{
    service.clone().oneshot(request).await.unwrap().into_answer().await
}

pub trait IntoAnswer {
    fn into_answer(self) -> impl Future<Output = Answer>;
}

impl<B: http_body::Body<Error: std::fmt::Debug>> IntoAnswer for Response<B> {
    async fn into_answer(self) -> Answer {
        let (parts, body) = self.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }
}

/// The layer in front of a service that notes its calls.
pub fn guarded<R: Run>(layer: &VerifyLayer<R>) -> (Verify<Notes, R>, Notes) {
    let notes = Notes::default();
    (layer.layer(notes.clone()), notes)
}
