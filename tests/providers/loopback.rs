//! A service on loopback that keeps what it is sent and answers what it is told to.

use bytes::Bytes;
use countersign::notify::http::{Http, Reach};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered to everything from now on.
#[derive(Clone, Debug)]
pub(crate) struct Says {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<&'static str>,
    pub(crate) body: String,
}

pub(crate) struct Loopback {
    pub(crate) url: String,
    sent: Arc<Mutex<Vec<Sent>>>,
    says: Arc<Mutex<Says>>,
    came: Arc<Notify>,
}

impl Loopback {
    pub(crate) async fn saying(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let says = Says { status, retry_after: None, body: body.to_owned() };
        let (sent, says) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(says)));
        let came = Arc::new(Notify::new());
        let (keep, speak, tell) = (sent.clone(), says.clone(), came.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (keep, speak, tell) = (keep.clone(), speak.clone(), tell.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (keep, speak, tell) = (keep.clone(), speak.clone(), tell.clone());
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes().to_vec();
                        let path = parts.uri.path_and_query().unwrap().to_string();
                        let method = parts.method.to_string();
                        keep.lock().unwrap().push(Sent { method, path, headers: parts.headers, body });
                        tell.notify_waiters();
                        let says = speak.lock().unwrap().clone();
                        let mut response = Response::builder().status(says.status);
                        if let Some(seconds) = says.retry_after {
                            response = response.header("retry-after", seconds);
                        }
                        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(says.body))).unwrap())
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { url, sent, says, came }
    }

    pub(crate) fn say(&self, status: u16, retry_after: Option<&'static str>, body: &str) {
        *self.says.lock().unwrap() = Says { status, retry_after, body: body.to_owned() };
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// The first of all that was sent or will be of which this is so.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(&Sent) -> bool) -> Sent {
        let waiting = async {
            loop {
                let came = self.came.notified();
                tokio::pin!(came);
                came.as_mut().enable();
                if let Some(found) = self.sent().into_iter().find(&wanted) {
                    return found;
                }
                came.await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        found.unwrap_or_else(|_| panic!("it was not sent: {:?}", self.sent()))
    }

    pub(crate) fn last(&self) -> Sent {
        self.sent().pop().expect("nothing was sent")
    }
}

/// Speaks HTTP with this machine.
pub(crate) fn http() -> Http {
    Http::new(Reach { loopback: true, private: false }, Duration::from_secs(10), None).unwrap()
}
