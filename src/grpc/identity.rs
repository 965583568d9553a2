//! Who is calling: read from the connection and compared with the configuration, never from a message.

use crate::digest::sha256;
use crate::sidecar::Caller;
use std::collections::HashMap;
use std::net::SocketAddr;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo, UdsConnectInfo};
use tonic::{Extensions, Request, Status};

/// What a connection can prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// The peer's user id on a Unix socket, as the kernel tells it.
    Uid(u32),
    /// The SHA-256 of a bearer token.
    Bearer([u8; 32]),
    /// The SHA-256 of a client certificate that TLS accepted.
    Certificate([u8; 32]),
}

/// The agents that may call, by what their connections prove.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    /// Who proves what.
    pub known: HashMap<Proof, Caller>,
    /// Who a caller on loopback TCP without any proof is. Unsafe, and only there if the configuration says so.
    pub anyone_on_loopback: Option<Caller>,
}

impl Agents {
    /// Who makes this request.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if the connection proves nothing that is known.
    pub(crate) fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let proofs = proofs(request)?;
        if let Some(caller) = proofs.iter().find_map(|proof| self.known.get(proof)) {
            return Ok(caller.clone());
        }
        let on_loopback = peer_address(request.extensions()).is_some_and(|peer| peer.ip().is_loopback());
        match &self.anyone_on_loopback {
            // Whoever shows a wrong proof is not "anyone": a mistyped token must not pass as less.
            Some(caller) if on_loopback && proofs.is_empty() => Ok(caller.clone()),
            Some(_) | None => Err(unknown(&proofs)),
        }
    }
}

/// Who may open the reviewers' service.
#[derive(Clone, Debug, Default)]
pub struct Readers(pub Vec<Proof>);

impl Readers {
    /// Lets the request pass if its connection proves one of the known things.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if it does not.
    pub(crate) fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let proofs = proofs(request)?;
        match proofs.iter().any(|proof| self.0.contains(proof)) {
            true => Ok(()),
            false => Err(unknown(&proofs)),
        }
    }
}

/// The operators, by what their connections prove, with the names that the record has for them.
#[derive(Clone, Debug, Default)]
pub struct Operators(pub Vec<(Proof, String)>);

impl Operators {
    /// Who makes this request.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` if its connection proves something that no operator has, `UNAUTHENTICATED` if nothing.
    pub(crate) fn admit<T>(&self, request: &Request<T>) -> Result<String, Status> {
        let proofs = proofs(request)?;
        let known = self.0.iter().find(|(proof, _)| proofs.contains(proof));
        match (known, proofs.as_slice()) {
            (Some((_, name)), _) => Ok(name.clone()),
            (None, []) => Err(unknown(&proofs)),
            (None, [Proof::Uid(uid), ..]) => Err(Status::permission_denied(format!(
                "uid {uid} is not under `operators` in the configuration"
            ))),
            (None, [Proof::Bearer(_) | Proof::Certificate(_), ..]) => Err(Status::permission_denied(
                "this credential is not under `operators` in the configuration",
            )),
        }
    }
}

fn unknown(proofs: &[Proof]) -> Status {
    let seen = match proofs {
        [] => {
            "the connection proves no identity: use the Unix socket, a bearer token or a client certificate"
        }
        [Proof::Uid(uid), ..] => {
            return Status::unauthenticated(format!("no agent or reviewer has uid {uid}"));
        }
        [Proof::Bearer(_), ..] => "the bearer token is not known",
        [Proof::Certificate(_), ..] => "the client certificate is not known",
    };
    Status::unauthenticated(seen)
}

fn proofs<T>(request: &Request<T>) -> Result<Vec<Proof>, Status> {
    let mut proofs = Vec::new();
    if let Some(header) = request.metadata().get("authorization") {
        let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| Status::unauthenticated("`authorization` is not `Bearer …`"))?;
        proofs.push(Proof::Bearer(sha256(&[token.as_bytes()])));
    }
    let extensions = request.extensions();
    if let Some(peer) = extensions.get::<UdsConnectInfo>().and_then(|info| info.peer_cred) {
        proofs.push(Proof::Uid(peer.uid()));
    }
    if let Some(tls) = extensions.get::<TlsConnectInfo<TcpConnectInfo>>() {
        let chain = tls.peer_certs().unwrap_or_default();
        proofs.extend(chain.first().map(|leaf| Proof::Certificate(sha256(&[leaf.as_ref()]))));
    }
    Ok(proofs)
}

fn peer_address(extensions: &Extensions) -> Option<SocketAddr> {
    let plain = extensions.get::<TcpConnectInfo>();
    plain
        .or_else(|| extensions.get::<TlsConnectInfo<TcpConnectInfo>>().map(TlsConnectInfo::get_ref))?
        .remote_addr()
}
