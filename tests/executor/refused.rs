//! What does not come through, and how the gate says so.

use super::{
    Answer, BlockingPool, clock, config, guarded, layer, layer_of, memory, put, request, scale, send, token,
};
use crate::kit::{self, PARAMETERS, at};
use bytes::Bytes;
use countersign::digest::base64url;
use countersign::executor::{JsonBody, MAX_EVIDENCE_TEXT, NoOperation, Refused, VerifyLayer};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::token::{ReplayError, ReplayGuard, TokenUse, Verdict};
use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderValue, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

fn is(answer: &Answer, status: u16, code: &str, verdict: &str) {
    let text = format!(r#"{{"error":"{code}","verdict":"{verdict}"}}"#);
    assert_eq!(answer.brief(), (status, text.as_str()));
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let challenge = answer.headers.get("www-authenticate").map(HeaderValue::as_bytes);
    assert_eq!(challenge, (status == 401).then_some(&b"Countersign"[..]));
}

fn edited(edit: impl FnOnce(&mut Request<Full<Bytes>>)) -> Request<Full<Bytes>> {
    let mut asked = request(&token());
    edit(&mut asked);
    asked
}

fn with(name: &'static str, values: &[&str]) -> Request<Full<Bytes>> {
    edited(|asked| {
        asked.headers_mut().remove(name);
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            asked.headers_mut().append(HeaderName::from_static(name), value);
        }
    })
}

#[tokio::test]
async fn headers_that_are_missing_doubled_or_malformed() {
    let (service, notes) = guarded(&layer());
    let token = token();
    let good = format!("Countersign {token}");
    let (issuer, sidecar) = (kit::issuer_certificate(), kit::sidecar_certificate());
    let (piece, most) = (base64url(b"vote"), base64url(&vec![7; MAX_EVIDENCE_TEXT / 4 * 3]));
    let many = vec![piece.as_str(); 17];
    let cases: &[(_, &[&str], _)] = &[
        ("authorization", &[], "authorization.missing"),
        ("authorization", &[good.as_str(), &good], "authorization.repeated"),
        ("authorization", &[&good, "Bearer x"], "authorization.repeated"),
        ("authorization", &[&format!("{good}, {good}")], "authorization.malformed"),
        ("authorization", &[&format!("{good},{good}")], "authorization.malformed"),
        ("authorization", &[&format!("Bearer {token}")], "authorization.malformed"),
        ("authorization", &[&format!("Countersign  {token}")], "authorization.malformed"),
        ("authorization", &[&format!("Countersign\t{token}")], "authorization.malformed"),
        ("authorization", &[&format!("Countersign {token} x=y")], "authorization.malformed"),
        ("authorization", &[&token], "authorization.malformed"),
        ("authorization", &["Countersign"], "authorization.malformed"),
        ("authorization", &["Countersign "], "authorization.malformed"),
        ("authorization", &[""], "authorization.malformed"),
        ("authorization", &["Countersign ä"], "authorization.malformed"),
        ("countersign-certificate", &[&issuer, &sidecar, &sidecar], "certificate.too_many"),
        ("countersign-certificate", &[&format!("{issuer},{sidecar},x")], "certificate.too_many"),
        ("countersign-certificate", &[&issuer, ""], "certificate.malformed"),
        ("countersign-certificate", &[&format!("{issuer},")], "certificate.malformed"),
        ("countersign-certificate", &[&format!("{issuer} {sidecar}")], "certificate.malformed"),
        ("countersign-certificate", &[&issuer, "ä"], "certificate.malformed"),
        ("countersign-proof", &["a.b.c", "a.b.c"], "pop.repeated"),
        ("countersign-proof", &["a.b.c,a.b.c"], "pop.repeated"),
        ("countersign-proof", &[""], "pop.malformed"),
        ("countersign-evidence", &many, "evidence.too_much"),
        ("countersign-evidence", &[&many.join(",")], "evidence.too_much"),
        ("countersign-evidence", &[&most, &piece], "evidence.too_much"),
        ("countersign-evidence", &["dm90ZQ=="], "evidence.malformed"),
        ("countersign-evidence", &["dm90ZR"], "evidence.malformed"),
        ("countersign-evidence", &["{}"], "evidence.malformed"),
        ("countersign-evidence", &[""], "evidence.malformed"),
        ("countersign-log-proof", &["YQ", "YQ"], "log.repeated"),
        ("countersign-log-proof", &["YQ,YQ"], "log.repeated"),
        ("countersign-log-proof", &["YQ=="], "log.malformed"),
        ("countersign-log-proof", &["_w"], "log.malformed"),
        ("countersign-log-proof", &[""], "log.malformed"),
        ("countersign-log-proof", &[&"YQ".repeat(32_769)], "log.malformed"),
    ];
    for (name, values, code) in cases {
        let answer = send(&service, with(name, values)).await;
        is(&answer, 401, code, "denied");
    }
    assert!(notes.take().is_empty());
    // The same headers at their limits are taken.
    let unread = with("countersign-evidence", &[&most]);
    assert_eq!(send(&service, unread).await.brief(), (200, "done"));
}

