//! The endpoint: what it answers, and to whom it does not.

use crate::exposition::Exposition;
use crate::metrics::watched;
use crate::support::Service;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Sends these bytes and reads all of the answer: its status, its headers and its body.
pub(crate) async fn get(service: &Service, request: &str) -> (u16, String, String) {
    let mut stream = connect(service).await;
    // It may answer and close before all of a long request is sent.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head.to_lowercase(), body.to_owned())
}

async fn connect(service: &Service) -> TcpStream {
    let address = service.running.as_ref().unwrap().addresses().metrics.unwrap();
    TcpStream::connect(address).await.unwrap()
}

async fn ask(service: &Service, method: &str, path: &str) -> (u16, String, String) {
    get(service, &format!("{method} {path} HTTP/1.1\r\nhost: countersign\r\n\r\n")).await
}

pub(crate) async fn scrape(service: &Service) -> Exposition {
    let (status, head, body) = ask(service, "GET", "/metrics").await;
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    Exposition::read(&body)
}

#[tokio::test]
async fn it_answers_what_it_is_there_for_and_nothing_else() {
    let service = watched().await;
    assert_eq!(ask(&service, "GET", "/healthz").await.2, "alive\n");
    let (status, _, body) = ask(&service, "GET", "/readyz").await;
    assert_eq!((status, body.as_str()), (200, "ready\n"));
    assert_eq!(ask(&service, "GET", "/metrics?x=1").await.0, 200);
    for path in ["/", "/metrics/", "/Metrics", "//metrics", "/metrics/../etc/passwd", "/debug"] {
        assert_eq!(ask(&service, "GET", path).await.0, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let (status, head, _) = ask(&service, method, "/metrics").await;
        assert_eq!(status, 405, "{method}");
        assert!(head.contains("allow: get, head"), "{head}");
    }
    let (status, head, body) = ask(&service, "HEAD", "/metrics").await;
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(head.contains("content-length: "), "{head}");
}

#[tokio::test]
async fn strange_requests_are_refused_and_hurt_nobody() {
    let service = watched().await;
    let long = format!("GET /metrics HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
    assert!(matches!(get(&service, &long).await.0, 0 | 431), "too long");
    let many = format!("GET /metrics HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(1000));
    assert!(matches!(get(&service, &many).await.0, 0 | 400 | 431), "too many");
    assert_eq!(get(&service, "\0\0\0\r\n\r\n").await.0, 400);
    // Those who connect and say nothing take their places, and give them back.
    let mut silent = Vec::new();
    for _ in 0..15 {
        silent.push(connect(&service).await);
    }
    assert_eq!(ask(&service, "GET", "/healthz").await.0, 200);
    for _ in 0..60 {
        silent.push(connect(&service).await);
    }
    drop(silent);
    assert_eq!(ask(&service, "GET", "/healthz").await.0, 200);
}

#[tokio::test]
async fn a_service_that_was_told_no_address_tells_nothing() {
    let service = Service::start().await;
    assert_eq!(service.running.as_ref().unwrap().addresses().metrics, None);
}
