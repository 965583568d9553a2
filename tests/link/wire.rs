//! The messages and services, generated once more for the desk that the tests script.
#![allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
#![allow(clippy::all, clippy::restriction, clippy::nursery, clippy::pedantic, reason = "generated")]

tonic::include_proto!("countersign.v1");
