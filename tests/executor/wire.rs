//! The gate behind a real HTTP server, spoken to in raw bytes.

use super::{Notes, guarded, layer, token};
use crate::kit::{self, PARAMETERS};
use countersign::executor::{Inline, Verify};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn serve(service: Verify<Notes, Inline>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// Sends these bytes and nothing after them; what comes back until the server closes.
async fn exchange(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn head(token: &str, more: &str) -> String {
    let (issuer, sidecar) = (kit::issuer_certificate(), kit::sidecar_certificate());
    format!(
        "PUT /web HTTP/1.1\r\nhost: exec\r\ncontent-type: application/json\r\nauthorization: Countersign {token}\r\n\
         countersign-certificate: {issuer}\r\ncountersign-certificate: {sidecar}\r\n{more}\r\n\r\n"
    )
}

#[tokio::test]
async fn chunks_come_through_as_one_body_and_what_is_no_whole_body_does_not() {
    let (service, notes) = guarded(&layer().body_limit(1000));
    let address = serve(service).await;
    let token = token();
    let (first, second) = PARAMETERS.split_at(7);
    let whole = format!(
        "{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\nx-namespace: other\r\n\r\n",
        first.len(),
        second.len()
    );
    let chunked = head(&token, "transfer-encoding: chunked\r\ntrailer: x-namespace");

    // Announced as too large: refused although not one byte of it was sent.
    let answer = exchange(address, &head(&token, "content-length: 1001")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with(r#"{"error":"body.too_large","verdict":"denied"}"#), "{answer}");
    // Broken off, by length and by chunk.
    let length = format!("content-length: {}", PARAMETERS.len() + 1);
    let (half, _) = whole.split_at(whole.len() / 2);
    for broken in [head(&token, &length) + PARAMETERS, chunked.clone() + half] {
        let answer = exchange(address, &broken).await;
        assert!(!answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert!(notes.take().is_empty());

    let answer = exchange(address, &(chunked.clone() + &whole)).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("done"), "{answer}");
    let noted = notes.take().pop().unwrap();
    assert_eq!(noted.body, PARAMETERS);
    assert_eq!(noted.parts.headers["content-length"], PARAMETERS.len().to_string());
    assert!(!noted.parts.headers.contains_key("transfer-encoding"));

    let answer = exchange(address, &(chunked + &whole)).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.ends_with(r#"{"error":"replay","verdict":"denied"}"#), "{answer}");
}

#[tokio::test]
async fn a_request_without_a_token_is_asked_for_one() {
    let (service, notes) = guarded(&layer());
    let address = serve(service).await;
    let answer = exchange(address, "PUT /web HTTP/1.1\r\nhost: exec\r\ncontent-length: 2\r\n\r\n{}").await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("\r\nwww-authenticate: Countersign\r\n"), "{answer}");
    assert!(notes.take().is_empty());
}
