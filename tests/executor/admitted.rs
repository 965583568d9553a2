//! What comes through, and what a service behind the gate sees of it.

use super::{
    Answer, clock, conditional, config, guarded, layer, layer_of, memory, request, scale, send, token,
};
use crate::kit::{self, ACTION, NOW, PARAMETERS, RESOURCE, at};
use bytes::Bytes;
use countersign::condition::ExecutionFacts;
use countersign::digest::base64url;
use countersign::executor::{JsonBody, NoOperation, RawBody, Target, VerifyLayer};
use countersign::operation::Operation;
use countersign::token::{Claims, EvidenceCheck, EvidenceError, Grant, Possession, Verifier};
use http::header::HeaderName;
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body::{Body, Frame};
use http_body_util::Full;
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tower::Layer as _;

const REPLAYED: (u16, &str) = (403, r#"{"error":"replay","verdict":"denied"}"#);

fn done(answer: &Answer) {
    assert_eq!(answer.brief(), (200, "done"));
}

#[tokio::test]
async fn a_good_token_comes_through_once_with_its_operation() {
    let (service, notes) = guarded(&layer());
    let token = token();
    done(&send(&service, request(&token)).await);
    let noted = notes.take().pop().unwrap();
    assert_eq!(noted.body, PARAMETERS);
    assert_eq!(noted.verified.operation(), &kit::operation());
    assert_eq!(noted.verified.claims().subject.as_str(), kit::AGENT);
    assert_eq!(noted.facts, None);
    assert_eq!(send(&service, request(&token)).await.brief(), REPLAYED);
    assert!(notes.take().is_empty());
}

#[tokio::test]
async fn only_what_does_not_say_what_to_do_comes_with_it() {
    let named = HeaderName::from_static("idempotency-key");
    let layer =
        layer().pass_header(named.clone()).pass_header(named).pass_header(http::header::AUTHORIZATION);
    let (service, notes) = guarded(&layer);
    let mut asked = request(&token());
    for (name, value) in [
        ("accept", "text/plain"),
        ("idempotency-key", "k1"),
        ("idempotency-key", "k2"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("x-http-method-override", "DELETE"),
        ("x-namespace", "kube-system"),
        ("host", "other.example"),
        ("cookie", "a=b"),
        ("content-length", "7"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
    ] {
        asked.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
    }
    asked.extensions_mut().insert(7_u8);
    done(&send(&service, asked).await);
    let noted = notes.take().pop().unwrap();
    let names: BTreeSet<&str> = noted.parts.headers.keys().map(HeaderName::as_str).collect();
    let expected = ["accept", "content-length", "content-type", "idempotency-key", "traceparent"];
    assert_eq!(names, BTreeSet::from(expected));
    assert_eq!(noted.parts.headers["content-length"], PARAMETERS.len().to_string());
    let keys: Vec<_> = noted.parts.headers.get_all("idempotency-key").iter().collect();
    assert_eq!(keys, ["k1", "k2"]);
    assert_eq!(noted.parts.extensions.get(), Some(&7_u8));
    assert_eq!(noted.parts.uri, "/web");
}

/// Bytes of a file are bound by their digest; one media type, and no query unless it is in the operation.
#[tokio::test]
async fn a_payload_of_any_kind_comes_through_as_the_bytes_that_were_bound() {
    let sql = b"delete from orders where id = 7 -- \xff\x00";
    let target = |parts: &Parts| {
        let resource = format!("db/{}", parts.uri.query()?);
        Some(Target { action: "sql.run".into(), resource })
    };
    let operation = Operation::from_payload("sql.run", "db/orders", sql).unwrap();
    let grant = Grant { operation: operation.digest(), ..kit::grant() };
    let token = kit::mint(&grant, &kit::executor());
    let verifier = super::verifier();
    let body = RawBody::new("application/sql", target).with_query();
    let layer = VerifyLayer::new(move || verifier.clone(), memory(), clock, body);
    let (service, notes) = guarded(&layer);
    let ask = |uri: &str, media_type: &str, body: &'static [u8]| {
        let mut asked = request(&token).map(|_| Full::<Bytes>::from(body));
        *asked.uri_mut() = uri.parse().unwrap();
        asked.headers_mut().insert("content-type", media_type.parse().unwrap());
        asked
    };
    let refused = |code: &str| (403, format!(r#"{{"error":"{code}","verdict":"denied"}}"#));
    for (uri, media_type, body, code) in [
        ("/?orders", "text/x-sh", &sql[..], "operation.media_type"),
        ("/?users", "application/sql", &sql[..], "audience.mismatch"),
        ("/", "application/sql", &sql[..], "operation.unknown"),
        ("/?orders", "application/sql", &sql[1..], "audience.mismatch"),
    ] {
        let answer = send(&service, ask(uri, media_type, body)).await;
        assert_eq!((answer.status.as_u16(), answer.text), refused(code), "{uri} {media_type}");
    }
    assert!(notes.take().is_empty());
    done(&send(&service, ask("/?orders", "Application/SQL ; charset=UTF-8", sql)).await);
    let noted = notes.take().pop().unwrap();
    assert_eq!(noted.body, &sql[..]);
    assert_eq!(noted.verified.operation(), &operation);
}

#[tokio::test]
async fn a_condition_holds_by_the_facts_that_the_executor_says() {
    let canary = conditional(&["canary:max_percent=10"]);
    let undetermined = r#"{"error":"undetermined.condition","verdict":"undetermined"}"#;
    let (service, notes) = guarded(&layer());
    assert_eq!(send(&service, request(&canary)).await.brief(), (503, undetermined));
    let saying = |targets| {
        layer().facts(move |execution| {
            assert_eq!(execution.operation, &kit::operation());
            assert_eq!(execution.conditions, [kit::condition("canary:max_percent=10")]);
            assert_eq!((execution.parts.uri.path(), &execution.body[..]), ("/web", PARAMETERS.as_bytes()));
            ExecutionFacts { targets: Some(targets), all_targets: Some(20), ..ExecutionFacts::default() }
        })
    };
    let (service, many) = guarded(&saying(3));
    let unmet = r#"{"error":"condition.unmet","verdict":"denied"}"#;
    assert_eq!(send(&service, request(&canary)).await.brief(), (403, unmet));
    assert!(notes.take().is_empty() && many.take().is_empty());
    let (service, notes) = guarded(&saying(2));
    done(&send(&service, request(&canary)).await);
    let noted = notes.take().pop().unwrap();
    assert_eq!(noted.facts.unwrap().targets, Some(2));
    assert_eq!(noted.verified.conditions(), [kit::condition("canary:max_percent=10")]);
    assert_eq!(send(&service, request(&canary)).await.brief(), REPLAYED);
}

#[tokio::test]
async fn facts_are_looked_up_only_for_a_token_that_is_good_so_far_and_needs_them() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let layer = layer().facts(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        ExecutionFacts { dry_run: Some(true), ..ExecutionFacts::default() }
    });
    let (service, notes) = guarded(&layer);
    let dry_run = conditional(&["dry_run"]);
    let mut forged = dry_run.clone();
    forged.replace_range(forged.len() - 9..forged.len() - 5, "AAAA");
    let other = request(&dry_run).map(|_| Full::<Bytes>::from("{}"));
    let past = conditional(&["time_window:from=2026-11-21T09:00:00Z,until=2026-11-21T11:02:00Z", "dry_run"]);
    for (asked, code) in [
        (request(&forged), "signature.invalid"),
        (other, "audience.mismatch"),
        (request(&past), "condition.unmet"),
    ] {
        let text = format!(r#"{{"error":"{code}","verdict":"denied"}}"#);
        assert_eq!(send(&service, asked).await.brief(), (403, text.as_str()));
    }
    done(&send(&service, request(&token())).await);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(notes.take().pop().unwrap().facts, None);
    let renewed = Grant { jti: countersign::party::TokenId::from_random([8; 16]), ..kit::grant() };
    let renewed = Grant { conditions: vec![kit::condition("dry_run")], ..renewed };
    done(&send(&service, request(&kit::mint(&renewed, &kit::executor()))).await);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_proof_of_possession_is_taken_from_its_header() {
    let grant = Grant { holder: Some(kit::holder().public), ..kit::grant() };
    let token = kit::mint(&grant, &kit::executor());
    let (service, _) = guarded(&layer());
    let missing = r#"{"error":"pop.missing","verdict":"denied"}"#;
    assert_eq!(send(&service, request(&token)).await.brief(), (403, missing));
    let possession = Possession {
        audience: kit::executor().audience(&grant.operation, false).unwrap(),
        jti: grant.jti,
        operation: grant.operation,
        issued_at: at(NOW),
    };
    let proof = kit::holder().sign(possession.signing_input(&kit::holder().public));
    let mut asked = request(&token);
    asked.headers_mut().insert("countersign-proof", proof.parse().unwrap());
    done(&send(&service, asked).await);
}

/// Takes evidence only if it is these two votes.
struct TheVotesOf(&'static [&'static str]);

impl EvidenceCheck for TheVotesOf {
    fn check(&self, _: &Claims, evidence: &[&[u8]]) -> Result<(), EvidenceError> {
        let votes: Vec<String> = self.0.iter().map(|person| kit::vote_of(person)).collect();
        if evidence.is_empty() {
            return Err(EvidenceError::Missing);
        }
        let same = votes.iter().map(String::as_bytes).eq(evidence.iter().copied());
        if same { Ok(()) } else { Err(EvidenceError::Invalid) }
    }
}

fn with_evidence(values: &[String]) -> Request<Full<Bytes>> {
    let mut asked = request(&token());
    for value in values {
        asked.headers_mut().append("countersign-evidence", value.parse().unwrap());
    }
    asked
}

#[tokio::test]
async fn evidence_arrives_in_order_repeated_or_joined() {
    let verifier = config(kit::executor()).demands_evidence(Arc::new(TheVotesOf(&["alice", "bob"])));
    let verifier = Arc::new(verifier.build().unwrap());
    let votes: Vec<String> = ["alice", "bob"].map(|who| base64url(kit::vote_of(who).as_bytes())).into();
    let service = || guarded(&layer_of(verifier.clone(), memory())).0;
    done(&send(&service(), with_evidence(&votes)).await);
    done(&send(&service(), with_evidence(&[votes.join(" ,\t")])).await);
    let reversed = [votes[1].clone(), votes[0].clone()];
    let invalid = r#"{"error":"evidence.invalid","verdict":"denied"}"#;
    assert_eq!(send(&service(), with_evidence(&reversed)).await.brief(), (403, invalid));
    let missing = r#"{"error":"evidence.missing","verdict":"denied"}"#;
    assert_eq!(send(&service(), with_evidence(&[])).await.brief(), (403, missing));
}

#[tokio::test]
async fn a_log_proof_arrives_and_is_judged_where_it_is_demanded() {
    let policy = Arc::new(countersign::tlog::LogPolicy::parse("quorum none").unwrap());
    let verifier = Arc::new(config(kit::executor()).demands_log_proof(policy).build().unwrap());
    let service = guarded(&layer_of(verifier, memory())).0;
    for proof in [None, Some(base64url(b"not a proof"))] {
        let mut asked = request(&token());
        if let Some(proof) = proof {
            asked.headers_mut().insert("countersign-log-proof", proof.parse().unwrap());
        }
        let refused = r#"{"error":"log.proof","verdict":"denied"}"#;
        assert_eq!(send(&service, asked).await.brief(), (403, refused));
    }
}

#[tokio::test]
async fn the_spelling_of_headers_that_proxies_change_does_not_matter() {
    let joined = format!("{}, {}", kit::issuer_certificate(), kit::sidecar_certificate());
    let asked = Request::put("/web")
        .header("Content-Type", "application/json; charset=\"UTF-8\"")
        .header("Countersign-Certificate", joined)
        .header("Authorization", format!("countersign {}", token()))
        .body(Full::<Bytes>::from(PARAMETERS))
        .unwrap();
    done(&send(&guarded(&layer()).0, asked).await);
}

/// A body may arrive in any number of pieces; trailers are not part of it.
#[tokio::test]
async fn a_body_in_pieces_is_one_body_and_its_trailers_are_dropped() {
    let pieces: Vec<_> = PARAMETERS.as_bytes().chunks(3).map(Bytes::from_static).map(Frame::data).collect();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-namespace", "kube-system".parse().unwrap());
    let frames = pieces.into_iter().chain([Frame::trailers(trailers)]).collect();
    let asked = request(&token()).map(|_| Pieces(frames));
    let (service, notes) = guarded(&layer());
    done(&send(&service, asked).await);
    assert_eq!(notes.take().pop().unwrap().body, PARAMETERS);
}

/// A body of these frames.
struct Pieces(VecDeque<Frame<Bytes>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

#[tokio::test]
async fn a_verifier_can_be_swapped_while_requests_are_served() {
    let strict = config(kit::executor()).requires_bundle().build().unwrap();
    let current: Arc<Mutex<Arc<Verifier>>> = Arc::new(Mutex::new(Arc::new(strict)));
    let reader = current.clone();
    let now = move || reader.lock().unwrap().clone();
    let layer = VerifyLayer::new(now, memory(), clock, JsonBody::new(scale));
    let (service, _) = guarded(&layer);
    let token = token();
    let undetermined = r#"{"error":"undetermined.bundle","verdict":"undetermined"}"#;
    assert_eq!(send(&service, request(&token)).await.brief(), (503, undetermined));
    *current.lock().unwrap() = super::verifier();
    done(&send(&service, request(&token)).await);
}

#[tokio::test]
async fn a_function_can_say_what_a_request_does() {
    let operation = |parts: &Parts, body: &Bytes| match (parts.method.as_str(), parts.uri.path()) {
        ("PUT", "/web") => Ok(Operation::from_json(ACTION, RESOURCE, body)?),
        _ => Err(NoOperation::Unknown),
    };
    let verifier = super::verifier();
    let layer = VerifyLayer::new(move || verifier.clone(), memory(), clock, operation);
    done(&send(&guarded(&layer).0, request(&token())).await);
}

/// What the service answers, or fails with, goes back as it is.
#[tokio::test]
async fn an_error_of_the_service_is_its_own() {
    #[derive(Debug, PartialEq)]
    struct Broken;
    let failing =
        tower::service_fn(|_: Request<Full<Bytes>>| async { Err::<http::Response<Full<Bytes>>, _>(Broken) });
    let service = layer().layer(failing);
    let error = tower::ServiceExt::oneshot(service, request(&token())).await.map(drop).unwrap_err();
    assert_eq!(error, Broken);
}
