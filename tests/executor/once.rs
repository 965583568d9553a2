//! One token, many requests at once: exactly one comes through.

use super::{BlockingPool, Notes, guarded, layer_of, memory, request, send, token, verifier};
use bytes::Bytes;
use countersign::executor::{NotRun, Run, Verify, VerifyLayer};
use countersign::token::ReplayGuard;
use http::{Request, Response};
use http_body_util::Full;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer as _, Service};

const REQUESTS: usize = 64;

/// How often each answer was given.
async fn race<R: Run>(service: &Verify<Notes, R>) -> BTreeMap<String, usize> {
    let token = token();
    let start = Arc::new(tokio::sync::Barrier::new(REQUESTS));
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..REQUESTS {
        let (service, start, asked) = (service.clone(), start.clone(), request(&token));
        racers.spawn(async move {
            start.wait().await;
            send(&service, asked).await
        });
    }
    let mut answers = BTreeMap::new();
    for answer in racers.join_all().await {
        *answers.entry(answer.text).or_default() += 1;
    }
    answers
}

async fn exactly_one_comes_through<R: Run>(layer: &VerifyLayer<R>) {
    let (service, notes) = guarded(layer);
    let answers = race(&service).await;
    let replay = r#"{"error":"replay","verdict":"denied"}"#;
    assert_eq!(answers, BTreeMap::from([("done".into(), 1), (replay.into(), REQUESTS - 1)]));
    assert_eq!(notes.take().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn with_a_record_in_memory() {
    for _ in 0..20 {
        exactly_one_comes_through(&layer_of(verifier(), memory())).await;
        exactly_one_comes_through(&layer_of(verifier(), memory()).run_with(BlockingPool)).await;
    }
}

#[cfg(feature = "journal")]
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn with_a_durable_record_that_outlives_the_executor() {
    use countersign::replay::journal::JournalGuard;
    let folder = tempfile::tempdir().unwrap();
    let open = || JournalGuard::open(&folder.path().join("used")).unwrap();
    exactly_one_comes_through(&layer_of(verifier(), Arc::new(open())).run_with(BlockingPool)).await;
    let (service, notes) = guarded(&layer_of(verifier(), Arc::new(open())).run_with(BlockingPool));
    assert_eq!(send(&service, request(&token())).await.status, 403);
    assert!(notes.take().is_empty());
}

/// Does the work and loses what came of it.
#[derive(Clone)]
struct Lossy;

impl Run for Lossy {
    async fn run<T, W>(&self, work: W) -> Result<T, NotRun>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        drop(work());
        Err(NotRun)
    }
}

/// Does the work and never comes back.
#[derive(Clone)]
struct Stuck;

impl Run for Stuck {
    async fn run<T, W>(&self, work: W) -> Result<T, NotRun>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        drop(work());
        std::future::pending().await
    }
}

/// Between the record of a use and the service a request can be lost. Then nothing was done, and the token is used.
#[tokio::test(start_paused = true)]
async fn a_token_that_was_used_up_for_nothing_stays_used_up() {
    let guard = memory();
    let layer = |guard: &Arc<dyn ReplayGuard>| layer_of(verifier(), guard.clone());
    let (lossy, lost) = guarded(&layer(&guard).run_with(Lossy));
    let answer = send(&lossy, request(&token())).await;
    assert_eq!(answer.brief(), (503, r#"{"error":"undetermined.not_run","verdict":"undetermined"}"#));
    let replay = (403, r#"{"error":"replay","verdict":"denied"}"#);
    let (service, notes) = guarded(&layer(&guard));
    assert_eq!(send(&service, request(&token())).await.brief(), replay);

    let guard = memory();
    let (stuck, cancelled) = guarded(&layer(&guard).run_with(Stuck));
    let served = tokio::time::timeout(Duration::from_secs(1), send(&stuck, request(&token())));
    assert!(served.await.is_err());
    let (service, more) = guarded(&layer(&guard));
    assert_eq!(send(&service, request(&token())).await.brief(), replay);
    assert!([lost, notes, cancelled, more].iter().all(|notes| notes.take().is_empty()));
}

/// A service each of whose clones has to get ready, and can be called only once it is.
struct Slow {
    open: Arc<AtomicBool>,
    ready: bool,
    notes: Notes,
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        Self { open: self.open.clone(), ready: false, notes: self.notes.clone() }
    }
}

impl Service<Request<Full<Bytes>>> for Slow {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = <Notes as Service<Request<Full<Bytes>>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = self.open.load(Ordering::SeqCst);
        if self.ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        self.notes.call(request)
    }
}

/// While the service behind is busy, requests wait with their tokens unused.
#[tokio::test(start_paused = true)]
async fn a_token_is_not_consumed_before_the_service_is_ready() {
    let (open, notes) = (Arc::new(AtomicBool::new(false)), Notes::default());
    let slow = Slow { open: open.clone(), ready: false, notes: notes.clone() };
    let service = layer_of(verifier(), memory()).layer(slow);
    let served = tokio::time::timeout(Duration::from_secs(1), send(&service, request(&token())));
    assert!(served.await.is_err());
    open.store(true, Ordering::SeqCst);
    assert_eq!(send(&service, request(&token())).await.brief(), (200, "done"));
    assert_eq!(notes.take().len(), 1);
}
