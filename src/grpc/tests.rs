//! What a service does with a call that goes wrong inside.

use super::*;
use core::convert::Infallible;
use core::task::{Context, Poll};
use http::{Request, Response};
use tonic::Code;
use tonic::body::Body;
use tonic::transport::Channel;

/// A service whose code is at fault.
#[derive(Clone)]
struct AtFault;

impl tonic::server::NamedService for AtFault {
    const NAME: &'static str = "test.AtFault";
}

impl tower::Service<Request<Body>> for AtFault {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = core::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        Box::pin(async { panic!("on purpose") })
    }
}

async fn call(channel: &Channel, path: &'static str) -> Code {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = http::uri::PathAndQuery::from_static(path);
    let answered = grpc.unary(tonic::Request::new(()), path, codec).await;
    answered.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_panics_is_no_answer_and_harms_no_other() {
    let (metrics, health) = (Arc::new(Metrics::new()), crate::health::Health::new());
    let ceiling = Arc::new(Ceiling::new(None, 850, 1));
    let around = Around { metrics, ceiling, phases: health.phases() };
    let mut listening = Listening::default();
    let address = listening.bind_tcp("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let served = tokio::spawn(serve(Routes::new(AtFault), &["test.AtFault"], listening, around));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    // More often than calls may be under way: what ends so is over.
    for _ in 0..3 {
        assert_ne!(call(&channel, "/test.AtFault/Call").await, Code::Ok);
        assert_eq!(call(&channel, "/grpc.health.v1.Health/Check").await, Code::Ok);
    }
    health.enter(Phase::Stopping);
    drop(channel);
    served.await.unwrap().unwrap();
}
