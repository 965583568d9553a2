//! The protobuf messages and services of `countersign.v1`, as generated from `proto/`.
#![allow(missing_docs, unreachable_pub, reason = "generated; the comments are in the .proto files")]
#![allow(clippy::all, clippy::restriction, clippy::nursery, clippy::pedantic, reason = "generated")]

tonic::include_proto!("countersign.v1");

/// The descriptors of all services, for reflection.
#[cfg(feature = "server")]
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/countersign.v1.bin"));