#[tokio::test]
async fn tokens_that_are_refused() {
    let (service, notes) = guarded(&layer());
    let token = token();
    let authorized = |token: &str| with("authorization", &[&format!("Countersign {token}")]);
    for (asked, code) in [
        (authorized(&"a".repeat(8193)), "malformed.size"),
        (authorized("a.b"), "malformed.compact"),
        (authorized(&format!("{token}=")), "malformed.compact"),
        (authorized(&kit::sidecar_certificate()), "type.mismatch"),
        (with("countersign-certificate", &[]), "key.unknown"),
        (with("countersign-certificate", &[&kit::issuer_certificate()]), "key.unknown"),
        (with("countersign-certificate", &["x", "y"]), "key.unknown"),
    ] {
        is(&send(&service, asked).await, 403, code, "denied");
    }
    assert!(notes.take().is_empty());
}

/// Every bit of the body counts, and none of the attempts uses the token up.
#[tokio::test]
async fn a_body_that_differs_in_one_bit() {
    let (service, notes) = guarded(&layer());
    let codes = Mutex::new(std::collections::BTreeSet::new());
    for bit in 0..PARAMETERS.len() * 8 {
        let mut body = PARAMETERS.as_bytes().to_vec();
        body[bit / 8] ^= 1 << (bit % 8);
        let answer = send(&service, edited(|asked| *asked.body_mut() = Full::from(body))).await;
        assert_eq!(answer.status, 403, "bit {bit}");
        codes.lock().unwrap().insert(answer.text);
    }
    assert!(notes.take().is_empty());
    let codes = codes.into_inner().unwrap();
    assert!(codes.contains(r#"{"error":"audience.mismatch","verdict":"denied"}"#), "{codes:?}");
    assert_eq!(send(&service, request(&token())).await.brief(), (200, "done"));
}

#[tokio::test]
async fn another_operation_for_an_executor_with_a_fixed_audience() {
    let verifier = Arc::new(config(kit::plain_executor()).build().unwrap());
    let (service, notes) = guarded(&layer_of(verifier, memory()));
    let token = kit::mint(&kit::grant(), &kit::plain_executor());
    let other = request(&token).map(|_| Full::<Bytes>::from(PARAMETERS.replace('6', "7")));
    is(&send(&service, other).await, 403, "operation.mismatch", "denied");
    assert!(notes.take().is_empty());
    assert_eq!(send(&service, request(&token)).await.brief(), (200, "done"));
}

#[tokio::test]
async fn requests_that_are_no_operation() {
    let (service, notes) = guarded(&layer());
    let body = |text: &'static str| edited(|asked| *asked.body_mut() = Full::from(text));
    for (asked, code) in [
        (edited(|asked| *asked.method_mut() = http::Method::POST), "operation.unknown"),
        (edited(|asked| *asked.uri_mut() = "/web/".parse().unwrap()), "operation.unknown"),
        (edited(|asked| *asked.uri_mut() = "/web?force=1".parse().unwrap()), "operation.query"),
        (edited(|asked| *asked.uri_mut() = "/web?".parse().unwrap()), "operation.query"),
        (with("content-type", &[]), "operation.media_type"),
        (with("content-type", &["application/json", "text/plain"]), "operation.media_type"),
        (with("content-type", &["application/json; charset=utf-7"]), "operation.media_type"),
        (with("content-type", &["application/json;"]), "operation.media_type"),
        (with("content-type", &["application/x-www-form-urlencoded"]), "operation.media_type"),
        (with("content-encoding", &["gzip"]), "operation.encoded"),
        (body(""), "json.truncated"),
        (body("[]"), "operation.parameters_not_object"),
        (body(r#"{"a":1,"\u0061":2}"#), "json.duplicate_name"),
    ] {
        is(&send(&service, asked).await, 403, code, "denied");
    }
    assert!(notes.take().is_empty());
}

/// A body that says how long it is, notes how far it was read, and may break off.
struct Watched {
    announced: u64,
    left: usize,
    read: Arc<Mutex<usize>>,
    breaks_off: bool,
}

#[derive(Debug)]
struct BrokenOff;

impl Body for Watched {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.left == 0 {
            return Poll::Ready(std::mem::take(&mut self.breaks_off).then_some(Err(BrokenOff)));
        }
        let piece = self.left.min(1000);
        self.left -= piece;
        *self.read.lock().unwrap() += piece;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; piece])))))
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.announced);
        hint
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_or_break_off() {
    let (service, notes) = guarded(&layer().body_limit(10_000));
    let read = Arc::new(Mutex::new(0));
    let watched = |announced, left, breaks_off| {
        *read.lock().unwrap() = 0;
        request(&token()).map(|_| Watched { announced, left, read: read.clone(), breaks_off })
    };
    is(&send(&service, watched(10_001, 10_001, false)).await, 413, "body.too_large", "denied");
    assert_eq!(*read.lock().unwrap(), 0, "an announced length is enough to refuse");
    is(&send(&service, watched(u64::MAX, 10_001, false)).await, 413, "body.too_large", "denied");
    is(&send(&service, watched(0, 1_000_000, false)).await, 413, "body.too_large", "denied");
    assert_eq!(*read.lock().unwrap(), 11_000, "and no more is read than what shows it");
    is(&send(&service, watched(0, 10_000, false)).await, 403, "json.truncated", "denied");
    is(&send(&service, watched(10_000, 500, true)).await, 400, "body.unreadable", "denied");
    let unsigned =
        put().body(Watched { announced: 0, left: 9, read: read.clone(), breaks_off: true }).unwrap();
    *read.lock().unwrap() = 0;
    is(&send(&service, unsigned).await, 401, "authorization.missing", "denied");
    let huge = request(&"a".repeat(8193)).map(|_| Watched {
        announced: 0,
        left: 9,
        read: read.clone(),
        breaks_off: true,
    });
    is(&send(&service, huge).await, 403, "malformed.size", "denied");
    assert_eq!(*read.lock().unwrap(), 0, "nothing is read for a request without what could be a token");
    let (service, _) = guarded(&layer());
    let most = (1 << 20) + 1;
    is(&send(&service, watched(0, most, false)).await, 413, "body.too_large", "denied");
    assert!(notes.take().is_empty());
}

