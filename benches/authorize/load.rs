//! A closed loop of unary calls with raw bytes, the empty service that is the floor, and what was measured.

use crate::stage::BEARER;
use bytes::{Buf as _, BufMut as _, Bytes};
use core::convert::Infallible;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use hyper_util::rt::TokioIo;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

/// Messages as the bytes they are: neither side spends time on protobuf.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// A service that answers every call with the same bytes and does nothing else.
#[derive(Clone)]
pub(crate) struct Empty(pub(crate) Bytes);

impl tonic::server::NamedService for Empty {
    const NAME: &'static str = "bench.Empty";
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<tonic::body::Body>, Infallible>> + Send>>;

impl tower::Service<http::Request<tonic::body::Body>> for Empty {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Answering {
        let reply = self.0.clone();
        Box::pin(async move {
            let answer = tower::service_fn(move |_: Request<Bytes>| {
                core::future::ready(Ok::<_, Status>(Response::new(reply.clone())))
            });
            Ok(tonic::server::Grpc::new(Raw).unary(answer, request).await)
        })
    }
}

impl Empty {
    /// Serves on a Unix socket and on a TCP port of its own, which it tells.
    pub(crate) async fn serve(self, socket: PathBuf) -> Place {
        let unix = UnixListenerStream::new(UnixListener::bind(socket).unwrap());
        tokio::spawn(Server::builder().add_service(self.clone()).serve_with_incoming(unix));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = Place::Tcp(format!("http://{}", listener.local_addr().unwrap()));
        let tcp = TcpIncoming::from(listener).with_nodelay(Some(true));
        tokio::spawn(Server::builder().add_service(self).serve_with_incoming(tcp));
        at
    }
}

/// Where a service listens.
#[derive(Clone)]
pub(crate) enum Place {
    Unix(PathBuf),
    Tcp(String),
}

impl Place {
    async fn connect(&self) -> Channel {
        match self {
            Self::Tcp(uri) => Endpoint::from_shared(uri.clone()).unwrap().connect().await.unwrap(),
            Self::Unix(path) => {
                let path = path.clone();
                let connector = tower::service_fn(move |_| {
                    let path = path.clone();
                    async move { UnixStream::connect(path).await.map(TokioIo::new) }
                });
                Endpoint::from_static("http://bench").connect_with_connector(connector).await.unwrap()
            }
        }
    }
}

/// Calls one method of one service over a few connections.
pub(crate) struct Caller {
    channels: Vec<Channel>,
    method: &'static str,
    bearer: Option<MetadataValue<Ascii>>,
    /// The request, and what goes before it in each call.
    request: Vec<u8>,
    prefix: Option<fn(&str) -> Vec<u8>>,
    accepts: fn(&[u8]) -> bool,
}

/// Numbers all calls, so that no request id comes twice.
static CALLS: AtomicU64 = AtomicU64::new(0);

impl Caller {
    pub(crate) async fn new(
        place: &Place,
        connections: usize,
        method: &'static str,
        request: Vec<u8>,
        accepts: fn(&[u8]) -> bool,
    ) -> Self {
        let mut channels = Vec::new();
        for _ in 0..connections {
            channels.push(place.connect().await);
        }
        let bearer = matches!(place, Place::Tcp(_)).then(|| format!("Bearer {BEARER}").parse().unwrap());
        Self { channels, method, bearer, request, prefix: None, accepts }
    }

    /// Puts something before each request, made from a text that no other call has.
    pub(crate) fn with_unique(mut self, prefix: fn(&str) -> Vec<u8>) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// One call.
    pub(crate) async fn call(&self, worker: usize) -> Bytes {
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut message =
            self.prefix.map_or_else(Vec::new, |prefix| prefix(&format!("request-{number:016}")));
        message.extend_from_slice(&self.request);
        let mut request = Request::new(Bytes::from(message));
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        let mut grpc = tonic::client::Grpc::new(self.channels[worker % self.channels.len()].clone());
        grpc.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static(self.method);
        let answer = grpc.unary(request, path, Raw).await.unwrap().into_inner();
        assert!((self.accepts)(&answer), "the answer is not the one that was expected");
        answer
    }

    /// Keeps `in_flight` calls under way for this long.
    pub(crate) async fn load(self: &Arc<Self>, in_flight: usize, lasting: Duration) -> Measured {
        let (begin, processor) = (Instant::now(), processor_time());
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..in_flight {
            let caller = self.clone();
            workers.spawn(async move {
                let mut took = Vec::new();
                while begin.elapsed() < lasting {
                    let start = Instant::now();
                    caller.call(worker).await;
                    took.push(start.elapsed());
                }
                took
            });
        }
        let took = workers.join_all().await.concat();
        Measured::of(took, begin.elapsed(), processor_time() - processor)
    }
}

/// The processor time that this process has taken so far, in steps of 10 ms.
pub(crate) fn processor_time() -> Duration {
    processor_time_of("self")
}

/// … or another one.
pub(crate) fn processor_time_of(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the program, which may have spaces, ends with the last parenthesis.
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Calls per second, and how long one took, in microseconds: by the clock, and of the processors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) processor: f64,
}

impl Measured {
    pub(crate) fn of(mut took: Vec<Duration>, elapsed: Duration, processor: Duration) -> Self {
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e6;
        let calls = took.len() as f64;
        Self {
            rate: calls / elapsed.as_secs_f64(),
            p50: at(50),
            p99: at(99),
            processor: processor.as_secs_f64() * 1e6 / calls,
        }
    }

    /// Each figure's median over the rounds.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| median(rounds.iter().map(part).collect());
        Self {
            rate: of(|round| round.rate),
            p50: of(|round| round.p50),
            p99: of(|round| round.p99),
            processor: of(|round| round.processor),
        }
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
