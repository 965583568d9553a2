//! The addresses and sockets that a service listens on, with TLS where it is configured.

use super::certificates::{Certificates, GRPC};
use super::{ServeFailed, failed};
use crate::config::Endpoint;
use crate::grpc::listen::Listening;
use std::net::SocketAddr;

/// Binds a service's endpoint; says where, if that is TCP.
pub(super) async fn bind(
    listening: &mut Listening,
    name: &'static str,
    endpoint: &Endpoint,
    certificates: &mut Certificates,
) -> Result<Option<SocketAddr>, ServeFailed> {
    if let Some(path) = &endpoint.socket {
        let mode = if endpoint.socket_for_everyone { 0o666 } else { 0o660 };
        listening
            .bind_socket(path, mode)
            .map_err(|error| failed(format!("cannot listen on `{}`: {error}", path.display())))?;
    }
    let Some(address) = endpoint.tcp else { return Ok(None) };
    let tls = endpoint.tls.as_ref().map(|tls| certificates.open(name, tls, GRPC)).transpose()?;
    listening.limit_age(endpoint.max_connection_age());
    let bound = listening.bind_tcp(address, tls).await;
    bound.map(Some).map_err(|error| failed(format!("cannot listen on {address}: {error}")))
}