#[tokio::test]
async fn a_clock_in_doubt_or_gone_ahead() {
    let telling = |clock: fn() -> Option<Moment>| {
        let verifier = super::verifier();
        VerifyLayer::new(move || verifier.clone(), memory(), clock, JsonBody::new(scale))
    };
    let (service, notes) = guarded(&telling(|| None));
    is(&send(&service, request(&token())).await, 503, "undetermined.clock", "undetermined");
    assert!(notes.take().is_empty());
    let (service, notes) = guarded(&telling(|| Some(at(kit::ISSUED + 300))));
    is(&send(&service, request(&token())).await, 403, "time.expired", "denied");
    assert!(notes.take().is_empty());
}

/// The token is still good when it is checked and no longer when it would be consumed; and the other way round, the
/// clock is lost in between.
#[tokio::test]
async fn the_clock_is_read_again_before_the_token_is_consumed() {
    for (then, code, verdict, status) in [
        (Some(at(kit::ISSUED + 300)), "time.expired", "denied", 403),
        (None, "undetermined.clock", "undetermined", 503),
    ] {
        let readings = Mutex::new(vec![then, clock()]);
        let verifier = super::verifier();
        let clock = move || readings.lock().unwrap().pop().unwrap();
        let guard = Arc::new(Broken(Mutex::new(None)));
        let layer = VerifyLayer::new(move || verifier.clone(), guard, clock, JsonBody::new(scale));
        let (service, notes) = guarded(&layer);
        is(&send(&service, request(&token())).await, status, code, verdict);
        assert!(notes.take().is_empty());
    }
}

