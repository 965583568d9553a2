//! The addresses and sockets that a service listens on, with TLS where it is configured.

use super::{ServeFailed, failed};
use crate::config::{Endpoint, Tls};
use crate::grpc::listen::Listening;
use std::net::SocketAddr;
use std::path::Path;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// Binds a service's endpoint; says where, if that is TCP.
pub(super) async fn bind(
    listening: &mut Listening,
    endpoint: &Endpoint,
) -> Result<Option<SocketAddr>, ServeFailed> {
    if let Some(path) = &endpoint.socket {
        let mode = if endpoint.socket_for_everyone { 0o666 } else { 0o660 };
        listening
            .bind_socket(path, mode)
            .map_err(|error| failed(format!("cannot listen on `{}`: {error}", path.display())))?;
    }
    let Some(address) = endpoint.tcp else { return Ok(None) };
    let tls = endpoint.tls.as_ref().map(tls).transpose()?;
    let bound = listening.bind_tcp(address, tls).await;
    bound.map(Some).map_err(|error| failed(format!("cannot listen on {address}: {error}")))
}

fn tls(tls: &Tls) -> Result<ServerTlsConfig, ServeFailed> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| failed(format!("cannot read `{}`: {error}", path.display())))
    };
    let key = read(&tls.key)?;
    crate::files::refuse_exposed(&tls.key).map_err(failed)?;
    let config = ServerTlsConfig::new().identity(Identity::from_pem(read(&tls.certificate)?, key));
    match &tls.client_authority {
        // Optional, so that a bearer token serves too; what a connection proves is judged for each call.
        Some(path) => {
            Ok(config.client_ca_root(Certificate::from_pem(read(path)?)).client_auth_optional(true))
        }
        None => Ok(config),
    }
}
