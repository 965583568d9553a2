//! Receipts of the executor's gate: one before the service is called, one after.

use super::{anchor, certificates, executor_key};
use crate::kit::{self, ACTION, ISSUED, NOW, PARAMETERS, RESOURCE, at};
use bytes::Bytes;
use countersign::executor::{JsonBody, RECEIPT, RECEIPT_CERTIFICATE, Receipts, Target, VerifyLayer};
use countersign::replay::memory::MemoryGuard;
use countersign::token::{ReceiptClaims, UseOutcome, VerifierConfig};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use std::io;
use std::sync::{Arc, Mutex};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// What was kept, in order.
type Kept = Arc<Mutex<Vec<ReceiptClaims>>>;

fn claims(receipt: &str, certificates: &[String]) -> ReceiptClaims {
    let certificates: Vec<&str> = certificates.iter().map(String::as_str).collect();
    ReceiptClaims::read(receipt, &certificates, &anchor(), |_| false, at(NOW)).unwrap()
}

fn layer(receipts: Receipts) -> VerifyLayer {
    let verifier = Arc::new(VerifierConfig::new(anchor(), kit::executor()).build().unwrap());
    let operation = JsonBody::new(|parts| {
        (parts.method == Method::PUT).then(|| Target { action: ACTION.into(), resource: RESOURCE.into() })
    });
    let guard = Arc::new(MemoryGuard::new(at(ISSUED - 60)));
    VerifyLayer::new(move || verifier.clone(), guard, || Some(at(NOW)), operation).receipts(receipts)
}

fn keeping(kept: &Kept) -> Receipts {
    let (key, kept) = (executor_key(), kept.clone());
    signing(move |message| Some(key.sign_bytes(message))).kept(move |_, receipt, certificates| {
        kept.lock().unwrap().push(claims(receipt, certificates));
        Ok(())
    })
}

fn signing(sign: impl Fn(&[u8]) -> Option<[u8; 64]> + Send + Sync + 'static) -> Receipts {
    Receipts::new(executor_key().public, certificates(), sign)
}

fn request() -> Request<Full<Bytes>> {
    let token = kit::mint(&kit::grant(), &kit::executor());
    Request::put("/web")
        .header("content-type", "application/json")
        .header("countersign-certificate", kit::issuer_certificate())
        .header("countersign-certificate", kit::sidecar_certificate())
        .header("authorization", format!("Countersign {token}"))
        .body(Full::from(PARAMETERS))
        .unwrap()
}

async fn answer(layer: &VerifyLayer, status: StatusCode) -> Response<String> {
    let service = layer.layer(service_fn(move |_| async move {
        let mut answer = Response::new(Full::<Bytes>::from("done"));
        *answer.status_mut() = status;
        // What a service says under this name is not the gate's.
        answer.headers_mut().insert(RECEIPT, "forged".parse().unwrap());
        Ok::<_, std::convert::Infallible>(answer)
    }));
    let (parts, body) = service.oneshot(request()).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_receipt_of_its_end_is_in_the_response_and_that_of_its_beginning_was_kept_before() {
    for (status, outcome) in
        [(StatusCode::OK, UseOutcome::Succeeded), (StatusCode::CONFLICT, UseOutcome::Failed)]
    {
        let kept = Kept::default();
        let answered = answer(&layer(keeping(&kept)), status).await;
        assert_eq!(answered.status(), status);
        let text =
            |name| answered.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned());
        let (receipts, certificates): (Vec<_>, Vec<_>) =
            (text(&RECEIPT).collect(), text(&RECEIPT_CERTIFICATE).collect());
        assert_eq!(receipts.len(), 1);
        let said = claims(&receipts[0], &certificates);
        assert_eq!((said.outcome, said.jti), (outcome, kit::grant().jti));
        let kept: Vec<_> = kept.lock().unwrap().iter().map(|claims| claims.outcome).collect();
        assert_eq!(kept, [UseOutcome::Unknown, outcome]);
    }
}

#[tokio::test]
async fn what_breaks_off_leaves_the_receipt_of_its_beginning() {
    let kept = Kept::default();
    let service = layer(keeping(&kept)).layer(service_fn(|_| async {
        std::future::pending::<Result<Response<Full<Bytes>>, std::convert::Infallible>>().await
    }));
    let mut call = Box::pin(service.oneshot(request()));
    assert!(futures_poll(&mut call).is_pending());
    drop(call);
    let kept = kept.lock().unwrap();
    assert_eq!(kept.iter().map(|claims| claims.outcome).collect::<Vec<_>>(), [UseOutcome::Unknown]);
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn without_a_receipt_of_its_beginning_nothing_is_done() {
    let key = executor_key();
    let broken = signing(move |message| Some(key.sign_bytes(message)))
        .kept(|_, _, _| Err(io::Error::from(io::ErrorKind::StorageFull)));
    for receipts in [broken, signing(|_| None)] {
        let answered = answer(&layer(receipts), StatusCode::OK).await;
        assert_eq!(answered.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answered.body(), r#"{"error":"undetermined.receipt","verdict":"undetermined"}"#);
        assert!(answered.headers().get(&RECEIPT).is_none());
    }
}