/// A guard that answers with an error, or must not be asked.
struct Broken(Mutex<Option<ReplayError>>);

impl ReplayGuard for Broken {
    fn consume(&self, _: &TokenUse, _: Moment) -> Result<(), ReplayError> {
        Err(self.0.lock().unwrap().expect("nobody may ask this guard"))
    }
}

#[tokio::test]
async fn a_record_of_used_tokens_that_is_down() {
    for error in [ReplayError::Unavailable, ReplayError::Full, ReplayError::BeforeMemory] {
        let guard = Arc::new(Broken(Mutex::new(Some(error))));
        let (service, notes) = guarded(&layer_of(super::verifier(), guard));
        let answer = send(&service, request(&token())).await;
        is(&answer, 503, "undetermined.replay_store", "undetermined");
        assert!(notes.take().is_empty());
    }
}

/// A guard, a clock or an operation of the user's that panics takes down its request and nothing else.
#[tokio::test]
async fn a_panic_in_the_verification_is_a_refusal() {
    let guard = Arc::new(Broken(Mutex::new(None)));
    let (service, notes) = guarded(&layer_of(super::verifier(), guard).run_with(BlockingPool));
    is(&send(&service, request(&token())).await, 503, "undetermined.not_run", "undetermined");
    let operation = |_: &Parts, _: &Bytes| -> Result<Operation, NoOperation> { panic!("on purpose") };
    let verifier = super::verifier();
    let layer = VerifyLayer::new(move || verifier.clone(), memory(), clock, operation);
    let (service, more) = guarded(&layer.run_with(BlockingPool));
    is(&send(&service, request(&token())).await, 503, "undetermined.not_run", "undetermined");
    assert!(notes.take().is_empty() && more.take().is_empty());
}

#[tokio::test]
async fn every_refusal_is_told_once_and_says_nothing_of_the_token() {
    let told: Arc<Mutex<Vec<Refused>>> = Arc::default();
    let hook = told.clone();
    let layer = layer().on_refusal(move |refused| hook.lock().unwrap().push(*refused));
    let (service, _) = guarded(&layer);
    let secret = token();
    assert_eq!(send(&service, request(&secret)).await.status, 200);
    assert!(told.lock().unwrap().is_empty());
    let other = format!("{secret}AAAA");
    for (asked, verdict) in [
        (request(&secret), Verdict::Denied),
        (request(&other), Verdict::Denied),
        (with("authorization", &[&format!("Bearer {secret}")]), Verdict::Denied),
        (request(&super::conditional(&["dry_run"])), Verdict::Undetermined),
    ] {
        let answer = send(&service, asked).await;
        let [refused] = *std::mem::take(&mut *told.lock().unwrap()) else { panic!("told once") };
        assert_eq!((refused.status(), refused.verdict()), (answer.status, verdict));
        assert!(answer.text.contains(refused.code()));
        let shown = format!("{refused} {refused:?} {} {:?}", answer.text, answer.headers);
        for part in secret.split('.') {
            assert!(!shown.contains(part));
        }
    }
}
