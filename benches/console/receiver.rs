//! A webhook's receiver on loopback: it notes when a message was whole, and answers 204.

use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub(crate) struct Receiver {
    pub(crate) port: u16,
    received: mpsc::UnboundedReceiver<(Instant, String)>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tell = tell.clone();
                let answer = service_fn(move |request: Request<Incoming>| {
                    let tell = tell.clone();
                    async move {
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        drop(tell.send((Instant::now(), String::from_utf8_lossy(&body).into_owned())));
                        let answer = Response::builder().status(204).body(Empty::<Bytes>::new()).unwrap();
                        Ok::<_, Infallible>(answer)
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { port, received }
    }

    /// When the first message with this text in it was whole.
    pub(crate) async fn wait_for(&mut self, text: &str) -> Instant {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.received.recv()).await;
            let (at, body) = next.expect("no message came").unwrap();
            if body.contains(text) {
                return at;
            }
        }
    }

    /// How long a message of that size takes by itself, each over a new connection.
    pub(crate) async fn bare_posts(&mut self, times: u32) -> Vec<Duration> {
        let mut taken = Vec::new();
        for number in 0..times {
            let mark = format!("bare-{number}-");
            let body = format!("{mark}{}", "x".repeat(2000));
            let begin = Instant::now();
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let request =
                Request::post("/hook").header("host", "localhost").body(Full::new(Bytes::from(body)));
            sender.send_request(request.unwrap()).await.unwrap();
            taken.push(self.wait_for(&mark).await.duration_since(begin));
        }
        taken
    }
}
