//! The messages of `countersign.v1.Fleet`, written down once more: what the service reads is compared with these.

use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EnrolRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) authority_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) authority_proof: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) log_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) log_proof: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(crate) trust_domain: String,
    #[prost(string, tag = "6")]
    pub(crate) version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EnrolResponse {
    #[prost(string, repeated, tag = "1")]
    pub(crate) authority_chain: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) log_chain: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) sidecar: String,
    #[prost(string, tag = "4")]
    pub(crate) origin: String,
    #[prost(message, optional, tag = "5")]
    pub(crate) agent: Option<FleetAgent>,
    #[prost(string, tag = "7")]
    pub(crate) cosigner: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FleetAgent {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) on_behalf_of: String,
    #[prost(string, repeated, tag = "3")]
    pub(crate) operators: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FollowRequest {
    #[prost(string, tag = "1")]
    pub(crate) policy: String,
    #[prost(string, tag = "2")]
    pub(crate) roster: String,
    #[prost(uint64, tag = "3")]
    pub(crate) neighbours_since: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FollowResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) rules: Option<Rules>,
    #[prost(message, optional, tag = "2")]
    pub(crate) suspensions: Option<Bytes>,
    #[prost(message, optional, tag = "3")]
    pub(crate) trust: Option<Trust>,
    #[prost(message, optional, tag = "4")]
    pub(crate) neighbours: Option<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub(crate) changed: Option<Texts>,
    #[prost(message, optional, tag = "6")]
    pub(crate) pulse: Option<Pulse>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Rules {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) policy: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) roster: Vec<u8>,
}

/// Of suspensions, and of neighbours with the place that these are all up to.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Bytes {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) all: Vec<Vec<u8>>,
    #[prost(uint64, tag = "2")]
    pub(crate) until: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Trust {
    #[prost(string, tag = "1")]
    pub(crate) bundle: String,
    #[prost(string, repeated, tag = "5")]
    pub(crate) revoked: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Texts {
    #[prost(string, repeated, tag = "1")]
    pub(crate) all: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Pulse {
    #[prost(uint64, tag = "1")]
    pub(crate) now_ms: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) until: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ShipRequest {
    #[prost(uint64, tag = "1")]
    pub(crate) first: u64,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(crate) leaves: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) values: Vec<ValueApart>,
    #[prost(string, tag = "4")]
    pub(crate) checkpoint: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ValueApart {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) digest: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) salt: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ShipResponse {
    #[prost(uint64, tag = "1")]
    pub(crate) size: u64,
    #[prost(string, tag = "2")]
    pub(crate) cosignature: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OpenRequest {
    #[prost(string, tag = "1")]
    pub(crate) txn: String,
    #[prost(string, tag = "2")]
    pub(crate) changed_in: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OpenResponse {
    #[prost(string, tag = "1")]
    pub(crate) escalation: String,
    #[prost(uint64, tag = "2")]
    pub(crate) decide_by_ms: u64,
    #[prost(string, tag = "3")]
    pub(crate) requirement: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetDocketRequest {
    #[prost(string, tag = "1")]
    pub(crate) escalation: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StepRequest {
    #[prost(string, tag = "1")]
    pub(crate) escalation: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) cancel: Option<Reason>,
    #[prost(message, optional, tag = "3")]
    pub(crate) claim: Option<Nothing>,
    #[prost(message, optional, tag = "5")]
    pub(crate) amend: Option<Amend>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Reason {
    #[prost(string, tag = "1")]
    pub(crate) reason: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Nothing {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Amend {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) amendment: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Docket {
    #[prost(string, tag = "1")]
    pub(crate) escalation: String,
    #[prost(string, tag = "2")]
    pub(crate) txn: String,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(crate) steps: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "4")]
    pub(crate) reasons: Vec<String>,
}

/// Calls a method.
pub(crate) async fn call<A, B>(channel: &Channel, method: &str, request: Request<A>) -> Result<B, Status>
where
    A: prost::Message + 'static,
    B: prost::Message + Default + 'static,
{
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(64 << 20);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = http::uri::PathAndQuery::try_from(format!("/countersign.v1.Fleet/{method}")).unwrap();
    Ok(grpc.unary(request, path, tonic_prost::ProstCodec::default()).await?.into_inner())
}

/// Follows.
pub(crate) async fn follow(
    channel: &Channel,
    request: Request<FollowRequest>,
) -> Result<Streaming<FollowResponse>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = http::uri::PathAndQuery::from_static("/countersign.v1.Fleet/Follow");
    Ok(grpc.server_streaming(request, path, tonic_prost::ProstCodec::default()).await?.into_inner())
}
